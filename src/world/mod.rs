//! All state of one server, and the turns of exchanges. The caller holds the lock. Does not know sockets or waiters,
//! and gets the time as an argument.

mod bounce;
mod bounds;
mod command;
mod content;
mod context;
mod derived_events;
mod effect;
mod handshake_fields;
mod load;
mod mailboxes;
mod nobody;
mod outside;
mod profile;
mod record;
mod script;
mod sessions;
mod timers;
mod tokens;
mod turn;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{Seq, SessionNo, Timestamp};
use crate::expect::Expectations;
use crate::journal::{Ending, Journal, Left, Noted, Opened, RecordKind, Session, Weight};
use crate::mail::{Accounts, Member, Message, Namespace};
#[cfg(feature = "api")]
use crate::oauth::Provider;
use crate::protocol::MailStore;
use crate::rule::{Answers, By, Profile, ProfileEntry, Rulebook};
use crate::sasl::Mechanism;
use crate::scenario::Loaded;
pub(crate) use bounds::Keep;
pub(crate) use command::{EndCommand, SessionCommand};
pub use load::Kept;
pub(crate) use mailboxes::{FlagChange, NotChanged, UidChange};
pub(crate) use outside::Draft;
use script::Refused;
pub(crate) use script::ScriptInput;
pub(crate) use sessions::Goodbye;
use timers::Timers;
pub(crate) use turn::{Rest, Turn};

/// All state of one server.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) journal: Journal,
    pub(crate) mail: MailStore,
    pub(crate) rulebook: Rulebook,
    /// Who gets which token over HTTP.
    #[cfg(feature = "api")]
    pub(crate) provider: Provider,
    /// Jobs for later. The owner of the clock runs them.
    pub(crate) timers: Timers,
    /// Commands for sessions not passed on yet, each with the step that deferred it, if any.
    pub(crate) commands: Vec<(SessionNo, SessionCommand, Option<By>)>,
    /// Evicted messages. They are freed when the lock is released, because freeing megabytes takes long.
    pub(crate) to_free: Vec<Message>,
    /// Every listener must be closed until then.
    pub(crate) down_until: Option<Timestamp>,
    /// What rules chose to present in TLS, by session.
    pub(crate) chosen: HashMap<SessionNo, Profile>,
    /// What the server presents in TLS, unless its scenario or a rule says otherwise.
    pub(crate) profiles: Arc<Vec<ProfileEntry>>,
    /// What machines refused although a script accepted it, by session.
    refused: HashMap<SessionNo, Refused>,
    /// The scenario that was loaded when an open session began.
    began_under: HashMap<SessionNo, Option<Arc<Loaded>>>,
    /// The SASL mechanisms of all protocols, unless the scenario names others; `None` for the default.
    pub(crate) mechanisms: Option<Vec<&'static Mechanism>>,
    /// Messages that rules can deliver, by name.
    pub(crate) messages: HashMap<Box<str>, Bytes>,
    /// What a test expects of the captured messages.
    pub(crate) expectations: Expectations,
    /// The loaded scenario.
    pub(crate) scenario: Option<Arc<Loaded>>,
    /// What a reset restores.
    initial: Initial,
    /// When the server started, loaded its scenario or was reset.
    start: Timestamp,
    /// Nesting of the current event in the events that caused it.
    depth: u8,
    /// The name of the server in its reports to senders.
    pub(crate) host: Box<str>,
    seed: u32,
    keep: Option<Keep>,
    /// The answers found for the current turn.
    answers: Option<Box<Answers>>,
    next_session: u32,
    sessions: usize,
    evicted: u64,
    evicted_accounts: u64,
    /// No message after this position was evicted.
    evicted_to: Seq,
}

/// What a reset restores.
#[derive(Debug)]
struct Initial {
    /// Empty: every login is accepted.
    members: Arc<Vec<Member>>,
    scenario: Option<Arc<Loaded>>,
}

impl World {
    pub(crate) fn new(members: Arc<Vec<Member>>, namespace: Namespace, seed: u32, keep: Option<Keep>) -> Self {
        Self {
            journal: Journal::default(),
            mail: MailStore::new(Accounts::new(members.to_vec(), namespace, seed)),
            rulebook: Rulebook::new(seed.into()),
            #[cfg(feature = "api")]
            provider: Provider::default(),
            timers: Timers::default(),
            commands: Vec::new(),
            to_free: Vec::new(),
            down_until: None,
            chosen: HashMap::new(),
            profiles: Arc::default(),
            refused: HashMap::new(),
            began_under: HashMap::new(),
            mechanisms: None,
            messages: HashMap::new(),
            expectations: Expectations::default(),
            scenario: None,
            initial: Initial { members, scenario: None },
            start: Timestamp::from_micros(0),
            depth: 0,
            host: "localhost".into(),
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

    /// Opens the session of an accepted connection.
    pub(crate) fn open(&mut self, opened: Opened, now: Timestamp) -> SessionNo {
        let no = SessionNo(self.next_session);
        self.next_session += 1;
        self.sessions += 1;
        self.began_under.insert(no, self.scenario.clone());
        self.journal.open_session(no, now, opened);
        no
    }

    /// Every session that is kept, including those that have ended.
    pub(crate) fn sessions_seen(&self) -> Vec<Arc<Session>> {
        self.journal.sessions().map(|log| Arc::clone(log.facts())).collect()
    }

    /// How many sessions are open.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions
    }

    /// Closes an exchange: its reply was sent, as far as it ever will be.
    pub(crate) fn close(&mut self, session: SessionNo, exchange: Seq, left: Left, now: Timestamp) {
        let outcome = self.journal.close(now, session, exchange, left);
        self.rulebook.closed(exchange, outcome);
    }

    /// Records an event of a session that is not an exchange.
    pub(crate) fn note(&mut self, session: SessionNo, kind: RecordKind, now: Timestamp) {
        self.journal.note(now, session, kind);
    }

    /// Records a note of the server.
    fn noted(&mut self, weight: Weight, text: String, now: Timestamp) {
        self.journal.note_of(now, None, RecordKind::Noted(Box::new(Noted { by: None, weight, text })));
    }

    /// Ends a session.
    pub(crate) fn end(
        &mut self,
        session: SessionNo,
        ending: (Ending, Option<&str>),
        unfinished: u64,
        first: &[u8],
        now: Timestamp,
    ) {
        self.sessions -= 1;
        self.mail.maildrop_locks.leave(session);
        self.forget_deferred(session);
        self.rulebook.forget(session);
        self.chosen.remove(&session);
        self.began_under.remove(&session);
        self.refused.remove(&session);
        self.journal.end(now, session, ending, unfinished, first);
        self.keep_bounds(now);
    }
}
