//! IMAP4rev1 (RFC 3501) as a pure state machine: settings, states, and how octets become requests.

mod append;
mod command;
mod copy;
mod date;
mod expunge;
mod fetch;
mod fields;
mod flags;
mod idle;
mod leniency;
mod list;
mod login;
mod mailboxes;
#[cfg(test)]
mod model;
mod parser;
mod perform;
mod refusal;
mod search;
mod select;
mod set;
mod status;
mod store;
mod tokenizer;
mod utf7;
mod view;
mod wildcard;
mod work;
mod write;

use std::borrow::Cow;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::line::{Line, is_http};
use super::sasl::{self, Mechanism};
use super::{
    CapabilityOverride, CapabilityOverrides, Decoded, Event, Framing, Input, Machine, MailTxn, Next, Outcome, Reply,
    RequestField, StartTls, Unfinished, Value,
};
use crate::mail::{AccountNo, Accounts, MailboxId, Message};
use command::{ImapCommand, Needs};
pub(crate) use leniency::Leniency;
use parser::Parser;
use refusal::Refusal;
use tokenizer::{Break, Frame, RawCommand, Tokenizer};
use view::View;
use work::Work;

/// How many entries one turn of a long command deals with.
const PORTION: usize = 256;

/// What this machine is told once, for all its sessions.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The server's own name, in the greeting.
    pub(crate) host: Box<str>,
    pub(crate) starttls: StartTls,
    pub(crate) limits: Limits,
    pub(crate) leniency: Leniency,
}

/// How much a client may send, and for how long it may be silent.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Octets of a command, its literals included and messages not (RFC 2683 §3.2.1.5 asks for at least 8,000).
    pub(crate) command: usize,
    /// Octets of a message that APPEND brings.
    pub(crate) message: u64,
    /// Silence between commands (RFC 3501 §5.4: 30 minutes at least).
    pub(crate) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { command: 64 << 10, message: 25 << 20, idle: Duration::from_secs(30 * 60) }
    }
}

/// One session's machine.
pub(crate) struct Imap {
    config: Arc<Config>,
    tokenizer: Tokenizer,
    state: ImapState,
    mode: Mode,
    is_secured: bool,
    /// There are too many sessions: the greeting says so, and goodbye.
    is_busy: bool,
    /// What is announced instead, in the clear and under TLS.
    mask: CapabilityOverrides,
}

/// RFC 3501 §3.
enum ImapState {
    /// Nothing was said yet: the greeting is due.
    Silent,
    NotAuthenticated,
    Authenticated(AccountNo),
    Selected(AccountNo, Box<View>),
}

/// What the next line is.
enum Mode {
    Command,
    /// A response of a login, under this tag.
    Sasl(Box<str>, sasl::Exchange),
    /// The end of IDLE, under this tag.
    Idle(Box<str>),
}

/// What the client asks.
#[derive(Debug)]
pub(crate) struct Request(Ask);

#[derive(Debug)]
enum Ask {
    Greeting,
    Command(Box<str>, ImapCommand),
    /// A literal is announced: the command so far.
    Literal(RawCommand),
    /// What is no command: the tag if there is one, and why.
    Refused(Option<Box<str>>, Refusal),
    Sasl(Bytes),
    EndIdle(Bytes),
    /// The rest of a command that is answered in parts.
    More {
        tag: Box<str>,
        may_expunge: bool,
        work: Work,
    },
    Push,
    /// The client speaks HTTP.
    Http,
    Lapse,
    Stop,
}

/// What a command comes to: how it goes on, or why it is refused.
type Answer = Result<Progress, Refusal>;

#[derive(Debug)]
enum Progress {
    /// It is done; this is said behind `OK`.
    Done(String),
    /// The same as done; the capabilities are announced, because many clients never ask for them.
    LoggedIn,
    /// There is more to do.
    More(Work),
    /// The client is told to go on with `+`, and the command with what it says then.
    Continuation,
    /// The same as done, and then TLS begins.
    Secure(String),
    /// The same as done, and then the session ends.
    End(String),
}

impl Imap {
    /// A machine for a new connection; `is_secured` where TLS came first.
    pub(crate) fn new(config: Arc<Config>, is_secured: bool, is_busy: bool) -> Self {
        let tokenizer = Tokenizer::new(config.limits.command, config.limits.message, config.leniency);
        Self {
            config,
            tokenizer,
            state: ImapState::Silent,
            mode: Mode::Command,
            is_secured,
            is_busy,
            mask: CapabilityOverrides::default(),
        }
    }

    fn offers_tls(&self) -> bool {
        self.config.starttls >= StartTls::Offered && !self.is_secured
    }

    /// Whether this is refused now because STARTTLS comes first.
    fn lacks_tls(&self, before: StartTls) -> bool {
        self.config.starttls >= before && !self.is_secured
    }

