//! What is said when no session is as it was waited for.

use std::fmt::Write;

use super::matcher::{Evidence, Matcher};
use crate::journal::Session;

impl Matcher {
    /// The first session that this holds for.
    pub(crate) fn first_session<'s>(&self, mut sessions: impl Iterator<Item = &'s Session>) -> Option<Session> {
        sessions.find(|session| self.matches(&Evidence { message: None, session: Some(session) })).cloned()
    }

    /// Every session, and which clauses did not hold for it.
    pub(crate) fn explain_sessions(&self, sessions: &[Session]) -> String {
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
