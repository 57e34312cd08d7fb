//! Whether each step of a rule can do something: at its events, in its place among the others.

use super::possible::{is_spoken, objection};
use super::{place, step_place};
use crate::document::{Node, Reader};
use crate::protocol::CapabilityOverride;
use crate::rule::*;

pub(super) fn steps(reader: &mut Reader, rule: &Rule, node: &Node) {
    let mut waited = false;
    for (i, timed) in rule.steps.iter().enumerate() {
        let at = step_place(node, i);
        let step = &timed.step;
        let mut is_possible = true;
        for on in &rule.on {
            if let Some(why) = on.events.first().and_then(|event| objection(step, *event))
                && on.events.iter().all(|event| objection(step, *event).is_some())
            {
                is_possible = false;
                reader.wrong_help(&at, format!("`{}` is impossible at `{}`", step.name(), on.written), why);
            }
        }
        waited |= matches!(step, Step::Wait(_));
        if timed.after.is_some() && !step.may_come_later() {
            let message = format!("`{}` shapes this exchange; it cannot come later", step.name());
            reader.wrong_help(&at, message, "leave out `after`");
        }
        if waited && step.is_world() && step.may_come_later() && timed.after.is_none() {
            let message = format!("`{}` takes effect at once, whatever is waited for before", step.name());
            reader.wrong_help(&at, message, "did you mean `after = …`?");
        }
        let is_spoken = rule.on.iter().flat_map(|on| &on.events).any(|event| is_spoken(*event));
        let useless = pointless(step).or_else(|| misplaced(rule, i, is_spoken));
        if let Some((message, help)) = useless.filter(|_| is_possible) {
            reader.wrong_help(&at, message, help);
        }
    }
    let passes = rule.steps.iter().filter(|timed| matches!(timed.step, Step::Pass(_))).count();
    if passes > 1 {
        reader.wrong(&place(node, "do"), "what is inside happens once: `pass` stands once in a rule");
    }
}

/// What is wrong with a step, and what would be right.
type Wrong = (String, String);

/// A step that can change nothing, wherever it stands.
fn pointless(step: &Step) -> Option<Wrong> {
    const FROM_ONE: &str = "the first is 1";
    const FIND: &str = "write the text itself, or `~` and a regular expression";
    let wrong = |message: String, help: &str| Some((message, help.to_owned()));
    match step {
        Step::Shape(Shape::Split(at)) if at.is_empty() => {
            wrong("`split` says not behind which octets".to_owned(), "write `split = [3, 10]`")
        }
        Step::Shape(Shape::Split(at)) if at.contains(&0) => {
            wrong("no segment ends behind 0 octets".to_owned(), "a segment has one octet at least")
        }
        Step::Shape(
            Shape::Edit(Edit::Drop(0) | Edit::Duplicate(0) | Edit::Insert { below: 0, .. })
            | Shape::Pad { line: 0, .. },
        ) => wrong("there is no line 0".to_owned(), FROM_ONE),
        Step::Shape(
            Shape::Edit(Edit::Replace { find: pattern, .. } | Edit::DropFound(pattern))
            | Shape::Cut { place: CutPoint::Before(pattern), .. },
        ) if !pattern.is_findable() => wrong(format!("`{}` is never found inside of a line", pattern.written()), FIND),
        Step::Data(Data::Listing { line: 0, .. }) => wrong("there is no message 0 in a listing".to_owned(), FROM_ONE),
        Step::Expunge { which, .. } | Step::Flag { which, .. } if matches!(which.one, One::Msn(0) | One::Uid(0)) => {
            wrong("no message has the number 0".to_owned(), FROM_ONE)
        }
        Step::Flag { add, remove, .. } if add.is_empty() && remove.is_empty() => {
            wrong("`flag` names no flag".to_owned(), r#"write `add = ["\\Seen"]` or `remove = […]`"#)
        }
        Step::Caps(offer) if *offer == CapabilityOverride::default() => {
            wrong("`caps` names no capability".to_owned(), r#"write `add = ["IDLE"]` or `remove = […]`"#)
        }
        Step::Set(all) if all.is_empty() => {
            wrong("`set` names no variable".to_owned(), r#"write `set = { phase = "up" }`"#)
        }
        Step::Mailbox(MailboxChange { uid_validity: None, renumber: None, .. }) => {
            wrong("`mailbox` changes nothing".to_owned(), r#"give it `uidvalidity = "+1"` or `renumber = true`"#)
        }
        _ => None,
    }
}

/// The n-th step does nothing because of where it stands. Something is said at its event, or is not, if nobody else
/// speaks there.
fn misplaced(rule: &Rule, n: usize, is_spoken: bool) -> Option<Wrong> {
    let (before, step) = (&rule.steps[..n], &rule.steps[n]);
    let name = step.step.name();
    let speaks = |its: &Timed| its.after.is_none() && lets_out(&its.step, is_spoken);
    let is_shape = matches!(step.step, Step::Shape(_) | Step::Data(_));
    let is_said = is_shape || matches!(step.step, Step::Reply(_) | Step::Raw(_) | Step::Wait(_) | Step::Close(_));
    let closes = before.iter().any(|its| its.after.is_none() && matches!(its.step, Step::Close(_)));
    let stalls = before.iter().any(|its| matches!(its.step, Step::Stall(_))) && step.after.is_none();
    for (is_silent, end) in [(closes, "close"), (stalls, "stall")] {
        if is_silent && is_said {
            return Some((format!("behind `{end}` nothing is said, so `{name}` does nothing"), put_before(name, end)));
        }
    }
    if closes && step.after.is_none() {
        let message = format!("`{name}` stands behind `close`; what is done at once stands before it");
        return Some((message, put_before(name, "close")));
    }
    if is_shape {
        let behind = &rule.steps[n + 1..];
        let said = behind.iter().take_while(|its| !matches!(its.step, Step::Stall(_))).any(speaks);
        if said || !rule.answers() && is_spoken {
            return None;
        }
        let help = match before.iter().rfind(|its| speaks(its)) {
            Some(spoken) => put_before(name, spoken.step.name()),
            None if is_spoken => format!("put a `pass` or a `reply` behind `{name}`"),
            None => format!("put a `raw` behind `{name}`: the server says nothing at this event"),
        };
        return Some((format!("the rule lets nothing out behind `{name}`, so it changes nothing"), help));
    }
    let is_accepted = step.step.is_about_accepted();
    let passes = |its: &Timed| matches!(its.step, Step::Pass(_));
    if is_accepted && before.iter().any(passes) {
        return Some((format!("`{name}` comes too late: `pass` has delivered the message"), put_before(name, "pass")));
    }
    if is_accepted && !rule.passes() {
        let message = format!("no message is accepted, so `{name}` does nothing");
        return Some((message, format!("put a `pass` behind `{name}`")));
    }
    None
}

fn put_before(name: &str, other: &str) -> String {
    format!("put `{name}` before `{other}`")
}

/// Whether the step lets something out for filters to change.
fn lets_out(step: &Step, is_spoken: bool) -> bool {
    match step {
        Step::Reply(_) | Step::Raw(_) => true,
        Step::Pass(Pass::Loud | Pass::Status(_)) => is_spoken,
        Step::Expunge { tell, .. } | Step::Flag { tell, .. } => *tell == Tell::Now,
        _ => false,
    }
}
