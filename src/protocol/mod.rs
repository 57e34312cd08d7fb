//! Mail protocols as pure state machines: bytes become requests; each request is performed once, and answered.
//!
//! Knows mail, and nothing of sockets, encryption libraries, or of who listens and why.

mod capability;
#[cfg(test)]
mod dialogue;
mod event;
mod field;
mod framing;
pub(crate) mod imap;
mod line;
mod listener;
pub(crate) mod pop3;
mod redact;
mod reply;
pub(crate) mod smtp;
mod starttls;
mod txn;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

pub(crate) use capability::{CapabilityOverride, CapabilityOverrides};
pub use event::Event;
pub(crate) use field::{RequestField, Value, content_of, message};
pub(crate) use framing::Framing;
pub use listener::{Listener, Protocol};
pub(crate) use redact::{is_login_line, is_verb_of, masked, without_words};
#[cfg(feature = "cli")]
pub(crate) use redact::{is_verb, status_of, without_password};
pub(crate) use reply::{Author, Labelled, Piece, Recorded, Reply, Written};
pub use starttls::StartTls;
pub(crate) use txn::{
    ClientFacts, Destination, InvalidMailbox, MailStore, MailTxn, Route, SeedMailbox, SeedMessage, TxnLog,
};

use crate::mail::{Accounts, MailboxId, Message};

/// A mail protocol as a pure state machine. It owns no socket, reads no clock and never fails: what it cannot
/// understand is a request too, and performing it yields the protocol's error reply.
pub(crate) trait Machine: Send + 'static {
    /// What the client asks, as a typed value.
    type Request: Send + 'static;

    /// Takes the next complete request from the front of the input, if there is one. The first call, on whatever
    /// input, gives the greeting. What is over a limit is counted and dropped as it comes, never kept.
    fn decode(&mut self, input: &mut BytesMut) -> Option<Decoded<Self::Request>>;

    /// The client has been silent for [`patience`](Self::patience): what the server says then.
    fn lapse(&mut self) -> Decoded<Self::Request>;

    /// The server is about to stop: what it says then.
    fn stop(&mut self) -> Decoded<Self::Request>;

    /// How long the client may be silent from now on.
    fn patience(&self) -> Duration;

    /// The mailboxes whose changes the client waits for at this moment.
    fn interest(&self) -> &[MailboxId] {
        &[]
    }

    /// News from these mailboxes: what the server says unasked. None while there is nothing to say.
    fn notice(&mut self, _accounts: &Accounts) -> Option<Decoded<Self::Request>> {
        None
    }

    /// Does what was asked, through the transaction, and says so, with the status that its answer has.
    fn perform(&mut self, request: Self::Request, txn: &mut MailTxn<'_>) -> Outcome<Self::Request>;

    /// Whether messages may have to be read for this request.
    fn reads(&self, _request: &Self::Request) -> bool {
        false
    }

    /// Takes from mail what a turn is computed from. Gives how many octets have to be read for that; 0 where there is
    /// nothing to compute.
    fn gather(&self, _request: &mut Self::Request, _accounts: &Accounts) -> u64 {
        0
    }

    /// Computes from what was gathered. It may take long, and needs nothing but the request: nobody has to wait for it.
    fn compute(_request: &mut Self::Request) {}

    /// The messages that a request is about; none where it is about none.
    fn messages(&self, _request: &Self::Request, _accounts: &Accounts) -> Option<Vec<Message>> {
        None
    }

    /// What is known of a request before it is performed, without reading messages; none where there is no such thing.
    fn field<'a>(
        &'a self,
        _heard: &'a Decoded<Self::Request>,
        _field: &RequestField,
        _accounts: &'a Accounts,
    ) -> Option<Value<'a>> {
        None
    }

    /// The form of an answer to this request.
    fn framing(&self, request: &Self::Request) -> Framing;

    /// The request is not performed: something else was answered, positive or not. What comes next follows from what
    /// the client must believe now: a body that was sent is over, a login that was refused too.
    fn reject(&mut self, request: Self::Request, is_positive: bool) -> Next<Self::Request>;

    /// The client was greeted like this, where rules had to do with it.
    fn greeted(&mut self, _greeting: &[u8]) {}

    /// The event of its own that the next part of a long answer is.
    fn item(&self, _rest: &Self::Request) -> Option<Event> {
        None
    }

    /// Tells the client at once what it may not be told yet: expunges in the midst of an answer, say.
    fn tell(&mut self, _txn: &mut MailTxn<'_>) -> Reply {
        Reply::default()
    }

    /// The client is never told that this entry went.
    fn conceal(&mut self, _place: MailboxId, _uid: u32) {}

    /// What is announced instead of what would be; none where nothing is announced.
    fn mask(&mut self) -> Option<&mut CapabilityOverrides> {
        None
    }

    /// TLS is established: forget what was learned in the clear (RFC 3207 §4.2).
    fn secured(&mut self);

    /// The request that was begun and is not complete, as far as it was taken from the input.
    fn unfinished(&self) -> Unfinished;

    /// The octets of that, as far as they are kept, in two pieces.
    fn unfinished_octets(&self) -> [&[u8]; 2];
}

