//! Listing, reading and deleting messages.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::blocking::run_blocking;
use super::super::params::Path;
use super::super::problem::Problem;
use super::super::target::Target;
use super::json::{Received, ReceivedJson};
use super::missing;
use crate::base::MessageNo;
use crate::server::Server;

/// How many messages version 1 lists.
const MOST_ALL: usize = 1000;
/// How many messages a page of version 2 has at most, and if the request does not say.
const MOST_PAGE: usize = 250;
const DEFAULT_PAGE: usize = 50;

/// The content type of version 1.
pub(super) const TEXT_JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/json")];

/// A page of version 2, the newest message first.
#[derive(Serialize)]
pub(super) struct MessagePage {
    total: usize,
    count: usize,
    start: usize,
    items: Vec<ReceivedJson>,
}

/// The query of a list. Like MailHog, everything that is not known is ignored.
pub(super) type Given = Query<HashMap<String, String>>;

/// Which messages of a list a page has.
pub(super) struct PageRange {
    start: usize,
    limit: usize,
}

impl PageRange {
    /// Like MailHog, takes the default for a value that is not a positive number.
    pub(super) fn of(given: &Given) -> Self {
        let number = |name: &str| given.get(name)?.parse::<usize>().ok().filter(|number| *number > 0);
        let limit = number("limit").unwrap_or(DEFAULT_PAGE).min(MOST_PAGE);
        Self { start: number("start").unwrap_or(0), limit }
    }

    /// The page of a list that begins with the newest message.
    pub(super) fn page(&self, total: usize, list: &[Received]) -> MessagePage {
        let items: Vec<ReceivedJson> = list.iter().skip(self.start).take(self.limit).map(ReceivedJson::from).collect();
        MessagePage { total, count: items.len(), start: self.start, items }
    }
}

/// `GET /api/v1/messages`.
pub(super) async fn all(Target(server): Target) -> Result<Response, Problem> {
    run_blocking(move || {
        let list: Vec<ReceivedJson> = newest(&server, MOST_ALL).iter().map(ReceivedJson::from).collect();
        (TEXT_JSON, Json(list)).into_response()
    })
    .await
    .map(text_json)
}

/// `GET /api/v2/messages`.
pub(super) async fn page(Target(server): Target, given: Given) -> Result<Response, Problem> {
    let range = PageRange::of(&given);
    run_blocking(move || {
        let total = server.engine().read(|world| world.journal.messages().len());
        Json(range.page(total, &newest(&server, range.start.saturating_add(range.limit)))).into_response()
    })
    .await
}

/// The newest messages, the newest first.
pub(super) fn newest(server: &Server, most: usize) -> Vec<Received> {
    server.engine().read(|world| {
        let captured = world.journal.messages().iter().rev().take(most);
        captured.map(|captured| Received::of(captured, world)).collect()
    })
}

/// `GET /api/v1/messages/{id}`.
pub(super) async fn one(Target(server): Target, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = find(&server, &id)?;
    run_blocking(move || Json(ReceivedJson::from(&found)).into_response()).await.map(text_json)
}

pub(super) fn find(server: &Arc<Server>, id: &str) -> Result<Received, Problem> {
    let found = MessageNo::parse(id).and_then(|no| {
        server.engine().read(|world| world.journal.message(no).map(|captured| Received::of(captured, world)))
    });
    found.ok_or_else(|| missing("message", id))
}

/// `DELETE /api/v1/messages`.
pub(super) async fn clear(Target(server): Target) -> Result<Response, Problem> {
    run_blocking(move || drop(server.engine().update(|world, now| world.clear(now)))).await?;
    Ok(TEXT_JSON.into_response())
}

/// `DELETE /api/v1/messages/{id}`.
pub(super) async fn remove(Target(server): Target, Path(id): Path<String>) -> Result<Response, Problem> {
    let no = MessageNo::parse(&id).ok_or_else(|| missing("message", &id))?;
    let deleted = run_blocking(move || server.engine().update(|world, now| world.delete(|its| its == no, now))).await?;
    match deleted.is_empty() {
        true => Err(missing("message", &id)),
        false => Ok(TEXT_JSON.into_response()),
    }
}

/// The same answer with the content type of version 1.
fn text_json(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/json"));
    response
}
