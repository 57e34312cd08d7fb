//! What a relay told with XFORWARD about the client from which it has a message.

use std::net::IpAddr;

/// What a relay, such as Postfix before a content filter, told with XFORWARD about the client from which it has a message.
/// Each is `None` if the relay did not tell it, or told that it is not available.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::Listener;
/// use mailjig::prelude::*;
///
/// let server = MailServer::builder().xclient(Listener::Smtp).start();
/// // A relay sends `XFORWARD NAME=spike.example ADDR=192.0.2.1`.
/// # let mail = "EHLO c\r\nXFORWARD NAME=spike.example ADDR=192.0.2.1\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\n\
/// #     DATA\r\n\r\n.\r\nQUIT\r\n";
/// # let mut client = TcpStream::connect(server.smtp().address())?;
/// # client.write_all(mail.as_bytes())?;
/// # let said = read_to_string(client)?;
/// # assert!(said.contains("queued"), "{said}");
/// let message = &server.messages()[0];
/// let forwarded = message.envelope().forwarded().unwrap();
/// assert_eq!(forwarded.name.as_deref(), Some("spike.example"));
/// assert_eq!(forwarded.address, "192.0.2.1".parse().ok());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Forwarded {
    /// The client's host name (NAME).
    pub name: Option<Box<str>>,
    /// The client's address (ADDR).
    pub address: Option<IpAddr>,
    /// The client's port (PORT).
    pub port: Option<u16>,
    /// The protocol that the client spoke (PROTO), such as `ESMTP`.
    pub protocol: Option<Box<str>>,
    /// The client's name in EHLO or HELO (HELO).
    pub helo: Option<Box<str>>,
    /// The identifier that the relay gave the message (IDENT).
    pub ident: Option<Box<str>>,
    /// `LOCAL` for a message that began at the relay itself, otherwise `REMOTE` (SOURCE).
    pub source: Option<Box<str>>,
}
