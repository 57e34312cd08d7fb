//! Applies changes: the only code that alters mail, both in a running server and when a log of changes is replayed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Account, AccountNo, Accounts, MailboxId, Member};
use crate::base::{MessageNo, is_login, login_key, same_login};
use crate::mail::change::Change;
use crate::mail::mailbox::{Entry, Mailbox, MailboxNo};
use crate::mail::message::Message;

/// Why a change cannot be applied: it was made for another state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InvalidChange {
    /// The next account has another number.
    AccountNo { expected: AccountNo, found: AccountNo },
    /// The next mailbox has another number.
    MailboxNo { expected: MailboxNo, found: MailboxNo },
    /// The next mailbox has another UIDVALIDITY.
    UidValidity { expected: u32, found: u32 },
    /// The next entry of this mailbox has another UID.
    Uid { mailbox: MailboxNo, expected: u32, found: u32 },
    /// The next change of this mailbox has another mod-sequence.
    Modseq { mailbox: MailboxNo, expected: u64, found: u64 },
    /// There is no such account.
    NoAccount(AccountNo),
    /// There is no such mailbox.
    NoMailbox(MailboxId),
    /// There is no entry with this UID.
    NoEntry { mailbox: MailboxNo, uid: u32 },
    /// There is no such message.
    NoMessage(MessageNo),
    /// An account with this login is open already.
    LoginTaken(Box<str>),
    /// There is already a mailbox of this name.
    NameTaken(Box<str>),
    /// An account's INBOX is removed only with the account.
    Inbox(MailboxNo),
    /// The mailbox already has the maximum number of keywords.
    Keywords(MailboxNo),
}

impl fmt::Display for InvalidChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountNo { expected, found } => {
                write!(f, "the account opened next has number {}, the change has {}", expected.0, found.0)
            }
            Self::MailboxNo { expected, found } => {
                write!(f, "the mailbox created next has number {}, the change has {}", expected.0, found.0)
            }
            Self::UidValidity { expected, found } => {
                write!(f, "the mailbox created next has UIDVALIDITY {expected}, the change has {found}")
            }
            Self::Uid { mailbox, expected, found } => {
                write!(f, "mailbox {} gives UID {expected} next, the change has {found}", mailbox.0)
            }
            Self::Modseq { mailbox, expected, found } => {
                write!(f, "mailbox {} gives mod-sequence {expected} next, the change has {found}", mailbox.0)
            }
            Self::NoAccount(account) => write!(f, "there is no account {}", account.0),
            Self::NoMailbox(MailboxId { account, mailbox }) => {
                write!(f, "account {} has no mailbox {}", account.0, mailbox.0)
            }
            Self::NoEntry { mailbox, uid } => write!(f, "mailbox {} has no entry with UID {uid}", mailbox.0),
            Self::NoMessage(no) => write!(f, "there is no message {no}"),
            Self::LoginTaken(login) => write!(f, "the account of {login:?} is open already"),
            Self::NameTaken(name) => write!(f, "there is a mailbox {name:?} already"),
            Self::Inbox(mailbox) => write!(f, "mailbox {} is an INBOX and cannot be deleted", mailbox.0),
            Self::Keywords(mailbox) => write!(f, "mailbox {} has no room for another keyword", mailbox.0),
        }
    }
}

