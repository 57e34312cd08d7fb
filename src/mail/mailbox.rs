//! A named, mutable list of messages, and a message's place in it.

use std::collections::VecDeque;

use super::Message;
use crate::base::Timestamp;

/// A mailbox's number within its server: stable while names change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MailboxNo(pub(crate) u32);

/// A message's place in a mailbox.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) uid: u32,
    pub(crate) modseq: u64,
    pub(crate) at: Timestamp,
    pub(crate) message: Message,
}

/// What an IMAP or POP3 client sees: entries in the order of their UIDs.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    pub(crate) no: MailboxNo,
    pub(crate) name: Box<str>,
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    pub(crate) highest_modseq: u64,
    /// A deque, because the oldest go first when many go.
    entries: VecDeque<Entry>,
}

impl Mailbox {
    pub(super) fn new(no: MailboxNo, name: &str, uid_validity: u32) -> Self {
        Self { no, name: name.into(), uid_validity, uid_next: 1, highest_modseq: 1, entries: VecDeque::new() }
    }

    pub(crate) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    pub(super) fn file(&mut self, entry: Entry) {
        assert_eq!(entry.uid, self.uid_next, "UIDs are given in order");
        assert_eq!(entry.modseq, self.highest_modseq + 1, "mod-sequences are given in order");
        self.uid_next += 1;
        self.highest_modseq = entry.modseq;
        self.entries.push_back(entry);
    }

    pub(super) fn expunge(&mut self, uid: u32, modseq: u64) {
        assert_eq!(modseq, self.highest_modseq + 1, "mod-sequences are given in order");
        let at = self.entries.binary_search_by_key(&uid, |entry| entry.uid);
        self.entries.remove(at.expect("an entry is expunged once"));
        self.highest_modseq = modseq;
    }
}
