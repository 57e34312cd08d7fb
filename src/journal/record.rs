//! A record of the journal: one thing that happened.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::messages::Messages;
use super::{Ending, OAuthRequest, Proxied, Tls, TlsFailure, Trace};
use crate::base::{MessageNo, Seq, SessionNo, Timestamp};
use crate::mail::{Change, Message};
use crate::protocol::{ClientFacts, Event, Listener, Status, TxnLog};

/// One thing that happened, when, and in which session. Small, because a message makes about eight of them.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    pub(crate) session: Option<SessionNo>,
    pub(crate) kind: RecordKind,
}

/// How many octets of an incomplete request are kept.
pub(crate) const UNFINISHED_KEPT: usize = 1024;

#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum RecordKind {
    /// A connection was accepted.
    Opened(Box<Opened>),
    /// A proxy told for which client it connects.
    Proxied(Box<Proxied>),
    /// A request was performed; its reply is about to be sent.
    Exchange(Exchange),
    /// More of the reply of an exchange that is answered in parts.
    Part(Box<ExchangePart>),
    /// The last octet of an exchange's reply was given to the kernel, or never will be. From here on, waits see the message
    /// that the exchange captured.
    Closed { exchange: Seq, left: Left },
    /// Octets came in cleartext after STARTTLS. They were dropped, unless the server plays a vulnerable one and executes
    /// them under TLS.
    Cleartext { octets: u64, is_executed: bool },
    /// TLS is established.
    Secured(Box<Tls>),
    /// TLS failed: its handshake, or what came after it.
    Unsecured(Box<TlsFailure>),
    /// The session ended.
    Ended(Box<Ended>),
    /// A test changed mail from outside of every session.
    Outside(Box<Detail>),
    /// A client asked the OAuth 2.0 provider.
    OAuth(Box<OAuthRequest>),
    /// A note of a rule or of the server.
    Noted(Box<Noted>),
}

/// A note of a rule or of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Noted {
    /// The rule; `None` for the server.
    pub(crate) by: Option<Arc<str>>,
    pub(crate) weight: Weight,
    pub(crate) text: String,
}

/// How important a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum Weight {
    Note,
    /// A note about a webhook, which no webhook gets.
    Webhook,
    /// A variable changed.
    State,
    /// A failure, which verification reports.
    Failure,
}

/// How a session began.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Opened {
    pub(crate) listener: Listener,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) offers_starttls: bool,
}

/// Where the text of a record is in the text of its session: the client's text, then the server's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TextPlace {
    pub(super) start: u32,
    /// Length of the client's and of the server's text.
    pub(crate) heard: u32,
    pub(crate) said: u32,
}

/// A request and its reply.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Exchange {
    pub(crate) event: Event,
    /// Whether a part of the request arrived before the reply to the one before was sent.
    pub(crate) is_early: bool,
    /// The status of the reply; `None` if it has none yet.
    pub(crate) status: Option<Status>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) text: TextPlace,
    pub(crate) detail: Option<Box<Detail>>,
}

/// More of a reply.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct ExchangePart {
    pub(crate) exchange: Seq,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) text: TextPlace,
    /// Whether a rule awaited a line. The line is the client's text, and may be empty.
    pub(crate) awaited: bool,
    pub(crate) status: Option<Status>,
    pub(crate) detail: Option<Box<Detail>>,
}

/// How a session ended, and how many octets of an incomplete request were lost. The first of them are its text.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    pub(crate) unfinished: u64,
    /// How the server closed the connection, as the step `close` is written. `None` if it did not.
    pub(crate) close: Option<Box<str>>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) text: TextPlace,
}

/// Details that only few exchanges have.
#[derive(Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Detail {
    /// The changes to mail.
    pub(crate) changes: Box<[Change]>,
    /// What the exchange reveals about the client.
    pub(crate) facts: Option<Box<ClientFacts>>,
    /// The labels in the text and their content, by position.
    pub(crate) labelled: Box<[Label]>,
    /// The message that was captured.
    pub(crate) captured: Option<MessageNo>,
    /// Length of the client's text, if the text is not kept: a body, a chunk of one, or a line that is too long.
    pub(crate) octets: Option<u64>,
    /// How many octets of its message came before this chunk.
    pub(crate) before: Option<u64>,
    /// Positions of lines of the captured message with wrong dot-stuffing: with a superfluous dot, or without a
    /// required one (RFC 5321 §4.5.2).
    pub(crate) odd_dots: Option<Arc<[u32]>>,
    /// A bare CR or LF ended the message.
    pub(crate) ends_bare: bool,
    /// The client was told that the session ends with this exchange.
    pub(crate) last: bool,
    /// What rules did.
    pub(crate) trace: Option<Box<Trace>>,
}

/// Messages that came with a record. The journal keeps them, the record has their numbers.
#[derive(Debug, Default)]
pub(crate) struct CapturedMail {
    pub(crate) accepted: Option<Message>,
    /// Messages that were put into mailboxes.
    pub(crate) appended: Vec<Message>,
}

impl CapturedMail {
    /// The message of this number, if it is among these and the journal will keep it.
    pub(super) fn kept(&self, no: MessageNo) -> Option<&Message> {
        let kept = self.accepted.iter().chain(&self.appended).filter(|message| !message.is_of_scenario());
        kept.into_iter().find(|message| message.no() == no)
    }
}

