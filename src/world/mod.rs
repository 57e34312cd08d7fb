//! All state of one server, and the order of an exchange's turns. Whoever holds it holds the lock; it knows neither
//! sockets nor who waits, and is told the time.

mod command;
mod content;
mod context;
mod derived_events;
mod effect;
mod load;
mod profile;
mod timers;
mod turn;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{Captured, Ending, Journal, Left, Noted, Opened, RecordKind, Session, Weight};
use crate::mail::{Accounts, Envelope, Flags, InternalDate, MailboxId, Member, Message, Namespace, Origin};
use crate::protocol::{InvalidMailbox, Listener, MailStore, MailTxn, TxnLog};
use crate::rule::{Answers, By, Profile, Rulebook};
use crate::scenario::{Announced, Loaded};
pub(crate) use command::{EndCommand, SessionCommand};
pub use load::Kept;
use timers::Timers;
pub(crate) use turn::{Rest, Turn};

/// Records that are kept for each message that is: a mail makes about eight.
const RECORDS: u64 = 64;
/// Records that are forgotten at once, and their octets.
const PORTION: u64 = 8192;
const PORTION_OCTETS: u64 = 1 << 20;

/// How much captured mail is kept; what is oldest goes first, and loudly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) messages: usize,
    pub(crate) octets: u64,
    /// Accounts that nobody declared: they are opened by the first login or mail.
    pub(crate) accounts: usize,
}

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

/// A message that a test puts into a mailbox.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft<'a> {
    pub(crate) raw: Bytes,
    pub(crate) flags: Cow<'a, [Box<str>]>,
    /// None: the server's time.
    pub(crate) date: Option<Timestamp>,
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

impl World {
    /// Puts mail where an SMTP client's would go; fails naming the first address that is nobody's.
    pub(crate) fn deliver(&mut self, envelope: Envelope, raw: Bytes, now: Timestamp) -> Result<Message, Box<str>> {
        if let Some(stranger) = envelope.accepted().find(|address| !self.mail.accounts.delivers_to(address)) {
            return Err(stranger.into());
        }
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        let message = txn.deliver(envelope, raw);
        let txn_log = txn.close();
        let delivered = self.delivered(&txn_log);
        self.record_outside(txn_log, now);
        let cause = self.journal.tip();
        self.keep_bounds(now);
        self.tell_delivered(None, delivered, cause, now);
        Ok(message)
    }

    /// Puts a message that nobody sent into a mailbox, which is made if there is none. Gives its UID.
    pub(crate) fn put(
        &mut self,
        login: &str,
        mailbox: &str,
        draft: Draft<'_>,
        now: Timestamp,
    ) -> Result<(MailboxId, u32), InvalidMailbox> {
        self.outside(now, |txn| {
            if let Some(wrong) = draft.flags.iter().find(|flag| !Flags::is_name(flag)) {
                return Err(InvalidMailbox::Flag(wrong.clone()));
            }
            let place = txn.mailbox_of(login, mailbox)?;
            let flags = txn.flags(place, draft.flags.iter().map(|flag| &**flag)).ok_or(InvalidMailbox::Keywords)?;
            let date = draft.date.map(|at| InternalDate { at, zone: 0 });
            Ok((place, txn.append(place, flags, date, draft.raw)))
        })
    }

    /// The same with many messages at once, without flags.
    pub(crate) fn put_all(
        &mut self,
        login: &str,
        mailbox: &str,
        messages: Vec<Bytes>,
        now: Timestamp,
    ) -> Result<(), InvalidMailbox> {
        self.outside(now, |txn| {
            let place = txn.mailbox_of(login, mailbox)?;
            for raw in messages {
                txn.append(place, Flags::NONE, None, raw);
            }
            Ok(())
        })
    }

    /// Makes the account and the mailbox, if they are not there.
    pub(crate) fn make(&mut self, login: &str, mailbox: &str, now: Timestamp) -> Result<MailboxId, InvalidMailbox> {
        self.outside(now, |txn| txn.mailbox_of(login, mailbox))
    }

