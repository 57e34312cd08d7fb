//! The content of a record with its references resolved: the source for text lines, JSON and transcripts.

use std::borrow::Cow;
use std::ops::Range;

use super::append::names_message;
use super::record::Label;
use super::{
    Detail, Ended, Exchange, ExchangePart, Journal, Left, Noted, OAuthRequest, Opened, Proxied, Record, RecordKind,
    TextPlace,
};
use super::{SessionLog, Tls, TlsFailure, Trace, Weight};
use crate::base::{MessageNo, Seq};
use crate::protocol::{Event, Status};

/// The content of a record.
pub(crate) enum Description<'j> {
    /// A connection was accepted.
    Opened(&'j Opened),
    /// A proxy told for which client it connects.
    Proxied(&'j Proxied),
    /// A request and its reply, or more of the reply.
    Turn(RecordedTurn<'j>),
    /// The reply of an exchange was sent, completely or in part.
    Closed { exchange: Seq, left: &'j Left },
    /// Octets received in cleartext after STARTTLS were discarded.
    Cleartext { octets: u64, is_executed: bool },
    /// TLS is established.
    Secured(&'j Tls),
    /// TLS failed.
    Unsecured(&'j TlsFailure),
    /// The session ended; `first` has the first octets of an incomplete request.
    Ended { ended: &'j Ended, first: &'j [u8] },
    /// A test changed mail from outside of every session.
    Outside(&'j Detail),
    /// A client asked the OAuth 2.0 provider.
    OAuth(&'j OAuthRequest),
    /// A note of a rule or of the server.
    Noted(&'j Noted),
}

/// One turn of an exchange: a request and its reply, or more of the reply.
#[derive(Clone, Copy)]
pub(crate) struct RecordedTurn<'j> {
    /// The record of the exchange's first turn.
    pub(crate) exchange: Seq,
    /// That record; `None` if it was evicted.
    pub(crate) first: Option<&'j Exchange>,
    /// Whether this is the first turn.
    pub(crate) is_first: bool,
    /// Whether a rule awaited the client's line, which may be empty.
    pub(crate) is_awaited: bool,
    /// The status of the reply; `None` if it has none yet.
    pub(crate) status: Option<Status>,
    pub(crate) heard: &'j [u8],
    pub(crate) said: &'j [u8],
    pub(super) place: TextPlace,
    pub(crate) detail: Option<&'j Detail>,
}

/// Octets that are recorded as a label such as `<caps>`.
pub(crate) struct Abbreviated<'j> {
    /// `heard` or `said`.
    pub(crate) side: &'static str,
    /// The text of that side, with the label.
    pub(crate) text: &'j [u8],
    /// Where the label is in this text.
    pub(crate) at: Range<usize>,
    pub(crate) octets: &'j [u8],
}

impl<'j> RecordedTurn<'j> {
    /// The event of the exchange; `None` if its first record was evicted.
    pub(crate) fn event(&self) -> Option<Event> {
        self.first.map(|exchange| exchange.event)
    }

    /// Length of the client's text, whether it is kept or not: positions in the server's text begin there.
    pub(crate) fn octets_heard(&self) -> u32 {
        self.place.heard
    }

    /// The message that was captured.
    pub(crate) fn captured(&self) -> Option<MessageNo> {
        self.detail?.captured
    }

    /// How many changes were made to mail.
    pub(crate) fn changes(&self) -> usize {
        self.detail.map_or(0, |detail| detail.changes.len())
    }

    /// What rules did.
    pub(crate) fn trace(&self) -> Option<&'j Trace> {
        self.detail?.trace.as_deref()
    }

    /// Whether a part of the request arrived before the reply to the one before was sent. Later turns have no request.
    #[cfg(feature = "api")]
    pub(crate) fn is_early(&self) -> bool {
        self.is_first && self.first.is_some_and(|exchange| exchange.is_early)
    }

    /// The reply, with what its labels stand for.
    pub(crate) fn said_in_full(&self) -> Cow<'j, [u8]> {
        let mut labels = self.abbreviated().filter(|label| label.side == "said").peekable();
        if labels.peek().is_none() {
            return self.said.into();
        }
        let (mut full, mut from) = (Vec::new(), 0);
        for Abbreviated { at, octets, .. } in labels {
            full.extend_from_slice(&self.said[from..at.start]);
            full.extend_from_slice(octets);
            from = at.end;
        }
        full.extend_from_slice(&self.said[from..]);
        full.into()
    }

    /// What labels in the text stand for, except labels of messages, if the text is kept.
    pub(crate) fn abbreviated(&self) -> impl Iterator<Item = Abbreviated<'j>> {
        let Self { heard, said, place, .. } = *self;
        self.labelled().iter().filter_map(move |Label { label, octets }| {
            let (side, text, from) = match label.start < place.heard {
                true => ("heard", heard, 0),
                false => ("said", said, place.heard),
            };
            let at = (label.start - from) as usize..(label.end - from) as usize;
            let is_of_message = names_message(text.get(at.clone())?);
            (!is_of_message).then_some(Abbreviated { side, text, at, octets: octets.own()? })
        })
    }

    /// The places of labels in the client's text.
    pub(crate) fn labels_heard(&self) -> Vec<Range<usize>> {
        let heard = self.labelled().iter().map(|its| &its.label).filter(|label| label.start < self.place.heard);
        heard.map(|label| label.start as usize..label.end as usize).collect()
    }

    /// The labels in the text of both sides.
    pub(super) fn labelled(&self) -> &'j [Label] {
        self.detail.map_or(&[], |detail| &detail.labelled)
    }
}

impl Description<'_> {
    /// All names.
    #[cfg(feature = "api")]
    pub(crate) const NAMES: &'static [&'static str] = &[
        "opened",
        "proxied",
        "exchange",
        "part",
        "closed",
        "dropped",
        "executed",
        "secured",
        "unsecured",
        "ended",
        "outside",
        "oauth",
        "noted",
    ];

    /// Its name, such as `exchange`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Proxied(_) => "proxied",
            Self::Turn(RecordedTurn { is_first: true, .. }) => "exchange",
            Self::Turn(RecordedTurn { is_first: false, .. }) => "part",
            Self::Closed { .. } => "closed",
            Self::Cleartext { is_executed: false, .. } => "dropped",
            Self::Cleartext { is_executed: true, .. } => "executed",
            Self::Secured(_) => "secured",
            Self::Unsecured(_) => "unsecured",
            Self::Ended { .. } => "ended",
            Self::Outside(_) => "outside",
            Self::OAuth(_) => "oauth",
            Self::Noted(_) => "noted",
        }
    }

    /// The type of the grant, if it is a request for a token.
    #[cfg(feature = "api")]
    pub(crate) fn grant(&self) -> Option<&str> {
        match self {
            Self::OAuth(request) => request.grant.as_deref(),
            Self::Opened(_)
            | Self::Proxied(_)
            | Self::Turn(_)
            | Self::Closed { .. }
            | Self::Cleartext { .. }
            | Self::Secured(_)
            | Self::Unsecured(_)
            | Self::Ended { .. }
            | Self::Outside(_)
            | Self::Noted(_) => None,
        }
    }

    /// The event of its exchange, if it belongs to one that is not evicted.
    pub(crate) fn event(&self, journal: &Journal) -> Option<Event> {
        match self {
            Self::Turn(turn) => turn.event(),
            Self::Closed { exchange, .. } => journal.exchange_at(*exchange).map(|exchange| exchange.event),
            Self::Opened(_)
            | Self::Proxied(_)
            | Self::Cleartext { .. }
            | Self::Secured(_)
            | Self::Unsecured(_)
            | Self::Ended { .. }
            | Self::Outside(_)
            | Self::OAuth(_)
            | Self::Noted(_) => None,
        }
    }
}

