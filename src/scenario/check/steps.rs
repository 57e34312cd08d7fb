//! Checks that each step of a rule can have an effect at its events and at its position.

use super::{place, step_place};
use crate::document::{Node, Reader};
use crate::rule::step::{Objection, Role};
use crate::rule::{Rule, Timed, is_spoken};

pub(super) fn steps(reader: &mut Reader, rule: &Rule, node: &Node) {
    let mut waited = false;
    for (i, timed) in rule.steps.iter().enumerate() {
        let at = step_place(node, i);
        let step = &timed.step;
        let mut is_possible = true;
        for on in &rule.on {
            if let Some(why) = on.events.first().and_then(|event| step.objection(*event))
                && on.events.iter().all(|event| step.objection(*event).is_some())
            {
                is_possible = false;
                reader.wrong_help(&at, format!("`{}` is not possible at `{}`", step.kind().name, on.written), why);
            }
        }
        waited |= step.kind().name == "wait";
        if timed.after.is_some() && !step.may_come_later() {
            let message = format!("`{}` acts on the current request and cannot have `after`", step.kind().name);
            reader.wrong_help(&at, message, "remove `after`");
        }
        if waited && step.kind().role == Role::Effect && step.may_come_later() && timed.after.is_none() {
            let message =
                format!("`{}` takes effect at once and does not wait for the `wait` before it", step.kind().name);
            reader.wrong_help(&at, message, "did you mean `after = …`?");
        }
        let is_spoken = rule.on.iter().flat_map(|on| &on.events).any(|event| is_spoken(*event));
        let useless = step.pointless().or_else(|| misplaced(rule, i, is_spoken));
        if let Some((message, help)) = useless.filter(|_| is_possible) {
            reader.wrong_help(&at, message, help);
        }
    }
    let passes = rule.steps.iter().filter(|timed| timed.step.passes()).count();
    if passes > 1 {
        reader.wrong(&place(node, "do"), "a rule can contain `pass` only once");
    }
}

/// The error for a step that has no effect at its position. `is_spoken` is whether the server sends output at the
/// event.
fn misplaced(rule: &Rule, n: usize, is_spoken: bool) -> Option<Objection> {
    let (before, step) = (&rule.steps[..n], &rule.steps[n]);
    let name = step.step.kind().name;
    let speaks = |its: &Timed| its.after.is_none() && its.step.produces_output(is_spoken);
    let is = |its: &Timed, name: &str| its.step.kind().name == name;
    let is_filter = step.step.kind().role == Role::Filter;
    let closes = before.iter().any(|its| its.after.is_none() && is(its, "close"));
    let stalls = before.iter().any(|its| is(its, "stall")) && step.after.is_none();
    for (is_silent, end) in [(closes, "close"), (stalls, "stall")] {
        if is_silent && step.step.is_said() {
            return Some((format!("after `{end}` nothing is sent, so `{name}` has no effect"), put_before(name, end)));
        }
    }
    if closes && step.after.is_none() {
        let message = format!("`{name}` comes after `close`; a step without `after` must come before it");
        return Some((message, put_before(name, "close")));
    }
    if is_filter {
        let behind = &rule.steps[n + 1..];
        let said = behind.iter().take_while(|its| !is(its, "stall")).any(speaks);
        if said || !rule.answers() && is_spoken {
            return None;
        }
        let help = match before.iter().rfind(|its| speaks(its)) {
            Some(spoken) => put_before(name, spoken.step.kind().name),
            None if is_spoken => format!("add a `pass` or a `reply` after `{name}`"),
            None => format!("add a `raw` after `{name}`: the server sends nothing at this event"),
        };
        return Some((format!("the rule sends nothing after `{name}`, so `{name}` has no effect"), help));
    }
    let is_accepted = step.step.is_about_accepted();
    if is_accepted && before.iter().any(|its| its.step.passes()) {
        return Some((
            format!("`{name}` comes too late: `pass` has already delivered the message"),
            put_before(name, "pass"),
        ));
    }
    if is_accepted && !rule.passes() {
        let message = format!("the rule does not accept the message, so `{name}` has no effect");
        return Some((message, format!("add a `pass` after `{name}`")));
    }
    None
}

fn put_before(name: &str, other: &str) -> String {
    format!("move `{name}` before `{other}`")
}
