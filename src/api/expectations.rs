//! `/v1/expectations`: how many matching messages there must be by the end.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::blocking::run_blocking;
use super::body::{JsonBody, NoBody};
use super::message_filters::MessageFilters;
use super::params::{NoParams, Path, Value};
use super::problem::Problem;
use super::target::{Base, Target};
use crate::base::{Pattern, Times};
use crate::drive::Engine;
use crate::expect::{ExpectationNo, Question, Snapshot};

/// An expectation to add: the filters of `GET /v1/messages`, which are patterns, and a count.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewExpectation {
    /// How many messages must match by the end: `2`, `"1.."`, `"..=3"`, `"2..=3"`; default `"1.."`.
    times: Option<TimesJson>,
    to: Option<String>,
    from: Option<String>,
    subject: Option<String>,
    body: Option<String>,
    attachment: Option<String>,
    link: Option<String>,
    code: Option<String>,
    user: Option<String>,
    listener: Option<String>,
    /// Header fields, each as `Name:value`.
    #[serde(default)]
    header: Vec<String>,
    /// Words that are all in the message, in upper or lower case.
    search: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum TimesJson {
    Number(usize),
    Text(String),
}

/// An expectation, and how many messages match so far.
#[derive(Serialize, ToSchema)]
pub(super) struct ExpectationJson {
    /// Such as `e1`.
    id: String,
    /// What the messages must match.
    matcher: String,
    /// How many messages must match.
    times: String,
    /// How many match so far.
    matched: usize,
    /// Whether it is met so far.
    met: bool,
}

/// Expectations, in the order in which they were added.
#[derive(Serialize, ToSchema)]
pub(super) struct ExpectationList {
    expectations: Vec<ExpectationJson>,
}

/// List the expectations.
#[utoipa::path(get, path = "/expectations", responses((status = 200, description = "The expectations.", body = ExpectationList)))]
pub(super) async fn list(Target(server): Target, _: NoParams) -> Result<Json<ExpectationList>, Problem> {
    run_blocking(move || Json(ExpectationList { expectations: all(server.engine()) })).await
}

/// Expect a number of messages by the end.
///
/// `POST /v1/verify` and `DELETE /v1/servers/{id}` verify it.
#[utoipa::path(post, path = "/expectations", request_body = Option<NewExpectation>, responses(
    (status = 201, description = "The expectation.", body = ExpectationJson),
))]
pub(super) async fn add(
    Target(server): Target,
    Base(base): Base,
    _: NoParams,
    JsonBody(new): JsonBody<NewExpectation>,
) -> Result<Response, Problem> {
    let question = new.question()?;
    let no = server.engine().update(|world, _| world.expectations.add(question));
    let location = [(header::LOCATION, format!("{base}/expectations/{no}"))];
    let added = run_blocking(move || one_of(all(server.engine()), no)).await??;
    Ok((StatusCode::CREATED, location, Json(added)).into_response())
}

/// Get one expectation.
#[utoipa::path(get, path = "/expectations/{e}", params(("e" = String, Path, description = "The expectation, such as `e1`.")), responses(
    (status = 200, description = "The expectation.", body = ExpectationJson),
    (status = 404, description = "There is no such expectation."),
))]
pub(super) async fn one(
    Target(server): Target,
    Path(e): Path<String>,
    _: NoParams,
) -> Result<Json<ExpectationJson>, Problem> {
    let no = number(&e)?;
    run_blocking(move || one_of(all(server.engine()), no).map(Json)).await?
}

/// Remove an expectation.
#[utoipa::path(delete, path = "/expectations/{e}", params(("e" = String, Path, description = "The expectation, such as `e1`.")), responses(
    (status = 204, description = "The expectation is removed."),
    (status = 404, description = "There is no such expectation."),
))]
pub(super) async fn remove(
    Target(server): Target,
    Path(e): Path<String>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    let no = number(&e)?;
    // Dropped without the lock, because that may run code of a Rust test.
    let removed = server.engine().update(|world, _| world.expectations.remove(no));
    removed.map(|_| StatusCode::NO_CONTENT).ok_or_else(|| Problem::none("expectation", &e))
}

/// Remove all expectations.
#[utoipa::path(delete, path = "/expectations", responses((status = 204, description = "There are no expectations.")))]
pub(super) async fn clear(Target(server): Target, _: NoParams, _: NoBody) -> StatusCode {
    let _dropped_without_the_lock = server.engine().update(|world, _| world.expectations.take());
    StatusCode::NO_CONTENT
}

impl NewExpectation {
    fn question(self) -> Result<Question, Problem> {
        let pattern = |name: &str, text: Option<String>| {
            text.map(|text| Pattern::read(&text)).transpose().map_err(|wrong| Problem::field(name, wrong))
        };
        let filters = MessageFilters {
            to: pattern("to", self.to)?,
            from: pattern("from", self.from)?,
            subject: pattern("subject", self.subject)?,
            body: pattern("body", self.body)?,
            attachment: pattern("attachment", self.attachment)?,
            link: pattern("link", self.link)?,
            code: pattern("code", self.code)?,
            user: pattern("user", self.user)?,
            listener: pattern("listener", self.listener)?,
            header: self.header,
            search: self.search,
        };
        let times = match self.times {
            None => Times::from(1..),
            Some(TimesJson::Number(number)) => Times::from(number as u64),
            Some(TimesJson::Text(text)) => {
                Times::parse(&text).map_err(|wrong| Problem::field("times", wrong.to_string()))?
            }
        };
        Ok(Question { matcher: filters.matcher()?, times, location: None })
    }
}

/// All expectations. Matches them outside of the lock.
fn all(engine: &Engine) -> Vec<ExpectationJson> {
    let (questions, snapshot) = engine.read(|world| {
        let questions: Vec<_> = world.expectations.iter().map(|(no, question)| (no, question.clone())).collect();
        (questions, Snapshot::of(&world.journal))
    });
    let shown = questions.into_iter().map(|(no, Question { matcher, times, .. })| {
        let matched = snapshot.find(&matcher).len();
        let met = times.contains(matched as u64);
        ExpectationJson { id: no.to_string(), matcher: matcher.to_string(), times: times.to_string(), matched, met }
    });
    shown.collect()
}

fn one_of(all: Vec<ExpectationJson>, no: ExpectationNo) -> Result<ExpectationJson, Problem> {
    let id = no.to_string();
    all.into_iter().find(|its| its.id == id).ok_or_else(|| Problem::none("expectation", &id))
}

fn number(e: &str) -> Result<ExpectationNo, Problem> {
    ExpectationNo::parse(e).ok_or_else(|| Problem::field("e", format!("`{e}` is not an expectation; write `e1`")))
}
