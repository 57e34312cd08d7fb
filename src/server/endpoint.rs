//! What a client needs to reach a listener.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Settings;
use crate::protocol::StartTls;

/// The listeners a server can have: each a protocol and a way to TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Listener {
    /// SMTP as one server speaks it to another; STARTTLS when the client wants it (RFC 5321, RFC 3207).
    Smtp,
    /// SMTP as a mail program speaks it: STARTTLS, then a login, then mail (RFC 6409).
    Submission,
    /// Submission with TLS from the first octet (RFC 8314 §3.3).
    Smtps,
    /// IMAP; STARTTLS when the client wants it (RFC 3501).
    Imap,
    /// IMAP with TLS from the first octet (RFC 8314 §3.2).
    Imaps,
    /// POP3; STLS when the client wants it (RFC 1939, RFC 2595 §4).
    Pop3,
    /// POP3 with TLS from the first octet (RFC 8314 §3.1).
    Pop3s,
}

impl Listener {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Smtp, Self::Submission, Self::Smtps, Self::Imap, Self::Imaps, Self::Pop3, Self::Pop3s];

    /// Its name in options, reports and transcripts: `smtp`, `submission`, `imaps`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Smtps => "smtps",
            Self::Imap => "imap",
            Self::Imaps => "imaps",
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
        }
    }

    /// The port it has when `mailjig serve` is not told otherwise.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Smtp => 1025,
            Self::Submission => 1587,
            Self::Smtps => 1465,
            Self::Imap => 1143,
            Self::Imaps => 1993,
            Self::Pop3 => 1110,
            Self::Pop3s => 1995,
        }
    }

    /// Whether TLS begins with the first octet.
    pub fn implicit_tls(self) -> bool {
        matches!(self, Self::Smtps | Self::Imaps | Self::Pop3s)
    }

    /// The scheme of its URL.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Submission => "smtp",
            other => other.name(),
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a client needs to reach a listener: host, port, URL; whether it must use STARTTLS and log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    listener: Listener,
    address: SocketAddr,
    host: String,
    url: String,
    starttls: Option<StartTls>,
    requires_login: bool,
}

impl Endpoint {
    pub(crate) fn new(listener: Listener, bound: SocketAddr, settings: &Settings) -> Self {
        let address = reachable(bound);
        let url = format!("{}://{address}", listener.scheme());
        Self {
            listener,
            address,
            host: address.ip().to_string(),
            url,
            starttls: settings.starttls(listener),
            requires_login: settings.requires_login(listener),
        }
    }

    /// Which listener this is.
    pub fn listener(&self) -> Listener {
        self.listener
    }

    /// The address to connect to; the loopback address where the listener is bound to all.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The host to connect to, as `127.0.0.1`. The server's certificate is valid for it, and for `localhost`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What client libraries take, as `smtp://127.0.0.1:40913`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the listener says about STARTTLS; none where TLS begins with the first octet.
    pub fn starttls(&self) -> Option<StartTls> {
        self.starttls
    }

    /// Whether a client must log in before it sends or reads mail.
    pub fn requires_login(&self) -> bool {
        self.requires_login
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Endpoint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut endpoint = serializer.serialize_struct("Endpoint", 6)?;
        endpoint.serialize_field("host", &self.host)?;
        endpoint.serialize_field("port", &self.port())?;
        endpoint.serialize_field("url", &self.url)?;
        endpoint.serialize_field("implicit_tls", &self.listener.implicit_tls())?;
        endpoint.serialize_field("starttls", &self.starttls.map(StartTls::name))?;
        endpoint.serialize_field("login_required", &self.requires_login)?;
        endpoint.end()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Where a client of this machine reaches a socket; the loopback address where it is bound to all.
pub(crate) fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}
