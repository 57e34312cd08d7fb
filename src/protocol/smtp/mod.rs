//! SMTP (RFC 5321) as a pure state machine: its settings, the states of a session, and the decoding of requests.

mod chunk;
mod command;
mod data;
mod delivery;
mod dialect;
mod extension;
mod fields;
mod lenient;
mod parameter;
mod path;
mod perform;
mod refusal;
mod verify;
mod xclient;
mod xforward;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::field::message;
use super::line::{self, LOGIN_LINE, Line, Lines};
use super::{
    CapabilityOverrides, Decoded, Disconnect, Event, Framing, Input, Lenient, Machine, MailTxn, Next, Outcome,
    RequestField, StartTls, TlsState, Unfinished, Value,
};
use crate::base::Timestamp;
use crate::mail::{Accounts, Forwarded, Message, Recipient, Sender};
use crate::sasl::{Authentication, Channel};
use chunk::{Chunk, PendingChunk};
use command::SmtpCommand;
use data::{Body, Receiver};
use delivery::Deliveries;
pub(crate) use dialect::Dialect;
pub(crate) use parameter::parameter_keywords;
use refusal::Refusal;

/// Settings that all sessions share.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) dialect: Dialect,
    /// The server's own name, in the greeting and the EHLO reply.
    pub(crate) host: Box<str>,
    pub(crate) starttls: StartTls,
    /// Whether MAIL is refused before a login (530, RFC 4954 §6).
    pub(crate) requires_auth: bool,
    pub(crate) lenient: Lenient,
    /// Whether XCLIENT and XFORWARD are announced and accepted.
    pub(crate) xclient: bool,
    /// Whether the domains of senders and recipients must be fully qualified (RFC 6409 §4.2).
    pub(crate) needs_qualified: bool,
    /// Whether messages are held on request, as servers for submission may (RFC 4865).
    pub(crate) holds: bool,
    /// Part of SASL challenges, together with the session's number.
    pub(crate) seed: u32,
    pub(crate) limits: Limits,
}

#[cfg(test)]
impl Config {
    /// A server `test` in cleartext with the default limits.
    pub(crate) fn for_test(dialect: Dialect) -> Self {
        Self {
            dialect,
            host: "test".into(),
            starttls: StartTls::Never,
            requires_auth: false,
            lenient: Lenient::default(),
            xclient: false,
            needs_qualified: false,
            holds: false,
            seed: 1,
            limits: Limits::default(),
        }
    }
}

/// Limits for a client.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Octets of a command line, including CRLF (RFC 5321 §4.5.3.1.4 requires at least 512, extensions more). Lines of
    /// a login may have at least `LOGIN_LINE`.
    pub(crate) line: usize,
    /// Octets of a message, announced as SIZE (RFC 1870).
    pub(crate) message: u64,
    /// Recipients of a transaction (RFC 5321 §4.5.3.1.8 requires at least 100).
    pub(crate) recipients: usize,
    /// Time without input after which the session ends (RFC 5321 §4.5.3.2.7: at least 5 minutes).
    pub(crate) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 2048, message: 25 << 20, recipients: 1000, idle: Duration::from_secs(300) }
    }
}

/// The state machine of one session.
pub(crate) struct Smtp {
    config: Arc<Config>,
    lines: Lines,
    state: SmtpState,
    /// The chunk that is arriving, in any state.
    pending_chunk: Option<Box<PendingChunk>>,
    /// Whether the client has sent EHLO or HELO.
    is_introduced: bool,
    is_logged_in: bool,
    tls: TlsState,
    /// What XFORWARD told for the next transaction.
    forwarded: Option<Box<Forwarded>>,
    /// Whether the server has too many sessions: the greeting is 421.
    is_busy: bool,
    /// Changes of the announced capabilities, in cleartext and under TLS.
    capability_overrides: CapabilityOverrides,
}

