//! How each certificate of a server is made.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::Duration;

use super::Certificates;
use super::authority::{Authority, Ca, LEAF_DAYS, REVOKED, leaf_params};
use super::issued::Issued;
use crate::base::Certificate;

/// The key of the certificate `rsa`.
const RSA_KEY: &str = include_str!("rsa_key.pem");
/// How many CAs the chain of `long-chain` has between the root and the certificate.
const LONG: usize = 150;
/// How many further names `many-names` has. From 5,000 on, clients refuse the message.
const MANY: usize = 2000;

type Made<T> = Result<T, Box<dyn std::error::Error>>;

/// How a certificate differs from a valid one.
struct Recipe {
    key: fn() -> Made<KeyPair>,
    /// The names in it, of those of the server.
    names: fn(&[String]) -> Vec<String>,
    usage: ExtendedKeyUsagePurpose,
    is_ca: bool,
    has_common_name_only: bool,
    /// When it becomes valid, in days from yesterday, and for how many days.
    validity: (i64, i64),
    serial: Option<u64>,
    chain: Chain,
}

/// What is presented with the certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chain {
    /// The certificate and the intermediate CA.
    Complete,
    Missing,
    Swapped,
    Unordered,
    SelfSigned,
    OfUnknownCa,
    Long,
    /// Half of the certificate, and the intermediate CA.
    Garbage,
    /// With the key of another certificate.
    WrongKey,
}

impl Recipe {
    const VALID: Self = Self {
        key: new_key,
        names: <[String]>::to_vec,
        usage: ExtendedKeyUsagePurpose::ServerAuth,
        is_ca: false,
        has_common_name_only: false,
        validity: (0, LEAF_DAYS),
        serial: None,
        chain: Chain::Complete,
    };

    fn of(certificate: Certificate) -> Self {
        let valid = Self::VALID;
        let chain = |chain| Self { chain, ..Self::VALID };
        let names = |names| Self { names, ..Self::VALID };
        match certificate {
            Certificate::Good | Certificate::Renewed | Certificate::NeedsSni | Certificate::Own => valid,
            Certificate::Rsa => Self { key: rsa_key, ..valid },
            Certificate::Ed25519 => Self { key: || Ok(KeyPair::generate_for(&PKCS_ED25519)?), ..valid },
            Certificate::ManyNames => names(many),
            Certificate::Unordered => chain(Chain::Unordered),
            Certificate::LongChain => chain(Chain::Long),
            Certificate::Expired => Self { validity: (-36, 30), ..valid },
            Certificate::NotYetValid => Self { validity: (8, LEAF_DAYS), ..valid },
            Certificate::SelfSigned => chain(Chain::SelfSigned),
            Certificate::WrongHost => names(|_| vec!["wrong-host.invalid".to_owned()]),
            Certificate::UnknownCa => chain(Chain::OfUnknownCa),
            Certificate::MissingIntermediate => chain(Chain::Missing),
            Certificate::WrongOrder => chain(Chain::Swapped),
            Certificate::WrongUsage => Self { usage: ExtendedKeyUsagePurpose::ClientAuth, ..valid },
            Certificate::Revoked => Self { serial: Some(REVOKED), ..valid },
            Certificate::CaAsLeaf => Self { is_ca: true, ..valid },
            Certificate::CnOnly => Self { has_common_name_only: true, ..valid },
            Certificate::NoIp => names(|names| hosts(names).cloned().collect()),
            Certificate::Wildcard => names(wildcards),
            Certificate::WildcardBare => names(|_| vec!["*".to_owned()]),
            Certificate::WildcardPartial => names(|names| hosts(names).filter_map(|name| partial(name)).collect()),
            Certificate::WrongKey => chain(Chain::WrongKey),
            Certificate::Garbage => chain(Chain::Garbage),
        }
    }
}

