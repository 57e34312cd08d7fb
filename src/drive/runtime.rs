//! The one runtime of this process, on threads of its own.

use std::pin::Pin;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Starts with the first server and lives as long as the process, so that servers work under tokio, another executor
/// or none, and a test that blocks its own executor cannot starve them.
///
/// # Rationale
/// A thread for every second core, four at most: the client under test shares the machine, and a thread that is woken
/// only to find nothing to do costs every mail a quarter more CPU time.
///
/// # Panics
/// If the system cannot create threads.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Builder::new_multi_thread()
            .worker_threads((cores / 2).clamp(1, 4))
            .thread_name("mailjig")
            .enable_io()
            .enable_time()
            .build()
            .expect("the system can create threads")
    })
}

/// Runs this on the runtime. Boxed, so that tokio's task code is compiled once for each type of result, instead of for
/// each kind of task.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let task: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(task);
    runtime().spawn(task)
}
