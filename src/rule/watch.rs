//! Expectations across rules: events that must happen a number of times, or in an order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::clause::On;
use super::condition::{Condition, inserted};
use super::field::Field;
use super::near_miss::FailedCondition;
use super::rulebook::{EvalContext, MOST_KEYS, Rulebook};
use crate::base::{Seq, SessionNo, Times};
use crate::protocol::{Event, RequestField, Value};

/// The index of a rule for conditions of an expectation: none.
const NO_RULE: usize = usize::MAX;
/// Number of counted events that are kept for reports, the last ones.
const COUNTED_KEPT: usize = 3;

/// What must have happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expect {
    pub(crate) id: Arc<str>,
    pub(crate) what: Wanted,
    /// Counted from the first event.
    pub(crate) within: Option<Duration>,
    /// Real time to wait before verification.
    pub(crate) settle: Option<Duration>,
    pub(crate) origin: Arc<str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// Events of these kinds, this many; with `same`, this many for each of its values.
    Count { on: Vec<On>, when: Vec<Condition>, count: Times, same: Option<Field> },
    /// Events in this order, with others allowed between them.
    Sequence(Vec<On>),
}

/// An expectation and what it has counted.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) expect: Arc<Expect>,
    pub(crate) seen: u64,
    /// The count for each value of `same`.
    pub(crate) by_key: BTreeMap<String, u64>,
    /// The last events that were counted; with `same`, those of values whose count is wrong.
    pub(crate) counted: VecDeque<Counted>,
    /// The nearest event.
    nearest: Option<Nearest>,
    /// Events of the sequence that were out of order, the last of each.
    pub(crate) misplaced: Vec<Misplaced>,
    /// Events whose outcome is not known yet.
    open: Vec<Open>,
    full: Full,
}

/// Whether there were more keys than the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Full {
    No,
    Reached,
    /// And this was reported.
    Reported,
}

/// An event that an expectation watches.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) event: Event,
    pub(crate) session: Option<SessionNo>,
    /// The record of its exchange, once it has a number.
    pub(crate) exchange: Option<Seq>,
    /// The time since the first event.
    pub(crate) after: Duration,
}

/// An event that was counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) its: Watched,
    /// Its value of `same`.
    pub(crate) key: Option<String>,
    /// Which one it was of all, or of those with this value, from 1.
    pub(crate) number: u64,
}

/// An event that was nearly counted: it failed these conditions, or else it came too late.
#[derive(Debug)]
pub(crate) struct Nearest {
    pub(crate) its: Watched,
    pub(crate) missed: Vec<FailedCondition>,
}

/// An event of a sequence that was out of order.
#[derive(Debug)]
pub(crate) struct Misplaced {
    /// Its index in the sequence, from 0.
    pub(crate) index: usize,
    pub(crate) its: Watched,
    /// Whether it was in order but after the time limit.
    pub(crate) is_late: bool,
}

/// An event that counts if its outcome matches.
#[derive(Debug)]
struct Open {
    its: Watched,
    key: Option<String>,
}

impl Watch {
    pub(super) fn new(expect: Arc<Expect>) -> Self {
        let (by_key, counted) = (BTreeMap::new(), VecDeque::new());
        let (misplaced, open) = (Vec::new(), Vec::new());
        Self { expect, seen: 0, by_key, counted, nearest: None, misplaced, open, full: Full::No }
    }

    /// Whether the expectation watches this event.
    pub(super) fn is_on(&self, event: Event) -> bool {
        match &self.expect.what {
            Wanted::Count { on: all, .. } | Wanted::Sequence(all) => all.iter().any(|on| on.means(event, || true)),
        }
    }

    /// Handles an event; `after` is the time since the first event.
    pub(super) fn happened(&mut self, event: Event, after: Duration, cx: &dyn EvalContext, book: &Rulebook) {
        let its = Watched { event, session: cx.session(), exchange: cx.record(), after };
        let in_time = self.expect.within.is_none_or(|within| after <= within);
        match &self.expect.what {
            Wanted::Sequence(all) => {
                let is_command = || cx.value(&Field::Request(RequestField::Verb)).is_some();
                let to_come = all.iter().enumerate().skip(self.seen as usize);
                let Some((index, _)) = to_come.into_iter().find(|(_, on)| on.means(event, is_command)) else { return };
                let is_next = index == self.seen as usize;
                if is_next && in_time {
                    self.seen += 1;
                    return;
                }
                self.misplaced.retain(|its| its.index != index);
                self.misplaced.push(Misplaced { index, its, is_late: is_next });
            }
            Wanted::Count { on, when, same, .. } => {
                let is_command = || cx.value(&Field::Request(RequestField::Verb)).is_some();
                if !on.iter().any(|on| on.means(event, is_command)) {
                    return;
                }
                let missed = book.missed_of(NO_RULE, when, cx);
                if !missed.is_empty() || !in_time {
                    return self.near(its, missed);
                }
                let key = same.as_ref().map(|field| book.value(NO_RULE, field, cx));
                let key = key.map(|value| value.map(|value| inserted(&value)).unwrap_or_default());
                match when.iter().any(|condition| condition.field == Field::Outcome) {
                    true => self.open.push(Open { its, key }),
                    false => self.count(its, key),
                }
            }
        }
    }

