//! Failed waits for sessions.

use std::sync::Arc;
use std::time::Duration;

use super::FailedWait;
use super::matcher::{Evidence, Matcher};
use super::report::Snapshot;
use crate::journal::Session;

impl Matcher {
    /// Whether a session matches.
    pub(crate) fn matches_session(&self, session: &Session) -> bool {
        self.matches(&Evidence { message: None, session: Some(session) })
    }

    /// What a session is that matches.
    fn of_sessions(&self) -> String {
        if self.is_any() { "there".to_owned() } else { self.to_string() }
    }

    /// A wait until no session matches: those that still do, and what each waits for.
    pub(crate) fn remained(&self, within: Duration, snapshot: &Snapshot) -> FailedWait {
        let remaining = snapshot.sessions_that(self);
        let are = if remaining.len() == 1 { "session is" } else { "sessions are" };
        let failure = format!("within {within:?}, {} {are} still {}", remaining.len(), self.of_sessions());
        FailedWait::new(failure).with_sessions(remaining)
    }

    /// A wait for a session that matches: every session, and which clauses did not match.
    pub(crate) fn did_not_come(&self, within: Duration, sessions: &[Arc<Session>]) -> FailedWait {
        let explained = |session: &Arc<Session>| {
            let clauses = self.explain(&Evidence { message: None, session: Some(session) });
            let failed = clauses.iter().filter(|clause| !clause.matched);
            let failed: Vec<String> =
                failed.map(|its| format!("{} wanted {}, got {}", its.clause, its.wanted, its.got)).collect();
            let ended = session.ended.map(|(_, ending)| format!(", {ending}")).unwrap_or_default();
            format!("{} {}{ended}: {}", session.no, session.listener, failed.join("; "))
        };
        let explained = match sessions {
            [] => vec!["there was no session".to_owned()],
            sessions => sessions.iter().map(explained).collect(),
        };
        FailedWait::new(format!("within {within:?}, no session is {}", self.of_sessions())).with_sessions(explained)
    }
}
