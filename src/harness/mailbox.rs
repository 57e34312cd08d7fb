//! A mailbox and its entries, for seeding and inspecting.

use std::sync::Arc;

use bytes::Bytes;

use super::{Account, Mail};
use crate::base::Timestamp;
use crate::drive::Engine;
use crate::mail::{self as store, Message, SpecialUse, generated};
use crate::protocol::InvalidMailbox;
use crate::world::{FlagChange, NotChanged, UidChange};

/// A mailbox of an account, as an IMAP or POP3 client sees it. Returned by [`Account::mailbox`].
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let inbox = server.account("bob@example.org").inbox();
/// inbox.add("Subject: hi\r\n\r\n");
/// assert_eq!(inbox.entries()[0].message.subject(), "hi");
/// ```
#[derive(Debug, Clone)]
pub struct Mailbox<'s> {
    pub(super) account: Account<'s>,
    pub(super) name: String,
}

/// A message's place in a mailbox at the time of the call. Returned by [`Mailbox::entries`].
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let inbox = server.account("bob@example.org").inbox();
/// inbox.add(mailjig::Mail::new("Subject: hi\r\n\r\n").seen());
/// let entry = &inbox.entries()[0];
/// assert_eq!((entry.uid, entry.has("\\Seen")), (1, true));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// Its unique identifier in this mailbox (RFC 3501 §2.3.1.1).
    pub uid: u32,
    /// Its flags, such as `\Seen` or `$Important`; system flags first.
    pub flags: Vec<String>,
    /// Its internal date (RFC 3501 §2.3.3).
    pub date: Timestamp,
    /// The number of its last change among all changes to the mailbox (RFC 7162 §3.1).
    pub modseq: u64,
    /// The message itself. If it was not sent, its envelope has no sender and no recipients.
    pub message: Message,
}

impl Entry {
    /// Whether it has this flag, compared case-insensitively (RFC 3501 §2.3.2).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add("Subject: hi\r\n\r\n");
    /// assert!(!entry.has("\\Seen"));
    /// ```
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|its| its.eq_ignore_ascii_case(flag))
    }
}

impl<'s> Mailbox<'s> {
    /// Creates the mailbox if it does not exist.
    ///
    /// # Panics
    /// If the list of accounts is closed and does not have this login, or if the name is not a valid mailbox name.
    /// `add` and `generate` panic for the same reasons.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let archive = server.account("bob@example.org").mailbox("Archive");
    /// archive.create();
    /// assert!(archive.exists());
    /// ```
    #[track_caller]
    pub fn create(&self) {
        let made = self.engine().update(|world, now| world.make(&self.account.login, &self.name, now));
        self.fit(made);
    }

    /// Puts a message into the mailbox; [`Mail`] sets its flags and date. It was not sent, so it is not among
    /// [`MailServer::messages`](super::MailServer::messages).
    ///
    /// # Panics
    /// Like [`create`](Self::create), and if a flag is not valid.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add("Subject: hi\r\n\r\n");
    /// assert_eq!(entry.uid, 1);
    /// ```
    #[track_caller]
    pub fn add(&self, mail: impl Into<Mail>) -> Entry {
        let Mail(draft) = mail.into();
        let put = self.engine().update(|world, now| {
            let (place, uid) = world.put(&self.account.login, &self.name, draft, now)?;
            let mailbox = world.mail.accounts.mailbox(place);
            Ok(mailbox.and_then(|mailbox| mailbox.entry(uid).map(|its| entry(mailbox, its))))
        });
        self.fit(put).expect("the entry was just added")
    }

    /// Puts this many messages into the mailbox, with subjects `generated 1`, `generated 2`…: the same in every run.
    ///
    /// # Panics
    /// Like [`create`](Self::create).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// inbox.generate(3);
    /// assert_eq!(inbox.entries()[2].message.subject(), "generated 3");
    /// ```
    #[track_caller]
    pub fn generate(&self, count: u32) {
        // Make the messages before taking the lock: other sessions must not wait for it.
        let messages: Vec<Bytes> = (1..=count).map(|i| generated(&self.account.login, i)).collect();
        let made = self.engine().update(|world, now| world.put_all(&self.account.login, &self.name, messages, now));
        self.fit(made);
    }

