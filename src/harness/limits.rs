//! Options for a server's limits: sizes, counts and timeouts.

use std::time::Duration;

use super::MailServerBuilder;

impl MailServerBuilder {
    /// Maximum size of a message over SMTP and IMAP in octets, announced as SIZE (RFC 1870). Default: 26,214,400.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().max_message_size(1_000_000).start();
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("SIZE 1000000\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn max_message_size(mut self, octets: u64) -> Self {
        self.0.limits.smtp.message = octets;
        self.0.limits.imap.message = octets;
        self
    }

    /// Maximum number of recipients of a message. Default: 1,000. The next RCPT is refused with 452 (RFC 5321
    /// §4.5.3.1.10).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().max_recipients(1).start();
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<c@b.example>\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("452 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn max_recipients(mut self, count: usize) -> Self {
        self.0.limits.smtp.recipients = count;
        self
    }

    /// Maximum length of an SMTP command line in octets, including CRLF. Default: 2,048. A longer line is refused with
    /// 500. The lines of a login may have 12,288 octets in any case.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().max_line_length(512).start();
    ///
    /// let line = format!("NOOP {}\r\nQUIT\r\n", "x".repeat(1000));
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(line.as_bytes())?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("500 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn max_line_length(mut self, octets: usize) -> Self {
        self.0.limits.smtp.line = octets;
        self
    }

    /// Maximum size of an IMAP command with its literals in octets, without a message that it appends. Default: 65,536.
    /// A longer command is refused with BAD.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().max_command_size(1000).start();
    ///
    /// let line = format!("a LOGIN {} x\r\nb LOGOUT\r\n", "x".repeat(2000));
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(line.as_bytes())?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("BAD"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn max_command_size(mut self, octets: usize) -> Self {
        self.0.limits.imap.command = octets;
        self
    }

    /// Maximum number of sessions at the same time. Default: 10,000. A further client is greeted with 421, or the
    /// refusal of its protocol.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().max_sessions(0).start();
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"QUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.starts_with("421 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn max_sessions(mut self, count: usize) -> Self {
        self.0.limits.sessions = count;
        self
    }

    /// How long a client may be silent, in server time, before the server ends the session. Default: 5 minutes over
    /// SMTP (RFC 5321 §4.5.3.2.7), 30 over IMAP (RFC 3501 §5.4), 10 over POP3 (RFC 1939 §3).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mailjig::matchers::session;
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().manual_clock().idle_timeout(Duration::from_secs(60)).start();
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\n")?;
    /// # server.wait_for_session(session::open()).block();
    /// server.settled().block();
    /// server.clock().advance(Duration::from_secs(60));
    /// assert!(read_to_string(client)?.contains("421 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.0.limits.idle(time);
        self
    }

    /// How long a client may leave pending output unread, in server time, before the server ends the session. The time
    /// restarts whenever some output is sent. Default: 5 minutes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().write_timeout(Duration::from_secs(60)).start();
    /// # assert!(server.smtp().port() > 0);
    /// ```
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.0.limits.write = time;
        self
    }

    /// How long a TLS handshake may take, in real time. Default: 30 seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().handshake_timeout(Duration::from_secs(5)).start();
    /// # assert!(server.smtp().port() > 0);
    /// ```
    pub fn handshake_timeout(mut self, time: Duration) -> Self {
        self.0.limits.handshake = time;
        self
    }
}
