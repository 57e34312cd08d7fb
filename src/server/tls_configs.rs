//! TLS configurations: one for each profile of a listener and each server name that clients request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::certificates::Certificates;
use crate::rule::{ClientAuth, Profile, Versions};

/// Maximum number of cached configurations. Clients choose the names, so without a limit they could fill the memory.
const MOST: usize = 32;

/// Creates configurations on first use and caches them for later sessions: resumption (RFC 5246 §7.3) needs the same
/// configuration.
pub(super) struct TlsConfigs {
    certificates: Certificates,
    provider: Arc<CryptoProvider>,
    /// From the least to the most recently used.
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    profile: Profile,
    /// The server name that the client requested (RFC 6066 §3).
    sni: Option<Box<str>>,
    config: Arc<ServerConfig>,
}

impl TlsConfigs {
    pub(super) fn new(certificates: Certificates) -> Self {
        Self { certificates, provider: Arc::new(ring::default_provider()), kept: Mutex::default() }
    }

    /// The certificate of this server's CA, in PEM.
    pub(super) fn ca(&self) -> &str {
        self.certificates.ca()
    }

    /// A new certificate of this user, and its key, in PEM.
    pub(super) fn client_certificate(&self, user: &str) -> String {
        self.certificates.for_client(user)
    }

    /// The configuration that presents this profile to a client that requested this name.
    pub(super) fn config(&self, profile: &Profile, sni: Option<&str>) -> Arc<ServerConfig> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|its| its.profile == *profile && its.sni.as_deref() == sni);
        let used = known.and_then(|at| kept.remove(at)).unwrap_or_else(|| {
            let config = self.make(profile).expect("the provider supports these versions, and the CA is valid");
            Kept { profile: profile.clone(), sni: sni.map(Into::into), config: Arc::new(config) }
        });
        if kept.len() == MOST {
            kept.pop_front();
        }
        let config = Arc::clone(&used.config);
        kept.push_back(used);
        config
    }

    fn make(&self, profile: &Profile) -> Result<ServerConfig, Box<dyn std::error::Error>> {
        let Profile { certificate, versions, client_auth, alpn } = profile;
        let versions: &[&SupportedProtocolVersion] = match versions {
            Versions::Both => &[&TLS13, &TLS12],
            Versions::Tls12 => &[&TLS12],
            Versions::Tls13 => &[&TLS13],
        };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(self.verifier(*client_auth)?)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(self.certificates.certified(*certificate))));
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        // A session ticket would be output that no rule could control.
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// Verifies client certificates, which the server's CA must have signed.
    fn verifier(&self, client_auth: ClientAuth) -> Result<Arc<dyn ClientCertVerifier>, Box<dyn std::error::Error>> {
        let is_optional = match client_auth {
            ClientAuth::None => return Ok(WebPkiClientVerifier::no_client_auth()),
            ClientAuth::Requested => true,
            ClientAuth::Required => false,
        };
        let mut roots = RootCertStore::empty();
        roots.add(self.certificates.authority_der())?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider));
        Ok(if is_optional { verifier.allow_unauthenticated() } else { verifier }.build()?)
    }
}

/// TLS with a CA of its own, for a listener that belongs to no server.
#[cfg(feature = "cli")]
pub(crate) struct OwnTls(TlsConfigs);

#[cfg(feature = "cli")]
impl OwnTls {
    /// Its certificate is valid for this host, and for the names of this machine.
    pub(crate) fn new(host: &str) -> Self {
        Self(TlsConfigs::new(Certificates::new(host, &[])))
    }

    /// The certificate of the CA, in PEM.
    pub(crate) fn ca(&self) -> &str {
        self.0.ca()
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.0.config(&Profile::DEFAULT, None)
    }
}

#[cfg(test)]
mod tests {
    use rustls::client::ResolvesClientCert;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::sign::CertifiedKey;
    use rustls::{ClientConfig, ClientConnection, ServerConnection};

    use super::*;
    use crate::rule::Certificate;

    fn configs() -> TlsConfigs {
        TlsConfigs::new(Certificates::new("mail.example.org", &[]))
    }

