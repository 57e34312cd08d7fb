//! What a rule does: it answers, passes, waits, ends the connection, and changes what is around it.

use std::time::Duration;

use super::at::Speaks;
use super::{Rule, or_panic, pattern, text};
use crate::protocol::CapabilityOverride;
use crate::rule::step::await_line::Await;
use crate::rule::step::caps::Caps;
use crate::rule::step::close::CloseMode;
use crate::rule::step::fail::Fail;
use crate::rule::step::kick::Kick;
use crate::rule::step::note::Note;
use crate::rule::step::pass::Pass;
use crate::rule::step::raw::Raw;
use crate::rule::step::read::Reading;
use crate::rule::step::reply::Reply;
use crate::rule::step::set::{Assign, Set, Variable};
use crate::rule::step::stall::Stall;
use crate::rule::step::wait::{Span, Wait};
use crate::rule::{Template, Timed};

impl<P> Rule<P> {
    /// Runs what is inside: the next rule that matches, and in the end the conforming server, whose reply is sent.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).pass().close());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nNOOP\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(said.matches("250 ").count(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pass(self) -> Self {
        self.push(Pass::Loud)
    }

    /// Sends these octets as they are, without a line end of their own: `\r`, `\n`, `\t`, `\\`, `\xff` and `{name}` are
    /// replaced.
    ///
    /// # Panics
    /// If the text has a `\` or a `{` that means nothing.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).raw(r"250 Ok\n"));   // a bare LF
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250 Ok\n221 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn raw(self, octets: &str) -> Self {
        let octets = or_panic(Template::parse_raw(octets).map_err(|why| format!("{octets}: {why}")));
        self.push(Raw(octets))
    }

    /// Lets this much server time pass before what is sent next.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).wait(Duration::from_millis(5)).reply("250 2.0.0 At last"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250 2.0.0 At last"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait(self, span: Duration) -> Self {
        self.push(Wait(span.into()))
    }

    /// Lets server time pass, between `least` and `most`. The length depends on the server's seed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).wait_between(Duration::ZERO, Duration::from_millis(5)));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait_between(self, least: Duration, most: Duration) -> Self {
        self.push(Wait(Span { least, most }))
    }

    /// Never answers this request. Later requests are answered.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).stall());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(!said.contains("250 ") && said.contains("221 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stall(self) -> Self {
        self.push(Stall::Reply)
    }

    /// Sends nothing more in this session. The connection stays open until the client closes it or it is
    /// [kicked](Self::kick).
    ///
    /// ```
    /// # use std::{io::Write, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).stall_connection());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// client.shutdown(std::net::Shutdown::Both)?;
    /// server.wait_for_no_session().block();
    /// assert!(!server.transcript().to_string().contains("S: 221"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stall_connection(self) -> Self {
        self.push(Stall::Conn)
    }

    /// Ends the connection with FIN. Behind a [`cut`](Self::cut) it says how that ends the connection.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).reply("421 4.3.2 Closing").close());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nNOOP\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(said.matches("421 ").count(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn close(self) -> Self {
        self.end(CloseMode::Fin)
    }

    /// Ends the connection with RST: the client's next read or write fails. Behind a [`cut`](Self::cut) it says how that ends
    /// the connection.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).reset());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\n")?;
    /// assert!(read_to_string(client).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reset(self) -> Self {
        self.end(CloseMode::Rst)
    }

    /// Ends the server's side with FIN; what the client still sends is read. Behind a [`cut`](Self::cut) it says how that ends
    /// the connection.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).pass().half_close());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nNOOP\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(said.matches("250 ").count(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn half_close(self) -> Self {
        self.end(CloseMode::Half)
    }

    /// Ends the connection with FIN but without TLS's close_notify (RFC 8446 §6.1): a client must take what it got for
    /// incomplete. Behind a [`cut`](Self::cut) it says how that ends the connection.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// let truncated = server.mount(on(imap::fetch()).cut(100).truncate());
    /// assert_eq!(truncated.hits(), 0);
    /// ```
    pub fn truncate(self) -> Self {
        self.end(CloseMode::TlsNoNotify)
    }

    /// Reads nothing more from the client: its writes block when the kernel's buffers are full.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let deaf = server.mount(on(smtp::data()).pass().stop_reading());
    /// assert_eq!(deaf.hits(), 0);
    /// ```
    pub fn stop_reading(self) -> Self {
        self.push(Reading::Stop)
    }

    /// Reads little at a time from now on.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).pass().read_slowly());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("221 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn read_slowly(self) -> Self {
        self.push(Reading::Slow)
    }

    /// Gives a variable a value: a text, a number, or `+1` or `-1` to count. `session.x` is a variable of the session, any other
    /// name one of the server. Conditions ask for it as `state.x` and `session.x`.
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
        self.push(Set(vec![(Variable { name: name.into(), is_session }, assign)]))
    }

    /// Ends the sessions of this user, by a pattern, of every protocol.
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

    /// Marks a mistake of the client: when the server is verified or dropped, the test fails with this text.
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
    /// server.verify().block();   // it did not
    /// ```
    #[track_caller]
    pub fn fail(self, why: &str) -> Self {
        self.push(Fail(text(why)))
    }

    /// Adds a step as a scenario file writes it. Every step of the language can be written like this, also those that
    /// have no method here.
    ///
    /// # Panics
    /// If the text is not one step; with the error that a file would get.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).step("edit = { find = 'Ok', replace = 'Fine' }"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// assert!(read_to_string(client)?.contains("250 2.0.0 Fine\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn step(mut self, written: &str) -> Self {
        self.rule.steps.push(or_panic(Timed::parse(written)));
        self
    }

    fn end(mut self, close_mode: CloseMode) -> Self {
        if let Some(timed) = self.rule.steps.last_mut()
            && let Some(step) = timed.step.with_end(close_mode)
        {
            timed.step = step;
            return self;
        }
        self.push(close_mode)
    }
}

