//! Steps with effects outside of the exchange: on variables, sessions, capabilities and the journal.

use super::at::Speaks;
use super::{Rule, pattern, text};
use crate::protocol::CapabilityOverride;
use crate::rule::step::caps::Caps;
use crate::rule::step::fail::Fail;
use crate::rule::step::kick::Kick;
use crate::rule::step::note::Note;
use crate::rule::step::set::{Assign, SetStep, Variable};

impl<P> Rule<P> {
    /// Sets a variable: a text, a number, or `+1` or `-1` to count. `session.x` is a variable of the session, any other
    /// name is a variable that all rules share. Conditions use `state.x` and `session.x`.
    ///
    /// # Panics
    /// If the text has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).when("state.phase", "down").reply("421 4.3.2 Down"));
    /// server.mount(on(smtp::rset()).set("phase", "down").pass());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"RSET\r\nNOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("421 4.3.2 Down"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn set(self, variable: &str, value: &str) -> Self {
        let (is_session, name) = match variable.strip_prefix("session.") {
            Some(name) => (true, name),
            None => (false, variable.trim_start_matches("state.")),
        };
        let assign = match value.parse::<i64>() {
            Ok(number) if value.starts_with(['+', '-']) => Assign::Add(number),
            Ok(number) => Assign::Number(number),
            Err(_) => Assign::Text(text(value)),
        };
        self.push(SetStep(vec![(Variable { name: name.into(), is_session }, assign)]))
    }

    /// Ends the sessions of this user, as a pattern, in every protocol.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile.
    ///
    /// ```
    /// # use std::{io::Write, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::mail;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(mail::delivered()).kick("bob@example.org"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\n")?;
    /// server.wait_for_session(matchers::session::user("bob@example.org")).block();
    /// server.deliver("bob@example.org", "Subject: news\r\n\r\n");
    /// server.wait_for_no_session().block();
    /// # drop(client);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn kick(self, user: &str) -> Self {
        self.push(Kick { user: Some(pattern(user)), protocol: None, reply: None })
    }

    /// Writes this text into the journal, where transcripts and reports show it.
    ///
    /// # Panics
    /// If the text has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::helo()).note("an old client").named("old"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"HELO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(!said.is_empty());
    /// assert!(server.transcript().to_string().contains("-- rule `old` notes: an old client"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn note(self, note: &str) -> Self {
        self.push(Note(text(note)))
    }

    /// Reports a mistake of the client: when the server is verified or dropped, the test fails with this text.
    ///
    /// # Panics
    /// If the text has a `{` that is not closed.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::auth_start()).when("tls", "false").fail("the client sent credentials in cleartext"));
    /// server.verify().block();   // passes: the step did not run
    /// ```
    #[track_caller]
    pub fn fail(self, why: &str) -> Self {
        self.push(Fail(text(why)))
    }
}

impl<P: Speaks> Rule<P> {
    /// From now on, this session announces the capabilities in `add`, and no longer those in `remove`.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::greeting()).pass().capabilities(&["X-NEW"], &["PIPELINING"]));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("X-NEW") && !said.contains("PIPELINING"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn capabilities(self, add: &[&str], remove: &[&str]) -> Self {
        let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        self.push(Caps(CapabilityOverride { add: boxed(add), remove: boxed(remove), ..CapabilityOverride::default() }))
    }
}
