//! Searches captured mail with a matcher and a cursor, for waits, lists and `none_within`.

use std::sync::Arc;

use crate::base::{MessageNo, Seq};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::{Evidence, Matcher};
use crate::journal::{Captured, Journal, Session};
use crate::mail::Message;

/// Number of messages to examine before the lock is taken again for more.
const PORTION: usize = 256;

/// Finds matching messages in the order in which their exchanges closed; examines each once.
pub(crate) struct MailQuery {
    matcher: Matcher,
    cursor: Seq,
    /// A message to leave out.
    excluded: Option<MessageNo>,
}

/// A message to examine, and the session that received it.
struct Candidate {
    captured: Captured,
    session: Option<Arc<Session>>,
}

impl MailQuery {
    /// Begins after a position in the journal. Position 0 includes all messages.
    pub(crate) fn after(cursor: Seq, matcher: Matcher) -> Self {
        Self { matcher, cursor, excluded: None }
    }

    /// Begins after the record that closed this message. If it is not closed yet, the search leaves it out later.
    pub(crate) fn after_message(message: &Message, engine: &Engine, matcher: Matcher) -> Self {
        // A message that was cleared is older than all messages that are kept, so the search begins at 0.
        let cursor = engine.read(|world| world.journal.place_of(message.no())).unwrap_or_default();
        Self { matcher, cursor, excluded: Some(message.no()) }
    }

    /// The topics that wake a wait for a match.
    pub(crate) fn interest(&self) -> Interest {
        let topic = self.matcher.recipient().map_or(Topic::Mail, |address| Topic::MailTo(address.to_owned()));
        Interest::of([topic])
    }

    /// The position up to which messages were examined.
    #[cfg(feature = "api")]
    pub(crate) fn cursor(&self) -> Seq {
        self.cursor
    }

    /// At most `most` matches among the messages closed since the last call.
    pub(crate) fn find(&mut self, engine: &Engine, most: usize) -> Vec<Captured> {
        self.find_with(engine, most, |_octets, look| look())
    }

    /// Like `find`; `run` calls its second argument, which examines messages of this many octets in total.
    pub(crate) fn find_with(
        &mut self,
        engine: &Engine,
        most: usize,
        run: impl Fn(usize, &mut dyn FnMut()),
    ) -> Vec<Captured> {
        let mut found = Vec::new();
        while found.len() < most {
            let recipient = self.matcher.recipient();
            let portion: Vec<Candidate> = engine.read(|world| {
                let closed = world.journal.closed_since(self.cursor, recipient);
                closed.take(PORTION).map(|captured| Candidate::of(captured, &world.journal)).collect()
            });
            if portion.is_empty() {
                break;
            }
            let octets = portion.iter().map(|candidate| candidate.captured.message.raw().len()).sum();
            let mut portion = portion.into_iter();
            run(octets, &mut || {
                while found.len() < most
                    && let Some(candidate) = portion.next()
                {
                    self.cursor = candidate.captured.closed.unwrap_or(self.cursor);
                    found.extend(self.matching(candidate));
                }
            });
        }
        found
    }

    /// At most `most` matches among the messages that are not closed yet. Does not move the cursor.
    #[cfg(feature = "api")]
    pub(crate) fn find_unclosed(&self, engine: &Engine, most: usize) -> Vec<Captured> {
        let unclosed: Vec<Candidate> = engine
            .read(|world| world.journal.unclosed().map(|captured| Candidate::of(captured, &world.journal)).collect());
        unclosed.into_iter().filter_map(|candidate| self.matching(candidate)).take(most).collect()
    }

    fn matching(&self, Candidate { captured, session }: Candidate) -> Option<Captured> {
        let message = &captured.message;
        let evidence = Evidence { message: Some(message), session: session.as_deref() };
        let is_found = self.excluded != Some(message.no()) && self.matcher.matches(&evidence);
        is_found.then_some(captured)
    }
}

impl Candidate {
    fn of(captured: &Captured, journal: &Journal) -> Self {
        let session = captured.message.session().and_then(|session| journal.session(session));
        Self { captured: captured.clone(), session: session.map(|log| Arc::clone(log.facts())) }
    }
}
