//! What a rulebook counts, and what its variables come to.

use std::sync::Arc;

use super::clause::On;
use super::rulebook::MOST_KEYS;
use super::step::{Assign, Variable};
use super::*;
use crate::base::{SessionNo, Times, Timestamp};
use crate::protocol::{Event, Value};

/// A request of one of many users.
struct Of(usize);

impl Scene for Of {
    fn value(&self, _field: &Field) -> Option<Value<'_>> {
        Some(Value::text(self.0.to_string()))
    }

    fn session(&self) -> Option<SessionNo> {
        None
    }

    fn moment(&self) -> Option<Timestamp> {
        None
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }
}

#[test]
fn so_much_more_than_a_variable_was() {
    let mut book = Rulebook::new(1);
    let more = |book: &Rulebook, variable: &Variable, session: u32| match book.variables.assigned(
        variable,
        &Assign::Add(3),
        Some(SessionNo(session)),
        &|_| None,
    ) {
        State::Number(number) => number,
        other => panic!("{other:?} is no number"),
    };
    let [own, shared] = [true, false].map(|is_session| Variable { name: "x".into(), is_session });
    assert_eq!(more(&book, &shared, 1), 3, "nothing is nought");

    for (state, sum) in [(State::Number(4), 7), (State::Text("5".into()), 8), (State::Text("x".into()), 3)] {
        book.variables.set(&shared, state, None, None);
        assert_eq!(more(&book, &shared, 1), sum);
    }
    book.variables.set(&own, State::Number(40), None, Some(SessionNo(1)));

    assert_eq!((more(&book, &own, 1), more(&book, &own, 2)), (43, 3));
}

#[test]
fn a_rule_counts_over_so_many_keys_and_says_so_once() {
    let mut book = Rulebook::new(1);
    let mut rule = Rule::new("busy", vec![On::from(Event::SmtpNoop)], Vec::new(), "here");
    rule.per = Per::User;
    let no = book.mount(Arc::new(rule), Timestamp::from_micros(0));

    for user in 0..MOST_KEYS + 10 {
        book.next(Event::SmtpNoop, None, &Of(user));
    }

    assert_eq!(book.get(no).unwrap().fired, MOST_KEYS as u64);
    assert_eq!(book.take_full(), [Arc::from("busy")]);
    assert!(book.take_full().is_empty());
    assert!(book.next(Event::SmtpNoop, None, &Of(0)).is_some(), "a key that is known counts on");
}

#[test]
fn an_expectation_counts_over_so_many_values_and_says_so_once() {
    let mut book = Rulebook::new(1);
    let on = On::from(Event::SmtpNoop);
    let what = Wanted::Count { on: vec![on], when: Vec::new(), count: Times::from(1), same: Some(Field::User) };
    let expect = Expect { id: "each once".into(), what, within: None, settle: None, origin: "here".into() };
    book.load(&[], RuleNo(1), &[Arc::new(expect)], Vec::new(), 1);

    for user in 0..MOST_KEYS + 10 {
        book.happened(Event::SmtpNoop, &Of(user));
    }

    assert_eq!(book.watches()[0].by_key.len(), MOST_KEYS);
    assert_eq!(book.watches()[0].seen, MOST_KEYS as u64 + 10);
    assert_eq!(book.take_full(), [Arc::from("each once")]);
    book.happened(Event::SmtpNoop, &Of(MOST_KEYS + 10));
    assert!(book.take_full().is_empty());
    assert!(book.watches()[0].is_met());
    book.happened(Event::SmtpNoop, &Of(0));
    assert!(!book.watches()[0].is_met(), "a value that is known counts on");
}
