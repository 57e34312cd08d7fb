//! Error messages of waits for sessions.

use std::fmt::Write;
use std::sync::Arc;

use super::matcher::{Evidence, Matcher};
use super::report::Snapshot;
use crate::journal::Session;

impl Matcher {
    /// Whether a session matches.
    pub(crate) fn matches_session(&self, session: &Session) -> bool {
        self.matches(&Evidence { message: None, session: Some(session) })
    }

    /// The sessions that still match, and what each waits for.
    pub(crate) fn explain_remaining(&self, snapshot: &Snapshot) -> String {
        let remaining = snapshot.sessions_that(self);
        let are = if remaining.len() == 1 { "session is" } else { "sessions are" };
        format!("{} {are} still {self}\n  {}", remaining.len(), remaining.join("\n  "))
    }

    /// Every session, and which clauses did not match.
    pub(crate) fn explain_sessions(&self, sessions: &[Arc<Session>]) -> String {
        let mut text = format!("no session is {self}");
        if sessions.is_empty() {
            text.push_str("\n  there was no session");
        }
        for session in sessions {
            let clauses = self.explain(&Evidence { message: None, session: Some(session) });
            let failed = clauses.iter().filter(|clause| !clause.matched);
            let failed: Vec<String> =
                failed.map(|its| format!("{} wanted {}, got {}", its.clause, its.wanted, its.got)).collect();
            let ended = session.ended.map(|(_, ending)| format!(", {ending}")).unwrap_or_default();
            let _infallible = write!(text, "\n  {} {}{ended}: {}", session.no, session.listener, failed.join("; "));
        }
        text
    }
}
