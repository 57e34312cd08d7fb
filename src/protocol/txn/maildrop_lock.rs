//! Locks of maildrops: only one POP3 session at a time may use an account (RFC 1939 §4). Also when a session did last.

use std::collections::HashMap;
use std::time::Duration;

use super::MailTxn;
use crate::base::{SessionNo, Timestamp};
use crate::mail::{AccountNo, Origin};

/// The sessions that have locked maildrops, and the last logins.
#[derive(Debug, Default)]
pub(crate) struct MaildropLocks {
    /// The session that has locked the maildrop of an account (RFC 1939 §4).
    holders: HashMap<AccountNo, SessionNo>,
    /// The last login to an account, if the server limits logins (RFC 2449 §6.5).
    logins: HashMap<AccountNo, Timestamp>,
}

impl MaildropLocks {
    /// Unlocks what this session has locked.
    pub(crate) fn leave(&mut self, session: SessionNo) {
        self.holders.retain(|_, holder| *holder != session);
    }
}

impl MailTxn<'_> {
    /// Locks the maildrop of an account for this session. Returns false if another session has locked it (RFC 1939 §4).
    pub(crate) fn hold_maildrop(&mut self, account: AccountNo) -> bool {
        let Origin::Session(session) = self.origin else { return false };
        *self.mail.maildrop_locks.holders.entry(account).or_insert(session) == session
    }

    /// Unlocks the maildrops that this session has locked.
    pub(crate) fn leave_maildrop(&mut self) {
        if let Origin::Session(session) = self.origin {
            self.mail.maildrop_locks.leave(session);
        }
    }

    /// How long this user has to wait before the next login, at this delay after the last one. `None` if not at all.
    pub(crate) fn wait_for_maildrop(&self, account: AccountNo, delay: Duration) -> Option<Duration> {
        let last = *self.mail.maildrop_locks.logins.get(&account)?;
        let due = last.plus(delay);
        (due > self.now).then(|| Duration::from_micros(self.now.until(due)))
    }

    /// Notes a login to an account.
    pub(crate) fn note_login(&mut self, account: AccountNo) {
        self.mail.maildrop_locks.logins.insert(account, self.now);
    }

    /// Expunges the messages that were filed longer ago than this. Returns how many there were.
    pub(crate) fn expunge_older(&mut self, place: crate::mail::MailboxId, time: Duration) -> usize {
        let now = self.now;
        let is_old = |at: Timestamp| at.plus(time) <= now;
        let entries = self.mailbox(place).into_iter().flat_map(|mailbox| mailbox.entries());
        let old: Vec<u32> = entries.filter(|entry| is_old(entry.date.at)).map(|entry| entry.uid).collect();
        old.iter().for_each(|uid| self.expunge(place, *uid));
        old.len()
    }
}
