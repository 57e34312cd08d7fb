//! The entry of a mailbox as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use super::blocking::blocking_if_long;
use crate::base::{MessageNo, Timestamp};
use crate::journal::Journal;
use crate::mail::{Address, Entry, Mailbox, Message};

#[derive(Serialize, ToSchema)]
pub(super) struct EntryJson {
    uid: u32,
    flags: Vec<String>,
    /// The internal date (RFC 3501 §2.3.3).
    #[schema(value_type = String, format = DateTime)]
    date: Timestamp,
    modseq: u64,
    /// The message, such as `m1`.
    #[schema(value_type = String)]
    message: MessageNo,
    size: usize,
    /// The header field Subject; with `details=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    subject: Option<String>,
    /// The addresses of the header field From; with `details=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<Object>, required = false)]
    from: Option<Vec<Address>>,
    /// Whether it was captured, so that `/v1/messages` has it; with `details=true`. What was put in or appended was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    captured: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EntryList {
    pub(super) entries: Vec<EntryJson>,
}

/// An entry, and its message if details are wanted: they are read from it outside of the lock.
pub(super) struct FoundEntry {
    entry: EntryJson,
    message: Option<Message>,
}

impl EntryJson {
    pub(super) fn of(mailbox: &Mailbox, entry: &Entry) -> Self {
        Self {
            uid: entry.uid,
            flags: entry.flags.names(&mailbox.keywords).map(str::to_owned).collect(),
            date: entry.date.at,
            modseq: entry.modseq,
            message: entry.message.no(),
            size: entry.message.raw().len(),
            subject: None,
            from: None,
            captured: None,
        }
    }
}

impl FoundEntry {
    /// With details, the journal says what was captured.
    pub(super) fn of(mailbox: &Mailbox, entry: &Entry, details: Option<&Journal>) -> Self {
        let message = details.map(|_| entry.message.clone());
        let captured = details.map(|journal| journal.message(entry.message.no()).is_some());
        Self { entry: EntryJson { captured, ..EntryJson::of(mailbox, entry) }, message }
    }

    /// The entry with the details that are wanted. Call it without the lock.
    pub(super) fn described(self) -> EntryJson {
        blocking_if_long(self.octets(), || self.with_details())
    }

    /// How much is read for the details.
    fn octets(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.raw().len())
    }

    fn with_details(self) -> EntryJson {
        let Self { mut entry, message } = self;
        entry.subject = message.as_ref().map(Message::subject);
        entry.from = message.as_ref().map(Message::from);
        entry
    }
}

impl EntryList {
    /// The entries with the details that are wanted. Call it without the lock.
    pub(super) fn of(found: Vec<FoundEntry>) -> Self {
        let octets = found.iter().map(FoundEntry::octets).sum();
        Self { entries: blocking_if_long(octets, || found.into_iter().map(FoundEntry::with_details).collect()) }
    }
}
