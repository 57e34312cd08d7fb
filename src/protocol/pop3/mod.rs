//! POP3 (RFC 1939) as a pure state machine: its settings, the states of a session, and the decoding of requests.

mod capabilities;
mod command;
mod fields;
mod maildrop;
mod perform;
mod policy;
mod read;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::line::{self, LOGIN_LINE, Lines};
use super::{
    CapabilityOverrides, Decoded, Disconnect, Event, Framing, Lenient, Machine, MailTxn, Next, Outcome, RequestField,
    StartTls, TlsState, Unfinished, Value,
};
use crate::mail::{AccountNo, Accounts, Message};
use crate::sasl::{Authentication, Channel};
use command::Pop3Command;
use maildrop::Maildrop;
pub(crate) use policy::{Expire, Policy, UniqueIds};
use read::{Extent, Read};

/// Settings that all sessions share.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The host name in the greeting.
    pub(crate) host: Box<str>,
    pub(crate) starttls: StartTls,
    /// Part of the greeting's timestamp and of challenges, together with the session's number.
    pub(crate) seed: u32,
    pub(crate) limits: Limits,
    pub(crate) policy: Policy,
    pub(crate) lenient: Lenient,
}

/// Limits for a client.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Octets of a command line, including CRLF (RFC 2449 §4 requires 255). Lines of a SASL login may have at least
    /// `LOGIN_LINE`.
    pub(crate) line: usize,
    /// Time without input after which the session ends (RFC 1939 §3: at least 10 minutes).
    pub(crate) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 8192, idle: Duration::from_secs(600) }
    }
}

/// The state machine of one session.
pub(crate) struct Pop3 {
    config: Arc<Config>,
    lines: Lines,
    state: Pop3State,
    /// The timestamp of the greeting, which is part of the digest of APOP (RFC 1939 §7).
    timestamp: Option<String>,
    tls: TlsState,
    /// Whether the client has sent UTF8 (RFC 6856 §2.1).
    is_utf8: bool,
    /// Whether the server has too many sessions: the greeting is an error, and the session ends.
    is_busy: bool,
    /// Changes of the announced capabilities, in cleartext and under TLS.
    capability_overrides: CapabilityOverrides,
}

/// The states of RFC 1939 §3.
enum Pop3State {
    /// Before the greeting.
    Silent,
    /// Before a login. Has the user name if the last command was USER.
    Authorization(Option<String>),
    /// Within a SASL exchange.
    Sasl(Authentication),
    Transaction(AccountNo, Maildrop),
}

/// A request of the client, or an event that needs a reply like one.
#[derive(Debug)]
pub(crate) struct Request {
    ask: Ask,
    read: Read,
}

#[derive(Debug)]
enum Ask {
    Greeting,
    Command(Pop3Command),
    /// An invalid or unknown command, and the reason.
    Wrong(Event, String),
    /// An invalid line, and the reason.
    Refused(String),
    Sasl(Bytes),
    /// The server ends the session, without being asked.
    Disconnect(Disconnect),
}

impl Pop3 {
    /// A machine for a new connection. `is_secured` is true if TLS is established before the greeting.
    pub(crate) fn new(config: Arc<Config>, is_secured: bool, is_busy: bool) -> Self {
        let tls = TlsState::new(config.starttls, is_secured);
        let lines = Lines::new(config.limits.line);
        Self {
            config,
            lines,
            state: Pop3State::Silent,
            timestamp: None,
            tls,
            is_utf8: false,
            is_busy,
            capability_overrides: CapabilityOverrides::default(),
        }
    }

    /// How many octets the line that begins like this may have.
    fn longest(&self, line: &[u8]) -> usize {
        let is_auth = line.get(..5).is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH "));
        let is_login = is_auth || matches!(self.state, Pop3State::Sasl(_));
        if is_login { self.config.limits.line.max(LOGIN_LINE) } else { self.config.limits.line }
    }

    /// Whether UTF-8 in the headers of this message can be sent: the sender did not declare an internationalized message
    /// (RFC 6531 §3.4), the client said that it can read it, or the server does not announce that the client can ask.
    ///
    /// # Rationale
    /// A message with UTF-8 in its header that was not declared violates RFC 5322, but many programs send such messages,
    /// and their tests read them with clients that do not know UTF8.
    fn may_have_utf8(&self, message: &Message) -> bool {
        let announces = || self.capability_lines().iter().any(|line| line.split(' ').next() == Some("UTF8"));
        !message.envelope().sender().parameters().smtputf8() || self.is_utf8 || !announces()
    }

    /// Parses a command. An invalid command becomes a request to refuse it.
    fn parse(line: &[u8]) -> (Event, Ask) {
        let (event, command) = command::parse(line);
        (event, command.map_or_else(|why| Ask::Wrong(event, why), Ask::Command))
    }
}

