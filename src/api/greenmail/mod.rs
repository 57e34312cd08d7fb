//! The REST API of GreenMail standalone (GreenMail 2.1.12).

mod service;
mod users;

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::json;

use super::Shared;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/configuration", get(service::configuration))
        .route("/api/user", get(users::list).post(users::create))
        .route("/api/user/{user}", delete(users::remove))
        .route("/api/user/{user}/messages", get(users::inbox))
        .route("/api/user/{user}/messages/", get(users::inbox))
        .route("/api/user/{user}/messages/{folder}", get(users::folder))
        .route("/api/user/{user}/messages/{folder}/", get(users::folder))
        .route("/api/mail/purge", post(service::purge))
        .route("/api/service/reset", post(service::reset))
        .route("/api/service/readiness", get(service::readiness))
}

/// What GreenMail answers if there is nothing else to say, or as an error.
fn message(status: StatusCode, text: impl Into<String>) -> Response {
    (status, Json(json!({ "message": text.into() }))).into_response()
}
