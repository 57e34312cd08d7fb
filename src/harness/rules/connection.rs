//! How a rule ends the connection, and how the server reads from it.

use super::Rule;
use crate::rule::step::close::CloseMode;
use crate::rule::step::read::Reading;

impl<P, Of> Rule<P, Of> {
    /// Ends the connection with FIN. After a [`cut`](Self::cut), sets how the cut ends the connection.
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

    /// Ends the connection with RST: the client's next read or write fails. After a [`cut`](Self::cut), sets how the
    /// cut ends the connection.
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

    /// Ends the server's side with FIN, and continues to read what the client sends. After a [`cut`](Self::cut), sets
    /// how the cut ends the connection.
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

    /// Ends the connection with FIN but without TLS's close_notify (RFC 8446 §6.1): a client must treat what it
    /// received as incomplete. After a [`cut`](Self::cut), sets how the cut ends the connection.
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

    /// From now on reads only a few octets at a time.
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
