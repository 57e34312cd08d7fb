//! All state of one server, and the order of an exchange's turns. Whoever holds it holds the lock; it knows neither
//! sockets nor who waits, and is told the time.

mod bounds;
mod command;
mod content;
mod context;
mod derived_events;
mod effect;
mod load;
mod nobody;
mod outside;
mod profile;
mod record;
mod timers;
mod turn;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{Ending, Journal, Left, Noted, Opened, RecordKind, Session, Weight};
use crate::mail::{Accounts, Member, Message, Namespace};
use crate::protocol::{Listener, MailStore};
use crate::rule::{Answers, By, Profile, Rulebook};
use crate::scenario::{Announced, Loaded};
pub(crate) use bounds::Keep;
pub(crate) use command::{EndCommand, SessionCommand};
pub use load::Kept;
pub(crate) use outside::Draft;
use timers::Timers;
pub(crate) use turn::{Rest, Turn};

/// All state of one server.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) journal: Journal,
    pub(crate) mail: MailStore,
    pub(crate) rulebook: Rulebook,
    /// What is done later, by whoever has the clock.
    pub(crate) timers: Timers,
    /// What sessions are told, until whoever can wake them takes it; and the step that put it off, if one did.
    pub(crate) commands: Vec<(SessionNo, SessionCommand, Option<By>)>,
    /// Messages that were evicted, until whoever holds the lock has released it: freeing megabytes takes long.
    pub(crate) to_free: Vec<Message>,
    /// Until then every listener is closed.
    pub(crate) down_until: Option<Timestamp>,
    /// The TLS profiles that rules chose for sessions.
    pub(crate) presented: HashMap<SessionNo, Profile>,
    /// What machines announce instead of what they would.
    pub(crate) offers: Offers,
    /// Messages that rules may deliver, by their name.
    pub(crate) messages: HashMap<Box<str>, Bytes>,
    /// The scenario that is loaded.
    pub(crate) scenario: Option<Arc<Loaded>>,
    /// What the server started with.
    initial: Initial,
    /// When the server, its scenario or everything anew began.
    start: Timestamp,
    /// How deep events that follow from events are nested.
    depth: u8,
    seed: u32,
    keep: Option<Keep>,
    /// What was read for the turn that is under way.
    answers: Option<Box<Answers>>,
    next_session: u32,
    sessions: usize,
    evicted: u64,
    evicted_accounts: u64,
    /// Behind it no mail was evicted.
    evicted_to: Seq,
}

/// What a reset goes back to.
#[derive(Debug)]
struct Initial {
    /// Empty: everybody is welcome.
    members: Vec<Member>,
    scenario: Option<Arc<Loaded>>,
}

/// What machines announce, by protocol: in the clear, and under TLS.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Offers {
    pub(crate) of: Vec<Announced>,
    /// The TLS profile, by listener; without one it is that of every listener.
    pub(crate) profiles: Vec<(Option<Listener>, Profile)>,
}

impl World {
    pub(crate) fn new(members: Vec<Member>, namespace: Namespace, seed: u32, keep: Option<Keep>) -> Self {
        Self {
            journal: Journal::default(),
            mail: MailStore::new(Accounts::new(members.clone(), namespace, seed)),
            rulebook: Rulebook::new(seed.into()),
            timers: Timers::default(),
            commands: Vec::new(),
            to_free: Vec::new(),
            down_until: None,
            presented: HashMap::new(),
            offers: Offers::default(),
            messages: HashMap::new(),
            scenario: None,
            initial: Initial { members, scenario: None },
            start: Timestamp::from_micros(0),
            depth: 0,
            seed,
            keep,
            answers: None,
            next_session: 1,
            sessions: 0,
            evicted: 0,
            evicted_accounts: 0,
            evicted_to: Seq::default(),
        }
    }

    /// A connection was accepted.
    pub(crate) fn open(&mut self, opened: Opened, now: Timestamp) -> SessionNo {
        let no = SessionNo(self.next_session);
        self.next_session += 1;
        self.sessions += 1;
        self.journal.open_session(no, now, opened);
        no
    }

    /// Every session that is still known, those that ended included.
    pub(crate) fn sessions_seen(&self) -> Vec<Arc<Session>> {
        self.journal.sessions().map(|log| Arc::clone(log.facts())).collect()
    }

    /// How many sessions last.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions
    }

    /// The reply of an exchange has left, or as much of it as ever will.
    pub(crate) fn close(&mut self, session: SessionNo, exchange: Seq, left: Left, now: Timestamp) {
        let outcome = self.journal.close(now, session, exchange, left);
        self.rulebook.closed(exchange, outcome);
    }

    /// Something happened in a session that is no exchange.
    pub(crate) fn note(&mut self, session: SessionNo, kind: RecordKind, now: Timestamp) {
        self.journal.note(now, session, kind);
    }

    /// Something that the server itself has to say.
    fn noted(&mut self, weight: Weight, text: String, now: Timestamp) {
        self.journal.note_of(now, None, RecordKind::Noted(Box::new(Noted { by: None, weight, text })));
    }

    /// A session is over.
    pub(crate) fn end(&mut self, session: SessionNo, ending: Ending, unfinished: u64, first: &[u8], now: Timestamp) {
        self.sessions -= 1;
        self.mail.maildrops.leave(session);
        self.rulebook.forget(session);
        self.presented.remove(&session);
        self.journal.end(now, session, ending, unfinished, first);
        self.keep_bounds(now);
    }
}
