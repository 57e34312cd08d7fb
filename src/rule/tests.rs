//! Tests of the counts and variables of a rulebook, and a request for tests of rules.

use std::sync::Arc;

use super::clause::On;
use super::consult::{Reached, WalkFrom};
use super::firing::Firing;
use super::mounted::{Mounted, Since};
use super::rulebook::MOST_KEYS;
use super::step::set::{Assign, Variable};
use super::step::tests::step;
use super::*;
use crate::base::{Seq, SessionNo, Times, Timestamp};
use crate::protocol::{Event, Framing, RequestField, Value};

/// A request in session 1 with these fields.
pub(super) struct Request(pub(super) Vec<(Field, String)>);

impl EvalContext for Request {
    fn value(&self, field: &Field) -> Option<Value<'_>> {
        self.0.iter().find(|(its, _)| its == field).map(|(_, value)| Value::text(&**value))
    }

    fn session(&self) -> Option<SessionNo> {
        Some(SessionNo(1))
    }

    fn moment(&self) -> Option<Timestamp> {
        None
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }
}

/// The condition that a field has this value.
pub(super) fn condition(field: &str, written: &str) -> Condition {
    let field = Field::parse(field).unwrap();
    let test = Test::parse(field.kind(), written).unwrap();
    Condition { field, test }
}

/// A request of one of many users.
fn of(user: usize) -> Request {
    Request(vec![(Field::Request(RequestField::User), user.to_string())])
}

/// The outermost rule that fires.
fn next(book: &mut Rulebook, event: Event, cx: &dyn EvalContext) -> Option<Firing> {
    match book.next(event, WalkFrom::Outermost, None, cx) {
        Reached::Fires(firing) => Some(firing),
        Reached::Asks(_) | Reached::Nothing => None,
    }
}

#[test]
fn variables_are_incremented() {
    let mut book = Rulebook::new(1);
    let more = |book: &Rulebook, variable: &Variable, session: u32| match book.variables.assigned(
        variable,
        &Assign::Add(3),
        Some(SessionNo(session)),
        &|_| None,
    ) {
        VariableValue::Number(number) => number,
        other => panic!("{other:?} is not a number"),
    };
    let [own, shared] = [true, false].map(|is_session| Variable { name: "x".into(), is_session });
    assert_eq!(more(&book, &shared, 1), 3, "an unset variable counts as 0");

    for (state, sum) in
        [(VariableValue::Number(4), 7), (VariableValue::Text("5".into()), 8), (VariableValue::Text("x".into()), 3)]
    {
        book.variables.set(&shared, state, None, None);
        assert_eq!(more(&book, &shared, 1), sum);
    }
    book.variables.set(&own, VariableValue::Number(40), None, Some(SessionNo(1)));

    assert_eq!((more(&book, &own, 1), more(&book, &own, 2)), (43, 3));
}

#[test]
fn a_rule_counts_a_bounded_number_of_keys_and_reports_the_excess_once() {
    let mut book = Rulebook::new(1);
    let mut rule = Rule::new("busy", vec![On::from(Event::SmtpNoop)], Vec::new(), "here");
    rule.per = Per::User;
    let no = book.mount(Arc::new(rule), Since::default());

    for user in 0..MOST_KEYS + 10 {
        next(&mut book, Event::SmtpNoop, &of(user));
    }

    assert_eq!(book.get(no).unwrap().fired, MOST_KEYS as u64);
    assert_eq!(book.take_full(), [Arc::from("busy")]);
    assert!(book.take_full().is_empty());
    assert!(next(&mut book, Event::SmtpNoop, &of(0)).is_some(), "a known key is still counted");
}

/// If the groups were copied for each step, this would take minutes.
#[test]
fn a_step_copies_only_what_it_names() {
    const GROUPS: usize = 200;
    let mut book = Rulebook::new(1);
    let mut steps = vec![step("wait = '0'"); 50_000];
    steps.push(step("reply = '250 {g7|len}'"));
    let mut rule = Rule::new("long", vec![On::from(Event::SmtpNoop)], steps, "here");
    let groups = (0..GROUPS).map(|group| format!("(?<g{group}>")).collect::<String>();
    rule.when.push(condition("user", &format!("~{groups}x*{}", ")".repeat(GROUPS))));
    book.mount(Arc::new(rule), Since::default());
    let mut run = Run::new(Event::SmtpNoop, Framing::Smtp);

    let request = Request(vec![(Field::Request(RequestField::User), "x".repeat(64 << 10))]);
    while !matches!(run.step(&mut book, &request), Want::Over) {}

    assert_eq!(run.text(), b"250 65536\r\n");
}

