//! SMTP (RFC 5321) as a pure state machine.

use std::time::Duration;

/// Which of SMTP's services a listener offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Relaying, port 25: mail comes without credentials (RFC 5321).
    Relay,
    /// Submission, ports 587 and 465: users send their mail (RFC 6409, RFC 8314).
    Submission,
}

/// What this machine is told once, for all its sessions.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The server's own name, in the greeting and the EHLO reply.
    pub(crate) host: Box<str>,
    pub(crate) service: Service,
    /// STARTTLS is offered while the session is in the clear.
    pub(crate) offers_tls: bool,
    /// MAIL and AUTH are refused while the session is in the clear (530, RFC 3207 §4; 538, RFC 4954 §6).
    pub(crate) requires_tls: bool,
    /// MAIL is refused before a login (530, RFC 4954 §6).
    pub(crate) requires_auth: bool,
    pub(crate) limits: Limits,
}

/// How much a client may send, and for how long it may be silent.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Octets of a command line, CRLF included (RFC 5321 §4.5.3.1.4 asks for at least 512, extensions for more).
    pub(crate) line: usize,
    /// Octets of a message, announced as SIZE (RFC 1870).
    pub(crate) message: u64,
    /// Recipients of a transaction (RFC 5321 §4.5.3.1.8 asks for at least 100).
    pub(crate) recipients: usize,
    /// Silence between commands and within data (RFC 5321 §4.5.3.2.7: 5 minutes at least).
    pub(crate) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 2048, message: 25 << 20, recipients: 1000, idle: Duration::from_secs(300) }
    }
}

pub(crate) struct Smtp;

impl Smtp {
    pub(crate) fn new(_: std::sync::Arc<Config>, _: bool, _: bool) -> Self {
        Self
    }
}

impl super::Machine for Smtp {
    type Request = ();
    fn decode(&mut self, _: &mut bytes::BytesMut) -> Option<super::Heard<()>> {
        None
    }
    fn lapse(&mut self) -> super::Heard<()> {
        unreachable!()
    }
    fn stop(&mut self) -> super::Heard<()> {
        unreachable!()
    }
    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn perform(&mut self, _: (), _: &mut super::Desk<'_>) -> super::Step<()> {
        unreachable!()
    }
    fn secured(&mut self) {}
    fn unfinished(&self) -> u64 {
        0
    }
}
