//! Mailboxes and their entries.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::account::InvalidChange;
use super::{Flags, Message};
use crate::base::Timestamp;

/// A mailbox's number within its server: kept when the mailbox is renamed, and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct MailboxNo(pub(crate) u32);

/// A time with its zone: IMAP's internal date (RFC 3501 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct InternalDate {
    pub(crate) at: Timestamp,
    /// Minutes east of Greenwich.
    pub(crate) zone: i16,
}

/// A message's place in a mailbox.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) uid: u32,
    pub(crate) flags: Flags,
    pub(crate) modseq: u64,
    pub(crate) date: InternalDate,
    pub(crate) message: Message,
}

/// The special use of a mailbox (RFC 6154 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum SpecialUse {
    All,
    Archive,
    Drafts,
    Flagged,
    Junk,
    Sent,
    Trash,
}

impl SpecialUse {
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("\\All", Self::All),
        ("\\Archive", Self::Archive),
        ("\\Drafts", Self::Drafts),
        ("\\Flagged", Self::Flagged),
        ("\\Junk", Self::Junk),
        ("\\Sent", Self::Sent),
        ("\\Trash", Self::Trash),
    ];

    pub(crate) fn parse(attribute: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute)).map(|(_, its)| *its)
    }

    /// The attributes of all, for an error.
    pub(crate) fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }

    /// The customary special use of a mailbox with this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name {
            "Archive" => Some(Self::Archive),
            "Drafts" => Some(Self::Drafts),
            "Junk" => Some(Self::Junk),
            "Sent" => Some(Self::Sent),
            "Trash" => Some(Self::Trash),
            _ => None,
        }
    }

    pub(crate) fn attribute(self) -> &'static str {
        Self::ALL.iter().find(|(_, its)| *its == self).map_or("", |(name, _)| name)
    }
}

/// A mailbox as IMAP and POP3 clients see it: entries in the order of their UIDs.
#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    pub(crate) no: MailboxNo,
    pub(crate) name: Arc<str>,
    pub(crate) special_use: Option<SpecialUse>,
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    pub(crate) highest_modseq: u64,
    /// The mod-sequences of the last flag change and of the last expunge: a session that has seen them is up to date.
    pub(crate) last_flagged: u64,
    pub(crate) last_expunged: u64,
    /// Entries from this UID on are recent to the first session that selects the mailbox (RFC 3501 §2.3.2).
    pub(crate) recent_from: u32,
    pub(crate) keywords: Vec<Box<str>>,
    /// The POP3 unique ids that are not derived from the UID.
    pub(crate) uidls: HashMap<u32, Box<str>>,
    /// A deque, because the oldest entries are removed first.
    entries: VecDeque<Entry>,
}

impl Mailbox {
    pub(super) fn new(no: MailboxNo, name: &str, special_use: Option<SpecialUse>, uid_validity: u32) -> Self {
        Self {
            no,
            name: name.into(),
            special_use,
            uid_validity,
            uid_next: 1,
            highest_modseq: 1,
            last_flagged: 0,
            last_expunged: 0,
            recent_from: 1,
            keywords: Vec::new(),
            uidls: HashMap::new(),
            entries: VecDeque::new(),
        }
    }

    pub(crate) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// The entry with this UID.
    pub(crate) fn entry(&self, uid: u32) -> Option<&Entry> {
        self.place(uid).map(|at| &self.entries[at])
    }

    /// The entries from this UID on.
    pub(crate) fn entries_from(&self, uid: u32) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.range(self.entries.partition_point(|entry| entry.uid < uid)..)
    }

    /// The number of entries that no session has claimed as recent.
    pub(crate) fn recent(&self) -> usize {
        self.entries_from(self.recent_from).len()
    }

    /// The total size of all entries in octets.
    pub(crate) fn octets(&self) -> u64 {
        self.entries.iter().map(|entry| entry.message.raw().len() as u64).sum()
    }

    /// The flag of a keyword, compared case-insensitively.
    pub(crate) fn keyword(&self, name: &str) -> Option<Flags> {
        self.keywords.iter().position(|its| its.eq_ignore_ascii_case(name)).map(Flags::keyword)
    }

    pub(super) fn add_keyword(&mut self, name: &str) -> Result<(), InvalidChange> {
        if self.keywords.len() == Flags::MOST_KEYWORDS {
            return Err(InvalidChange::Keywords(self.no));
        }
        self.keywords.push(name.into());
        Ok(())
    }

    pub(super) fn claim(&mut self, recent_from: u32) {
        self.recent_from = recent_from;
    }

    pub(super) fn file(&mut self, entry: Entry) -> Result<(), InvalidChange> {
        if entry.uid != self.uid_next {
            return Err(InvalidChange::Uid { mailbox: self.no, expected: self.uid_next, found: entry.uid });
        }
        self.step(entry.modseq)?;
        self.uid_next += 1;
        self.entries.push_back(entry);
        Ok(())
    }

    pub(super) fn flag(&mut self, uid: u32, modseq: u64, flags: Flags) -> Result<(), InvalidChange> {
        self.step(modseq)?;
        self.last_flagged = modseq;
        let at = self.place(uid).ok_or(InvalidChange::NoEntry { mailbox: self.no, uid })?;
        let entry = &mut self.entries[at];
        (entry.flags, entry.modseq) = (flags, modseq);
        Ok(())
    }

    pub(super) fn expunge(&mut self, uid: u32, modseq: u64) -> Result<(), InvalidChange> {
        self.uidls.remove(&uid);
        self.step(modseq)?;
        self.last_expunged = modseq;
        let at = self.place(uid).ok_or(InvalidChange::NoEntry { mailbox: self.no, uid })?;
        self.entries.remove(at);
        if self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
        }
        Ok(())
    }

    pub(super) fn renumber(&mut self, uid_validity: u32, is_renumbered: bool, is_reversed: bool) {
        self.uid_validity = uid_validity;
        self.highest_modseq += 1;
        if !is_renumbered {
            return;
        }
        if is_reversed {
            self.entries.make_contiguous().reverse();
        }
        for (uid, entry) in (1..).zip(&mut self.entries) {
            entry.uid = uid;
        }
        self.uid_next = self.entries.len() as u32 + 1;
        self.recent_from = 1;
        self.uidls.clear();
    }

    fn step(&mut self, modseq: u64) -> Result<(), InvalidChange> {
        let expected = self.highest_modseq + 1;
        if modseq != expected {
            return Err(InvalidChange::Modseq { mailbox: self.no, expected, found: modseq });
        }
        self.highest_modseq = modseq;
        Ok(())
    }

    fn place(&self, uid: u32) -> Option<usize> {
        // If nothing was ever expunged, the index is the UID minus one.
        let guess = (uid as usize).wrapping_sub(1);
        if self.entries.get(guess).is_some_and(|entry| entry.uid == uid) {
            return Some(guess);
        }
        self.entries.binary_search_by_key(&uid, |entry| entry.uid).ok()
    }
}
