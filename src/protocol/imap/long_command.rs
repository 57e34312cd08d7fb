//! Commands that are answered in several turns, and what is computed between the turns.

use std::fmt;

use super::{Answer, Ask, Imap};
use crate::mail::Accounts;
use crate::protocol::{MailTxn, Reply};

/// A command that takes several turns, so that no session has to wait for all of it.
pub(super) trait LongCommand: fmt::Debug + Send {
    /// Takes from mail what the next turn is computed from. Gives the octets that have to be read; 0 where there is nothing to
    /// read.
    fn gather(&mut self, _imap: &Imap, _accounts: &Accounts) -> u64 {
        0
    }

    /// Computes from what was gathered, without the lock.
    fn compute(&mut self) {}

    /// The next turn.
    fn go_on(self: Box<Self>, imap: &mut Imap, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer;

    /// The UID of the message that the next turn begins with, where each message is an event of its own.
    fn next_message(&self) -> Option<u32> {
        None
    }

    /// Leaves out that message.
    fn skip_message(&mut self) {}

    /// What FETCH asks for, as written.
    fn items(&self) -> Option<&str> {
        None
    }
}

impl Imap {
    /// Takes from mail what the next turn of a command is computed from. Gives the octets that have to be read.
    pub(super) fn gather_for(&self, ask: &mut Ask, accounts: &Accounts) -> u64 {
        if let Ask::More { work, .. } = ask { work.gather(self, accounts) } else { 0 }
    }
}
