//! Options for listeners that trust their clients, and for vulnerable servers.

use super::{MailServerBuilder, or_panic};
use crate::protocol::{Leniency, Listener, Protocol};

impl MailServerBuilder {
    /// Connections to this listener begin with a header of the PROXY protocol, version 1 or 2, before the greeting and
    /// before implicit TLS. [`Session::peer`](crate::Session::peer), the condition `ip` of rules and the transcript then have
    /// the client's address as the proxy told it. A connection without a valid header is closed. Default: none of the
    /// listeners.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::Listener;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().proxy_protocol(Listener::Smtp).start();
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"PROXY TCP4 192.0.2.1 192.0.2.9 4242 25\r\nQUIT\r\n")?;
    /// # assert!(read_to_string(&client)?.contains("221 "));
    /// server.settled().block();
    /// let session = &server.sessions()[0];
    /// assert_eq!(session.peer.to_string(), "192.0.2.1:4242");
    /// assert_eq!(session.proxy, client.local_addr().ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn proxy_protocol(mut self, listener: Listener) -> Self {
        self.0.proxy_protocol.insert(listener);
        self
    }
    /// This listener of SMTP announces and accepts XCLIENT and XFORWARD, with which a client tells for whom it speaks, as
    /// Postfix does. Default: none of the listeners.
    ///
    /// # Panics
    /// If the listener does not speak SMTP.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::Listener;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().xclient(Listener::Smtp).start();
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO proxy.example\r\nXCLIENT ADDR=192.0.2.1 LOGIN=bob@example.org\r\nQUIT\r\n")?;
    /// # assert!(read_to_string(client)?.contains("221 "));
    /// server.settled().block();
    /// let session = &server.sessions()[0];
    /// assert_eq!(session.peer.ip().to_string(), "192.0.2.1");
    /// assert_eq!(session.user.as_deref(), Some("bob@example.org"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn xclient(mut self, listener: Listener) -> Self {
        self.0.trust_xclient(listener);
        self
    }
    /// Makes the server accept what a vulnerable one does: see [`Leniency`]. Default: nothing of it.
    ///
    /// # Panics
    /// If the protocol cannot have it: IMAP and POP3 have only [`Leniency::StarttlsInjection`].
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::{Leniency, Protocol};
    ///
    /// let server = MailServer::builder().lenient(Protocol::Smtp, Leniency::LfDotLf).start();
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nhello\n.\nQUIT\r\n")?;
    /// # assert!(read_to_string(client)?.contains("221 "));
    /// assert_eq!(server.messages().len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn lenient(mut self, protocol: Protocol, leniency: Leniency) -> Self {
        or_panic(self.0.lenient.add(protocol, leniency));
        self
    }
}
