//! What a rule does to the world, with its texts filled in.

use super::rulebook::State;
use super::step::{End, Literal, One, Renumber, Tell, Variable};
use crate::base::Pattern;
use crate::protocol::Offer;
use std::sync::Arc;
use std::time::Duration;

/// One thing that is done to the world, now or later.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Deed {
    /// To the session: these octets, which nobody asked for.
    Say(Vec<u8>),
    /// To the session: its end.
    End(End),
    Listen(Duration),
    Set(Vec<(Variable, State)>),
    /// The message that is being accepted goes nowhere.
    Lose,
    /// The message that is being accepted goes there.
    Redirect(Target),
    Deliver {
        target: Target,
        message: Option<Box<str>>,
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
    Caps(Offer),
    Kick {
        user: Option<Pattern>,
        protocol: Option<Box<str>>,
        reply: Option<Vec<u8>>,
    },
    Note(String),
    Fail(String),
}

/// The step of a rule that wants something done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct By {
    pub(crate) rule: Arc<str>,
    /// Its place in the rule.
    pub(crate) step: usize,
}

impl Deed {
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
