//! Reading whole mails, where nobody waits for a thread meanwhile.

use axum::http::StatusCode;
use tokio::task::{block_in_place, spawn_blocking};

use super::problem::Problem;

/// So many octets of mail are read on a thread that serves others too.
pub(super) const LITTLE: usize = 256 << 10;

/// Reads so many octets of mail. Where that takes long, whatever else this thread serves goes on on another one.
pub(super) fn blocking_if_long<T>(octets: usize, read: impl FnOnce() -> T) -> T {
    if octets <= LITTLE { read() } else { block_in_place(read) }
}

/// Reads whole messages elsewhere than on the threads that serve everybody.
pub(super) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = spawn_blocking(work).await;
    done.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "a bug of mailjig; please report it"))
}