/// What the next octets from the client mean.
enum SmtpState {
    /// Before the greeting.
    Silent,
    /// A command outside of a transaction.
    Idle,
    /// A command within a transaction.
    Transaction(Transaction),
    /// A message.
    Body(Transaction, Receiver),
    /// A command within a transaction whose message has begun with BDAT.
    Chunks(Transaction, Receiver),
    /// A command within a transaction of which a chunk was refused.
    ChunkRefused,
    /// A response in a SASL exchange.
    Sasl(Authentication),
}

/// A mail transaction, which MAIL began.
struct Transaction {
    sender: Sender,
    recipients: Vec<Recipient>,
    /// The number of accepted recipients.
    accepted: usize,
    /// Until when the message is held.
    held: Option<Timestamp>,
    forwarded: Option<Box<Forwarded>>,
}

/// A request of the client, or an event that needs a reply like one.
#[derive(Debug)]
pub(crate) enum Request {
    Greeting,
    Command(SmtpCommand),
    /// An invalid or unknown command.
    Wrong(Event, Refusal),
    /// An invalid line.
    Refused(Refusal),
    /// A response in a SASL exchange, as received.
    Sasl(Bytes),
    Message(Body),
    /// A chunk that is not the last one of a message.
    Chunk(Chunk),
    /// BDAT with more octets than can be counted.
    Endless,
    /// The recipients of a message without a reply so far, over LMTP.
    Deliveries(Box<Deliveries>),
    /// The server ends the session, without being asked.
    Disconnect(Disconnect),
}

impl Smtp {
    /// A machine for a new connection. `is_secured` is true if TLS is established before the greeting.
    pub(crate) fn new(config: Arc<Config>, is_secured: bool, is_busy: bool) -> Self {
        let tls = TlsState::new(config.starttls, is_secured);
        let lines = Lines::new(config.limits.line);
        let state = SmtpState::Silent;
        Self {
            config,
            lines,
            state,
            pending_chunk: None,
            is_introduced: false,
            is_logged_in: false,
            tls,
            forwarded: None,
            is_busy,
            capability_overrides: CapabilityOverrides::default(),
        }
    }

    /// The next request, with its event over SMTP.
    fn next(&mut self, input: &mut BytesMut) -> Option<Decoded<Request>> {
        if self.pending_chunk.is_some() {
            return self.receive_chunk(input);
        }
        match &mut self.state {
            SmtpState::Silent => {
                self.state = SmtpState::Idle;
                Some(Decoded::silent(Event::SmtpGreeting, Request::Greeting))
            }
            SmtpState::Body(_, receiver) => {
                let mut body = match self.config.lenient.ends.as_slice() {
                    [] => receiver.receive(input)?,
                    ends => lenient::receive(ends, receiver, input)?,
                };
                let (octets, odd_dots) = (body.octets, body.odd_dots.take());
                let input = Input::Body { octets, odd_dots, ends_bare: body.ends_bare };
                Some(Decoded { event: Event::SmtpMessage, input, request: Request::Message(body) })
            }
            SmtpState::Idle
            | SmtpState::Transaction(_)
            | SmtpState::Chunks(..)
            | SmtpState::ChunkRefused
            | SmtpState::Sasl(_) => {
                let limit = self.longest(input);
                let line = self.lines.next_within(input, limit)?;
                let decoded = self.read_line(line);
                let Request::Command(SmtpCommand::Bdat { size, is_last }) = decoded.request else {
                    return Some(decoded);
                };
                let Some(size) = size else {
                    return Some(Decoded { event: decoded.event, input: decoded.input, request: Request::Endless });
                };
                let Input::Line(line) = decoded.input else { return None };
                self.begin_chunk(&line, size, is_last);
                self.receive_chunk(input)
            }
        }
    }

