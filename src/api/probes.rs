//! `/healthz` and `/readyz`, which tell a supervisor whether the process runs and whether clients can connect.

use axum::extract::State;
use axum::http::StatusCode;

use super::Shared;
use super::problem::Problem;
use crate::server::Server;

/// The process runs.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Every listener of every server accepts connections.
pub(super) async fn readyz(State(shared): State<Shared>) -> Result<&'static str, Problem> {
    let further = shared.host.further();
    let servers = further.iter().map(|its| (format!("server {}: ", its.no), &its.server));
    let main = (String::new(), shared.host.main());
    let missing: Vec<String> =
        [main].into_iter().chain(servers).flat_map(|(of, server)| missing(&of, server)).collect();
    match missing.is_empty() {
        true => Ok("ok\n"),
        false => {
            let detail = format!("these listeners accept no connections: {}", missing.join(", "));
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
    }
}

fn missing(of: &str, server: &Server) -> Vec<String> {
    server.not_accepting().iter().map(|listener| format!("{of}{listener}")).collect()
}
