//! A server that a command connects to: its address, and TLS with it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
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
    port: u16,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (host, port) = text.rsplit_once(':')?;
            let is_bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
            let host = host.trim_start_matches('[').trim_end_matches(']');
            (is_bare && !host.is_empty() && !host.contains(['/', '@', ' '])).then_some(())?;
            Some(Self { host: host.to_owned(), port: port.parse().ok()? })
        };
        read().ok_or_else(|| "write `HOST:PORT`, as in `127.0.0.1:143` or `[::1]:143`".to_owned())
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
    /// File with a CA certificate in PEM that the server's certificate may be signed by, besides the public CAs.
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
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        let config = match trust.insecure {
            true => {
                let any = Arc::new(AnyCertificate(provider));
                builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth()
            }
            false => builder.with_root_certificates(roots(trust)?).with_no_client_auth(),
        };
        Ok(Self { config: Arc::new(config), name })
    }

    /// Begins TLS.
    pub(super) async fn secure(&self, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, String> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let why = match timeout(PATIENCE, connector.connect(self.name.clone(), stream)).await {
            Ok(Ok(stream)) => return Ok(Box::new(stream)),
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => format!("not finished within {} s", PATIENCE.as_secs()),
        };
        Err(format!(
            "the TLS handshake with {} failed: {why}\n  `--trust FILE` names a CA certificate, and `--insecure` accepts any \
             certificate",
            self.name.to_str()
        ))
    }
}

fn roots(trust: &Trust) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let Some(path) = &trust.trust else { return Ok(roots) };
    let wrong = |error: &dyn std::fmt::Display| format!("`--trust {}`: {error}", path.display());
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    Ok(roots)
}

/// Accepts any certificate whose key the server has.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
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
}
