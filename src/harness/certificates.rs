//! The certificates of a server as files, its CRLs, and a certificate that it is given.

use std::sync::Arc;

use super::{MailServer, MailServerBuilder, or_panic};
use crate::base::Certificate;
use crate::server::{Issued, OwnCertificate};

/// A certificate that a server presents, with its chain and its key.
///
/// ```
/// use mailjig::Certificate;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let expired = server.certificate(Certificate::Expired);
/// assert_eq!(expired.chain_pem().matches("BEGIN CERTIFICATE").count(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct IssuedCertificate(Arc<Issued>);

impl IssuedCertificate {
    /// The chain as the server sends it, in PEM. Normally the certificate, then the intermediate CA.
    ///
    /// ```
    /// use mailjig::Certificate;
    /// use mailjig::prelude::*;
    ///
    /// let pem = MailServer::start().certificate(Certificate::MissingIntermediate).chain_pem();
    /// assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 1);
    /// ```
    pub fn chain_pem(&self) -> String {
        self.0.chain_pem()
    }

    /// The private key with which the server signs, in PEM.
    ///
    /// ```
    /// use mailjig::Certificate;
    /// use mailjig::prelude::*;
    ///
    /// let pem = MailServer::start().certificate(Certificate::Good).key_pem();
    /// assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    /// ```
    pub fn key_pem(&self) -> String {
        self.0.key_pem()
    }

    /// The first certificate of the chain, in DER.
    ///
    /// ```
    /// use mailjig::Certificate;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let certificate = server.certificate(Certificate::Good);
    /// assert_eq!(certificate.leaf_der()[0], 0x30); // an ASN.1 SEQUENCE
    /// ```
    pub fn leaf_der(&self) -> &[u8] {
        self.0.leaf()
    }
}

impl MailServer {
    /// A certificate of this server, as it presents it to clients that send a server name.
    ///
    /// # Panics
    /// If it is [`Certificate::Own`], and the server was given none.
    ///
    /// ```
    /// use mailjig::Certificate;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let (good, renewed) = (server.certificate(Certificate::Good), server.certificate(Certificate::Renewed));
    /// assert_ne!(good.leaf_der(), renewed.leaf_der());
    /// ```
    #[track_caller]
    pub fn certificate(&self, certificate: Certificate) -> IssuedCertificate {
        IssuedCertificate(or_panic(self.server.certificate(certificate)))
    }

    /// The CRLs of this server's CAs in PEM (RFC 5280 §5): of the intermediate CA, with
    /// [`Certificate::Revoked`], and of the root CA, which is empty.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// assert_eq!(MailServer::start().crl().matches("BEGIN X509 CRL").count(), 2);
    /// ```
    pub fn crl(&self) -> String {
        self.server.crl_pem()
    }
}

impl MailServerBuilder {
    /// Gives the server a certificate with its chain and its key, in PEM. All listeners then present it by default;
    /// scenarios and rules name it [`Certificate::Own`]. The server does not start if the key does not belong to the
    /// certificate.
    ///
    /// ```
    /// use mailjig::Certificate;
    /// use mailjig::prelude::*;
    ///
    /// # let other = MailServer::start().certificate(Certificate::Good);
    /// # let (chain_pem, key_pem) = (other.chain_pem(), other.key_pem());
    /// let server = MailServer::builder().own_certificate(&chain_pem, &key_pem).start();
    /// assert_eq!(server.certificate(Certificate::Own).chain_pem(), chain_pem);
    ///
    /// let error = MailServer::builder().own_certificate(&chain_pem, "").try_start().unwrap_err();
    /// assert_eq!(error.to_string(), "there is no private key in PEM");
    /// ```
    pub fn own_certificate(mut self, chain_pem: &str, key_pem: &str) -> Self {
        let (chain, key) = (chain_pem.to_owned(), key_pem.to_owned());
        self.0.own_certificate = Some(OwnCertificate::Pem { chain, key });
        self
    }
}
