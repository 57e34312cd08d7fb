//! Commands with several turns, and what is computed between these turns without the lock.

use std::fmt;

use super::{Answer, Ask, Imap};
use crate::mail::Accounts;
use crate::protocol::{MailTxn, Reply};

/// The rest of a command that takes several turns, so that other sessions do not have to wait for all of it.
pub(super) trait LongCommand: fmt::Debug + Send {
    /// Collects from the mailboxes what the next turn needs. Returns how many octets have to be read; 0 if there is
    /// nothing to compute.
    fn gather(&mut self, _imap: &Imap, _accounts: &Accounts) -> u64 {
        0
    }

    /// Computes the next turn from what was gathered, without the lock.
    fn compute(&mut self) {}

    /// Performs the next turn.
    fn go_on(self: Box<Self>, imap: &mut Imap, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer;

    /// The UID of the message with which the next turn begins, if each message is an event of its own.
    fn next_message(&self) -> Option<u32> {
        None
    }

    /// Skips that message.
    fn skip_message(&mut self) {}

    /// The items of FETCH, as written.
    fn items(&self) -> Option<&str> {
        None
    }
}

impl Imap {
    /// Collects from the mailboxes what the next turn of a command needs. Returns how many octets have to be read.
    pub(super) fn gather_for(&self, ask: &mut Ask, accounts: &Accounts) -> u64 {
        if let Ask::More { work, .. } = ask { work.gather(self, accounts) } else { 0 }
    }
}
