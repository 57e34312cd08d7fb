//! What a rule does to the world, with its texts filled in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::step::{CloseMode, Literal, One, Renumber, Tell, Variable};
use super::variables::VariableValue;
use crate::base::{Pattern, Timestamp};
use crate::protocol::{CapabilityOverride, Destination, Protocol, Route};

/// One thing that is done to the world, now or later.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// To the session: these octets, which nobody asked for.
    Say(Vec<u8>),
    /// To the session: its end.
    End(CloseMode),
    Listen(Duration),
    Set(Vec<(Variable, VariableValue)>),
    /// The message that is being accepted goes nowhere.
    Lose,
    /// The message that is being accepted goes there.
    Redirect(Target),
    Deliver {
        target: Target,
        message: Box<str>,
    },
    Expunge {
        target: Target,
        one: One,
        tell: Tell,
    },
    Flag {
        target: Target,
        one: One,
        add: Vec<Box<str>>,
        remove: Vec<Box<str>>,
        tell: Tell,
    },
    Mailbox {
        target: Target,
        uid_validity: Option<Literal>,
        renumber: Option<Renumber>,
    },
    Caps(CapabilityOverride),
    Kick {
        user: Option<Pattern>,
        protocol: Option<Protocol>,
        reply: Option<Vec<u8>>,
    },
    Note(String),
    Fail(String),
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

/// The way of the message that is accepted, where a rule gives it one.
#[derive(Debug, Clone)]
pub(crate) enum Delivery {
    /// It is captured, and nobody gets it.
    Lost,
    Into(Destination),
    /// It is filed at this time.
    Later(Timestamp, Destination, By),
}

impl Delivery {
    /// What becomes of the message at once.
    pub(crate) fn route(&self) -> Route {
        match self {
            Self::Lost | Self::Later(..) => Route::Nowhere,
            Self::Into(destination) => Route::Into(destination.clone()),
        }
    }
}

impl Effect {
    /// The mailbox that it is done to.
    pub(crate) fn target_mut(&mut self) -> Option<&mut Target> {
        match self {
            Self::Deliver { target, .. } | Self::Expunge { target, .. } => Some(target),
            Self::Flag { target, .. } | Self::Mailbox { target, .. } => Some(target),
            _ => None,
        }
    }
}

/// A mailbox: of this user, or of the session's; of this name, or the one that is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) user: Option<String>,
    pub(crate) mailbox: Option<Box<str>>,
}
