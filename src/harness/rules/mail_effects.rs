//! Steps that change mail: messages, their flags, and mailboxes.

use super::{Messages, Place, Rule, or_panic, text};
use crate::rule::Template;
use crate::rule::step::deliver::Deliver;
use crate::rule::step::expunge::Expunge;
use crate::rule::step::flag::Flag;
use crate::rule::step::mailbox::{MailboxChange, Renumber};
use crate::rule::step::{Literal, Tell, Which};
use crate::scenario::fragments;

impl<P, Of> Rule<P, Of> {
    /// Removes messages from a mailbox: a message sequence number (RFC 3501 §2.3.1.2) of the selected mailbox, or
    /// [`Messages`]. The session is told when the protocol allows it (RFC 3501 §7.4.1), or as [`Messages`] says.
    ///
    /// # Panics
    /// If the login of the mailbox has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(2);
    /// server.mount(on(imap::noop()).expunge(1).pass());
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc NOOP\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("* 1 EXPUNGE"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn expunge(self, messages: impl Into<Messages>) -> Self {
        let (which, tell) = which(messages.into());
        self.push(Expunge { which, tell })
    }

    /// Adds and removes flags and keywords of messages, given as in [`expunge`](Self::expunge).
    ///
    /// # Panics
    /// If the login of the mailbox has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Messages, imap};
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(2);
    /// server.mount(on(imap::noop()).flag(Messages::uid(2), &[r"\Seen", "Urgent"], &[r"\Recent"]));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc NOOP\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains(r"* 2 FETCH (UID 2 FLAGS (\Seen"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn flag(self, messages: impl Into<Messages>, add: &[&str], remove: &[&str]) -> Self {
        let boxed = |flags: &[&str]| flags.iter().map(|flag| Box::from(*flag)).collect();
        let (which, tell) = which(messages.into());
        self.push(Flag { which, add: boxed(add), remove: boxed(remove), tell })
    }

    /// Puts a message of the scenario, by the `id` of its `[[message]]`, into a mailbox.
    ///
    /// # Panics
    /// If the login of the mailbox has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::builder().scenario(Scenario::text("news.toml", r#"
    ///     mailjig = 1
    ///     [[message]]
    ///     id = "news"
    ///     text = "Subject: news\r\n\r\n"
    /// "#)).start();
    /// server.mount(on(imap::noop()).once().deliver_message("news", "INBOX"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc NOOP\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("* 2 EXISTS"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn deliver_message(self, id: &str, mailbox: impl Into<Place>) -> Self {
        let (user, mailbox) = parts(mailbox.into());
        self.push(Deliver::Into { user, mailbox, message: Some(id.into()) })
    }

    /// Increments the UIDVALIDITY of a mailbox, and gives its messages new UIDs from 1 (RFC 3501 §2.3.1.1). Sessions
    /// that have selected it end with BYE.
    ///
    /// # Panics
    /// If the login of the mailbox has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// let bob = server.account("bob@example.org");
    /// bob.inbox().generate(2);
    /// let before = bob.inbox().uid_validity();
    /// server.mount(on(imap::login()).pass().renumber("INBOX"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("a OK"));
    /// assert_ne!(bob.inbox().uid_validity(), before);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn renumber(self, mailbox: impl Into<Place>) -> Self {
        self.change_mailbox(mailbox.into(), Some(Literal::Off(1)), Some(Renumber::Forward))
    }

    /// Like [`renumber`](Self::renumber), in reverse order: the last message gets UID 1.
    ///
    /// # Panics
    /// If the login of the mailbox has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(2);
    /// server.mount(on(imap::login()).pass().renumber_reversed("INBOX"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc FETCH 1 BODY[HEADER]\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("Subject: generated 2"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn renumber_reversed(self, mailbox: impl Into<Place>) -> Self {
        self.change_mailbox(mailbox.into(), Some(Literal::Off(1)), Some(Renumber::Reverse))
    }

    /// Gives the messages of a mailbox new UIDs from 1 and keeps its UIDVALIDITY, which RFC 3501 §2.3.1.1 forbids: what
    /// a client knows by its UID is now another message.
    ///
    /// # Panics
    /// If the login of the mailbox has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// inbox.generate(2);
    /// let before = inbox.uid_validity();
    /// server.mount(on(imap::login()).pass().renumber_with_same_uid_validity("INBOX"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("a OK"));
    /// assert_eq!(inbox.uid_validity(), before);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn renumber_with_same_uid_validity(self, mailbox: impl Into<Place>) -> Self {
        self.change_mailbox(mailbox.into(), None, Some(Renumber::Forward))
    }

    /// Changes the UIDVALIDITY of a mailbox, and keeps the UIDs: to a number such as `7`, or by an offset such as `+1`
    /// or `-1`.
    ///
    /// # Panics
    /// If the text is neither, or if the login of the mailbox has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(imap::login()).pass().uid_validity("INBOX", "7"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("[UIDVALIDITY 7]"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn uid_validity(self, mailbox: impl Into<Place>, value: &str) -> Self {
        let value = or_panic(fragments::literal(value));
        self.change_mailbox(mailbox.into(), Some(value), None)
    }

    #[track_caller]
    fn change_mailbox(self, mailbox: Place, uid_validity: Option<Literal>, renumber: Option<Renumber>) -> Self {
        let (user, name) = parts(mailbox);
        self.push(MailboxChange { user, name, uid_validity, renumber })
    }
}

#[track_caller]
fn which(Messages { one, place, tell }: Messages) -> (Which, Tell) {
    let Some(place) = place else { return (Which { user: None, mailbox: None, one }, tell) };
    let (user, mailbox) = parts(place);
    (Which { user, mailbox: Some(mailbox), one }, tell)
}

/// The login of the mailbox's account, and the name of the mailbox.
#[track_caller]
pub(super) fn parts(Place { user, mailbox }: Place) -> (Option<Template>, Box<str>) {
    let mut login = None;
    // Not `map`, because a panic in a closure would not name the caller's line.
    if let Some(user) = user {
        login = Some(text(&user));
    }
    (login, mailbox.into())
}
