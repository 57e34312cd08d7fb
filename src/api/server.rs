//! The server as a whole: delivering, settling, reset and health.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;

use super::blocking::run_blocking;
use super::body::{MessageBody, NoBody, octets};
use super::json::MessageJson;
use super::params::{NoParams, Value, query};
use super::problem::Problem;
use super::sessions::SessionList;
use super::target::{Base, Target};
use super::wait::wait_until;
use crate::base::{Seq, Times};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::matchers::any;
use crate::expect::{FailureKind, Question, Report, Snapshot};
use crate::server::{Undeliverable, write_report};
use crate::world::Kept;

/// How long to wait for the server to settle, if the request does not say.
pub(super) const SETTLE: Duration = Duration::from_secs(5);

/// A message with its envelope; the message is in `raw` or `raw_base64`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Delivery {
    /// The sender; empty for the null sender.
    #[serde(default)]
    from: String,
    /// The recipients.
    to: Vec<String>,
    raw: Option<String>,
    raw_base64: Option<String>,
}

query! {
    /// The envelope of a message that is the body itself.
    pub(super) struct EnvelopeQuery {
        /// The sender; absent or empty for the null sender.
        from: Option<String>,
        /// A recipient.
        to: Vec<String>,
    }
}

query! {
    /// How long to wait for the server to settle.
    pub(super) struct SettleQuery {
        /// How long to wait at most, such as `2s`; default 5 s.
        pub(super) wait: Option<Duration>,
    }
}

query! {
    /// What a reset leaves as it is.
    pub(super) struct ResetQuery {
        /// One or more of `rules`, `scenario`, `clock` and `sessions`, separated by commas.
        keep: Option<KeptList>,
    }
}

/// Deliver a message as an SMTP client would.
///
/// The body is JSON, or the message itself with its envelope in the query.
#[utoipa::path(
    post, path = "/deliver",
    params(EnvelopeQuery),
    request_body(content((Delivery = "application/json"), (String = "message/rfc822"))),
    responses(
        (status = 201, description = "The message.", body = MessageJson),
        (status = 413, description = "The message is too large."),
        (status = 422, description = "A recipient is unknown, or there are too many."),
    ),
)]
pub(super) async fn deliver(
    Target(server): Target,
    Base(base): Base,
    query: EnvelopeQuery,
    body: MessageBody<Delivery>,
) -> Result<Response, Problem> {
    let (from, to, raw) = match body {
        MessageBody::Message(raw) => (query.from.unwrap_or_default(), query.to, raw),
        MessageBody::Json(_) if query.from.is_some() || !query.to.is_empty() => {
            let detail = "with a body of JSON, put `from` and `to` into the body";
            return Err(Problem::field(if query.from.is_some() { "from" } else { "to" }, detail));
        }
        MessageBody::Json(delivery) => (delivery.from, delivery.to, octets(delivery.raw, delivery.raw_base64)?),
    };
    let message = server.deliver(&from, &to, raw).map_err(|why| {
        let (field, status) = match &why {
            Undeliverable::NoRecipient => ("to", StatusCode::BAD_REQUEST),
            Undeliverable::Sender(_) => ("from", StatusCode::BAD_REQUEST),
            Undeliverable::Recipient(_) => ("to", StatusCode::BAD_REQUEST),
            Undeliverable::Stranger(_) | Undeliverable::TooMany(..) => ("to", StatusCode::UNPROCESSABLE_ENTITY),
            Undeliverable::TooLarge(..) => ("raw", StatusCode::PAYLOAD_TOO_LARGE),
        };
        Problem::field(field, why.to_string()).status(status)
    })?;
    let captured = server.engine().read(|world| world.journal.message(message.no()).cloned());
    let location = [(header::LOCATION, format!("{base}/messages/{}", message.no()))];
    let captured = captured.ok_or_else(|| Problem::none("message", "any more: it was deleted at once"))?;
    Ok((StatusCode::CREATED, location, Json(MessageJson::from(&captured))).into_response())
}

/// Wait until no exchange is open and every session that sent QUIT or LOGOUT has ended.
#[utoipa::path(post, path = "/settled", params(SettleQuery), responses(
    (status = 204, description = "No exchange is open, and every session that sent QUIT or LOGOUT has ended."),
    (status = 409, description = "That was not so in time."),
))]
pub(super) async fn settled(
    Target(server): Target,
    SettleQuery { wait }: SettleQuery,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    let wait = wait.unwrap_or(SETTLE);
    let interest = Interest::of([Topic::Quiet]);
    let check = |engine: &Engine| engine.read(|world| world.journal.is_settled()).then_some(());
    if wait_until(&server, interest, wait, check).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let question = Question { matcher: any(), times: Times::from(..), location: None };
    Err(run_blocking(move || {
        let snapshot = server.engine().read(|world| Snapshot::of(&world.journal));
        let report = Report::new(&question, FailureKind::NotSettled, &snapshot);
        write_report(server.engine(), &report);
        Problem::new(StatusCode::CONFLICT, report.to_string()).with("report", report)
    })
    .await?)
}

/// Restore the state at the start: mail, accounts, rules, expectations, scenario, variables, counts, clock.
///
/// Open sessions end: clients are told with 421, BYE or -ERR.
#[utoipa::path(post, path = "/reset", params(ResetQuery), responses(
    (status = 200, description = "The server is as it was at the start, except for what is kept. The sessions that were open.", body = SessionList),
))]
pub(super) async fn reset(
    Target(server): Target,
    ResetQuery { keep }: ResetQuery,
    _: NoBody,
) -> Result<Response, Problem> {
    let KeptList(kept) = keep.unwrap_or_default();
    let open = server.reset(&kept).await.map_err(|_| Problem::bug())?;
    Ok(Json(SessionList::of(&open)).into_response())
}

/// A list such as `rules,clock`.
#[derive(Default)]
pub(super) struct KeptList(Vec<Kept>);

impl Value for KeptList {
    fn read(names: &str) -> Result<Self, String> {
        let one = |name: &str| {
            let known = Kept::ALL.iter().find(|(its, _)| *its == name).map(|(_, kept)| *kept);
            let known_names = || Kept::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
            known.ok_or_else(|| format!("`{name}` cannot be kept; write one or more of `{}`", known_names()))
        };
        names.split(',').map(one).collect::<Result<_, _>>().map(Self)
    }

    fn schema() -> ObjectBuilder {
        String::schema()
    }
}

/// Get the health of the server.
#[utoipa::path(get, path = "/health", responses(
    (status = 200, description = "Every listener accepts connections. Numbers of messages, accounts, records.", body = Object),
    (status = 503, description = "A listener does not accept connections."),
))]
pub(super) async fn health(Target(server): Target, _: NoParams) -> Response {
    let not_accepting: Vec<&str> = server.not_accepting().iter().map(|listener| listener.name()).collect();
    if !not_accepting.is_empty() {
        let detail = format!("these listeners accept no connections: {}", not_accepting.join(", "));
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    }
    let listeners: Vec<&str> = server.endpoints().iter().map(|endpoint| endpoint.listener().name()).collect();
    let health = server.engine().read(|world| {
        json!({
            "status": "ok",
            "listeners": listeners,
            "messages": world.journal.messages().len(),
            "discarded": world.evicted(),
            "accounts": world.mail.accounts.len(),
            "discarded_accounts": world.evicted_accounts(),
            "sessions": world.sessions(),
            "records": world.journal.len(),
            "first_record": Seq(world.journal.floor().0 + 1),
        })
    });
    Json(health).into_response()
}
