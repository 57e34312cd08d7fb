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

    /// What a session is that matches.
    fn of_sessions(&self) -> String {
        if self.is_any() { "there".to_owned() } else { self.to_string() }
    }

    /// The sessions that still match, and what each waits for.
    pub(crate) fn explain_remaining(&self, snapshot: &Snapshot) -> String {
        let remaining = snapshot.sessions_that(self);
        let are = if remaining.len() == 1 { "session is" } else { "sessions are" };
        let what = self.of_sessions();
        format!("{} {are} still {what}\n  {}", remaining.len(), remaining.join("\n  "))
    }

    /// Every session, and which clauses did not match.
    pub(crate) fn explain_sessions(&self, sessions: &[Arc<Session>]) -> String {
        let what = self.of_sessions();
        let mut text = format!("no session is {what}");
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
