//! A certificate as a server presents it: with its chain and its key.

use std::sync::Arc;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::pem::pem;

/// What of a given certificate is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    Chain,
    Key,
}

/// A certificate with its chain and its key.
#[derive(Debug)]
pub(crate) struct Issued {
    key: PrivateKeyDer<'static>,
    certified: Arc<CertifiedKey>,
}

impl Issued {
    /// Fails if the library cannot use the key. Neither the chain nor that the key belongs to it is checked.
    pub(super) fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, rustls::Error> {
        let certified = Arc::new(CertifiedKey::new(chain, any_supported_type(&key)?));
        Ok(Self { key, certified })
    }

    /// A certificate that the server was given. Fails with what is wrong.
    pub(super) fn given(chain: &str, key: &str) -> Result<Self, (Part, String)> {
        let wrong = |what: &str, error: &pem::Error| match matches!(error, pem::Error::NoItemsFound) {
            true => format!("there is no {what} in PEM"),
            false => format!("the {what} cannot be read: {error}"),
        };
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let certificates = certificates.map_err(|error| (Part::Chain, wrong("certificate", &error)))?;
        if certificates.is_empty() {
            return Err((Part::Chain, "there is no certificate in PEM".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
        let key = key.map_err(|error| (Part::Key, wrong("private key", &error)))?;
        let issued = Self::new(certificates, key);
        let issued =
            issued.map_err(|_| (Part::Key, "the private key is of a kind that the server cannot use".to_owned()))?;
        match issued.certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(issued),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err((Part::Key, "the private key does not belong to the certificate".to_owned()))
            }
            Err(error) => Err((Part::Chain, format!("the certificate cannot be read: {error}"))),
        }
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    /// The chain, the certificate first, in PEM.
    pub(crate) fn chain_pem(&self) -> String {
        self.certified.cert.iter().map(|der| pem("CERTIFICATE", der)).collect()
    }

    /// The first certificate of the chain, in DER.
    pub(crate) fn leaf(&self) -> &[u8] {
        self.certified.cert.first().map_or(&[], |der| der)
    }

    /// The private key, in PEM.
    pub(crate) fn key_pem(&self) -> String {
        let label = match &self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            PrivateKeyDer::Pkcs8(_) | _ => "PRIVATE KEY",
        };
        pem(label, self.key.secret_der())
    }
}