    /// What is announced depends on what may be done now (RFC 3501 §7.2.1).
    pub(in crate::protocol) fn capabilities(&self) -> String {
        let mut all = vec!["IMAP4rev1", "LITERAL+", "SASL-IR", "ENABLE", "ID"];
        let auth = Mechanism::ALL.map(|mechanism| format!("AUTH={}", mechanism.name()));
        match self.state {
            ImapState::Authenticated(_) | ImapState::Selected(..) => {}
            ImapState::Silent | ImapState::NotAuthenticated => {
                if self.offers_tls() {
                    all.push("STARTTLS");
                }
                match self.lacks_tls(StartTls::BeforeLogin) {
                    true => all.push("LOGINDISABLED"),
                    false => all.extend(auth.iter().map(String::as_str)),
                }
            }
        }
        all.extend(["IDLE", "NAMESPACE", "UIDPLUS", "MOVE", "UNSELECT", "CHILDREN", "SPECIAL-USE"]);
        all.extend(["CREATE-SPECIAL-USE", "MULTIAPPEND", "ESEARCH", "STATUS=SIZE", "BINARY"]);
        match self.offers() {
            None => all.join(" "),
            Some(offer) => offer.apply(all.into_iter().map(Cow::Borrowed).collect()).join(" "),
        }
    }

    fn push_capabilities(&self, out: &mut Reply) {
        out.push_capabilities(self.mask.label(self.is_secured), self.capabilities());
    }

    /// What is announced instead, at this moment.
    fn offers(&self) -> Option<&CapabilityOverride> {
        self.mask.at(self.is_secured)
    }

    fn view(&self) -> Result<&View, Refusal> {
        match &self.state {
            ImapState::Selected(_, view) => Ok(view),
            _ => Err(Refusal::unselected()),
        }
    }

    fn view_mut(&mut self) -> Result<&mut View, Refusal> {
        match &mut self.state {
            ImapState::Selected(_, view) => Ok(view),
            _ => Err(Refusal::unselected()),
        }
    }

    /// The view, where EXAMINE does not forbid to change anything.
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

    /// Reads a command; what is wrong with it is a request too.
    fn read(&self, raw: &RawCommand) -> (Event, Ask) {
        let leniency = self.config.leniency;
        let blanks = if leniency.extra_blanks { raw.blanks } else { 0 };
        let text = &raw.text[..raw.text.len() - blanks];
        let mut parser = Parser::new(text, &raw.messages).lenient(leniency);
        let tag: Box<str> = match parser.tag() {
            Ok(tag) => tag.into(),
            Err(wrong) => return (Event::ImapUnknown, Ask::Refused(None, Refusal::wrong(wrong))),
        };
        let (verb, by_uid) = match command::verb(&mut parser) {
            Ok(verb) => verb,
            Err(wrong) => return (Event::ImapUnknown, Ask::Refused(Some(tag), Refusal::wrong(wrong))),
        };
        // The state comes first: a command that may not come need not be right.
        if let Err(refusal) = self.admits(verb.needs, verb.name) {
            return (verb.event, Ask::Refused(Some(tag), refusal));
        }
        match verb.parse(&mut parser, by_uid) {
            // Credentials that come with the command are complete.
            Ok(command @ ImapCommand::Authenticate { initial: Some(_), .. }) => {
                (Event::ImapAuth, Ask::Command(tag, command))
            }
            Ok(command) => (verb.event, Ask::Command(tag, command)),
            Err(wrong) => (verb.event, Ask::Refused(Some(tag), Refusal::wrong(wrong))),
        }
    }

    fn admits(&self, needs: Needs, name: &str) -> Result<(), Refusal> {
        let is_logged_in = self.account().is_some();
        match needs {
            Needs::Nothing => Ok(()),
            Needs::NoLogin if is_logged_in => Err(Refusal::bad(format!("{name} comes before the login"))),
            Needs::NoLogin => Ok(()),
            Needs::Login | Needs::Mailbox if !is_logged_in => Err(Refusal::bad("log in first")),
            Needs::Login => Ok(()),
            Needs::Mailbox => self.view().map(|_| ()),
        }
    }

    fn hear(&mut self, frame: Frame) -> Decoded<Request> {
        let is_http = match &frame {
            Frame::Whole(raw) | Frame::Broken(raw, _) => is_http(&raw.text),
            // No line of HTTP ends so.
            Frame::Announced(_) => false,
        };
        let decoded = self.hear_command(frame);
        if is_http { Decoded { request: Request(Ask::Http), ..decoded } } else { decoded }
    }

