//! One thing that happened.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{Ending, Tls, Trace};
use crate::base::{MessageNo, Seq, SessionNo, Timestamp};
use crate::mail::{Change, Message, MessageRef};
use crate::protocol::{ClientFacts, Event, Status, TxnLog};

/// One thing that happened, when, and in which session. Kept small: a mail makes about eight of them.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    pub(crate) session: Option<SessionNo>,
    pub(crate) kind: RecordKind,
}

/// So many octets of a request that never was complete are kept.
pub(crate) const UNFINISHED_KEPT: usize = 1024;

#[derive(Debug)]
pub(crate) enum RecordKind {
    /// A connection was accepted.
    Opened(Box<Opened>),
    /// A request was performed; its reply is about to leave.
    Exchange(Exchange),
    /// More of the answer of an exchange that is answered in parts.
    Part(Box<ExchangePart>),
    /// The last octet of an exchange's reply was given to the kernel, or never will be. From now on waits see the
    /// message that it captured.
    Closed { exchange: Seq, left: Left },
    /// So many octets came in the clear behind STARTTLS and were dropped.
    Dropped { octets: u64 },
    /// TLS is established.
    Secured(Box<Tls>),
    /// The TLS handshake failed, for this reason.
    Unsecured(Box<str>),
    /// The session is over.
    Ended(Box<Ended>),
    /// A test changed mail from outside of every session.
    Outside(Box<Detail>),
    /// A rule has something to say.
    Noted(Box<Noted>),
}

/// What a rule says, or what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Noted {
    /// None: the rulebook itself.
    pub(crate) by: Option<Arc<str>>,
    pub(crate) weight: Weight,
    pub(crate) text: String,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Note,
    /// A variable changed.
    State,
    /// The client did what it must not: no test that looks passes.
    Failure,
}

/// How a session began.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) listener: &'static str,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// A request and its reply, as places in the session's text.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) event: Event,
    /// What the reply says of the request; none where it does not yet.
    pub(crate) status: Option<Status>,
    pub(crate) start: u32,
    pub(crate) heard: u32,
    pub(crate) said: u32,
    pub(crate) detail: Option<Box<Detail>>,
}

/// More of an answer, as places in the session's text.
#[derive(Debug)]
pub(crate) struct ExchangePart {
    pub(crate) exchange: Seq,
    pub(crate) start: u32,
    pub(crate) heard: u32,
    pub(crate) said: u32,
    /// A line was awaited; it is what was heard, and may be empty.
    pub(crate) awaited: bool,
    pub(crate) status: Option<Status>,
    pub(crate) detail: Option<Box<Detail>>,
}

/// How a session ended; so many octets of an incomplete request were lost with it. The first of them stand in its text.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    pub(crate) unfinished: u64,
    pub(crate) start: u32,
    pub(crate) kept: u32,
}

/// What few exchanges have.
#[derive(Debug, Default)]
pub(crate) struct Detail {
    /// What became of the mail.
    pub(crate) changes: Box<[Change]>,
    /// What became known of the client.
    pub(crate) facts: Option<Box<ClientFacts>>,
    /// The labels in the text of this exchange and what they stand for, by their places in it.
    pub(crate) labelled: Box<[Label]>,
    /// The message that was captured.
    pub(crate) captured: Option<MessageNo>,
    /// Octets of what was heard, where the text does not hold them: a body, a line too long to keep.
    pub(crate) octets: Option<u64>,
    /// Lines of the captured message, by their places, that came otherwise than stuffed: with one dot before them, or
    /// with the one that they have.
    pub(crate) odd_dots: Option<Arc<[u32]>>,
    /// This ends the session in good order: its client knows that it ends.
    pub(crate) last: bool,
    /// What rules had to do with it.
    pub(crate) trace: Option<Box<Trace>>,
}

/// Messages that came: the journal keeps them, and the record names them.
#[derive(Debug, Default)]
pub(crate) struct CapturedMail {
    pub(crate) accepted: Option<Message>,
    /// What was put into mailboxes, and nobody sent.
    pub(crate) appended: Vec<Message>,
}

