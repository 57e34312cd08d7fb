//! Evicting and clearing messages, the records up to theirs, and sessions that ended before.

use std::collections::VecDeque;

use super::messages::Messages;
use super::{Captured, Journal};
use crate::base::{MessageNo, Seq};
use crate::mail::Message;

impl Journal {
    /// Removes all messages up to this one, the records up to theirs, and the sessions that ended before. Returns these
    /// messages, and the last position at which one of them was closed.
    pub(crate) fn forget(&mut self, through: MessageNo) -> (Vec<Message>, Seq) {
        let (forgotten, floor, closed) = self.messages.forget(through);
        self.raise_floor(floor);
        (forgotten, closed)
    }

    /// Removes every record, every message that is in no mailbox, and the sessions that ended. Returns the captured
    /// messages.
    pub(crate) fn clear(&mut self) -> VecDeque<Captured> {
        let captured = self.messages.clear();
        self.raise_floor(self.tip());
        self.sessions.shrink_to_fit();
        captured
    }

    /// Removes these captured messages, and returns them. The records stay.
    #[cfg(feature = "api")]
    pub(crate) fn remove(&mut self, is_chosen: impl Fn(MessageNo) -> bool) -> VecDeque<Captured> {
        let removed = self.messages.remove(is_chosen);
        self.removals += u64::from(!removed.is_empty());
        removed
    }

    /// Removes the records up to this one, and the sessions that ended before.
    pub(crate) fn raise_floor(&mut self, floor: Seq) {
        self.removals += 1;
        let floor = self.records.raise_floor(floor);
        let records = &self.records;
        self.sessions.retain_begun(floor, |log| {
            let kept = log.raise_floor(floor);
            let first = log.records.iter().find_map(|seq| records.get(seq)?.kind.text());
            log.drop_text(first);
            kept
        });
    }

    /// Removes the oldest records until they take at most this many octets.
    pub(crate) fn shrink(&mut self, octets: u64) {
        self.raise_floor(self.records.floor_for(octets));
    }

    /// Numbers messages from 1 again.
    pub(crate) fn renumber(&mut self) {
        debug_assert!(self.messages.captured.is_empty(), "message numbers restart only if no message is left");
        self.messages = Messages::default();
        self.resets += 1;
    }
}
