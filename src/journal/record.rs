//! One thing that happened.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::messages::Messages;
use super::{Ending, Tls, Trace};
use crate::base::{MessageNo, Seq, SessionNo, Timestamp};
use crate::mail::{Change, Message};
use crate::protocol::{ClientFacts, Event, Listener, Status, TxnLog};

/// One thing that happened, when, and in which session. Kept small: a mail makes about eight of them.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    pub(crate) session: Option<SessionNo>,
    pub(crate) kind: RecordKind,
}

/// So many octets of a request that never was complete are kept.
pub(crate) const UNFINISHED_KEPT: usize = 1024;

#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Noted {
    /// None: the rulebook itself.
    pub(crate) by: Option<Arc<str>>,
    pub(crate) weight: Weight,
    pub(crate) text: String,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum Weight {
    Note,
    /// A variable changed.
    State,
    /// The client did what it must not: no test that looks passes.
    Failure,
}

/// How a session began.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Opened {
    pub(crate) listener: Listener,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// Where the text of a record stands in that of its session: what was heard, and behind it what was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TextPlace {
    pub(super) start: u32,
    /// Octets that were heard, and said.
    pub(crate) heard: u32,
    pub(crate) said: u32,
}

/// A request and its reply.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Exchange {
    pub(crate) event: Event,
    /// What the reply says of the request; none where it does not yet.
    pub(crate) status: Option<Status>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) text: TextPlace,
    pub(crate) detail: Option<Box<Detail>>,
}

/// More of an answer.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct ExchangePart {
    pub(crate) exchange: Seq,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) text: TextPlace,
    /// A line was awaited; it is what was heard, and may be empty.
    pub(crate) awaited: bool,
    pub(crate) status: Option<Status>,
    pub(crate) detail: Option<Box<Detail>>,
}

/// How a session ended; so many octets of an incomplete request were lost with it. The first of them are its text.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    pub(crate) unfinished: u64,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) text: TextPlace,
}

/// What few exchanges have.
#[derive(Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

impl CapturedMail {
    /// The message of this number that the journal keeps, if it is among these.
    pub(super) fn kept(&self, no: MessageNo) -> Option<&Message> {
        let kept = self.accepted.iter().chain(&self.appended).filter(|message| !message.is_of_scenario());
        kept.into_iter().find(|message| message.no() == no)
    }
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Label {
    /// Where the label stands in the text.
    pub(super) label: Range<u32>,
    pub(super) octets: Octets,
}

/// Octets that a label stands for.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum Octets {
    Own(#[cfg_attr(feature = "serde", serde(with = "crate::base::base64"))] Bytes),
    /// A part of a message, which may be gone.
    Of(MessageNo, Range<u32>),
}

impl Octets {
    /// These octets, which are a part of this message if they lie in it.
    pub(super) fn of(message: &Message, octets: Bytes) -> Self {
        let start = (octets.as_ptr() as usize).wrapping_sub(message.raw().as_ptr() as usize);
        match message.raw().get(start..start.wrapping_add(octets.len())) {
            Some(_) => Self::Of(message.no(), start as u32..(start + octets.len()) as u32),
            None => Self::Own(octets),
        }
    }

    /// None when the message is gone.
    pub(super) fn get(&self, messages: &Messages) -> Option<Bytes> {
        match self {
            Self::Own(octets) => Some(octets.clone()),
            Self::Of(no, range) => {
                let (raw, range) = (messages.any(*no)?.raw(), range.start as usize..range.end as usize);
                raw.get(range.clone())?;
                Some(raw.slice(range))
            }
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

impl RecordKind {
    /// Where its text stands, if it can have one.
    pub(super) fn text(&self) -> Option<TextPlace> {
        match self {
            Self::Exchange(exchange) => Some(exchange.text),
            Self::Part(part) => Some(part.text),
            Self::Ended(ended) => Some(ended.text).filter(|text| text.heard > 0),
            Self::Opened(_)
            | Self::Closed { .. }
            | Self::Dropped { .. }
            | Self::Secured(_)
            | Self::Unsecured(_)
            | Self::Outside(_)
            | Self::Noted(_) => None,
        }
    }
}

impl Record {
    /// About how many octets it takes, with what was said.
    pub(super) fn octets(&self) -> u64 {
        let (own, detail) = match &self.kind {
            RecordKind::Exchange(exchange) => (0, exchange.detail.as_deref()),
            RecordKind::Part(part) => (size_of::<ExchangePart>(), part.detail.as_deref()),
            RecordKind::Outside(detail) => (0, Some(&**detail)),
            RecordKind::Noted(noted) => (size_of::<Noted>() + noted.text.len(), None),
            RecordKind::Ended(_) => (size_of::<Ended>(), None),
            RecordKind::Opened(_) => (size_of::<Opened>(), None),
            RecordKind::Secured(_) => (size_of::<Tls>(), None),
            RecordKind::Unsecured(reason) => (reason.len(), None),
            RecordKind::Closed { .. } | RecordKind::Dropped { .. } => (0, None),
        };
        let text = self.kind.text().map_or(0, |text| u64::from(text.heard) + u64::from(text.said));
        let more = detail.map_or(0, |detail| {
            let labelled = detail.labelled.iter().map(|label| size_of::<Label>() + label.octets.held());
            let own = size_of::<Detail>() + detail.odd_dots.as_deref().map_or(0, size_of_val);
            let facts = detail.facts.as_ref().map_or(0, |_| size_of::<ClientFacts>());
            let trace = detail.trace.as_deref().map_or(0, Trace::octets);
            own + facts + trace + detail.changes.len() * size_of::<Change>() + labelled.sum::<usize>()
        });
        text + (size_of::<Self>() + own + more) as u64
    }
}

/// How much of a reply left.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum Left {
    All,
    Less(Box<Less>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
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
