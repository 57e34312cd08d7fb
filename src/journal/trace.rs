//! What rules did to an exchange, as plain data.

use std::sync::Arc;

use crate::protocol::Written;

/// The rules that had to do with an exchange, what they wrote, and what was done to it on its way.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Trace {
    pub(crate) fired: Vec<Fired>,
    /// What rules wrote, by its place in the exchange's text; the conforming server wrote the rest.
    pub(crate) written: Vec<Written>,
    /// As `pace 7 octets, 5ms`, each with the rule that did it.
    pub(crate) shaped: Vec<(Box<str>, Arc<str>)>,
    /// What a rule cut off never left.
    pub(crate) is_cut: bool,
    pub(crate) stalled: Option<Stalled>,
}

/// A rule that fired, and how often it had fired by then, this time included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Fired {
    pub(crate) rule: Arc<str>,
    pub(crate) n: u64,
}

/// A rule keeps the client waiting for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Stalled {
    pub(crate) by: Arc<str>,
    /// Nothing is said to any other request either.
    pub(crate) is_connection: bool,
}

impl Trace {
    /// About how many octets it takes; names of rules are shared.
    pub(super) fn octets(&self) -> usize {
        let shaped: usize = self.shaped.iter().map(|shaped| size_of_val(shaped) + shaped.0.len()).sum();
        size_of::<Self>() + size_of_val(&*self.fired) + size_of_val(&*self.written) + shaped
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
