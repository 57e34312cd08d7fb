//! Changes of accounts, mailboxes and entries by a test, while clients are connected.

use std::fmt;

use super::World;
use crate::base::{Timestamp, is_identifier};
use crate::mail::{AccountNo, Entry, Flags, INBOX, Mailbox, MailboxId, Member, SpecialUse};
use crate::protocol::{InvalidMailbox, MailTxn, NotRenamed};

/// Why a test cannot change an account or a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotChanged {
    Invalid(InvalidMailbox),
    NoAccount(Box<str>),
    NoMailbox(Box<str>),
    NoEntry(u32),
    /// There is already a mailbox of this name.
    Taken(Box<str>),
    /// The new name of a mailbox is below the old one.
    Below,
    /// INBOX can be neither deleted nor renamed.
    Inbox,
}

/// A change of the flags of entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct FlagChange {
    /// The flags to begin with; `None` means the present ones.
    pub(crate) set: Option<Vec<Box<str>>>,
    pub(crate) add: Vec<Box<str>>,
    pub(crate) remove: Vec<Box<str>>,
}

/// A change of the UIDVALIDITY of a mailbox.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UidChange {
    /// `None` means one more than now.
    pub(crate) uid_validity: Option<u32>,
    /// Assigns UIDs from 1: in order (`false`) or in reverse order (`true`).
    pub(crate) reversed: Option<bool>,
}

impl World {
    /// The mailbox of this name in any spelling, if the account has it.
    pub(crate) fn find_mailbox(&self, login: &str, name: &str) -> Result<MailboxId, NotChanged> {
        let accounts = &self.mail.accounts;
        let account = accounts.find(login).ok_or_else(|| NotChanged::NoAccount(login.into()))?;
        let mailbox = accounts.account(account).and_then(|its| its.named(&accounts.namespace().canonical(name)));
        let mailbox = mailbox.ok_or_else(|| NotChanged::NoMailbox(name.into()))?;
        Ok(MailboxId { account, mailbox: mailbox.no })
    }

    /// Creates a mailbox, and its account, if they do not exist. With a special use, sets it. Returns whether the
    /// mailbox is new.
    #[cfg(feature = "api")]
    pub(crate) fn create_mailbox(
        &mut self,
        (login, name): (&str, &str),
        special_use: Option<SpecialUse>,
        now: Timestamp,
    ) -> Result<(MailboxId, bool), NotChanged> {
        let is_new = self.find_mailbox(login, name).is_err();
        let place = self.make(login, name, now).map_err(NotChanged::Invalid)?;
        if special_use.is_some() {
            self.outside(now, |txn| txn.set_special_use(place, special_use));
        }
        Ok((place, is_new))
    }

    /// Sets or removes the special use of a mailbox.
    pub(crate) fn set_special_use(&mut self, place: MailboxId, special_use: Option<SpecialUse>, now: Timestamp) {
        self.outside(now, |txn| txn.set_special_use(place, special_use));
    }

    /// Renames a mailbox and the mailboxes below it.
    pub(crate) fn rename_mailbox(
        &mut self,
        login: &str,
        (from, to): (&str, &str),
        now: Timestamp,
    ) -> Result<(), NotChanged> {
        let account = self.account_of(login)?;
        let namespace = self.mail.accounts.namespace();
        let (from, to) = (namespace.canonical(from), namespace.canonical(to));
        if &*from == INBOX {
            return Err(NotChanged::Inbox);
        }
        self.outside(now, |txn| {
            txn.may_be_renamed(account, &from, &to).map_err(|why| match why {
                NotRenamed::Missing => NotChanged::NoMailbox(from.clone()),
                NotRenamed::Name(objection) => NotChanged::Invalid(InvalidMailbox::Name(objection)),
                NotRenamed::Taken(name) => NotChanged::Taken(name),
                NotRenamed::Below => NotChanged::Below,
            })?;
            txn.rename(account, &from, &to);
            Ok(())
        })
    }

    /// Deletes a mailbox with its entries. A client that has selected it gets BYE.
    pub(crate) fn delete_mailbox(&mut self, login: &str, name: &str, now: Timestamp) -> Result<(), NotChanged> {
        let place = self.find_mailbox(login, name)?;
        if self.mail.accounts.mailbox(place).is_some_and(|mailbox| &*mailbox.name == INBOX) {
            return Err(NotChanged::Inbox);
        }
        self.outside(now, |txn| txn.delete(place));
        Ok(())
    }

    /// Subscribes an account to a name or unsubscribes it, whether there is such a mailbox or not. Creates the account
    /// if it does not exist. Returns whether something changed.
    pub(crate) fn subscribe(
        &mut self,
        login: &str,
        name: &str,
        subscribed: bool,
        now: Timestamp,
    ) -> Result<bool, NotChanged> {
        let namespace = self.mail.accounts.namespace();
        let name = namespace.canonical(name);
        if let Some(objection) = namespace.objection(&name) {
            return Err(NotChanged::Invalid(InvalidMailbox::Name(objection)));
        }
        let account = self.make(login, INBOX, now).map_err(NotChanged::Invalid)?.account;
        let is_subscribed = self.mail.accounts.account(account).is_some_and(|its| its.subscriptions.contains(&*name));
        if is_subscribed != subscribed {
            self.outside(now, |txn| txn.subscribe(account, &name, subscribed));
        }
        Ok(is_subscribed != subscribed)
    }