impl Weight {
    /// Its name, such as `failure`. A note about a webhook is a note.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Note | Self::Webhook => "note",
            Self::State => "state",
            Self::Failure => "failure",
        }
    }
}

impl Journal {
    /// The content of a record of this journal.
    pub(crate) fn describe<'j>(&'j self, seq: Seq, record: &'j Record) -> Description<'j> {
        let log = record.session.and_then(|session| self.session(session));
        let heard = |place| log.map(|log| log.heard(place)).unwrap_or_default();
        let said = |place| log.map(|log| log.said(place)).unwrap_or_default();
        match &record.kind {
            RecordKind::Opened(opened) => Description::Opened(opened),
            RecordKind::Proxied(proxied) => Description::Proxied(proxied),
            RecordKind::Exchange(exchange) => {
                let Exchange { text: place, status, ref detail, .. } = *exchange;
                Description::Turn(RecordedTurn {
                    exchange: seq,
                    first: Some(exchange),
                    is_first: true,
                    is_awaited: false,
                    status,
                    heard: heard(place),
                    said: said(place),
                    place,
                    detail: detail.as_deref(),
                })
            }
            RecordKind::Part(part) => {
                let ExchangePart { exchange, text: place, awaited, status, ref detail } = **part;
                Description::Turn(RecordedTurn {
                    exchange,
                    first: self.exchange_at(exchange),
                    is_first: false,
                    is_awaited: awaited,
                    status,
                    heard: heard(place),
                    said: said(place),
                    place,
                    detail: detail.as_deref(),
                })
            }
            RecordKind::Closed { exchange, left } => Description::Closed { exchange: *exchange, left },
            RecordKind::Cleartext { octets, is_executed } => {
                Description::Cleartext { octets: *octets, is_executed: *is_executed }
            }
            RecordKind::Secured(tls) => Description::Secured(tls),
            RecordKind::Unsecured(failure) => Description::Unsecured(failure),
            RecordKind::Ended(ended) => Description::Ended { ended, first: heard(ended.text) },
            RecordKind::Outside(detail) => Description::Outside(detail),
            RecordKind::OAuth(request) => Description::OAuth(request),
            RecordKind::Noted(noted) => Description::Noted(noted),
        }
    }

