//! Searches sessions backwards, for lists that begin with the newest.

use std::sync::Arc;

use super::backwards::backwards;
use crate::base::SessionNo;
use crate::drive::Engine;
use crate::expect::Matcher;
use crate::journal::Session;

/// At most `most` sessions that match and began before this one, the newest first; and the last one that was examined, if
/// there are older ones.
pub(crate) fn newest_sessions(
    engine: &Engine,
    matcher: &Matcher,
    before: Option<SessionNo>,
    most: usize,
) -> (Vec<Arc<Session>>, Option<SessionNo>) {
    backwards(
        before.unwrap_or(SessionNo(u32::MAX)),
        most,
        |no, most| older(engine, no, most),
        |session| session.no,
        |session| matcher.matches_session(session),
    )
}

fn older(engine: &Engine, no: SessionNo, most: usize) -> Vec<Arc<Session>> {
    engine.read(|world| {
        let logs = world.journal.sessions_before(no).rev().take(most);
        logs.map(|log| Arc::clone(log.facts())).collect()
    })
}
