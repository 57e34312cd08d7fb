//! What sessions are told from outside.

use crate::protocol::{CapabilityOverride, Reply};
use crate::rule::CloseMode;

/// What a session is told from outside.
#[derive(Debug)]
pub(crate) enum SessionCommand {
    /// This, which no request asked for.
    Say(Reply),
    /// Announces something else from now on.
    CapabilityOverride(CapabilityOverride),
    End(EndCommand),
}

/// How a session ends that is told to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EndCommand {
    /// The server stops.
    Stop,
    /// It is ended by a test, or by a rule of another session, after this.
    Kick(Reply),
    /// A rule closes the connection.
    Close(CloseMode),
    /// More was said to the session than it could take while it was busy.
    Flooded,
}
