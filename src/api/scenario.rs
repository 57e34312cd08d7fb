//! `/v1/scenario`: the scenario in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{JsonBody, NoBody};
use super::invalid::invalid;
use super::params::NoParams;
use super::problem::Problem;
use super::target::Target;
use crate::scenario::{Loaded, Scenario};
use crate::world::World;

/// The scenario in force; without one, most members are null.
#[derive(Serialize, ToSchema)]
pub(super) struct ScenarioJson {
    name: Option<String>,
    about: Option<String>,
    /// What a correct client does.
    client_must: Option<Vec<String>>,
    seed: u64,
    /// The names of its rules.
    rules: Vec<String>,
    warnings: Option<Vec<String>>,
}

/// A scenario: by name, by the text of a file, or as JSON.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioSource {
    /// The name of a scenario that comes with mailjig.
    name: Option<String>,
    /// The text of a scenario file.
    text: Option<String>,
    /// A scenario as JSON.
    #[schema(value_type = Option<Object>)]
    scenario: Option<Value>,
    /// The seed for random choices.
    #[schema(value_type = Option<usize>)]
    seed: Option<u64>,
    /// Values for its parameters.
    #[serde(default)]
    #[schema(value_type = Object)]
    params: BTreeMap<String, Value>,
}

/// Load a scenario in place of the present one.
///
/// The body has one of `name`, `text` and `scenario`. When the request is answered, the rules, accounts and mail of the
/// new scenario are in place and those of the previous one are removed. Its settings apply to the sessions that begin
/// afterwards.
#[utoipa::path(put, path = "/scenario", request_body = ScenarioSource, responses(
    (status = 200, description = "The scenario that is in force now.", body = ScenarioJson),
    (status = 409, description = "It has settings that only apply at the start of a server. `problems` names each and its place."),
    (status = 422, description = "It is not valid. `problems` names each error and its place."),
))]
pub(super) async fn load(
    Target(server): Target,
    _: NoParams,
    JsonBody(source): JsonBody<ScenarioSource>,
) -> Result<Json<ScenarioJson>, Problem> {
    let (is_named, is_json) = (source.name.is_some(), source.scenario.is_some());
    server.load(source.load()?).map_err(|error| {
        let problem = invalid(error).status(StatusCode::CONFLICT);
        match (is_named, is_json) {
            (true, _) => problem.of("name"),
            (false, true) => problem.below("scenario"),
            (false, false) => problem,
        }
    })?;
    Ok(Json(server.engine().read(ScenarioJson::of)))
}

impl ScenarioSource {
    pub(super) fn named(name: String) -> Self {
        Self { name: Some(name), text: None, scenario: None, seed: None, params: BTreeMap::new() }
    }

    pub(super) fn load(self) -> Result<Arc<Loaded>, Problem> {
        let params = self.params.iter().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.as_str(), value)
        });
        let all = params.clone().fold(self.bare()?, |scenario, (name, value)| scenario.set(name, value));
        let problem = match all.load() {
            Ok(loaded) => return Ok(Arc::new(loaded)),
            Err(error) => invalid(error),
        };
        if self.bare()?.load().is_err() {
            return Err(match (&self.name, &self.scenario) {
                (Some(_), _) => problem.of("name"),
                (None, Some(_)) => problem.below("scenario"),
                (None, None) => problem,
            });
        }
        for (name, value) in params {
            if self.bare()?.set(name, value).load().is_err() {
                return Err(problem.of(&format!("params.{name}")));
            }
        }
        Err(problem.of("params"))
    }

    /// The scenario without values for its parameters.
    fn bare(&self) -> Result<Scenario, Problem> {
        let scenario = match (&self.name, &self.text, &self.scenario) {
            (Some(name), None, None) => Scenario::named(name),
            (None, Some(text), None) => Scenario::text("scenario.toml", text),
            (None, None, Some(value)) => Scenario::json(value.clone()),
            _ => return Err(Problem::field("body", "a scenario needs exactly one of `name`, `text` and `scenario`")),
        };
        Ok(match self.seed {
            Some(seed) => scenario.seed(seed),
            None => scenario,
        })
    }
}

/// Get the scenario in force.
#[utoipa::path(get, path = "/scenario", responses((status = 200, description = "The scenario.", body = ScenarioJson)))]
pub(super) async fn scenario(Target(server): Target, _: NoParams) -> Json<ScenarioJson> {
    Json(server.engine().read(ScenarioJson::of))
}

/// Remove the scenario; rules that were added at run time stay.
#[utoipa::path(delete, path = "/scenario", responses((status = 204, description = "No scenario is in force.")))]
pub(super) async fn unload(Target(server): Target, _: NoParams, _: NoBody) -> StatusCode {
    server.unload();
    StatusCode::NO_CONTENT
}

impl ScenarioJson {
    fn of(world: &World) -> Self {
        let loaded = world.scenario.as_ref();
        let rules = world.rulebook.rules().iter().filter(|its| its.is_loaded);
        Self {
            name: loaded.map(|loaded| loaded.name.clone()),
            about: loaded.map(|loaded| loaded.about.clone()),
            client_must: loaded.map(|loaded| loaded.client_must.clone()),
            seed: world.rulebook.seed(),
            rules: rules.map(|its| its.rule.id.to_string()).collect(),
            warnings: loaded.map(|loaded| loaded.warnings.clone()),
        }
    }
}
