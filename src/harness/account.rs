//! An account, for seeding and inspecting.

use super::{MailServer, Mailbox};
use crate::base::is_identifier;
use crate::mail as store;

impl MailServer {
    /// An account, for seeding and inspecting its mailboxes. It is created when something is put into it.
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
        Account { server: self, login: login.to_owned() }
    }
}

/// An account of a server: its mailboxes and subscriptions. Returned by [`MailServer::account`].
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
    pub(super) server: &'s MailServer,
    pub(super) login: String,
}

impl<'s> Account<'s> {
    /// A mailbox of this account, by its full name. It is created when something is put into it.
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

    /// The names of its mailboxes, in the order of creation; empty before the account was used.
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

    /// The names of its subscriptions, even if no such mailbox exists (RFC 3501 §6.3.6).
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
