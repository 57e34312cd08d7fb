//! Checks rules: their events, their steps, and other rules.

mod mailboxes;
mod replies;
mod state;
mod steps;

pub(super) use mailboxes::logins;
pub(super) use state::state;

use crate::base::{nearest, unknown_word};
use crate::document::{Location, Node, Reader};
use crate::protocol::smtp::parameter_keywords;
use crate::protocol::{Event, RequestField};
use crate::rule::{Condition, FIELDS, Field, Name, On, Per, Rule, Template, Test, Timed, no_answer};

/// Checks the rules of one file, the outermost first. `messages` are the ids that steps can name.
pub(super) fn rules(reader: &mut Reader, rules: &[(Rule, Node)], messages: &[String]) {
    for (i, (rule, node)) in rules.iter().enumerate() {
        self::rule(reader, rule, node, rules[..i].iter().map(|(rule, _)| rule).collect::<Vec<_>>().as_slice());
        self::messages(reader, rule, node, messages);
    }
}

/// Checks whether the messages that a rule delivers or sends are among these.
pub(super) fn messages(reader: &mut Reader, rule: &Rule, node: &Node, there: &[String]) {
    let known: Vec<&str> = there.iter().map(String::as_str).collect();
    for (timed, at) in located(rule, node) {
        for id in timed.step.messages().into_iter().filter(|id| !known.contains(id)) {
            reader.unknown(&at, "message", id, &known);
        }
    }
}

/// Checks one rule that is inside others.
pub(super) fn rule(reader: &mut Reader, rule: &Rule, node: &Node, outer: &[&Rule]) {
    let events: Vec<Event> = rule.on.iter().flat_map(|on| on.events.iter().copied()).collect();
    let is_repeated = repeats(reader, rule, node, outer);
    for condition in &rule.when {
        if condition.field == Field::Outcome {
            let message = "`outcome` is not known until the request has been answered, so a rule cannot use it";
            reader.wrong_help(&place(node, "when"), message, "use it in `[[expect]]`");
        } else {
            exists(reader, condition, ("on", &rule.on), &place(node, "when"));
        }
    }
    if rule.is_on(Event::Timer) && rule.moments().is_empty() {
        let message = "a rule on `timer` needs the condition `at`";
        reader.wrong_help(
            &place(node, "when"),
            message,
            "write `when = { at = \"10s\" }`, or several times as `{ any = [\"10s\", \"20s\"] }`",
        );
    }
    if rule.holds.is_some() {
        for on in &rule.on {
            let whys: Vec<_> = on.events.iter().map(|event| no_answer(*event)).collect();
            if let Some(Some(why)) = whys.first().filter(|_| whys.iter().all(Option::is_some)) {
                reader.wrong_help(&place(node, "on"), format!("a closure cannot decide at `{}`", on.written), *why);
            }
        }
    }
    steps::steps(reader, rule, node);
    mailboxes::names(reader, rule, node);
    templates(reader, rule, node, &events);
    replies::replies(reader, rule, node, &events);
    if let Some(shadow) = outer.iter().find(|its| its.shadows(rule)).filter(|_| !is_repeated) {
        let how = if shadow.always_fires() { "always answers" } else { "answers under the same conditions" };
        let message = format!("this rule is never reached: `{}` {how} and does not pass", shadow.id);
        reader.wrong_help(&place(node, "on"), message, format!("add a condition or a `pass` to `{}`", shadow.id));
    }
    let holds = rule.all_steps().iter().any(|timed| timed.step.kind().name == "hold");
    let paces = |its: &&&Rule| {
        its.steps.iter().any(|timed| timed.step.kind().name == "pace") && its.always_fires() && its.covers(rule)
    };
    if let Some(outer) = outer.iter().find(paces).filter(|_| holds) {
        reader.warn(
            &place(node, "do"),
            format!("`hold` has no effect here: the `pace` of the outer rule `{}` splits the output again", outer.id),
        );
    }
}

/// Checks whether the field of a condition exists at the events. `key` is the key that names them.
pub(super) fn exists(reader: &mut Reader, condition: &Condition, (key, on): (&str, &[On]), at: &Location) {
    let (name, test) = (condition.field.name(), &condition.test);
    for On { written, events, .. } in on {
        let with: Vec<String> = events
            .iter()
            .filter(|event| condition.field.exists_at(**event))
            .map(|event| format!("\"{event}\""))
            .collect();
        let without = events.iter().find(|event| !condition.field.exists_at(**event));
        if with.is_empty() {
            reader.wrong(at, format!("the field `{name}` does not exist at `{written}`"));
        } else if let Some(without) = without.filter(|_| condition.holds(None)) {
            let message =
                format!("`{name} = {test}` also holds at `{without}`, where the field `{name}` does not exist");
            reader.wrong_help(at, message, format!("write `{key} = [{}]`", with.join(", ")));
        }
    }
}

