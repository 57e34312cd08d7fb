//! What a client needs to reach a listener.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Settings;
use crate::protocol::{Listener, StartTls};

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
