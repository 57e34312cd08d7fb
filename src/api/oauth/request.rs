//! What the endpoints of the provider read and answer: forms, and errors in the form of RFC 6749 §5.2.

use std::mem;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::super::body::octets_of;
use super::super::endpoints::Reached;
use super::super::problem::Problem;
use super::super::target::Base;
use crate::oauth::{ClientCredentials, ErrorCode, FormParams, OAuthError};

/// The URL of the provider, as the client reached it: what its tokens name as their issuer. That of the main server has
/// no path, also for a request below `/v1`.
pub(in crate::api) struct Issuer(pub(in crate::api) String);

impl<S: Send + Sync> FromRequestParts<S> for Issuer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let reached = Reached::from_request_parts(parts, state).await?;
        let Base(base) = Base::from_request_parts(parts, state).await?;
        let path = if &*base == "/v1" { "" } else { &*base };
        Ok(Self(format!("{}{path}", reached.url())))
    }
}

/// The parameters of a request, and the client that sent them.
#[derive(Clone)]
pub(in crate::api) struct ClientForm {
    pub(in crate::api) form: FormParams,
    pub(in crate::api) client: Option<ClientCredentials>,
}

impl<S: Send + Sync> FromRequestParts<S> for ClientForm {
    type Rejection = Problem;

    /// Gives what [`take`](Self::take) has read.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::bug)
    }
}

impl ClientForm {
    /// Reads the body, which is a form, or the query of a request that has no body.
    pub(super) async fn take(request: &mut Request) -> Result<Self, Response> {
        if request.method() != Method::POST {
            let form = FormParams::parse(request.uri().query().unwrap_or_default());
            let client = ClientCredentials::of(None, &form).unwrap_or_default();
            return Ok(Self { form, client });
        }
        let [content_type, authorization] = [header::CONTENT_TYPE, header::AUTHORIZATION].map(|name| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned)
        });
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        let body = octets_of(Request::new(mem::take(request.body_mut())), &()).await.map_err(Problem::into_response)?;
        let is_form =
            content_type.split(';').next().is_some_and(|its| its.trim() == "application/x-www-form-urlencoded");
        if !is_form && !body.is_empty() {
            let why = "the body must be a form: application/x-www-form-urlencoded";
            return Err(failed(&OAuthError::new(ErrorCode::InvalidRequest, why)));
        }
        let form = FormParams::parse(&String::from_utf8_lossy(&body));
        let client = ClientCredentials::of(authorization.as_deref(), &form).map_err(|error| failed(&error))?;
        Ok(Self { form, client })
    }
}

/// An error for the client (RFC 6749 §5.2). The response carries it also for the journal.
pub(in crate::api) fn failed(error: &OAuthError) -> Response {
    let (code, description) = (error.code.name(), &error.description);
    let status = match error.code {
        ErrorCode::InvalidClient | ErrorCode::InvalidToken => StatusCode::UNAUTHORIZED,
        ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::InvalidRequest
        | ErrorCode::InvalidGrant
        | ErrorCode::InvalidScope
        | ErrorCode::UnauthorizedClient
        | ErrorCode::UnsupportedGrantType
        | ErrorCode::UnsupportedResponseType
        | ErrorCode::AccessDenied
        | ErrorCode::InteractionRequired
        | ErrorCode::AuthorizationPending
        | ErrorCode::SlowDown
        | ErrorCode::ExpiredToken => StatusCode::BAD_REQUEST,
    };
    let body = Json(json!({ "error": code, "error_description": description }));
    let mut response = (status, uncached(), Extension(error.clone()), body).into_response();
    let challenge = if error.code == ErrorCode::InvalidClient {
        Some("Basic realm=\"mailjig\"".to_owned())
    } else {
        let is_of_token = error.code == ErrorCode::InvalidToken;
        is_of_token.then(|| format!("Bearer error=\"{code}\", error_description=\"{description}\""))
    };
    if let Some(challenge) = challenge.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Answers with tokens must not be kept (RFC 6749 §5.1).
pub(in crate::api) fn uncached() -> [(header::HeaderName, &'static str); 2] {
    [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")]
}
