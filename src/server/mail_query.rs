//! Captured mail behind a cursor that matches: what waits, lists and the test for silence look for.

use std::sync::Arc;

use crate::base::{MessageNo, Seq};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::{Evidence, Matcher};
use crate::journal::{Captured, Journal, Session};
use crate::mail::Message;

/// Messages that are looked at before the lock is taken again for more.
const PORTION: usize = 256;

/// Finds messages that match in the order in which their exchanges closed, and looks at each once.
pub(crate) struct MailQuery {
    matcher: Matcher,
    cursor: Seq,
    /// Does not count, wherever it is.
    excluded: Option<MessageNo>,
}

/// A message to look at, and the session that it came in.
struct Candidate {
    captured: Captured,
    session: Option<Arc<Session>>,
}

impl MailQuery {
    /// Begins after a position in the journal; at 0 with all messages.
    pub(crate) fn after(cursor: Seq, matcher: Matcher) -> Self {
        Self { matcher, cursor, excluded: None }
    }

    /// Begins behind the closing of this message. One that is not closed yet is passed over later.
    pub(crate) fn after_message(message: &Message, engine: &Engine, matcher: Matcher) -> Self {
        let place = |captured: &Captured| captured.closed.unwrap_or(captured.seq);
        // What was cleared away was before everything that is there.
        let cursor = engine.read(|world| world.journal.message(message.no()).map(place)).unwrap_or_default();
        Self { matcher, cursor, excluded: Some(message.no()) }
    }

    /// What a wait for a match is woken by.
    pub(crate) fn interest(&self) -> Interest {
        let topic = self.matcher.recipient().map_or(Topic::Mail, |address| Topic::MailTo(address.to_owned()));
        Interest::of([topic])
    }

    /// The place behind which nothing was looked at.
    #[cfg(feature = "api")]
    pub(crate) fn cursor(&self) -> Seq {
        self.cursor
    }

    /// So many matches at most, of what was closed since the last call.
    pub(crate) fn find(&mut self, engine: &Engine, most: usize) -> Vec<Captured> {
        self.find_with(engine, most, |_octets, look| look())
    }

    /// The same; `run` calls its second argument, which looks at messages of so many octets.
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

    /// So many matches at most among the messages that are not closed yet. The cursor stays where it is.
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
