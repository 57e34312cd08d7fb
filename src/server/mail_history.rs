//! Searches captured mail backwards, for lists that begin with the newest.

use super::backwards::backwards;
use super::mail_query::Candidate;
use crate::base::Seq;
use crate::drive::Engine;
use crate::expect::Matcher;
use crate::journal::Captured;

/// Which messages to find: those that match between two cursors.
pub(crate) struct MailHistory {
    pub(crate) matcher: Matcher,
    pub(crate) after: Option<Seq>,
    pub(crate) before: Option<Seq>,
}

/// Messages, the newest first.
pub(crate) struct History {
    pub(crate) found: Vec<Captured>,
    /// The cursor after the newest, whether it matches or not.
    pub(crate) next: Seq,
    /// The cursor before which older messages are, if there are any.
    pub(crate) older: Option<Seq>,
}

impl MailHistory {
    /// At most `most` matches, in the reverse order of closing. Without cursors, all that are not closed yet come first and
    /// do not count: they have no place in the order yet, so no cursor would lead to those that are left out.
    pub(crate) fn find(&self, engine: &Engine, most: usize) -> History {
        let (unclosed, next) = engine.read(|world| {
            let journal = &world.journal;
            let has_cursor = self.after.is_some() || self.before.is_some();
            let unclosed = journal.unclosed().rev().filter(|_| !has_cursor);
            let unclosed: Vec<Candidate> = unclosed.map(|captured| Candidate::of(captured, journal)).collect();
            (unclosed, self.before.map_or(journal.tip(), |before| Seq(before.0.saturating_sub(1))))
        });
        let matches = |candidate: &Candidate| candidate.matches(&self.matcher);
        let (closed, older) = backwards(
            Seq(next.0 + 1),
            most,
            |before, most| self.portion(engine, before, most),
            |candidate| candidate.captured.closed.unwrap_or_default(),
            matches,
        );
        let found = unclosed.into_iter().filter(matches).chain(closed).map(|candidate| candidate.captured).collect();
        History { found, next, older }
    }

    /// The newest that are closed before this cursor.
    fn portion(&self, engine: &Engine, before: Seq, most: usize) -> Vec<Candidate> {
        let last = Seq(before.0.saturating_sub(1));
        engine.read(|world| {
            let journal = &world.journal;
            let closed = journal.closed_between(self.after.unwrap_or_default(), last, self.matcher.recipient());
            closed.rev().take(most).map(|captured| Candidate::of(captured, journal)).collect()
        })
    }
}
