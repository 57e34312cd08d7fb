//! What a request and its reply show of a client, seen by themselves.

use crate::journal::RecordedTurn;
use crate::protocol::{Event, Protocol, Status};
use crate::sasl::{Mechanism, Secret};

/// The codes of the server's replies to SMTP commands that are not valid in themselves or at this place of the session
/// (RFC 5321 §4.2.3, RFC 6531 §3.5).
const INVALID: &[&[u8]] = &[b"500", b"501", b"502", b"503", b"504", b"553", b"555"];

/// Whether the line of a request ended with a bare LF. The last literal of an IMAP command may end with LF too; such a
/// command is not refused.
pub(super) fn is_bare(turn: &RecordedTurn<'_>, event: Event) -> bool {
    let may_be_literal = event.protocol() == Some(Protocol::Imap) && event != Event::ImapIdleDone;
    turn.heard.ends_with(b"\n") && !(may_be_literal && turn.status == Some(Status::Positive))
}

/// Whether a line has a CR that is not part of a CRLF. Literals may have some.
pub(super) fn has_bare_cr(heard: &[u8]) -> bool {
    let line = heard.strip_suffix(b"\r\n").unwrap_or(heard);
    memchr::memchr(b'\r', line).is_some_and(|at| line.get(at + 1) != Some(&b'\n'))
}

/// Whether a rule fired at the request.
pub(super) fn is_ruled(turn: &RecordedTurn<'_>) -> bool {
    turn.trace().is_some_and(|trace| !trace.fired.is_empty())
}

/// Whether a script expected the request, so that it need not be one of the protocol.
pub(super) fn is_expected(turn: &RecordedTurn<'_>) -> bool {
    turn.trace().is_some_and(|trace| trace.is_expected)
}

pub(super) fn is_quit(event: Event) -> bool {
    matches!(event.as_smtp(), Event::SmtpQuit | Event::ImapQuit | Event::Pop3Quit)
}

/// Whether the server told the client that the session is over (RFC 5321 §3.8, RFC 3501 §7.1.5).
pub(super) fn is_end(protocol: Protocol, said: &[u8]) -> bool {
    let mut lines = said.split(|octet| *octet == b'\n');
    match protocol {
        Protocol::Smtp | Protocol::Lmtp => lines.any(|line| line.starts_with(b"421")),
        Protocol::Imap => lines.any(|line| line.starts_with(b"* BYE")),
        Protocol::Pop3 => false,
    }
}

/// Whether the server itself refused a command, because of its syntax or because it is not allowed now.
pub(super) fn is_refused_as_invalid(turn: &RecordedTurn<'_>, protocol: Protocol) -> bool {
    if turn.status != Some(Status::Negative) {
        return false;
    }
    match protocol {
        // A client may cancel a login with `*` (RFC 4954 §4).
        Protocol::Smtp | Protocol::Lmtp => turn.heard != b"*" && INVALID.iter().any(|code| turn.said.starts_with(code)),
        // A tagged BAD (RFC 3501 §7.1.3).
        Protocol::Imap => {
            let last = turn.said.trim_ascii_end().rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
            turn.heard != b"*" && last.split(|octet| *octet == b' ').nth(1) == Some(b"BAD")
        }
        // -ERR does not say why.
        Protocol::Pop3 => false,
    }
}

/// The secret in a request that anybody on the way can read. `mechanism` is that of the login.
pub(super) fn secret(event: Event, mechanism: Option<&Mechanism>) -> Option<&'static str> {
    let is_sasl = matches!(event.as_smtp(), Event::SmtpAuth | Event::ImapAuth | Event::Pop3Auth);
    match mechanism.filter(|_| is_sasl).map(Mechanism::secret) {
        Some(Secret::Password) => Some("a password"),
        Some(Secret::Token) => Some("an access token"),
        None if matches!(event, Event::ImapLogin | Event::Pop3Pass) => Some("a password"),
        Some(Secret::Proof | Secret::Nothing) | None => None,
    }
}

pub(super) fn starttls(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Pop3 { "STLS" } else { "STARTTLS" }
}
