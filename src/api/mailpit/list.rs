//! `/api/v1/messages`: lists, read marks, deleting.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Query as Params;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::blocking::run_blocking;
use super::super::target::Target;
use super::info::count;
use super::search::{Query, matching};
use super::summary::Summary;
use super::tags::forget_gone;
use super::{Refusal, body, date, newest_first, numbers, ok};
use crate::base::{MessageNo, Timestamp};
use crate::mail::Message;
use crate::server::Server;

const DEFAULT_LIMIT: usize = 50;

/// A part of a list of messages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessagesSummary)]
pub(super) struct List {
    /// How many messages there are.
    total: usize,
    unread: usize,
    /// How many messages this list has.
    count: usize,
    /// How many messages match.
    messages_count: usize,
    messages_unread: usize,
    start: usize,
    /// The tags of all messages.
    tags: Vec<String>,
    /// The newest first.
    messages: Vec<Summary>,
}

/// Which part of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// How many messages to leave out. Default: 0.
    #[param(value_type = Option<usize>)]
    start: Option<String>,
    /// How many messages to list at most; 0 for all, without leaving out any. Default: 50.
    #[param(value_type = Option<usize>)]
    limit: Option<String>,
    /// Only messages that were received before this date.
    before: Option<String>,
}

/// A page whose parameters were read.
pub(super) struct Span {
    start: usize,
    /// `None`: all.
    limit: Option<usize>,
    before: Option<Timestamp>,
}

impl Page {
    pub(super) fn read(&self) -> Result<Span, Refusal> {
        let number = |name: &str, value: &Option<String>, default| match value.as_deref().filter(|its| !its.is_empty())
        {
            Some(value) => value.parse().map_err(|_| Refusal::wrong(format!("{name}: {value:?} is not a number"))),
            None => Ok(default),
        };
        let before = self.before.as_deref().filter(|its| !its.is_empty());
        let before = before.map(|before| date::parse(before, &TimeZone::UTC)).transpose()?;
        let (start, limit) = (number("start", &self.start, 0)?, number("limit", &self.limit, DEFAULT_LIMIT)?);
        Ok(match limit {
            0 => Span { start: 0, limit: None, before },
            limit => Span { start, limit: Some(limit), before },
        })
    }
}

impl Span {
    /// This part of the messages that a search finds, or of all.
    pub(super) fn list(&self, server: &Arc<Server>, query: Option<&Query>) -> Response {
        let mut found = newest_first(server);
        found.retain(|message| {
            self.before.is_none_or(|before| message.received() < before)
                && query.is_none_or(|query| query.finds(server, message))
        });
        forget_gone(server);
        let (total, unread) = count(server);
        let (messages_unread, tags) = server.marks().with(|marks| {
            let unread = found.iter().filter(|message| !marks.is_read(message.no())).count();
            (unread, marks.all_tags().into_keys().map(str::to_owned).collect())
        });
        let page = found.iter().skip(self.start).take(self.limit.unwrap_or(usize::MAX));
        let messages: Vec<Summary> = page.map(|message| Summary::of(server, message)).collect();
        let (count, messages_count) = (messages.len(), found.len());
        let start = self.start;
        Json(List { total, unread, count, messages_count, messages_unread, start, tags, messages }).into_response()
    }
}

/// The captured messages, the newest first.
#[utoipa::path(get, path = "/api/v1/messages", tag = "messages", operation_id = "GetMessages",
    params(Page), responses((status = 200, body = List), (status = 400, body = String)))]
pub(super) async fn list(Target(server): Target, Params(page): Params<Page>) -> Result<Response, Refusal> {
    let span = page.read()?;
    run_blocking(move || span.list(&server, None)).await.map_err(Refusal::from)
}

/// Which messages to mark, and how. Without `IDs` and `Search`, all messages are marked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(rename_all = "PascalCase")]
pub(super) struct ReadStatus {
    read: bool,
    #[schema(rename = "IDs")]
    ids: Vec<String>,
    search: String,
}

/// The time zone of a search.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Zone {
    /// The time zone of dates in the search, such as `Europe/Berlin`. Default: UTC.
    tz: Option<String>,
}

/// Marks messages as read or not.
#[utoipa::path(put, path = "/api/v1/messages", tag = "messages", operation_id = "SetReadStatus",
    params(Zone), request_body = ReadStatus, responses((status = 200, body = String), (status = 400, body = String)))]
pub(super) async fn set_read(
    Target(server): Target,
    Params(zone): Params<Zone>,
    octets: Bytes,
) -> Result<Response, Refusal> {
    let ReadStatus { read, ids, search } = body::read(&octets)?;
    if !ids.is_empty() && !search.is_empty() {
        return Err(Refusal::wrong("You may specify either IDs or a search query, not both"));
    }
    let query = Query::parse(&search, zone.tz.as_deref())?;
    run_blocking(move || {
        let wanted = numbers(&ids);
        let mut found = matching(&server, &query);
        found.retain(|message| ids.is_empty() || wanted.contains(&message.no()));
        server.marks().set_read(found.iter().map(Message::no), read);
    })
    .await?;
    Ok(ok())
}

/// Which messages to delete; all without `IDs`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct Deletion {
    #[schema(rename = "IDs")]
    ids: Vec<String>,
}

/// Deletes messages, also from mailboxes. Deleting all is the same as `DELETE /v1/messages`.
#[utoipa::path(delete, path = "/api/v1/messages", tag = "messages", operation_id = "DeleteMessages",
    request_body = Option<Deletion>, responses((status = 200, body = String), (status = 400, body = String)))]
pub(super) async fn delete(Target(server): Target, octets: Bytes) -> Result<Response, Refusal> {
    let Deletion { ids } = body::read(&octets)?;
    run_blocking(move || {
        let chosen = numbers(&ids);
        let is_all = ids.is_empty();
        let is_chosen = |no: MessageNo| chosen.contains(&no);
        server.engine().update(|world, now| if is_all { world.clear(now) } else { world.delete(is_chosen, now) })
    })
    .await?;
    Ok(ok())
}
