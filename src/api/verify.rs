//! `/v1/verify`: whether rules fired and expectations are met.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use super::blocking::run_blocking;
use super::body::NoBody;
use super::problem::Problem;
use super::server::{SETTLE, SettleQuery};
use super::target::Target;
use crate::drive::{Engine, Interest, Topic};
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
pub(super) async fn verified(server: &Arc<Server>, wait: Duration) -> Result<(), Problem> {
    let settle = server.engine().read(World::settle_time);
    let interest = Interest::of([Topic::Quiet]);
    let check = |engine: &Engine| engine.read(|world| world.journal.is_settled()).then_some(());
    let _settled_or_not = Until::new(server.engine(), interest, wait, check).await;
    tokio::time::sleep(settle).await;
    let server = Arc::clone(server);
    run_blocking(move || {
        let expectations = server.engine().read(|world| world.expectations.questions());
        match server.verify(&expectations, false) {
            None => Ok(()),
            Some(unverified) => {
                Err(Problem::new(StatusCode::CONFLICT, unverified.to_string()).with("report", unverified))
            }
        }
    })
    .await?
}