impl Machine for Pop3 {
    type Request = Request;

    fn decode(&mut self, input: &mut BytesMut) -> Option<Decoded<Request>> {
        let otherwise = match &self.state {
            Pop3State::Silent => {
                self.state = Pop3State::Authorization(None);
                let request = Ask::Greeting.into();
                return Some(Decoded::silent(Event::Pop3Greeting, request));
            }
            Pop3State::Sasl(login) if !login.has_credentials_next() => Event::Pop3AuthStep,
            Pop3State::Sasl(_) => Event::Pop3Auth,
            Pop3State::Authorization(_) | Pop3State::Transaction(..) => Event::Pop3Unknown,
        };
        let is_command = otherwise == Event::Pop3Unknown;
        let limit = self.longest(input);
        let line = self.lines.next_within(input, limit)?;
        let is_http = is_command && line.is_http();
        let input = line.input();
        let limit = self.longest(line.octets());
        let (event, ask) = match line.text(limit) {
            Ok(line) if is_command => Self::parse(&line),
            Ok(line) => (otherwise, Ask::Sasl(line)),
            Err(why) => (otherwise, Ask::Refused(why)),
        };
        Some(Decoded { event, input, request: if is_http { Ask::Disconnect(Disconnect::Http) } else { ask }.into() })
    }

    fn lapse(&mut self) -> Decoded<Request> {
        Decoded::silent(Event::Pop3Lapse, Ask::Disconnect(Disconnect::Lapse).into())
    }

    fn stop(&mut self) -> Decoded<Request> {
        Decoded::silent(Event::Pop3Stop, Ask::Disconnect(Disconnect::Stop).into())
    }

    fn patience(&self) -> Duration {
        self.config.limits.idle
    }

    fn perform(&mut self, Request { ask, read }: Request, txn: &mut MailTxn<'_>) -> Outcome<Request> {
        self.answer(ask, read, txn)
    }

    fn reads(&self, request: &Request) -> bool {
        self.message(&request.ask).is_some() || self.needs_hashes(&request.ask)
    }

    fn messages(&self, request: &Request, _accounts: &Accounts) -> Option<Vec<Message>> {
        self.message(&request.ask).map(|message| vec![message.clone()])
    }

    fn gather(&self, Request { ask, read }: &mut Request, _accounts: &Accounts) -> u64 {
        let lines = match ask {
            Ask::Command(Pop3Command::Top { lines, .. }) => Some(*lines),
            Ask::Command(Pop3Command::Retr(_)) => None,
            Ask::Command(Pop3Command::Uidl(number)) if self.config.policy.unique_ids.have_hash() => {
                let Pop3State::Transaction(_, maildrop) = &self.state else { return 0 };
                let unhashed = maildrop.unhashed(*number);
                let octets = unhashed.iter().map(|(_, message)| message.raw().len().max(1) as u64).sum();
                *read = Read::Unhashed(unhashed);
                return octets;
            }
            Ask::Command(_) | Ask::Greeting | Ask::Wrong(..) | Ask::Refused(_) | Ask::Sasl(_) | Ask::Disconnect(_) => {
                return 0;
            }
        };
        let Some(message) = self.message(ask) else { return 0 };
        let may_have_utf8 = self.may_have_utf8(message);
        *read = Read::Gathered(message.clone(), Extent { lines, may_have_utf8 });
        message.raw().len().max(1) as u64
    }

    fn compute(Request { read, .. }: &mut Request) {
        read.compute();
    }

    fn field<'a>(
        &'a self,
        decoded: &'a Decoded<Request>,
        field: &RequestField,
        _accounts: &'a Accounts,
    ) -> Option<Value<'a>> {
        self.value_of(decoded, field)
    }

    fn framing(&self, _request: &Request) -> Framing {
        Framing::Pop3
    }

    fn reject(&mut self, Request { ask, .. }: Request, _is_positive: bool) -> Next<Request> {
        self.rejected(&ask)
    }

    fn command(&mut self, instead_of: &Request, line: &[u8]) -> Option<Request> {
        let line = line::whole(line, self.longest(line))?;
        match &instead_of.ask {
            Ask::Command(_) | Ask::Wrong(..) | Ask::Refused(_) => {}
            Ask::Sasl(_) => self.state = Pop3State::Authorization(None),
            Ask::Greeting | Ask::Disconnect(_) => return None,
        }
        Some(Self::parse(&line).1.into())
    }

    fn log_in(&mut self, login: &str, txn: &mut MailTxn<'_>) -> Result<Box<str>, String> {
        let (account, login) = txn.account_of(login)?;
        self.open(account, txn)?;
        txn.enter(&login);
        Ok(login)
    }

    fn greeted(&mut self, greeting: &[u8]) {
        // A rule may send more after an awaited line.
        if greeting.starts_with(b"+OK") {
            self.take_timestamp(&String::from_utf8_lossy(greeting));
        }
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
        self.is_utf8 = false;
        self.state = Pop3State::Authorization(None);
    }

    fn unfinished(&self) -> Unfinished {
        Unfinished { within: None, octets: self.lines.unfinished() }
    }

    fn unfinished_octets(&self) -> [&[u8]; 2] {
        [self.lines.unfinished_start(), &[]]
    }
}

