//! What a server gives away of its TLS: its CA, CRLs and certificates; and what it reads again.

use std::fmt;
use std::sync::Arc;

use super::{Issued, OwnCertificate, Server};
use crate::base::{Certificate, is_identifier};

/// Why the server's own certificate was not read again.
#[derive(Debug)]
pub(crate) enum NotReloaded {
    /// The server was not given files.
    NoFiles,
    /// What is wrong, and in which file.
    Unusable(String),
}

impl Server {
    /// The certificate of this server's CA, in PEM.
    pub(crate) fn ca(&self) -> &str {
        self.tls.ca()
    }

    /// The certificate of this server's CA, in DER.
    pub(crate) fn ca_der(&self) -> Vec<u8> {
        self.tls.certificates().authority_der().to_vec()
    }

    /// The CRL of the intermediate CA and the one of the root, in DER.
    pub(crate) fn crls(&self) -> [Vec<u8>; 2] {
        self.tls.certificates().crls()
    }

    /// The same CRLs, in PEM.
    pub(crate) fn crl_pem(&self) -> String {
        self.tls.certificates().crl_pem()
    }

    /// A certificate with its chain and key. Fails if it is the server's own, and the server was given none.
    pub(crate) fn certificate(&self, certificate: Certificate) -> Result<Arc<Issued>, String> {
        self.tls.certificates().issued(certificate)
    }

    /// Sets where clients can get the CRL of the CA that signs this server's certificates.
    #[cfg(feature = "api")]
    pub(crate) fn set_crl_url(&self, url: String) {
        self.tls.set_crl_url(url);
    }

    /// A new certificate of this user, signed by the server's CA, and its key, in PEM. Fails if the name is not valid.
    pub(crate) fn client_certificate(&self, user: &str) -> Result<String, String> {
        match is_identifier(user) {
            true => Ok(self.tls.client_certificate(user)),
            false => Err("a user name must not be empty or contain control characters".to_owned()),
        }
    }

    /// Reads the files of the server's own certificate again. If they cannot be used, the server keeps what it has.
    pub(crate) fn reload_certificate(&self) -> Result<(), NotReloaded> {
        match &self.settings.own_certificate {
            Some(own @ OwnCertificate::Files { .. }) => self.tls.set_own(own).map_err(NotReloaded::Unusable),
            Some(OwnCertificate::Pem { .. }) | None => Err(NotReloaded::NoFiles),
        }
    }
}

impl fmt::Display for NotReloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFiles => f.write_str(
                "the server was not given files with a certificate: start it with `--tls-cert` and `--tls-key`",
            ),
            Self::Unusable(why) => f.write_str(why),
        }
    }
}
