//! The server as a whole: delivering, settling, reset, endpoints, health and the CA certificate.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shared;
use super::blocking::run_blocking;
use super::body::{MessageBody, octets};
use super::json::MessageJson;
use super::params::{NoParams, Params};
use super::problem::Problem;
use super::target::{Base, Target};
use crate::base::{Seq, Times};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::matchers::any;
use crate::expect::{FailureKind, Question, Report, Snapshot};
use crate::server::{Server, Undeliverable, Until};
use crate::world::Kept;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delivery {
    #[serde(default)]
    from: String,
    to: Vec<String>,
    raw: Option<String>,
    raw_base64: Option<String>,
}

/// Delivers a message as an SMTP client would. The body is JSON, or the message itself with its envelope in the query.
pub(super) async fn deliver(
    Target(server): Target,
    Base(base): Base,
    mut params: Params,
    body: MessageBody<Delivery>,
) -> Result<Response, Problem> {
    let (from, to, raw) = match body {
        MessageBody::Message(raw) => (params.take("from")?.unwrap_or_default(), params.take_all("to"), raw),
        MessageBody::Json(delivery) => (delivery.from, delivery.to, octets(delivery.raw, delivery.raw_base64)?),
    };
    params.finish()?;
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

/// Answers when no exchange is open and every session that sent QUIT or LOGOUT has ended.
pub(super) async fn settled(Target(server): Target, mut params: Params) -> Result<StatusCode, Problem> {
    let wait = params.duration("wait")?.unwrap_or(Duration::from_secs(5));
    params.finish()?;
    let interest = Interest::of([Topic::Quiet]);
    let check = |engine: &Engine| engine.read(|world| world.journal.is_settled()).then_some(());
    if Until::new(server.engine(), interest, wait, check).await.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let question = Question { matcher: any(), times: Times::from(..), location: None };
    Err(run_blocking(move || {
        let snapshot = server.engine().read(|world| Snapshot::of(&world.journal));
        let report = Report::new(&question, FailureKind::NotSettled, &snapshot);
        Problem::new(StatusCode::CONFLICT, report.to_string()).with("report", report)
    })
    .await?)
}

/// Resets the server, except what `keep` names.
pub(super) async fn reset(Target(server): Target, mut params: Params) -> Result<StatusCode, Problem> {
    let kept = params.typed("keep", kept)?.unwrap_or_default();
    params.finish()?;
    server.reset(&kept).await.map_err(|_| Problem::bug())?;
    Ok(StatusCode::NO_CONTENT)
}

/// Parses a list such as `rules,clock`.
fn kept(names: &str) -> Result<Vec<Kept>, String> {
    let one = |name: &str| {
        let known = Kept::ALL.iter().find(|(its, _)| *its == name).map(|(_, kept)| *kept);
        known.ok_or_else(|| format!("`{name}` cannot be kept; write one or more of `rules,scenario,clock`"))
    };
    names.split(',').map(one).collect()
}

/// All endpoints by name: the content of `GET /v1/endpoints`, `--ready-file` and `--json`.
///
/// `base` is the path of a further server, empty for the main one.
pub(crate) fn endpoints_of(server: &Server, http: Option<SocketAddr>, base: &str) -> Value {
    let mut endpoints: Map<String, Value> =
        server.endpoints().iter().map(|its| (its.listener().name().to_owned(), json!(its))).collect();
    if let Some(http) = http {
        let (host, port, url) = (http.ip().to_string(), http.port(), format!("http://{http}{base}"));
        endpoints.insert("http".to_owned(), json!({ "host": host, "port": port, "url": url }));
    }
    json!({ "endpoints": endpoints })
}

pub(super) async fn endpoints(
    State(shared): State<Shared>,
    Target(server): Target,
    Base(base): Base,
    _: NoParams,
) -> Json<Value> {
    Json(endpoints_of(&server, Some(shared.address), base.strip_suffix("/v1").unwrap_or(&base)))
}

/// 200 if every listener accepts connections, else 503.
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

pub(super) async fn ca(Target(server): Target, _: NoParams) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], server.ca().to_owned()).into_response()
}
