//! IMAP4rev1 (RFC 3501) as a pure state machine: settings, states, and how octets become requests.

mod append;
mod command;
mod copy;
mod date;
mod expunge;
mod fetch;
mod flags;
mod frame;
mod idle;
mod list;
mod login;
mod mailboxes;
#[cfg(test)]
mod model;
mod parser;
mod search;
mod select;
mod set;
mod status;
mod store;
mod utf7;
mod view;
mod write;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::line::Line;
use super::sasl::{self, Mechanism};
use super::{Desk, Event, Heard, Machine, Next, Reply, Step, Words};
use crate::mail::{AccountNo, Accounts, Place};
use command::{Command, Needs};
use frame::{Break, Frame, Framer, Sentence};
use parser::{Parser, Wrong};
use view::View;

/// How many entries one turn of a long command deals with.
const PORTION: usize = 256;

/// What this machine is told once, for all its sessions.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The server's own name, in the greeting.
    pub(crate) host: Box<str>,
    /// STARTTLS is offered while the session is in the clear.
    pub(crate) offers_tls: bool,
    /// Logins are refused while the session is in the clear (LOGINDISABLED, RFC 3501 §6.2.3).
    pub(crate) requires_tls: bool,
    pub(crate) limits: Limits,
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
    framer: Framer,
    state: State,
    mode: Mode,
    is_secured: bool,
    /// There are too many sessions: the greeting says so, and goodbye.
    is_busy: bool,
}

/// RFC 3501 §3.
enum State {
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
    Command(Box<str>, Command),
    /// A literal is announced: the command so far.
    Literal(Sentence),
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
    Lapse,
    Stop,
}

/// A command that takes several turns.
#[derive(Debug)]
enum Work {
    Copy(copy::Copying),
    Expunge(expunge::Expunging),
    Fetch(fetch::Fetching),
    Search(search::Searching),
    Store(store::Storing),
}

/// What a command comes to: how it goes on, or why it is refused.
type Answer = Result<Progress, Refusal>;

#[derive(Debug)]
enum Progress {
    /// It is done; this is said behind `OK`.
    Done(String),
    /// There is more to do.
    More(Work),
    /// What there is to say has been said.
    Untagged,
    /// The same as done, and then TLS begins.
    Secure(String),
    /// The same as done, and then the session ends.
    End(String),
}

/// Why a command is not performed.
#[derive(Debug, Clone)]
struct Refusal {
    status: &'static str,
    text: String,
}

impl Refusal {
    fn no(text: impl Into<String>) -> Self {
        Self { status: "NO", text: text.into() }
    }

    fn bad(text: impl Into<String>) -> Self {
        Self { status: "BAD", text: text.into() }
    }

    fn wrong(Wrong { at, what }: Wrong) -> Self {
        Self::bad(format!("at octet {}: {what}", at + 1))
    }

    fn failed_login() -> Self {
        Self::no("[AUTHENTICATIONFAILED] Authentication failed: the user name or the password is wrong")
    }

    fn no_mailbox(name: &str) -> Self {
        Self::no(format!("[NONEXISTENT] there is no mailbox {}", utf7::encode(name)))
    }

    /// RFC 3501 §6.3.11: CREATE would help.
    fn try_create(name: &str) -> Self {
        Self::no(format!("[TRYCREATE] there is no mailbox {}", utf7::encode(name)))
    }

    fn no_message(number: u32, count: usize) -> Self {
        Self::bad(format!("there is no message {number}; there are {count}"))
    }

    fn unselected() -> Self {
        Self::bad("SELECT a mailbox first")
    }

    fn keywords() -> Self {
        Self::no(format!("[LIMIT] a mailbox has {} keywords at most", crate::mail::Flags::MOST_KEYWORDS))
    }
}

impl Imap {
    /// A machine for a new connection; `is_secured` where TLS came first.
    pub(crate) fn new(config: Arc<Config>, is_secured: bool, is_busy: bool) -> Self {
        let framer = Framer::new(config.limits.command, config.limits.message);
        Self { config, framer, state: State::Silent, mode: Mode::Command, is_secured, is_busy }
    }

    fn offers_tls(&self) -> bool {
        self.config.offers_tls && !self.is_secured
    }