/// If the rules were looked through for each that fires, this would take minutes.
#[test]
fn many_rules_may_fire_at_one_event() {
    const RULES: u32 = 20_000;
    let mut book = Rulebook::new(1);
    let rule = |n| {
        Arc::new(Rule::new(&format!("rule {n}"), vec![On::from(Event::SmtpNoop)], vec![step("pass = true")], "here"))
    };
    let rules: Vec<Arc<Rule>> = (0..RULES).map(rule).collect();
    book.load(&rules, RuleNo(1), &[], Vec::new(), 1);
    let mut run = Run::new(Event::SmtpNoop, Framing::Smtp);

    while !matches!(run.step(&mut book, &of(0)), Want::Over) {}
    let fired = run.take().3.fired;
    book.fired_in(fired.iter().map(|fired| &fired.rule), Seq(7));

    assert_eq!(fired.len(), RULES as usize);
    assert!(book.rules().iter().all(|mounted| mounted.fires == [Seq(7)]));
}

#[test]
fn an_expectation_counts_a_bounded_number_of_values_and_reports_the_excess_once() {
    let mut book = Rulebook::new(1);
    let on = On::from(Event::SmtpNoop);
    let what = Wanted::Count {
        on: vec![on],
        when: Vec::new(),
        count: Times::from(1),
        same: Some(Field::Request(RequestField::User)),
    };
    let expect = Expect { id: "each once".into(), what, within: None, settle: None, origin: "here".into() };
    book.load(&[], RuleNo(1), &[Arc::new(expect)], Vec::new(), 1);

    for user in 0..MOST_KEYS + 10 {
        book.happened(Event::SmtpNoop, &of(user));
    }

    assert_eq!(book.watches()[0].by_key.len(), MOST_KEYS);
    assert_eq!(book.watches()[0].seen, MOST_KEYS as u64 + 10);
    assert_eq!(book.take_full(), [Arc::from("each once")]);
    book.happened(Event::SmtpNoop, &of(MOST_KEYS + 10));
    assert!(book.take_full().is_empty());
    assert!(book.watches()[0].is_met());
    book.happened(Event::SmtpNoop, &of(0));
    assert!(!book.watches()[0].is_met(), "a known value is still counted");
}

#[test]
fn an_expectation_for_each_value_is_met_without_events_only_if_none_are_enough() {
    let watched = |count: Times, users: &[usize]| {
        let mut book = Rulebook::new(1);
        let (on, same) = (vec![On::from(Event::SmtpNoop)], Some(Field::Request(RequestField::User)));
        let what = Wanted::Count { on, when: Vec::new(), count, same };
        let expect = Expect { id: "each".into(), what, within: None, settle: None, origin: "here".into() };
        book.load(&[], RuleNo(1), &[Arc::new(expect)], Vec::new(), 1);
        users.iter().for_each(|user| book.happened(Event::SmtpNoop, &of(*user)));
        book.watches()[0].is_met()
    };

    let once = Times::from(1);
    assert_eq!([watched(once, &[]), watched(once, &[1, 2]), watched(once, &[1, 1])], [false, true, false]);
    let at_most_once = Times::from(..=1);
    assert_eq!([watched(at_most_once, &[]), watched(at_most_once, &[1, 1])], [true, false]);
    assert_eq!([watched(Times::from(1..), &[]), watched(Times::from(0), &[])], [false, true]);
}

/// A rule at NOOP with a condition on the user.
fn rule_for(user: &str) -> Arc<Rule> {
    let mut rule = Rule::new(user, vec![On::from(Event::SmtpNoop)], Vec::new(), "here");
    rule.when = vec![condition("user", user)];
    Arc::new(rule)
}

#[test]
fn a_rule_is_shadowed_only_if_it_would_have_fired() {
    let mut book = Rulebook::new(1);
    let [others, disabled, shadowed, outer] =
        ["2", "1", "~1", "*"].map(|user| book.mount(rule_for(user), Since::default()));
    book.enable(disabled, false);

    let firing = next(&mut book, Event::SmtpNoop, &of(1)).unwrap();
    book.shadow(Event::SmtpNoop, &firing, &of(1));

    assert_eq!(firing.no, outer);
    let near = |no| book.get(no).unwrap().near.iter().map(|near| near.reason.clone()).collect::<Vec<_>>();
    assert_eq!(near(shadowed), [MissReason::Shadowed("*".into())]);
    assert!(near(others).is_empty() && near(disabled).is_empty());
}

