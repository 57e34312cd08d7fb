//! Events at which a rule nearly fired or an expectation was nearly met, and why they were not.

use std::collections::HashMap;

use super::Earlier;
use super::window::push_turn;
use crate::base::{Seq, SessionNo};
use crate::journal::Journal;
use crate::protocol::{Event, RequestField, masked};
use crate::rule::{FailedCondition, Field, Miss, MissReason, On, Rulebook, Since, Watched};

/// An event at which an expectation was nearly met, and why it was not.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct NearMiss {
    pub(super) reason: &'static str,
    pub(super) event: String,
    pub(super) session: Option<SessionNo>,
    pub(super) journal_ref: Option<u64>,
    pub(super) detail: Vec<String>,
}

/// Why a rule did not fire, the best reason first.
#[cfg(feature = "api")]
pub(crate) fn near_misses(
    mounted: &crate::rule::Mounted,
    book: &Rulebook,
    journal: &Journal,
    numbers: &mut LineNumbers,
) -> impl serde::Serialize {
    book.near(mounted).iter().map(|near| near_miss(near, book, journal, numbers)).collect::<Vec<_>>()
}

/// Number of records that are read before the lock can be released.
pub(super) const PORTION: usize = 256;

/// The numbers of the lines at which the exchanges of sessions begin. Each session is read once, as far as it is asked for.
#[derive(Default)]
pub(crate) struct LineNumbers(HashMap<SessionNo, Numbered>);

/// The lines of a session before a record.
#[derive(Default)]
struct Numbered {
    before: Seq,
    count: usize,
    /// The first line of each exchange that has lines.
    first: HashMap<Seq, usize>,
}

impl LineNumbers {
    pub(super) fn of(&mut self, session: Option<SessionNo>, exchange: Option<Seq>, journal: &Journal) -> Option<usize> {
        let (session, exchange) = (session?, exchange?);
        while !self.read(session, exchange, journal) {}
        self.0.get(&session)?.first.get(&exchange).copied()
    }

    /// Reads some more records of a session, up to an exchange. Returns whether all of these are read.
    pub(crate) fn read(&mut self, session: SessionNo, exchange: Seq, journal: &Journal) -> bool {
        let Some(log) = journal.session(session) else { return true };
        let numbered = self.0.entry(session).or_default();
        if numbered.before < log.began() {
            // Nothing of it is read; after a reset, it is another session with the same number.
            *numbered = Numbered { before: log.began(), ..Numbered::default() };
        }
        let Numbered { before, count, first } = numbered;
        let behind = Seq(exchange.number() + 1);
        let portion: Vec<Seq> = log.records.between(*before, behind).take(PORTION).collect();
        for turn in journal.turns(portion.iter().copied()) {
            let mut lines = Vec::new();
            push_turn(&mut lines, journal, log, &turn);
            if !lines.is_empty() {
                first.entry(turn.exchange).or_insert(*count + 1);
            }
            *count += lines.len();
        }
        let next = portion.last().map_or(behind, |last| Seq(last.number() + 1));
        *before = next.max(*before);
        *before >= behind
    }
}

/// An event at which a rule nearly fired, and why it did not.
pub(super) fn near_miss(near: &Miss, book: &Rulebook, journal: &Journal, numbers: &mut LineNumbers) -> NearMiss {
    let is_doubtful = is_doubtful(near.event, near.session, near.exchange, journal);
    let (reason, detail) = match &near.reason {
        MissReason::NoEffect(steps) => {
            let steps: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
            ("no-effect", vec![format!("fired, and {} found nothing to change", steps.join(" and "))])
        }
        MissReason::UsedUp(n) => ("used-up", vec![format!("used up: this was match {n}")]),
        MissReason::Lost(n) => {
            ("chance", vec![format!("not drawn by `chance`: this was match {n}, seed {}", book.seed())])
        }
        MissReason::Declined => ("declined", vec!["the closure in its conditions did not return true".to_owned()]),
        MissReason::Disabled => ("disabled", vec!["the rule is disabled".to_owned()]),
        MissReason::Shadowed(by) => {
            let origin = book.rules().iter().find(|its| its.rule.id == *by).map(|its| its.rule.origin.to_string());
            let origin = origin.unwrap_or_default();
            ("shadowed", vec![format!("shadowed by rule `{by}` ({origin}), which answered without `pass`")])
        }
        MissReason::False { missed, .. } => false_conditions(near.event, is_doubtful, missed),
    };
    NearMiss {
        reason,
        event: placed(near.event, near.session, near.exchange, journal, numbers),
        session: near.session,
        journal_ref: near.exchange.map(Seq::number),
        detail,
    }
}

