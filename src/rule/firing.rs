//! One firing of a rule, and whether it changes anything, now or later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::clause::{Rule, RuleNo};
use super::field::Field;

/// A rule that fires.
#[derive(Debug)]
pub(super) struct Firing {
    pub(super) no: RuleNo,
    pub(super) rule: Arc<Rule>,
    pub(super) n: u64,
    pub(super) counting: Counting,
    pub(super) key: String,
    pub(super) groups: Vec<(Box<str>, String)>,
    /// Values of the request that later steps use.
    pub(super) request: Vec<(Field, String)>,
}

/// Whether one firing changed anything.
#[derive(Debug)]
pub(super) struct FiringEffect {
    /// One of its steps changed something.
    pub(super) changed: bool,
    /// The steps that [may miss](super::Timed::may_miss) their target, and did.
    pub(super) missed: Vec<StepId>,
    /// A step that may miss is deferred.
    puts_off: bool,
    pub(super) firing: Undecided,
}

impl FiringEffect {
    pub(super) fn new(firing: Undecided) -> Self {
        Self { changed: false, missed: Vec::new(), puts_off: false, firing }
    }

    pub(super) fn note(&mut self, step: StepId, changed: bool) {
        self.changed |= changed;
        if !changed {
            self.missed.push(step);
        }
    }

    /// A deferred step may change something until it is known that it did not.
    pub(super) fn defer(&mut self) {
        self.puts_off = true;
        self.firing.defer();
    }

    /// Called when all immediate steps are done. Returns whether nothing was changed, and no deferred step can change
    /// anything.
    pub(super) fn is_none(&self) -> bool {
        !self.changed && (self.puts_off || !self.missed.is_empty()) && self.firing.missed()
    }
}

/// A step of a rule, or one that another step inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StepId {
    /// The index in the rule of this step, or of the step that inserted it.
    pub(super) index: usize,
    /// The name of its kind.
    pub(crate) name: &'static str,
}

/// The step of a rule that causes an effect.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) rule: Arc<str>,
    pub(super) step: StepId,
    /// The firing that it belongs to.
    pub(super) firing: Undecided,
}

/// A firing that may still change something, through its deferred steps.
#[derive(Debug, Clone)]
pub(super) struct Undecided {
    /// The count that the firing belongs to.
    counting: Counting,
    /// How many parts may still change something: each deferred step, and all immediate steps as one.
    outstanding: Arc<AtomicUsize>,
}

/// The counts of a rule until it is reset: an earlier firing does not count in the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Counting(Arc<()>);

impl Counting {
    /// Whether these are the same counts.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Undecided {
    pub(super) fn new(counting: Counting) -> Self {
        Self { counting, outstanding: Arc::new(AtomicUsize::new(1)) }
    }

    /// A step that may change nothing is deferred.
    pub(super) fn defer(&self) {
        self.outstanding.fetch_add(1, Ordering::Relaxed);
    }

    /// A deferred step, or all immediate steps together, changed nothing. Returns whether nothing else can change
    /// anything.
    pub(super) fn missed(&self) -> bool {
        self.outstanding.fetch_sub(1, Ordering::Relaxed) == 1
    }

    pub(super) fn is_in(&self, counting: &Counting) -> bool {
        self.counting.is(counting)
    }
}
