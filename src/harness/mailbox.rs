//! A mailbox and its entries, for seeding and inspecting.

use std::sync::Arc;

use bytes::Bytes;

use super::{Account, Mail};
use crate::base::Timestamp;
use crate::drive::Engine;
use crate::mail::{self as store, Message, generated};
use crate::protocol::InvalidMailbox;

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

impl Mailbox<'_> {
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
