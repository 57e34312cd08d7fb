//! An account, for seeding and inspecting.

use super::{MailServer, Mailbox};
use crate::base::is_identifier;
use crate::mail::{self as store, Member};
use crate::sasl::is_bearer_token;

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

    /// Makes an account whose login needs this password, or changes its password. If every login is accepted, that
    /// stays so for other logins.
    ///
    /// # Panics
    /// Like [`account`](Self::account).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("ann@example.org", "secret").start();
    /// server.make_account("bob@example.org", "pass");
    /// server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// ```
    #[track_caller]
    pub fn make_account(&self, login: &str, password: &str) -> Account<'_> {
        let account = self.account(login);
        let (tokens, addresses) = (Vec::new(), Vec::new());
        let member = Member { login: login.into(), password: password.into(), tokens, addresses };
        let made = self.server.engine().update(|world, now| world.make_account(login, Some(member), now));
        made.expect("the login is valid");
        account
    }
}

/// Panics if a text is not an access token.
#[track_caller]
pub(super) fn assert_tokens(tokens: &[&str]) {
    for token in tokens {
        assert!(is_bearer_token(token), "{token:?} is not an access token, as RFC 6750 §2.1 defines it");
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

    /// Sets the access tokens with which the account may log in in place of its password, with the SASL mechanism
    /// XOAUTH2 or OAUTHBEARER. Tokens that it had before are refused from now on.
    ///
    /// # Panics
    /// If the account has no password, because every login is accepted; see [`MailServer::make_account`]. If RFC 6750
    /// does not allow a token.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.make_account("bob@example.org", "").access_tokens(&["tok-2"]);
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// let response = "dXNlcj1ib2JAZXhhbXBsZS5vcmcBYXV0aD1CZWFyZXIgdG9rLTEBAQ==";
    /// client.write_all(format!("AUTH XOAUTH2 {response}\r\n\r\nQUIT\r\n").as_bytes())?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("-ERR [AUTH]"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn access_tokens(&self, tokens: &[&str]) {
        assert_tokens(tokens);
        let was_set = self.server.server.engine().update(|world, now| world.set_tokens(&self.login, tokens, now));
        assert!(was_set, "the account `{}` has no password, so every token is accepted for it", self.login);
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

    /// Subscribes to a name, or unsubscribes from it, as an IMAP client does.
    ///
    /// # Panics
    /// If the list of accounts is closed and does not have this login, or if no mailbox can have this name.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let bob = server.account("bob@example.org");
    /// bob.subscribe("News", true);
    /// assert_eq!(bob.subscriptions(), ["News"]);
    /// ```
    #[track_caller]
    pub fn subscribe(&self, name: &str, subscribed: bool) {
        let engine = self.server.server.engine();
        if let Err(why) = engine.update(|world, now| world.subscribe(&self.login, name, subscribed, now)) {
            panic!("{name} of {}: {why}", self.login);
        }
    }

    /// Expunges all its mail. Its mailboxes and subscriptions stay, and captured messages too. Connected clients learn of
    /// it. Returns the number of entries.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// let bob = server.account("bob@example.org");
    /// assert_eq!(bob.clear(), 1);
    /// assert!(bob.inbox().entries().is_empty());
    /// ```
    pub fn clear(&self) -> usize {
        self.server.server.engine().update(|world, now| world.clear_account(&self.login, now)).unwrap_or_default()
    }

    /// Deletes the account with its mail, and removes its login from the list of accounts. Its sessions end: clients
    /// are told with 421, BYE or -ERR. If every login is accepted, the next login or message creates it again.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// let bob = server.account("bob@example.org");
    /// bob.delete();
    /// assert!(bob.mailboxes().is_empty());
    /// ```
    pub fn delete(&self) {
        self.server.server.delete_account(&self.login);
    }

    fn look<T: Default>(&self, look: impl FnOnce(&store::Account) -> T) -> T {
        self.server.server.engine().read(|world| {
            let accounts = &world.mail.accounts;
            accounts.find(&self.login).and_then(|no| accounts.account(no)).map(look).unwrap_or_default()
        })
    }
}
