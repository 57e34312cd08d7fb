//! A session's view of its selected mailbox: its sequence numbers, and the changes that the client knows.

use std::ops::Range;

use super::flags;
use super::sequence_set::SequenceSet;
use crate::mail::{Entry, Flags, Mailbox, MailboxId};
use crate::protocol::{MailTxn, Reply};

/// A session's view of a mailbox. A sequence number is a position in the view, and changes only with an announcement to
/// the client.
#[derive(Debug)]
pub(super) struct View {
    pub(super) place: MailboxId,
    pub(super) is_read_only: bool,
    pub(super) uid_validity: u32,
    /// In ascending order. The first has the sequence number 1.
    uids: Vec<u32>,
    /// Messages from this UID on are not in the view yet.
    seen_to: u32,
    /// The mod-sequences up to which the client knows expunges and flag changes.
    expunged_to: u64,
    flagged_to: u64,
    /// Mod-sequences of later flag changes by this session, in ascending order. The client knows them.
    own: Vec<u64>,
    /// The UIDs that are `\Recent` in this session, in ascending order.
    recent: Vec<Range<u32>>,
    /// How many keywords the client knows.
    keywords: usize,
    /// The mod-sequences up to which changes are deferred, and up to which changes were last noticed.
    put_off_to: u64,
    noticed: u64,
    /// Expunged messages whose expunge is never announced.
    concealed: Vec<u32>,
    /// Whether this session expunged messages that its client was not told of yet.
    has_expunged: bool,
}

impl View {
    pub(super) fn open(place: MailboxId, mailbox: &Mailbox, is_read_only: bool) -> Self {
        Self {
            place,
            is_read_only,
            uid_validity: mailbox.uid_validity,
            uids: mailbox.entries().iter().map(|entry| entry.uid).collect(),
            seen_to: mailbox.uid_next,
            expunged_to: mailbox.highest_modseq,
            flagged_to: mailbox.highest_modseq,
            own: Vec::new(),
            recent: std::iter::once(mailbox.recent_from..mailbox.uid_next).collect(),
            keywords: mailbox.keywords.len(),
            put_off_to: 0,
            noticed: 0,
            concealed: Vec::new(),
            has_expunged: false,
        }
    }

    /// Whether a client in IDLE must be told of changes.
    pub(super) fn notice(&mut self, mailbox: &Mailbox) -> bool {
        self.noticed = mailbox.highest_modseq;
        let has_news = self.has_news(mailbox) || mailbox.uid_validity != self.uid_validity;
        has_news && mailbox.highest_modseq > self.put_off_to
    }

    /// Defers the changes that were noticed last until the next change.
    pub(super) fn defer(&mut self) {
        self.put_off_to = self.noticed;
    }

    /// Never tells the client that this message was expunged.
    pub(super) fn conceal(&mut self, uid: u32) {
        self.concealed.push(uid);
    }

    /// The number of messages that the client knows of.
    pub(super) fn len(&self) -> usize {
        self.uids.len()
    }

    pub(super) fn highest_uid(&self) -> u32 {
        self.uids.last().copied().unwrap_or(0)
    }

    pub(super) fn uids(&self) -> &[u32] {
        &self.uids
    }

    /// The sequence number of a UID.
    pub(super) fn number(&self, uid: u32) -> Option<u32> {
        self.uids.binary_search(&uid).ok().map(|at| at as u32 + 1)
    }

    /// Like `number`, for a UID that is expected at this position. Sets the position to the next one.
    pub(super) fn number_near(&self, uid: u32, place: &mut usize) -> Option<u32> {
        if self.uids.get(*place) != Some(&uid) {
            *place = self.uids.binary_search(&uid).ok()?;
        }
        *place += 1;
        Some(*place as u32)
    }

    pub(super) fn is_recent(&self, uid: u32) -> bool {
        self.recent.iter().any(|range| range.contains(&uid))
    }

    pub(super) fn recent(&self) -> usize {
        let below = |uid| self.uids.partition_point(|its| *its < uid);
        self.recent.iter().map(|range| below(range.end) - below(range.start)).sum()
    }

    /// The UIDs of the messages in a set, by sequence number or by UID. A sequence number without a message is an
    /// error, which contains the number; a UID without a message is not (RFC 3501 §9, `seq-number`, §6.4.8).
    pub(super) fn named(&self, set: &SequenceSet, by_uid: bool) -> Result<Vec<u32>, u32> {
        let mut named = Vec::new();
        if by_uid {
            for (first, last) in set.resolve(self.highest_uid()) {
                let from = self.uids.partition_point(|uid| *uid < first);
                let to = self.uids.partition_point(|uid| *uid <= last);
                named.extend_from_slice(&self.uids[from..to.max(from)]);
            }
            return Ok(named);
        }
        let count = self.uids.len() as u32;
        for (first, last) in set.resolve(count) {
            if first == 0 || last > count {
                return Err(last);
            }
            named.extend_from_slice(&self.uids[first as usize - 1..last as usize]);
        }
        Ok(named)
    }