impl Detail {
    /// What is recorded of what was done, and the messages that came with it.
    pub(crate) fn of(txn_log: TxnLog) -> (Self, CapturedMail) {
        let TxnLog { changes, accepted, appended, facts } = txn_log;
        let captured = accepted.as_ref().map(Message::no);
        let detail = Self { changes: changes.into(), facts, captured, ..Self::default() };
        (detail, CapturedMail { accepted, appended })
    }
}

/// A label within text that was recorded, and what it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    /// Where the label stands in the text.
    pub(super) label: Range<u32>,
    pub(super) octets: Octets,
}

/// Octets that a label stands for.
#[derive(Debug, Clone)]
pub(crate) enum Octets {
    Own(Bytes),
    /// A part of a message, which may be gone.
    Of(MessageRef, Range<u32>),
}

impl Octets {
    /// These octets, which are a part of this message if they lie in it.
    pub(super) fn of(message: &Message, octets: Bytes) -> Self {
        let start = (octets.as_ptr() as usize).wrapping_sub(message.raw().as_ptr() as usize);
        match message.raw().get(start..start.wrapping_add(octets.len())) {
            Some(_) => Self::Of(message.reference(), start as u32..(start + octets.len()) as u32),
            None => Self::Own(octets),
        }
    }

    /// None when the message is gone.
    pub(super) fn get(&self) -> Option<Bytes> {
        match self {
            Self::Own(octets) => Some(octets.clone()),
            Self::Of(message, range) => Some(message.message()?.raw().slice(range.start as usize..range.end as usize)),
        }
    }

    /// How many are held here.
    fn held(&self) -> usize {
        match self {
            Self::Own(octets) => octets.len(),
            Self::Of(..) => 0,
        }
    }
}

impl Record {
    /// About how many octets it takes, with what was said.
    pub(super) fn octets(&self) -> u64 {
        let (text, detail) = match &self.kind {
            RecordKind::Exchange(Exchange { heard, said, detail, .. }) => {
                (u64::from(*heard) + u64::from(*said), detail.as_deref())
            }
            RecordKind::Part(part) => {
                let own = size_of::<ExchangePart>() as u64;
                (own + u64::from(part.heard) + u64::from(part.said), part.detail.as_deref())
            }
            RecordKind::Outside(detail) => (0, Some(&**detail)),
            RecordKind::Noted(noted) => ((size_of::<Noted>() + noted.text.len()) as u64, None),
            RecordKind::Ended(ended) => (size_of::<Ended>() as u64 + u64::from(ended.kept), None),
            RecordKind::Opened(_) => (size_of::<Opened>() as u64, None),
            RecordKind::Secured(_) => (size_of::<Tls>() as u64, None),
            RecordKind::Unsecured(reason) => (reason.len() as u64, None),
            RecordKind::Closed { .. } | RecordKind::Dropped { .. } => (0, None),
        };
        let more = detail.map_or(0, |detail| {
            let labelled = detail.labelled.iter().map(|label| size_of::<Label>() + label.octets.held());
            let own = size_of::<Detail>() + detail.odd_dots.as_deref().map_or(0, size_of_val);
            let facts = detail.facts.as_ref().map_or(0, |_| size_of::<ClientFacts>());
            let trace = detail.trace.as_deref().map_or(0, Trace::octets);
            own + facts + trace + detail.changes.len() * size_of::<Change>() + labelled.sum::<usize>()
        });
        text + (size_of::<Self>() + more) as u64
    }
}

/// How much of a reply left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    All,
    Less(Box<Less>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Less {
    /// Only the first octets: the connection was lost before the rest.
    Part { octets: u32, of: u32 },
    /// A rule keeps it back for ever.
    Stalled,
}

impl From<Less> for Left {
    fn from(less: Less) -> Self {
        Self::Less(Box::new(less))
    }
}
