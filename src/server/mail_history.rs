//! Searches captured mail backwards, for lists that begin with the newest.

use super::mail_query::Candidate;
use crate::base::Seq;
use crate::drive::Engine;
use crate::expect::Matcher;
use crate::journal::Captured;

/// Number of messages to examine before the lock is taken again for more: as many as are wanted, within these bounds.
const PORTION: (usize, usize) = (16, 256);

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
    /// At most `most` matches, in the reverse order of closing. Without cursors, messages that are not closed yet come
    /// first.
    pub(crate) fn find(&self, engine: &Engine, most: usize) -> History {
        let (unclosed, next) = engine.read(|world| {
            let journal = &world.journal;
            let has_cursor = self.after.is_some() || self.before.is_some();
            let unclosed = journal.unclosed().rev().filter(|_| !has_cursor);
            let unclosed: Vec<Candidate> = unclosed.map(|captured| Candidate::of(captured, journal)).collect();
            (unclosed, self.before.map_or(journal.tip(), |before| Seq(before.0.saturating_sub(1))))
        });
        let mut found = Vec::new();
        let mut last = next;
        let mut candidates = unclosed.into_iter();
        while found.len() < most {
            let Some(candidate) = candidates.next() else {
                let portion = self.portion(engine, last, (most - found.len()).clamp(PORTION.0, PORTION.1));
                if portion.is_empty() {
                    break;
                }
                candidates = portion.into_iter();
                continue;
            };
            if let Some(closed) = candidate.captured.closed {
                last = Seq(closed.0 - 1);
            }
            if candidate.matches(&self.matcher) {
                found.push(candidate.captured);
            }
        }
        let has_older = !self.portion(engine, last, 1).is_empty();
        History { found, next, older: has_older.then_some(Seq(last.0 + 1)) }
    }

    /// The newest that are closed up to this cursor.
    fn portion(&self, engine: &Engine, last: Seq, most: usize) -> Vec<Candidate> {
        engine.read(|world| {
            let journal = &world.journal;
            let closed = journal.closed_between(self.after.unwrap_or_default(), last, self.matcher.recipient());
            closed.rev().take(most).map(|captured| Candidate::of(captured, journal)).collect()
        })
    }
}