impl Accounts {
    /// Applies a change. `find` returns the message with a number, for a change that files it.
    ///
    /// # Errors
    /// If the change was made for another state: a number in it is not the next one here, or what it refers to does not
    /// exist. The accounts must not be used after an error: the change may be partly applied.
    pub(crate) fn apply(
        &mut self,
        change: &Change,
        find: impl FnOnce(MessageNo) -> Option<Message>,
    ) -> Result<(), InvalidChange> {
        match change {
            Change::Open { account, login, inbox, uid_validity } => {
                self.open(*account, login, *inbox, *uid_validity)?;
            }
            Change::Close { account } => {
                let closed = self.accounts.remove(account).ok_or(InvalidChange::NoAccount(*account))?;
                self.by_key.remove(&*login_key(&closed.login));
            }
            Change::Create { place, name, special_use, uid_validity } => {
                self.count_mailbox(place.mailbox, *uid_validity)?;
                let mailbox = Mailbox::new(place.mailbox, name, *special_use, *uid_validity);
                self.account_mut(place.account)?.create(mailbox)?;
            }
            Change::Use { place, special_use } => self.mailbox_mut(*place)?.special_use = *special_use,
            Change::Delete { place } => self.account_mut(place.account)?.delete(*place)?,
            Change::Rename { account, from, to } => {
                let delimiter = self.namespace.delimiter;
                self.account_mut(*account)?.rename(from, to, delimiter)?;
            }
            Change::Subscribe { account, name, subscribed: true } => {
                self.account_mut(*account)?.subscriptions.insert((&**name).into());
            }
            Change::Subscribe { account, name, subscribed: false } => {
                self.account_mut(*account)?.subscriptions.remove(&**name);
            }
            Change::Keyword { place, name } => self.mailbox_mut(*place)?.add_keyword(name)?,
            Change::File { place, uid, modseq, date, flags, message, is_delivery: _ } => {
                let message = find(*message).ok_or(InvalidChange::NoMessage(*message))?;
                let entry = Entry { uid: *uid, flags: *flags, modseq: *modseq, date: *date, message };
                self.mailbox_mut(*place)?.file(entry)?;
            }
            Change::Flag { place, uid, modseq, flags } => self.mailbox_mut(*place)?.flag(*uid, *modseq, *flags)?,
            Change::Claim { place, recent_from } => self.mailbox_mut(*place)?.claim(*recent_from),
            Change::Expunge { place, uid, modseq } => self.mailbox_mut(*place)?.expunge(*uid, *modseq)?,
            Change::Renumber { place, uid_validity, is_renumbered, is_reversed } => {
                self.mailbox_mut(*place)?.renumber(*uid_validity, *is_renumbered, *is_reversed);
            }
            Change::Uidl { place, uid, uidl } => {
                self.mailbox_mut(*place)?.uidls.insert(*uid, uidl.clone());
            }
            Change::Admit { members } => self.admit(members.to_vec()),
            Change::Enlist { member } => {
                self.tokens.give(&member.login, &member.tokens);
                match self.members.iter().position(|its| same_login(&its.login, &member.login)) {
                    Some(at) => self.members[at] = (**member).clone(),
                    None => self.members.push((**member).clone()),
                }
            }
            Change::Delist { login } => {
                self.tokens.forget(login);
                let is_its = is_login(login);
                self.members.retain(|member| !is_its(&member.login));
            }
            Change::Token { token } => self.tokens.put((**token).clone()),
            Change::Reset { account, mailbox, uid_validity } => self.reset(*account, *mailbox, *uid_validity),
        }
        Ok(())
    }

    /// Closes the list of accounts, or opens it if there are none.
    pub(super) fn admit(&mut self, members: Vec<Member>) {
        self.tokens.forget_given();
        members.iter().for_each(|member| self.tokens.give(&member.login, &member.tokens));
        self.is_closed = !members.is_empty();
        self.members = members;
    }

    fn open(
        &mut self,
        account: AccountNo,
        login: &str,
        inbox: MailboxNo,
        uid_validity: u32,
    ) -> Result<(), InvalidChange> {
        let expected = AccountNo(self.next);
        if account != expected {
            return Err(InvalidChange::AccountNo { expected, found: account });
        }
        if self.find(login).is_some() {
            return Err(InvalidChange::LoginTaken(login.into()));
        }
        self.next = self.next.wrapping_add(1);
        self.count_mailbox(inbox, uid_validity)?;
        self.accounts.insert(account, Account::new(login, inbox, uid_validity));
        self.by_key.insert(login_key(login).into(), account);
        Ok(())
    }

    fn reset(&mut self, account: AccountNo, mailbox: MailboxNo, uid_validity: u32) {
        self.accounts = BTreeMap::new();
        self.by_key.clear();
        self.next = account.0;
        self.mailboxes = mailbox.0.wrapping_sub(1);
        self.next_uid_validity = uid_validity;
        self.tokens.clear();
        self.members.iter().for_each(|member| self.tokens.give(&member.login, &member.tokens));
    }

