//! The limit on open files, which bounds the number of servers and sessions.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as this process may. Many systems allow 1,024 files by default, for programs that use
/// `select`, and more on request.
pub(super) fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it fails, the limit stays, and who reaches it gets an error that names it.
    let _lower_at_worst = setrlimit(Resource::Nofile, limit);
}