    /// Sets the record of the current exchange, once it has a number.
    pub(super) fn place(&mut self, exchange: Seq) {
        let open = self.open.iter_mut().map(|open| &mut open.its);
        let counted = self.counted.iter_mut().map(|counted| &mut counted.its);
        let nearest = self.nearest.iter_mut().map(|nearest| &mut nearest.its);
        let misplaced = self.misplaced.iter_mut().map(|misplaced| &mut misplaced.its);
        let all = open.chain(counted).chain(nearest).chain(misplaced);
        all.for_each(|its| _ = its.exchange.get_or_insert(exchange));
    }

    /// Whether the expectation waits for the outcome of this exchange.
    pub(super) fn is_open(&self, exchange: Seq) -> bool {
        self.open.iter().any(|open| open.its.exchange == Some(exchange))
    }

    /// Handles the outcome of an exchange.
    pub(super) fn closed(&mut self, exchange: Seq, outcome: &str) {
        let Wanted::Count { when, .. } = &self.expect.what else { return };
        let value = Value::text(outcome);
        let wanted = when.iter().filter(|condition| condition.field == Field::Outcome);
        let missed = wanted.filter(|condition| !condition.holds(Some(&value)));
        let missed: Vec<FailedCondition> =
            missed.map(|condition| FailedCondition::new(condition, Some(&value), None)).collect();
        let known = self.open.extract_if(.., |open| open.its.exchange == Some(exchange));
        for Open { its, key } in known.collect::<Vec<_>>() {
            match missed.is_empty() {
                true => self.count(its, key),
                false => self.near(its, missed.clone()),
            }
        }
    }

    fn count(&mut self, its: Watched, key: Option<String>) {
        self.seen += 1;
        let mut number = self.seen;
        if let Some(key) = &key {
            if self.by_key.len() >= MOST_KEYS && !self.by_key.contains_key(key) {
                self.full = self.full.max(Full::Reached);
                return;
            }
            let seen = self.by_key.entry(key.clone()).or_default();
            *seen += 1;
            number = *seen;
            if let Wanted::Count { count, .. } = &self.expect.what
                && count.contains(number)
            {
                self.counted.retain(|counted| counted.key.as_ref() != Some(key));
                return;
            }
        }
        if self.counted.len() == COUNTED_KEPT {
            self.counted.pop_front();
        }
        self.counted.push_back(Counted { its, key, number });
    }

    /// Its name, the first time that there are too many keys.
    pub(super) fn report_full(&mut self) -> Option<Arc<str>> {
        let is_news = self.full == Full::Reached;
        is_news.then(|| {
            self.full = Full::Reported;
            Arc::clone(&self.expect.id)
        })
    }

    fn near(&mut self, its: Watched, missed: Vec<FailedCondition>) {
        let is_nearer = self.nearest.as_ref().is_none_or(|before| missed.len() <= before.missed.len());
        if its.session.is_some() && is_nearer {
            self.nearest = Some(Nearest { its, missed });
        }
    }

    /// The nearest event, unless too many events were counted.
    pub(crate) fn nearest(&self) -> Option<&Nearest> {
        match &self.expect.what {
            Wanted::Count { count, same: None, .. } if count.is_exceeded_by(self.seen) => None,
            Wanted::Count { .. } | Wanted::Sequence(_) => self.nearest.as_ref(),
        }
    }

    /// The events of a sequence that are still missing and were out of order.
    pub(crate) fn misplaced(&self) -> impl Iterator<Item = &Misplaced> {
        self.misplaced.iter().filter(|its| its.index >= self.seen as usize)
    }

    /// Whether it is met.
    pub(crate) fn is_met(&self) -> bool {
        match &self.expect.what {
            Wanted::Sequence(all) => self.seen as usize == all.len(),
            // Without events there is no value to count for: this is met only if a count of 0 is.
            Wanted::Count { count, same: Some(_), .. } if self.seen > 0 => {
                self.by_key.values().all(|seen| count.contains(*seen))
            }
            Wanted::Count { count, .. } => count.contains(self.seen),
        }
    }
}
