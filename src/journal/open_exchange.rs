//! An exchange whose reply has neither left nor been lost, and what its answer comes to. It outlasts its records.

use super::{Detail, Left, Less};
use crate::base::Seq;
use crate::protocol::{Event, Status};

#[derive(Debug)]
pub(super) struct OpenExchange {
    pub(super) exchange: Seq,
    /// The client waits for an answer.
    is_asked: bool,
    /// What the answer says of the request, as far as it does.
    status: Option<Status>,
    /// Nothing is said.
    is_silent: bool,
    /// A rule cuts the answer.
    is_cut: bool,
}

impl OpenExchange {
    pub(super) fn new(exchange: Seq, event: Event) -> Self {
        Self { exchange, is_asked: !event.is_unasked(), status: None, is_silent: true, is_cut: false }
    }

    /// So many octets more are said.
    pub(super) fn say(&mut self, octets: usize, status: Option<Status>, detail: Option<&Detail>) {
        self.is_silent &= octets == 0;
        self.status = status.or(self.status);
        self.is_cut |= detail.and_then(|detail| detail.trace.as_ref()).is_some_and(|trace| trace.is_cut);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    pub(super) fn is_refused(&self) -> bool {
        self.status == Some(Status::Negative)
    }

    /// What became of the answer, when so much of it left.
    pub(super) fn outcome(&self, left: &Left) -> &'static str {
        match left {
            Left::Less(less) if matches!(**less, Less::Stalled | Less::Part { octets: 0, .. }) => "silent",
            _ if self.is_silent => "silent",
            Left::Less(_) => "cut",
            Left::All if self.is_cut => "cut",
            Left::All if self.is_refused() => "refused",
            // What was said does not answer the request.
            Left::All if self.status.is_none() && self.is_asked => "silent",
            Left::All => "ok",
        }
    }
}
