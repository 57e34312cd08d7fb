//! The machine for events without a client's request.

use std::time::Duration;

use bytes::BytesMut;

use crate::protocol::{Decoded, Event, Framing, Machine, MailTxn, Next, Outcome, Reply, Unfinished};

/// Replaces the machine at events of a connection, and at events caused by changes.
pub(super) struct Nobody;

impl Machine for Nobody {
    type Request = ();

    fn decode(&mut self, _input: &mut BytesMut) -> Option<Decoded<()>> {
        None
    }

    fn lapse(&mut self) -> Decoded<()> {
        Decoded::silent(Event::TcpClose, ())
    }

    fn stop(&mut self) -> Decoded<()> {
        self.lapse()
    }

    fn patience(&self) -> Duration {
        Duration::MAX
    }

    fn perform(&mut self, _request: (), _txn: &mut MailTxn<'_>) -> Outcome<()> {
        Outcome { reply: Reply::default(), status: None, next: Next::Continue }
    }

    fn framing(&self, _request: &()) -> Framing {
        Framing::Smtp
    }

    fn reject(&mut self, _request: (), _is_positive: bool) -> Next<()> {
        Next::Continue
    }

    fn secured(&mut self) {}

    fn unfinished(&self) -> Unfinished {
        Unfinished::default()
    }

    fn unfinished_octets(&self) -> [&[u8]; 2] {
        [&[], &[]]
    }
}
