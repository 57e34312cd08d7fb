//! The stage of an event: events of one stage allow the same steps.

use crate::protocol::Event;

/// The part of a session, or of the world, in which an event happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A connection before any protocol output; its TLS handshake.
    Connection,
    /// A request of a protocol, or output of the protocol without a request.
    Protocol,
    /// A closed exchange or an ended session: nothing can be changed.
    Over,
    /// A change of the world.
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

/// Why a step is impossible if no client receives output.
pub(super) const NOTHING_SAID: &str = "the server sends nothing at this event";

/// Whether there is a client that output can be sent to.
pub(super) fn has_client(event: Event) -> bool {
    matches!(Stage::of(event), Stage::Connection | Stage::Protocol)
}

/// Whether there is a session.
pub(super) fn has_session(event: Event) -> bool {
    Stage::of(event) != Stage::World
}

/// Why a rule cannot wait for an answer at this event, if it cannot.
pub(crate) fn no_answer(event: Event) -> Option<&'static str> {
    if matches!(event.as_smtp(), Event::SmtpStop | Event::ImapStop | Event::Pop3Stop) {
        return Some("the server stops, and does not wait for an answer");
    }
    (!has_client(event)).then_some("no client can wait for the answer at this event")
}

/// Whether the client sent a command, or a line of a login or of IDLE, which another command can replace.
pub(super) fn is_command(event: Event) -> bool {
    let is_content = matches!(event, Event::SmtpMessage | Event::LmtpMessage | Event::ImapLiteral);
    is_spoken(event) && !event.is_unasked() && !is_content
}

/// Whether the conforming server sends a reply of the protocol at this event.
pub(crate) fn is_spoken(event: Event) -> bool {
    Stage::of(event) == Stage::Protocol
}

/// Whether the conforming server sends output at this event: a reply, or its side of a TLS handshake.
pub(crate) fn has_output(event: Event) -> bool {
    is_spoken(event) || event == Event::TlsHello
}
