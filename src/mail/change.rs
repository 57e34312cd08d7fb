//! One alteration of accounts or mailboxes, as data.

use super::{AccountNo, MailboxNo, Message};

/// One alteration, fully resolved: the numbers it gives stand in it, so that applying it again to the same state
/// gives the same state.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// An account comes into being, with an INBOX.
    Open { account: AccountNo, login: Box<str>, inbox: MailboxNo, uid_validity: u32 },
    /// A message is filed in a mailbox.
    File { account: AccountNo, mailbox: MailboxNo, uid: u32, modseq: u64, message: Message },
    /// An entry is taken out of a mailbox.
    Expunge { account: AccountNo, mailbox: MailboxNo, uid: u32, modseq: u64 },
}
