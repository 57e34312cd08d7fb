//! IMAP4rev1 (RFC 3501) as a pure state machine: its settings and the states of a session.

mod command;
mod date;
mod decode;
mod extension;
mod fields;
mod flags;
mod literal;
mod long_command;
#[cfg(test)]
mod model;
mod names;
mod parser;
mod perform;
mod raw_command;
mod refusal;
mod refused;
mod reply;
mod request;
mod sequence_set;
#[cfg(test)]
mod tests;
mod tokenizer;
mod tolerance;
mod utf7;
mod view;

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::{
    CapabilityOverrides, Decoded, Disconnect, Event, Framing, Lenient, Machine, MailTxn, Next, Outcome, Reply,
    RequestField, StartTls, TlsState, Unfinished, Value,
};
use crate::mail::{AccountNo, Accounts, Mailbox, MailboxId, Message};
use crate::sasl::{Authentication, Channel};
use command::AllowedIn;
pub(crate) use command::fetch::{name_in_responses, names_in_responses};
pub(crate) use literal::announcement;
use refusal::Refusal;
pub(crate) use request::Request;
use request::{Answer, Ask, Progress};
use tokenizer::Tokenizer;
pub(crate) use tolerance::Tolerance;
use view::View;

/// How many messages one turn of a long command processes.
const PORTION: usize = 256;

/// Settings that all sessions share.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The host name in the greeting.
    pub(crate) host: Box<str>,
    pub(crate) starttls: StartTls,
    /// Part of SASL challenges, together with the session's number.
    pub(crate) seed: u32,
    pub(crate) limits: Limits,
    pub(crate) tolerance: Tolerance,
    pub(crate) lenient: Lenient,
}

#[cfg(test)]
impl Config {
    /// A strict server `test` in cleartext with the default limits.
    fn for_test() -> Self {
        Self {
            host: "test".into(),
            starttls: StartTls::Never,
            seed: 1,
            limits: Limits::default(),
            lenient: Lenient::default(),
            tolerance: Tolerance::STRICT,
        }
    }
}

/// Limits for a client.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Octets of a command with its literals, but without messages (RFC 2683 §3.2.1.5 recommends at least 8,000).
    pub(crate) command: usize,
    /// Octets of a message of APPEND.
    pub(crate) message: u64,
    /// Time without input after which the session ends (RFC 3501 §5.4: at least 30 minutes).
    pub(crate) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { command: 64 << 10, message: 25 << 20, idle: Duration::from_secs(30 * 60) }
    }
}

/// The state machine of one session.
pub(crate) struct Imap {
    config: Arc<Config>,
    tokenizer: Tokenizer,
    state: ImapState,
    mode: Mode,
    tls: TlsState,
    /// Whether the server has too many sessions: the greeting is BYE.
    is_busy: bool,
    /// Changes of the announced capabilities, in cleartext and under TLS.
    capability_overrides: CapabilityOverrides,
    /// Whether replies leave out what other sessions changed.
    holds_updates: bool,
}

/// The states of RFC 3501 §3.
enum ImapState {
    /// Before the greeting.
    Silent,
    NotAuthenticated,
    Authenticated(AccountNo),
    Selected(AccountNo, Box<View>),
}

/// What the next line from the client means.
enum Mode {
    Command,
    /// A response in a SASL exchange, which AUTHENTICATE with this tag began.
    Sasl(Box<str>, Authentication),
    /// The end of IDLE, which has this tag.
    Idle(Box<str>),
}

impl Imap {
    /// A machine for a new connection. `is_secured` is true if TLS is established before the greeting.
    pub(crate) fn new(config: Arc<Config>, is_secured: bool, is_busy: bool) -> Self {
        let tls = TlsState::new(config.starttls, is_secured);
        let tokenizer = Tokenizer::new(config.limits.command, config.limits.message, config.tolerance);
        Self {
            config,
            tokenizer,
            state: ImapState::Silent,
            mode: Mode::Command,
            tls,
            is_busy,
            capability_overrides: CapabilityOverrides::default(),
            holds_updates: false,
        }
    }

    /// The capabilities that are announced in this state (RFC 3501 §7.2.1).
    pub(in crate::protocol) fn capabilities(&self) -> String {
        self.capability_overrides.apply(&self.tls, self.own_capabilities()).join(" ")
    }

    fn push_capabilities(&self, out: &mut Reply) {
        out.push_capabilities(self.capability_overrides.label(&self.tls), self.capabilities());
    }

    fn view(&self) -> Result<&View, Refusal> {
        match &self.state {
            ImapState::Selected(_, view) => Ok(view),
            ImapState::Silent | ImapState::NotAuthenticated | ImapState::Authenticated(_) => Err(Refusal::unselected()),
        }
    }

    fn view_mut(&mut self) -> Result<&mut View, Refusal> {
        match &mut self.state {
            ImapState::Selected(_, view) => Ok(view),
            ImapState::Silent | ImapState::NotAuthenticated | ImapState::Authenticated(_) => Err(Refusal::unselected()),
        }
    }

    /// The view of a mailbox that was opened for writing, with SELECT.
    fn writable(&mut self) -> Result<&mut View, Refusal> {
        match self.view_mut()? {
            view if view.is_read_only => Err(Refusal::no("[READ-ONLY] the mailbox was opened with EXAMINE")),
            view => Ok(view),
        }
    }

