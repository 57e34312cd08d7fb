//! The fields that conditions and templates can use of a TLS handshake.

use crate::base::Certificate;
use crate::protocol::Event;

/// What is known of a TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum HandshakeField {
    Alert,
    Alpn,
    /// The names of the client's certificate.
    Cert,
    Cipher,
    Group,
    Resumed,
    ServerCert,
    Sni,
    Version,
}

impl HandshakeField {
    /// All the values that it can have, if they can be listed.
    pub(super) fn values(self) -> Option<Vec<String>> {
        match self {
            Self::ServerCert => Some(Certificate::ALL.iter().map(|its| its.name().to_owned()).collect()),
            Self::Version => Some(["SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"].map(str::to_owned).to_vec()),
            Self::Alert | Self::Alpn | Self::Cert | Self::Cipher | Self::Group | Self::Resumed | Self::Sni => None,
        }
    }

    /// Whether it can have a value at this event.
    pub(super) fn exists_at(self, event: Event) -> bool {
        let is_after_hello = !event.is_of_world() && !matches!(event, Event::TcpAccept | Event::TlsHello);
        match self {
            Self::Alert => matches!(event, Event::TlsFailed | Event::TcpClose),
            // What the client offers, or what was negotiated.
            Self::Alpn | Self::Cipher | Self::Group | Self::Sni | Self::Version => {
                is_after_hello || event == Event::TlsHello
            }
            Self::ServerCert | Self::Cert | Self::Resumed => is_after_hello,
        }
    }
}
