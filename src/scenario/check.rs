//! What a rule may say at which event.

use super::node::Node;
use super::problem::{Place, nearest};
use super::read::Reader;
use super::steps::is_world;
use crate::protocol::Event;
use crate::rule::*;

/// Where something happens: events of one kind allow the same steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A connection, before anything is said.
    Accept,
    Hello,
    /// TLS is there.
    Secured,
    /// Nothing can be changed any more.
    Over,
    /// Something changed in the world.
    World,
    /// A request of a protocol.
    Request,
    /// A protocol says something unasked.
    Unasked,
}

impl Stage {
    fn of(event: Event) -> Self {
        match event {
            Event::TcpAccept => Self::Accept,
            Event::TlsHello => Self::Hello,
            Event::TlsDone => Self::Secured,
            Event::TcpClose | Event::TlsFailed | Event::TcpSay => Self::Over,
            Event::MailDelivered | Event::StateChanged | Event::Timer => Self::World,
            event if event.is_unasked() => Self::Unasked,
            _ => Self::Request,
        }
    }
}

/// The protocol of an event; none for what belongs to none.
fn protocol(event: Event) -> Option<&'static str> {
    let (protocol, _) = event.name().split_once('.')?;
    matches!(protocol, "smtp" | "imap" | "pop3").then_some(protocol)
}

/// What has to be said where no session is.
const NOBODY: &str = "nobody is logged in at this event: name one with `user`";

/// Why a step is impossible at an event.
fn objection(step: &Step, event: Event) -> Option<&'static str> {
    let stage = Stage::of(event);
    let speaks = !matches!(stage, Stage::Over | Stage::World);
    let is_protocol = matches!(stage, Stage::Request | Stage::Unasked);
    let said = |possible: bool, why| (!possible).then_some(why);
    match step {
        Step::Set(all) => said(
            stage != Stage::World || all.iter().all(|(variable, _)| !variable.is_session),
            "there is no session at this event, so a variable is the scenario's: `state.x`, or `x`",
        ),
        Step::Note(_) | Step::Fail(_) | Step::Kick { .. } | Step::Listen(_) => None,
        Step::Mailbox(MailboxChange { user, .. }) => said(user.is_some() || event != Event::Timer, NOBODY),
        Step::Pass(Pass::Loud) => None,
        Step::Pass(_) | Step::Reply(_) => said(is_protocol, "there is no reply at this event"),
        Step::Caps(_) => said(is_protocol, "nothing is announced at this event"),
        Step::Await(_) => said(is_protocol && event != Event::ImapPush, "the client is not heard at this event"),
        Step::Raw(_) | Step::Wait(_) | Step::Stall(_) | Step::Close(_) | Step::Read(_) | Step::Shape(_) => {
            said(speaks, "nothing is said at this event")
        }
        Step::Tls(_) => said(event == Event::TlsHello, "it answers a ClientHello, so it stands at `tls.hello`"),
        Step::Data(Data::Item { .. } | Data::Literal(_)) => said(
            matches!(event, Event::ImapFetch | Event::ImapFetchItem),
            "it changes what FETCH answers, so it stands at `imap.fetch.item` or `imap.fetch`",
        ),
        Step::Data(Data::Listing { .. }) => said(
            matches!(event, Event::Pop3List | Event::Pop3Uidl),
            "it changes a listing, so it stands at `pop3.list` or `pop3.uidl`",
        ),
        Step::Data(Data::Code { .. }) => {
            said(protocol(event) == Some("imap"), "response codes are IMAP's, so it stands at an event of `imap`")
        }
        Step::Deliver(Deliver::Lost | Deliver::Into { message: None, .. }) => said(
            event == Event::SmtpMessage,
            "without a `message` it is about the one that is accepted, so it stands at `smtp.message`",
        ),
        Step::Deliver(Deliver::Into { user, .. }) => said(user.is_some() || event != Event::Timer, NOBODY),
        Step::Expunge { which, .. } | Step::Flag { which, .. } if which.user.is_none() && event == Event::Timer => {
            Some(NOBODY)
        }
        Step::Expunge { which, .. } | Step::Flag { which, .. } => said(
            which.mailbox.is_some() || protocol(event) == Some("imap") || event == Event::MailDelivered,
            "no mailbox is selected at this event: name one with `mailbox`",
        ),
    }
}

