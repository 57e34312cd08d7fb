//! Mail protocols as pure state machines: octets become requests, and each request is performed once and answered.
//!
//! This floor knows mail. It does not know sockets, TLS libraries, or who observes a session.

mod capability;
#[cfg(test)]
mod dialogue;
mod disconnect;
mod event;
mod field;
mod framing;
pub(crate) mod imap;
mod leniency;
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
use disconnect::Disconnect;
pub(crate) use disconnect::farewell;
#[cfg(test)]
pub(crate) use event::ALIASES;
pub use event::Event;
pub(crate) use event::{canonical, unknown_event};
pub(crate) use field::{ContentField, RequestField, TypedParameter, Value, content_of, message};
pub(crate) use framing::Framing;
pub use leniency::Leniency;
pub(crate) use leniency::{Leniencies, Lenient};
pub use listener::{Listener, Protocol};
pub(crate) use redact::{is_bare_command, is_login_line, is_verb_of, masked, without_words};
#[cfg(feature = "cli")]
pub(crate) use redact::{is_verb, status_of, without_password};
pub(crate) use reply::{Author, Labelled, Piece, Recorded, Reply, Written};
pub use starttls::StartTls;
use starttls::{NoStartTls, TlsState};
pub(crate) use txn::{
    ClientFacts, Destination, InvalidMailbox, MailStore, MailTxn, NotRenamed, Route, SeedMailbox, SeedMessage,
    ToldClient, TxnLog,
};

use crate::mail::{Accounts, MailboxId, Message};
use crate::sasl::Channel;

/// A mail protocol as a pure state machine. It has no socket, reads no clock and never fails: invalid input becomes a
/// request too, whose reply is the protocol's error.
pub(crate) trait Machine: Send + 'static {
    /// A request of the client.
    type Request: Send + 'static;

    /// Takes the next complete request from the front of the input, if there is one. The first call returns the
    /// greeting, whatever the input is. Input over a limit is counted and discarded as it comes.
    fn decode(&mut self, input: &mut BytesMut) -> Option<Decoded<Self::Request>>;

    /// The request that announces the end of a session whose client was silent for [`patience`](Self::patience).
    fn lapse(&mut self) -> Decoded<Self::Request>;

    /// The request that announces that the server stops.
    fn stop(&mut self) -> Decoded<Self::Request>;

    /// How long the client may currently be silent.
    fn patience(&self) -> Duration;

    /// Maximum number of octets of a message or of a literal.
    fn most_data(&self) -> u64 {
        1 << 20
    }

    /// The mailboxes whose changes the client waits for now.
    fn interest(&self) -> &[MailboxId] {
        &[]
    }

    /// The request to announce changes of these mailboxes. None if there are none.
    fn notice(&mut self, _accounts: &Accounts) -> Option<Decoded<Self::Request>> {
        None
    }

    /// Performs a request in the transaction. Returns the reply, its status, and what comes next.
    fn perform(&mut self, request: Self::Request, txn: &mut MailTxn<'_>) -> Outcome<Self::Request>;

    /// Whether this request may need to read messages.
    fn reads(&self, _request: &Self::Request) -> bool {
        false
    }

    /// Collects what the next turn needs from the mailboxes. Returns how many octets have to be read; 0 if there is
    /// nothing to compute.
    fn gather(&self, _request: &mut Self::Request, _accounts: &Accounts) -> u64 {
        0
    }

    /// Computes the next turn from what was gathered. This may take long, but does not need the lock.
    fn compute(_request: &mut Self::Request) {}

    /// The messages of a request. `None` if it has none.
    fn messages(&self, _request: &Self::Request, _accounts: &Accounts) -> Option<Vec<Message>> {
        None
    }

    /// The value of a field of a request before it is performed, without reading messages. None if it has no such
    /// field.
    fn field<'a>(
        &'a self,
        _heard: &'a Decoded<Self::Request>,
        _field: &RequestField,
        _accounts: &'a Accounts,
    ) -> Option<Value<'a>> {
        None
    }

    /// The form of a reply to this request.
    fn framing(&self, request: &Self::Request) -> Framing;

    /// Drops a request that got another reply. `is_positive` is the status of that reply. Changes the state as the
    /// client must expect: the reply ends a message that was sent, and a refusal ends a login.
    fn reject(&mut self, request: Self::Request, is_positive: bool) -> Next<Self::Request>;

    /// The command to perform instead of this request, with its tag. A SASL exchange or IDLE that the request belongs
    /// to ends. `None` if the line is not one complete command, or the request is not a line of the client.
    fn command(&mut self, _instead_of: &Self::Request, _line: &[u8]) -> Option<Self::Request> {
        None
    }

    /// Logs in as this user without credentials. Returns the login as the list of accounts has it; fails with the
    /// reason why this is impossible.
    fn log_in(&mut self, _login: &str, _txn: &mut MailTxn<'_>) -> Result<Box<str>, String> {
        Err("there is no login at this event".to_owned())
    }

    /// Tells the machine the greeting that was sent, if a rule changed it.
    fn greeted(&mut self, _greeting: &[u8]) {}

    /// The event of the next part of a long reply, if it has an event of its own.
    fn item(&self, _rest: &Self::Request) -> Option<Event> {
        None
    }

    /// Announces all changes at once, including those that the protocol forbids now, such as expunges during a command.
    fn tell(&mut self, _txn: &mut MailTxn<'_>) -> Reply {
        Reply::default()
    }

    /// Whether replies leave out what other sessions changed, because the client gets other replies.
    fn hold_updates(&mut self, _are_held: bool) {}

    /// Never tells the client that this message was expunged.
    fn conceal(&mut self, _place: MailboxId, _uid: u32) {}

    /// The changes of the announced capabilities. `None` for a protocol without capabilities.
    fn capability_overrides(&mut self) -> Option<&mut CapabilityOverrides> {
        None
    }

    /// Tells the machine the TLS connection under it.
    fn bind(&mut self, _channel: Channel) {}

    /// Whether cleartext that came with the request for TLS is executed under TLS, as vulnerable servers do.
    fn keeps_cleartext(&self) -> bool {
        false
    }

    /// TLS is established. Discards what was learned in cleartext (RFC 3207 §4.2).
    fn secured(&mut self);

    /// The part of an incomplete request that was taken from the input.
    fn unfinished(&self) -> Unfinished;

    /// The octets of the incomplete request that are kept, in two pieces.
    fn unfinished_octets(&self) -> [&[u8]; 2];
}