impl Detail {
    /// The record of a transaction, and the messages that came with it.
    pub(crate) fn of(txn_log: TxnLog) -> (Self, CapturedMail) {
        let TxnLog { changes, accepted, held: _, appended, notes: _, facts } = txn_log;
        let captured = accepted.as_ref().map(Message::no);
        let detail = Self { changes: changes.into(), facts, captured, ..Self::default() };
        (detail, CapturedMail { accepted, appended })
    }
}

/// A label in recorded text, and its content.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Label {
    /// The position of the label in the text.
    pub(super) label: Range<u32>,
    pub(super) octets: Octets,
}

/// The content of a label.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum Octets {
    Own(#[cfg_attr(feature = "serde", serde(with = "crate::base::base64"))] Bytes),
    /// A part of a message, which may be evicted.
    Of(MessageNo, Range<u32>),
}

impl Octets {
    /// These octets: as a part of this message, if they are a slice of its octets.
    pub(super) fn of(message: &Message, octets: Bytes) -> Self {
        let start = (octets.as_ptr() as usize).wrapping_sub(message.raw().as_ptr() as usize);
        match message.raw().get(start..start.wrapping_add(octets.len())) {
            Some(_) => Self::Of(message.no(), start as u32..(start + octets.len()) as u32),
            None => Self::Own(octets),
        }
    }

    /// `None` if the message was evicted.
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

    /// The octets, if they are not a part of a message.
    pub(super) fn own(&self) -> Option<&[u8]> {
        match self {
            Self::Own(octets) => Some(octets),
            Self::Of(..) => None,
        }
    }

    /// The octets stored here.
    fn held(&self) -> usize {
        match self {
            Self::Own(octets) => octets.len(),
            Self::Of(..) => 0,
        }
    }
}

impl RecordKind {
    pub(super) fn detail(&self) -> Option<&Detail> {
        match self {
            Self::Exchange(exchange) => exchange.detail.as_deref(),
            Self::Part(part) => part.detail.as_deref(),
            Self::Outside(detail) => Some(detail),
            Self::Opened(_)
            | Self::Proxied(_)
            | Self::Closed { .. }
            | Self::Cleartext { .. }
            | Self::Secured(_)
            | Self::Unsecured(_)
            | Self::Ended(_)
            | Self::OAuth(_)
            | Self::Noted(_) => None,
        }
    }

    /// The changes of mail.
    pub(crate) fn changes(&self) -> &[Change] {
        self.detail().map_or(&[], |detail| &detail.changes)
    }

    /// The message that was captured.
    pub(crate) fn captured(&self) -> Option<MessageNo> {
        self.detail()?.captured
    }

    /// The position of its text, if it is a kind with text.
    pub(super) fn text(&self) -> Option<TextPlace> {
        match self {
            Self::Exchange(exchange) => Some(exchange.text),
            Self::Part(part) => Some(part.text),
            Self::Ended(ended) => Some(ended.text).filter(|text| text.heard > 0),
            Self::Opened(_)
            | Self::Proxied(_)
            | Self::Closed { .. }
            | Self::Cleartext { .. }
            | Self::Secured(_)
            | Self::Unsecured(_)
            | Self::Outside(_)
            | Self::OAuth(_)
            | Self::Noted(_) => None,
        }
    }
}

impl Record {
    /// About how many octets of memory it takes, with its text.
    pub(super) fn octets(&self) -> u64 {
        let own = match &self.kind {
            RecordKind::Part(_) => size_of::<ExchangePart>(),
            RecordKind::Noted(noted) => size_of::<Noted>() + noted.text.len(),
            RecordKind::OAuth(request) => size_of::<OAuthRequest>() + request.held(),
            RecordKind::Ended(_) => size_of::<Ended>(),
            RecordKind::Opened(_) => size_of::<Opened>(),
            RecordKind::Proxied(its) => {
                size_of::<Proxied>() + its.tlvs.iter().map(|tlv| tlv.value.len()).sum::<usize>()
            }
            RecordKind::Secured(tls) => tls.held(),
            RecordKind::Unsecured(failure) => failure.held(),
            RecordKind::Exchange(_)
            | RecordKind::Outside(_)
            | RecordKind::Closed { .. }
            | RecordKind::Cleartext { .. } => 0,
        };
        let text = self.kind.text().map_or(0, |text| u64::from(text.heard) + u64::from(text.said));
        let more = self.kind.detail().map_or(0, |detail| {
            let labelled = detail.labelled.iter().map(|label| size_of::<Label>() + label.octets.held());
            let own = size_of::<Detail>() + detail.odd_dots.as_deref().map_or(0, size_of_val);
            let facts = detail.facts.as_ref().map_or(0, |_| size_of::<ClientFacts>());
            let trace = detail.trace.as_deref().map_or(0, Trace::octets);
            let changes = detail.changes.iter().map(|change| size_of_val(change) + change.held());
            own + facts + trace + changes.sum::<usize>() + labelled.sum::<usize>()
        });
        text + (size_of::<Self>() + own + more) as u64
    }
}

/// How much of a reply was sent.
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
    /// A rule never sends it.
    Stalled,
}

impl From<Less> for Left {
    fn from(less: Less) -> Self {
        Self::Less(Box::new(less))
    }
}
