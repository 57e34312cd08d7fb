//! A rule that did not fire as often as expected, and an expectation that was not met.

use std::fmt::Write;
use std::time::Duration;

use super::near_miss::{LineNumbers, NearMiss, clause, key_shown, near_miss, never_happened};
use super::{Earlier, times};
use crate::base::{Seq, Times, short};
use crate::journal::Journal;
use crate::protocol::Event;
use crate::rule::{Condition, Field, Misplaced, Mounted, On, Rulebook, Wanted, Watch};

/// Maximum number of keys and misplaced events to show.
const SHOWN: usize = 3;

/// What was expected, and what happened instead.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Unmet {
    pub(super) expectation: String,
    pub(super) origin: String,
    pub(super) wanted: String,
    pub(super) fired: u64,
    /// How many of these had no effect.
    pub(super) without_effect: u64,
    pub(super) about: String,
    /// What came before the rule, if it was mounted after the scenario.
    pub(super) earlier: Option<Earlier>,
    pub(super) near_misses: Vec<NearMiss>,
}

/// Why a rule did not fire as often as wanted.
pub(super) fn unmet_rule(
    mounted: &Mounted,
    wanted: Times,
    book: &Rulebook,
    journal: &Journal,
    numbers: &mut LineNumbers,
) -> Unmet {
    let rule = &mounted.rule;
    let near = book.near(mounted);
    let mut near_misses: Vec<NearMiss> = near.iter().map(|near| near_miss(near, book, journal, numbers)).collect();
    let events: Vec<Event> = rule.on.iter().flat_map(|on| on.events.iter().copied()).collect();
    if near_misses.is_empty() && mounted.fired == 0 && events.iter().all(|event| book.seen(*event) == 0) {
        near_misses.push(never_happened(&events, mounted.since, journal));
    }
    let is_later = mounted.since.record > book.since().record;
    Unmet {
        expectation: format!("rule `{}`", rule.id),
        origin: rule.origin.to_string(),
        wanted: wanted.written(),
        fired: mounted.fired,
        without_effect: mounted.without_effect,
        about: rule.described(),
        earlier: is_later.then(|| Earlier::than(mounted.since, journal)).flatten(),
        near_misses,
    }
}

/// Why an expectation was not met.
pub(super) fn unmet_watch(watch: &Watch, book: &Rulebook, journal: &Journal, numbers: &mut LineNumbers) -> Unmet {
    let expect = &watch.expect;
    let names = |all: &[On]| all.iter().map(|on| &*on.written).collect::<Vec<_>>().join(", ");
    let (wanted, about, near_misses) = match &expect.what {
        Wanted::Count { on, when, count, same } => {
            let mut misses = Vec::new();
            if let Some(field) = same {
                misses.extend(miscounted(watch, on, *count, field));
            }
            misses.extend(nearest(watch));
            if misses.is_empty() {
                misses.extend(never_seen(on, book));
            }
            (count.written(), counted(&names(on), when, same.as_ref()), misses)
        }
        Wanted::Sequence(all) => {
            let mut misses = out_of_order(watch, all, journal, numbers);
            misses.extend(nearest(watch));
            (format!("{} in order", all.len()), format!("sequence = {}", names(all)), misses)
        }
    };
    Unmet {
        expectation: format!("expect `{}`", expect.id),
        origin: expect.origin.to_string(),
        wanted,
        fired: watch.seen,
        without_effect: 0,
        about,
        earlier: None,
        near_misses,
    }
}

/// What an expectation counts.
fn counted(names: &str, when: &[Condition], same: Option<&Field>) -> String {
    let mut about = format!("event = {names}");
    for condition in when {
        let _infallible = write!(about, "   when {} = {}", condition.field.name(), condition.test);
    }
    if let Some(field) = same {
        let _infallible = write!(about, "   same = {}", field.name());
    }
    about
}

/// The events of a sequence that were out of order or missing.
fn out_of_order(watch: &Watch, all: &[On], journal: &Journal, numbers: &mut LineNumbers) -> Vec<NearMiss> {
    let n = watch.seen as usize;
    let Some(next) = all.get(n) else { return Vec::new() };
    let mut misses = Vec::new();
    if watch.misplaced().all(|its| its.index != n) {
        misses.push(NearMiss {
            reason: "sequence",
            event: next.written.to_string(),
            session: None,
            journal_ref: None,
            detail: vec![format!("number {} of the sequence, `{}`, did not come", n + 1, next.written)],
        });
    }
    let mut misplaced: Vec<&Misplaced> = watch.misplaced().collect();
    misplaced.sort_by_key(|its| its.index);
    let within = watch.expect.within;
    let shown = misplaced.into_iter().take(SHOWN);
    misses.extend(shown.map(|its| misplaced_miss(its, all, within, numbers.of(its.session, its.exchange, journal))));
    misses
}

/// The values of a field with a wrong number of events.
fn miscounted(watch: &Watch, on: &[On], count: Times, field: &Field) -> Vec<NearMiss> {
    let over = watch.by_key.iter().filter(|(_, seen)| !count.contains(**seen));
    let misses = over.take(SHOWN).map(|(key, seen)| NearMiss {
        reason: "same",
        event: key_shown(on, field, key),
        session: None,
        journal_ref: None,
        detail: vec![times(*seen)],
    });
    misses.collect()
}

/// The event that was nearest to being counted.
fn nearest(watch: &Watch) -> Option<NearMiss> {
    let (session, event, missed) = watch.nearest.as_ref()?;
    // The exchange is not known, so its line may contain a password.
    let failed: Vec<String> = missed.iter().map(|miss| clause(*event, event.may_be_any(), miss)).collect();
    let (reason, detail) = match failed.is_empty() {
        true => ("late", vec!["it came too late".to_owned()]),
        false => ("one-condition", failed),
    };
    let event = format!("{session} · {event}");
    Some(NearMiss { reason, event, session: Some(*session), journal_ref: None, detail })
}

/// None of these events ever happened.
fn never_seen(on: &[On], book: &Rulebook) -> Option<NearMiss> {
    let mut events = on.iter().flat_map(|on| on.events.iter().copied());
    let first = events.clone().next().filter(|_| events.all(|event| book.seen(event) == 0))?;
    let (event, detail) = (first.name().to_owned(), vec![format!("`{first}` never came")]);
    Some(NearMiss { reason: "never", event, session: None, journal_ref: None, detail })
}

/// An event of a sequence that was out of order.
fn misplaced_miss(misplaced: &Misplaced, all: &[On], within: Option<Duration>, line: Option<usize>) -> NearMiss {
    let Misplaced { index, event, session, exchange, is_late } = misplaced;
    let line = line.map_or_else(String::new, |line| format!(", at line {line}"));
    let what = format!("number {} of the sequence, `{}`, came", index + 1, all[*index].written);
    let detail = match (is_late, index.checked_sub(1)) {
        (true, _) => format!("{what} too late{line}: it may take {}", within.map(short).unwrap_or_default()),
        (false, Some(before)) => format!("{what} too early{line}, before `{}`", all[before].written),
        (false, None) => format!("{what} too early{line}"),
    };
    let who = session.map_or_else(String::new, |session| format!("{session} · "));
    NearMiss {
        reason: if *is_late { "too-late" } else { "too-early" },
        event: format!("{who}{event}"),
        session: *session,
        journal_ref: exchange.map(Seq::number),
        detail: vec![detail],
    }
}
