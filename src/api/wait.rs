//! Waits of a request, which end with their server.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use super::blocking::run_blocking;
use super::problem::Problem;
use crate::drive::{Engine, Interest};
use crate::expect::FailedWait;
use crate::server::{Server, Until, write_report};

/// Waits until `check` finds something; `None` if it does not in time. Fails with 410 if the server is removed meanwhile.
pub(super) async fn wait_until<T>(
    server: &Arc<Server>,
    interest: Interest,
    within: Duration,
    mut check: impl FnMut(&Engine) -> Option<T> + Unpin,
) -> Result<Option<T>, Problem> {
    let check = |engine: &Engine| match check(engine) {
        Some(found) => Some(Ok(found)),
        None => engine.is_stopped().then(|| Err(Problem::new(StatusCode::GONE, "the server was removed meanwhile"))),
    };
    Until::new(server.engine(), interest, within, check).await.transpose()
}

/// The answer to a wait that was in vain, whose report is written where reports are wanted.
pub(super) async fn in_vain(server: &Arc<Server>, failed: FailedWait) -> Result<Problem, Problem> {
    let engine = Arc::clone(server.engine());
    run_blocking(move || {
        write_report(&engine, &failed);
        Problem::new(StatusCode::CONFLICT, failed.to_string()).with("report", failed)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::drive::Topic;
    use crate::server::{Settings, block_on};

    #[test]
    fn a_wait_ends_with_its_server() {
        let server = Arc::new(Server::start(Settings::default()).unwrap());
        let hour = Duration::from_secs(3600);
        let mut wait = pin!(wait_until(&server, Interest::of([Topic::Rules]), hour, |_| None::<()>));
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());

        server.stop();

        assert!(block_on(wait).is_err());
    }
}
