//! The server's own CA and the certificates that it signs.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use time::{Duration, OffsetDateTime};

use crate::rule::Certificate;

/// Valid in every server's certificate, whatever the host name of the server.
const LOOPBACK: [&str; 4] = ["localhost", "127.0.0.1", "::1", "host.docker.internal"];
/// Validity of server certificates. Some clients refuse certificates that are valid for longer than 398 days.
const LEAF_DAYS: i64 = 396;
const CA_DAYS: i64 = 3650;

/// The CA and the names for its certificates. Keys and certificates are generated on first use.
pub(super) struct Certificates {
    names: Vec<String>,
    authority: OnceLock<Authority>,
    good: OnceLock<Arc<CertifiedKey>>,
    expired: OnceLock<Arc<CertifiedKey>>,
}

struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    /// The start of validity: a day before generation, because clocks may differ.
    yesterday: OffsetDateTime,
}

impl Certificates {
    pub(super) fn new(host: &str, more: &[String]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for name in [host].into_iter().chain(LOOPBACK).chain(more.iter().map(String::as_str)) {
            if !names.iter().any(|its| its == name) {
                names.push(name.to_owned());
            }
        }
        Self { names, authority: OnceLock::new(), good: OnceLock::new(), expired: OnceLock::new() }
    }

    /// The CA certificate in PEM, which clients must trust.
    pub(super) fn ca(&self) -> &str {
        &self.authority().pem
    }

    /// The authority's certificate.
    pub(super) fn authority_der(&self) -> CertificateDer<'static> {
        self.authority().certificate.clone()
    }

    /// A certificate with its key.
    pub(super) fn certified(&self, certificate: Certificate) -> Arc<CertifiedKey> {
        let yesterday = self.authority().yesterday;
        let (made, from, days) = match certificate {
            Certificate::Good => (&self.good, yesterday, LEAF_DAYS),
            // It was valid for 30 days and expired a week ago.
            Certificate::Expired => (&self.expired, yesterday - Duration::days(36), 30),
        };
        Arc::clone(made.get_or_init(|| {
            let leaf = self.leaf(ExtendedKeyUsagePurpose::ServerAuth, from, from + Duration::days(days));
            Arc::new(leaf.expect("names were checked and ring signs with P-256"))
        }))
    }

    /// A certificate that a client may present.
    #[cfg(test)]
    pub(super) fn for_client(&self) -> CertifiedKey {
        let yesterday = self.authority().yesterday;
        self.leaf(ExtendedKeyUsagePurpose::ClientAuth, yesterday, yesterday + Duration::days(30)).unwrap()
    }

    fn authority(&self) -> &Authority {
        self.authority.get_or_init(|| Authority::new().expect("ring signs with P-256"))
    }

    /// A certificate signed by the CA, with its own key.
    fn leaf(
        &self,
        usage: ExtendedKeyUsagePurpose,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> Result<CertifiedKey, Box<dyn std::error::Error>> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut leaf = CertificateParams::new(&*self.names)?;
        leaf.distinguished_name.push(DnType::CommonName, self.names[0].as_str());
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![usage];
        leaf.use_authority_key_identifier_extension = true;
        leaf.not_before = from;
        leaf.not_after = to;
        let leaf = leaf.signed_by(&key, &self.authority().issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key)?;
        Ok(CertifiedKey::new(vec![leaf.der().clone()], key))
    }
}

impl Authority {
    /// # Rationale
    /// ECDSA P-256 everywhere: every client supports it, and generating a key takes microseconds, where RSA takes a
    /// tenth of a second. The name of the CA contains part of its key, because clients confuse two CAs with the same
    /// name.
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
        let yesterday = OffsetDateTime::from_unix_timestamp(now)? - Duration::DAY;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(Vec::new())?;
        let point = key.public_key_raw();
        let id = data_encoding::HEXLOWER.encode(&point[point.len() - 4..]);
        params.distinguished_name.push(DnType::CommonName, format!("mailjig test CA {id}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = yesterday;
        params.not_after = yesterday + Duration::days(CA_DAYS);
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { pem: pem(&certificate), certificate, issuer: Issuer::new(params, key), yesterday })
    }
}

/// A certificate as text (RFC 7468 §5.1).
fn pem(der: &[u8]) -> String {
    let base64 = data_encoding::BASE64.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in base64.as_bytes().chunks(64) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}
