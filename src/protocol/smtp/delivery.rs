//! The replies to a message over LMTP: one for each accepted recipient (RFC 2033 §4.2).

use std::fmt::Write;
use std::vec;

use super::refusal::visible;
use super::{Request, Smtp};
use crate::mail::{AccountNo, Message, Recipient};
use crate::protocol::{MailTxn, Next, Outcome, Reply, Status};

/// A captured message, and the recipients without a reply so far.
#[derive(Debug)]
pub(crate) struct Deliveries {
    message: Message,
    recipients: vec::IntoIter<Box<str>>,
    /// Whether it is already filed, because a rule sent it to another mailbox.
    is_filed: bool,
    /// The accounts that already have it.
    served: Vec<AccountNo>,
    /// How often the server had been reset when it was captured.
    resets: u64,
}

impl Deliveries {
    pub(super) fn new(message: Message, is_filed: bool, resets: u64) -> Self {
        let recipients: Vec<Box<str>> = message.envelope().accepted().map(Box::from).collect();
        Self { message, recipients: recipients.into_iter(), is_filed, served: Vec::new(), resets }
    }

    pub(super) fn message(&self) -> &Message {
        &self.message
    }

    /// The recipient that gets the next reply.
    pub(super) fn next(&self) -> Option<&str> {
        self.recipients.as_slice().first().map(|address| &**address)
    }

    /// The same recipient, as it is in the envelope.
    pub(super) fn next_recipient(&self) -> Option<&Recipient> {
        let envelope = self.message.envelope();
        let served = envelope.accepted().count() - self.recipients.len();
        envelope.recipients().iter().filter(|its| its.is_accepted()).nth(served)
    }

    /// Skips that recipient, which got another reply and does not get the message.
    pub(super) fn skip(mut self) -> Next<Request> {
        self.recipients.next();
        self.rest()
    }

    fn rest(self) -> Next<Request> {
        if self.recipients.len() == 0 { Next::Continue } else { Next::More(Request::Deliveries(Box::new(self))) }
    }
}

impl Smtp {
    /// Delivers to the recipients, with a reply for each.
    pub(super) fn deliver(mut deliveries: Deliveries, txn: &mut MailTxn<'_>) -> Outcome<Request> {
        let mut reply = Reply::default();
        // After a reset the journal no longer has the message.
        if deliveries.resets != txn.resets() {
            for address in deliveries.recipients.by_ref() {
                let _infallible = write!(reply, "451 4.3.0 <{}> The server was reset\r\n", visible(&address));
            }
            return Outcome { reply, status: Some(Status::Negative), next: Next::Continue };
        }
        for address in deliveries.recipients.by_ref() {
            if !deliveries.is_filed {
                txn.file_in_inbox(&address, &deliveries.message, &mut deliveries.served);
            }
            let no = deliveries.message.no();
            let _infallible = write!(reply, "250 2.0.0 <{}> Ok: queued as {no}\r\n", visible(&address));
            if txn.is_single() {
                break;
            }
        }
        Outcome { reply, status: Some(Status::Positive), next: deliveries.rest() }
    }
}
