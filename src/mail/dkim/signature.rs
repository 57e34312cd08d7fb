//! One DKIM-Signature field: its tags as types (RFC 6376 §3.5).

use data_encoding::BASE64;

use super::canonical::Canonical;
use super::failure::{DkimFailure, DkimFailureKind};
use super::tags::Tags;

/// What the tags say; correct as far as a verifier can tell without the key and the message.
pub(super) struct SignatureTags {
    pub(super) algorithm: DkimAlgorithm,
    pub(super) signature: Vec<u8>,
    pub(super) body_hash: Vec<u8>,
    pub(super) header: Canonical,
    pub(super) body: Canonical,
    /// `l=`
    pub(super) length: Option<usize>,
    /// `t=` and `x=`, in seconds.
    pub(super) signed_at: Option<u64>,
    pub(super) expires: Option<u64>,
    /// Whether the domain of `i=` is that of `d=`.
    pub(super) is_own_domain: bool,
    /// `z=`: fields as they were signed.
    pub(super) copied: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DkimAlgorithm {
    RsaSha256,
    Ed25519Sha256,
}

impl SignatureTags {
    /// Checks the tags in the order of RFC 6376 §6.1.1.
    pub(super) fn read(tags: &Tags) -> Result<Self, DkimFailure> {
        for name in ["v", "a", "b", "bh", "d", "h", "s"] {
            if tags.get(name).is_none_or(str::is_empty) {
                return Err(DkimFailure::malformed(format!("the tag `{name}=` is missing")));
            }
        }
        if tags.get("v") != Some("1") {
            return Err(DkimFailure::malformed("the version must be `v=1`"));
        }
        let algorithm = algorithm(tags.get("a").unwrap_or_default())?;
        if !tags.list("h").unwrap_or_default().iter().any(|name| name.eq_ignore_ascii_case("from")) {
            return Err(DkimFailure::malformed("`h=` does not name From, which must be signed"));
        }
        let canonical = tags.get("c").unwrap_or("simple/simple");
        let Some((header, body)) = Canonical::both(canonical) else {
            let why = "is not a canonicalisation; write `relaxed/relaxed` or another pair with `simple`";
            return Err(DkimFailure::malformed(format!("`c={canonical}` {why}")));
        };
        if tags.list("q").is_some_and(|methods| !methods.contains(&"dns/txt")) {
            return Err(DkimFailure::malformed("`q=` does not name `dns/txt`"));
        }
        let (signed_at, expires) = (number(tags, "t")?, number(tags, "x")?);
        if expires.zip(signed_at).is_some_and(|(x, t)| x <= t) {
            return Err(DkimFailure::malformed("the time of `x=` is not after that of `t=`"));
        }
        Ok(Self {
            algorithm,
            signature: base64(tags, "b")?,
            body_hash: base64(tags, "bh")?,
            header,
            body,
            length: number(tags, "l")?.map(|length| usize::try_from(length).unwrap_or(usize::MAX)),
            signed_at,
            expires,
            is_own_domain: is_own_domain(tags)?,
            copied: tags.get("z").map(copied).unwrap_or_default(),
        })
    }
}

fn algorithm(name: &str) -> Result<DkimAlgorithm, DkimFailure> {
    let reason = match name {
        "rsa-sha256" => return Ok(DkimAlgorithm::RsaSha256),
        "ed25519-sha256" => return Ok(DkimAlgorithm::Ed25519Sha256),
        "rsa-sha1" => "`rsa-sha1` must not be used; sign with `rsa-sha256` (RFC 8301 §3.1)".to_owned(),
        other => format!("`a={other}` is not known; sign with `rsa-sha256` or `ed25519-sha256` (RFC 8463 §3)"),
    };
    Err(DkimFailure::new(DkimFailureKind::Algorithm, reason))
}

fn number(tags: &Tags, name: &str) -> Result<Option<u64>, DkimFailure> {
    let Some(text) = tags.get(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|_| text.bytes().all(|octet| octet.is_ascii_digit()));
    number.map(Some).ok_or_else(|| DkimFailure::malformed(format!("`{name}={text}` is not a number")))
}

fn base64(tags: &Tags, name: &str) -> Result<Vec<u8>, DkimFailure> {
    let text = tags.squeezed(name).unwrap_or_default();
    BASE64.decode(text.as_bytes()).map_err(|why| DkimFailure::malformed(format!("`{name}=` is not base64: {why}")))
}

/// The domain of `i=` must be that of `d=` or below it.
fn is_own_domain(tags: &Tags) -> Result<bool, DkimFailure> {
    let Some(identity) = tags.get("i") else { return Ok(true) };
    let domain = tags.get("d").unwrap_or_default().to_ascii_lowercase();
    let (_, its) = identity.rsplit_once('@').unwrap_or(("", identity));
    let its = its.to_ascii_lowercase();
    match its.strip_suffix(&domain) {
        Some("") => Ok(true),
        Some(above) if above.ends_with('.') => Ok(false),
        Some(_) | None => {
            Err(DkimFailure::malformed(format!("the domain of `i={identity}` is not `{domain}` or below it")))
        }
    }
}

/// `name:value|name:value`, in dkim-quoted-printable (RFC 6376 §2.11).
fn copied(text: &str) -> Vec<(String, Vec<u8>)> {
    let fields = text.split('|').filter_map(|field| field.split_once(':'));
    let decoded = |value: &str| {
        let packed: String = value.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        crate::mail::mime::quoted_printable(packed.as_bytes())
    };
    fields.map(|(name, value)| (name.trim().to_ascii_lowercase(), decoded(value))).collect()
}