/// An incomplete request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// What the octets belong to, such as `DATA`. `None` for a line.
    pub(crate) within: Option<&'static str>,
    pub(crate) octets: u64,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.octets == 1 { "octet" } else { "octets" };
        write!(f, "in {}, {} {unit} so far", self.within.unwrap_or("a line"), self.octets)
    }
}

/// A decoded request, its event, and the input for the transcript.
#[derive(Debug)]
pub(crate) struct Decoded<R> {
    pub(crate) event: Event,
    pub(crate) input: Input,
    pub(crate) request: R,
}

impl<R> Decoded<R> {
    /// A request that the client did not send.
    pub(crate) fn silent(event: Event, request: R) -> Self {
        Self { event, input: Input::Silence, request }
    }
}

/// The input of a request, as the transcript shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// No input, as for the greeting.
    Silence,
    /// A line without its CRLF. Includes any other line end.
    Line(Bytes),
    /// The beginning of a line that is too long, and the number of its octets.
    LongLine { start: Bytes, octets: u64 },
    /// A message of this many octets, without the terminator. The captured message has the octets. `odd_dots` are the
    /// offsets of lines whose leading dot was not stuffed. `ends_bare` is whether a bare CR or LF ended it.
    Body { octets: u64, odd_dots: Option<Arc<[u32]>>, ends_bare: bool },
    /// A command that announces a chunk of a message, without CRLF, and the chunk: its size, and how many octets of the
    /// message came before it. The captured message has the octets.
    Chunk { line: Bytes, before: u64, octets: u64 },
    /// Lines without the last CRLF, and the messages between them: each as its offset in the text and its size.
    Literals { text: Bytes, messages: Vec<(usize, u64)> },
}

/// The result of performing a request.
#[derive(Debug)]
pub(crate) struct Outcome<R> {
    pub(crate) reply: Reply,
    /// `None` if the reply is not complete: untagged data, a part of a long reply, nothing.
    pub(crate) status: Option<Status>,
    pub(crate) next: Next<R>,
}

/// Whether a reply is positive (RFC 5321 §4.2.1, RFC 3501 §7.1, RFC 1939 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub(crate) enum Status {
    /// The request was performed, or the client may continue.
    Positive,
    /// The request was refused, or the server ends the session.
    Negative,
}

/// What happens after the reply.
#[derive(Debug)]
pub(crate) enum Next<R> {
    /// The next request.
    Continue,
    /// The rest of a long reply, which is performed after the output so far was sent.
    More(R),
    /// A new layer of the wire.
    Layer(Layer),
    /// The end of the session.
    End,
}

/// A layer of the wire that begins after the reply. The owner of the wire knows how it transforms octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// TLS, from its handshake on.
    Tls,
    /// Inverts every octet.
    #[cfg(test)]
    Inverted,
}

impl<R> Next<R> {
    /// The rest of a long reply.
    pub(crate) fn more(self) -> Option<R> {
        match self {
            Self::More(rest) => Some(rest),
            Self::Continue | Self::Layer(_) | Self::End => None,
        }
    }
}