    /// The turns of a session that are not evicted, in order.
    pub(crate) fn turns<'j>(
        &'j self,
        seqs: impl DoubleEndedIterator<Item = Seq>,
    ) -> impl DoubleEndedIterator<Item = RecordedTurn<'j>> {
        seqs.filter_map(|seq| match self.describe(seq, self.get(seq)?) {
            Description::Turn(turn) => Some(turn),
            Description::Opened(_)
            | Description::Proxied(_)
            | Description::Closed { .. }
            | Description::Cleartext { .. }
            | Description::Secured(_)
            | Description::Unsecured(_)
            | Description::Ended { .. }
            | Description::Outside(_)
            | Description::OAuth(_)
            | Description::Noted(_) => None,
        })
    }

    /// The message captured in an exchange, in the turn that begins it or in a later one.
    pub(crate) fn captured_in(&self, log: &SessionLog, turn: &RecordedTurn<'_>) -> Option<MessageNo> {
        let is_message = turn.event().map(Event::as_smtp) == Some(Event::SmtpMessage);
        if turn.captured().is_some() || !is_message {
            return turn.captured();
        }
        let later = log.records.since(Seq(turn.exchange.0 + 1)).filter_map(|seq| self.get(seq));
        let is_closed =
            |record: &Record| matches!(record.kind, RecordKind::Closed { exchange, .. } if exchange == turn.exchange);
        later.take_while(|record| !is_closed(record)).find_map(|record| {
            let RecordKind::Part(part) = &record.kind else { return None };
            part.detail.as_ref().filter(|_| part.exchange == turn.exchange)?.captured
        })
    }

    /// The first record of an exchange.
    pub(crate) fn exchange_at(&self, seq: Seq) -> Option<&Exchange> {
        let RecordKind::Exchange(exchange) = &self.get(seq)?.kind else { return None };
        Some(exchange)
    }
}
