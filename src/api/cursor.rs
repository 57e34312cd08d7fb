//! Cursors into the journal that cannot be continued: 410, with the first cursor that can.

use axum::http::StatusCode;

use super::problem::Problem;
use crate::base::Seq;
use crate::journal::Gone;
use crate::server::Server;
use crate::world::World;

/// Refuses a cursor that the journal has not reached: it is of an earlier run of the server, and who continues from there
/// would hear nothing.
pub(super) fn refuse_unreached(server: &Server, after: Seq) -> Result<(), Problem> {
    let tip = server.engine().read(|world| world.journal.tip());
    if after <= tip {
        return Ok(());
    }
    let detail = format!("the journal ends at {tip}, before the cursor {after}, so the cursor is of an earlier run");
    Err(Problem::new(StatusCode::GONE, detail).with("first", Seq::default()))
}

/// Refuses a cursor of a list that goes back, if the journal has not reached what is before it.
pub(super) fn refuse_unreached_before(server: &Server, before: Option<Seq>) -> Result<(), Problem> {
    refuse_unreached(server, Seq(before.unwrap_or_default().0.saturating_sub(1)))
}

/// Refuses a cursor that the journal has not reached, and one after which messages were discarded.
pub(super) fn refuse_lost(server: &Server, after: Option<Seq>) -> Result<(), Problem> {
    refuse_unreached(server, after.unwrap_or_default())?;
    refuse_discarded(server, after)
}

/// Refuses a cursor if messages after it were discarded.
pub(super) fn refuse_discarded(server: &Server, after: Option<Seq>) -> Result<(), Problem> {
    let evicted_to = server.engine().read(World::evicted_to);
    let Some(after) = after.filter(|after| *after < evicted_to) else { return Ok(()) };
    let detail =
        format!("messages after the cursor {after} were discarded; the first cursor without gaps is {evicted_to}");
    Err(Problem::new(StatusCode::GONE, detail).with("first", evicted_to))
}

/// The answer to a cursor whose records were discarded.
pub(super) fn gone(after: Seq, Gone { first }: Gone) -> Problem {
    let detail = format!("the records after {after} were discarded; the first that still exists has number {first}");
    Problem::new(StatusCode::GONE, detail).with("first", first)
}