/// Checks the rules of one file, the outermost first. `messages` are the names that may be delivered.
pub(super) fn rules(reader: &mut Reader, rules: &[(Rule, Node)], messages: &[String]) {
    for (i, (rule, node)) in rules.iter().enumerate() {
        self::rule(reader, rule, node, rules[..i].iter().map(|(rule, _)| rule).collect::<Vec<_>>().as_slice());
        for timed in &rule.steps {
            if let Step::Deliver(Deliver::Into { message: Some(id), .. }) = &timed.step
                && !messages.iter().any(|its| **its == **id)
            {
                let known: Vec<&str> = messages.iter().map(String::as_str).collect();
                reader.unknown(&place(node, "do"), "message", id, &known);
            }
        }
    }
}

/// Checks one rule that stands inside of others.
pub(super) fn rule(reader: &mut Reader, rule: &Rule, node: &Node, outer: &[&Rule]) {
    let events: Vec<Event> = rule.on.iter().flat_map(|on| on.events.iter().copied()).collect();
    if outer.iter().any(|its| its.id == rule.id) {
        reader.wrong(&place(node, "id"), format!("there is a rule `{}` already", rule.id));
    }
    for condition in &rule.when {
        for on in &rule.on {
            if condition.field == Field::Outcome {
                let message = "`outcome` is known when all is over, too late for a rule";
                reader.wrong_help(&place(node, "when"), message, "it stands in `[[expect]]`");
            } else if !on.events.iter().any(|event| condition.field.exists_at(*event)) {
                let name = condition.field.name();
                reader.wrong(&place(node, "when"), format!("there is no `{name}` at `{}`", on.written));
            }
        }
    }
    if rule.is_on(Event::Timer) && rule.moments().is_empty() {
        let message = "a rule at `timer` says when that is";
        reader.wrong_help(
            &place(node, "when"),
            message,
            "write `when = { at = \"10s\" }`, or several as `{ any = [\"10s\", \"20s\"] }`",
        );
    }
    steps(reader, rule, node);
    templates(reader, rule, node, &events);
    replies(reader, rule, node, &events);
    let always = |its: &Rule| its.when.is_empty() && its.nth.is_none() && its.chance.is_none();
    let covers = |its: &Rule| !events.is_empty() && events.iter().all(|event| its.is_on(*event));
    if let Some(shadow) = outer.iter().find(|its| always(its) && !its.passes() && covers(its)) {
        let message = format!("this rule is never reached: `{}` always answers and does not pass", shadow.id);
        reader.wrong_help(&place(node, "on"), message, "give it a condition, or a `pass`");
    }
    let holds = rule.steps.iter().any(|timed| matches!(timed.step, Step::Shape(Shape::Hold)));
    let paces = |its: &&&Rule| {
        its.steps.iter().any(|timed| matches!(timed.step, Step::Shape(Shape::Pace { .. })))
            && always(its)
            && covers(its)
    };
    if let Some(outer) = outer.iter().find(paces).filter(|_| holds) {
        reader.warn(&place(node, "do"), format!("what is held here is cut up again by the pace of `{}`", outer.id));
    }
}

fn steps(reader: &mut Reader, rule: &Rule, node: &Node) {
    let mut waited = false;
    for (i, timed) in rule.steps.iter().enumerate() {
        let at = step_place(node, i);
        let step = &timed.step;
        for on in &rule.on {
            if let Some(why) = on.events.first().and_then(|event| objection(step, *event))
                && on.events.iter().all(|event| objection(step, *event).is_some())
            {
                reader.wrong_help(&at, format!("`{}` is impossible at `{}`", step.name(), on.written), why);
            }
        }
        waited |= matches!(step, Step::Wait(_));
        if waited && is_world(step) && timed.after.is_none() {
            let message = format!("`{}` takes effect at once, whatever is waited for before", step.name());
            reader.wrong_help(&at, message, "did you mean `after = …`?");
        }
    }
    let passes = rule.steps.iter().filter(|timed| matches!(timed.step, Step::Pass(_))).count();
    if passes > 1 {
        reader.wrong(&place(node, "do"), "what is inside happens once: `pass` stands once in a rule");
    }
}

fn templates(reader: &mut Reader, rule: &Rule, node: &Node, events: &[Event]) {
    let mut groups: Vec<Box<str>> = Vec::new();
    for condition in &rule.when {
        gather(&condition.test, &mut groups);
    }
    for timed in &rule.steps {
        if let Step::Await(pattern) = &timed.step {
            groups.extend(pattern.group_names());
        }
    }
    let mut wrong = Vec::new();
    let mut check = |name: &Name, at: Place| match name {
        Name::Group(group) if !groups.contains(group) => {
            let known: Vec<String> = FIELDS.iter().map(|(name, ..)| (*name).to_owned()).collect();
            let known = known.iter().map(String::as_str).chain(groups.iter().map(|group| &**group));
            wrong.push((
                at,
                format!("`{{{group}}}` is neither a field nor a group of this rule"),
                nearest(group, known),
            ));
        }
        Name::Field(field) if *field == Field::Outcome || !events.iter().any(|event| field.exists_at(*event)) => {
            wrong.push((at, format!("there is no `{}` at this event", field.name()), None));
        }
        _ => {}
    };
    for (i, timed) in rule.steps.iter().enumerate() {
        for name in timed.step.templates().into_iter().flat_map(Template::names) {
            check(name, step_place(node, i));
        }
    }
    if let Per::Key(key) = &rule.per {
        key.names().for_each(|name| check(name, place(node, "per")));
    }
    for (at, message, help) in wrong {
        match help {
            Some(help) => reader.wrong_help(&at, message, help),
            None => reader.wrong(&at, message),
        }
    }
}

