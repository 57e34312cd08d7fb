//! Reads whole messages, and more that takes long, without blocking the threads of the runtime.

use tokio::task::{block_in_place, spawn_blocking};

use super::problem::Problem;

/// Up to this many octets are read on a thread of the runtime.
pub(super) const LITTLE: usize = 256 << 10;

/// Reads this many octets of mail. If that takes long, the other tasks of this thread move to another thread.
pub(super) fn blocking_if_long<T>(octets: usize, read: impl FnOnce() -> T) -> T {
    if octets <= LITTLE { read() } else { block_in_place(read) }
}

/// Reads whole messages, or does other work that takes long, on a thread for blocking work.
pub(super) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = spawn_blocking(work).await;
    done.map_err(|_| Problem::bug())
}
