//! `/v1/rules`, `/v1/scenario`, `/v1/state`, `/v1/verify` and `/v1/clock`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::JsonBody;
use super::params::{NoParams, Params, Path};
use super::problem::Problem;
use super::target::{Base, Target};
use crate::base::{Times, Timestamp};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::near_misses;
use crate::rule::{Mounted, Rule, RuleNo, Variable as Name, VariableValue as Variable};
use crate::scenario::{Loaded, Scenario, ScenarioError, rule_as_json, rule_from_json};
use crate::server::{Server, Until, rule_fired};
use crate::world::World;

/// All mounted rules, the outermost first.
pub(super) async fn list(Target(server): Target, _: NoParams) -> Json<Value> {
    Json(server.engine().read(|world| {
        let rules: Vec<Value> = world.rulebook.rules().iter().map(|mounted| shown(mounted, world)).collect();
        json!({ "rules": rules })
    }))
}

/// Mounts a rule as the outermost.
pub(super) async fn add(
    Target(server): Target,
    Base(base): Base,
    _: NoParams,
    body: Bytes,
) -> Result<Response, Problem> {
    let rule = read(&server, &body)?;
    let (no, shown) = server.engine().update(|world, now| {
        let no = world.mount(rule, now);
        (no, world.rulebook.get(no).map(|mounted| shown(mounted, world)))
    });
    let location = [(header::LOCATION, format!("{base}/rules/r{}", no.0))];
    Ok((StatusCode::CREATED, location, Json(shown)).into_response())
}

fn read(server: &Server, body: &[u8]) -> Result<Arc<Rule>, Problem> {
    let namespace = server.engine().read(|world| world.mail.accounts.namespace().clone());
    rule_from_json(&value(body)?, "added over HTTP", namespace).map(Arc::new).map_err(wrong)
}

/// One rule. With `fired` and `wait`, answers when it has fired that often.
pub(super) async fn one(
    Target(server): Target,
    Path(r): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, Problem> {
    let (fired, wait) = (params.number("fired")?, params.duration("wait")?);
    params.finish()?;
    if let Some(fired) = fired {
        let no = server.engine().read(|world| number(world, &r)).ok_or_else(|| Problem::none("rule", &r))?;
        let (interest, check) = rule_fired(no, fired);
        let within = wait.unwrap_or_default();
        if Until::new(server.engine(), interest, within, Box::new(check)).await.is_none() {
            let report = server.engine().read(|world| world.rule_report(no, Times::from(fired..)));
            let report = report.ok_or_else(|| Problem::none("rule", &r))?;
            let detail = format!("the rule did not fire that often within {within:?}\n{report}");
            return Err(Problem::new(StatusCode::CONFLICT, detail).with("report", report));
        }
    } else if wait.is_some() {
        return Err(Problem::field("wait", "`wait` needs `fired`, as in `?fired=2&wait=5s`"));
    }
    let found = server.engine().read(|world| {
        let no = number(world, &r)?;
        world.rulebook.get(no).map(|mounted| shown(mounted, world))
    });
    found.map(Json).ok_or_else(|| Problem::none("rule", &r))
}

/// Replaces a rule; its counts start again.
pub(super) async fn replace(
    Target(server): Target,
    Path(r): Path<String>,
    _: NoParams,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let rule = read(&server, &body)?;
    let replaced = server.engine().update(|world, now| {
        let no = number(world, &r).filter(|no| world.replace(*no, rule, now))?;
        world.rulebook.get(no).map(|mounted| shown(mounted, world))
    });
    replaced.map(Json).ok_or_else(|| Problem::none("rule", &r))
}

pub(super) async fn remove(Target(server): Target, Path(r): Path<String>, _: NoParams) -> Result<StatusCode, Problem> {
    let removed = server.engine().update(|world, _| number(world, &r).is_some_and(|no| world.rulebook.unmount(no)));
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::none("rule", &r)) }
}

/// Removes all rules, also those of the scenario, which a reset restores.
pub(super) async fn clear(Target(server): Target, _: NoParams) -> StatusCode {
    server.engine().update(|world, _| world.rulebook.unmount_all());
    StatusCode::NO_CONTENT
}

pub(super) async fn enable(Target(server): Target, Path(r): Path<String>, _: NoParams) -> Result<StatusCode, Problem> {
    switch(&server, &r, true)
}

pub(super) async fn disable(Target(server): Target, Path(r): Path<String>, _: NoParams) -> Result<StatusCode, Problem> {
    switch(&server, &r, false)
}

fn switch(server: &Server, r: &str, enabled: bool) -> Result<StatusCode, Problem> {
    let found =
        server.engine().update(|world, _| number(world, r).is_some_and(|no| world.rulebook.enable(no, enabled)));
    if found { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::none("rule", r)) }
}