#[test]
fn a_nearer_miss_replaces_a_farther_one_until_a_reset() {
    let mut book = Rulebook::new(1);
    let rule = book.mount(rule_for("1234567"), Since::default());
    // With ten others, the rules are indexed by their user.
    for others in [0, 10] {
        for n in 0..others {
            book.mount(rule_for(&format!("987654{n}")), Since::default());
        }
        book.reset(Since::default());
        let mounted = book.get(rule).unwrap();
        assert_eq!((book.near(mounted).len(), book.asked(mounted)), (0, 0));

        for user in [8, 98, 998, 123_456, 8] {
            book.happened(Event::SmtpNoop, &of(user));
            next(&mut book, Event::SmtpNoop, &of(user));
        }

        let mounted = book.get(rule).unwrap();
        let near = book.near(mounted);
        let MissReason::False { missed, .. } = &near[0].reason else { panic!("{near:?}") };
        assert_eq!((near.len(), missed[0].got.as_deref()), (3, Some("123456")), "among {others}");
        assert_eq!(book.asked(mounted), 5, "among {others}");
    }
    book.reset(Since::default());
    assert!(book.near(book.get(rule).unwrap()).is_empty());
}

#[test]
fn an_expectation_counts_by_the_values_of_a_variable() {
    let mut book = Rulebook::new(1);
    let [same, other] = ["state.phase", "session.phase"].map(|field| {
        let (on, same) = (vec![On::from(Event::SmtpNoop)], Field::parse(field));
        let what = Wanted::Count { on, when: Vec::new(), count: Times::from(1), same };
        Arc::new(Expect { id: field.into(), what, within: None, settle: None, origin: "here".into() })
    });
    book.load(&[], RuleNo(1), &[same, other], Vec::new(), 1);

    for phase in ["up", "down"] {
        for is_session in [false, true] {
            let variable = Variable { name: "phase".into(), is_session };
            book.variables.set(&variable, VariableValue::Text(phase.into()), None, Some(SessionNo(1)));
        }
        book.happened(Event::SmtpNoop, &of(1));
    }

    for watch in book.watches() {
        assert_eq!(watch.by_key.keys().collect::<Vec<_>>(), ["down", "up"], "{}", watch.expect.id);
    }
}

#[test]
fn the_nearest_event_is_the_last_with_the_fewest_failed_conditions() {
    let mut book = Rulebook::new(1);
    let when = vec![condition("user", "ann"), condition("arg", "x")];
    let what = Wanted::Count { on: vec![On::from(Event::SmtpNoop)], when, count: Times::from(1), same: None };
    let expect = Expect { id: "ann".into(), what, within: None, settle: None, origin: "here".into() };
    book.load(&[], RuleNo(1), &[Arc::new(expect)], Vec::new(), 1);

    for (user, arg) in [("bob", "y"), ("ann", "y"), ("ann", "z"), ("bob", "z")] {
        let request = Request(vec![
            (Field::Request(RequestField::User), user.to_owned()),
            (Field::Request(RequestField::Argument), arg.to_owned()),
        ]);
        book.happened(Event::SmtpNoop, &request);
    }

    let Nearest { its, missed } = book.watches()[0].nearest().unwrap();
    let got: Vec<_> = missed.iter().map(|miss| (miss.field.clone(), miss.got.as_deref())).collect();
    assert_eq!((its.session, its.event), (Some(SessionNo(1)), Event::SmtpNoop));
    assert_eq!(got, [(Field::Request(RequestField::Argument), Some("z"))]);
}

#[test]
fn an_expectation_counts_firings_with_an_effect() {
    for (expect, fired, without_effect, is_met) in [
        ("=1", 1, 0, true),
        ("=1", 2, 1, true),
        ("=1", 2, 0, false),
        ("=1", 1, 1, false),
        ("<=2", 3, 1, true),
        ("<=2", 3, 0, false),
        ("<=2", 0, 0, true),
        ("<=2", 1, 1, false),
        ("=0", 0, 0, true),
        ("=0", 1, 1, false),
        (">=2", 2, 1, false),
    ] {
        let mut rule = Rule::new("rule", vec![On::from(Event::SmtpNoop)], Vec::new(), "here");
        rule.expect = Some(Times::parse(expect).unwrap());
        let mounted = Mounted::new(RuleNo(1), Arc::new(rule), false, Since::default());

        let mounted = Mounted { fired, without_effect, ..mounted };

        assert_eq!(mounted.is_met(), is_met, "{expect}: fired {fired}, {without_effect} without effect");
    }
}
