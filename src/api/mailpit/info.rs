//! `/api/v1/info`, `/api/v1/webui` and `/livez`: what the server is.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::blocking::run_blocking;
use super::super::target::Target;
use super::{Refusal, newest_first};
use crate::base::MessageNo;
use crate::server::Server;

/// The server, and how much mail there is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = AppInformation)]
pub(super) struct Info {
    version: String,
    /// The same as `Version`: nobody is asked for a newer one.
    latest_version: String,
    /// Always `memory`.
    database: &'static str,
    /// Octets of the messages.
    database_size: u64,
    messages: usize,
    unread: usize,
    /// How many messages have each tag.
    tags: BTreeMap<String, usize>,
    runtime_stats: RuntimeStats,
}

/// Counts since the start or the last reset.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RuntimeStats {
    /// Seconds since the start.
    uptime: u64,
    /// Octets of the messages.
    memory: u64,
    messages_deleted: u64,
    /// How many messages were captured, by whatever way they came.
    #[serde(rename = "SMTPAccepted")]
    smtp_accepted: u64,
    /// Octets of those that are still there.
    #[serde(rename = "SMTPAcceptedSize")]
    smtp_accepted_size: u64,
    /// Always 0: refused messages are not counted.
    #[serde(rename = "SMTPRejected")]
    smtp_rejected: u64,
    /// Always 0: no message is ignored.
    #[serde(rename = "SMTPIgnored")]
    smtp_ignored: u64,
}

/// How many messages there are, and how many of them are not read.
pub(super) fn count(server: &Server) -> (usize, usize) {
    server.engine().read(|world| {
        let is_there = |no: &MessageNo| world.journal.message(*no).is_some();
        let read = server.marks().with(|marks| marks.read().filter(is_there).count());
        let total = world.journal.messages().len();
        (total, total - read)
    })
}

pub(super) fn version() -> String {
    format!("mailjig {}", env!("CARGO_PKG_VERSION"))
}

/// The server, and how much mail there is.
#[utoipa::path(get, path = "/api/v1/info", tag = "application", operation_id = "AppInformation",
    responses((status = 200, body = Info)))]
pub(super) async fn info(Target(server): Target) -> Result<Json<Info>, Refusal> {
    run_blocking(move || {
        let all = newest_first(&server);
        let (messages, unread) = count(&server);
        let size = all.iter().map(|message| message.raw().len() as u64).sum();
        let deleted = server.engine().read(|world| u64::from(world.journal.forgotten()));
        let tags = server.marks().with(|marks| {
            let tags = all.iter().flat_map(|message| marks.tags(message.no()));
            tags.fold(BTreeMap::new(), |mut counts, tag| {
                *counts.entry(tag.to_owned()).or_default() += 1;
                counts
            })
        });
        Json(Info {
            version: version(),
            latest_version: version(),
            database: "memory",
            database_size: size,
            messages,
            unread,
            tags,
            runtime_stats: RuntimeStats {
                uptime: server.marks().started.elapsed().as_secs(),
                memory: size,
                messages_deleted: deleted,
                smtp_accepted: messages as u64 + deleted,
                smtp_accepted_size: size,
                smtp_rejected: 0,
                smtp_ignored: 0,
            },
        })
    })
    .await
    .map_err(Refusal::from)
}

/// What a page may offer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = WebUIConfiguration)]
pub(super) struct WebUi {
    label: String,
    message_relay: Relay,
    spam_assassin: bool,
    chaos_enabled: bool,
    duplicates_ignored: bool,
    hide_delete_all_button: bool,
}

/// The relay; there is none.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Relay {
    enabled: bool,
    #[serde(rename = "SMTPServer")]
    smtp_server: String,
    return_path: String,
    allowed_recipients: String,
    blocked_recipients: String,
    override_from: String,
    #[serde(rename = "PreserveMessageIDs")]
    preserve_message_ids: bool,
}

/// What a page may offer.
#[utoipa::path(get, path = "/api/v1/webui", tag = "application", operation_id = "WebUIConfiguration",
    responses((status = 200, body = WebUi)))]
pub(super) async fn webui(Target(_server): Target) -> Json<WebUi> {
    Json(WebUi {
        label: String::new(),
        message_relay: Relay::default(),
        spam_assassin: false,
        chaos_enabled: true,
        duplicates_ignored: false,
        hide_delete_all_button: false,
    })
}

/// 200 as long as the process answers.
#[utoipa::path(get, path = "/livez", tag = "application", operation_id = "Live", responses((status = 200)))]
pub(super) async fn live() -> StatusCode {
    StatusCode::OK
}
