//! The public keys of signers: the text of the TXT record `selector._domainkey.domain` (RFC 6376 §3.6).

use std::collections::BTreeMap;

use data_encoding::BASE64;
use ring::signature::{ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};

use super::tags::Tags;

/// The public keys for [`Message::dkim`](crate::Message::dkim), as the texts of the TXT records that a signer publishes
/// (RFC 6376 §3.6.1, RFC 8463 §4). A key belongs to the name of its record, or to all signatures without a record of
/// their own. Nothing is ever looked up in the DNS.
///
/// ```
/// use mailjig::DkimKeys;
///
/// let record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
/// let keys = DkimKeys::any(record).and("brisbane._domainkey.football.example.com", record);
/// ```
#[derive(Debug, Clone, Default)]
pub struct DkimKeys {
    any: Option<DkimKey>,
    named: BTreeMap<String, DkimKey>,
}

impl DkimKeys {
    /// One key for all signatures.
    ///
    /// # Panics
    /// If the text is not a key record; the message says why.
    ///
    /// ```
    /// # use mailjig::prelude::*;
    /// use mailjig::DkimKeys;
    ///
    /// # let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: not signed\r\n\r\n");
    /// let keys = DkimKeys::any("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    /// assert!(mail.dkim(&keys).is_empty());
    /// ```
    #[track_caller]
    pub fn any(record: &str) -> Self {
        match DkimKey::parse(record) {
            Ok(key) => Self { any: Some(key), named: BTreeMap::new() },
            Err(why) => panic!("the DKIM key is wrong: {why}"),
        }
    }

    /// The key of one record, such as `brisbane._domainkey.football.example.com`.
    ///
    /// # Panics
    /// If the name has no `._domainkey.`, or the text is not a key record.
    ///
    /// ```
    /// use mailjig::DkimKeys;
    ///
    /// let record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    /// let keys = DkimKeys::of("brisbane._domainkey.football.example.com", record);
    /// ```
    #[track_caller]
    pub fn of(name: &str, record: &str) -> Self {
        Self::default().and(name, record)
    }

    /// Adds the key of one record.
    ///
    /// # Panics
    /// As [`of`](Self::of).
    ///
    /// ```
    /// use mailjig::DkimKeys;
    ///
    /// let record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    /// let keys = DkimKeys::of("may._domainkey.example.org", record).and("june._domainkey.example.org", record);
    /// ```
    #[track_caller]
    pub fn and(mut self, name: &str, record: &str) -> Self {
        match self.insert(name, record) {
            Ok(()) => self,
            Err(why) => panic!("the DKIM key {name} is wrong: {why}"),
        }
    }

    /// Sets the key for all signatures.
    pub(crate) fn insert_any(&mut self, record: &str) -> Result<(), String> {
        self.any = Some(DkimKey::parse(record)?);
        Ok(())
    }

    pub(crate) fn insert(&mut self, name: &str, record: &str) -> Result<(), String> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let halves = name.split_once("._domainkey.");
        if halves.is_none_or(|(selector, domain)| selector.is_empty() || domain.is_empty()) {
            return Err("its name must be that of a record, as in `selector._domainkey.example.org`".to_owned());
        }
        self.named.insert(name, DkimKey::parse(record)?);
        Ok(())
    }

    pub(super) fn find(&self, name: &str) -> Option<&DkimKey> {
        self.named.get(&name.to_ascii_lowercase()).or(self.any.as_ref())
    }
}