    fn lacks_tls(&self) -> bool {
        self.config.requires_tls && !self.is_secured
    }

    /// What is announced depends on what may be done now (RFC 3501 §7.2.1).
    fn capabilities(&self) -> String {
        let mut all = vec!["IMAP4rev1", "LITERAL+", "SASL-IR", "ENABLE", "ID"];
        let auth = Mechanism::ALL.map(|mechanism| format!("AUTH={}", mechanism.name()));
        match self.state {
            State::Authenticated(_) | State::Selected(..) => {}
            State::Silent | State::NotAuthenticated => {
                if self.offers_tls() {
                    all.push("STARTTLS");
                }
                match self.lacks_tls() {
                    true => all.push("LOGINDISABLED"),
                    false => all.extend(auth.iter().map(String::as_str)),
                }
            }
        }
        all.extend(["IDLE", "NAMESPACE", "UIDPLUS", "MOVE", "UNSELECT", "CHILDREN", "SPECIAL-USE"]);
        all.extend(["CREATE-SPECIAL-USE", "MULTIAPPEND", "ESEARCH", "STATUS=SIZE", "BINARY"]);
        all.join(" ")
    }

    fn view(&self) -> Result<&View, Refusal> {
        match &self.state {
            State::Selected(_, view) => Ok(view),
            _ => Err(Refusal::unselected()),
        }
    }

    fn view_mut(&mut self) -> Result<&mut View, Refusal> {
        match &mut self.state {
            State::Selected(_, view) => Ok(view),
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
            State::Authenticated(account) | State::Selected(account, _) => Some(account),
            State::Silent | State::NotAuthenticated => None,
        }
    }

