//! `/v1/messages/{m}/dkim`: the DKIM signatures of a message, verified with the keys in the request.

use std::collections::BTreeMap;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::blocking::run_blocking;
use super::body::JsonBody;
use super::message::find;
use super::params::{NoParams, Path};
use super::problem::Problem;
use super::target::Target;
use crate::mail::{DkimFailure, DkimKeys, DkimSignature, Message};

/// Public keys, as the texts of the TXT records that the signer publishes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DkimBody {
    /// The key for all signatures that `keys` does not name, such as `v=DKIM1; k=ed25519; p=…`.
    key: Option<String>,
    /// The names of records, such as `may._domainkey.example.org`, with their texts.
    #[serde(default)]
    #[schema(value_type = Object, additional_properties)]
    keys: BTreeMap<String, String>,
}

/// The signatures of a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct DkimJson {
    /// Whether one of them is valid.
    valid: bool,
    signatures: Vec<DkimSignatureJson>,
}

/// A DKIM-Signature field (RFC 6376 §3.5).
#[derive(Serialize, ToSchema)]
struct DkimSignatureJson {
    valid: bool,
    /// `d=`, the domain that signed.
    domain: String,
    /// `s=`, the selector of the key.
    selector: String,
    /// `a=`, such as `rsa-sha256`.
    algorithm: String,
    /// `h=`, the names of the signed header fields.
    signed: Vec<String>,
    /// How many octets at the end of the body are not signed, because of `l=`.
    unsigned_octets: usize,
    /// Why it is not valid.
    failure: Option<DkimFailureJson>,
}

/// Why a signature is not valid.
#[derive(Serialize, ToSchema)]
struct DkimFailureJson {
    /// `malformed`, `algorithm`, `expired`, `future`, `no-key`, `revoked-key`, `wrong-key`, `short-key`, `body-hash` or
    /// `signature`.
    kind: &'static str,
    reason: String,
}

/// Verify the DKIM signatures of a message, with the keys in the body.
///
/// The signatures are judged at the time when the message was received. The keys are never looked up in the DNS.
#[utoipa::path(
    post, path = "/messages/{m}/dkim",
    params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")),
    request_body = DkimBody,
    responses(
        (status = 200, description = "The signatures, in the order of the header.", body = DkimJson),
        (status = 404, description = "There is no such message."),
    ),
)]
pub(super) async fn dkim(
    Target(server): Target,
    Path(m): Path<String>,
    _: NoParams,
    JsonBody(body): JsonBody<DkimBody>,
) -> Result<Json<DkimJson>, Problem> {
    let message = find(&server, &m)?.message;
    let keys = body.read()?;
    run_blocking(move || Json(DkimJson::of(&message, &keys))).await
}

impl DkimBody {
    fn read(self) -> Result<DkimKeys, Problem> {
        let mut keys = DkimKeys::default();
        if let Some(key) = self.key {
            keys.insert_any(&key).map_err(|why| Problem::field("key", format!("the key is wrong: {why}")))?;
        }
        for (name, record) in self.keys {
            let wrong = |why| Problem::field("keys", format!("the key `{name}` is wrong: {why}"));
            keys.insert(&name, &record).map_err(wrong)?;
        }
        Ok(keys)
    }
}

impl DkimJson {
    pub(crate) fn of(message: &Message, keys: &DkimKeys) -> Self {
        let signatures = message.dkim(keys);
        let valid = signatures.iter().any(DkimSignature::is_valid);
        Self { valid, signatures: signatures.into_iter().map(DkimSignatureJson::from).collect() }
    }
}

impl From<DkimSignature> for DkimSignatureJson {
    fn from(its: DkimSignature) -> Self {
        let valid = its.is_valid();
        let DkimSignature { domain, selector, algorithm, signed, unsigned_octets, failure } = its;
        let failure = failure.map(|DkimFailure { kind, reason }| DkimFailureJson { kind: kind.name(), reason });
        Self { valid, domain, selector, algorithm, signed, unsigned_octets, failure }
    }
}
