//! The log of a transaction, for the record of the exchange.

use std::net::IpAddr;

use super::Destination;
use crate::base::{MessageNo, Timestamp};
use crate::mail::{Change, Message};

/// What was done in a transaction, for the record of the exchange.
#[derive(Debug, Default)]
pub(crate) struct TxnLog {
    pub(crate) changes: Vec<Change>,
    /// The accepted message, until the journal takes it.
    pub(crate) accepted: Option<Message>,
    /// When and where to file the accepted message, if it is held.
    pub(crate) held: Option<(Timestamp, Destination)>,
    /// The messages that an IMAP client appended.
    pub(crate) appended: Vec<Message>,
    /// What the server did by itself, for people. Changes say the same.
    pub(crate) notes: Vec<String>,
    /// New facts about the client. `None` for most exchanges.
    pub(crate) facts: Option<Box<ClientFacts>>,
}

/// New facts about a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct ClientFacts {
    /// The login of the client from now on. The inner `None` means that the client is not logged in any more.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")
    )]
    pub(crate) user: Option<Option<Box<str>>>,
    /// The mechanism or the command with which it logged in; `None` if a rule or XCLIENT logged it in.
    pub(crate) mechanism: Option<Box<str>>,
    /// The login whose authentication failed.
    pub(crate) denied: Option<Box<str>>,
    /// The name that the client gave in EHLO or HELO.
    pub(crate) helo: Option<Box<str>>,
    /// For which client a trusted client speaks.
    pub(crate) told: Option<Box<ToldClient>>,
    /// The mailbox that is selected from now on. The inner `None` means that no mailbox is selected.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")
    )]
    pub(crate) selected: Option<Option<Box<str>>>,
    /// Whether the client is in IDLE from now on (RFC 2177).
    pub(crate) idling: Option<bool>,
}

/// What a trusted client told of the client for which it speaks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct ToldClient {
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    /// Its host name.
    pub(crate) name: Option<Box<str>>,
    /// The protocol that it speaks.
    pub(crate) protocol: Option<Box<str>>,
    /// Where it connected to.
    pub(crate) destination: Option<IpAddr>,
    pub(crate) destination_port: Option<u16>,
}

/// Deserializes a field that is present, even if it is null.
#[cfg(feature = "serde")]
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Box<str>>>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}

impl TxnLog {
    /// The message with this number, if this log contains it.
    pub(crate) fn message(&self, no: MessageNo) -> Option<&Message> {
        self.accepted.iter().chain(&self.appended).find(|message| message.no() == no)
    }

    pub(crate) fn is_empty(&self) -> bool {
        // A message that is held is accepted too.
        let Self { changes, accepted, held: _, appended, notes: _, facts } = self;
        changes.is_empty() && accepted.is_none() && appended.is_empty() && facts.is_none()
    }

    pub(super) fn facts(&mut self) -> &mut ClientFacts {
        self.facts.get_or_insert_default()
    }
}