    fn read_line(&mut self, line: Line) -> Decoded<Request> {
        let is_sasl = matches!(self.state, SmtpState::Sasl(_));
        let otherwise = if is_sasl { Event::SmtpAuthStep } else { Event::SmtpUnknown };
        let is_http = !is_sasl && line.is_http();
        let is_long_response = is_sasl && matches!(line, Line::TooLong { .. });
        let input = line.input();
        let limit = self.longest(line.octets());
        let line = if self.config.lenient.bare_lf { line.lenient() } else { line };
        let (event, request) = match line.text(limit) {
            Ok(line) if is_sasl => (self.sasl_event(), Request::Sasl(line)),
            Ok(line) => self.parse(&line),
            // RFC 4954 §6.
            Err(_) if is_long_response => {
                let refusal = Refusal::new("500 5.5.6", "Authentication Exchange line is too long");
                (otherwise, Request::Refused(refusal))
            }
            // RFC 5321 §4.5.3.1.9.
            Err(why) => (otherwise, Request::Refused(Refusal::new("500 5.5.2", &why))),
        };
        Decoded { event, input, request: if is_http { Request::Disconnect(Disconnect::Http) } else { request } }
    }

    /// How many octets the line that begins like this may have.
    fn longest(&self, line: &[u8]) -> usize {
        let is_auth = line.get(..5).is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH "));
        let is_login = is_auth || matches!(self.state, SmtpState::Sasl(_));
        if is_login { self.config.limits.line.max(LOGIN_LINE) } else { self.config.limits.line }
    }

    /// Parses a command. An invalid command becomes a request to refuse it.
    fn parse(&self, line: &[u8]) -> (Event, Request) {
        let (event, command) = command::parse(line, self.config.limits.message, self.config.dialect);
        let event = match &command {
            // The command has complete credentials, so the server decides about them next.
            Ok(SmtpCommand::Auth { mechanism, initial }) if mechanism.is_complete_with(initial.as_deref()) => {
                Event::SmtpAuth
            }
            _ => event,
        };
        (event, command.map_or_else(|refusal| Request::Wrong(event, refusal), Request::Command))
    }

    /// The event of the next SASL response, which depends on whether it completes the credentials.
    fn sasl_event(&self) -> Event {
        match &self.state {
            SmtpState::Sasl(login) if !login.has_credentials_next() => Event::SmtpAuthStep,
            SmtpState::Silent
            | SmtpState::Idle
            | SmtpState::Transaction(_)
            | SmtpState::Body(..)
            | SmtpState::Chunks(..)
            | SmtpState::ChunkRefused
            | SmtpState::Sasl(_) => Event::SmtpAuth,
        }
    }
}

impl Machine for Smtp {
    type Request = Request;

    fn decode(&mut self, input: &mut BytesMut) -> Option<Decoded<Request>> {
        let mut decoded = self.next(input)?;
        decoded.event = self.config.dialect.event(decoded.event);
        Some(decoded)
    }

    fn lapse(&mut self) -> Decoded<Request> {
        let event = self.config.dialect.event(Event::SmtpLapse);
        Decoded::silent(event, Request::Disconnect(Disconnect::Lapse))
    }

    fn stop(&mut self) -> Decoded<Request> {
        let event = self.config.dialect.event(Event::SmtpStop);
        Decoded::silent(event, Request::Disconnect(Disconnect::Stop))
    }

    fn most_data(&self) -> u64 {
        self.config.limits.message
    }

    fn patience(&self) -> Duration {
        self.config.limits.idle
    }

    fn perform(&mut self, request: Request, txn: &mut MailTxn<'_>) -> Outcome<Request> {
        self.answer(request, txn)
    }

    fn reads(&self, request: &Request) -> bool {
        matches!(request, Request::Message(_) | Request::Deliveries(_))
    }

    fn messages(&self, request: &Request, _accounts: &Accounts) -> Option<Vec<Message>> {
        match request {
            Request::Message(body) => Some(vec![message(body.raw.clone()?)]),
            Request::Deliveries(deliveries) => Some(vec![deliveries.message().clone()]),
            Request::Greeting
            | Request::Command(_)
            | Request::Wrong(..)
            | Request::Refused(_)
            | Request::Sasl(_)
            | Request::Chunk(_)
            | Request::Endless
            | Request::Disconnect(_) => None,
        }
    }

