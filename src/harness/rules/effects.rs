//! Steps with effects outside of the exchange: on variables, sessions, capabilities and the journal.

use std::time::Duration;

use super::at::Speaks;
use super::{Rule, Sessions, pattern, text};
use crate::mail::TokenChange;
use crate::protocol::CapabilityOverride;
use crate::rule::Template;
use crate::rule::step::caps::Caps;
use crate::rule::step::fail::Fail;
use crate::rule::step::kick::Kick;
use crate::rule::step::listen::Listen;
use crate::rule::step::note::Note;
use crate::rule::step::set::{Assign, SetStep, Variable};
use crate::rule::step::token::TokenStep;

impl<P, Of> Rule<P, Of> {
    /// Sets a variable: a text, a number, `true` or `false`, or `+1` or `-1` to count. `session.x` is a variable of the session, any other
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
            Err(_) => match value.parse::<bool>() {
                Ok(truth) => Assign::Truth(truth),
                Err(_) => Assign::Text(text(value)),
            },
        };
        self.push(SetStep(vec![(Variable { name: name.into(), is_session }, assign)]))
    }

    /// Ends sessions: those of this user, as a pattern, in every protocol, or [`Sessions`].
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
    pub fn kick(self, sessions: impl Into<Sessions>) -> Self {
        self.kick_sessions(sessions.into(), None)
    }

    /// Like [`kick`](Self::kick), and sends this line first.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile, or the line has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::Protocol;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{Sessions, mail};
    ///
    /// let server = MailServer::start();
    /// let imap = Sessions::all().protocol(Protocol::Imap);
    /// server.mount(on(mail::delivered()).kick_with(imap, "* BYE Server shutting down"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\n")?;
    /// server.wait_for_session(matchers::session::user("bob@example.org")).block();
    /// server.deliver("bob@example.org", "Subject: news\r\n\r\n");
    /// assert!(read_to_string(client)?.ends_with("* BYE Server shutting down\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn kick_with(self, sessions: impl Into<Sessions>, line: &str) -> Self {
        self.kick_sessions(sessions.into(), Some(text(line)))
    }

    #[track_caller]
    fn kick_sessions(self, Sessions { user, protocol }: Sessions, reply: Option<Template>) -> Self {
        let mut pattern_of_user = None;
        // Not `map`, because a panic in a closure would not name the caller's line.
        if let Some(user) = user {
            pattern_of_user = Some(pattern(&user));
        }
        self.push(Kick { user: pattern_of_user, protocol, reply })
    }

    /// Closes all listeners of the server for this time: connections are refused. Open sessions continue.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.clock().pause();
    /// server.mount(on(smtp::quit()).stop_listening(Duration::from_secs(60)));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"QUIT\r\n")?;
    /// # assert!(read_to_string(client)?.contains("221 "));
    /// server.clock().advance(Duration::from_secs(60));
    /// assert!(TcpStream::connect(server.smtp().address()).is_ok());   // refused until then
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop_listening(self, span: Duration) -> Self {
        self.push(Listen { down: span })
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

impl<P: Speaks, Of> Rule<P, Of> {
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

    /// From now on, this session announces these capabilities and no others.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::pop3;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(pop3::greeting()).pass().set_capabilities(&["TOP", "X-NEW"]));
    ///
    /// let mut client = TcpStream::connect(server.pop3().address())?;
    /// client.write_all(b"CAPA\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("\r\nTOP\r\nX-NEW\r\n.\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_capabilities(self, names: &[&str]) -> Self {
        let set = names.iter().map(|name| Box::from(*name)).collect();
        self.push(Caps(CapabilityOverride { set: Some(set), ..CapabilityOverride::default() }))
    }

    /// Lets an access token expire: the one in a login, at an event `auth`, otherwise all tokens of the session's user. The
    /// server then refuses logins with it as it does by itself.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::builder().account("ann", "secret").access_tokens("ann", &["tok-1"]).start();
    /// let token = server.account("ann").token("tok-1");
    /// server.mount(on(smtp::auth()).expire_token());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// // user=ann ^A auth=Bearer tok-1 ^A ^A
    /// client.write_all(b"EHLO me\r\nAUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rLTEBAQ==\r\n\r\nQUIT\r\n")?;
    /// read_to_string(client)?;
    /// assert!(!token.is_valid());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn expire_token(self) -> Self {
        self.push(TokenStep(TokenChange::Expire))
    }

    /// Revokes an access token: the one in a login, at an event `auth`, otherwise all tokens of the session's user.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::builder().account("ann", "secret").access_tokens("ann", &["tok-1"]).start();
    /// let token = server.account("ann").token("tok-1");
    /// server.mount(on(smtp::auth()).revoke_token());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// // user=ann ^A auth=Bearer tok-1 ^A ^A
    /// client.write_all(b"EHLO me\r\nAUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rLTEBAQ==\r\n\r\nQUIT\r\n")?;
    /// read_to_string(client)?;
    /// assert!(!token.is_valid());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn revoke_token(self) -> Self {
        self.push(TokenStep(TokenChange::Revoke))
    }

    /// Makes an access token valid again: the one in a login, at an event `auth`, otherwise all tokens of the session's
    /// user.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::builder().account("ann", "secret").access_tokens("ann", &["tok-1"]).start();
    /// let token = server.account("ann").token("tok-1");
    /// token.revoke();
    /// server.mount(on(smtp::auth()).restore_token());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// // user=ann ^A auth=Bearer tok-1 ^A ^A
    /// client.write_all(b"EHLO me\r\nAUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rLTEBAQ==\r\n\r\nQUIT\r\n")?;
    /// read_to_string(client)?;
    /// assert!(token.is_valid());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn restore_token(self) -> Self {
        self.push(TokenStep(TokenChange::Restore))
    }
}