/// The rule with this number (`r3`) or name.
fn number(world: &World, r: &str) -> Option<RuleNo> {
    let by_name = world.rulebook.rules().iter().find(|mounted| *mounted.rule.id == *r).map(|mounted| mounted.no);
    by_name.or_else(|| r.strip_prefix('r')?.parse().ok().map(RuleNo))
}

fn shown(mounted: &Mounted, world: &World) -> Value {
    json!({
        "number": format!("r{}", mounted.no.0),
        "rule": rule_as_json(&mounted.rule),
        "enabled": mounted.enabled,
        "loaded": mounted.is_loaded,
        "origin": &*mounted.rule.origin,
        "asked": world.rulebook.asked(mounted),
        "fired": mounted.fired,
        "without_effect": mounted.without_effect,
        "near_misses": near_misses(mounted, &world.rulebook, &world.journal),
    })
}

/// A scenario: by name, by the text of a file, or as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioSource {
    name: Option<String>,
    text: Option<String>,
    scenario: Option<Value>,
    seed: Option<u64>,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

/// Replaces the scenario: by name, by the text of a file, or as JSON.
pub(super) async fn load(
    Target(server): Target,
    _: NoParams,
    JsonBody(source): JsonBody<ScenarioSource>,
) -> Result<Json<Value>, Problem> {
    server.load(Some(source.load()?));
    Ok(Json(server.engine().read(scenario_shown)))
}

impl ScenarioSource {
    pub(super) fn named(name: String) -> Self {
        Self { name: Some(name), text: None, scenario: None, seed: None, params: BTreeMap::new() }
    }

    pub(super) fn load(self) -> Result<Arc<Loaded>, Problem> {
        let mut scenario = match (self.name, self.text, self.scenario) {
            (Some(name), None, None) => Scenario::named(name),
            (None, Some(text), None) => Scenario::text("scenario.toml", text),
            (None, None, Some(value)) => Scenario::json(value),
            _ => return Err(Problem::field("body", "a scenario needs exactly one of `name`, `text` and `scenario`")),
        };
        for (name, value) in self.params {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            scenario = scenario.set(name, value);
        }
        if let Some(seed) = self.seed {
            scenario = scenario.seed(seed);
        }
        scenario.load().map(Arc::new).map_err(wrong)
    }
}

pub(super) async fn scenario(Target(server): Target, _: NoParams) -> Json<Value> {
    Json(server.engine().read(scenario_shown))
}

/// Removes the scenario; rules that were added at run time stay.
pub(super) async fn unload(Target(server): Target, _: NoParams) -> StatusCode {
    server.load(None);
    StatusCode::NO_CONTENT
}

fn scenario_shown(world: &World) -> Value {
    let loaded = world.scenario.as_ref();
    json!({
        "name": loaded.map(|loaded| loaded.name.as_str()),
        "about": loaded.map(|loaded| loaded.about.as_str()),
        "client_must": loaded.map(|loaded| loaded.client_must.clone()),
        "seed": world.rulebook.seed(),
        "rules": world.rulebook.rules().iter().filter(|its| its.is_loaded).map(|its| &*its.rule.id).collect::<Vec<_>>(),
        "warnings": loaded.map(|loaded| loaded.warnings.clone()),
    })
}

/// The variables that rules share.
pub(super) async fn state(Target(server): Target, _: NoParams) -> Json<Value> {
    Json(server.engine().read(|world| {
        let variables = world.rulebook.variables.state().iter().map(|(name, set)| {
            let value = match &set.value {
                Variable::Text(text) => Value::from(&**text),
                Variable::Number(number) => Value::from(*number),
                Variable::Truth(truth) => Value::from(*truth),
            };
            (name.to_string(), value)
        });
        Value::Object(variables.collect())
    }))
}

/// Sets variables.
pub(super) async fn set_state(Target(server): Target, _: NoParams, body: Bytes) -> Result<StatusCode, Problem> {
    let Value::Object(map) = value(&body)? else {
        return Err(Problem::field("body", "the body must be an object with variables and their values"));
    };
    let mut values = Vec::new();
    for (name, value) in map {
        let state = match value {
            Value::String(text) => Variable::Text(text.into()),
            Value::Bool(truth) => Variable::Truth(truth),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Variable::Number(number),
                None => return Err(Problem::field(&name, "a number must be an integer")),
            },
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(Problem::field(&name, "a variable must be a string, an integer, true or false"));
            }
        };
        values.push((Name { name: name.into(), is_session: false }, state));
    }
    server.engine().update(|world, now| world.set_state(values, now));
    Ok(StatusCode::NO_CONTENT)
}

