//! Locks of maildrops: only one POP3 session at a time may use an account (RFC 1939 §4).

use std::collections::HashMap;

use super::MailTxn;
use crate::base::SessionNo;
use crate::mail::{AccountNo, Origin};

/// The session that has locked the maildrop of an account (RFC 1939 §4).
#[derive(Debug, Default)]
pub(crate) struct MaildropLocks(HashMap<AccountNo, SessionNo>);

impl MaildropLocks {
    /// Unlocks what this session has locked.
    pub(crate) fn leave(&mut self, session: SessionNo) {
        self.0.retain(|_, holder| *holder != session);
    }
}

impl MailTxn<'_> {
    /// Locks the maildrop of an account for this session. Returns false if another session has locked it (RFC 1939 §4).
    pub(crate) fn hold_maildrop(&mut self, account: AccountNo) -> bool {
        let Origin::Session(session) = self.origin else { return false };
        *self.mail.maildrop_locks.0.entry(account).or_insert(session) == session
    }

    /// Unlocks the maildrops that this session has locked.
    pub(crate) fn leave_maildrop(&mut self) {
        if let Origin::Session(session) = self.origin {
            self.mail.maildrop_locks.leave(session);
        }
    }
}
