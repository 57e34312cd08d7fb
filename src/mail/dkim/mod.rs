//! DKIM signatures of a message, verified with keys that the test supplies (RFC 6376, RFC 8463). There is no DNS.

mod canonical;
mod failure;
mod key;
mod signature;
mod tags;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

use self::canonical::Canonical;
pub use self::failure::{DkimFailure, DkimFailureKind};
pub use self::key::DkimKeys;
use self::key::{DkimKey, DkimKeyKind};
use self::signature::{DkimAlgorithm, SignatureTags};
use self::tags::Tags;
use super::mime::Part;
use crate::base::Timestamp;

/// Further signatures of a message are ignored: each one reads the whole body.
const MOST_SIGNATURES: usize = 32;
/// The clock of the signer may be ahead by this many seconds.
const MOST_AHEAD: u64 = 3600;

/// One DKIM-Signature field of a message and whether it is valid. Returned by [`Message::dkim`](crate::Message::dkim).
///
/// ```
/// use mailjig::prelude::*;
/// use mailjig::DkimKeys;
///
/// let server = MailServer::start();
/// let signed = "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=may; h=from; bh=YQ==; b=YQ==\r\n\r\n";
/// let mail = server.deliver("bob@example.org", signed);
///
/// let signature = &mail.dkim(&DkimKeys::default())[0];
/// assert_eq!((signature.domain.as_str(), signature.selector.as_str()), ("example.org", "may"));
/// assert!(!signature.is_valid());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DkimSignature {
    /// The domain that takes responsibility: `d=`.
    pub domain: String,
    /// The selector of the key: `s=`.
    pub selector: String,
    /// The algorithm: `a=`.
    pub algorithm: String,
    /// The names of the signed header fields, as in `h=`.
    pub signed: Vec<String>,
    /// How many octets at the end of the body are not signed, because of `l=`.
    pub unsigned_octets: usize,
    /// Why it is not valid; `None` if it is.
    pub failure: Option<DkimFailure>,
}

impl DkimSignature {
    /// Whether the message is as it was signed, by the owner of the key.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::DkimKeys;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "DKIM-Signature: v=1\r\n\r\n");
    /// assert!(!mail.dkim(&DkimKeys::default())[0].is_valid());
    /// ```
    pub fn is_valid(&self) -> bool {
        self.failure.is_none()
    }
}

/// The signatures of a message that was received at this time, in the order of the header.
pub(super) fn verify(root: Part<'_>, received: Timestamp, keys: &DkimKeys) -> Vec<DkimSignature> {
    let fields: Vec<SignedField<'_>> = root.raw_fields().map(|(name, lines)| SignedField { name, lines }).collect();
    let signatures = (0..fields.len()).filter(|at| fields[*at].is_named("dkim-signature")).take(MOST_SIGNATURES);
    let received = u64::try_from(received.as_micros() / 1_000_000).unwrap_or(0);
    let bodies = Bodies { raw: root.raw_body(), simple: OnceCell::new(), relaxed: OnceCell::new() };
    signatures.map(|at| verified(&fields, at, &bodies, received, keys)).collect()
}

/// The names of the fields that each signature covers, `h=`, without a look at the body.
pub(super) fn signed_names(root: Part<'_>) -> Vec<Vec<String>> {
    let fields = root.raw_fields().map(|(name, lines)| SignedField { name, lines });
    let signatures = fields.filter(|field| field.is_named("dkim-signature")).take(MOST_SIGNATURES);
    let names = |field: SignedField<'_>| {
        let tags = Tags::parse(String::from_utf8_lossy(field.value()).trim());
        tags.map(|tags| names_in(&tags)).unwrap_or_default()
    };
    signatures.map(names).collect()
}

fn names_in(tags: &Tags) -> Vec<String> {
    tags.list("h").unwrap_or_default().into_iter().map(str::to_owned).collect()
}

/// The canonical bodies of a message, each of them made once.
struct Bodies<'m> {
    raw: &'m [u8],
    simple: OnceCell<Cow<'m, [u8]>>,
    relaxed: OnceCell<Cow<'m, [u8]>>,
}

impl Bodies<'_> {
    fn get(&self, canonical: Canonical) -> &[u8] {
        let body = match canonical {
            Canonical::Simple => &self.simple,
            Canonical::Relaxed => &self.relaxed,
        };
        body.get_or_init(|| canonical.body(self.raw))
    }
}

