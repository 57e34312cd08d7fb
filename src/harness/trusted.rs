//! Options for listeners behind a proxy.

use super::MailServerBuilder;
use crate::protocol::Listener;

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
}
