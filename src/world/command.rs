//! Commands for sessions, from outside of them.

use crate::protocol::{CapabilityOverride, Reply};
use crate::rule::CloseMode;

/// A command for a session.
#[derive(Debug)]
pub(crate) enum SessionCommand {
    /// Send this, without a request.
    Say(Reply),
    /// Announce these capabilities from now on.
    CapabilityOverride(CapabilityOverride),
    End(EndCommand),
}

/// A command that ends a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EndCommand {
    /// The server stops.
    Stop,
    /// A test or a rule ends the session, after sending this.
    Kick(Reply),
    /// A rule closes the connection.
    Close(CloseMode),
    /// Too many commands waited while the session was busy.
    Flooded,
}
