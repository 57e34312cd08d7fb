//! Changes of mailboxes and their entries. Resolves the numbers of each change.

use std::fmt;

use bytes::Bytes;

use super::{Destination, MailTxn, SeedMailbox};
use crate::base::{is_identifier, nearest};
use crate::mail::{AccountNo, Change, Flags, InternalDate, MailboxId, Message, Origin, SpecialUse, generated};

/// Why a message cannot be put into a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InvalidMailbox {
    /// The list of accounts is closed and does not contain this login.
    Stranger,
    /// The login is not valid.
    Login,
    /// The name is not valid for a mailbox, for this reason.
    Name(String),
    /// The mailbox cannot have more keywords.
    Keywords,
    /// This is not a valid flag.
    Flag(Box<str>),
}

impl fmt::Display for InvalidMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger => f.write_str("the list of accounts is closed and does not contain this login"),
            Self::Login => f.write_str("a login must not be empty or contain control characters"),
            Self::Name(objection) => write!(f, "no mailbox can have this name: {objection}"),
            Self::Flag(name) => {
                write!(f, "{name:?} is neither a system flag such as \\Seen nor a keyword such as $Work")?;
                let meant = nearest(name, Flags::SYSTEM.iter().map(|(name, _)| *name));
                meant.map_or(Ok(()), |meant| write!(f, "; {meant}"))
            }
            Self::Keywords => write!(f, "a mailbox has at most {} keywords", Flags::MOST_KEYWORDS),
        }
    }
}

