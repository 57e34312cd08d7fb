//! Near misses: why a rule did not fire, the best reason first.

use std::sync::Arc;

use super::clause::Rule;
use super::condition::{Condition, Test, shown};
use super::field::Field;
use super::mounted::Mounted;
use crate::base::{Seq, SessionNo};
use crate::protocol::{Event, Value};

/// Maximum number kept for each rule.
pub(crate) const MOST: usize = 3;

/// An event at which a rule was evaluated and did not fire, or had no effect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Miss {
    pub(crate) reason: MissReason,
    pub(crate) event: Event,
    pub(crate) session: Option<SessionNo>,
    /// The record of the exchange.
    pub(crate) exchange: Option<Seq>,
}

/// Why it did not fire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MissReason {
    /// It fired, and these steps found nothing to change.
    NoEffect(Vec<&'static str>),
    /// It matched for the n-th time, but `times` or `nth` excludes that match.
    UsedUp(u64),
    /// It matched for the n-th time, but the random draw excluded it.
    Lost(u64),
    /// It is disabled.
    Disabled,
    /// The closure in its conditions said no, or did not answer.
    Declined,
    /// A rule outside of it replied without `pass`.
    Shadowed(Arc<str>),
    /// Conditions were false.
    False { missed: Vec<FailedCondition>, of: usize },
}

/// A condition that was false.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FailedCondition {
    pub(crate) field: Field,
    pub(crate) wanted: String,
    /// `None` if the field has no value.
    pub(crate) got: Option<String>,
    /// For a variable: the rule and the session that set it.
    pub(crate) setter: Option<(Option<Arc<str>>, Option<SessionNo>)>,
    distance: usize,
}

/// Maximum octets of a value to show.
const SHOWN: usize = 200;

impl FailedCondition {
    pub(super) fn new(
        condition: &Condition,
        value: Option<&Value<'_>>,
        setter: Option<(Option<Arc<str>>, Option<SessionNo>)>,
    ) -> Self {
        let wanted = condition.test.to_string();
        let got = value.map(|value| match value {
            // The text may be long.
            Value::Text(text) => beginning(text),
            Value::Number(_) | Value::Truth(_) | Value::Several(_) => beginning(&shown(value)),
        });
        let distance = got.as_deref().map_or(usize::MAX / 4, |got| differ(&wanted, got));
        Self { field: condition.field.clone(), wanted, got, setter, distance }
    }
}

/// The part of a text that is shown.
fn beginning(text: &str) -> String {
    match text.len() > SHOWN {
        true => format!("{}…", &text[..text.floor_char_boundary(SHOWN)]),
        false => text.to_owned(),
    }
}

/// The distance between two texts: the length that remains without their common beginning and end.
fn differ(wanted: &str, got: &str) -> usize {
    let wanted = wanted.trim_start_matches(['~', '^', '!', '*', '<', '>', '=']).as_bytes();
    let got = got.as_bytes();
    let same = |(a, b): &(&u8, &u8)| a.eq_ignore_ascii_case(b);
    let head = wanted.iter().zip(got).take_while(same).count();
    let tail = wanted[head..].iter().rev().zip(got[head..].iter().rev()).take_while(same).count();
    wanted.len().max(got.len()) - head - tail
}

impl Miss {
    /// Smaller is better: the kind of reason, then the distance.
    fn rank(&self) -> (u8, usize) {
        match &self.reason {
            MissReason::NoEffect(_) => (0, 0),
            MissReason::UsedUp(_) | MissReason::Lost(_) | MissReason::Disabled => (1, 0),
            MissReason::Shadowed(_) => (2, 0),
            MissReason::Declined => (3, 0),
            MissReason::False { missed, .. } => {
                let is_state = |missed: &FailedCondition| matches!(missed.field, Field::State(_) | Field::Session(_));
                let distance = missed.iter().map(|missed| missed.distance).fold(0, usize::saturating_add);
                match missed.as_slice() {
                    [one] if is_state(one) => (4, distance),
                    [_] => (3, distance),
                    several => (4 + several.len().min(100) as u8, distance),
                }
            }
        }
    }
}

/// The best of these, best first.
pub(super) fn best(mut near: Vec<Miss>) -> Vec<Miss> {
    near.sort_by_key(Miss::rank);
    near.truncate(MOST);
    near
}

impl Mounted {
    /// Whether missing this condition could be among the best; a quick check.
    pub(super) fn may_miss(&self, condition: &Condition, value: Option<&Value<'_>>) -> bool {
        let Some(worst) = self.near.get(MOST - 1).map(Miss::rank) else { return true };
        let mut distance = 0;
        if let (Test::Text(pattern), Some(Value::Text(text))) = (&condition.test, value) {
            distance = differ(pattern.written(), text);
        }
        worst > (3, distance)
    }

    /// Keeps a near miss if it is among the best; returns whether it is.
    pub(super) fn keep(&mut self, near: Miss) -> bool {
        let rank = near.rank();
        let at = self.near.partition_point(|kept| kept.rank() <= rank);
        if at == MOST {
            return false;
        }
        self.near.insert(at, near);
        self.near.truncate(MOST);
        true
    }
}

impl Rule {
    /// What the condition requires, as a report prints it.
    pub(crate) fn described(&self) -> String {
        let on: Vec<&str> = self.on.iter().map(|on| &*on.written).collect();
        let mut text = format!("on = {}", on.join(", "));
        for condition in &self.when {
            text.push_str(&format!("   when {} = {}", condition.field.name(), condition.test));
        }
        if let Some(nth) = &self.nth {
            match nth.times() {
                Some(times) => text.push_str(&format!("   times = {times}")),
                None => text.push_str(&format!("   nth = {nth}")),
            }
        }
        if let Some(chance) = self.chance {
            text.push_str(&format!("   chance = {chance}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::condition;
    use super::*;

    fn missed(conditions: &[(&str, &str)]) -> MissReason {
        let missed = |(field, wanted): &(&str, &str)| {
            FailedCondition::new(&condition(field, wanted), Some(&Value::text("bob@example.org")), None)
        };
        MissReason::False { missed: conditions.iter().map(missed).collect(), of: conditions.len() }
    }

    #[test]
    fn the_nearest_miss_is_the_best_reason() {
        let of_best_first = [
            MissReason::NoEffect(vec!["edit"]),
            MissReason::Lost(1),
            MissReason::Shadowed("other".into()),
            missed(&[("from", "bob@example.com")]),
            missed(&[("from", "bobby@example.com")]),
            missed(&[("from", "somebody@example.com")]),
            missed(&[("state.phase", "bob@example.com")]),
            missed(&[("from", "bob@example.com"), ("rcpt", "bob@example.com")]),
            missed(&[("from", "bob@example.com"), ("rcpt", "somebody@example.com")]),
            missed(&[("from", "bob@example.com"), ("rcpt", "bob@example.com"), ("verb", "bob@example.com")]),
        ];

        let near = |reason| Miss { reason, event: Event::SmtpRcpt, session: None, exchange: None };
        let ranks: Vec<_> = of_best_first.map(|why| near(why).rank()).to_vec();

        assert!(ranks.is_sorted_by(|better, worse| better < worse), "{ranks:?}");
    }
}
