//! MailHog's API, versions 1 and 2 (MailHog 1.0.2).

mod messages;

use axum::Router;
use axum::routing::delete;

use super::Shared;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/messages", delete(messages::clear))
        .route("/api/v1/messages/{id}", delete(messages::remove))
}
