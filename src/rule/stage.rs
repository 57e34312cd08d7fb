//! What an event is an event of: events of one stage allow the same steps.

use crate::protocol::Event;

/// Where something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A connection, before anything is said; its TLS handshake.
    Connection,
    /// A request of a protocol, or what a protocol says unasked.
    Protocol,
    /// Nothing can be changed any more.
    Over,
    /// Something changed in the world.
    World,
}

impl Stage {
    fn of(event: Event) -> Self {
        if event.protocol().is_some() {
            Self::Protocol
        } else if event.is_of_world() {
            Self::World
        } else if matches!(event, Event::TcpClose | Event::TlsFailed | Event::TcpSay) {
            Self::Over
        } else {
            Self::Connection
        }
    }
}

/// Why a step is impossible where no client hears anything.
pub(super) const NOTHING_SAID: &str = "the server sends nothing at this event";

/// Whether there is a client that something could be said to.
pub(super) fn has_client(event: Event) -> bool {
    matches!(Stage::of(event), Stage::Connection | Stage::Protocol)
}

/// Whether there is a session.
pub(super) fn has_session(event: Event) -> bool {
    Stage::of(event) != Stage::World
}

/// Whether the conforming server says something at this event.
pub(crate) fn is_spoken(event: Event) -> bool {
    Stage::of(event) == Stage::Protocol
}