fn gather(test: &Test, groups: &mut Vec<Box<str>>) {
    match test {
        Test::Text(pattern) => groups.extend(pattern.group_names()),
        Test::Any(tests) | Test::All(tests) => tests.iter().for_each(|test| gather(test, groups)),
        _ => {}
    }
}

/// Replies have the form of their protocol.
fn replies(reader: &mut Reader, rule: &Rule, node: &Node, events: &[Event]) {
    let mut protocols: Vec<&str> = events.iter().filter_map(|event| protocol(*event)).collect();
    protocols.sort_unstable();
    protocols.dedup();
    for (i, timed) in rule.steps.iter().enumerate() {
        let lines: Vec<&str> = match &timed.step {
            Step::Reply(lines) => lines.iter().map(Template::written).collect(),
            Step::Pass(Pass::Status(line)) => vec![line.written()],
            _ => continue,
        };
        let at = step_place(node, i);
        for protocol in &protocols {
            if let Some((message, help)) = malformed(protocol, &lines) {
                reader.wrong_help(&at, message, help);
            }
        }
        let asks = |line: &&&str| {
            line.starts_with("354") || line.starts_with("334") || line.starts_with('+') && !line.starts_with("+OK")
        };
        let goes_on =
            rule.steps.iter().any(|timed| matches!(timed.step, Step::Pass(_) | Step::Await(_) | Step::Stall(_)));
        if lines.iter().any(|line| asks(&line)) && !goes_on {
            reader
                .warn(&at, "the client is asked to go on, and nothing hears it: `pass`, `await` or `stall` is missing");
        }
    }
}

fn malformed(protocol: &str, lines: &[&str]) -> Option<(String, &'static str)> {
    let is_named = |line: &str| line.starts_with('{');
    match protocol {
        "smtp" => {
            let code = |line: &str| {
                let digits: Vec<u8> = line.bytes().take(3).collect();
                (digits.len() == 3 && digits.iter().all(u8::is_ascii_digit)).then_some(digits)
            };
            let bad = lines.iter().find(|line| !is_named(line) && code(line).is_none());
            if let Some(bad) = bad {
                return Some((
                    format!("`{bad}` begins with no code of three digits"),
                    "octets as they are go with `raw`",
                ));
            }
            let mut codes = lines.iter().filter_map(|line| code(line));
            let first = codes.next();
            codes
                .any(|code| Some(code) != first)
                .then(|| ("the lines of one SMTP reply have one code".to_owned(), "octets as they are go with `raw`"))
        }
        "imap" => {
            let fits = |line: &str| {
                let word = line.split(' ').next().unwrap_or_default();
                matches!(word, "OK" | "NO" | "BAD" | "BYE" | "PREAUTH" | "*" | "+") || is_named(line)
            };
            let bad = lines.iter().find(|line| !fits(line));
            bad.map(|bad| {
                (
                    format!("`{bad}` is no response of IMAP"),
                    "it begins with OK, NO, BAD, `* ` or `+ `; the tag is added",
                )
            })
        }
        _ => {
            let first = lines.first()?;
            let fits =
                first.starts_with("+OK") || first.starts_with("-ERR") || first.starts_with("+ ") || is_named(first);
            (!fits).then(|| (format!("`{first}` is no response of POP3"), "it begins with +OK or -ERR"))
        }
    }
}

/// Where a key of the rule stands, or the rule.
fn place(node: &Node, key: &str) -> Place {
    let entries = node.entries().unwrap_or_default();
    entries.iter().find(|entry| entry.key == key).map_or(node.place.clone(), |entry| entry.value.place.clone())
}

/// Where the n-th step stands.
fn step_place(node: &Node, n: usize) -> Place {
    let entries = node.entries().unwrap_or_default();
    let steps = entries.iter().find(|entry| entry.key == "do");
    steps.and_then(|entry| entry.value.items().get(n)).map_or(node.place.clone(), |step| step.place.clone())
}