    fn outside<T>(&mut self, now: Timestamp, change: impl FnOnce(&mut MailTxn<'_>) -> T) -> T {
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        let result = change(&mut txn);
        let txn_log = txn.close();
        self.record_outside(txn_log, now);
        self.keep_bounds(now);
        result
    }

    /// Records what was done outside of every session, if anything was.
    fn record_outside(&mut self, txn_log: TxnLog, now: Timestamp) {
        if !txn_log.is_empty() {
            self.journal.outside(now, txn_log);
        }
    }

    /// Takes out every captured message, everywhere, and forgets the records so far. Gives what was there.
    pub(crate) fn clear(&mut self, now: Timestamp) -> VecDeque<Captured> {
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        txn.forget(Message::is_sent);
        let txn_log = txn.close();
        self.record_outside(txn_log, now);
        self.journal.clear()
    }

    /// How many messages were evicted because more came than are kept.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many accounts were closed because more came than are kept.
    pub(crate) fn evicted_accounts(&self) -> u64 {
        self.evicted_accounts
    }

    /// The first cursor behind which no mail was evicted.
    pub(crate) fn evicted_to(&self) -> Seq {
        self.evicted_to
    }

    /// Makes room in portions of a sixteenth, so that no single mail pays for a walk over all mailboxes.
    fn evict(&mut self, now: Timestamp) {
        let Some(keep) = self.keep else { return };
        let most = (keep.messages + keep.messages / 16, keep.octets + keep.octets / 16);
        if !self.journal.exceeds(most.0, most.1) {
            return;
        }
        let Some((through, count)) = self.journal.excess(keep.messages, keep.octets) else { return };
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        txn.forget(|message| message.no() <= through && !message.is_of_scenario());
        let txn_log = txn.close();
        self.record_outside(txn_log, now);
        self.evicted += count as u64;
        let (evicted, closed) = self.journal.forget(through);
        self.to_free.extend(evicted);
        self.evicted_to = self.evicted_to.max(closed);
        self.noted(
            Weight::Note,
            format!("more came than is kept: {count} messages, up to {through}, are evicted"),
            now,
        );
    }

    /// Accounts are opened by whoever names an address; the oldest go that nobody uses.
    fn evict_accounts(&mut self, now: Timestamp) {
        let Some(Keep { accounts: most, .. }) = self.keep else { return };
        if self.mail.accounts.len() <= most + most / 16 || !self.mail.accounts.is_open() {
            return;
        }
        let lasting = self.journal.sessions().map(|log| log.facts()).filter(|facts| facts.ended.is_none());
        let users: HashSet<String> = lasting.filter_map(|facts| Some(facts.user.as_deref()?.to_lowercase())).collect();
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        let count = txn.close_oldest(most, |login| users.contains(&login.to_lowercase()));
        let txn_log = txn.close();
        if count > 0 {
            self.record_outside(txn_log, now);
            self.evicted_accounts += count as u64;
            self.noted(Weight::Note, format!("more came than is kept: {count} accounts are closed, the oldest"), now);
        }
    }

    /// Keeps every bound: called whenever something was recorded.
    pub(super) fn keep_bounds(&mut self, now: Timestamp) {
        self.evict(now);
        self.evict_accounts(now);
        self.forget_records();
        for id in self.rulebook.take_full() {
            let text =
                format!("`{id}` counts over more keys than are kept apart; what came with others was not counted");
            self.noted(Weight::Failure, text, now);
        }
    }

    /// Something that the server itself has to say.
    fn noted(&mut self, weight: Weight, text: String, now: Timestamp) {
        self.journal.note_of(now, None, RecordKind::Noted(Box::new(Noted { by: None, weight, text })));
    }

    /// Sessions without mail fill the journal too; they go by their records, in portions of a sixteenth, and of what is
    /// soon freed: everybody waits meanwhile.
    fn forget_records(&mut self) {
        let Some(keep) = self.keep else { return };
        let most = RECORDS * keep.messages.max(1) as u64;
        if self.journal.len() > most + (most / 16).min(PORTION) {
            self.journal.raise_floor(Seq(self.journal.tip().0 - most));
        }
        if self.journal.octets() > keep.octets + (keep.octets / 16).min(PORTION_OCTETS) {
            self.journal.shrink(keep.octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Parameters, Recipient, Sender, Verdict};

    #[test]
    fn mail_that_is_evicted_is_kept_until_the_lock_is_released() {
        let at = Timestamp::from_micros(0);
        let keep = Keep { messages: 32, octets: u64::MAX / 2, accounts: 10 };
        let mut world = World::new(Vec::new(), Namespace::default(), 1, Some(keep));

        for _ in 0..35 {
            let recipient = Recipient::new("bob", Parameters::default(), Verdict::Accepted);
            let envelope = Envelope::new(Sender::new("", Parameters::default()), vec![recipient]).unwrap();
            world.deliver(envelope, Bytes::new(), at).unwrap();
        }

        assert_eq!(world.to_free.iter().map(|message| message.no().0).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(world.to_free.iter().all(|message| !message.is_shared()));
    }

    #[test]
    fn records_are_forgotten_in_portions_that_are_soon_freed() {
        let at = Timestamp::from_micros(0);
        let keep = Keep { messages: 4096, octets: u64::MAX / 2, accounts: 1 };
        let most = RECORDS * keep.messages as u64;
        let mut world = World::new(Vec::new(), Namespace::default(), 1, Some(keep));

        let mut forgotten = Vec::new();
        for octets in 0..most + 3 * PORTION {
            world.journal.note_of(at, None, RecordKind::Dropped { octets });
            let before = world.journal.len();
            world.keep_bounds(at);
            forgotten.extend(Some(before - world.journal.len()).filter(|count| *count > 0));
        }

        assert!(PORTION < most / 16);
        assert_eq!(forgotten, [PORTION + 1; 2]);
    }
}