impl From<Ask> for Request {
    fn from(ask: Ask) -> Self {
        Self { ask, read: Read::Nothing }
    }
}

/// The names of all commands.
pub(super) fn verbs() -> impl Iterator<Item = &'static str> {
    command::VERBS.iter().map(|(verb, _)| *verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SessionNo, Timestamp};
    use crate::mail::{Flags, Namespace, Origin};
    use crate::protocol::{MailStore, Piece};

    fn config(policy: Policy) -> Config {
        Config {
            host: "test".into(),
            starttls: StartTls::Never,
            seed: 1,
            limits: Limits::default(),
            policy,
            lenient: Lenient::default(),
        }
    }

    #[test]
    fn a_login_that_comes_too_early_names_its_user() {
        let mut mail = MailStore::new(Accounts::new(Vec::new(), Namespace::default(), 1));
        let policy = Policy { login_delay: Duration::from_secs(90), ..Policy::default() };
        let mut said = Vec::new();
        let mut users = Vec::new();
        for _ in 0..2 {
            let mut machine = Pop3::new(Arc::new(config(policy.clone())), false, false);
            let mut input = BytesMut::from(&b"USER bob\r\nPASS x\r\nQUIT\r\n"[..]);
            while let Some(Decoded { event, request, .. }) = machine.decode(&mut input) {
                let mut txn = MailTxn::new(&mut mail, Origin::Session(SessionNo(1)), Timestamp::from_micros(0));
                let reply = machine.perform(request, &mut txn).reply;
                if event == Event::Pop3Pass {
                    said.push(String::from_utf8(reply.pieces().flatten().copied().collect()).unwrap());
                    users.push(txn.close().facts.and_then(|facts| facts.user));
                }
            }
        }

        let refusal = "-ERR [LOGIN-DELAY] you may log in again in 90 s\r\n";
        assert_eq!(said, ["+OK 0 messages, 0 octets\r\n", refusal]);
        assert!(users.iter().all(Option::is_some), "{users:?}");
    }

    #[test]
    fn retr_reads_a_message_only_once_before_its_turn() {
        let mut mail = MailStore::new(Accounts::new(Vec::new(), Namespace::default(), 1));
        let mut txn = MailTxn::new(&mut mail, Origin::Delivered, Timestamp::from_micros(0));
        let inbox = txn.mailbox_of("bob", "INBOX").unwrap();
        txn.append(inbox, Flags::NONE, None, Bytes::from_static(b"a: b\r\n\r\n.\r\n..\r\n"));
        let mut machine = Pop3::new(Arc::new(config(Policy::default())), false, false);
        let mut input = BytesMut::from(&b"USER bob\r\nPASS x\r\nRETR 1\r\nTOP 1 1\r\nTOP 2 1\r\nNOOP\r\n"[..]);
        let mut seen = Vec::new();
        while let Some(Decoded { mut request, .. }) = machine.decode(&mut input) {
            assert_eq!(machine.reads(&request), machine.gather(&mut request, &mail.accounts) > 0);
            Pop3::compute(&mut request);
            let read = match &request.read {
                Read::Text(text) => text.clone().unwrap().into_pieces(),
                Read::Nothing | Read::Gathered(..) | Read::Unhashed(_) | Read::Hashed(_) => Vec::new(),
            };
            let mut txn = MailTxn::new(&mut mail, Origin::Session(SessionNo(1)), Timestamp::from_micros(0));
            let reply = machine.perform(request, &mut txn).reply;

            // Compare addresses: the octets must be shared, not copied.
            let place = |pieces: Vec<Piece>| {
                let octets = pieces.into_iter().filter_map(|piece| match piece {
                    Piece::Labelled(_, octets, _) => Some(octets.as_ptr_range()),
                    Piece::Text(..) => None,
                });
                octets.collect::<Vec<_>>()
            };
            let text = String::from_utf8(reply.pieces().flatten().copied().collect()).unwrap();
            assert_eq!(place(read), place(reply.into_pieces()), "{text}");
            seen.extend(text.split_once("\r\n").map(|(_, behind)| behind.to_owned()).filter(|its| !its.is_empty()));
        }
        assert_eq!(seen, ["a: b\r\n\r\n..\r\n...\r\n.\r\n", "a: b\r\n\r\n..\r\n.\r\n"]);
    }
}
