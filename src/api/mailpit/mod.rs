//! Mailpit's API: `/api/v1`, `/view`, `/api/events` and `/livez`, for clients that were written for Mailpit.
//!
//! The messages are those of `/v1`. What is read and which tags a message has is known here only.

mod body;
mod chaos;
mod date;
mod events;
mod found;
mod info;
mod list;
mod message;
mod part;
mod search;
mod send;
mod summary;
mod swagger;
mod tags;
mod view;

use std::collections::BTreeSet;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::problem::Problem;
use crate::base::MessageNo;
use crate::mail::Message;
use crate::server::Server;

/// Everything that Mailpit has, as below its root.
pub(super) fn router() -> Router<Shared> {
    let (described, _document) = described().split_for_parts();
    described
        .route("/view/{page}", get(view::page))
        .route("/api/v1/message/{id}/html-check", get(message::html_check))
        .route("/api/v1/message/{id}/sa-check", get(message::spam_check))
        .route("/api/events", get(events::events))
}

/// The routes that are in the document.
fn described() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(swagger::begin())
        .routes(routes!(list::list, list::set_read, list::delete))
        .routes(routes!(search::search, search::delete))
        .routes(routes!(message::one))
        .routes(routes!(message::headers))
        .routes(routes!(message::raw))
        .routes(routes!(message::release))
        .routes(routes!(message::links))
        .routes(routes!(part::part))
        .routes(routes!(part::thumbnail))
        .routes(routes!(send::send))
        .routes(routes!(tags::list, tags::set))
        .routes(routes!(tags::rename, tags::delete))
        .routes(routes!(info::info))
        .routes(routes!(info::webui))
        .routes(routes!(info::live))
        .routes(routes!(chaos::get, chaos::put))
        .routes(routes!(swagger::swagger))
}

/// An error as Mailpit sends it: plain text.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// The request is wrong.
    fn wrong(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    fn none(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }
}

impl From<Problem> for Refusal {
    fn from(_bug: Problem) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "a bug in mailjig; please report it")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, self.text).into_response()
    }
}

/// The answer to a request that has no other.
fn ok() -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], "ok").into_response()
}

/// Every captured message, the newest first.
fn newest_first(server: &Server) -> Vec<Message> {
    let messages: Vec<Message> = server
        .engine()
        .read(|world| world.journal.messages().iter().rev().map(|captured| captured.message.clone()).collect());
    tags::tag_new(server);
    messages
}

/// The numbers of these IDs; what is not an ID of a message is left out, as in Mailpit.
fn numbers(ids: &[String]) -> BTreeSet<MessageNo> {
    ids.iter().filter_map(|id| MessageNo::parse(id)).collect()
}
