//! `/v1/messages/{m}/unsubscribe`: how a reader of a message unsubscribes.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking::run_blocking;
use super::message::find;
use super::params::{NoParams, Path};
use super::problem::Problem;
use super::target::Target;
use crate::mail::Unsubscribe;

/// List-Unsubscribe (RFC 2369 §3.2).
#[derive(Serialize, ToSchema)]
pub(super) struct UnsubscribeJson {
    /// The URIs, in order.
    uris: Vec<String>,
    /// What a mail program posts for one click; `null` if something is missing for it.
    one_click: Option<OneClickJson>,
    /// What is missing for one click; `null` if nothing is.
    missing: Option<String>,
}

/// The POST of one click (RFC 8058).
#[derive(Serialize, ToSchema)]
struct OneClickJson {
    uri: String,
    /// As `application/x-www-form-urlencoded`.
    body: &'static str,
}

/// Get the URIs to unsubscribe from a list, and whether one click is enough.
///
/// mailjig does not call them.
#[utoipa::path(get, path = "/messages/{m}/unsubscribe", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")), responses(
    (status = 200, description = "The URIs.", body = UnsubscribeJson),
    (status = 404, description = "There is no such message, or it has no List-Unsubscribe."),
))]
pub(super) async fn unsubscribe(
    Target(server): Target,
    Path(m): Path<String>,
    _: NoParams,
) -> Result<Json<UnsubscribeJson>, Problem> {
    let message = find(&server, &m)?.message;
    let found = run_blocking(move || message.unsubscribe()).await?;
    let Unsubscribe { uris, one_click } = found.ok_or_else(|| Problem::none("List-Unsubscribe in", &m))?;
    let (one_click, missing) = match one_click {
        Ok(uri) => (Some(OneClickJson { uri, body: Unsubscribe::BODY }), None),
        Err(missing) => (None, Some(missing)),
    };
    Ok(Json(UnsubscribeJson { uris, one_click, missing }))
}
