//! MailHog's API, versions 1 and 2 (MailHog 1.0.2).

mod jim;
mod json;
mod messages;
mod news;
mod parts;
mod release;
mod search;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};

use super::Shared;
use super::problem::Problem;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/messages", get(messages::all).delete(messages::clear))
        .route("/api/v1/messages/{id}", get(messages::one).delete(messages::remove))
        .route("/api/v1/messages/{id}/download", get(parts::download))
        .route("/api/v1/messages/{id}/mime/part/{n}/download", get(parts::part))
        .route("/api/v1/messages/{id}/release", post(release::release))
        .route("/api/v1/events", get(news::events))
        .route("/api/v2/messages", get(messages::page))
        .route("/api/v2/search", get(search::search))
        .route("/api/v2/jim", get(jim::show).post(jim::invite).put(jim::change).delete(jim::dismiss))
        .route("/api/v2/outgoing-smtp", get(release::servers))
        .route("/api/v2/websocket", get(news::websocket))
}

/// MailHog answers 500 if a message or a part does not exist.
fn missing(what: &str, id: &str) -> Problem {
    Problem::none(what, id).status(StatusCode::INTERNAL_SERVER_ERROR)
}