    fn account(&self) -> Option<AccountNo> {
        match self.state {
            ImapState::Authenticated(account) | ImapState::Selected(account, _) => Some(account),
            ImapState::Silent | ImapState::NotAuthenticated => None,
        }
    }

    fn logged_in(&self) -> Result<AccountNo, Refusal> {
        self.account().ok_or_else(|| Refusal::bad("log in first"))
    }

    /// The selected mailbox: this session's view of it, and its current content.
    fn selected<'a>(&self, accounts: &'a Accounts) -> Option<(&View, &'a Mailbox)> {
        let view = self.view().ok()?;
        Some((view, accounts.mailbox(view.place)?))
    }

    fn deselect(&mut self, account: AccountNo, txn: &mut MailTxn<'_>) {
        if let ImapState::Selected(..) = self.state {
            txn.select(None);
        }
        self.state = ImapState::Authenticated(account);
    }

    /// Whether a command is allowed in this state of the session.
    fn admits(&self, allowed_in: AllowedIn, name: &str) -> Result<(), Refusal> {
        match allowed_in {
            AllowedIn::AnyState => Ok(()),
            AllowedIn::NotAuthenticated => match self.account() {
                Some(_) => Err(Refusal::bad(format!("{name} is allowed only before the login"))),
                None => Ok(()),
            },
            AllowedIn::Authenticated => self.logged_in().map(|_| ()),
            AllowedIn::Selected => self.logged_in().and_then(|_| self.view()).map(|_| ()),
        }
    }
}

impl Machine for Imap {
    type Request = Request;

    fn decode(&mut self, input: &mut BytesMut) -> Option<Decoded<Request>> {
        self.next_request(input)
    }

    fn lapse(&mut self) -> Decoded<Request> {
        Decoded::silent(Event::ImapLapse, Request(Ask::Disconnect(Disconnect::Lapse)))
    }

    fn stop(&mut self) -> Decoded<Request> {
        Decoded::silent(Event::ImapStop, Request(Ask::Disconnect(Disconnect::Stop)))
    }

    fn most_data(&self) -> u64 {
        self.config.limits.message
    }

    fn patience(&self) -> Duration {
        self.config.limits.idle
    }

    fn interest(&self) -> &[MailboxId] {
        match (&self.mode, &self.state) {
            (Mode::Idle(_), ImapState::Selected(_, view)) => slice::from_ref(&view.place),
            (Mode::Command | Mode::Sasl(..) | Mode::Idle(_), _) => &[],
        }
    }

    fn notice(&mut self, accounts: &Accounts) -> Option<Decoded<Request>> {
        let view = self.view_mut().ok()?;
        let is_news = accounts.mailbox(view.place).is_none_or(|mailbox| view.notice(mailbox));
        is_news.then_some(Decoded::silent(Event::ImapPush, Request(Ask::Push)))
    }

    fn perform(&mut self, Request(ask): Request, txn: &mut MailTxn<'_>) -> Outcome<Request> {
        self.answer(ask, txn)
    }

    fn reads(&self, Request(ask): &Request) -> bool {
        Self::reads_for(ask)
    }

    fn messages(&self, Request(ask): &Request, accounts: &Accounts) -> Option<Vec<Message>> {
        self.messages_of(ask, accounts)
    }

    fn gather(&self, Request(ask): &mut Request, accounts: &Accounts) -> u64 {
        self.gather_for(ask, accounts)
    }

    fn compute(Request(ask): &mut Request) {
        if let Ask::More { work, .. } = ask {
            work.compute();
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

    fn framing(&self, Request(ask): &Request) -> Framing {
        self.framing_of(ask)
    }

    fn reject(&mut self, Request(ask): Request, is_positive: bool) -> Next<Request> {
        self.rejected(ask, is_positive)
    }

    fn command(&mut self, Request(instead_of): &Request, line: &[u8]) -> Option<Request> {
        self.other_command(instead_of, line).map(Request)
    }

    fn log_in(&mut self, login: &str, txn: &mut MailTxn<'_>) -> Result<Box<str>, String> {
        let (account, login) = txn.account_of(login)?;
        txn.enter(&login);
        if self.account() != Some(account) {
            self.deselect(account, txn);
        }
        Ok(login)
    }

    fn item(&self, Request(ask): &Request) -> Option<Event> {
        Self::item_of(ask)
    }

    fn tell(&mut self, txn: &mut MailTxn<'_>) -> Reply {
        let mut out = Reply::default();
        if let ImapState::Selected(_, view) = &mut self.state {
            view.sync(txn, &mut out, true);
        }
        out
    }

    fn hold_updates(&mut self, are_held: bool) {
        self.holds_updates = are_held;
    }

    fn conceal(&mut self, place: MailboxId, uid: u32) {
        if let ImapState::Selected(_, view) = &mut self.state
            && view.place == place
        {
            view.conceal(uid);
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
        self.state = ImapState::NotAuthenticated;
        self.mode = Mode::Command;
    }

    fn unfinished(&self) -> Unfinished {
        self.tokenizer.unfinished()
    }

    fn unfinished_octets(&self) -> [&[u8]; 2] {
        self.tokenizer.unfinished_octets()
    }
}

/// The names of all commands.
pub(super) fn verbs() -> impl Iterator<Item = &'static str> {
    command::all().map(|spec| spec.name)
}
