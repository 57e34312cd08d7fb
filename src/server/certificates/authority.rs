//! The certification authorities of a server.

use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, RevocationReason, RevokedCertParams,
    SerialNumber,
};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use super::pem::pem;

/// Validity of certificates that are not of a CA. Some clients refuse certificates that are valid for longer than 398 days.
pub(super) const LEAF_DAYS: i64 = 396;
const CA_DAYS: i64 = 3650;
/// The serial number of the certificate that is revoked.
pub(super) const REVOKED: u64 = 0x4d61_696c_6a69_6701;

/// The root CA, which clients trust, and the intermediate CA, which signs certificates of servers.
///
/// # Rationale
/// ECDSA P-256 everywhere: every client supports it, and generating a key takes microseconds, where RSA takes a tenth of a
/// second. The name of the root contains part of its key, because clients confuse two CAs with the same name.
pub(super) struct Authority {
    pub(super) root: Ca,
    pub(super) intermediate: Ca,
    /// What distinguishes the names of its CAs from those of other servers.
    pub(super) id: String,
    /// The start of validity: a day before generation, because clocks may differ.
    pub(super) yesterday: OffsetDateTime,
}

/// A CA.
pub(super) struct Ca {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
        let yesterday = OffsetDateTime::from_unix_timestamp(now)? - Duration::DAY;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let point = key.public_key_raw();
        let id = data_encoding::HEXLOWER.encode(&point[point.len() - 4..]);
        let params = ca_params(&format!("mailjig test CA {id}"), yesterday);
        let certificate = params.self_signed(&key)?.der().clone();
        let root = Ca { certificate, issuer: Issuer::new(params, key) };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let intermediate = root.subordinate(&format!("mailjig test intermediate CA {id}"), key, yesterday)?;
        Ok(Self { root, intermediate, id, yesterday })
    }

    /// The CRLs of the intermediate CA, which has the revoked certificate, and of the root, which is empty, in DER
    /// (RFC 5280 §5).
    pub(super) fn crls(&self) -> Result<[Vec<u8>; 2], rcgen::Error> {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(REVOKED),
            revocation_time: self.yesterday,
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let crl = |ca: &Ca, revoked_certs| {
            let params = CertificateRevocationListParams {
                this_update: self.yesterday,
                next_update: self.yesterday + Duration::days(LEAF_DAYS),
                crl_number: SerialNumber::from(1),
                issuing_distribution_point: None,
                revoked_certs,
                key_identifier_method: KeyIdMethod::Sha256,
            };
            Ok(params.signed_by(&ca.issuer)?.der().to_vec())
        };
        Ok([crl(&self.intermediate, vec![revoked])?, crl(&self.root, Vec::new())?])
    }

    /// The certificate of the root, in PEM.
    pub(super) fn root_pem(&self) -> String {
        pem("CERTIFICATE", &self.root.certificate)
    }
}

impl Ca {
    /// A CA that this one signs.
    pub(super) fn subordinate(&self, name: &str, key: KeyPair, from: OffsetDateTime) -> Result<Self, rcgen::Error> {
        let mut params = ca_params(name, from);
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// Signs a certificate for this key, with the usages and the time of these parameters.
    pub(super) fn sign(
        &self,
        mut params: CertificateParams,
        key: &KeyPair,
    ) -> Result<CertificateDer<'static>, rcgen::Error> {
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(key, &self.issuer)?.der().clone())
    }
}

fn ca_params(name: &str, from: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = from;
    params.not_after = from + Duration::days(CA_DAYS);
    params
}

/// The parameters of a certificate that is not of a CA, without names.
pub(super) fn leaf_params(usage: ExtendedKeyUsagePurpose, from: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.not_before = from;
    params.not_after = from + Duration::days(LEAF_DAYS);
    params
}