/// A request that was begun and is not complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// What more than a line belongs to, as `DATA`.
    pub(crate) within: Option<&'static str>,
    pub(crate) octets: u64,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.octets == 1 { "octet" } else { "octets" };
        write!(f, "in {}, {} {unit} so far", self.within.unwrap_or("a line"), self.octets)
    }
}

/// A request together with what the transcript shows of it.
#[derive(Debug)]
pub(crate) struct Decoded<R> {
    pub(crate) event: Event,
    pub(crate) input: Input,
    pub(crate) request: R,
}

/// What the client sent, as the transcript shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// Nothing: a greeting, an autologout.
    Silence,
    /// A line, without its CRLF; another end stands in it.
    Line(Bytes),
    /// The beginning of a line that is too long, and how many octets it had.
    LongLine { start: Bytes, octets: u64 },
    /// A message body of so many octets, the terminator not counted; its bytes are the captured message's. Lines at the
    /// places of odd dots came otherwise than stuffed: with one dot before them, or with the one that they have.
    Body { octets: u64, odd_dots: Option<Arc<[u32]>> },
    /// Lines without the last CRLF, and between them messages: each a place in the text and a count of octets.
    Literals { text: Bytes, messages: Vec<(usize, u64)> },
}

/// What performing a request comes to.
#[derive(Debug)]
pub(crate) struct Outcome<R> {
    pub(crate) reply: Reply,
    /// None where the reply answers nothing yet: untagged data, a part of a long answer, silence.
    pub(crate) status: Option<Status>,
    pub(crate) next: Next<R>,
}

/// What an answer says of its request (RFC 5321 §4.2.1, RFC 3501 §7.1, RFC 1939 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub(crate) enum Status {
    /// It was done, or the client may go on.
    Positive,
    /// It was refused, or the server says goodbye instead.
    Negative,
}

/// What happens after the reply.
#[derive(Debug)]
pub(crate) enum Next<R> {
    /// The next request.
    Continue,
    /// The rest of this long answer: performed when what is ready has left.
    More(R),
    /// A layer of the wire begins.
    Layer(Layer),
    /// The end of the session.
    End,
}

/// A layer of the wire that begins behind the reply that agrees to it. Whoever owns the wire knows how it transforms
/// octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// TLS, from its handshake on.
    Tls,
    /// Inverts every octet.
    #[cfg(test)]
    Inverted,
}

impl<R> Next<R> {
    /// The rest of an answer that is given in parts.
    pub(crate) fn more(self) -> Option<R> {
        match self {
            Self::More(rest) => Some(rest),
            Self::Continue | Self::Layer(_) | Self::End => None,
        }
    }
}
