//! An exchange whose reply was neither sent nor lost yet. It is kept when its records are evicted.

use super::{Detail, Left, Less};
use crate::base::Seq;
use crate::protocol::{Event, Status};

#[derive(Debug)]
pub(super) struct OpenExchange {
    pub(super) exchange: Seq,
    /// Whether it is counted among the refused requests if it is refused.
    pub(super) is_counted: bool,
    /// Whether the client waits for a reply.
    is_asked: bool,
    /// The status of the reply; `None` if it has none yet.
    status: Option<Status>,
    /// Whether the reply is empty so far.
    is_silent: bool,
    /// Whether a rule cuts the reply.
    is_cut: bool,
    /// Whether there is a reply for each recipient (RFC 2033 §4.2).
    is_of_several: bool,
}

impl OpenExchange {
    pub(super) fn new(exchange: Seq, event: Event) -> Self {
        Self {
            exchange,
            is_counted: true,
            is_asked: !event.is_unasked(),
            status: None,
            is_silent: true,
            is_cut: false,
            is_of_several: event == Event::LmtpMessage,
        }
    }

    /// Adds this many octets of the reply.
    pub(super) fn say(&mut self, octets: usize, status: Option<Status>, detail: Option<&Detail>) {
        self.is_silent &= octets == 0;
        // Over LMTP, the exchange is refused if one recipient is.
        let is_kept = self.is_of_several && self.status == Some(Status::Negative);
        self.status = if is_kept { self.status } else { status.or(self.status) };
        self.is_cut |= detail.and_then(|detail| detail.trace.as_ref()).is_some_and(|trace| trace.is_cut);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    pub(super) fn is_refused(&self) -> bool {
        self.status == Some(Status::Negative)
    }

    pub(super) fn counts_as_refused(&self) -> bool {
        self.is_counted && self.is_refused()
    }

    /// The outcome, if this much of the reply was sent.
    pub(super) fn outcome(&self, left: &Left) -> &'static str {
        match left {
            Left::Less(less) if matches!(**less, Less::Stalled | Less::Part { octets: 0, .. }) => "silent",
            _ if self.is_silent => "silent",
            Left::Less(_) => "cut",
            Left::All if self.is_cut => "cut",
            Left::All if self.is_refused() => "refused",
            // The output has no status, so it does not reply to the request.
            Left::All if self.status.is_none() && self.is_asked => "silent",
            Left::All => "ok",
        }
    }
}

/// Whether a reply is a challenge: in a negative one is the error about a token, which the client has to answer (RFC 7628
/// §3.2.3).
pub(super) fn is_challenge(reply: &[u8]) -> bool {
    reply.starts_with(b"334 ") || reply.starts_with(b"+ ")
}
