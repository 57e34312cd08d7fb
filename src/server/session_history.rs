//! Searches sessions backwards, for lists that begin with the newest.

use std::sync::Arc;

use crate::base::SessionNo;
use crate::drive::Engine;
use crate::expect::Matcher;
use crate::journal::Session;

/// Number of sessions to examine before the lock is taken again for more: as many as are wanted, within these bounds.
const PORTION: (usize, usize) = (16, 256);

/// At most `most` sessions that match and began before this one, the newest first; and the last one that was examined, if
/// there are older ones.
pub(crate) fn newest_sessions(
    engine: &Engine,
    matcher: &Matcher,
    before: Option<SessionNo>,
    most: usize,
) -> (Vec<Arc<Session>>, Option<SessionNo>) {
    let mut found = Vec::new();
    let mut last = before.unwrap_or(SessionNo(u32::MAX));
    let mut sessions = Vec::new().into_iter();
    while found.len() < most {
        let Some(session) = sessions.next() else {
            let portion = older(engine, last, (most - found.len()).clamp(PORTION.0, PORTION.1));
            if portion.is_empty() {
                break;
            }
            sessions = portion.into_iter();
            continue;
        };
        last = session.no;
        if matcher.matches_session(&session) {
            found.push(session);
        }
    }
    let has_older = !older(engine, last, 1).is_empty();
    (found, has_older.then_some(last))
}

fn older(engine: &Engine, no: SessionNo, most: usize) -> Vec<Arc<Session>> {
    engine.read(|world| {
        let logs = world.journal.sessions_before(no).rev().take(most);
        logs.map(|log| Arc::clone(log.facts())).collect()
    })
}