    /// Changes the flags of entries. Returns the UIDs of these entries.
    pub(crate) fn change_flags(
        &mut self,
        place: MailboxId,
        which: impl Fn(&Mailbox, &Entry) -> bool,
        change: &FlagChange,
        now: Timestamp,
    ) -> Result<Vec<u32>, NotChanged> {
        let mut names = change.set.iter().flatten().chain(&change.add).chain(&change.remove);
        if let Some(wrong) = names.find(|flag| !Flags::is_name(flag)) {
            return Err(NotChanged::Invalid(InvalidMailbox::Flag(wrong.clone())));
        }
        self.outside(now, |txn| {
            let uids = uids(txn, place, which);
            let set = match &change.set {
                Some(names) => Some(flags(txn, place, names)?),
                None => None,
            };
            let add = flags(txn, place, &change.add)?;
            // A keyword that the mailbox does not have need not be created to be removed.
            let known = |name: &str| Flags::system(name).or_else(|| txn.mailbox(place)?.keyword(name));
            let remove = change.remove.iter().filter_map(|name| known(name)).fold(Flags::NONE, Flags::with);
            for uid in &uids {
                let before = txn.mailbox(place).and_then(|mailbox| mailbox.entry(*uid)).map(|entry| entry.flags);
                let before = set.or(before).unwrap_or(Flags::NONE);
                txn.flag(place, *uid, before.with(add).without(remove));
            }
            Ok(uids)
        })
    }

    /// Expunges entries. Returns their UIDs.
    pub(crate) fn expunge(
        &mut self,
        place: MailboxId,
        which: impl Fn(&Mailbox, &Entry) -> bool,
        now: Timestamp,
    ) -> Vec<u32> {
        self.outside(now, |txn| {
            let uids = uids(txn, place, which);
            uids.iter().for_each(|uid| txn.expunge(place, *uid));
            uids
        })
    }

    /// Changes the UIDVALIDITY of a mailbox, and its UIDs if that is asked for. A client that has selected it gets BYE.
    pub(crate) fn change_uids(&mut self, place: MailboxId, change: UidChange, now: Timestamp) {
        self.outside(now, |txn| {
            let next = || txn.mailbox(place).map_or(1, |mailbox| mailbox.uid_validity.wrapping_add(1).max(1));
            let uid_validity = change.uid_validity.unwrap_or_else(next);
            txn.renumber(place, uid_validity, change.reversed);
        });
    }

    /// Opens an account. With a password, only this password is accepted for the login from now on, and mail to the
    /// addresses goes to the account. Returns whether the account is new.
    pub(crate) fn make_account(
        &mut self,
        login: &str,
        listed: Option<Member>,
        now: Timestamp,
    ) -> Result<bool, NotChanged> {
        let accounts = &self.mail.accounts;
        let is_new = accounts.find(login).is_none() && accounts.member(login).is_none();
        if !is_identifier(login) {
            return Err(NotChanged::Invalid(InvalidMailbox::Login));
        }
        if let Some(member) = listed {
            self.outside(now, |txn| txn.enlist(member));
        }
        self.make(login, INBOX, now).map_err(NotChanged::Invalid)?;
        Ok(is_new)
    }

    /// Sets the access tokens of an account on the list. Returns whether it is there.
    pub(crate) fn set_tokens(&mut self, login: &str, tokens: &[&str], now: Timestamp) -> bool {
        let Some(member) = self.mail.accounts.member(login).cloned() else { return false };
        let tokens = tokens.iter().map(|token| Box::from(*token)).collect();
        self.outside(now, |txn| txn.enlist(Member { tokens, ..member }));
        true
    }

    /// Removes an account with its mail, and its login from the list. Returns whether there was one.
    pub(crate) fn delete_account(&mut self, login: &str, now: Timestamp) -> bool {
        self.outside(now, |txn| txn.remove(login))
    }

    /// Expunges every entry of every mailbox of an account. Returns how many there were.
    pub(crate) fn clear_account(&mut self, login: &str, now: Timestamp) -> Result<usize, NotChanged> {
        let account = self.account_of(login)?;
        let mailboxes = self.mail.accounts.account(account).into_iter().flat_map(|its| its.mailboxes());
        let places: Vec<MailboxId> = mailboxes.map(|its| MailboxId { account, mailbox: its.no }).collect();
        Ok(places.into_iter().map(|place| self.expunge(place, |_, _| true, now).len()).sum())
    }

    fn account_of(&self, login: &str) -> Result<AccountNo, NotChanged> {
        self.mail.accounts.find(login).ok_or_else(|| NotChanged::NoAccount(login.into()))
    }
}

fn uids(txn: &MailTxn<'_>, place: MailboxId, which: impl Fn(&Mailbox, &Entry) -> bool) -> Vec<u32> {
    let Some(mailbox) = txn.mailbox(place) else { return Vec::new() };
    mailbox.entries().iter().filter(|entry| which(mailbox, entry)).map(|entry| entry.uid).collect()
}

fn flags(txn: &mut MailTxn<'_>, place: MailboxId, names: &[Box<str>]) -> Result<Flags, NotChanged> {
    let flags = txn.flags(place, names.iter().map(|name| &**name));
    flags.ok_or(NotChanged::Invalid(InvalidMailbox::Keywords))
}

impl fmt::Display for NotChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::NoAccount(login) => write!(f, "there is no account {login}"),
            Self::NoMailbox(name) => write!(f, "there is no mailbox {name}"),
            Self::NoEntry(uid) => write!(f, "there is no entry with UID {uid}"),
            Self::Taken(name) => write!(f, "there is already a mailbox {name}"),
            Self::Below => f.write_str("the new name is below the old one"),
            Self::Inbox => f.write_str("INBOX can be neither deleted nor renamed"),
        }
    }
}
