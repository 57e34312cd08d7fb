//! The server's own CA and the certificates that it signs.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
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
            let leaf = self.leaf(from, from + Duration::days(days));
            Arc::new(leaf.expect("names were checked and ring signs with P-256"))
        }))
    }

    /// A new certificate with which a client says that it is this user, and its key, in PEM. The user is the common name,
    /// and an rfc822Name if it is an address.
    pub(super) fn for_client(&self, user: &str) -> String {
        self.client(user).expect("a name may have any characters, and ring signs with P-256")
    }

    fn client(&self, user: &str) -> Result<String, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, user);
        // RFC 5280 §4.2.1.6: an rfc822Name is in ASCII.
        if user.contains('@')
            && let Ok(address) = user.try_into()
        {
            params.subject_alt_names.push(SanType::Rfc822Name(address));
        }
        let from = self.authority().yesterday;
        let certificate =
            self.sign(params, &key, ExtendedKeyUsagePurpose::ClientAuth, from, from + Duration::days(LEAF_DAYS))?;
        Ok(pem("CERTIFICATE", certificate.der()) + &pem("PRIVATE KEY", key.serialized_der()))
    }

    fn authority(&self) -> &Authority {
        self.authority.get_or_init(|| Authority::new().expect("ring signs with P-256"))
    }

    /// A certificate of a server, with its own key.
    fn leaf(&self, from: OffsetDateTime, to: OffsetDateTime) -> Result<CertifiedKey, Box<dyn std::error::Error>> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(&*self.names)?;
        params.distinguished_name.push(DnType::CommonName, self.names[0].as_str());
        let leaf = self.sign(params, &key, ExtendedKeyUsagePurpose::ServerAuth, from, to)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key)?;
        Ok(CertifiedKey::new(vec![leaf.der().clone()], key))
    }

    /// Signs a certificate for this key, which is not one of a CA.
    fn sign(
        &self,
        mut params: CertificateParams,
        key: &KeyPair,
        usage: ExtendedKeyUsagePurpose,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> Result<rcgen::Certificate, rcgen::Error> {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        params.not_before = from;
        params.not_after = to;
        params.signed_by(key, &self.authority().issuer)
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
        Ok(Self { pem: pem("CERTIFICATE", &certificate), certificate, issuer: Issuer::new(params, key), yesterday })
    }
}

/// A certificate or a key as text (RFC 7468 §5.1, §10).
fn pem(label: &str, der: &[u8]) -> String {
    let base64 = data_encoding::BASE64.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}
