//! The body of a request: JSON, or JSON with a message in it or the message itself.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use data_encoding::BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;

/// A body with a JSON object, whatever its content type says. An empty body counts as an empty object.
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = octets_of(request, state).await?;
        let body = if body.is_empty() { &b"{}"[..] } else { &body };
        // serde would take the elements of an array for the members in their order.
        if body.trim_ascii_start().starts_with(b"[") {
            let problem = Problem::field("body", "the body must be a JSON object, not an array");
            return Err(problem.status(StatusCode::UNPROCESSABLE_ENTITY));
        }
        Json::from_bytes(body).map(|Json(body)| Self(body)).map_err(|why| Problem::body(&why, body))
    }
}

/// No body, or an empty object.
pub(super) struct NoBody;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoMembers {}

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        JsonBody::from_request(request, state).await.map(|JsonBody(NoMembers {})| Self)
    }
}

/// A body that brings a message.
pub(super) enum MessageBody<T> {
    Json(T),
    /// A body whose type is `message/…`, such as `message/rfc822`.
    Message(Bytes),
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for MessageBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|its| its.starts_with("message/")) {
            return octets_of(request, state).await.map(Self::Message);
        }
        JsonBody::from_request(request, state).await.map(|JsonBody(body)| Self::Json(body))
    }
}

pub(super) async fn octets_of<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|why| Problem::new(why.status(), why.body_text()))
}

/// The octets from `raw` or from `raw_base64`.
pub(super) fn octets(raw: Option<String>, raw_base64: Option<String>) -> Result<Bytes, Problem> {
    match (raw, raw_base64) {
        (Some(raw), None) => Ok(raw.into()),
        (None, Some(base64)) => match BASE64.decode(base64.as_bytes()) {
            Ok(raw) => Ok(raw.into()),
            Err(error) => Err(Problem::field("raw_base64", format!("it is not base64: {error}"))),
        },
        _ => Err(Problem::field("raw", "put the message into either `raw` or `raw_base64`")),
    }
}

/// A body of JSON whose members are read one by one.
pub(super) fn value(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::field("body", format!("the body is not valid JSON: {error}")))
}