impl Certificates {
    pub(super) fn issue(&self, certificate: Certificate) -> Made<Issued> {
        let recipe = Recipe::of(certificate);
        let (key, params) = ((recipe.key)()?, self.params(&recipe)?);
        let Authority { root, intermediate, .. } = self.authority();
        let signed = || intermediate.sign(params.clone(), &key);
        let ca = intermediate.certificate.clone();
        let chain = match recipe.chain {
            Chain::Complete | Chain::WrongKey => vec![signed()?, ca],
            Chain::Missing => vec![signed()?],
            Chain::Swapped => vec![ca, signed()?],
            Chain::Unordered => vec![signed()?, root.certificate.clone(), ca],
            Chain::SelfSigned => vec![params.self_signed(&key)?.der().clone()],
            Chain::OfUnknownCa => {
                let unknown = Authority::new()?.intermediate;
                vec![unknown.sign(params, &key)?, unknown.certificate]
            }
            Chain::Long => self.long_chain(params, &key)?,
            Chain::Garbage => {
                let whole = signed()?;
                vec![CertificateDer::from(whole[..whole.len() / 2].to_vec()), ca]
            }
        };
        let key = if recipe.chain == Chain::WrongKey { new_key()? } else { key };
        Ok(Issued::new(chain, private(&key))?)
    }

    /// The certificate for clients that send no server name.
    pub(super) fn without_sni(&self) -> Made<Issued> {
        let recipe = Recipe { names: |_| vec!["sni-missing.invalid".to_owned()], ..Recipe::VALID };
        let key = new_key()?;
        let certificate = self.params(&recipe)?.self_signed(&key)?;
        Ok(Issued::new(vec![certificate.der().clone()], private(&key))?)
    }

    fn params(&self, recipe: &Recipe) -> Made<CertificateParams> {
        let mut params = leaf_params(recipe.usage.clone(), self.authority().yesterday);
        let names = (recipe.names)(&self.names);
        if let Some(first) = names.first() {
            params.distinguished_name.push(DnType::CommonName, first.as_str());
        }
        for name in names.iter().filter(|_| !recipe.has_common_name_only) {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(ip) => SanType::IpAddress(ip),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        let (from, days) = recipe.validity;
        params.not_before += Duration::days(from);
        params.not_after = params.not_before + Duration::days(days);
        params.serial_number = recipe.serial.map(SerialNumber::from);
        #[cfg(feature = "api")]
        if let Some(url) = self.crl_url.get() {
            params.crl_distribution_points = vec![rcgen::CrlDistributionPoint { uris: vec![url.clone()] }];
        }
        if recipe.is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }
        Ok(params)
    }

    /// A certificate below many CAs, which share a key, because that saves time.
    fn long_chain(&self, params: CertificateParams, key: &KeyPair) -> Made<Vec<CertificateDer<'static>>> {
        let Authority { root, id, yesterday, .. } = self.authority();
        let shared = new_key()?;
        let mut chain = Vec::new();
        let mut last: Option<Ca> = None;
        for n in 1..=LONG {
            let key = KeyPair::try_from(shared.serialized_der())?;
            let name = format!("mailjig test CA {id}, {n} of {LONG}");
            let next = last.as_ref().unwrap_or(root).subordinate(&name, key, *yesterday)?;
            chain.push(next.certificate.clone());
            last = Some(next);
        }
        chain.push(last.as_ref().unwrap_or(root).sign(params, key)?);
        chain.reverse();
        Ok(chain)
    }
}

/// The names that are not IP addresses.
fn hosts(names: &[String]) -> impl Iterator<Item = &String> {
    names.iter().filter(|name| name.parse::<IpAddr>().is_err())
}

/// The names, and many further ones.
fn many(names: &[String]) -> Vec<String> {
    names.iter().cloned().chain((1..=MANY).map(|n| format!("name-{n}.many.invalid"))).collect()
}

/// Wildcards for what is below the names, without those that cover another of the names.
fn wildcards(names: &[String]) -> Vec<String> {
    let covers = |name: &str| hosts(names).filter_map(|other| other.split_once('.')).any(|(_, parent)| parent == name);
    hosts(names).filter(|name| !covers(name)).map(|name| format!("*.{name}")).collect()
}

/// A name whose first label ends in a wildcard. None if this label is one letter: the wildcard would be the whole label.
fn partial(name: &str) -> Option<String> {
    let (first, rest) = name.split_at(name.find('.').unwrap_or(name.len()));
    (first.len() > 1).then(|| format!("{}*{rest}", &first[..first.len() - 1]))
}

fn new_key() -> Made<KeyPair> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

fn rsa_key() -> Made<KeyPair> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(RSA_KEY.as_bytes())?;
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256)?)
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    let mut der = key.serialize_der();
    if key.algorithm() == &PKCS_ED25519 {
        // Without the public key (RFC 5958 §2): OpenSSL 3.0 only reads version 1, with a seed of 32 octets at the end.
        der.truncate(48);
        der.splice(..5, [0x30, 46, 0x02, 0x01, 0x00]);
    }
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der))
}
