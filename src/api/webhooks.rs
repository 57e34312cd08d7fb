//! `/v1/webhooks`: URLs that get messages or records.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{JsonBody, NoBody};
use super::cursor::refuse_unreached;
use super::feed::Feed;
use super::message_filters::MessageFilters;
use super::params::{NoParams, Path, from_pairs};
use super::problem::Problem;
use super::target::{Base, Target};
use super::webhook_delivery::{NotAReceiver, Receiver, add as begin};
use crate::base::Seq;
use crate::drive::Engine;
use crate::expect::matchers::any;
use crate::server::{MOST_WEBHOOKS, Server, Webhook};

/// A webhook to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// Where each message or record is sent, with POST.
    url: String,
    /// `whsec_` and 24 to 64 octets in base64. Each request is then signed as in <https://www.standardwebhooks.com>.
    secret: Option<String>,
    /// Send messages, and only those that match these filters of `GET /v1/messages`. This is the default.
    messages: Option<BTreeMap<String, FilterValues>>,
    /// Send records of the journal, and only those that match these filters of `GET /v1/journal`. Notes about webhooks
    /// are left out.
    records: Option<BTreeMap<String, FilterValues>>,
    /// Begin after this cursor; without it, with what comes from now on.
    after: Option<u64>,
}

/// The value of a filter, or several of a filter that may be repeated.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum FilterValues {
    One(String),
    Several(Vec<String>),
}

#[derive(Serialize, ToSchema)]
pub(super) struct WebhookJson {
    id: String,
    /// Without user, password and query.
    url: String,
    /// What it gets.
    filters: String,
    /// Requests that were answered with 2xx.
    delivered: u64,
    failed_attempts: u64,
    /// Why the last attempt failed; `null` if it succeeded.
    last_error: Option<String>,
    /// How many messages or records came after the last one that was delivered, whether they match or not.
    behind: u64,
    /// How often messages or records were discarded because of a limit before they could be delivered.
    discarded: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct WebhookList {
    webhooks: Vec<WebhookJson>,
}

impl WebhookJson {
    fn of(hook: &Webhook, engine: &Engine) -> Self {
        let progress = hook.progress().clone();
        let behind = engine.read(|world| match hook.gets_messages {
            true => world.journal.closed_since(progress.cursor, None).count() as u64,
            false => world.journal.tip().0.saturating_sub(progress.cursor.max(world.journal.floor()).0),
        });
        Self {
            id: format!("w{}", hook.no),
            url: hook.url.clone(),
            filters: hook.filters.clone(),
            delivered: progress.delivered,
            failed_attempts: progress.failed_attempts,
            last_error: progress.last_error,
            behind,
            discarded: progress.discarded,
        }
    }
}

/// List the webhooks, and how far each has come.
#[utoipa::path(get, path = "/webhooks", responses((status = 200, description = "The webhooks.", body = WebhookList)))]
pub(super) async fn list(Target(server): Target, _: NoParams) -> Json<WebhookList> {
    let hooks = server.webhooks().list();
    Json(WebhookList { webhooks: hooks.iter().map(|hook| WebhookJson::of(hook, server.engine())).collect() })
}

/// Add a webhook: each message that matches is sent there, as JSON, in order, and until the receiver answers with 2xx.
///
/// The webhook ends when it is deleted, when the server is reset, and with the server.
#[utoipa::path(post, path = "/webhooks", request_body = NewWebhook, responses(
    (status = 201, description = "The webhook.", body = WebhookJson),
    (status = 410, description = "The journal has not reached the cursor `after`: it is of an earlier run."),
    (status = 422, description = "There are too many webhooks."),
))]
pub(super) async fn add(
    Target(server): Target,
    Base(base): Base,
    _: NoParams,
    JsonBody(new): JsonBody<NewWebhook>,
) -> Result<Response, Problem> {
    let receiver = Receiver::new(&new.url, new.secret.as_deref()).map_err(|why| match why {
        NotAReceiver::Url(why) => Problem::field("url", why),
        NotAReceiver::Secret(why) => Problem::field("secret", why),
    })?;
    refuse_unreached(&server, new.after.map_or_else(Seq::default, Seq))?;
    let after = new.after.map_or_else(|| server.engine().read(|world| world.journal.tip()), Seq);
    let (feed, filters) = match (new.messages, new.records) {
        (messages, None) => {
            let (pairs, text) = pairs("messages", messages.unwrap_or_default());
            let filters: MessageFilters = from_pairs(pairs).map_err(|why| why.below("messages"))?;
            let matcher = filters.matcher().map_err(|why| why.below("messages"))?;
            (Feed::of_messages(Some(after), matcher, server.engine()), text)
        }
        (None, Some(records)) => {
            let (pairs, text) = pairs("records", records);
            let filters = from_pairs(pairs).map_err(|why| why.below("records"))?;
            (Feed::of_records_for_webhook(after, filters), text)
        }
        (Some(_), Some(_)) => return Err(Problem::field("records", "give either `messages` or `records`")),
    };
    let added = begin(&server, receiver, feed, filters, false);
    let hook = added.ok_or_else(|| {
        let detail =
            format!("a server that runs has at most {MOST_WEBHOOKS} webhooks: delete those that are not needed");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })?;
    let location = [(header::LOCATION, format!("{base}/webhooks/w{}", hook.no))];
    Ok((StatusCode::CREATED, location, Json(WebhookJson::of(&hook, server.engine()))).into_response())
}

