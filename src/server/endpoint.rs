//! What a client needs to reach a listener.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Settings;
use crate::base::Live;
use crate::protocol::{Listener, StartTls};

/// What a client needs to reach a listener: host, port, URL; whether it must use STARTTLS and log in.
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let smtp = server.smtp();
/// assert_eq!(smtp.url(), format!("smtp://{}:{}", smtp.host(), smtp.port()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    listener: Listener,
    address: SocketAddr,
    host: String,
    url: String,
    starttls: Live<Option<StartTls>>,
    requires_login: bool,
    is_bound_to_all: bool,
}

impl Endpoint {
    pub(super) fn new(
        listener: Listener,
        bound: SocketAddr,
        settings: &Settings,
        starttls: Live<Option<StartTls>>,
    ) -> Self {
        let address = reachable(bound);
        let url = format!("{}://{address}", listener.scheme());
        Self {
            listener,
            address,
            host: address.ip().to_string(),
            url,
            starttls,
            requires_login: settings.requires_login(listener),
            is_bound_to_all: bound.ip().is_unspecified(),
        }
    }

    /// Its listener.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.imap().listener(), mailjig::Listener::Imap);
    /// ```
    pub fn listener(&self) -> Listener {
        self.listener
    }

    /// The address to connect to; the loopback address if the listener is bound to all.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(std::net::TcpStream::connect(server.smtp().address()).is_ok());
    /// ```
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The host to connect to, such as `127.0.0.1`. The server's certificate is valid for it, and for `localhost`.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.smtp().host(), "127.0.0.1");
    /// ```
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.smtp().port(), server.smtp().address().port());
    /// ```
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL that client libraries take, as `smtp://127.0.0.1:40913`.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.pop3s().url().starts_with("pop3s://127.0.0.1:"));
    /// ```
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the listener treats STARTTLS in new sessions; `None` if TLS begins with the first octet. A scenario can change it.
    ///
    /// ```
    /// use mailjig::StartTls;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.submission().starttls(), Some(StartTls::BeforeLogin));
    /// ```
    pub fn starttls(&self) -> Option<StartTls> {
        self.starttls.get()
    }

    /// Whether a client must log in before it sends or reads mail.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.submission().requires_login() && !server.smtp().requires_login());
    /// ```
    pub fn requires_login(&self) -> bool {
        self.requires_login
    }

    /// Whether the listener is bound to all addresses of the machine.
    #[cfg(feature = "api")]
    pub(crate) fn is_bound_to_all(&self) -> bool {
        self.is_bound_to_all
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// The address at which a client on this machine reaches a socket; the loopback address if it is bound to all
/// addresses.
pub(crate) fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, bound.port())
}