/// Records an error if this rule repeats an earlier one or has its name. Returns whether it repeats one.
fn repeats(reader: &mut Reader, rule: &Rule, node: &Node, outer: &[&Rule]) -> bool {
    let same = |its: &&&Rule| {
        let same_events = its.on == rule.on && its.when == rule.when;
        let same_matches = its.nth == rule.nth && its.per == rule.per && its.chance == rule.chance;
        same_events && same_matches && its.steps == rule.steps
    };
    if let Some(earlier) = outer.iter().find(same) {
        let message = format!("this rule repeats the rule `{}` at {}", earlier.id, earlier.origin);
        reader.wrong_help(&node.place, message, "remove one of them");
        return true;
    }
    if outer.iter().any(|its| its.id == rule.id) {
        reader.wrong(&place(node, "id"), format!("there is already a rule `{}`", rule.id));
    }
    false
}

fn templates(reader: &mut Reader, rule: &Rule, node: &Node, events: &[Event]) {
    let mut groups: Vec<Box<str>> = Vec::new();
    for condition in &rule.when {
        gather(&condition.test, &mut groups);
    }
    for timed in rule.all_steps() {
        groups.extend(timed.step.awaited().into_iter().flat_map(|awaited| awaited.pattern.group_names()));
    }
    let parameters: Vec<String> = reader.params.iter().map(|(name, _)| name.clone()).collect();
    let mut wrong = Vec::new();
    let mut check = |name: &Name, at: Location| match name {
        Name::Group(group) if !groups.contains(group) => {
            let known: Vec<String> = FIELDS.iter().map(|(name, ..)| (*name).to_owned()).collect();
            let known = known.iter().map(String::as_str).chain(groups.iter().map(|group| &**group));
            wrong.push((
                at,
                format!("`{{{group}}}` is neither a field nor a named group of this rule"),
                nearest(group, known),
            ));
        }
        // `{param.x}` that the scenario does not have can only be a parameter of MAIL or RCPT.
        Name::Field(Field::Request(RequestField::Parameter(name)))
            if !parameter_keywords().any(|known| known.eq_ignore_ascii_case(name)) =>
        {
            let keywords = parameter_keywords().map(|keyword| -> &str { keyword });
            let known: Vec<&str> = parameters.iter().map(String::as_str).chain(keywords).collect();
            let (message, help) = unknown_word("parameter", name, &known);
            wrong.push((at, message, Some(help)));
        }
        Name::Field(field) if *field == Field::Outcome || !events.iter().any(|event| field.exists_at(*event)) => {
            wrong.push((at, format!("the field `{}` does not exist at this event", field.name()), None));
        }
        Name::Group(_) | Name::Field(_) => {}
    };
    for (timed, at) in located(rule, node) {
        let own = timed.step.groups();
        for name in timed.step.templates().into_iter().flat_map(Template::names) {
            if !own.contains(&name.written()) {
                check(name, at.clone());
            }
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
        Test::Exactly(_) | Test::Number(..) | Test::Truth(_) | Test::Not(_) => {}
    }
}

/// The location of a key of the rule, or of the rule.
fn place(node: &Node, key: &str) -> Location {
    entry(Some(node), key).unwrap_or(node).place.clone()
}

/// The steps of a rule, those of `else` included, each with its location.
fn located<'r>(rule: &'r Rule, node: &Node) -> Vec<(&'r Timed, Location)> {
    let mut located = Vec::new();
    locate(&rule.steps, entry(Some(node), "do"), &node.place, &mut located);
    located
}

/// Adds these steps. `rule` is the location of those that have no document.
fn locate<'r>(steps: &'r [Timed], node: Option<&Node>, rule: &Location, located: &mut Vec<(&'r Timed, Location)>) {
    let nodes = node.map_or(&[][..], Node::items);
    for (i, timed) in steps.iter().enumerate() {
        let node = nodes.get(i);
        located.push((timed, node.map_or(rule, |node| &node.place).clone()));
        if let Some(otherwise) = timed.step.awaited().and_then(|awaited| awaited.otherwise) {
            locate(otherwise, entry(entry(node, "await"), "else"), rule, located);
        }
    }
}

fn entry<'n>(node: Option<&'n Node>, key: &str) -> Option<&'n Node> {
    let entries = node.and_then(Node::entries).unwrap_or_default();
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}
