//! The audit of a client's TLS: what bad servers present, what their sessions show, and the verdict. Does not know how the
//! client is started.

mod control;
mod judge;
mod lines;
mod parallel;
mod profiles;
mod seen;
#[cfg(test)]
mod tests;

pub(crate) use control::Control;
pub(crate) use judge::{ClientEnd, Judged, judge, proves_nothing};
pub use judge::{Leak, TlsVerdict};
use lines::lines_of;
pub(crate) use parallel::{default_jobs, in_parallel};
pub(crate) use profiles::{AuditProfile, Duty, GOOD};
pub(crate) use seen::SeenSession;
use seen::sessions_of;

use std::time::Duration;

use super::{Server, Until};
use crate::drive::{Engine, Interest, Topic};

/// How long the sessions of a client that has ended may take to end.
const SETTLE: Duration = Duration::from_secs(5);

/// What the sessions of a server show, once they have ended; and their text.
pub(crate) fn seen_by(server: &Server) -> (Vec<SeenSession>, String) {
    let are_over =
        |engine: &Engine| engine.read(|world| world.sessions() == 0 && world.journal.is_settled()).then_some(());
    let _over_or_not = Until::new(server.engine(), Interest::of([Topic::Quiet]), SETTLE, are_over).block();
    server.engine().read(|world| (sessions_of(&world.journal), lines_of(&world.journal)))
}
