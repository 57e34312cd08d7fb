//! One alteration of accounts or mailboxes, as data.

use super::account::{MailboxId, Member, Token};
use super::mailbox::{InternalDate, SpecialUse};
use super::{AccountNo, Flags, MailboxNo};
use crate::base::MessageNo;

/// One alteration, fully resolved: it contains the numbers that it assigns, so that applying it again to the same state
/// gives the same result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum Change {
    /// Creates an account with an INBOX.
    Open { account: AccountNo, login: Box<str>, inbox: MailboxNo, uid_validity: u32 },
    /// Removes an account with its mailboxes.
    Close { account: AccountNo },
    /// Creates a mailbox.
    Create { place: MailboxId, name: Box<str>, special_use: Option<SpecialUse>, uid_validity: u32 },
    /// Sets or removes the special use of a mailbox.
    Use { place: MailboxId, special_use: Option<SpecialUse> },
    /// Deletes a mailbox with its entries.
    Delete { place: MailboxId },
    /// Renames a name and the names below it, whether the name itself is a mailbox or not.
    Rename { account: AccountNo, from: Box<str>, to: Box<str> },
    /// Subscribes to a name or unsubscribes from it, whether the mailbox exists or not.
    Subscribe { account: AccountNo, name: Box<str>, subscribed: bool },
    /// Adds a new keyword to a mailbox.
    Keyword { place: MailboxId, name: Box<str> },
    /// Files a message in a mailbox: delivered, appended or copied.
    File {
        place: MailboxId,
        uid: u32,
        modseq: u64,
        date: InternalDate,
        flags: Flags,
        message: MessageNo,
        is_delivery: bool,
    },
    /// Sets the flags of an entry.
    Flag { place: MailboxId, uid: u32, modseq: u64, flags: Flags },
    /// Entries below this UID are not recent for later sessions.
    Claim { place: MailboxId, recent_from: u32 },
    /// Expunges an entry.
    Expunge { place: MailboxId, uid: u32, modseq: u64 },
    /// Changes the UIDVALIDITY of a mailbox and optionally renumbers its UIDs from 1, in order or in reverse.
    Renumber { place: MailboxId, uid_validity: u32, is_renumbered: bool, is_reversed: bool },
    /// Sets the unique id of an entry in POP3.
    Uidl { place: MailboxId, uid: u32, uidl: Box<str> },
    /// Closes the list of accounts: only these may log in. An empty list admits everybody.
    Admit { members: Box<[Member]> },
    /// Puts a login on the list of accounts, or replaces it there. An open list stays open for other logins.
    Enlist { member: Box<Member> },
    /// Removes a login from the list of accounts. A closed list stays closed, even if it is empty then.
    Delist { login: Box<str> },
    /// Issues a token, or changes the one with this text.
    Token { token: Box<Token> },
    /// Closes every account. The next account and the next mailbox get these numbers.
    Reset { account: AccountNo, mailbox: MailboxNo, uid_validity: u32 },
}

impl Change {
    /// The account that this change removes.
    pub(crate) fn closed(&self) -> Option<AccountNo> {
        let Self::Close { account } = self else { return None };
        Some(*account)
    }

    /// The octets that a record of this change keeps in memory, where they can be many.
    pub(crate) fn held(&self) -> usize {
        let members = match self {
            Self::Admit { members } => &**members,
            Self::Enlist { member } => std::slice::from_ref(&**member),
            Self::Token { token } => return size_of_val(&**token) + token.text.len(),
            Self::Open { .. }
            | Self::Close { .. }
            | Self::Create { .. }
            | Self::Use { .. }
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
            | Self::Delist { .. }
            | Self::Reset { .. } => return 0,
        };
        let of = |member: &Member| {
            let texts = member.addresses.iter().chain(&member.tokens).map(|text| size_of_val(text) + text.len());
            size_of_val(member) + member.login.len() + member.password.len() + texts.sum::<usize>()
        };
        members.iter().map(of).sum()
    }

    /// The mailbox whose entries this changes or that it deletes.
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
            | Self::Use { .. }
            | Self::Rename { .. }
            | Self::Subscribe { .. }
            | Self::Keyword { .. }
            | Self::Claim { .. }
            | Self::Uidl { .. }
            | Self::Admit { .. }
            | Self::Enlist { .. }
            | Self::Delist { .. }
            | Self::Token { .. }
            | Self::Reset { .. } => None,
        }
    }
}