/// Verifies rules and expectations after the server has settled: 204, or 409 with the report.
pub(super) async fn verify(Target(server): Target, mut params: Params) -> Result<StatusCode, Problem> {
    let wait = params.duration("wait")?.unwrap_or(Duration::from_secs(5));
    params.finish()?;
    verified(&server, wait).await.map(|()| StatusCode::NO_CONTENT)
}

/// Waits until the server has settled, then verifies rules and expectations.
pub(super) async fn verified(server: &Server, wait: Duration) -> Result<(), Problem> {
    let settle = server.engine().read(World::settle_time);
    let interest = Interest::of([Topic::Quiet]);
    let check = |engine: &Engine| engine.read(|world| world.journal.is_settled()).then_some(());
    let _settled_or_not = Until::new(server.engine(), interest, wait, check).await;
    tokio::time::sleep(settle).await;
    match server.engine().read(World::rules_report) {
        None => Ok(()),
        Some(report) => Err(Problem::new(StatusCode::CONFLICT, report.to_string()).with("report", report)),
    }
}

pub(super) async fn clock(Target(server): Target, _: NoParams) -> Json<Value> {
    Json(clock_shown(&server))
}

pub(super) async fn pause(Target(server): Target, _: NoParams) -> Json<Value> {
    server.engine().pause();
    Json(clock_shown(&server))
}

pub(super) async fn resume(Target(server): Target, _: NoParams) -> Json<Value> {
    server.engine().resume();
    Json(clock_shown(&server))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    by: String,
}

/// Advances the server's time; answers when everything that is due has run.
pub(super) async fn advance(
    Target(server): Target,
    _: NoParams,
    JsonBody(Advance { by }): JsonBody<Advance>,
) -> Result<Json<Value>, Problem> {
    let by = super::params::duration(&by).map_err(|why| Problem::field("by", why))?;
    let engine = server.engine();
    if engine.clock().now().plus(by) > Timestamp::LAST {
        return Err(Problem::field("by", "the clock cannot be advanced beyond the year 9999"));
    }
    engine
        .advance(by)
        .await
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the clock could not be advanced"))?;
    Ok(Json(clock_shown(&server)))
}

fn clock_shown(server: &Server) -> Value {
    let clock = server.engine().clock();
    json!({ "now": clock.now(), "paused": clock.is_paused() })
}

fn value(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::field("body", format!("the body is not valid JSON: {error}")))
}

/// The errors in a scenario or a rule; `field` is the place of the first one.
fn wrong(error: ScenarioError) -> Problem {
    let field = error.field().unwrap_or_else(|| "body".to_owned());
    let problems: Vec<Value> = error
        .each()
        .map(|(place, message, help)| json!({ "place": place, "message": message, "help": help }))
        .collect();
    Problem::field(&field, error.to_string()).status(StatusCode::UNPROCESSABLE_ENTITY).with("problems", problems)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::future::Future;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpStream;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::protocol::Listener;
    use crate::server::Settings;

    /// How often this thread has blocked (voluntary context switches, proc(5)).
    fn waits() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse().unwrap()
    }

    #[test]
    fn pausing_and_resuming_the_clock_do_not_wait_for_a_busy_session() {
        let text = "mailjig = 1\n[[rule]]\non = 'smtp.noop'\ndo = { raw = '{repeat:1000000:abcdefgh}' }\n";
        let server = Arc::new(Server::start(Settings::default()).unwrap());
        server.load(Some(Arc::new(Scenario::text("flood.toml", text).load().unwrap())));
        let mut client = TcpStream::connect(server.endpoint(Listener::Smtp).unwrap().address()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client.write_all(b"NOOP\r\n").unwrap();
        let mut greeting = String::new();
        let mut client = BufReader::with_capacity(1, client);
        client.read_line(&mut greeting).unwrap();
        // The first octet of the reply has arrived; the client does not read the rest.
        client.fill_buf().unwrap();

        // Another thread may hold a lock at one moment, but not at every attempt.
        let mut is_waiting = true;
        for _ in 0..10 {
            let before = waits();
            let paused =
                pin!(pause(Target(Arc::clone(&server)), NoParams)).poll(&mut Context::from_waker(Waker::noop()));
            let resumed =
                pin!(resume(Target(Arc::clone(&server)), NoParams)).poll(&mut Context::from_waker(Waker::noop()));
            assert!(paused.is_ready() && resumed.is_ready());
            is_waiting &= waits() > before;
        }

        assert!(!is_waiting, "it blocked at each attempt");
        assert!(server.engine().read(|world| !world.journal.is_settled()), "the session is still busy");
    }
}
