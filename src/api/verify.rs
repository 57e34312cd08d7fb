//! `/v1/verify`: whether rules fired and expectations are met.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;

use super::blocking::run_blocking;
use super::body::NoBody;
use super::problem::Problem;
use super::server::{SETTLE, SettleQuery};
use super::target::Target;
use crate::drive::{Engine, Interest, Topic};
use crate::expect::{Question, Report, RulesReport, Snapshot, verify_expectations};
use crate::server::{Server, Until};
use crate::world::World;

/// Verify rules and expectations after the server has settled.
#[utoipa::path(post, path = "/verify", params(SettleQuery), responses(
    (status = 204, description = "Every expectation is met."),
    (status = 409, description = "One is not met; with the report."),
))]
pub(super) async fn verify(Target(server): Target, query: SettleQuery, _: NoBody) -> Result<StatusCode, Problem> {
    verified(&server, query.wait.unwrap_or(SETTLE)).await.map(|()| StatusCode::NO_CONTENT)
}

/// Waits until the server has settled, then verifies rules and expectations.
pub(super) async fn verified(server: &Server, wait: Duration) -> Result<(), Problem> {
    let settle = server.engine().read(World::settle_time);
    let interest = Interest::of([Topic::Quiet]);
    let check = |engine: &Engine| engine.read(|world| world.journal.is_settled()).then_some(());
    let _settled_or_not = Until::new(server.engine(), interest, wait, check).await;
    tokio::time::sleep(settle).await;
    let engine = Arc::clone(server.engine());
    run_blocking(move || {
        let (rules, expectations, snapshot) = engine.read(|world| {
            let expectations: Vec<Question> = world.expectations.iter().map(|(_, question)| question.clone()).collect();
            (world.rules_report(), expectations, Snapshot::of(&world.journal))
        });
        let unmet = verify_expectations(&expectations, &snapshot, false).err();
        if rules.is_none() && unmet.is_none() {
            return Ok(());
        }
        let texts = rules.iter().map(ToString::to_string).chain(unmet.iter().map(ToString::to_string));
        let detail = texts.collect::<Vec<_>>().join("\n");
        let report = Failed { rules, messages: unmet.map(|unmet| unmet.reports).unwrap_or_default() };
        Err(Problem::new(StatusCode::CONFLICT, detail).with("report", report))
    })
    .await?
}

/// The report on rules and on expectations of messages.
#[derive(Serialize)]
struct Failed {
    #[serde(flatten)]
    rules: Option<RulesReport>,
    /// The expectations of messages that are not met.
    messages: Vec<Report>,
}
