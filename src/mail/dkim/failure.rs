//! Why a signature is not valid.

use std::fmt;

/// Why a DKIM signature is not valid (RFC 6376 §6.1). It prints as its reason.
///
/// ```
/// use mailjig::prelude::*;
/// use mailjig::{DkimFailureKind, DkimKeys};
///
/// let server = MailServer::start();
/// let mail = server.deliver("bob@example.org", "DKIM-Signature: v=1; d=example.org\r\n\r\n");
/// let keys = DkimKeys::any("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
///
/// let failure = mail.dkim(&keys)[0].failure.clone().unwrap();
/// assert_eq!(failure.kind, DkimFailureKind::Malformed);
/// assert_eq!(failure.to_string(), "the tag `a=` is missing (RFC 6376 §3.5)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DkimFailure {
    /// The kind of the failure.
    pub kind: DkimFailureKind,
    /// What is wrong.
    pub reason: String,
}

/// The kinds of [`DkimFailure`].
///
/// ```
/// assert_eq!(mailjig::DkimFailureKind::BodyHash.to_string(), "body-hash");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum DkimFailureKind {
    /// A tag of the signature is missing or wrong (RFC 6376 §3.5).
    Malformed,
    /// The algorithm is neither `rsa-sha256` nor `ed25519-sha256`; `rsa-sha1` must not be used (RFC 8301 §3.1).
    Algorithm,
    /// The message was received after the time of `x=`.
    Expired,
    /// The message was received more than an hour before the time of `t=`.
    Future,
    /// There is no key with the name of the signature.
    NoKey,
    /// The key is revoked: its `p=` is empty.
    RevokedKey,
    /// The key is not for this algorithm, this domain or mail: its `k=`, `h=`, `t=s` or `s=` do not fit.
    WrongKey,
    /// The RSA key has fewer than 1,024 bits (RFC 8301 §3.2).
    ShortKey,
    /// The body is not the one that was signed.
    BodyHash,
    /// The header is not the one that was signed, or another key signed it.
    Signature,
}

impl DkimFailureKind {
    /// Its name in the HTTP API, such as `body-hash`.
    ///
    /// ```
    /// assert_eq!(mailjig::DkimFailureKind::NoKey.name(), "no-key");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Expired => "expired",
            Self::Future => "future",
            Self::NoKey => "no-key",
            Self::RevokedKey => "revoked-key",
            Self::WrongKey => "wrong-key",
            Self::ShortKey => "short-key",
            Self::BodyHash => "body-hash",
            Self::Signature => "signature",
        }
    }
}

impl fmt::Display for DkimFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for DkimFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl DkimFailure {
    pub(super) fn new(kind: DkimFailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    pub(super) fn malformed(reason: impl fmt::Display) -> Self {
        Self::new(DkimFailureKind::Malformed, format!("{reason} (RFC 6376 §3.5)"))
    }
}
