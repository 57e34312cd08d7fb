//! One firing of a rule: what is known of it, and whether it changes anything, now or later.

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
    /// What steps name of a request that is performed.
    pub(super) request: Vec<(Field, String)>,
}

/// Whether one firing changed anything.
#[derive(Debug)]
pub(super) struct FiringEffect {
    /// One of its steps did.
    pub(super) changed: bool,
    /// The steps that [may miss](super::Timed::may_miss) what they are about, and did.
    pub(super) missed: Vec<usize>,
    /// A step that may miss is done later.
    puts_off: bool,
    pub(super) firing: Undecided,
}

impl FiringEffect {
    pub(super) fn new(firing: Undecided) -> Self {
        Self { changed: false, missed: Vec::new(), puts_off: false, firing }
    }

    pub(super) fn note(&mut self, step: usize, changed: bool) {
        self.changed |= changed;
        if !changed {
            self.missed.push(step);
        }
    }

    /// What is put off may have an effect until it turns out that it has none.
    pub(super) fn put_off(&mut self) {
        self.puts_off = true;
        self.firing.put_off();
    }

    /// All that is done at once is done. Gives whether nothing was changed, and nothing that is put off can do so.
    pub(super) fn is_none(&self) -> bool {
        !self.changed && (self.puts_off || !self.missed.is_empty()) && self.firing.missed()
    }
}

/// The step of a rule that wants something done.
#[derive(Debug, Clone)]
pub(crate) struct By {
    pub(crate) rule: Arc<str>,
    /// Its place in the rule.
    pub(crate) step: usize,
    /// The firing that it is a step of.
    pub(super) firing: Undecided,
}

/// A firing of which it is not known yet whether it changes anything: what it put off may do so later.
#[derive(Debug, Clone)]
pub(super) struct Undecided {
    /// What the firing is counted in.
    counting: Counting,
    /// How much of it may still change something: each step that is done later, and all that are done at once as one.
    outstanding: Arc<AtomicUsize>,
}

/// What is counted of a rule until it is reset: a firing from before does not count in the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Counting(Arc<()>);

impl Undecided {
    pub(super) fn new(counting: Counting) -> Self {
        Self { counting, outstanding: Arc::new(AtomicUsize::new(1)) }
    }

    /// A step that may change nothing is done later.
    pub(super) fn put_off(&self) {
        self.outstanding.fetch_add(1, Ordering::Relaxed);
    }

    /// One of the steps that were put off changed nothing, or all that were done at once. Gives whether nothing else
    /// can change anything.
    pub(super) fn missed(&self) -> bool {
        self.outstanding.fetch_sub(1, Ordering::Relaxed) == 1
    }

    pub(super) fn is_in(&self, counting: &Counting) -> bool {
        Arc::ptr_eq(&self.counting.0, &counting.0)
    }
}