    /// Reads a command; what is wrong with it is a request too.
    fn read(&self, sentence: &Sentence) -> (Event, Ask) {
        let mut parser = Parser::new(&sentence.text, &sentence.messages);
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
            Ok(command @ Command::Authenticate { initial: Some(_), .. }) => {
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

    fn hear(&mut self, frame: Frame) -> Heard<Request> {
        match frame {
            Frame::Whole(sentence) => {
                let (event, ask) = self.read(&sentence);
                Heard { event, words: words(sentence), request: Request(ask) }
            }
            Frame::Announced(sentence) => {
                let words = words(sentence.clone());
                Heard { event: Event::ImapLiteral, words, request: Request(Ask::Literal(sentence)) }
            }
            Frame::Broken(sentence, why) => {
                let limits = &self.config.limits;
                let text = match why {
                    Break::BareLf => "a line ends with CRLF; a bare LF ends nothing".to_owned(),
                    Break::LongLine(_) => format!("a command has {} octets at most", limits.command),
                    Break::LargeLiteral => format!("a command and its literals have {} octets at most", limits.command),
                    Break::LargeMessage => format!("[TOOBIG] a message has {} octets at most", limits.message),
                };
                let mut parser = Parser::new(&sentence.text, &sentence.messages);
                let tag = parser.tag().ok().filter(|_| parser.peek() == Some(b' ')).map(Box::from);
                let event = command::verb(&mut parser).map_or(Event::ImapUnknown, |(verb, _)| verb.event);
                let refusal = if why == Break::LargeMessage { Refusal::no(text) } else { Refusal::bad(text) };
                let words = match why {
                    Break::LongLine(octets) => Words::LongLine { start: sentence.text, octets },
                    _ => words(sentence),
                };
                Heard { event, words, request: Request(Ask::Refused(tag, refusal)) }
            }
        }
    }
}

/// What of a command was heard just now.
fn words(sentence: Sentence) -> Words {
    let text = sentence.text.slice(sentence.new.min(sentence.text.len())..);
    if sentence.places.is_empty() {
        return Words::Line(text);
    }
    let places = sentence.places.into_iter().map(|(at, octets)| (at - sentence.new, octets));
    Words::Literals { text, messages: places.collect() }
}

impl Machine for Imap {
    type Request = Request;

    fn decode(&mut self, input: &mut BytesMut) -> Option<Heard<Request>> {
        let (event, line) = match &self.mode {
            _ if matches!(self.state, State::Silent) => {
                self.state = State::NotAuthenticated;
                let request = Request(Ask::Greeting);
                return Some(Heard { event: Event::ImapGreeting, words: Words::Silence, request });
            }
            Mode::Command => {
                let frame = self.framer.next(input)?;
                return Some(self.hear(frame));
            }
            Mode::Sasl(_, sasl::Exchange::LoginName) => (Event::ImapAuthStep, self.framer.line(input)?),
            Mode::Sasl(..) => (Event::ImapAuth, self.framer.line(input)?),
            Mode::Idle(_) => (Event::ImapIdleDone, self.framer.line(input)?),
        };
        let (words, line) = match line {
            Line::Whole(line) | Line::BareLf(line) => (Words::Line(line.clone()), line),
            Line::TooLong { start, octets } => (Words::LongLine { start, octets }, Bytes::new()),
        };
        let ask = if event == Event::ImapIdleDone { Ask::EndIdle(line) } else { Ask::Sasl(line) };
        Some(Heard { event, words, request: Request(ask) })
    }

    fn lapse(&mut self) -> Heard<Request> {
        Heard { event: Event::ImapLapse, words: Words::Silence, request: Request(Ask::Lapse) }
    }

    fn stop(&mut self) -> Heard<Request> {
        Heard { event: Event::ImapStop, words: Words::Silence, request: Request(Ask::Stop) }
    }

    fn patience(&self) -> Duration {
        self.config.limits.idle
    }

    fn interest(&self) -> Option<Place> {
        match (&self.mode, &self.state) {
            (Mode::Idle(_), State::Selected(_, view)) => Some(view.place),
            _ => None,
        }
    }

    fn notice(&mut self, accounts: &Accounts) -> Option<Heard<Request>> {
        let view = self.view().ok()?;
        let is_news = accounts.mailbox(view.place).is_none_or(|mailbox| view.has_news(mailbox));
        is_news.then_some(Heard { event: Event::ImapPush, words: Words::Silence, request: Request(Ask::Push) })
    }

    fn perform(&mut self, Request(ask): Request, desk: &mut Desk<'_>) -> Step<Request> {
        let mut out = Reply::default();
        if let Some(gone) = self.is_gone(desk).filter(|_| !matches!(ask, Ask::Stop | Ask::Lapse)) {
            out.add(format_args!("* BYE {gone}\r\n"));
            return Step { reply: out, next: Next::End };
        }
        match ask {
            Ask::Greeting => self.greet(out),
            Ask::Command(tag, command) => {
                let may_expunge = command.may_expunge();
                let answer = self.command(&tag, command, desk, &mut out);
                self.complete(tag, may_expunge, answer, desk, out)
            }
            Ask::More { tag, may_expunge, work } => {
                let answer = self.go_on(work, desk, &mut out);
                self.complete(tag, may_expunge, answer, desk, out)
            }
            Ask::Literal(sentence) => self.literal(&sentence, desk, out),
            Ask::Refused(tag, Refusal { status, text }) => {
                // Without a tag there is nothing to answer but to say that something was wrong.
                out.add(format_args!("{} {status} {text}\r\n", tag.as_deref().unwrap_or("*")));
                Step { reply: out, next: Next::Continue }
            }
            Ask::Sasl(response) => {
                let Mode::Sasl(tag, exchange) = std::mem::replace(&mut self.mode, Mode::Command) else {
                    unreachable!("a response is heard only while a login is under way")
                };
                let answer = self.respond(&tag, exchange, &response, desk, &mut out);
                self.complete(tag, true, answer, desk, out)
            }
            Ask::EndIdle(line) => {
                let Mode::Idle(tag) = std::mem::replace(&mut self.mode, Mode::Command) else {
                    unreachable!("the end of IDLE is heard only within it")
                };
                let answer = self.end_idle(&line, desk);
                self.complete(tag, true, answer, desk, out)
            }
            Ask::Push => {
                if let State::Selected(_, view) = &mut self.state {
                    view.sync(desk, &mut out, true);
                }
                Step { reply: out, next: Next::Continue }
            }
            Ask::Lapse => {
                out.push("* BYE I have waited too long for you\r\n");
                Step { reply: out, next: Next::End }
            }
            Ask::Stop => {
                out.push("* BYE I am shutting down\r\n");
                Step { reply: out, next: Next::End }
            }
        }
    }

    fn secured(&mut self) {
        self.is_secured = true;
        self.state = State::NotAuthenticated;
        self.mode = Mode::Command;
    }

    fn unfinished(&self) -> u64 {
        self.framer.unfinished()
    }
}

impl Imap {
    fn greet(&self, mut out: Reply) -> Step<Request> {
        let host = &self.config.host;
        if self.is_busy {
            out.add(format_args!("* BYE {host} has too many sessions; come back later\r\n"));
            return Step { reply: out, next: Next::End };
        }
        out.add(format_args!("* OK [CAPABILITY {}] {host} mailjig\r\n", self.capabilities()));
        Step { reply: out, next: Next::Continue }
    }

    /// Why this session cannot go on: its account, or the mailbox it selected, is no longer there (RFC 2180 §3.3).
    fn is_gone(&self, desk: &Desk<'_>) -> Option<&'static str> {
        let account = self.account()?;
        if desk.account(account).is_none() {
            return Some("The server was reset");
        }
        let view = self.view().ok()?;
        desk.mailbox(view.place).is_none().then_some("The mailbox was deleted")
    }

    fn command(&mut self, tag: &str, command: Command, desk: &mut Desk<'_>, out: &mut Reply) -> Answer {
        let Some(account) = self.account() else { return self.command_before_login(tag, command, desk, out) };
        match command {
            Command::Append(append) => self.append(account, append, desk),
            Command::Check => Ok(Progress::Done("Checked".to_owned())),
            Command::Close => self.close(account, desk),
            Command::Copy { set, by_uid, mailbox, is_move } => {
                self.copy(account, (&set, by_uid), &mailbox, is_move, desk, out)
            }
            Command::Create { mailbox, special_use } => self.create(account, &mailbox, special_use, desk),
            Command::Delete(mailbox) => self.delete(account, &mailbox, desk),
            Command::Enable => {
                // RFC 5161 §3.2: what is not known is not enabled, and no error.
                out.push("* ENABLED\r\n");
                Ok(Progress::Done("There is nothing that needs to be enabled".to_owned()))
            }
            Command::Expunge(uids) => self.expunge(uids.as_ref(), desk),
            Command::Fetch(fetch) => self.fetch(fetch, desk, out),
            Command::Idle => self.idle(tag, desk, out),
            Command::List(list) => self.list(account, &list, desk, out),
            Command::Namespace => self.namespace(desk, out),
            Command::Rename { from, to } => self.rename(account, &from, &to, desk),
            Command::Search(search) => self.search(search, desk, out),
            Command::Select(select) => self.select(account, select, desk, out),
            Command::Status { mailbox, items } => self.status(account, &mailbox, &items, desk, out),
            Command::Store(store) => self.store(store, desk, out),
            Command::Subscribe { mailbox, subscribed } => self.subscribe(account, &mailbox, subscribed, desk),
            Command::Unselect => self.unselect(account, desk),
            other => self.command_before_login(tag, other, desk, out),
        }
    }

    fn command_before_login(&mut self, tag: &str, command: Command, desk: &mut Desk<'_>, out: &mut Reply) -> Answer {
        match command {
            Command::Authenticate { mechanism, initial } => self.authenticate(tag, &mechanism, initial, desk, out),
            Command::Capability => {
                out.add(format_args!("* CAPABILITY {}\r\n", self.capabilities()));
                Ok(Progress::Done("That is what I can do".to_owned()))
            }
            Command::Id => {
                let version = env!("CARGO_PKG_VERSION");
                out.add(format_args!("* ID (\"name\" \"mailjig\" \"version\" \"{version}\")\r\n"));
                Ok(Progress::Done("Pleased to meet you".to_owned()))
            }
            Command::Login { login, password } => self.login(&login, &password, desk),
            Command::Logout => {
                out.push("* BYE Goodbye\r\n");
                Ok(Progress::End("Logged out".to_owned()))
            }
            Command::Noop => Ok(Progress::Done("Done".to_owned())),
            Command::Starttls if self.is_secured => Err(Refusal::bad("TLS is active already")),
            Command::Starttls if !self.config.offers_tls => Err(Refusal::bad("STARTTLS is not offered here")),
            Command::Starttls => Ok(Progress::Secure("Begin the TLS handshake".to_owned())),
            _ => Err(Refusal::bad("log in first")),
        }
    }

    fn go_on(&mut self, work: Work, desk: &mut Desk<'_>, out: &mut Reply) -> Answer {
        match work {
            Work::Copy(copying) => self.go_on_copying(copying, desk, out),
            Work::Expunge(expunging) => self.go_on_expunging(expunging, desk),
            Work::Fetch(fetching) => self.go_on_fetching(fetching, desk, out),
            Work::Search(searching) => self.go_on_searching(searching, desk, out),
            Work::Store(storing) => self.go_on_storing(storing, desk, out),
        }
    }

    /// The news that may be told now, and the tagged line.
    fn complete(
        &mut self,
        tag: Box<str>,
        may_expunge: bool,
        answer: Answer,
        desk: &mut Desk<'_>,
        mut out: Reply,
    ) -> Step<Request> {
        let is_over = !matches!(answer, Ok(Progress::More(_) | Progress::Untagged));
        if let State::Selected(_, view) = &mut self.state
            && is_over
        {
            view.sync(desk, &mut out, may_expunge);
        }
        let (status, text, next) = match answer {
            Ok(Progress::Done(text)) => ("OK", text, Next::Continue),
            Ok(Progress::Secure(text)) => ("OK", text, Next::Secure),
            Ok(Progress::End(text)) => ("OK", text, Next::End),
            Ok(Progress::Untagged) => return Step { reply: out, next: Next::Continue },
            Ok(Progress::More(work)) => {
                return Step { reply: out, next: Next::More(Request(Ask::More { tag, may_expunge, work })) };
            }
            Err(Refusal { status, text }) => (status, text, Next::Continue),
        };
        out.add(format_args!("{tag} {status} {text}\r\n"));
        Step { reply: out, next }
    }

    /// A literal may come, unless what stands before it is refused already (RFC 3501 §7.5).
    fn literal(&mut self, sentence: &Sentence, desk: &Desk<'_>, mut out: Reply) -> Step<Request> {
        match self.objection(sentence, desk) {
            None => {
                self.framer.permit();
                out.push("+ go ahead\r\n");
            }
            Some((tag, Refusal { status, text })) => {
                self.framer.refuse();
                out.add(format_args!("{} {status} {text}\r\n", tag.as_deref().unwrap_or("*")));
            }
        }
        Step { reply: out, next: Next::Continue }
    }

    /// What can be said of a command before its literal has come: that it may not come at all, and for APPEND all
    /// that stands before the message.
    fn objection(&self, sentence: &Sentence, desk: &Desk<'_>) -> Option<(Option<Box<str>>, Refusal)> {
        let mut parser = Parser::new(&sentence.text, &sentence.messages);
        let tag: Box<str> = match parser.tag() {
            Ok(tag) => tag.into(),
            Err(wrong) => return Some((None, Refusal::wrong(wrong))),
        };
        let refused = |refusal| Some((Some(tag), refusal));
        let (verb, by_uid) = match command::verb(&mut parser) {
            Ok(verb) => verb,
            Err(wrong) => return refused(Refusal::wrong(wrong)),
        };
        if let Err(refusal) = self.admits(verb.needs, verb.name) {
            return refused(refusal);
        }
        if verb.event != Event::ImapAppend {
            return None;
        }
        // The size announced ends the line; the parser looks for the line's end.
        let text = [&sentence.text, &b"\r\n"[..]].concat();
        let mut whole = Parser::new(&text, &sentence.messages);
        let parsed = whole.tag().and_then(|_| command::verb(&mut whole)).and_then(|_| verb.parse(&mut whole, by_uid));
        match (parsed, self.account()) {
            // What is missing is what comes.
            (Err(wrong), _) if wrong.at >= text.len() => None,
            (Err(wrong), _) => refused(Refusal::wrong(wrong)),
            (Ok(Command::Append(append)), Some(account)) => {
                Self::may_append(account, &append, desk).err().and_then(refused)
            }
            (Ok(_), _) => None,
        }
    }
}

/// The verbs that are understood; those that may come behind UID are the same.
#[cfg(test)]
pub(super) fn verbs() -> impl Iterator<Item = &'static str> {
    command::VERBS.iter().map(|verb| verb.name)
}
