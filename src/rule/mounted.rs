//! A mounted rule with its counts and near misses.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

#[cfg(feature = "api")]
use super::clause::Per;
use super::clause::{Rule, RuleNo};
use super::firing::{Counting, StepId};
use super::near_miss::Miss;
use crate::base::{Seq, Timestamp};

/// When a rule came into force: its counts begin here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since {
    pub(crate) time: Timestamp,
    /// The last record before.
    pub(crate) record: Seq,
}

impl Default for Since {
    /// Before everything.
    fn default() -> Self {
        Self { time: Timestamp::from_micros(0), record: Seq::default() }
    }
}

/// A rule with its counts.
#[derive(Debug)]
pub(crate) struct Mounted {
    pub(crate) no: RuleNo,
    pub(crate) rule: Arc<Rule>,
    pub(crate) enabled: bool,
    /// Whether it came with the scenario, not at run time.
    pub(crate) is_loaded: bool,
    pub(crate) since: Since,
    pub(crate) fired: u64,
    /// How often it fired without effect: its steps that [may miss](super::Timed::may_miss) did not find their target,
    /// and no other step did anything.
    pub(crate) without_effect: u64,
    /// How often each step found nothing.
    pub(crate) missed: BTreeMap<StepId, u64>,
    /// How often it was evaluated.
    pub(crate) asked: u64,
    /// The first exchanges in which it fired.
    pub(crate) fires: Vec<Seq>,
    /// The best near misses, best first.
    pub(crate) near: Vec<Miss>,
    pub(super) first: Option<Timestamp>,
    pub(super) count: u64,
    pub(super) counts: HashMap<String, u64>,
    /// There were more keys than the maximum.
    pub(super) is_full: bool,
    pub(super) counting: Counting,
}

impl Mounted {
    /// Whether it fired with an effect as often as expected. If it fired and never had an effect, that is a mistake
    /// whatever is expected.
    pub(crate) fn is_met(&self) -> bool {
        let effective = self.fired - self.without_effect;
        let is_idle = self.fired > 0 && effective == 0;
        self.rule.expect.is_none_or(|times| times.contains(effective) && !is_idle)
    }

    /// Whether its `times` or `nth` cannot hold any more. False if it counts separately by a key, which may be new.
    #[cfg(feature = "api")]
    pub(crate) fn is_used_up(&self) -> bool {
        self.rule.per == Per::Server && self.rule.nth.as_ref().is_some_and(|nth| nth.ends_by(self.count))
    }

    pub(super) fn new(no: RuleNo, rule: Arc<Rule>, is_loaded: bool, since: Since) -> Self {
        Self {
            no,
            rule,
            enabled: true,
            is_loaded,
            since,
            fired: 0,
            without_effect: 0,
            missed: BTreeMap::new(),
            asked: 0,
            fires: Vec::new(),
            near: Vec::new(),
            first: None,
            count: 0,
            counts: HashMap::new(),
            is_full: false,
            counting: Counting::default(),
        }
    }
}