    fn field<'a>(
        &'a self,
        decoded: &'a Decoded<Request>,
        field: &RequestField,
        accounts: &'a Accounts,
    ) -> Option<Value<'a>> {
        self.value_of(decoded, field, accounts)
    }

    fn framing(&self, request: &Request) -> Framing {
        match (request, self.config.dialect, &self.state) {
            (
                Request::Message(_),
                Dialect::Lmtp,
                SmtpState::Body(transaction, _) | SmtpState::Chunks(transaction, _),
            ) => Framing::Lmtp { replies: transaction.accepted },
            _ => Framing::Smtp,
        }
    }

    fn item(&self, request: &Request) -> Option<Event> {
        matches!(request, Request::Deliveries(_)).then_some(Event::LmtpDelivery)
    }

    fn reject(&mut self, request: Request, is_positive: bool) -> Next<Request> {
        self.rejected(request, is_positive)
    }

    fn command(&mut self, instead_of: &Request, line: &[u8]) -> Option<Request> {
        let line = line::whole(line, self.longest(line))?;
        match instead_of {
            Request::Command(_) | Request::Wrong(..) | Request::Refused(_) => {}
            Request::Sasl(_) => self.state = SmtpState::Idle,
            Request::Greeting
            | Request::Message(_)
            | Request::Chunk(_)
            | Request::Endless
            | Request::Deliveries(_)
            | Request::Disconnect(_) => return None,
        }
        // A chunk is more than a line.
        Some(self.parse(&line).1).filter(|request| !matches!(request, Request::Command(SmtpCommand::Bdat { .. })))
    }

    fn log_in(&mut self, login: &str, txn: &mut MailTxn<'_>) -> Result<Box<str>, String> {
        let (_, login) = txn.account_of(login)?;
        txn.enter(&login);
        self.is_logged_in = true;
        Ok(login)
    }

    fn capability_overrides(&mut self) -> Option<&mut CapabilityOverrides> {
        Some(&mut self.capability_overrides)
    }

    fn bind(&mut self, channel: Channel) {
        self.tls.bind(channel);
    }

    fn keeps_cleartext(&self) -> bool {
        self.config.lenient.starttls_injection
    }

    fn secured(&mut self) {
        self.tls.activate();
        self.is_introduced = false;
        self.is_logged_in = false;
        self.state = SmtpState::Idle;
        self.forwarded = None;
    }

    fn unfinished(&self) -> Unfinished {
        if let Some(chunk) = &self.pending_chunk {
            return Unfinished { within: Some("BDAT"), octets: chunk.octets() };
        }
        match &self.state {
            SmtpState::Body(_, receiver) => Unfinished { within: Some("DATA"), octets: receiver.octets() },
            SmtpState::Silent
            | SmtpState::Idle
            | SmtpState::Transaction(_)
            | SmtpState::Chunks(..)
            | SmtpState::ChunkRefused
            | SmtpState::Sasl(_) => Unfinished { within: None, octets: self.lines.unfinished() },
        }
    }

    fn unfinished_octets(&self) -> [&[u8]; 2] {
        let octets = match (&self.state, &self.pending_chunk) {
            (SmtpState::Chunks(_, receiver), Some(chunk)) => return [chunk.command(), chunk.kept(receiver)],
            (_, Some(chunk)) => chunk.command(),
            (SmtpState::Body(_, receiver), None) => receiver.kept(),
            (_, None) => self.lines.unfinished_start(),
        };
        [octets, &[]]
    }
}

/// The names of all commands.
pub(super) fn verbs() -> impl Iterator<Item = &'static str> {
    command::VERBS.iter().map(|(verb, _)| *verb).filter(|verb| Dialect::Smtp.has(verb))
}
