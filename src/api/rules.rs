//! `/v1/rules`: the mounted rules.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::blocking::run_blocking;
use super::body::NoBody;
use super::params::{NoParams, Path, query};
use super::problem::Problem;
use super::rule_body::RuleBody;
use super::rule_json::{MountedJson, RuleInContext, RuleList, RuleSnapshot, line_numbers};
use super::target::{Base, Target};
use super::wait::wait_until;
use crate::base::Times;
use crate::expect::LineNumbers;
use crate::rule::{Mounted, RuleNo};
use crate::scenario::NewRule;
use crate::server::{RuleRemoved, Server, rule_fired, write_report};
use crate::world::World;

query! {
    /// The query of one rule.
    pub(super) struct FiredQuery {
        /// Answer when the rule has fired this often.
        fired: Option<u64>,
        /// How long to wait for that, such as `5s`; needs `fired`.
        wait: Option<Duration>,
    }
}

/// List the mounted rules, the outermost first.
#[utoipa::path(get, path = "/rules", responses((status = 200, description = "The rules.", body = RuleList)))]
pub(super) async fn list(Target(server): Target, _: NoParams) -> Result<Response, Problem> {
    run_blocking(move || {
        let engine = server.engine();
        let mut numbers = line_numbers(engine, None);
        let all = engine.read(|world| RuleSnapshot::all(world, &mut numbers));
        Json(RuleList::of(all)).into_response()
    })
    .await
}

/// Mount a rule, outside all others.
///
/// The body is the rule, as in a scenario: JSON, or TOML with one `[[rule]]`. Without `id`, its number is its name.
#[utoipa::path(post, path = "/rules", request_body(content((Object = "application/json"), (String = "application/toml"))), responses(
    (status = 201, description = "The rule is mounted.", body = MountedJson),
    (status = 409, description = "A rule has this `id`."),
    (status = 422, description = "The rule is not valid. `problems` names each error and its place."),
))]
pub(super) async fn add(
    Target(server): Target,
    Base(base): Base,
    _: NoParams,
    body: RuleBody,
) -> Result<Response, Problem> {
    let NewRule { mut rule, has_id } = body.read(&server)?;
    let (no, mounted) = server.engine().update(|world, now| {
        match has_id {
            true => check_id(world, &rule.id, None)?,
            false => rule.id = format!("r{}", world.rulebook.next_no().0).into(),
        }
        let no = world.mount(Arc::new(rule), now);
        Ok::<_, Problem>((no, RuleInContext::of(no, world, &mut LineNumbers::default())))
    })?;
    let shown = mounted.map(RuleInContext::into_json);
    let location = [(header::LOCATION, format!("{base}/rules/r{}", no.0))];
    Ok((StatusCode::CREATED, location, Json(shown)).into_response())
}

/// Refuses a name that would mean another rule. `replaced` keeps its own.
fn check_id(world: &World, id: &str, replaced: Option<&Mounted>) -> Result<(), Problem> {
    if replaced.is_some_and(|replaced| *replaced.rule.id == *id) {
        return Ok(());
    }
    let is_number = id.strip_prefix('r').is_some_and(|digits| digits.parse::<u32>().is_ok());
    if id.is_empty() || is_number {
        let detail =
            format!("`{id}` is not a name for a rule: a name is not empty, and names such as `r3` are numbers");
        return Err(Problem::field("id", detail).status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    if world.rulebook.rules().iter().any(|mounted| *mounted.rule.id == *id) {
        let detail = format!("there is a rule `{id}` already; remove it, or replace it with `PUT /v1/rules/{id}`");
        return Err(Problem::field("id", detail).status(StatusCode::CONFLICT));
    }
    Ok(())
}

/// Get one rule, or wait until it has fired.
#[utoipa::path(get, path = "/rules/{r}", params(("r" = String, Path, description = "The rule: its number, such as `r3`, or its name."), FiredQuery), responses(
    (status = 200, description = "The rule.", body = MountedJson), (status = 404, description = "There is no such rule."),
    (status = 409, description = "It did not fire that often in time."),
))]
pub(super) async fn one(
    Target(server): Target,
    Path(r): Path<String>,
    FiredQuery { fired, wait }: FiredQuery,
) -> Result<Json<MountedJson>, Problem> {
    if let Some(fired) = fired {
        let no = server.engine().read(|world| number(world, &r)).ok_or_else(|| Problem::none("rule", &r))?;
        let (interest, check) = rule_fired(no, fired);
        let within = wait.unwrap_or_default();
        let found = wait_until(&server, interest, within, Box::new(check)).await?;
        if found.transpose().map_err(|RuleRemoved| Problem::none("rule", &r))?.is_none() {
            let report = server.engine().read(|world| world.rule_report(no, Times::from(fired..)));
            let report = report.ok_or_else(|| Problem::none("rule", &r))?;
            let engine = Arc::clone(server.engine());
            let report = run_blocking(move || {
                write_report(&engine, &report);
                report
            })
            .await?;
            let detail = match wait {
                Some(within) => format!("the rule did not fire that often within {within:?}\n{report}"),
                None => format!("the rule has not fired that often\n{report}"),
            };
            return Err(Problem::new(StatusCode::CONFLICT, detail).with("report", report));
        }
    } else if wait.is_some() {
        return Err(Problem::field("wait", "`wait` needs `fired`, as in `?fired=2&wait=5s`"));
    }
    let no = server.engine().read(|world| number(world, &r));
    let find = move || {
        let engine = server.engine();
        let mut numbers = line_numbers(engine, no);
        engine.read(|world| RuleInContext::of(no?, world, &mut numbers)).map(RuleInContext::into_json)
    };
    run_blocking(find).await?.map(Json).ok_or_else(|| Problem::none("rule", &r))
}

