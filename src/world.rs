//! All state of one server, and the order of an exchange's turns. Whoever holds it holds the lock; it knows neither
//! sockets nor who waits, and is told the time.

use std::borrow::Cow;

use bytes::Bytes;

use crate::base::{MessageNo, Seq, SessionNo, Timestamp};
use crate::journal::{Detail, Ending, Journal, Kind, Left, Opened, Session};
use crate::mail::{Accounts, Envelope, Flags, InternalDate, Member, Message, Namespace, Origin, Place};
use crate::protocol::{Desk, Done, Heard, Machine, Mail, Next, Step, Unfit, Words};
use crate::rule::{After, Plan, Rulebook, Ruling};

/// Records that are kept for each message that is: a mail makes about eight.
const RECORDS: u64 = 64;

/// How much captured mail is kept; what is oldest goes first, and loudly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) messages: usize,
    pub(crate) octets: u64,
}

/// All state of one server.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) journal: Journal,
    pub(crate) mail: Mail,
    pub(crate) rulebook: Rulebook,
    seed: u32,
    keep: Option<Keep>,
    next_session: u32,
    sessions: usize,
    octets: u64,
    evicted: u64,
}

/// A message that a test puts into a mailbox.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft<'a> {
    pub(crate) raw: Bytes,
    pub(crate) flags: Cow<'a, [Box<str>]>,
    /// None: the server's time.
    pub(crate) date: Option<Timestamp>,
}

/// What a turn gives the driver.
pub(crate) struct Turn<R> {
    /// The record of the exchange; what closes it names it.
    pub(crate) exchange: Seq,
    pub(crate) plan: Plan,
    /// The rest of a long answer: the next turn of the same exchange.
    pub(crate) more: Option<R>,
}

impl World {
    pub(crate) fn new(members: Vec<Member>, namespace: Namespace, seed: u32, keep: Option<Keep>) -> Self {
        Self {
            journal: Journal::default(),
            mail: Mail::new(Accounts::new(members, namespace, seed)),
            rulebook: Rulebook::default(),
            seed,
            keep,
            next_session: 1,
            sessions: 0,
            octets: 0,
            evicted: 0,
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
    pub(crate) fn sessions_seen(&self) -> Vec<Session> {
        self.journal.sessions().map(|log| log.facts().clone()).collect()
    }

    /// How many sessions last.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions
    }

    /// One turn of an exchange: the rulebook is consulted, the request performed, the reply recorded.
    pub(crate) fn turn<M: Machine>(
        &mut self,
        session: SessionNo,
        machine: &mut M,
        heard: Heard<M::Request>,
        now: Timestamp,
    ) -> Turn<M::Request> {
        let Heard { event, words, request } = heard;
        let ruling = self.rulebook.consult(event);
        let mut desk = Desk::new(&mut self.mail, Origin::Session(session), now);
        let Step { reply, next } = machine.perform(request, &mut desk);
        let done = desk.close();
        let octets = match &words {
            Words::LongLine { octets, .. } | Words::Body { octets } => Some(*octets),
            Words::Silence | Words::Line(_) | Words::Literals { .. } => None,
        };
        let last = matches!(next, Next::End);
        let captured = done.captured.as_ref().map(|message| message.raw().len());
        let detail = detail(done, octets, last);
        let exchange = self.journal.exchange(now, session, event, &words, &reply, detail);
        if let Some(octets) = captured {
            self.octets += octets as u64;
            self.evict(now);
        }
        self.forget_records();
        let plan = Plan::new(reply, After::of(&next), ruling);
        Turn { exchange, plan, more: next.more() }
    }

    /// The reply of an exchange has left, or as much of it as ever will.
    pub(crate) fn close(&mut self, session: SessionNo, exchange: Seq, left: Left, now: Timestamp) {
        self.journal.close(now, session, exchange, left);
    }

    /// Something happened in a session that is no exchange.
    pub(crate) fn note(&mut self, session: SessionNo, kind: Kind, now: Timestamp) {
        self.journal.note(now, session, kind);
    }

    /// A session is over.
    pub(crate) fn end(&mut self, session: SessionNo, ending: Ending, unfinished: u64, now: Timestamp) {
        self.sessions -= 1;
        self.mail.maildrops.leave(session);
        self.journal.note(now, session, Kind::Ended { ending, unfinished });
        self.forget_records();
    }
}

impl World {
    /// The next turn of an exchange that is answered in parts.
    pub(crate) fn part<M: Machine>(
        &mut self,
        session: SessionNo,
        exchange: Seq,
        machine: &mut M,
        rest: M::Request,
        now: Timestamp,
    ) -> Turn<M::Request> {
        let mut desk = Desk::new(&mut self.mail, Origin::Session(session), now);
        let Step { reply, next } = machine.perform(rest, &mut desk);
        let detail = detail(desk.close(), None, matches!(next, Next::End));
        if detail.is_some() || !reply.is_empty() {
            self.journal.part(now, session, exchange, &reply, detail);
            self.forget_records();
        }
        let plan = Plan::new(reply, After::of(&next), Ruling::default());
        Turn { exchange, plan, more: next.more() }
    }