/// An event that an expectation watches, with this reason.
pub(super) fn watched(
    its: &Watched,
    (reason, detail): (&'static str, Vec<String>),
    journal: &Journal,
    numbers: &mut LineNumbers,
) -> NearMiss {
    let event = placed(its.event, its.session, its.exchange, journal, numbers);
    NearMiss { reason, event, session: its.session, journal_ref: its.exchange.map(Seq::number), detail }
}

/// An event with its session and its line.
fn placed(
    event: Event,
    session: Option<SessionNo>,
    exchange: Option<Seq>,
    journal: &Journal,
    numbers: &mut LineNumbers,
) -> String {
    let at = numbers.of(session, exchange, journal);
    let session = session.map_or_else(String::new, |session| format!("{session} · "));
    let line = at.map_or_else(String::new, |line| format!("line {line} · "));
    format!("{session}{line}{event}")
}

/// Whether the words of a request may contain a password.
pub(super) fn is_doubtful(event: Event, session: Option<SessionNo>, exchange: Option<Seq>, journal: &Journal) -> bool {
    let log = session.and_then(|session| journal.session(session));
    // The line of an evicted record is not known.
    let its = log.zip(exchange).filter(|(_, seq)| journal.get(*seq).is_some());
    its.map_or(event.may_be_any(), |(log, seq)| journal.has_doubtful_words(log, seq))
}

/// The conditions that did not hold.
pub(super) fn false_conditions(
    event: Event,
    is_doubtful: bool,
    missed: &[FailedCondition],
) -> (&'static str, Vec<String>) {
    let is_state = |field: &str| field.starts_with("state.") || field.starts_with("session.");
    let reason = match missed {
        [only] if is_state(&only.field.name()) => "state",
        [_] => "one-condition",
        _ => "conditions",
    };
    let lines = missed.iter().map(|miss| {
        let line = clause(event, is_doubtful, miss);
        let Some((by, session)) = &miss.setter else { return line };
        let by = by.as_deref().map_or("the scenario".to_owned(), |by| format!("rule `{by}`"));
        let session = session.map_or(String::new(), |session| format!(" in {session}"));
        format!("{line}, set by {by}{session}")
    });
    (reason, lines.collect())
}

/// A condition, and the actual value.
fn clause(event: Event, is_doubtful: bool, miss: &FailedCondition) -> String {
    let shown =
        |got: &str| shown(event, is_doubtful, &miss.field, got).map_or("***".to_owned(), |got| format!("{got:?}"));
    let got = miss.got.as_deref().map_or("nothing".to_owned(), shown);
    format!("{}  wanted {}  got {got}", miss.field.name(), miss.wanted)
}

/// The value of a field at an event, without credentials; `None` if it may contain some.
fn shown(event: Event, is_doubtful: bool, field: &Field, value: &str) -> Option<String> {
    let request = if let Field::Request(its) = field { Some(its) } else { None };
    let is_one_of = |fields: &[RequestField]| request.is_some_and(|its| fields.contains(its));
    let words = [RequestField::Line, RequestField::Verb, RequestField::Argument, RequestField::Tag];
    if is_doubtful && is_one_of(&words) {
        return None;
    }
    if is_one_of(&[RequestField::Line]) {
        return Some(String::from_utf8_lossy(&masked(event, value.as_bytes())).into_owned());
    }
    let is_argument = is_one_of(&[RequestField::Argument]) && (event.is_login() || event.is_unknown());
    let is_credential = is_argument || is_one_of(&[RequestField::Token]);
    (!is_credential).then(|| value.to_owned())
}

/// A value that events are counted by, without passwords. The exact event is not known.
pub(super) fn key_shown(on: &[On], field: &Field, key: &str) -> String {
    let events = || on.iter().flat_map(|on| on.events.iter().copied());
    let Some(event) = events().find(|event| event.is_login()).or_else(|| events().next()) else {
        return key.to_owned();
    };
    shown(event, events().any(Event::may_be_any), field, key).unwrap_or_else(|| "***".to_owned())
}

/// An event that never happened; the last event in a session of its protocol shows how far the client got since the rule
/// came into force.
pub(super) fn never_happened(events: &[Event], since: Since, journal: &Journal) -> NearMiss {
    let name = events.first().map_or("", |event| event.name());
    let protocol = events.first().and_then(|event| event.protocol());
    let mut last = None;
    for log in journal.sessions() {
        let records = log.records.since(Seq(since.record.number() + 1));
        let exchanges = journal.turns(records).filter(|turn| turn.is_first).filter_map(|turn| turn.event());
        let mut own = exchanges.filter(|event| protocol.is_some() && event.protocol() == protocol);
        last = own.next_back().map(|event| (log.no, event)).or(last);
    }
    let detail = match (last, protocol) {
        (Some((session, event)), _) => format!("`{name}` never came; {session} stopped after `{event}`"),
        (None, Some(protocol)) if Earlier::than(since, journal).is_some() => {
            format!("`{name}` never came; {protocol} was not contacted since then")
        }
        (None, Some(protocol)) => format!("`{name}` never came; {protocol} was never contacted"),
        (None, None) => format!("`{name}` never came"),
    };
    NearMiss { reason: "never", event: name.to_owned(), session: None, journal_ref: None, detail: vec![detail] }
}