impl<P: Speaks> Rule<P> {
    /// Sends this line in the protocol's own form: CRLF is added, IMAP's tag where the line begins with OK, NO or BAD, and
    /// POP3's dots are stuffed. What the client asked for does not happen, unless [`pass`](Self::pass) runs it.
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
    /// server.mount(on(smtp::noop()).reply("450 4.3.2 Busy"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("\r\n450 4.3.2 Busy\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn reply(self, line: &str) -> Self {
        self.push(Reply(vec![text(line)]))
    }

    /// Sends a reply of several lines, each as [`reply`](Self::reply) does.
    ///
    /// # Panics
    /// If a line has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).reply_lines(["250-First", "250 Second"]));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250-First\r\n250 Second\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn reply_lines<'l>(self, lines: impl IntoIterator<Item = &'l str>) -> Self {
        // A closure would hide the caller's line.
        let mut all = Vec::new();
        for line in lines {
            all.push(text(line));
        }
        self.push(Reply(all))
    }

    /// Runs what is inside and sends nothing of its reply.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).pass_silently().reply("250 2.0.0 Later"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250 2.0.0 Later"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pass_silently(self) -> Self {
        self.push(Pass::Silent)
    }

    /// Runs what is inside, and sends this line in the place of the last line of its reply.
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
    /// server.mount(on(smtp::message()).pass_with("451 4.3.0 Lost the result"));   // the message is delivered
    ///
    /// let mail = "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n";
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(mail.as_bytes())?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("451 4.3.0 Lost the result"));
    /// assert_eq!(server.messages().len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn pass_with(self, status: &str) -> Self {
        self.push(Pass::Status(text(status)))
    }

    /// Reads the client's next line. If it does not match this pattern, verification fails.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).reply("334 Name?").await_line("bob").reply("250 2.0.0 Hello"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nbob\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("334 Name?\r\n250 2.0.0 Hello\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn await_line(self, line: &str) -> Self {
        self.push(Await(pattern(line)))
    }

    /// Changes the capabilities of this session from now on: announces those in `add`, and no longer those in `remove`.
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
