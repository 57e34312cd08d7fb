//! TLS configurations: one for each profile and each certificate of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

use super::certificates::{Certificates, OwnCertificate};
use crate::drive::{cipher_name, group_name};
use crate::rule::{ClientAuth, ClientCa, Profile, Version};

/// Maximum number of cached configurations. Rules can make any number of profiles, so without a limit they could fill the
/// memory.
const MOST: usize = 32;
/// Maximum number of sessions that clients can resume, in each configuration.
const RESUMABLE: usize = 256;

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
    /// What the profile's certificate was: the server may have been given another one of its own since.
    certified: Arc<CertifiedKey>,
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

    pub(super) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Reads the certificate of the server's own. Sessions that begin afterwards get it. Fails with what is wrong with it.
    pub(super) fn set_own(&self, own: &OwnCertificate) -> Result<(), String> {
        self.certificates.set_own(own)
    }

    /// A new certificate of this user, and its key, in PEM.
    pub(super) fn client_certificate(&self, user: &str) -> String {
        self.certificates.for_client(user)
    }

    /// Sets where clients can get the CRL.
    #[cfg(feature = "api")]
    pub(super) fn set_crl_url(&self, url: String) {
        self.certificates.set_crl_url(url);
    }

    /// The configuration that presents this profile to a client that requested this name. Fails with what is wrong in the
    /// profile.
    pub(super) fn config(&self, profile: &Profile, sni: Option<&str>) -> Result<Arc<ServerConfig>, String> {
        // Before the lock: other handshakes do not wait until a certificate is made.
        let certified = self.certificates.certified(profile.certificate(), sni)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|its| its.profile == *profile && Arc::ptr_eq(&its.certified, &certified));
        let used = match known.and_then(|at| kept.remove(at)) {
            Some(used) => used,
            None => {
                let config = Arc::new(self.make(profile, Arc::clone(&certified))?);
                Kept { profile: profile.clone(), certified, config }
            }
        };
        if kept.len() == MOST {
            kept.pop_front();
        }
        let config = Arc::clone(&used.config);
        kept.push_back(used);
        Ok(config)
    }

    fn make(&self, profile: &Profile, certified: Arc<CertifiedKey>) -> Result<ServerConfig, String> {
        let provider = self.provider(profile);
        let all: [(Version, &SupportedProtocolVersion); 2] = [(Version::Tls13, &TLS13), (Version::Tls12, &TLS12)];
        let (min, max) = profile.versions();
        let versions: Vec<_> =
            all.into_iter().filter(|(its, _)| (min..=max).contains(its)).map(|(_, its)| its).collect();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let mut config = builder
            .with_protocol_versions(&versions)
            .map_err(|_| "no cipher suite of the profile fits its versions of TLS".to_owned())?
            .with_client_cert_verifier(self.verifier(profile, &provider)?)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols =
            profile.alpn.iter().flat_map(|its| its.iter()).map(|its| its.as_bytes().to_vec()).collect();
        config.ignore_client_order = true;
        if profile.resumption == Some(true) {
            config.session_storage = ServerSessionMemoryCache::new(RESUMABLE);
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    /// The cipher suites and groups of a profile.
    fn provider(&self, profile: &Profile) -> Arc<CryptoProvider> {
        if profile.suites.is_none() && profile.groups.is_none() {
            return Arc::clone(&self.provider);
        }
        let mut provider = CryptoProvider::clone(&self.provider);
        if let Some(names) = &profile.suites {
            provider.cipher_suites = chosen(names, &provider.cipher_suites, |its| cipher_name(its.suite()));
        }
        if let Some(names) = &profile.groups {
            provider.kx_groups = chosen(names, &provider.kx_groups, |its| group_name(its.name()));
        }
        Arc::new(provider)
    }

    /// Verifies client certificates.
    fn verifier(
        &self,
        profile: &Profile,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let auth = profile.client_auth.unwrap_or(ClientAuth::None);
        let is_required = match auth {
            ClientAuth::None => return Ok(WebPkiClientVerifier::no_client_auth()),
            ClientAuth::Requested | ClientAuth::Refused => false,
            ClientAuth::Required => true,
        };
        let of_any_ca = |is_refused| Arc::new(AnyClient { is_refused, is_required, provider: Arc::clone(provider) });
        let mut roots = RootCertStore::empty();
        match &profile.client_ca {
            _ if auth == ClientAuth::Refused => return Ok(of_any_ca(true)),
            Some(ClientCa::Any) => return Ok(of_any_ca(false)),
            None | Some(ClientCa::Own) => add(&mut roots, self.certificates.authority_der())?,
            Some(ClientCa::Pem(pem)) => {
                for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    add(&mut roots, certificate.map_err(|why| format!("`client_ca` is not PEM: {why}"))?)?;
                }
            }
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let verifier = if is_required { verifier } else { verifier.allow_unauthenticated() };
        verifier.build().map_err(|why| format!("`client_ca` cannot verify client certificates: {why}"))
    }
}

/// Those of these names, in their order.
fn chosen<T: Copy>(names: &[&str], all: &[T], name: impl Fn(&T) -> String) -> Vec<T> {
    names.iter().filter_map(|wanted| all.iter().find(|its| name(its) == *wanted).copied()).collect()
}

fn add(roots: &mut RootCertStore, certificate: CertificateDer<'static>) -> Result<(), String> {
    roots.add(certificate).map_err(|why| format!("`client_ca` has a certificate that cannot be a CA: {why}"))
}

/// Accepts, or refuses, whatever certificate a client has. The client must have its key.
#[derive(Debug)]
struct AnyClient {
    is_refused: bool,
    is_required: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.is_refused {
            true => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
            false => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
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
        self.0.config(&Profile::default(), None).expect("the default profile is valid")
    }
}

#[cfg(test)]
mod tests;