    fn count_mailbox(&mut self, no: MailboxNo, uid_validity: u32) -> Result<(), InvalidChange> {
        let (expected, validity) = self.next_mailbox();
        if no != expected {
            return Err(InvalidChange::MailboxNo { expected, found: no });
        }
        if uid_validity != validity {
            return Err(InvalidChange::UidValidity { expected: validity, found: uid_validity });
        }
        self.mailboxes = no.0;
        self.next_uid_validity = self.next_uid_validity.wrapping_add(1).max(1);
        Ok(())
    }

    fn account_mut(&mut self, no: AccountNo) -> Result<&mut Account, InvalidChange> {
        self.accounts.get_mut(&no).ok_or(InvalidChange::NoAccount(no))
    }

    fn mailbox_mut(&mut self, id: MailboxId) -> Result<&mut Mailbox, InvalidChange> {
        let account = self.account_mut(id.account)?;
        let at = account.place(id.mailbox).ok_or(InvalidChange::NoMailbox(id))?;
        Ok(&mut account.mailboxes[at])
    }
}

impl Account {
    fn create(&mut self, mailbox: Mailbox) -> Result<(), InvalidChange> {
        if self.named(&mailbox.name).is_some() {
            return Err(InvalidChange::NameTaken((&*mailbox.name).into()));
        }
        self.by_name.insert(Arc::clone(&mailbox.name), mailbox.no);
        self.mailboxes.push(mailbox);
        Ok(())
    }

    fn delete(&mut self, id: MailboxId) -> Result<(), InvalidChange> {
        match self.place(id.mailbox) {
            None => Err(InvalidChange::NoMailbox(id)),
            Some(0) => Err(InvalidChange::Inbox(id.mailbox)),
            Some(at) => {
                let deleted = self.mailboxes.remove(at);
                self.by_name.remove(&deleted.name);
                Ok(())
            }
        }
    }

