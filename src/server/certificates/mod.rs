//! The server's own CAs and the certificates that they sign.

mod authority;
mod issued;
mod leaf;
mod own;
mod pem;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use rcgen::{DnType, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use crate::base::{Certificate, Live};
use authority::{Authority, leaf_params};
pub(crate) use issued::Issued;
pub(crate) use own::OwnCertificate;
use pem::pem;

/// Valid in every server's certificate, whatever the host name of the server.
const LOOPBACK: [&str; 4] = ["localhost", "127.0.0.1", "::1", "host.docker.internal"];
/// Index of no certificate: the one for clients that send no server name.
const WITHOUT_SNI: usize = Certificate::ALL.len();

/// The CAs and the names for their certificates. Keys and certificates are generated on first use.
pub(super) struct Certificates {
    names: Vec<String>,
    authority: OnceLock<Authority>,
    root_pem: OnceLock<String>,
    /// Where clients can get the CRL of the intermediate CA.
    #[cfg(feature = "api")]
    crl_url: OnceLock<String>,
    /// In the order of [`Certificate::ALL`].
    made: [OnceLock<Arc<Issued>>; WITHOUT_SNI + 1],
    /// The certificate that the server was given.
    own: Live<Option<Arc<Issued>>>,
}

impl Certificates {
    pub(super) fn new(host: &str, more: &[String]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for name in [host].into_iter().chain(LOOPBACK).chain(more.iter().map(String::as_str)) {
            if !names.iter().any(|its| its == name) {
                names.push(name.to_owned());
            }
        }
        Self {
            names,
            authority: OnceLock::new(),
            root_pem: OnceLock::new(),
            #[cfg(feature = "api")]
            crl_url: OnceLock::new(),
            made: [const { OnceLock::new() }; WITHOUT_SNI + 1],
            own: Live::new(None),
        }
    }

    /// The certificate of the root CA in PEM, which clients must trust.
    pub(super) fn ca(&self) -> &str {
        self.root_pem.get_or_init(|| self.authority().root_pem())
    }

    /// The certificate of the root CA.
    pub(super) fn authority_der(&self) -> CertificateDer<'static> {
        self.authority().root.certificate.clone()
    }

    /// Sets where clients can get the CRL of the intermediate CA. Certificates that are made from now on say it.
    #[cfg(feature = "api")]
    pub(super) fn set_crl_url(&self, url: String) {
        // The first one stays: it is as good as a later one.
        let _already_set = self.crl_url.set(url);
    }

    /// The CRL of the intermediate CA and the one of the root, in DER.
    pub(super) fn crls(&self) -> [Vec<u8>; 2] {
        self.authority().crls().expect("ring signs with P-256")
    }

    /// The same CRLs, in PEM.
    pub(super) fn crl_pem(&self) -> String {
        self.crls().iter().map(|der| pem("X509 CRL", der)).collect()
    }

    /// Reads the certificate of the server's own, and keeps it. Fails with what is wrong with it.
    pub(super) fn set_own(&self, own: &OwnCertificate) -> Result<(), String> {
        self.own.set(Some(Arc::new(own.read()?)));
        Ok(())
    }

    /// A certificate with its key, for a client that requested this name.
    pub(super) fn certified(&self, certificate: Certificate, sni: Option<&str>) -> Result<Arc<CertifiedKey>, String> {
        if certificate == Certificate::NeedsSni && sni.is_none() {
            return Ok(self.made(WITHOUT_SNI, Self::without_sni).certified());
        }
        Ok(self.issued(certificate)?.certified())
    }

    /// A certificate with its chain and key. Fails if the server was not given the one that is meant.
    pub(super) fn issued(&self, certificate: Certificate) -> Result<Arc<Issued>, String> {
        if certificate == Certificate::Own {
            return self.own.get().ok_or_else(|| "the server was given no certificate of its own".to_owned());
        }
        let index = Certificate::ALL.iter().position(|its| *its == certificate).expect("it has all");
        Ok(self.made(index, |its| its.issue(certificate)))
    }

    fn made(
        &self,
        index: usize,
        make: impl FnOnce(&Self) -> Result<Issued, Box<dyn std::error::Error>>,
    ) -> Arc<Issued> {
        let made = self.made[index]
            .get_or_init(|| Arc::new(make(self).expect("names were checked, and ring has these algorithms")));
        Arc::clone(made)
    }

    /// A new certificate with which a client says that it is this user, and its key, in PEM. The user is the common name,
    /// and an rfc822Name if it is an address. The root CA signs it, so that the client needs no chain.
    pub(super) fn for_client(&self, user: &str) -> String {
        self.client(user).expect("a name may have any characters, and ring signs with P-256")
    }

    fn client(&self, user: &str) -> Result<String, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = leaf_params(ExtendedKeyUsagePurpose::ClientAuth, self.authority().yesterday);
        params.distinguished_name.push(DnType::CommonName, user);
        // RFC 5280 §4.2.1.6: an rfc822Name is in ASCII.
        if user.contains('@')
            && let Ok(address) = user.try_into()
        {
            params.subject_alt_names.push(SanType::Rfc822Name(address));
        }
        let certificate = self.authority().root.sign(params, &key)?;
        Ok(pem("CERTIFICATE", &certificate) + &pem("PRIVATE KEY", key.serialized_der()))
    }

    fn authority(&self) -> &Authority {
        self.authority.get_or_init(|| Authority::new().expect("ring signs with P-256"))
    }
}