    /// Puts mail where an SMTP client's would go; fails naming the first address that is nobody's.
    pub(crate) fn deliver(&mut self, envelope: Envelope, raw: Bytes, now: Timestamp) -> Result<Message, Box<str>> {
        if let Some(stranger) = envelope.accepted().find(|address| !self.mail.accounts.delivers_to(address)) {
            return Err(stranger.into());
        }
        let mut desk = Desk::new(&mut self.mail, Origin::Delivered, now);
        let message = desk.deliver(envelope, raw);
        self.octets += message.raw().len() as u64;
        let done = desk.close();
        self.journal.outside(now, Detail { done, ..Detail::default() });
        self.evict(now);
        Ok(message)
    }

    /// Puts a message that nobody sent into a mailbox, which is made if there is none. Gives its UID.
    pub(crate) fn put(
        &mut self,
        login: &str,
        mailbox: &str,
        draft: Draft<'_>,
        now: Timestamp,
    ) -> Result<(Place, u32), Unfit> {
        self.outside(now, |desk| {
            if let Some(wrong) = draft.flags.iter().find(|flag| !Flags::is_name(flag)) {
                return Err(Unfit::Flag(wrong.clone()));
            }
            let place = desk.mailbox_of(login, mailbox)?;
            let flags = desk.flags(place, draft.flags.iter().map(|flag| &**flag)).ok_or(Unfit::Keywords)?;
            let date = draft.date.map(|at| InternalDate { at, zone: 0 });
            Ok((place, desk.append(place, flags, date, draft.raw)))
        })
    }

    /// The same with many messages at once, without flags.
    pub(crate) fn put_all(
        &mut self,
        login: &str,
        mailbox: &str,
        messages: Vec<Bytes>,
        now: Timestamp,
    ) -> Result<(), Unfit> {
        self.outside(now, |desk| {
            let place = desk.mailbox_of(login, mailbox)?;
            for raw in messages {
                desk.append(place, Flags::NONE, None, raw);
            }
            Ok(())
        })
    }

    /// Makes the account and the mailbox, if they are not there.
    pub(crate) fn make(&mut self, login: &str, mailbox: &str, now: Timestamp) -> Result<Place, Unfit> {
        self.outside(now, |desk| desk.mailbox_of(login, mailbox))
    }

    fn outside<T>(&mut self, now: Timestamp, change: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        let mut desk = Desk::new(&mut self.mail, Origin::Delivered, now);
        let result = change(&mut desk);
        let done = desk.close();
        if !done.is_empty() {
            self.journal.outside(now, Detail { done, ..Detail::default() });
        }
        result
    }

    /// Takes out every captured message, everywhere, and forgets the records so far. Gives what was there.
    pub(crate) fn clear(&mut self, now: Timestamp) -> Vec<Message> {
        let messages: Vec<Message> = self.journal.messages().iter().map(|c| c.message.clone()).collect();
        if let Some(last) = messages.last() {
            self.forget(last.no(), now);
        }
        self.journal.raise_floor(self.journal.tip());
        messages
    }

    /// Back to the state at the start: no mail, no accounts but those of the list, numbers from 1. Sessions that
    /// last go on.
    pub(crate) fn reset(&mut self, now: Timestamp) {
        self.clear(now);
        self.journal.renumber();
        self.mail.accounts.reset(self.seed);
        self.mail.next_message = 1;
        self.next_session = self.journal.sessions().map(|log| log.no.0).max().unwrap_or(0) + 1;
        self.octets = 0;
        self.evicted = 0;
    }

    /// How many messages were evicted because more came than are kept.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Makes room in portions of a sixteenth, so that no single mail pays for a walk over all mailboxes.
    fn evict(&mut self, now: Timestamp) {
        let Some(keep) = self.keep else { return };
        let messages = self.journal.messages();
        if messages.len() <= keep.messages + keep.messages / 16 && self.octets <= keep.octets + keep.octets / 16 {
            return;
        }
        let (mut count, mut octets) = (messages.len(), self.octets);
        let mut through = None;
        for captured in messages {
            // The newest always stays: it has not even been acknowledged.
            if (count <= keep.messages && octets <= keep.octets) || count == 1 {
                break;
            }
            count -= 1;
            octets -= captured.message.raw().len() as u64;
            through = Some(captured.message.no());
        }
        if let Some(through) = through {
            self.evicted += (messages.len() - count) as u64;
            self.forget(through, now);
        }
    }

    /// Sessions without mail fill the journal too; they go by their records, in portions of a sixteenth.
    fn forget_records(&mut self) {
        let Some(keep) = self.keep else { return };
        let most = RECORDS * keep.messages.max(1) as u64;
        if self.journal.len() > most + most / 16 {
            self.journal.raise_floor(Seq(self.journal.tip().0 - most));
        }
    }

    fn forget(&mut self, through: MessageNo, now: Timestamp) {
        let mut desk = Desk::new(&mut self.mail, Origin::Delivered, now);
        desk.forget(|message| message.no() <= through);
        let done = desk.close();
        let gone = self.journal.messages().iter().map(|c| &c.message).take_while(|m| m.no() <= through);
        self.octets -= gone.map(|message| message.raw().len() as u64).sum::<u64>();
        self.journal.outside(now, Detail { done, ..Detail::default() });
        self.journal.forget(through);
    }
}

/// What few exchanges have; none for the others.
fn detail(done: Done, octets: Option<u64>, last: bool) -> Option<Box<Detail>> {
    let is_plain = done.is_empty() && octets.is_none() && !last;
    (!is_plain).then(|| Box::new(Detail { done, labelled: Vec::new(), octets, last }))
}