    /// Takes the names as one range of the sorted map: a client may have thousands of them nested, and all must get
    /// their new names in one change.
    fn rename(&mut self, from: &str, to: &str, delimiter: char) -> Result<(), InvalidChange> {
        let mut moved = self.by_name.split_off::<str>(&format!("{from}{delimiter}"));
        // Names that continue with the delimiter end before the names that continue with the next character.
        let mut behind = moved.split_off::<str>(&format!("{from}{}", char::from(delimiter as u8 + 1)));
        self.by_name.append(&mut behind);
        moved.extend(self.by_name.remove_entry(from));
        let mut name = to.to_owned();
        let renamed = moved.into_iter().map(|(before, no)| {
            name.truncate(to.len());
            name.push_str(&before[from.len()..]);
            let name: Arc<str> = name.as_str().into();
            let at = self.place(no).expect("each name belongs to a mailbox");
            self.mailboxes[at].name = Arc::clone(&name);
            (name, no)
        });
        let mut renamed: BTreeMap<Arc<str>, MailboxNo> = renamed.collect();
        if let Some(taken) = renamed.keys().find(|name| self.named(name).is_some()) {
            return Err(InvalidChange::NameTaken((&**taken).into()));
        }
        self.by_name.append(&mut renamed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::mail::{Flags, InternalDate, Namespace, Origin};

    const ACCOUNT: AccountNo = AccountNo(0);
    const INBOX: MailboxId = MailboxId { account: ACCOUNT, mailbox: MailboxNo(1) };
    const WORK: MailboxId = MailboxId { account: ACCOUNT, mailbox: MailboxNo(2) };

    fn find(no: MessageNo) -> Option<Message> {
        let at = Timestamp::from_micros(0);
        (no == MessageNo(1)).then(|| Message::new(no, Origin::Delivered, at, None, bytes::Bytes::new()))
    }

    fn filed(place: MailboxId, uid: u32, modseq: u64, message: u32) -> Change {
        let (date, flags) = (InternalDate { at: Timestamp::from_micros(0), zone: 0 }, Flags::NONE);
        Change::File { place, uid, modseq, date, flags, message: MessageNo(message), is_delivery: true }
    }

    fn created(mailbox: u32, name: &str, uid_validity: u32) -> Change {
        let place = MailboxId { account: ACCOUNT, mailbox: MailboxNo(mailbox) };
        Change::Create { place, name: name.into(), special_use: None, uid_validity }
    }

    fn opened(account: u32, login: &str, inbox: u32, uid_validity: u32) -> Change {
        Change::Open { account: AccountNo(account), login: login.into(), inbox: MailboxNo(inbox), uid_validity }
    }

    /// One account with a mailbox beside INBOX, and an entry in INBOX.
    fn accounts() -> Accounts {
        let mut accounts = Accounts::new(Vec::new(), Namespace::default(), 1);
        for change in [opened(0, "bob", 1, 1), created(2, "Work", 2), filed(INBOX, 1, 2, 1)] {
            accounts.apply(&change, find).unwrap();
        }
        accounts
    }

    #[test]
    fn a_change_for_another_state_is_an_error_that_says_what_was_expected() {
        let nobody = AccountNo(7);
        let nowhere = MailboxId { account: ACCOUNT, mailbox: MailboxNo(9) };
        for (change, says) in [
            (opened(5, "ann", 3, 3), "the account opened next has number 1, the change has 5"),
            (opened(1, "ann", 4, 3), "the mailbox created next has number 3, the change has 4"),
            (opened(1, "ann", 3, 9), "the mailbox created next has UIDVALIDITY 3, the change has 9"),
            (opened(1, "BOB", 3, 3), "the account of \"BOB\" is open already"),
            (Change::Close { account: nobody }, "there is no account 7"),
            (created(3, "INBOX", 3), "there is a mailbox \"INBOX\" already"),
            (created(3, "Work", 3), "there is a mailbox \"Work\" already"),
            (Change::Delete { place: INBOX }, "mailbox 1 is an INBOX and cannot be deleted"),
            (Change::Delete { place: nowhere }, "account 0 has no mailbox 9"),
            (
                Change::Rename { account: ACCOUNT, from: "Work".into(), to: "INBOX".into() },
                "there is a mailbox \"INBOX\" already",
            ),
            (Change::Subscribe { account: nobody, name: "x".into(), subscribed: true }, "there is no account 7"),
            (filed(INBOX, 3, 3, 1), "mailbox 1 gives UID 2 next, the change has 3"),
            (filed(INBOX, 2, 9, 1), "mailbox 1 gives mod-sequence 3 next, the change has 9"),
            (filed(INBOX, 2, 3, 8), "there is no message m8"),
            (filed(nowhere, 1, 2, 1), "account 0 has no mailbox 9"),
            (Change::Flag { place: WORK, uid: 1, modseq: 2, flags: Flags::SEEN }, "mailbox 2 has no entry with UID 1"),
            (Change::Expunge { place: INBOX, uid: 4, modseq: 3 }, "mailbox 1 has no entry with UID 4"),
        ] {
            let wrong = accounts().apply(&change, find).unwrap_err();

            assert_eq!(wrong.to_string(), says, "{change:?}");
        }
    }

    #[test]
    fn a_mailbox_has_a_bounded_number_of_keywords() {
        let mut accounts = accounts();
        let keyword = |n: usize| Change::Keyword { place: WORK, name: format!("k{n}").into() };
        (0..Flags::MOST_KEYWORDS).for_each(|n| accounts.apply(&keyword(n), find).unwrap());

        let wrong = accounts.apply(&keyword(Flags::MOST_KEYWORDS), find).unwrap_err();

        assert_eq!(wrong.to_string(), "mailbox 2 has no room for another keyword");
    }

    #[test]
    fn a_reset_continues_account_numbers_and_restarts_uidvalidity() {
        let mut accounts = accounts();
        let reset = accounts.resetting(1);
        accounts.apply(&reset, find).unwrap();

        assert_eq!(accounts.len(), 0);
        accounts.apply(&opened(1, "bob", 3, 1), find).unwrap();
        assert_eq!(accounts.find("bob"), Some(AccountNo(1)));

        // A log may begin with a reset.
        let mut other = Accounts::new(Vec::new(), Namespace::default(), 9);
        other.apply(&reset, find).unwrap();
        other.apply(&opened(1, "bob", 3, 1), find).unwrap();
    }
}
