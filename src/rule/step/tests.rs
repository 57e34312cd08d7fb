//! Helpers for tests of steps, and tests for every kind.

use std::time::Duration;

use super::super::filter::Filter;
use super::*;
use crate::rule::Timed;

/// A step, as a file writes it.
pub(crate) fn step(written: &str) -> Arc<dyn Step> {
    Timed::parse(written).unwrap_or_else(|why| panic!("{written}: {why}")).step
}

/// The filter of a step without names.
pub(in crate::rule) fn filter(written: &str) -> Box<dyn Filter> {
    let (named, message, drawn) = (|_: &Name| None, |_: &str| None, |_| Duration::ZERO);
    let cx = StepContext { named: &named, framing: &Framing::Smtp, message: &message, drawn: &drawn, is_late: false };
    let Action::Filter(filter) = step(written).run(&cx) else { panic!("{written} must be a filter") };
    filter
}

#[test]
fn a_wrong_step_has_a_clear_error() {
    for (written, why) in [
        ("paces = 1", "unknown step `paces`; did you mean `pace`?"),
        ("", "a step must not be empty"),
        ("login = true", "`login` must be a user or false"),
        ("hold = true, pass = true", "a step can have only one key besides `after`; write { hold = … }, { pass = … }"),
        ("reply = []", "`reply` needs at least one line"),
        (
            "data = { listing = 2, uid = \"x\", size = \"+1\" }",
            "a `listing` needs one of `uid`, `size` and `drop = true`",
        ),
        ("data = { literal = \"+7\", value = \"{\" }", "`value` does not go with `literal`"),
        ("wait = \"x\"", "`x` is not a length of time; write `200ms`, `2s`, `5m` or `1h`"),
    ] {
        assert_eq!(Timed::parse(written).unwrap_err(), why);
    }
    assert!(Timed::parse("hold =").is_err());
}
