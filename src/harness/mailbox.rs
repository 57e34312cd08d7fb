//! Accounts and their mailboxes, to seed and to look at.

use std::sync::Arc;

use bytes::Bytes;

use super::MailServer;
use crate::base::Timestamp;
use crate::drive::Engine;
use crate::mail::{self as store, Message, generated};
use crate::protocol::InvalidMailbox;
use crate::world::Draft;

/// An account of a server. Get it with [`MailServer::account`].
#[derive(Debug, Clone)]
pub struct Account<'s> {
    server: &'s MailServer,
    login: String,
}

/// A mailbox of an account, as an IMAP or POP3 client sees it. Get it with [`Account::mailbox`].
#[derive(Debug, Clone)]
pub struct Mailbox<'s> {
    account: Account<'s>,
    name: String,
}

/// A message's place in a mailbox, as it was when it was looked at.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// Its unique identifier in this mailbox (RFC 3501 §2.3.1.1).
    pub uid: u32,
    /// Its flags, as `\Seen` or `$Important`; the system's first.
    pub flags: Vec<String>,
    /// Its internal date (RFC 3501 §2.3.3).
    pub date: Timestamp,
    /// The number of its last change among all changes to the mailbox (RFC 7162 §3.1).
    pub modseq: u64,
    /// The message itself. Where nobody sent it, its envelope is without sender and recipients.
    pub message: Message,
}

impl Entry {
    /// Whether it has this flag, in any case.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|its| its.eq_ignore_ascii_case(flag))
    }
}

/// A message to be put into a mailbox: its octets, and what is said of it.
///
/// ```
/// use mailjig::{Mail, MailServer};
///
/// let server = MailServer::start();
/// let archive = server.account("bob@example.org").mailbox("Archive");
/// archive.add(Mail::new("Subject: minutes\r\n\r\nWe met.\r\n").seen().flag("$Work"));
///
/// assert_eq!(archive.entries()[0].flags, ["\\Seen", "$Work"]);
/// ```
#[derive(Debug, Clone)]
pub struct Mail(Draft<'static>);

impl Mail {
    /// Of these octets, without flags.
    pub fn new(octets: impl Into<Bytes>) -> Self {
        Self(Draft { raw: octets.into(), ..Draft::default() })
    }

    /// With `\Seen`.
    pub fn seen(self) -> Self {
        self.flag("\\Seen")
    }

    /// With `\Flagged`.
    pub fn flagged(self) -> Self {
        self.flag("\\Flagged")
    }

    /// With this flag: one of the system's, as `\Answered`, or a keyword.
    pub fn flag(mut self, flag: &str) -> Self {
        self.0.flags.to_mut().push(flag.into());
        self
    }

    /// With this internal date, instead of the moment it is added.
    pub fn dated(mut self, date: Timestamp) -> Self {
        self.0.date = Some(date);
        self
    }
}

macro_rules! octets {
    ($($octets:ty),*) => {$(
        impl From<$octets> for Mail {
            fn from(octets: $octets) -> Self {
                Self::new(octets)
            }
        }
    )*};
}

octets!(&'static str, String, &'static [u8], Vec<u8>, Bytes);

impl<'s> Account<'s> {
    pub(super) fn of(server: &'s MailServer, login: &str) -> Self {
        Self { server, login: login.to_owned() }
    }

    /// A mailbox of this account; it is made when something is put into it.
    pub fn mailbox(&self, name: &str) -> Mailbox<'s> {
        Mailbox { account: self.clone(), name: name.to_owned() }
    }

    /// The INBOX of this account.
    pub fn inbox(&self) -> Mailbox<'s> {
        self.mailbox(store::INBOX)
    }

    /// The names of its mailboxes, in the order they were made; none before the account was used.
    pub fn mailboxes(&self) -> Vec<String> {
        self.look(|account| account.mailboxes().iter().map(|mailbox| mailbox.name.to_string()).collect())
    }

    /// The names it is subscribed to, whether there are such mailboxes or not (RFC 3501 §6.3.6).
    pub fn subscriptions(&self) -> Vec<String> {
        self.look(|account| account.subscriptions.iter().map(|name| name.to_string()).collect())
    }

    fn look<T: Default>(&self, look: impl FnOnce(&store::Account) -> T) -> T {
        self.server.server.engine().read(|world| {
            let accounts = &world.mail.accounts;
            accounts.find(&self.login).and_then(|no| accounts.account(no)).map(look).unwrap_or_default()
        })
    }
}

impl Mailbox<'_> {
    /// Makes the mailbox, if it is not there.
    ///
    /// # Panics
    /// If the list of accounts is closed and does not have this one, or if the name is not a valid mailbox name. `add` and
    /// `generate` panic for the same reasons.
    #[track_caller]
    pub fn create(&self) {
        let made = self.engine().update(|world, now| world.make(&self.account.login, &self.name, now));
        self.fit(made);
    }

    /// Puts a message into the mailbox, as if it had been there. Nobody sent it, so it is not among
    /// [`MailServer::messages`].
    #[track_caller]
    pub fn add(&self, mail: impl Into<Mail>) -> Entry {
        let Mail(draft) = mail.into();
        let put = self.engine().update(|world, now| {
            let (place, uid) = world.put(&self.account.login, &self.name, draft, now)?;
            let mailbox = world.mail.accounts.mailbox(place);
            Ok(mailbox.and_then(|mailbox| mailbox.entry(uid).map(|its| entry(mailbox, its))))
        });
        self.fit(put).expect("it was put there just now")
    }

    /// Puts so many messages into the mailbox, with subjects `generated 1`, `generated 2`…: the same in every run.
    #[track_caller]
    pub fn generate(&self, count: u32) {
        // Made before the lock is taken.
        let messages: Vec<Bytes> = (1..=count).map(|i| generated(&self.account.login, i)).collect();
        let made = self.engine().update(|world, now| world.put_all(&self.account.login, &self.name, messages, now));
        self.fit(made);
    }

    /// Its entries, in the order of their UIDs; none where there is no such mailbox.
    pub fn entries(&self) -> Vec<Entry> {
        self.look(|mailbox| mailbox.entries().iter().map(|its| entry(mailbox, its)).collect()).unwrap_or_default()
    }

    /// Whether there is such a mailbox.
    pub fn exists(&self) -> bool {
        self.look(|_| ()).is_some()
    }

    /// Its UIDVALIDITY (RFC 3501 §2.3.1.1); none where there is no such mailbox.
    pub fn uid_validity(&self) -> Option<u32> {
        self.look(|mailbox| mailbox.uid_validity)
    }

    /// What was made, or a panic that says why it cannot be.
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