/// One record.
#[derive(Debug, Clone)]
pub(super) struct DkimKey {
    pub(super) kind: DkimKeyKind,
    /// The octets of `p=`: for RSA, an `RSAPublicKey`; empty if the key is revoked.
    octets: Vec<u8>,
    /// `h=`: the acceptable hashes.
    pub(super) hashes: Option<Vec<String>>,
    /// `t=s`: the domain of `i=` must be that of `d=`.
    pub(super) is_strict: bool,
    /// `s=`: whether it is for mail.
    pub(super) is_for_mail: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DkimKeyKind {
    Rsa {
        /// Of the modulus.
        bits: usize,
    },
    Ed25519,
}

impl DkimKey {
    fn parse(record: &str) -> Result<Self, String> {
        let tags = Tags::parse(record)?;
        // RFC 6376 §3.6.1: if there is a version, it comes first.
        match tags.get("v") {
            Some(version) if version != "DKIM1" => return Err(format!("its version is `{version}`, not `DKIM1`")),
            Some(_) if tags.first() != Some("v") => return Err("`v=DKIM1` must be its first tag".to_owned()),
            Some(_) | None => {}
        }
        let p = tags.squeezed("p").ok_or("it has no tag `p=` with the public key")?;
        let octets = BASE64.decode(p.as_bytes()).map_err(|error| format!("`p=` is not base64: {error}"))?;
        let (kind, octets) = match tags.get("k").unwrap_or("rsa") {
            "rsa" if octets.is_empty() => (DkimKeyKind::Rsa { bits: 0 }, octets),
            "rsa" => {
                let (bits, key) = rsa(&octets).ok_or("`p=` is not an RSA public key in DER")?;
                (DkimKeyKind::Rsa { bits }, key.to_vec())
            }
            // RFC 8463 §4.2: 32 octets without a structure around them.
            "ed25519" if octets.is_empty() || octets.len() == 32 => (DkimKeyKind::Ed25519, octets),
            "ed25519" => return Err(format!("`p=` has {} octets; an Ed25519 key has 32", octets.len())),
            other => return Err(format!("`k={other}` is not a type of key; write `rsa` or `ed25519`")),
        };
        Ok(Self {
            kind,
            octets,
            hashes: tags.list("h").map(|names| names.into_iter().map(str::to_owned).collect()),
            is_strict: tags.list("t").is_some_and(|flags| flags.contains(&"s")),
            is_for_mail: tags.list("s").is_none_or(|types| types.contains(&"*") || types.contains(&"email")),
        })
    }

    /// Whether `p=` is empty (RFC 6376 §3.6.1).
    pub(super) fn is_revoked(&self) -> bool {
        self.octets.is_empty()
    }

    /// Whether a signature fits these octets, which the header hash covers.
    pub(super) fn fits(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self.kind {
            DkimKeyKind::Rsa { .. } => {
                let key = UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, &self.octets);
                key.verify(signed, signature).is_ok()
            }
            // RFC 8463 §3: Ed25519 signs the SHA-256 of the octets.
            DkimKeyKind::Ed25519 => {
                let digest = ring::digest::digest(&ring::digest::SHA256, signed);
                UnparsedPublicKey::new(&ED25519, &self.octets).verify(digest.as_ref(), signature).is_ok()
            }
        }
    }
}

/// The number of bits of the modulus, and the `RSAPublicKey` (RFC 8017 appendix A.1.1), which may stand in a
/// `SubjectPublicKeyInfo` (RFC 5280 §4.1).
fn rsa(der: &[u8]) -> Option<(usize, &[u8])> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    const BIT_STRING: u8 = 0x03;
    let (content, _) = element(der, SEQUENCE)?;
    let key = match element(content, SEQUENCE) {
        Some((_algorithm, rest)) => element(rest, BIT_STRING)?.0.strip_prefix(&[0])?,
        None => der,
    };
    let (numbers, _) = element(key, SEQUENCE)?;
    let (modulus, _) = element(numbers, INTEGER)?;
    let modulus = &modulus[modulus.iter().take_while(|octet| **octet == 0).count()..];
    let first = modulus.first()?;
    Some((modulus.len() * 8 - first.leading_zeros() as usize, key))
}

/// The content of the element with this tag at the start of the octets, and the octets behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first().filter(|(first, _)| **first == tag).map(|(_, rest)| rest.split_first())??;
    let (len, rest) = match *first {
        short @ 0..=0x7F => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(long & 0x7F))?;
            (octets.iter().fold(0, |len, octet| len << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}