/// A header field: its name, and all its lines.
#[derive(Clone, Copy)]
struct SignedField<'a> {
    name: &'a [u8],
    lines: &'a [u8],
}

impl<'a> SignedField<'a> {
    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    fn value(&self) -> &'a [u8] {
        memchr::memchr(b':', self.lines).map_or(&[], |colon| &self.lines[colon + 1..])
    }
}

fn verified(
    fields: &[SignedField<'_>],
    at: usize,
    bodies: &Bodies<'_>,
    received: u64,
    keys: &DkimKeys,
) -> DkimSignature {
    let text = String::from_utf8_lossy(fields[at].value());
    let tags = Tags::parse(text.trim());
    let tag = |name| tags.as_ref().ok().and_then(|tags| tags.get(name)).unwrap_or_default().to_owned();
    let mut its = DkimSignature {
        domain: tag("d"),
        selector: tag("s"),
        algorithm: tag("a"),
        signed: tags.as_ref().map(names_in).unwrap_or_default(),
        unsigned_octets: 0,
        failure: None,
    };
    let read = tags.map_err(DkimFailure::malformed).and_then(|tags| SignatureTags::read(&tags));
    its.failure = match read {
        Err(failure) => Some(failure),
        Ok(tags) => {
            its.unsigned_octets = tags.length.map_or(0, |length| bodies.get(tags.body).len().saturating_sub(length));
            let check = Check { its: &its, tags: &tags, fields, at };
            check.run(bodies, received, keys).err()
        }
    };
    its
}

/// One signature that is being verified (RFC 6376 §6.1).
struct Check<'c, 'a> {
    its: &'c DkimSignature,
    tags: &'c SignatureTags,
    fields: &'c [SignedField<'a>],
    /// The position of the signature among the fields.
    at: usize,
}

impl Check<'_, '_> {
    fn run(&self, bodies: &Bodies<'_>, received: u64, keys: &DkimKeys) -> Result<(), DkimFailure> {
        self.time(received)?;
        let name = format!("{}._domainkey.{}", self.its.selector, self.its.domain);
        let key = keys
            .find(&name)
            .ok_or_else(|| DkimFailure::new(DkimFailureKind::NoKey, format!("the test gave no key for `{name}`")))?;
        self.key(key)?;
        self.body(bodies.get(self.tags.body))?;
        let signed = self.header();
        match key.fits(&signed, &self.tags.signature) {
            true => Ok(()),
            false => Err(DkimFailure::new(DkimFailureKind::Signature, self.changed())),
        }
    }

    fn time(&self, received: u64) -> Result<(), DkimFailure> {
        let shown = |seconds: u64| {
            let micros = seconds.saturating_mul(1_000_000);
            i64::try_from(micros)
                .map_or_else(|_| seconds.to_string(), |micros| Timestamp::from_micros(micros).to_string())
        };
        if let Some(expires) = self.tags.expires.filter(|expires| *expires < received) {
            let reason =
                format!("it expired at {}, and the message was received at {}", shown(expires), shown(received));
            return Err(DkimFailure::new(DkimFailureKind::Expired, reason));
        }
        if let Some(signed) = self.tags.signed_at.filter(|signed| *signed > received.saturating_add(MOST_AHEAD)) {
            let reason =
                format!("it was made at {}, after the message was received at {}", shown(signed), shown(received));
            return Err(DkimFailure::new(DkimFailureKind::Future, reason));
        }
        Ok(())
    }

    /// RFC 6376 §6.1.2.
    fn key(&self, key: &DkimKey) -> Result<(), DkimFailure> {
        let wrong = |reason: &str| Err(DkimFailure::new(DkimFailureKind::WrongKey, reason));
        if key.is_revoked() {
            return Err(DkimFailure::new(DkimFailureKind::RevokedKey, "the key is revoked: its `p=` is empty"));
        }
        match (self.tags.algorithm, key.kind) {
            (DkimAlgorithm::RsaSha256, DkimKeyKind::Ed25519) => return wrong("the key is for Ed25519, not for RSA"),
            (DkimAlgorithm::Ed25519Sha256, DkimKeyKind::Rsa { .. }) => {
                return wrong("the key is for RSA, not for Ed25519");
            }
            (DkimAlgorithm::RsaSha256, DkimKeyKind::Rsa { bits }) if bits < 1024 => {
                let reason = format!("the RSA key has {bits} bits; it must have at least 1024 (RFC 8301 §3.2)");
                return Err(DkimFailure::new(DkimFailureKind::ShortKey, reason));
            }
            (DkimAlgorithm::RsaSha256, DkimKeyKind::Rsa { .. })
            | (DkimAlgorithm::Ed25519Sha256, DkimKeyKind::Ed25519) => {}
        }
        if key.hashes.as_ref().is_some_and(|hashes| !hashes.iter().any(|hash| hash == "sha256")) {
            return wrong("`h=` of the key does not allow `sha256`");
        }
        if !key.is_for_mail {
            return wrong("`s=` of the key does not name `email`");
        }
        match key.is_strict && !self.tags.is_own_domain {
            true => wrong("the key has `t=s`, so the domain of `i=` must be that of `d=`"),
            false => Ok(()),
        }
    }

