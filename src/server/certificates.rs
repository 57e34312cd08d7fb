//! An authority of this server's own, and the certificate it signs.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

use crate::rule::Certificate;

/// Valid in every server's certificate, whatever it is called.
const LOOPBACK: [&str; 4] = ["localhost", "127.0.0.1", "::1", "host.docker.internal"];
/// Some clients refuse a leaf that is valid for longer than 398 days.
const LEAF_DAYS: i64 = 396;
const CA_DAYS: i64 = 3650;

/// The names a certificate is for; keys and certificates are made when somebody first asks.
pub(super) struct Certificates {
    names: Vec<String>,
    made: OnceLock<Made>,
}

struct Made {
    ca: String,
    good: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
}

impl Certificates {
    pub(super) fn new(host: &str, more: &[String]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for name in [host].into_iter().chain(LOOPBACK).chain(more.iter().map(String::as_str)) {
            if !names.iter().any(|its| its == name) {
                names.push(name.to_owned());
            }
        }
        Self { names, made: OnceLock::new() }
    }

    /// The authority's certificate in PEM: what clients shall trust.
    pub(super) fn ca(&self) -> &str {
        &self.made().ca
    }

    pub(super) fn config(&self, certificate: Certificate) -> Arc<ServerConfig> {
        let made = self.made();
        Arc::clone(match certificate {
            Certificate::Good => &made.good,
            Certificate::Expired => &made.expired,
        })
    }

    fn made(&self) -> &Made {
        self.made.get_or_init(|| make(&self.names).expect("names were checked and ring signs with P-256"))
    }
}

/// # Rationale
/// ECDSA P-256 everywhere: every client knows it, and a key takes microseconds where RSA takes a tenth of a second.
/// The authority's name holds part of its key, because clients confuse two authorities of one name.
fn make(names: &[String]) -> Result<Made, Box<dyn std::error::Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let yesterday = OffsetDateTime::from_unix_timestamp(now)? - Duration::DAY;

    let ca_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut ca = CertificateParams::new(Vec::new())?;
    let point = ca_key.public_key_raw();
    let id = data_encoding::HEXLOWER.encode(&point[point.len() - 4..]);
    ca.distinguished_name.push(DnType::CommonName, format!("mailjig test CA {id}"));
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.not_before = yesterday;
    ca.not_after = yesterday + Duration::days(CA_DAYS);
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::from_params(&ca, &ca_key);

    let good = leaf(names, yesterday, yesterday + Duration::days(LEAF_DAYS), &issuer)?;
    // It was good for a month, and is no longer since a week ago.
    let expired = leaf(names, yesterday - Duration::days(36), yesterday - Duration::days(6), &issuer)?;
    Ok(Made { ca: pem(ca_certificate.der()), good, expired })
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

/// A certificate that the authority signs, with a key of its own, ready to be shown.
fn leaf(
    names: &[String],
    from: OffsetDateTime,
    to: OffsetDateTime,
    issuer: &Issuer<'_, &KeyPair>,
) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, names[0].as_str());
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    leaf.not_before = from;
    leaf.not_after = to;
    let leaf = leaf.signed_by(&key, issuer)?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    // A ticket would be output that nobody asked for.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
