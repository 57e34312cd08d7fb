//! Steps that change the output: how it is split, paced, cut and edited.

use std::time::Duration;

use super::{Rule, pattern, text};
use crate::rule::Pace;
use crate::rule::step::close::CloseMode;
use crate::rule::step::cut::{Cut, CutPoint};
use crate::rule::step::edit::Edit;
use crate::rule::step::eol::Eol;
use crate::rule::step::hold::Hold;
use crate::rule::step::pad::Pad;
use crate::rule::step::split::Split;

impl<P, Of> Rule<P, Of> {
    /// Sends the output in chunks of this many octets, with a gap of server time between two chunks. A chunk of 0
    /// counts as 1.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).pace(1, Duration::from_micros(100)));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250 "));   // the same octets, one at a time
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pace(self, chunk: usize, gap: Duration) -> Self {
        self.push(Pace { chunk: chunk.max(1), gap })
    }

    /// Ends a TCP segment after each of these octets of the output: each piece is written to the socket separately.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::ehlo()).split([3, 4]));   // "250", "-", the rest
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250-"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn split(self, at: impl IntoIterator<Item = usize>) -> Self {
        self.push(Split(at.into_iter().collect()))
    }

    /// Sends the output of the steps that follow, including `pass`, in one write at the end of the rule.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).hold().pass().reply("421 4.4.2 Idle timeout").close());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.ends_with("\r\n421 4.4.2 Idle timeout\r\n"));   // in one segment with the 250
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn hold(self) -> Self {
        self.push(Hold)
    }

    /// Ends the connection after this many octets of the output: with FIN, unless [`reset`](Self::reset),
    /// [`half_close`](Self::half_close) or [`truncate`](Self::truncate) follows.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).cut(5));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.ends_with("\r\n250 2"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cut(self, at: u64) -> Self {
        self.push(Cut { place: CutPoint::At(at), end: CloseMode::Fin })
    }

    /// Ends the connection before the first match of this pattern in the output, in the same way as [`cut`](Self::cut).
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
    /// server.mount(on(smtp::ehlo()).cut_before("SIZE"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.ends_with("250-") && !said.contains("SIZE"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn cut_before(self, found: &str) -> Self {
        self.push(Cut { place: CutPoint::Before(pattern(found)), end: CloseMode::Fin })
    }

    /// Ends each line of the output with a bare LF instead of CRLF.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::ehlo()).eol_lf());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250-localhost\n") && !said.contains("250-localhost\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn eol_lf(self) -> Self {
        self.push(Eol::Lf)
    }

    /// Ends each line of the output with a bare CR instead of CRLF.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::ehlo()).eol_cr());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250-localhost\r250-"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn eol_cr(self) -> Self {
        self.push(Eol::Cr)
    }

    /// Sends the lines of the output without line ends.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).eol_none());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("Ok221 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn eol_none(self) -> Self {
        self.push(Eol::None)
    }

    /// Replaces each match of this pattern in the lines of the output by this text.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile, or the text has a `{` that is not closed.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::greeting()).edit("ESMTP", "SMTP"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"QUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.starts_with("220 localhost SMTP"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn edit(self, find: &str, replace: &str) -> Self {
        self.push(Edit::Replace { find: pattern(find), with: text(replace) })
    }

    /// Drops each line of the output with a match of this pattern.
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
    /// server.mount(on(smtp::ehlo()).drop_lines("PIPELINING"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(!said.contains("PIPELINING"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn drop_lines(self, find: &str) -> Self {
        self.push(Edit::DropFound(pattern(find)))
    }

    /// Drops one line of the output, counted from 1.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::ehlo()).drop_line(1));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(!said.contains("250-localhost"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn drop_line(self, line: usize) -> Self {
        self.push(Edit::Drop(line))
    }

    /// Sends one line of the output twice, counted from 1.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).double_line(1));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(said.matches("250 ").count(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn double_line(self, line: usize) -> Self {
        self.push(Edit::Duplicate(line))
    }

    /// Inserts a line after this line of the output, counted from 1.
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
    /// server.mount(on(smtp::ehlo()).insert_below(1, "250-X-UNKNOWN 7"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250-localhost\r\n250-X-UNKNOWN 7\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn insert_below(self, line: usize, more: &str) -> Self {
        self.push(Edit::Insert { below: line, text: text(more) })
    }

    /// Extends a line of the output, counted from 1, to `to` octets without its line end.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).pad(1, 600));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.lines().any(|line| line.len() == 600));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn pad(self, line: usize, to: usize) -> Self {
        self.push(Pad { line, to })
    }
}