    fn hear_command(&mut self, frame: Frame) -> Decoded<Request> {
        match frame {
            Frame::Whole(raw) => {
                let (event, ask) = self.read(&raw);
                Decoded { event, input: input_of(raw), request: Request(ask) }
            }
            Frame::Announced(raw) => {
                let input = input_of(raw.clone());
                Decoded { event: Event::ImapLiteral, input, request: Request(Ask::Literal(raw)) }
            }
            Frame::Broken(raw, why) => {
                let limits = &self.config.limits;
                let text = match why {
                    Break::BareLf => "a line ends with CRLF; a bare LF ends nothing".to_owned(),
                    Break::LongLine(_) => format!("a command has {} octets at most", limits.command),
                    Break::LargeLiteral => format!("a command and its literals have {} octets at most", limits.command),
                    Break::LargeMessage => format!("[TOOBIG] a message has {} octets at most", limits.message),
                };
                let mut parser = Parser::new(&raw.text, &raw.messages);
                let tag = parser.tag().ok().filter(|_| parser.peek() == Some(b' ')).map(Box::from);
                let event = command::verb(&mut parser).map_or(Event::ImapUnknown, |(verb, _)| verb.event);
                let refusal = if why == Break::LargeMessage { Refusal::no(text) } else { Refusal::bad(text) };
                let input = match why {
                    Break::LongLine(octets) => Input::LongLine { start: raw.text, octets },
                    _ => input_of(raw),
                };
                Decoded { event, input, request: Request(Ask::Refused(tag, refusal)) }
            }
        }
    }
}

/// What of a command was heard just now.
fn input_of(raw: RawCommand) -> Input {
    let mut text = raw.text.slice(raw.new.min(raw.text.len())..);
    if !raw.end.is_empty() {
        text = [text, raw.end].concat().into();
    }
    if raw.places.is_empty() {
        return Input::Line(text);
    }
    let places = raw.places.into_iter().map(|(at, octets)| (at - raw.new, octets));
    Input::Literals { text, messages: places.collect() }
}

impl Machine for Imap {
    type Request = Request;

    fn decode(&mut self, input: &mut BytesMut) -> Option<Decoded<Request>> {
        let (event, line) = match &self.mode {
            _ if matches!(self.state, ImapState::Silent) => {
                self.state = ImapState::NotAuthenticated;
                let request = Request(Ask::Greeting);
                return Some(Decoded { event: Event::ImapGreeting, input: Input::Silence, request });
            }
            Mode::Command => {
                let frame = self.tokenizer.next(input)?;
                return Some(self.hear(frame));
            }
            Mode::Sasl(_, sasl::Exchange::LoginName) => (Event::ImapAuthStep, self.tokenizer.line(input)?),
            Mode::Sasl(..) => (Event::ImapAuth, self.tokenizer.line(input)?),
            Mode::Idle(_) => (Event::ImapIdleDone, self.tokenizer.line(input)?),
        };
        let (input, line) = match line {
            Line::Whole(line) => (Input::Line(line.clone()), line),
            Line::BareLf(line) if event == Event::ImapIdleDone && self.config.leniency.bare_lf_behind_done => {
                let done = line.slice(..line.len() - 1);
                (Input::Line(line), done)
            }
            // Neither DONE nor base64.
            Line::BareLf(line) => (Input::Line(line), Bytes::from_static(b"\n")),
            Line::TooLong { start, octets } => (Input::LongLine { start, octets }, Bytes::new()),
        };
        let ask = if event == Event::ImapIdleDone { Ask::EndIdle(line) } else { Ask::Sasl(line) };
        Some(Decoded { event, input, request: Request(ask) })
    }

    fn lapse(&mut self) -> Decoded<Request> {
        Decoded { event: Event::ImapLapse, input: Input::Silence, request: Request(Ask::Lapse) }
    }

    fn stop(&mut self) -> Decoded<Request> {
        Decoded { event: Event::ImapStop, input: Input::Silence, request: Request(Ask::Stop) }
    }

    fn patience(&self) -> Duration {
        self.config.limits.idle
    }

    fn interest(&self) -> &[MailboxId] {
        match (&self.mode, &self.state) {
            (Mode::Idle(_), ImapState::Selected(_, view)) => slice::from_ref(&view.place),
            _ => &[],
        }
    }

    fn notice(&mut self, accounts: &Accounts) -> Option<Decoded<Request>> {
        let view = self.view_mut().ok()?;
        let is_news = accounts.mailbox(view.place).is_none_or(|mailbox| view.notice(mailbox));
        is_news.then_some(Decoded { event: Event::ImapPush, input: Input::Silence, request: Request(Ask::Push) })
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

    fn conceal(&mut self, place: MailboxId, uid: u32) {
        if let ImapState::Selected(_, view) = &mut self.state
            && view.place == place
        {
            view.conceal(uid);
        }
    }

    fn mask(&mut self) -> Option<&mut CapabilityOverrides> {
        Some(&mut self.mask)
    }

    fn secured(&mut self) {
        self.is_secured = true;
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

/// The verbs that are understood; those that may come behind UID are the same.
#[cfg(test)]
pub(super) fn verbs() -> impl Iterator<Item = &'static str> {
    command::VERBS.iter().map(|verb| verb.name)
}
