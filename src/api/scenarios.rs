//! `/v1/scenarios`: the scenarios that come with mailjig, and a check of others.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::blocking::run_blocking;
use super::body::JsonBody;
use super::invalid::InvalidJson;
use super::params::{NoParams, Path};
use super::problem::Problem;
use crate::document::{self, LineIndex};
use crate::scenario::{SHIPPED, Scenario, Shipped, check_text, shipped};

/// A scenario that comes with mailjig.
#[derive(Serialize, ToSchema)]
pub(super) struct ShippedJson {
    /// `any`, `imap`, `pop3`, `smtp` or `tls`.
    folder: &'static str,
    name: &'static str,
    /// What a client must do, in a sentence.
    lesson: &'static str,
    /// What the server does.
    about: String,
    /// What a correct client does, such as `retry-later`.
    client_must: Vec<String>,
    params: Vec<ParamJson>,
    /// The names of its rules, the outermost first.
    rules: Vec<String>,
}

/// A parameter of a scenario.
#[derive(Serialize, ToSchema)]
struct ParamJson {
    name: String,
    /// Its value if none is given.
    default: String,
}

/// The scenarios that come with mailjig.
#[derive(Serialize, ToSchema)]
pub(super) struct ShippedList {
    scenarios: Vec<ShippedJson>,
}

/// A scenario that comes with mailjig, with its text.
#[derive(Serialize, ToSchema)]
pub(super) struct ShippedWithText {
    #[serde(flatten)]
    scenario: ShippedJson,
    /// Its file.
    text: &'static str,
}

/// The text of a scenario file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioText {
    text: String,
}

/// What was found in the text of a scenario.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckedJson {
    /// Its errors, in the order of the text; empty if it is valid.
    problems: Vec<InvalidJson>,
    /// What is valid but probably a mistake.
    warnings: Vec<InvalidJson>,
    /// The names of the rules that could be read, the outermost first.
    rules: Vec<String>,
}

/// List the scenarios that come with mailjig.
#[utoipa::path(get, path = "/scenarios", responses((status = 200, description = "The scenarios.", body = ShippedList)))]
pub(super) async fn list(_: NoParams) -> Result<Json<ShippedList>, Problem> {
    let scenarios = run_blocking(|| SHIPPED.iter().map(ShippedJson::of).collect::<Result<_, _>>()).await??;
    Ok(Json(ShippedList { scenarios }))
}

/// Get a scenario that comes with mailjig, with its text.
#[utoipa::path(get, path = "/scenarios/{name}", params(("name" = String, Path, description = "The name of the scenario, such as `smtp-greylist`.")), responses(
    (status = 200, description = "The scenario.", body = ShippedWithText),
    (status = 404, description = "There is no such scenario."),
))]
pub(super) async fn one(Path(name): Path<String>, _: NoParams) -> Result<Json<ShippedWithText>, Problem> {
    let found = shipped(&name).ok_or_else(|| Problem::none("scenario", &name))?;
    Ok(Json(ShippedWithText { scenario: ShippedJson::of(found)?, text: found.text }))
}

/// Check the text of a scenario, and change nothing.
///
/// A text that is not valid is answered with 200, too: an editor asks while one types.
#[utoipa::path(post, path = "/scenarios/check", request_body = ScenarioText, responses(
    (status = 200, description = "What was found in the text.", body = CheckedJson),
))]
pub(super) async fn check(
    _: NoParams,
    JsonBody(ScenarioText { text }): JsonBody<ScenarioText>,
) -> Result<Json<CheckedJson>, Problem> {
    run_blocking(move || CheckedJson::of(&text)).await.map(Json)
}

impl ShippedJson {
    fn of(shipped: &Shipped) -> Result<Self, Problem> {
        // A test loads every scenario that comes with mailjig.
        let loaded = Scenario::named(shipped.name).load().map_err(|_| Problem::bug())?;
        Ok(Self {
            folder: shipped.folder,
            name: shipped.name,
            lesson: shipped.lesson(),
            about: loaded.about,
            client_must: loaded.client_must,
            params: loaded.params.into_iter().map(|(name, default)| ParamJson { name, default }).collect(),
            rules: loaded.rules.iter().map(|rule| rule.id.to_string()).collect(),
        })
    }
}

impl CheckedJson {
    fn of(text: &str) -> Self {
        let checked = check_text(text);
        let (warnings, problems): (Vec<document::Problem>, Vec<document::Problem>) =
            checked.problems.into_iter().partition(|problem| problem.is_warning);
        let lines = LineIndex::of(text);
        let shown = |found: Vec<document::Problem>| found.iter().map(|its| InvalidJson::of(its, &lines)).collect();
        Self {
            problems: shown(problems),
            warnings: shown(warnings),
            rules: checked.rules.iter().map(ToString::to_string).collect(),
        }
    }
}