    /// Notes a flag change by this session, whose reply announces it.
    pub(super) fn made(&mut self, modseq: u64) {
        self.own.push(modseq);
    }

    /// Notes an expunge by this session, whose reply announces it.
    pub(super) fn expunged(&mut self) {
        self.has_expunged = true;
    }

    /// Whether this session expunged messages that its client was not told of yet.
    pub(super) fn has_expunged(&self) -> bool {
        self.has_expunged
    }

    /// Whether the mailbox has changes that the client does not know.
    pub(super) fn has_news(&self, mailbox: &Mailbox) -> bool {
        mailbox.uid_next > self.seen_to
            || mailbox.last_expunged > self.expunged_to
            || mailbox.last_flagged > self.flagged_to
    }

    /// Announces all changes, but expunges only if they are allowed now (RFC 3501 §7.4.1).
    pub(super) fn sync(&mut self, txn: &mut MailTxn<'_>, out: &mut Reply, may_expunge: bool) {
        let Some(mailbox) = txn.mailbox(self.place) else { return };
        self.tell_keywords(mailbox, out);
        if may_expunge && mailbox.last_expunged > self.expunged_to {
            self.tell_expunged(mailbox, out);
        }
        let known_to = self.seen_to;
        let has_new = mailbox.uid_next > self.seen_to;
        if has_new {
            self.tell_new(mailbox, out);
        }
        if mailbox.last_flagged > self.flagged_to {
            for entry in mailbox.entries().iter().take_while(|entry| entry.uid < known_to) {
                if entry.modseq > self.flagged_to && self.own.binary_search(&entry.modseq).is_err() {
                    self.tell_flags(entry, mailbox, out);
                }
            }
        }
        self.flagged_to = mailbox.highest_modseq;
        self.own.clear();
        if has_new && !self.is_read_only {
            txn.claim(self.place);
        }
    }

    /// Announces new keywords, before a response uses them.
    pub(super) fn tell_keywords(&mut self, mailbox: &Mailbox, out: &mut Reply) {
        if mailbox.keywords.len() > self.keywords {
            self.keywords = mailbox.keywords.len();
            flags::tell_known(mailbox, self.is_read_only, out);
        }
    }

    /// Writes `* 3 EXPUNGE`. Each number takes the earlier expunges into account.
    fn tell_expunged(&mut self, mailbox: &Mailbox, out: &mut Reply) {
        let (mut number, mut entries) = (1, mailbox.entries().iter().map(|entry| entry.uid).peekable());
        self.uids.retain(|uid| {
            while entries.next_if(|its| its < uid).is_some() {}
            let is_there = entries.next_if_eq(uid).is_some() || self.concealed.contains(uid);
            match is_there {
                true => number += 1,
                false => out.add(format_args!("* {number} EXPUNGE\r\n")),
            }
            is_there
        });
        self.expunged_to = mailbox.highest_modseq;
        self.has_expunged = false;
    }

    fn tell_new(&mut self, mailbox: &Mailbox, out: &mut Reply) {
        let before = self.uids.len();
        self.uids.extend(mailbox.entries_from(self.seen_to).map(|entry| entry.uid));
        let new = mailbox.recent_from.max(self.seen_to)..mailbox.uid_next;
        match self.recent.last_mut() {
            Some(last) if last.end == new.start => last.end = new.end,
            _ if new.is_empty() => {}
            _ => self.recent.push(new),
        }
        self.seen_to = mailbox.uid_next;
        if self.uids.len() > before {
            out.add(format_args!("* {} EXISTS\r\n* {} RECENT\r\n", self.uids.len(), self.recent()));
        }
    }

    fn tell_flags(&self, entry: &Entry, mailbox: &Mailbox, out: &mut Reply) {
        let Some(number) = self.number(entry.uid) else { return };
        out.add(format_args!("* {number} FETCH (UID {} FLAGS ", entry.uid));
        self.flags(entry.uid, entry.flags, mailbox, out);
        out.push(")\r\n");
    }

    /// Writes the list of these flags.
    pub(super) fn flags(&self, uid: u32, flags: Flags, mailbox: &Mailbox, out: &mut Reply) {
        flags::write_list(self.flag_names(uid, flags, mailbox), out);
    }

    /// The flags as this session sees them, with `\Recent`.
    pub(super) fn flag_names<'m>(
        &self,
        uid: u32,
        flags: Flags,
        mailbox: &'m Mailbox,
    ) -> impl Iterator<Item = &'m str> + use<'m> {
        flags.names(&mailbox.keywords).chain(self.is_recent(uid).then_some("\\Recent"))
    }
}
