//! Conditions and steps for the events of IMAP.

use super::at::{Fetch, Imap};
use super::{Rule, pattern, text};
use crate::rule::step::Literal;
use crate::rule::step::data::DataStep;

impl Rule<Imap> {
    /// Adds a condition: the mailbox in the command, as a pattern.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(imap::select()).mailbox("Archive").reply("NO [NOPERM] Not yours"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT Archive\r\nc LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("b NO [NOPERM] Not yours"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn mailbox(self, mailbox: &str) -> Self {
        self.when("mailbox", mailbox)
    }
}

impl<Of> Rule<Imap, Of> {
    /// Replaces the value of a response code (RFC 3501 §7.1) of the reply.
    ///
    /// # Panics
    /// If the value has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(imap::select()).code("UIDVALIDITY", "7"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("[UIDVALIDITY 7]"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn code(self, name: &str, value: &str) -> Self {
        self.push(DataStep::Code { name: name.into(), value: Some(text(value)) })
    }

    /// Drops a response code (RFC 3501 §7.1) from the reply.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(imap::select()).drop_code("UIDVALIDITY"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(!said.contains("UIDVALIDITY"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn drop_code(self, name: &str) -> Self {
        self.push(DataStep::Code { name: name.into(), value: None })
    }
}

impl<Of> Rule<Fetch, Of> {
    /// Replaces the value of an item of the FETCH response. The name is a pattern, such as `FLAGS` or `BODY*`.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile, or the value has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(1);
    /// server.mount(on(imap::fetch()).item("FLAGS", r"(\Seen)"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc FETCH 1 FLAGS\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains(r"* 1 FETCH (FLAGS (\Seen))"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn item(self, name: &str, value: &str) -> Self {
        self.push(DataStep::Item { name: pattern(name), value: Some(text(value)) })
    }

    /// Drops an item of the FETCH response. The name is a pattern.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(1);
    /// server.mount(on(imap::fetch()).drop_item("FLAGS"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc FETCH 1 (UID FLAGS)\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("* 1 FETCH (UID 1)"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn drop_item(self, name: &str) -> Self {
        self.push(DataStep::Item { name: pattern(name), value: None })
    }

    /// Puts the items of the FETCH response in this order. The items that are not named come last. The names are patterns.
    ///
    /// # Panics
    /// If a pattern is a regular expression that does not compile.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.account("bob@example.org").inbox().generate(1);
    /// server.mount(on(imap::fetch()).order_items(["RFC822.SIZE", "FLAGS"]));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc UID FETCH 1 FLAGS\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains(r"* 1 FETCH (FLAGS (\Recent) UID 1)"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn order_items<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.push(DataStep::Order(names.into_iter().map(pattern).collect()))
    }

    /// Changes the announced size of literals (RFC 3501 §4.3) by this many octets.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// inbox.add("Subject: x\r\n\r\nhi");
    /// server.mount(on(imap::fetch()).literal_off_by(1));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc FETCH 1 BODY[TEXT]\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("{3}\r\nhi)"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn literal_off_by(self, octets: i64) -> Self {
        self.push(DataStep::Literal(Literal::Off(octets)))
    }

    /// Announces this size for each literal (RFC 3501 §4.3), whatever its length.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// let inbox = server.account("bob@example.org").inbox();
    /// inbox.add("Subject: x\r\n\r\nhi");
    /// server.mount(on(imap::fetch()).literal_of(4096));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc FETCH 1 BODY[TEXT]\r\nd LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("{4096}\r\nhi)"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn literal_of(self, octets: u64) -> Self {
        self.push(DataStep::Literal(Literal::Exactly(octets)))
    }
}
