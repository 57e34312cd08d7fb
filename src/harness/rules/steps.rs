//! Steps for the course of an exchange: passing, replying, waiting, and stalling.

use std::time::Duration;

use super::at::Speaks;
use super::{Rule, Steps, or_panic, pattern, text};
use crate::rule::step::await_line::Await;
use crate::rule::step::pass::{Output, Pass};
use crate::rule::step::raw::Raw;
use crate::rule::step::reply::Reply;
use crate::rule::step::script::ScriptRef;
use crate::rule::step::stall::Stall;
use crate::rule::step::wait::{Span, WaitStep};
use crate::rule::{Template, Timed};
use crate::scenario::ScenarioError;

impl<P, Of> Rule<P, Of> {
    /// Runs the next rule that matches, or else the conforming server, and sends its reply.
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
        self.push(Pass::default())
    }

    /// Sends these octets as they are, without adding a line end: `\r`, `\n`, `\t`, `\\`, `\xff` and `{name}` are
    /// replaced.
    ///
    /// # Panics
    /// If a `\` or a `{` in the text is not valid.
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

    /// Waits for this much server time before the output that follows.
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
        self.push(WaitStep(span.into()))
    }

    /// Waits for a server time between `least` and `most`, which depends on the server's seed.
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
        self.push(WaitStep(Span { least, most }))
    }

    /// Never replies to this request. Later requests get replies.
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

    /// Hands the connection over to a script, written as in a [file](crate::manual::scenarios#scripts). It is the last
    /// step of its rule.
    ///
    /// # Panics
    /// If the script is not valid.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::greeting()).script("S: 220 hello\nC: NOOP {word}\nS: 250 {word}\nPASS"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP again\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.starts_with("220 hello\r\n250 again\r\n221 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn script(self, text: &str) -> Self {
        match ScriptRef::parse(text) {
            Ok(script) => self.push(script),
            Err(problems) => panic!("{}", ScenarioError::new("script", text, problems)),
        }
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

    /// Adds a step as written in a scenario file. Every step of the language can be added like this, including those
    /// without a method.
    ///
    /// # Panics
    /// If the text is not a valid step; with the error that a file would get.
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
}

impl<P: Speaks, Of> Rule<P, Of> {
    /// Sends this line in the form of the protocol: adds CRLF, and IMAP's tag before OK, NO or BAD, and dot-stuffs in
    /// POP3. The request is not performed, unless [`pass`](Self::pass) performs it.
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

    /// Sends a reply of several lines, each like [`reply`](Self::reply).
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
        // A loop, because a panic in a closure would not name the caller's line.
        let mut all = Vec::new();
        for line in lines {
            all.push(text(line));
        }
        self.push(Reply(all))
    }

    /// Like [`pass`](Self::pass), but sends nothing of the reply.
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
        self.push(Pass::from(Output::Discarded))
    }

    /// Like [`pass`](Self::pass), but sends this line instead of the last line of the reply.
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
        self.push(Pass::from(Output::Status(text(status))))
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
        self.push(Await::from(pattern(line)))
    }
    /// Like [`await_line`](Self::await_line). If the line does not match, runs these steps instead of the steps that
    /// follow, and reports no failure.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{imap, steps};
    ///
    /// let server = MailServer::start();
    /// let refused = steps().reply("NO [CANNOT] Not this");
    /// server.mount(on(imap::noop()).reply("+ go").await_line_or("~^yes$", refused).reply("OK Done"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a NOOP\r\nno\r\nb NOOP\r\nyes\r\nc LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("a NO [CANNOT] Not this") && said.contains("b OK Done"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn await_line_or(self, line: &str, otherwise: Steps<P>) -> Self {
        self.push(Await { pattern: pattern(line), otherwise: Some(otherwise.rule.steps.into()) })
    }
}
