//! The limit on open files, which bounds the number of servers and sessions.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most open files of a process on macOS (setrlimit(2)).
const OPEN_MAX: u64 = 10_240;

/// Raises the limit as far as this process may. Many systems allow 1,024 files by default, for programs that use
/// `select`, and more on request.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    if raised.is_err() && limit.current.is_some_and(|now| now < OPEN_MAX) {
        // macOS allows at most OPEN_MAX, also if the maximum is higher. If this fails too, the limit stays, and who
        // reaches it gets an error that names it.
        let current = Some(limit.maximum.map_or(OPEN_MAX, |maximum| maximum.min(OPEN_MAX)));
        let _as_before_at_worst = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    }
}