/// Replace a rule; its counts start again. The body is the rule, as for `POST`.
#[utoipa::path(put, path = "/rules/{r}", params(("r" = String, Path, description = "The rule: its number, such as `r3`, or its name.")), request_body(content((Object = "application/json"), (String = "application/toml"))), responses(
    (status = 200, description = "The new rule.", body = MountedJson), (status = 404, description = "There is no such rule."),
    (status = 409, description = "Another rule has this `id`."),
    (status = 422, description = "The rule is not valid. `problems` names each error and its place."),
))]
pub(super) async fn replace(
    Target(server): Target,
    Path(r): Path<String>,
    _: NoParams,
    body: RuleBody,
) -> Result<Json<MountedJson>, Problem> {
    let NewRule { mut rule, has_id } = body.read(&server)?;
    let none = || Problem::none("rule", &r);
    let replacement = server.engine().update(|world, now| {
        let replaced = number(world, &r).and_then(|no| world.rulebook.get(no)).ok_or_else(none)?;
        let no = replaced.no;
        match has_id {
            true => check_id(world, &rule.id, Some(replaced))?,
            false => rule.id = Arc::clone(&replaced.rule.id),
        }
        world.replace(no, Arc::new(rule), now);
        RuleInContext::of(no, world, &mut LineNumbers::default()).ok_or_else(none)
    })?;
    Ok(Json(replacement.into_json()))
}

/// Remove a rule.
#[utoipa::path(delete, path = "/rules/{r}", params(("r" = String, Path, description = "The rule: its number, such as `r3`, or its name.")), responses(
    (status = 204, description = "The rule is removed."), (status = 404, description = "There is no such rule."),
))]
pub(super) async fn remove(
    Target(server): Target,
    Path(r): Path<String>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    let removed = server.engine().update(|world, _| number(world, &r).is_some_and(|no| world.rulebook.unmount(no)));
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::none("rule", &r)) }
}

/// Remove all rules, also those of the scenario, which a reset restores.
#[utoipa::path(delete, path = "/rules", responses((status = 204, description = "No rule is mounted.")))]
pub(super) async fn clear(Target(server): Target, _: NoParams, _: NoBody) -> StatusCode {
    server.engine().update(|world, _| world.rulebook.unmount_all());
    StatusCode::NO_CONTENT
}

/// Enable a rule.
#[utoipa::path(post, path = "/rules/{r}/enable", params(("r" = String, Path, description = "The rule: its number, such as `r3`, or its name.")), responses(
    (status = 204, description = "The rule is enabled."), (status = 404, description = "There is no such rule."),
))]
pub(super) async fn enable(
    Target(server): Target,
    Path(r): Path<String>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    switch(&server, &r, true)
}

/// Disable a rule: it does not fire.
#[utoipa::path(post, path = "/rules/{r}/disable", params(("r" = String, Path, description = "The rule: its number, such as `r3`, or its name.")), responses(
    (status = 204, description = "The rule is disabled."), (status = 404, description = "There is no such rule."),
))]
pub(super) async fn disable(
    Target(server): Target,
    Path(r): Path<String>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
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
