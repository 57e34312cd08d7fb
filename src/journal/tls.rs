//! What is known of a TLS handshake.

use std::collections::HashSet;
use std::fmt;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

use crate::base::Certificate;
use crate::sasl::users;

/// What a TLS handshake negotiated. Its `Display` is one line of text.
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"NOOP\r\n")?;
/// let session = server.wait_for_session(session::open()).block();
/// assert_eq!(session.tls, None);   // in cleartext
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Tls {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite by its name in the registry of IANA, such as `TLS_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The group of the key exchange by its name in the registry of IANA, such as `x25519`. `None` in a session of TLS 1.2
    /// that was resumed, because there is no key exchange.
    pub group: Option<String>,
    /// The application protocol (RFC 7301).
    pub alpn: Option<String>,
    /// Whether the client resumed an earlier session (RFC 8446 §2.2).
    pub resumed: bool,
    /// The server name that the client requested (RFC 6066 §3).
    pub sni: Option<String>,
    /// The certificate that the server presented. In a session that was resumed the server presents none: the one that it
    /// would have presented.
    pub certificate: Certificate,
    /// The certificate that the client presented, in a session that was resumed when it began.
    pub client_certificate: Option<Box<ClientCertificate>>,
}

impl fmt::Display for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, cipher, group, alpn, resumed, sni, certificate, client_certificate } = self;
        write!(f, "{version} {cipher}")?;
        if let Some(group) = group {
            write!(f, " {group}")?;
        }
        match sni {
            Some(sni) => write!(f, ", server name {sni}")?,
            None => f.write_str(", no server name")?,
        }
        match resumed {
            true => f.write_str(", resumed")?,
            false => write!(f, ", certificate {certificate}")?,
        }
        if let Some(alpn) = alpn {
            write!(f, ", ALPN {alpn}")?;
        }
        if let Some(certificate) = client_certificate {
            write!(f, ", client certificate {certificate}")?;
        }
        Ok(())
    }
}

/// The certificate that a client presented. Its `Display` is its names.
///
/// ```
/// use mailjig::{Certificate, MailServer, Session, TlsProfile};
///
/// # let server = MailServer::start();
/// /// The addresses of the client's certificate.
/// fn names(session: &Session) -> &[String] {
///     let certificate = session.tls.as_ref().and_then(|tls| tls.client_certificate.as_deref());
///     certificate.map_or(&[], |its| &its.names)
/// }
/// # assert!(server.sessions().iter().all(|session| names(session).is_empty()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The rfc822Names of its subjectAltName, then the common names of its subject, each once: the users that it may log in as with
    /// EXTERNAL.
    pub names: Vec<String>,
    /// Whether the server has verified it. With `client_ca = "any"` it has not.
    pub verified: bool,
    /// The SHA-256 of its DER, in hexadecimal.
    pub sha256: String,
    /// The certificate, in DER.
    #[cfg_attr(feature = "serde", serde(with = "crate::base::base64"))]
    pub der: Vec<u8>,
}

impl ClientCertificate {
    pub(crate) fn new(der: Vec<u8>, verified: bool) -> Self {
        let sha256 = HEXLOWER.encode(digest(&SHA256, &der).as_ref());
        let mut names = users(&der);
        let mut known = HashSet::new();
        names.retain(|name| known.insert(name.clone()));
        Self { names, verified, sha256, der }
    }

    /// About how many octets of memory it takes.
    pub(super) fn held(&self) -> usize {
        size_of::<Self>() + self.names.iter().map(String::len).sum::<usize>() + self.sha256.len() + self.der.len()
    }
}

impl fmt::Display for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.names[..] {
            [] => f.write_str("without a name")?,
            names => f.write_str(&names.join(", "))?,
        }
        f.write_str(if self.verified { "" } else { " (not verified)" })
    }
}

/// Why TLS failed: in its handshake, or after it, when the client sent an alert or a record that is not valid. Some clients
/// verify the server's certificate only after the handshake. Its `Display` is one line of text.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.imaps().address())?;
/// client.write_all(b"a LOGIN bob@example.org x\r\n")?;
/// let session = server.wait_for_session(session::tls_failed()).block();
/// let failure = session.tls_failure.as_ref().unwrap();
/// assert_eq!(failure.reason, "the client sent something that is not TLS");
/// assert_eq!((&failure.offered, failure.certificate), (&None, None));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TlsFailure {
    /// The reason in words.
    pub reason: String,
    /// Whether the handshake was complete.
    pub after_handshake: bool,
    /// The alert that the client sent, by its name in RFC 8446 §6, such as `unknown_ca`; by its number if it has none.
    pub alert: Option<String>,
    /// The certificate that the server presented, if it has sent the flight with it.
    pub certificate: Option<Certificate>,
    /// What the client offered in its ClientHello. `None` if there was none; also after the handshake. Only versions, if
    /// none is later than TLS 1.1.
    pub offered: Option<TlsOffer>,
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.after_handshake { "TLS failed after the handshake" } else { "the TLS handshake failed" };
        write!(f, "{what}: {}", self.reason)
    }
}

/// What a client offers in its ClientHello (RFC 8446 §4.1.2), in its order. Cipher suites and groups without a name are in
/// hexadecimal.
///
/// ```
/// use mailjig::TlsOffer;
///
/// let offer = TlsOffer::default();
/// assert_eq!((offer.sni, offer.alpn.len(), offer.ciphers.len(), offer.groups.len()), (None, 0, 0, 0));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TlsOffer {
    /// The server name that it requests (RFC 6066 §3).
    pub sni: Option<String>,
    /// Versions: `TLSv1.3`, `TLSv1.2`, `TLSv1.1`, `TLSv1.0`, `SSLv3`, without values that have no name.
    pub versions: Vec<String>,
    /// Application protocols (RFC 7301).
    pub alpn: Vec<String>,
    /// Cipher suites by their names in the registry of IANA.
    pub ciphers: Vec<String>,
    /// Groups for the key exchange by their names in the registry of IANA.
    pub groups: Vec<String>,
}

impl Tls {
    /// About how many octets of memory it takes.
    pub(super) fn held(&self) -> usize {
        size_of::<Self>() + self.client_certificate.as_deref().map_or(0, ClientCertificate::held)
    }
}

impl TlsFailure {
    /// About how many octets of memory it takes.
    pub(super) fn held(&self) -> usize {
        let names = self.offered.iter().flat_map(|its| [&its.versions, &its.alpn, &its.ciphers, &its.groups]).flatten();
        let names = names.map(|name| size_of::<String>() + name.len());
        size_of::<Self>() + self.reason.len() + names.sum::<usize>()
    }
}
