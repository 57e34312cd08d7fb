//! Checks that each step of a rule can have an effect at its events and at its position.

use super::{located, place};
use crate::document::{Node, Reader};
use crate::rule::step::{Objection, Role};
use crate::rule::{Course, Rule, Template, Timed, has_output};

pub(super) fn steps(reader: &mut Reader, rule: &Rule, node: &Node) {
    let courses = rule.courses();
    for (timed, at) in located(rule, node) {
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
        let sends = ["reply", "raw"].contains(&step.kind().name);
        if let Some(id) = step.templates().into_iter().flat_map(Template::messages).next().filter(|_| !sends) {
            let message = format!("`{}` cannot contain the message `{id}`", step.kind().name);
            reader.wrong_help(&at, message, "send it with `reply` or `raw`");
        }
        let before = courses.iter().find_map(|course| Some(course.around(timed)?.0));
        let waited = before.into_iter().flatten().any(|its| its.step.kind().name == "wait");
        if timed.after.is_some() && !step.may_come_later() {
            let message = format!("`{}` acts on the current request and cannot have `after`", step.kind().name);
            reader.wrong_help(&at, message, "remove `after`");
        }
        if waited && step.kind().role == Role::Effect && step.may_come_later() && timed.after.is_none() {
            let message =
                format!("`{}` takes effect at once and does not wait for the `wait` before it", step.kind().name);
            reader.wrong_help(&at, message, "did you mean `after = …`?");
        }
        let has_output = rule.on.iter().flat_map(|on| &on.events).any(|event| has_output(*event));
        let useless = step.pointless().or_else(|| misplaced_everywhere(&courses, timed, has_output));
        if let Some((message, help)) = useless.filter(|_| is_possible) {
            reader.wrong_help(&at, message, help);
        }
    }
    let passes = |course: &Course<'_>| course.steps().iter().filter(|timed| timed.step.passes()).count();
    if courses.iter().any(|course| passes(course) > 1) {
        reader.wrong(&place(node, "do"), "a rule can contain `pass` only once");
    }
}

/// The error for a step that has no effect at its position, on any way through the rule. `has_output` is whether the
/// server sends output at the event.
fn misplaced_everywhere(courses: &[Course<'_>], step: &Timed, has_output: bool) -> Option<Objection> {
    let mut all = courses.iter().filter(|course| course.around(step).is_some());
    let first = misplaced(all.next()?, step, has_output)?;
    all.all(|course| misplaced(course, step, has_output).is_some()).then_some(first)
}

/// The error for a step that has no effect at its position.
fn misplaced(course: &Course<'_>, step: &Timed, has_output: bool) -> Option<Objection> {
    let (before, behind) = course.around(step)?;
    let name = step.step.kind().name;
    let speaks = |its: &Timed| its.after.is_none() && its.step.produces_output(has_output);
    let is = |its: &Timed, name: &str| its.step.kind().name == name;
    let is_filter = step.step.kind().role == Role::Filter;
    let closes = before.iter().any(|its| its.after.is_none() && is(its, "close"));
    let stalls = before.iter().any(|its| is(its, "stall")) && step.after.is_none();
    for (is_silent, end) in [(closes, "close"), (stalls, "stall")] {
        if is_silent && step.step.is_said() {
            return Some((format!("after `{end}` nothing is sent, so `{name}` has no effect"), put_before(name, end)));
        }
    }
    if before.iter().any(|its| is(its, "script")) {
        let message = format!("`script` takes the connection, so `{name}` is never reached");
        return Some((message, put_before(name, "script")));
    }
    if closes && step.after.is_none() {
        let message = format!("`{name}` comes after `close`; a step without `after` must come before it");
        return Some((message, put_before(name, "close")));
    }
    if is_filter {
        let said = behind.iter().take_while(|its| !is(its, "stall")).any(|its| speaks(its));
        if said || !course.answers() && has_output {
            return None;
        }
        let help = match before.iter().rfind(|its| speaks(its)) {
            Some(spoken) => put_before(name, spoken.step.kind().name),
            None if has_output => format!("add a `pass` or a `reply` after `{name}`"),
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
    if is_accepted && !course.passes() {
        let message = format!("the rule does not accept the message, so `{name}` has no effect");
        return Some((message, format!("add a `pass` after `{name}`")));
    }
    None
}

fn put_before(name: &str, other: &str) -> String {
    format!("move `{name}` before `{other}`")
}