    /// Renames the mailbox and the mailboxes below it. Returns it under its new name.
    ///
    /// # Panics
    /// If it does not exist, if it is INBOX, or if the new name is taken or not valid.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let work = server.account("bob@example.org").mailbox("Work");
    /// work.create();
    /// assert!(work.rename("Archive/Work").exists());
    /// ```
    #[track_caller]
    pub fn rename(&self, to: &str) -> Mailbox<'s> {
        let names = (&*self.name, to);
        let renamed = self.engine().update(|world, now| world.rename_mailbox(&self.account.login, names, now));
        self.done(renamed);
        self.account.mailbox(to)
    }

    /// Deletes the mailbox with its entries. A client that has selected it gets BYE.
    ///
    /// # Panics
    /// If it does not exist, or if it is INBOX.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let work = server.account("bob@example.org").mailbox("Work");
    /// work.create();
    /// work.delete();
    /// assert!(!work.exists());
    /// ```
    #[track_caller]
    pub fn delete(&self) {
        let deleted = self.engine().update(|world, now| world.delete_mailbox(&self.account.login, &self.name, now));
        self.done(deleted);
    }

    /// Sets the special use of the mailbox, such as `\Sent`, or removes it (RFC 6154 §2).
    ///
    /// # Panics
    /// If the mailbox does not exist, or if there is no such special use.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let outbox = server.account("bob@example.org").mailbox("Gesendet");
    /// outbox.create();
    /// outbox.set_special_use(Some("\\Sent"));
    /// ```
    #[track_caller]
    pub fn set_special_use(&self, special_use: Option<&str>) {
        let special_use = special_use.map(|name| match SpecialUse::parse(name) {
            Some(special_use) => special_use,
            None => panic!("{name:?} is not a special use; there are {}", SpecialUse::names()),
        });
        let set = self.engine().update(|world, now| {
            let place = world.find_mailbox(&self.account.login, &self.name)?;
            world.set_special_use(place, special_use, now);
            Ok(())
        });
        self.done(set);
    }

    /// Adds flags to an entry and removes others. Connected clients learn of it.
    ///
    /// # Panics
    /// If there is no entry with this UID, or if a flag is not valid.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// let uid = inbox.add("Subject: hi\r\n\r\n").uid;
    /// inbox.flag(uid, &["\\Flagged", "$Work"], &[]);
    /// inbox.flag(uid, &[], &["$Work"]);
    /// assert_eq!(inbox.entries()[0].flags, ["\\Flagged"]);
    /// ```
    #[track_caller]
    pub fn flag(&self, uid: u32, add: &[&str], remove: &[&str]) {
        let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        let change = FlagChange { set: None, add: boxed(add), remove: boxed(remove) };
        let flagged = self.engine().update(|world, now| {
            let place = world.find_mailbox(&self.account.login, &self.name)?;
            let uids = world.change_flags(place, |_, entry| entry.uid == uid, &change, now)?;
            uids.first().map(|_| ()).ok_or(NotChanged::NoEntry(uid))
        });
        self.done(flagged);
    }

    /// Expunges an entry. Connected clients learn of it.
    ///
    /// # Panics
    /// If there is no entry with this UID.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// inbox.generate(2);
    /// inbox.expunge(1);
    /// assert_eq!(inbox.entries()[0].uid, 2);
    /// ```
    #[track_caller]
    pub fn expunge(&self, uid: u32) {
        let expunged = self.engine().update(|world, now| {
            let place = world.find_mailbox(&self.account.login, &self.name)?;
            let uids = world.expunge(place, |_, entry| entry.uid == uid, now);
            uids.first().map(|_| ()).ok_or(NotChanged::NoEntry(uid))
        });
        self.done(expunged);
    }

    /// Changes the UIDVALIDITY of the mailbox, as a server does that has lost its UIDs (RFC 3501 §2.3.1.1); the UIDs
    /// begin at 1 again. A client that has selected the mailbox gets BYE.
    ///
    /// # Panics
    /// If the mailbox does not exist, or if the number is 0.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// inbox.generate(2);
    /// inbox.expunge(1);
    /// inbox.change_uid_validity(77);
    /// assert_eq!((inbox.uid_validity(), inbox.entries()[0].uid), (Some(77), 1));
    /// ```
    #[track_caller]
    pub fn change_uid_validity(&self, uid_validity: u32) {
        assert!(uid_validity > 0, "a UIDVALIDITY is at least 1");
        let change = UidChange { uid_validity: Some(uid_validity), reversed: Some(false) };
        let changed = self.engine().update(|world, now| {
            let place = world.find_mailbox(&self.account.login, &self.name)?;
            world.change_uids(place, change, now);
            Ok(())
        });
        self.done(changed);
    }

    /// Its entries, in the order of their UIDs; empty if the mailbox does not exist.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// inbox.generate(2);
    /// let uids: Vec<u32> = inbox.entries().iter().map(|entry| entry.uid).collect();
    /// assert_eq!(uids, [1, 2]);
    /// ```
    pub fn entries(&self) -> Vec<Entry> {
        self.look(|mailbox| mailbox.entries().iter().map(|its| entry(mailbox, its)).collect()).unwrap_or_default()
    }

    /// Whether the mailbox exists.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(!server.account("bob@example.org").mailbox("Archive").exists());
    /// ```
    pub fn exists(&self) -> bool {
        self.look(|_| ()).is_some()
    }

    /// Its UIDVALIDITY (RFC 3501 §2.3.1.1); `None` if the mailbox does not exist.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// inbox.create();
    /// assert!(inbox.uid_validity().is_some());
    /// ```
    pub fn uid_validity(&self) -> Option<u32> {
        self.look(|mailbox| mailbox.uid_validity)
    }

    /// Returns the value, or panics with the reason.
    #[track_caller]
    fn fit<T>(&self, made: Result<T, InvalidMailbox>) -> T {
        let login = &self.account.login;
        match made {
            Ok(made) => made,
            Err(unfit @ InvalidMailbox::Stranger) => {
                panic!("{} of {login}: {unfit}{}", self.name, self.account.server.or_meant(login))
            }
            Err(unfit) => panic!("{} of {login}: {unfit}", self.name),
        }
    }

    /// Panics with the reason.
    #[track_caller]
    fn done(&self, changed: Result<(), NotChanged>) {
        if let Err(why) = changed {
            panic!("{} of {}: {why}", self.name, self.account.login);
        }
    }

    fn engine(&self) -> &Arc<Engine> {
        self.account.server.server.engine()
    }

    fn look<T>(&self, look: impl FnOnce(&store::Mailbox) -> T) -> Option<T> {
        self.engine().read(|world| {
            let accounts = &world.mail.accounts;
            let account = accounts.account(accounts.find(&self.account.login)?)?;
            account.named(&accounts.namespace().canonical(&self.name)).map(look)
        })
    }
}

fn entry(mailbox: &store::Mailbox, its: &store::Entry) -> Entry {
    Entry {
        uid: its.uid,
        flags: its.flags.names(&mailbox.keywords).map(str::to_owned).collect(),
        date: its.date.at,
        modseq: its.modseq,
        message: its.message.clone(),
    }
}