impl MailTxn<'_> {
    /// The mailbox with this name. It and its account are created if they do not exist.
    pub(crate) fn mailbox_of(&mut self, login: &str, name: &str) -> Result<MailboxId, InvalidMailbox> {
        let (login, name) = (self.login(login)?, self.name(name)?);
        Ok(self.mailbox_in(&login, &name))
    }

    /// A destination for mail: the mailbox with this name, of this login or of each recipient.
    pub(crate) fn destination(&self, login: Option<&str>, mailbox: &str) -> Result<Destination, InvalidMailbox> {
        let login = login.map(|login| self.login(login)).transpose()?;
        Ok(Destination { login, mailbox: self.name(mailbox)? })
    }

    /// The login as it is in the list of accounts.
    fn login(&self, login: &str) -> Result<Box<str>, InvalidMailbox> {
        if !is_identifier(login) {
            return Err(InvalidMailbox::Login);
        }
        self.mail.accounts.known(login).map(Box::from).ok_or(InvalidMailbox::Stranger)
    }

    /// The canonical form of a valid mailbox name.
    fn name(&self, name: &str) -> Result<Box<str>, InvalidMailbox> {
        let namespace = self.mail.accounts.namespace();
        let name = namespace.canonical(name);
        match namespace.objection(&name) {
            Some(objection) => Err(InvalidMailbox::Name(objection)),
            None => Ok(name),
        }
    }

    /// The mailbox with a valid name. It and its account are created if they do not exist.
    pub(super) fn mailbox_in(&mut self, login: &str, name: &str) -> MailboxId {
        let account = self.open(login);
        let mailbox = self.account(account).and_then(|its| its.named(name)).map(|mailbox| mailbox.no);
        match mailbox {
            Some(mailbox) => MailboxId { account, mailbox },
            None => self.create(account, name, SpecialUse::of_name(name)),
        }
    }

    /// Creates a mailbox. The caller has checked that the name is free and valid.
    pub(crate) fn create(&mut self, account: AccountNo, name: &str, special_use: Option<SpecialUse>) -> MailboxId {
        let (mailbox, uid_validity) = self.mail.accounts.next_mailbox();
        let place = MailboxId { account, mailbox };
        self.change(Change::Create { place, name: name.into(), special_use, uid_validity });
        place
    }

    /// Sets or removes the special use of a mailbox.
    pub(crate) fn set_special_use(&mut self, place: MailboxId, special_use: Option<SpecialUse>) {
        if self.mailbox(place).is_some_and(|mailbox| mailbox.special_use != special_use) {
            self.change(Change::Use { place, special_use });
        }
    }

    /// Deletes a mailbox with its entries.
    pub(crate) fn delete(&mut self, place: MailboxId) {
        self.change(Change::Delete { place });
    }

    /// Renames a mailbox and its children. The caller has checked that the new names are free and valid.
    pub(crate) fn rename(&mut self, account: AccountNo, from: &str, to: &str) {
        self.change(Change::Rename { account, from: from.into(), to: to.into() });
    }

    /// Subscribes to a name, or unsubscribes.
    pub(crate) fn subscribe(&mut self, account: AccountNo, name: &str, subscribed: bool) {
        self.change(Change::Subscribe { account, name: name.into(), subscribed });
    }

    /// These flags in the form of the mailbox. Keywords are created on first use. None if the mailbox cannot have more
    /// keywords.
    pub(crate) fn flags<'n>(&mut self, place: MailboxId, names: impl Iterator<Item = &'n str>) -> Option<Flags> {
        let mut flags = Flags::NONE;
        for name in names {
            let known = Flags::system(name).or_else(|| self.mailbox(place)?.keyword(name));
            flags = flags.with(match known {
                Some(flag) => flag,
                None => {
                    let at = self.mailbox(place)?.keywords.len();
                    if at == Flags::MOST_KEYWORDS {
                        return None;
                    }
                    self.change(Change::Keyword { place, name: name.into() });
                    Flags::keyword(at)
                }
            });
        }
        Some(flags)
    }

    /// Appends a message that was not sent over SMTP. Returns its UID.
    pub(crate) fn append(&mut self, place: MailboxId, flags: Flags, date: Option<InternalDate>, raw: Bytes) -> u32 {
        let message = self.message(None, raw);
        self.mail.log.appended.push(message.clone());
        let date = date.unwrap_or(InternalDate { at: self.now, zone: 0 });
        self.file(place, flags, date, message, false)
    }

    /// Delivers a message that was not sent over SMTP.
    pub(crate) fn deliver_into(&mut self, place: MailboxId, raw: Bytes) {
        let message = self.message(None, raw);
        self.mail.log.appended.push(message.clone());
        self.file(place, Flags::NONE, InternalDate { at: self.now, zone: 0 }, message, true);
    }

    /// Files a message in an existing mailbox. Returns its UID.
    pub(super) fn file(
        &mut self,
        place: MailboxId,
        flags: Flags,
        date: InternalDate,
        message: Message,
        is_delivery: bool,
    ) -> u32 {
        let mailbox = self.mailbox(place).expect("the mailbox was looked up");
        let (uid, modseq) = (mailbox.uid_next, mailbox.highest_modseq + 1);
        let change = Change::File { place, uid, modseq, date, flags, message: message.no(), is_delivery };
        self.change_with(change, Some(message));
        uid
    }

    /// Copies an entry with its flags and its date. Returns the new UID. None if the entry was expunged, or if the
    /// mailbox cannot have its keywords.
    pub(crate) fn copy(&mut self, from: MailboxId, uid: u32, to: MailboxId) -> Option<u32> {
        let source = self.mailbox(from)?;
        let entry = source.entry(uid)?.clone();
        let names: Vec<String> = entry.flags.names(&source.keywords).map(str::to_owned).collect();
        let flags = self.flags(to, names.iter().map(String::as_str))?;
        Some(self.file(to, flags, entry.date, entry.message, false))
    }

    /// Sets the flags of an entry. Returns the mod-sequence of the change. None if nothing changes.
    pub(crate) fn flag(&mut self, place: MailboxId, uid: u32, flags: Flags) -> Option<u64> {
        let mailbox = self.mailbox(place)?;
        let modseq = mailbox.highest_modseq + 1;
        mailbox.entry(uid).filter(|entry| entry.flags != flags)?;
        self.change(Change::Flag { place, uid, modseq, flags });
        Some(modseq)
    }

    /// Makes the entries of a mailbox no longer `\Recent` for later sessions.
    pub(crate) fn claim(&mut self, place: MailboxId) {
        if let Some(mailbox) = self.mailbox(place).filter(|mailbox| mailbox.recent_from < mailbox.uid_next) {
            let recent_from = mailbox.uid_next;
            self.change(Change::Claim { place, recent_from });
        }
    }

    /// Expunges an entry, if it exists.
    pub(crate) fn expunge(&mut self, place: MailboxId, uid: u32) {
        if let Some(mailbox) = self.mailbox(place).filter(|mailbox| mailbox.entry(uid).is_some()) {
            let modseq = mailbox.highest_modseq + 1;
            self.change(Change::Expunge { place, uid, modseq });
        }
    }

    /// Opens an account of the scenario, and seeds it.
    pub(crate) fn seed(&mut self, login: &str, seeds: &[SeedMailbox]) {
        let was_there = self.mail.accounts.find(login).is_some();
        let account = self.open(login);
        if !was_there {
            self.mail.opened.push(account);
        }
        self.give(login, seeds);
    }

    /// Removes what a scenario added: its accounts, its mail, and its mailboxes if they contain nothing else.
    pub(crate) fn take_back(&mut self) {
        self.mail.seeds.clear();
        for account in std::mem::take(&mut self.mail.opened) {
            if self.account(account).is_some() {
                self.change(Change::Close { account });
            }
        }
        self.forget(Message::is_of_scenario);
        let made = std::mem::take(&mut self.mail.made).into_iter();
        let places = made.flat_map(|(account, all)| all.into_iter().map(move |mailbox| MailboxId { account, mailbox }));
        for place in places {
            if self.mailbox(place).is_some_and(|mailbox| mailbox.entries().is_empty()) {
                self.delete(place);
            }
        }
    }

    /// Seeds an account. Skips invalid mailboxes and messages.
    pub(crate) fn give(&mut self, login: &str, seeds: &[SeedMailbox]) {
        let origin = std::mem::replace(&mut self.origin, Origin::Scenario);
        for its in seeds {
            let next = self.mail.accounts.next_mailbox();
            let Ok(place) = self.mailbox_of(login, &its.mailbox) else { continue };
            if next != self.mail.accounts.next_mailbox() {
                self.mail.made.entry(place.account).or_default().push(place.mailbox);
            }
            if let Some(uid_validity) = its.uid_validity {
                self.renumber(place, uid_validity, None);
            }
            for i in 1..=its.generate {
                self.append(place, Flags::NONE, None, generated(login, i));
            }
            for message in &its.messages {
                let flags = self.flags(place, message.flags.iter().map(|flag| &**flag)).unwrap_or(Flags::NONE);
                let uid = self.append(place, flags, None, message.raw.clone());
                if let Some(uidl) = &message.uidl {
                    self.name_entry(place, uid, uidl);
                }
            }
        }
        self.origin = origin;
    }

    /// Sets the UIDVALIDITY of a mailbox. If `reversed` is given, also assigns UIDs from 1, in the old or the reverse
    /// order.
    pub(crate) fn renumber(&mut self, place: MailboxId, uid_validity: u32, reversed: Option<bool>) {
        let (is_renumbered, is_reversed) = (reversed.is_some(), reversed.unwrap_or_default());
        self.change(Change::Renumber { place, uid_validity, is_renumbered, is_reversed });
    }

    /// Sets the unique id of an entry in POP3.
    pub(crate) fn name_entry(&mut self, place: MailboxId, uid: u32, uidl: &str) {
        self.change(Change::Uidl { place, uid, uidl: uidl.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::super::MailStore;
    use super::*;
    use crate::base::Timestamp;
    use crate::mail::{Accounts, Namespace};

    #[test]
    fn seeds_are_removed_with_their_account() {
        let mut mail = MailStore::new(Accounts::new(Vec::new(), Namespace::default(), 1));
        let seeds = |mailbox: &str| SeedMailbox {
            mailbox: mailbox.into(),
            uid_validity: None,
            generate: 0,
            messages: Vec::new(),
        };
        mail.seeds = vec![seeds("Archive"), seeds("Sent")];
        for i in 0..5 {
            let mut txn = MailTxn::new(&mut mail, Origin::Delivered, Timestamp::from_micros(0));
            txn.open(&format!("user{i}"));
            assert_eq!(txn.close_oldest(2, |_| false), usize::from(i >= 2));
        }

        assert_eq!(mail.made.values().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        let mut txn = MailTxn::new(&mut mail, Origin::Delivered, Timestamp::from_micros(0));
        txn.take_back();
        assert!(txn.accounts().iter().all(|(_, account)| account.mailboxes().len() == 1));
    }
}
