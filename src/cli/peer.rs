//! A server that a command connects to: its address, and TLS with it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a connection or a TLS handshake may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A connection, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A host and a port.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Peer {
    pub(super) host: String,
    pub(super) port: u16,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text, None).ok_or_else(|| "write `HOST:PORT`, as in `127.0.0.1:143` or `[::1]:143`".to_owned())
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Peer {
    /// Reads `HOST:PORT`, or `HOST` if there is a default port.
    pub(super) fn read(text: &str, default_port: Option<u16>) -> Option<Self> {
        // An IPv6 address without brackets has no port.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
            Some(_) | None => (text, default_port?),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty() && !host.contains(['/', '@', ' '])).then(|| Self { host: host.to_owned(), port })
    }

    /// The addresses of the host.
    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let found = (self.host.as_str(), self.port).to_socket_addrs().map(Vec::from_iter);
        found.map_err(|error| format!("{self}: {error}"))
    }

    /// Connects to the first of the addresses that answers.
    pub(super) async fn connect(&self, addresses: &[SocketAddr]) -> Result<TcpStream, String> {
        let mut why = "the name has no address".to_owned();
        for address in addresses {
            match timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => why = error.to_string(),
                Err(_elapsed) => why = format!("no connection within {} s", PATIENCE.as_secs()),
            }
        }
        Err(format!("no server answers at {self}: {why}"))
    }
}

/// Which certificates of the server are accepted.
#[derive(Args)]
pub(super) struct Trust {
    /// File with certificates in PEM: CAs that may have signed the server's certificate, besides the public CAs, or that
    /// certificate itself.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Accept any certificate of the server.
    #[arg(long, conflicts_with = "trust")]
    insecure: bool,
}

/// TLS with a server.
#[derive(Clone)]
pub(super) struct TlsPeer {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsPeer {
    pub(super) fn new(peer: &Peer, trust: &Trust) -> Result<Self, String> {
        let name = ServerName::try_from(peer.host.clone());
        let name = name.map_err(|_| format!("`{}` is not a host name that a certificate can have", peer.host))?;
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Verifier::new(trust, Arc::clone(&provider))?);
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?.dangerous();
        let config = builder.with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Self { config: Arc::new(config), name })
    }

    /// Begins TLS.
    pub(super) async fn secure(&self, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, String> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let (why, help) = match timeout(PATIENCE, connector.connect(self.name.clone(), stream)).await {
            Ok(Ok(stream)) => return Ok(Box::new(stream)),
            Ok(Err(error)) => (error.to_string(), help_with(&error)),
            Err(_elapsed) => (format!("not finished within {} s", PATIENCE.as_secs()), ""),
        };
        Err(format!("the TLS handshake with {} failed: {why}{help}", self.name.to_str()))
    }
}

/// What helps against a failed handshake.
fn help_with(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            "\n  `--trust FILE` names the certificate of a CA, or of the server itself; `--insecure` accepts any certificate"
        }
        Some(rustls::Error::InvalidMessage(_)) => "\n  the server does not begin with TLS there",
        Some(_) | None => "",
    }
}

/// Verifies certificates with the public CAs and those of `--trust`. A certificate of `--trust` itself is accepted too,
/// because many servers for tests have one that nobody else signed.
#[derive(Debug)]
struct Verifier {
    /// None if any certificate is accepted.
    by_signature: Option<Arc<WebPkiServerVerifier>>,
    accepted: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        if trust.insecure {
            return Ok(Self { by_signature: None, accepted: Vec::new(), provider });
        }
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let mut accepted = Vec::new();
        if let Some(path) = &trust.trust {
            let wrong = |error: &dyn std::fmt::Display| format!("`--trust {}`: {error}", path.display());
            let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
            accepted = read.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(&error))?;
            if accepted.is_empty() {
                return Err(wrong(&"there is no certificate in PEM"));
            }
            for certificate in &accepted {
                roots.add(certificate.clone()).map_err(|error| wrong(&error))?;
            }
        }
        let by_signature = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        Ok(Self { by_signature: Some(by_signature.map_err(|error| error.to_string())?), accepted, provider })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.by_signature {
            Some(verifier) if !self.accepted.contains(end_entity) => {
                verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            Some(_) | None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_read_and_printed() {
        for text in ["127.0.0.1:143", "mail.example.org:993", "[::1]:110"] {
            assert_eq!(text.parse::<Peer>().map(|peer| peer.to_string()).as_deref(), Ok(text));
        }
        for wrong in ["", "localhost", "::1:25", "localhost:smtp", ":25", "imap://localhost:143", "a b:1"] {
            assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_certificate_that_is_given_is_accepted_even_if_it_is_a_ca() {
        let made = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.self_signed(&key).unwrap().der().clone()
        };
        let (known, unknown) = (made("localhost"), made("localhost"));
        let base64 = data_encoding::BASE64.encode(&known);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")).unwrap();
        let accepts = |trust: &Trust, certificate: &CertificateDer<'_>| {
            let verifier = Verifier::new(trust, Arc::new(ring::default_provider())).unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now()).is_ok()
        };

        let given = Trust { trust: Some(file.path().to_owned()), insecure: false };
        assert_eq!((accepts(&given, &known), accepts(&given, &unknown)), (true, false));
        assert!(!accepts(&Trust { trust: None, insecure: false }, &known));
        assert!(accepts(&Trust { trust: None, insecure: true }, &unknown));
    }
}
