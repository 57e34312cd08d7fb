//! One alteration of accounts or mailboxes, as data.

use super::account::{MailboxId, Member};
use super::mailbox::{InternalDate, SpecialUse};
use super::{AccountNo, Flags, MailboxNo};
use crate::base::MessageNo;

/// One alteration, fully resolved: the numbers it gives stand in it, so that applying it again to the same state
/// gives the same state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum Change {
    /// An account comes into being, with an INBOX.
    Open { account: AccountNo, login: Box<str>, inbox: MailboxNo, uid_validity: u32 },
    /// An account goes, with its mailboxes.
    Close { account: AccountNo },
    /// A mailbox comes into being.
    Create { place: MailboxId, name: Box<str>, special_use: Option<SpecialUse>, uid_validity: u32 },
    /// A mailbox goes, with its entries.
    Delete { place: MailboxId },
    /// A name and those below it begin otherwise, whether there is a mailbox of that very name or not.
    Rename { account: AccountNo, from: Box<str>, to: Box<str> },
    /// A name is subscribed to, or no longer, whether there is such a mailbox or not.
    Subscribe { account: AccountNo, name: Box<str>, subscribed: bool },
    /// A mailbox gets a keyword that it had not seen before.
    Keyword { place: MailboxId, name: Box<str> },
    /// A message is filed in a mailbox: delivered, or appended or copied by a client or a test.
    File {
        place: MailboxId,
        uid: u32,
        modseq: u64,
        date: InternalDate,
        flags: Flags,
        message: MessageNo,
        is_delivery: bool,
    },
    /// An entry's flags are these from now on.
    Flag { place: MailboxId, uid: u32, modseq: u64, flags: Flags },
    /// Entries below this UID are recent to nobody who comes.
    Claim { place: MailboxId, recent_from: u32 },
    /// An entry is taken out of a mailbox.
    Expunge { place: MailboxId, uid: u32, modseq: u64 },
    /// A mailbox has another UIDVALIDITY, and its entries have UIDs from 1, in order or the last first.
    Renumber { place: MailboxId, uid_validity: u32, is_renumbered: bool, is_reversed: bool },
    /// POP3 knows an entry by this name.
    Uidl { place: MailboxId, uid: u32, uidl: Box<str> },
    /// Only these may log in from now on; everybody, if there are none.
    Admit { members: Box<[Member]> },
    /// No account is open any more. The next account and the next mailbox have these numbers.
    Reset { account: AccountNo, mailbox: MailboxNo, uid_validity: u32 },
}

impl Change {
    /// The account that goes.
    pub(crate) fn closed(&self) -> Option<AccountNo> {
        match self {
            Self::Close { account } => Some(*account),
            Self::Open { .. }
            | Self::Create { .. }
            | Self::Delete { .. }
            | Self::Rename { .. }
            | Self::Subscribe { .. }
            | Self::Keyword { .. }
            | Self::File { .. }
            | Self::Flag { .. }
            | Self::Claim { .. }
            | Self::Expunge { .. }
            | Self::Renumber { .. }
            | Self::Uidl { .. }
            | Self::Admit { .. }
            | Self::Reset { .. } => None,
        }
    }

    /// The mailbox whose entries this alters, or that goes.
    pub(crate) fn place(&self) -> Option<MailboxId> {
        match self {
            Self::Delete { place }
            | Self::File { place, .. }
            | Self::Flag { place, .. }
            | Self::Expunge { place, .. }
            | Self::Renumber { place, .. } => Some(*place),
            Self::Open { .. }
            | Self::Close { .. }
            | Self::Create { .. }
            | Self::Rename { .. }
            | Self::Subscribe { .. }
            | Self::Keyword { .. }
            | Self::Claim { .. }
            | Self::Uidl { .. }
            | Self::Admit { .. }
            | Self::Reset { .. } => None,
        }
    }
}
