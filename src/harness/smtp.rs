//! Options for SMTP.

use super::MailServerBuilder;

impl MailServerBuilder {
    /// Whether `submission` and `smtps` refuse senders and recipients whose domain is not fully qualified, such as
    /// `root@localhost`, with 554 (RFC 6409 §4.2). Default: false, because many test suites use such addresses.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().submission_strict(true).submission_requires_auth(false).start();
    ///
    /// let mut client = TcpStream::connect(server.submission().address())?;
    /// client.write_all(b"EHLO client.example\r\nMAIL FROM:<root@localhost>\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("554 5.1.8 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn submission_strict(mut self, is_strict: bool) -> Self {
        self.0.submission_strict = is_strict;
        self
    }
}
