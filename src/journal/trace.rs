//! What rules did to an exchange, as plain data.

use std::sync::Arc;

use crate::protocol::Written;

/// The rules that fired in an exchange, what they wrote, and how they changed the request or the output.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Trace {
    pub(crate) fired: Vec<Fired>,
    /// Whether a script expected what the client sent.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) is_expected: bool,
    /// The text that rules wrote, by its position in the exchange's text. The server wrote the rest.
    pub(crate) written: Vec<Written>,
    /// Such as `pace 7 octets, 5ms` or `"NOOP" performed`, each with its rule.
    pub(crate) shaped: Vec<(Box<str>, Arc<str>)>,
    /// Whether a rule cut off a part of the reply.
    pub(crate) is_cut: bool,
    pub(crate) stalled: Option<Stalled>,
}

/// A rule that fired, and how often it has fired, including this time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Fired {
    pub(crate) rule: Arc<str>,
    pub(crate) n: u64,
}

/// A stalled reply: the rule, and whether the whole connection stalls.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Stalled {
    pub(crate) by: Arc<str>,
    /// Whether later requests get no reply either.
    pub(crate) is_connection: bool,
}

impl Trace {
    /// About how many octets of memory it takes, without the names of rules, which are shared.
    pub(super) fn octets(&self) -> usize {
        let shaped: usize = self.shaped.iter().map(|shaped| size_of_val(shaped) + shaped.0.len()).sum();
        size_of::<Self>() + size_of_val(&*self.fired) + size_of_val(&*self.written) + shaped
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
