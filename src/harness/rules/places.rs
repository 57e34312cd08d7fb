//! What the steps of a rule act on: a mailbox, messages of a mailbox, sessions.

use crate::protocol::Protocol;
use crate::rule::step::{One, Tell};

/// A mailbox: of the session's account by its name, or of another account.
///
/// ```
/// # use std::time::Duration;
/// use mailjig::prelude::*;
/// use mailjig::rules::{Place, imap, timer};
///
/// let server = MailServer::start();
/// server.mount(on(imap::noop()).pass().renumber("INBOX"));   // of the client
/// server.mount(on(timer()).at(Duration::from_secs(60)).renumber(Place::of("bob@example.org", "INBOX")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(super) user: Option<String>,
    pub(super) mailbox: String,
}

impl Place {
    /// A mailbox of this account. In the login, `{name}` is replaced by the event's field of that name.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Place, smtp};
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::mail()).pass().renumber(Place::of("{from}", "Sent")));
    /// ```
    pub fn of(login: &str, mailbox: &str) -> Self {
        Self { user: Some(login.to_owned()), mailbox: mailbox.to_owned() }
    }
}

impl From<&str> for Place {
    fn from(mailbox: &str) -> Self {
        Self { user: None, mailbox: mailbox.to_owned() }
    }
}

/// Messages of a mailbox, for [`expunge`](super::Rule::expunge) and [`flag`](super::Rule::flag), and when the session
/// is told of the change. A number is the message sequence number (RFC 3501 §2.3.1.2) in the selected mailbox.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
/// use mailjig::rules::{Messages, imap};
///
/// let server = MailServer::start();
/// server.account("bob@example.org").inbox().generate(2);
/// server.mount(on(imap::noop()).expunge(Messages::uid(2)));
///
/// let mut client = TcpStream::connect(server.imap().address())?;
/// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc NOOP\r\nd LOGOUT\r\n")?;
/// let said = read_to_string(client)?;
/// assert!(said.contains("* 2 EXPUNGE"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    pub(super) one: One,
    pub(super) place: Option<Place>,
    pub(super) tell: Tell,
}

impl Messages {
    /// The message with this UID.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Messages, imap};
    ///
    /// let server = MailServer::start();
    /// server.mount(on(imap::idle()).expunge(Messages::uid(7)));
    /// ```
    pub fn uid(uid: u32) -> Self {
        One::Uid(uid).into()
    }

    /// The message with this message sequence number.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Messages, imap};
    ///
    /// let server = MailServer::start();
    /// server.mount(on(imap::fetch()).expunge(Messages::msn(1).tell_now()));
    /// ```
    pub fn msn(msn: u32) -> Self {
        One::Msn(msn).into()
    }

    /// All messages.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Messages, pop3};
    ///
    /// let server = MailServer::start();
    /// server.mount(on(pop3::pass()).expunge(Messages::all().mailbox("INBOX")));
    /// ```
    pub fn all() -> Self {
        One::All.into()
    }

    /// In this mailbox instead of the selected one.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Messages, Place, smtp};
    ///
    /// let server = MailServer::start();
    /// let sent = Messages::msn(1).mailbox(Place::of("bob@example.org", "Sent"));
    /// server.mount(on(smtp::message()).pass().flag(sent, &[r"\Answered"], &[]));
    /// ```
    pub fn mailbox(mut self, mailbox: impl Into<Place>) -> Self {
        self.place = Some(mailbox.into());
        self
    }

    /// Tells the session at once, even where RFC 3501 §7.4.1 forbids it. Default: when the protocol allows it.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Messages, imap};
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(2);
    /// server.mount(on(imap::fetch()).expunge(Messages::msn(1).tell_now()));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc FETCH 1:2 UID\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("* 1 EXPUNGE"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn tell_now(mut self) -> Self {
        self.tell = Tell::Now;
        self
    }

    /// Never tells the session: its view differs from the mailbox until it selects the mailbox again.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Messages, imap};
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(2);
    /// server.mount(on(imap::noop()).expunge(Messages::msn(1).tell_never()));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc NOOP\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(!said.contains("EXPUNGE"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn tell_never(mut self) -> Self {
        self.tell = Tell::Never;
        self
    }
}

impl From<One> for Messages {
    fn from(one: One) -> Self {
        Self { one, place: None, tell: Tell::Legal }
    }
}

impl From<u32> for Messages {
    fn from(msn: u32) -> Self {
        Self::msn(msn)
    }
}

/// Sessions to [`kick`](super::Rule::kick): those of a user, by a pattern, or of a protocol.
///
/// ```
/// use mailjig::Protocol;
/// use mailjig::prelude::*;
/// use mailjig::rules::{Sessions, smtp};
///
/// let server = MailServer::start();
/// server.mount(on(smtp::message()).kick("bob@example.org"));   // every session of this user
/// server.mount(on(smtp::message()).kick(Sessions::all().user("*@example.org").protocol(Protocol::Pop3)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sessions {
    pub(super) user: Option<String>,
    pub(super) protocol: Option<Protocol>,
}

impl Sessions {
    /// All sessions.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Sessions, smtp};
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).kick(Sessions::all()));
    /// ```
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those that are logged in as this user, by a pattern.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Sessions, smtp};
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).kick(Sessions::all().user("*@example.org")));
    /// ```
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Only those of this protocol.
    ///
    /// ```
    /// use mailjig::Protocol;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Sessions, smtp};
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).kick(Sessions::all().protocol(Protocol::Imap)));
    /// ```
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }
}

impl From<&str> for Sessions {
    fn from(user: &str) -> Self {
        Self::all().user(user)
    }
}
