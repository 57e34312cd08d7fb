//! Whether a rule outside of another one takes all of its events.

use super::clause::{Per, Rule};
use super::condition::Condition;
use super::field::Field;

impl Rule {
    /// Whether the inner rule is never reached because of this one, which is outside of it. True only if that is sure:
    /// this rule answers without passing, each time it matches, and it matches whenever the inner rule would.
    pub(crate) fn shadows(&self, inner: &Rule) -> bool {
        self.can_shadow() && self.takes_all_from(inner)
    }

    /// Whether it answers without passing, each time it matches.
    pub(crate) fn can_shadow(&self) -> bool {
        let is_always = self.nth.is_none() && self.chance.is_none() && self.holds.is_none();
        is_always && self.per == Per::Server && !self.passes()
    }

    /// Whether this rule, which can shadow others, matches whenever the inner rule would.
    pub(crate) fn takes_all_from(&self, inner: &Rule) -> bool {
        self.when.iter().all(|its| is_shared(its, inner)) && self.covers(inner)
    }

    /// Whether it answers each event that it is on.
    pub(crate) fn always_fires(&self) -> bool {
        self.nth.is_none() && self.chance.is_none() && self.when.is_empty() && self.holds.is_none()
    }

    /// Whether it is on every event that the inner rule is on. A rule on `auth.start` covers credentials that are part of
    /// the command. It covers later ones only if it answers every command: a rule with conditions may have passed the
    /// command before them.
    pub(crate) fn covers(&self, inner: &Rule) -> bool {
        let mut events = inner.on.iter().flat_map(|on| &on.events).peekable();
        events.peek().is_some() && events.all(|event| self.means(*event, || self.always_fires()))
    }
}

/// Whether a condition of the outer rule holds whenever the inner rule matches. Two rules can measure other times from
/// their own start or first match.
fn is_shared(condition: &Condition, inner: &Rule) -> bool {
    !matches!(condition.field, Field::At | Field::SinceFirst) && inner.when.contains(condition)
}