    fn body(&self, body: &[u8]) -> Result<(), DkimFailure> {
        let length = self.tags.length.unwrap_or(body.len());
        let failure = |reason| Err(DkimFailure::new(DkimFailureKind::BodyHash, reason));
        let Some(signed) = body.get(..length) else {
            return failure(format!("`l={length}`, but the body has only {} octets", body.len()));
        };
        let got = digest(&SHA256, signed);
        if got.as_ref() == self.tags.body_hash {
            return Ok(());
        }
        let (signed, got) = (BASE64.encode(&self.tags.body_hash), BASE64.encode(got.as_ref()));
        failure(format!("the body was changed after signing: its hash was {signed}, and is {got}"))
    }

    /// The octets that were signed (RFC 6376 §3.7). Of fields that occur several times, `h=` names the last one first.
    fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for field in self.signed_fields() {
            self.tags.header.field(field.name, field.lines, &mut out);
        }
        let own = without_signature(self.fields[self.at].lines);
        self.tags.header.field(self.fields[self.at].name, &own, &mut out);
        out.truncate(out.len() - 2);
        out
    }

    /// The fields that `h=` names. A name without a field signs that there is none (RFC 6376 §5.4.2).
    fn signed_fields(&self) -> Vec<SignedField<'_>> {
        let mut by_name: HashMap<Vec<u8>, Vec<SignedField<'_>>> = HashMap::new();
        for (_, field) in self.fields.iter().enumerate().filter(|(at, _)| *at != self.at) {
            by_name.entry(field.name.to_ascii_lowercase()).or_default().push(*field);
        }
        let names = self.its.signed.iter().map(|name| name.to_ascii_lowercase().into_bytes());
        names.filter_map(|name| by_name.get_mut(&name)?.pop()).collect()
    }

    /// What may have been changed. Only `z=` tells which field it was.
    fn changed(&self) -> String {
        let plain = |value: &[u8]| {
            let mut out = Vec::new();
            Canonical::Relaxed.field(b"", &[b":", value].concat(), &mut out);
            String::from_utf8_lossy(&out).trim_start_matches(':').trim_end().to_owned()
        };
        // Of each name the first value, and all of them.
        let mut now: HashMap<String, (String, HashSet<String>)> = HashMap::new();
        for field in self.signed_fields() {
            let (name, value) = (String::from_utf8_lossy(field.name).to_ascii_lowercase(), plain(field.value()));
            let (_, all) = now.entry(name).or_insert_with(|| (value.clone(), HashSet::new()));
            all.insert(value);
        }
        for (name, then) in &self.tags.copied {
            let then = plain(then);
            match now.get(name) {
                None => return format!("the header field {name} was removed after signing; it was `{then}`"),
                Some((first, all)) if !all.contains(&then) => {
                    return format!(
                        "the header field {name} was changed after signing: it was `{then}`, and is `{first}`"
                    );
                }
                Some(_) => {}
            }
        }
        let mut names: Vec<&str> = self.its.signed.iter().map(String::as_str).collect();
        names.dedup_by(|one, two| one.eq_ignore_ascii_case(two));
        format!(
            "the signature does not fit: another key signed, or a signed header field was changed, removed or added: {}",
            names.join(", ")
        )
    }
}

/// The lines of the field with an empty `b=`.
fn without_signature(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len());
    let start = memchr::memchr(b':', lines).map_or(0, |colon| colon + 1);
    let (name, value) = lines.split_at(start);
    out.extend(name);
    for (i, tag) in value.split(|octet| *octet == b';').enumerate() {
        if i > 0 {
            out.push(b';');
        }
        let end = memchr::memchr(b'=', tag).filter(|end| tag[..*end].trim_ascii() == b"b");
        out.extend(end.map_or(tag, |end| &tag[..=end]));
    }
    out
}
