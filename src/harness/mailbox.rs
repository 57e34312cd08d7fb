//! Accounts and their mailboxes, to seed and to look at.

use std::sync::Arc;

use bytes::Bytes;

use super::MailServer;
use crate::base::{Timestamp, is_identifier};
use crate::drive::Engine;
use crate::mail::{self as store, Message, generated};
use crate::protocol::InvalidMailbox;
use crate::world::Draft;

impl MailServer {
    /// An account, to seed its mailboxes and to look at them. It is made when something is put into it.
    ///
    /// # Panics
    /// If the login is empty or has control characters.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let bob = server.account("bob@example.org");
    /// bob.inbox().generate(3);
    /// assert_eq!(bob.inbox().entries().len(), 3);
    /// ```
    #[track_caller]
    pub fn account(&self, login: &str) -> Account<'_> {
        assert!(
            is_identifier(login),
            "{login:?} is not a valid login: it must not be empty or contain control characters"
        );
        Account::of(self, login)
    }
}

/// An account of a server: its mailboxes and subscriptions. [`MailServer::account`] gives it.
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let bob = server.account("bob@example.org");
/// bob.mailbox("Archive").create();
/// assert_eq!(bob.mailboxes(), ["INBOX", "Archive"]);
/// ```
#[derive(Debug, Clone)]
pub struct Account<'s> {
    server: &'s MailServer,
    login: String,
}

/// A mailbox of an account, as an IMAP or POP3 client sees it. [`Account::mailbox`] gives it.
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
    account: Account<'s>,
    name: String,
}

/// A message's place in a mailbox, as it was when it was looked at. [`Mailbox::entries`] gives it.
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
    /// Whether it has this flag; case does not matter (RFC 3501 §2.3.2).
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

/// A message to be put into a mailbox with [`Mailbox::add`]: its octets, flags and internal date. Texts and octets convert
/// into it.
///
/// ```
/// use mailjig::Mail;
/// use mailjig::prelude::*;
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
    /// A message of these octets, without flags. Default for its date: the moment it is added.
    ///
    /// ```
    /// use mailjig::Mail;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n"));
    /// assert!(entry.flags.is_empty());
    /// ```
    pub fn new(octets: impl Into<Bytes>) -> Self {
        Self(Draft { raw: octets.into(), ..Draft::default() })
    }

    /// Sets `\Seen` (RFC 3501 §2.3.2).
    ///
    /// ```
    /// use mailjig::Mail;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n").seen());
    /// assert_eq!(entry.flags, ["\\Seen"]);
    /// ```
    pub fn seen(self) -> Self {
        self.flag("\\Seen")
    }

    /// Sets `\Flagged` (RFC 3501 §2.3.2).
    ///
    /// ```
    /// use mailjig::Mail;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n").flagged());
    /// assert_eq!(entry.flags, ["\\Flagged"]);
    /// ```
    pub fn flagged(self) -> Self {
        self.flag("\\Flagged")
    }

    /// Sets this flag: one of the system's, as `\Answered`, or a keyword, as `$Work`.
    ///
    /// ```
    /// use mailjig::Mail;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n").flag("$Work"));
    /// assert_eq!(entry.flags, ["$Work"]);
    /// ```
    pub fn flag(mut self, flag: &str) -> Self {
        self.0.flags.to_mut().push(flag.into());
        self
    }

    /// Sets the internal date (RFC 3501 §2.3.3). Default: the moment it is added, by server time.
    ///
    /// ```
    /// use mailjig::{Mail, Timestamp};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let date = Timestamp::from_micros(1_577_880_000_000_000);   // 2020-01-01T12:00:00Z
    /// let entry = server.account("bob@example.org").inbox().add(Mail::new("Subject: hi\r\n\r\n").dated(date));
    /// assert_eq!(entry.date, date);
    /// ```
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

    /// A mailbox of this account, by its full name. It is made when something is put into it.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let archive = server.account("bob@example.org").mailbox("Archive");
    /// assert!(!archive.exists());
    /// ```
    pub fn mailbox(&self, name: &str) -> Mailbox<'s> {
        Mailbox { account: self.clone(), name: name.to_owned() }
    }

    /// The INBOX of this account.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(server.account("bob@example.org").inbox().entries().len(), 1);
    /// ```
    pub fn inbox(&self) -> Mailbox<'s> {
        self.mailbox(store::INBOX)
    }

    /// The names of its mailboxes, in the order in which they were made; none before the account was used.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(server.account("bob@example.org").mailboxes(), ["INBOX"]);
    /// ```
    pub fn mailboxes(&self) -> Vec<String> {
        self.look(|account| account.mailboxes().iter().map(|mailbox| mailbox.name.to_string()).collect())
    }

    /// The names it is subscribed to, whether there are such mailboxes or not (RFC 3501 §6.3.6).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SUBSCRIBE News\r\nc LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("b OK"));
    /// assert!(server.account("bob@example.org").subscriptions().contains(&"News".to_owned()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
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

    /// Puts a message into the mailbox; [`Mail`] gives it flags and a date. Nobody sent it, so it is not among
    /// [`MailServer::messages`].
    ///
    /// # Panics
    /// As [`create`](Self::create), and if a flag is not a valid flag.
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
        self.fit(put).expect("it was put there just now")
    }

    /// Puts so many messages into the mailbox, with subjects `generated 1`, `generated 2`…: the same in every run.
    ///
    /// # Panics
    /// As [`create`](Self::create).
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

    /// Its entries, in the order of their UIDs; none if there is no such mailbox.
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

    /// Whether there is such a mailbox.
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

    /// Its UIDVALIDITY (RFC 3501 §2.3.1.1); `None` if there is no such mailbox.
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
