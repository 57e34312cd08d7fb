//! One client connection from accept to its end, computed from its records.

use std::net::SocketAddr;

use super::{Ending, ProxiedClient, Tls, TlsFailure};
use crate::base::{Certificate, SessionNo, Timestamp};
use crate::protocol::Listener;
#[cfg(feature = "api")]
use crate::protocol::Unfinished;

/// One client connection from accept to its end, at the time of the call. Returned by [`MailServer::sessions`].
///
/// [`MailServer::sessions`]: crate::MailServer::sessions
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
/// let said = read_to_string(client)?;
/// # assert!(said.contains("221 "));
/// let session = &server.sessions()[0];
/// assert_eq!((session.listener.name(), session.helo.as_deref()), ("smtp", Some("client.example")));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Session {
    /// Its number: `s1`, `s2`… in the order of acceptance.
    pub no: SessionNo,
    /// The listener that accepted it.
    pub listener: Listener,
    /// The client's address. If a proxy told it, with the PROXY protocol or XCLIENT, the address that it told.
    pub peer: SocketAddr,
    /// The proxy's own address, if it told the client's.
    pub proxy: Option<SocketAddr>,
    /// What a proxy told of the client besides its address, login and name in HELO.
    pub proxied: Option<Box<ProxiedClient>>,
    /// When it was accepted.
    pub opened: Timestamp,
    /// What the last TLS handshake negotiated; `None` in cleartext.
    pub tls: Option<Tls>,
    /// Why TLS failed, if it did.
    pub tls_failure: Option<Box<TlsFailure>>,
    /// The client's name in EHLO or HELO.
    pub helo: Option<Box<str>>,
    /// The login, after authentication.
    pub user: Option<Box<str>>,
    /// The SASL mechanism with which it logged in, or the command: `LOGIN` of IMAP, `USER` or `APOP` of POP3. `None` before
    /// a login, or if a rule or XCLIENT logged it in.
    pub mechanism: Option<Box<str>>,
    /// The mailbox that it has selected over IMAP.
    pub mailbox: Option<Box<str>>,
    /// Whether it is in IMAP's IDLE (RFC 2177).
    pub idling: bool,
    /// How many messages were captured from it.
    pub messages: u32,
    /// How many requests were refused.
    pub refused: u64,
    /// The names of the rules that fired in its exchanges, in the order in which they first did.
    pub rules: Vec<String>,
    /// How many of its records are kept.
    #[cfg(feature = "api")]
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) records: usize,
    /// What was received of an incomplete request when it ended.
    #[cfg(feature = "api")]
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) unfinished: Option<Unfinished>,
    /// When and why it ended; `None` while it lasts.
    pub ended: Option<(Timestamp, Ending)>,
}

impl Session {
    /// The server name that the client requested, also if TLS failed.
    pub(crate) fn sni(&self) -> Option<&str> {
        let offered = self.tls_failure.as_ref().and_then(|its| its.offered.as_ref()?.sni.as_deref());
        self.tls.as_ref().and_then(|tls| tls.sni.as_deref()).or(offered)
    }

    /// The certificate that the server presented, also if TLS failed.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        let failed = self.tls_failure.as_ref().and_then(|its| its.certificate);
        self.tls.as_ref().map(|tls| tls.certificate).or(failed)
    }
}