/// Get a webhook.
#[utoipa::path(get, path = "/webhooks/{w}", params(("w" = String, Path, description = "The webhook, such as `w1`.")), responses(
    (status = 200, description = "The webhook.", body = WebhookJson),
    (status = 404, description = "There is no such webhook."),
))]
pub(super) async fn one(
    Target(server): Target,
    Path(w): Path<String>,
    _: NoParams,
) -> Result<Json<WebhookJson>, Problem> {
    let no = number(&w).ok_or_else(|| Problem::none("webhook", &w))?;
    let hook = server.webhooks().list().into_iter().find(|hook| hook.no == no);
    let hook = hook.ok_or_else(|| Problem::none("webhook", &w))?;
    Ok(Json(WebhookJson::of(&hook, server.engine())))
}

/// Delete a webhook: nothing more is sent there, except that a request that is already under way may still arrive.
#[utoipa::path(delete, path = "/webhooks/{w}", params(("w" = String, Path, description = "The webhook, such as `w1`.")), responses(
    (status = 204, description = "It is deleted."),
    (status = 404, description = "There is no such webhook."),
))]
pub(super) async fn remove(
    Target(server): Target,
    Path(w): Path<String>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    match number(&w).is_some_and(|no| server.webhooks().remove(no)) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::none("webhook", &w)),
    }
}

/// Has a server send every message to this URL, from its start to its end, also after a reset.
pub(crate) fn send_all_messages(server: &Server, url: &str) -> Result<(), String> {
    let receiver = Receiver::new(url, None).map_err(|why| match why {
        NotAReceiver::Url(why) | NotAReceiver::Secret(why) => why,
    })?;
    let feed = Feed::of_messages(None, any(), server.engine());
    let added: Option<Arc<Webhook>> = begin(server, receiver, feed, "messages".to_owned(), true);
    added.map(drop).ok_or_else(|| format!("there can be at most {MOST_WEBHOOKS} webhooks"))
}

/// The filters as parameters, and as text.
fn pairs(what: &str, filters: BTreeMap<String, FilterValues>) -> (Vec<(String, String)>, String) {
    let (mut pairs, mut text) = (Vec::new(), what.to_owned());
    for (name, values) in filters {
        let values = match values {
            FilterValues::One(value) => vec![value],
            FilterValues::Several(values) => values,
        };
        for value in values {
            text += &format!(" {name}={value}");
            pairs.push((name.clone(), value));
        }
    }
    (pairs, text)
}

fn number(id: &str) -> Option<u32> {
    id.strip_prefix('w').unwrap_or(id).parse().ok()
}