    /// A client that offers these versions and application protocols, and a certificate if it has one.
    fn client(
        configs: &TlsConfigs,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
        certificate: Option<Arc<dyn ResolvesClientCert>>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(configs.certificates.authority_der()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::clone(&configs.provider));
        let config = config.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
        let mut config = match certificate {
            Some(certificate) => config.with_client_cert_resolver(certificate),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }

    /// A certificate of a client, with its key.
    fn of_client(configs: &TlsConfigs) -> CertifiedKey {
        let pem = configs.client_certificate("bob@example.org");
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap();
        CertifiedKey::from_der(chain, PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap(), &configs.provider)
            .unwrap()
    }

    /// What both sides negotiate; or the error of the server; or, if the server accepts, the error of the client.
    fn agreed(configs: &TlsConfigs, profile: &Profile, client: ClientConfig) -> Result<String, String> {
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(configs.config(profile, Some("localhost"))).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut sent = Vec::new();
            client.write_tls(&mut sent).unwrap();
            server.read_tls(&mut &sent[..]).unwrap();
            server.process_new_packets().map_err(|error| format!("server: {error}"))?;
            let mut sent = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut sent).unwrap();
            }
            client.read_tls(&mut &sent[..]).unwrap();
            client.process_new_packets().map_err(|error| format!("client: {error}"))?;
        }
        let version = server.protocol_version().unwrap();
        let alpn = server.alpn_protocol().map_or("none".into(), String::from_utf8_lossy);
        let is_known = if server.peer_certificates().is_some() { "known" } else { "unknown" };
        Ok(format!("{version:?}, ALPN {alpn}, client {is_known}"))
    }

    #[test]
    fn a_configuration_follows_its_profile() {
        let configs = configs();
        let own = || Some(Arc::new(SingleCertAndKey::from(of_client(&configs))) as Arc<_>);
        let both: &[&'static SupportedProtocolVersion] = &[&TLS13, &TLS12];
        let profile = Profile::DEFAULT;
        let imap = Profile { alpn: vec!["imap".into(), "imap4".into()], ..Profile::DEFAULT };
        let versions = |versions| Profile { versions, ..Profile::DEFAULT };
        let client_auth = |client_auth| Profile { client_auth, ..Profile::DEFAULT };
        let (tls12, tls13) = (versions(Versions::Tls12), versions(Versions::Tls13));
        let (requested, required) = (client_auth(ClientAuth::Requested), client_auth(ClientAuth::Required));
        let expired = Profile::of(Certificate::Expired);
        let client = |versions, alpn: &[&str], certificate| client(&configs, versions, alpn, certificate);
        for (name, profile, client, wanted) in [
            ("the default", &profile, client(both, &["imap"], None), Ok("TLSv1_3, ALPN none, client unknown")),
            ("an older client", &profile, client(&[&TLS12], &[], None), Ok("TLSv1_2, ALPN none, client unknown")),
            ("TLS 1.2", &tls12, client(both, &[], None), Ok("TLSv1_2, ALPN none, client unknown")),
            ("TLS 1.3", &tls13, client(&[&TLS12], &[], None), Err("server: peer is incompatible")),
            ("ALPN", &imap, client(both, &["imap4", "imap"], None), Ok("TLSv1_3, ALPN imap, client unknown")),
            (
                "another ALPN",
                &imap,
                client(both, &["h2"], None),
                Err("server: peer doesn't support any known protocol"),
            ),
            ("requested", &requested, client(both, &[], None), Ok("TLSv1_3, ALPN none, client unknown")),
            ("required", &required, client(both, &[], None), Err("server: peer sent no certificates")),
            ("presented", &required, client(both, &[], own()), Ok("TLSv1_3, ALPN none, client known")),
            (
                "expired",
                &expired,
                client(both, &[], None),
                Err("client: invalid peer certificate: certificate expired"),
            ),
        ] {
            let agreed = agreed(&configs, profile, client);
            let is_wanted = match (&agreed, wanted) {
                (Ok(agreed), Ok(wanted)) => agreed == wanted,
                (Err(reason), Err(wanted)) => reason.starts_with(wanted),
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
            };
            assert!(is_wanted, "{name}: {agreed:?}");
        }
    }

    #[test]
    fn a_configuration_is_kept_for_its_profile_and_name() {
        let configs = configs();
        let (good, expired) = (Profile::DEFAULT, Profile::of(Certificate::Expired));
        let first = configs.config(&good, Some("a.example.org"));

        assert!(Arc::ptr_eq(&first, &configs.config(&good, Some("a.example.org"))));
        for (profile, sni) in [(&good, None), (&good, Some("b.example.org")), (&expired, Some("a.example.org"))] {
            assert!(!Arc::ptr_eq(&first, &configs.config(profile, sni)), "{profile:?} {sni:?}");
        }
    }

    #[test]
    fn a_configuration_in_use_stays_whatever_other_names_clients_request() {
        let configs = configs();
        let used = configs.config(&Profile::DEFAULT, Some("used.example.org"));

        for n in 0..3 * MOST {
            configs.config(&Profile::DEFAULT, Some(&format!("{n}.example.org")));
            let again = configs.config(&Profile::DEFAULT, Some("used.example.org"));
            assert!(Arc::ptr_eq(&used, &again), "after {n} other names");
        }
    }

    #[test]
    fn requests_for_many_server_names_do_not_fill_the_memory() {
        let configs = configs();
        let first = configs.config(&Profile::DEFAULT, None);

        for n in 0..3 * MOST {
            configs.config(&Profile::DEFAULT, Some(&format!("{n}.example.org")));
        }

        assert_eq!(configs.kept.lock().unwrap().len(), MOST);
        assert!(!Arc::ptr_eq(&first, &configs.config(&Profile::DEFAULT, None)), "the least recently used went");
        assert_eq!(configs.kept.lock().unwrap().len(), MOST);
    }
}
