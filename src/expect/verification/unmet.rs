//! A rule that did not fire as often as expected, and an expectation that was not met.

use std::fmt::Write;
use std::time::Duration;

use super::near_miss::{
    LineNumbers, NearMiss, false_conditions, is_doubtful, key_shown, near_miss, never_happened, watched,
};
use super::{Earlier, times};
use crate::base::{Times, short};
use crate::journal::Journal;
use crate::protocol::Event;
use crate::rule::{Condition, Counted, Field, First, Misplaced, Mounted, Nearest, On, Rulebook, Wanted, Watch};

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
    /// The last events that an expectation counted.
    pub(super) counted: Vec<NearMiss>,
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
        counted: Vec::new(),
        near_misses,
    }
}

/// Why an expectation was not met.
pub(super) fn unmet_watch(watch: &Watch, book: &Rulebook, journal: &Journal, numbers: &mut LineNumbers) -> Unmet {
    let expect = &watch.expect;
    let names = |all: &[On]| all.iter().map(|on| &*on.written).collect::<Vec<_>>().join(", ");
    let (wanted, mut about, counted, near_misses) = match &expect.what {
        Wanted::Count { on, when, count, same } => {
            let all = watch.counted.iter();
            let counted: Vec<NearMiss> =
                all.map(|its| counted(its, on, same.as_ref(), watch, journal, numbers)).collect();
            let mut misses = Vec::new();
            if let Some(field) = same {
                misses.extend(miscounted(watch, on, *count, field));
            }
            misses.extend(nearest(watch, book, journal, numbers));
            if misses.is_empty() && counted.is_empty() {
                misses.extend(never_seen(on, book));
            }
            (count.written(), described(&names(on), when, same.as_ref()), counted, misses)
        }
        Wanted::Sequence(all) => {
            let misses = out_of_order(watch, all, book, journal, numbers);
            (format!("{} in order", all.len()), format!("sequence = {}", names(all)), Vec::new(), misses)
        }
    };
    if let Some(within) = expect.within {
        let _infallible = write!(about, "   within = {}", short(within));
    }
    Unmet {
        expectation: format!("expect `{}`", expect.id),
        origin: expect.origin.to_string(),
        wanted,
        fired: watch.seen,
        without_effect: 0,
        about,
        earlier: None,
        counted,
        near_misses,
    }
}

/// What an expectation counts.
fn described(names: &str, when: &[Condition], same: Option<&Field>) -> String {
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
fn out_of_order(
    watch: &Watch,
    all: &[On],
    book: &Rulebook,
    journal: &Journal,
    numbers: &mut LineNumbers,
) -> Vec<NearMiss> {
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
    let shown = misplaced.into_iter().take(SHOWN);
    misses.extend(
        shown.map(|misplaced| watched(&misplaced.its, misplacement(misplaced, all, watch, book), journal, numbers)),
    );
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

/// An event that was counted, and which one it was.
fn counted(
    Counted { its, key, number }: &Counted,
    on: &[On],
    same: Option<&Field>,
    watch: &Watch,
    journal: &Journal,
    numbers: &mut LineNumbers,
) -> NearMiss {
    let detail = match key.as_ref().zip(same) {
        Some((key, field)) => {
            let all = watch.by_key.get(key).copied().unwrap_or_default();
            format!("counted: {number} of {all} with {:?}", key_shown(on, field, key))
        }
        None => format!("counted: {number} of {}", watch.seen),
    };
    watched(its, ("counted", vec![detail]), journal, numbers)
}

/// The event that was nearest to being counted.
fn nearest(watch: &Watch, book: &Rulebook, journal: &Journal, numbers: &mut LineNumbers) -> Option<NearMiss> {
    let Nearest { its, missed } = watch.nearest()?;
    let why = match missed.is_empty() {
        true => ("late", vec![format!("it came too late: {}", lateness(its.after, watch, book))]),
        false => false_conditions(its.event, is_doubtful(its.event, its.session, its.exchange, journal), missed),
    };
    Some(watched(its, why, journal, numbers))
}

/// When an event came, and the time limit.
fn lateness(after: Duration, watch: &Watch, book: &Rulebook) -> String {
    let within = watch.expect.within.map(short).unwrap_or_default();
    let first = book.first().map_or_else(String::new, |First { event, session, .. }| {
        let session = session.map_or_else(String::new, |session| format!(" in {session}"));
        format!(", `{event}`{session}")
    });
    format!("{} after the first event{first}; `within` is {within}", short(after))
}

/// None of these events ever happened.
fn never_seen(on: &[On], book: &Rulebook) -> Option<NearMiss> {
    let mut events = on.iter().flat_map(|on| on.events.iter().copied());
    let first = events.clone().next().filter(|_| events.all(|event| book.seen(event) == 0))?;
    let (event, detail) = (first.name().to_owned(), vec![format!("`{first}` never came")]);
    Some(NearMiss { reason: "never", event, session: None, journal_ref: None, detail })
}

/// Why an event of a sequence did not count.
fn misplacement(
    Misplaced { index, its, is_late }: &Misplaced,
    all: &[On],
    watch: &Watch,
    book: &Rulebook,
) -> (&'static str, Vec<String>) {
    let what = format!("number {} of the sequence, `{}`, came", index + 1, all[*index].written);
    let detail = match (is_late, index.checked_sub(1)) {
        (true, _) => format!("{what} too late: {}", lateness(its.after, watch, book)),
        (false, Some(before)) => format!("{what} too early, before `{}`", all[before].written),
        (false, None) => format!("{what} too early"),
    };
    (if *is_late { "too-late" } else { "too-early" }, vec![detail])
}
