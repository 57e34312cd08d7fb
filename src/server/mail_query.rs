//! Searches captured mail with a matcher and a cursor, for waits, lists and `none_within`.

use std::sync::Arc;

use crate::base::{MessageNo, Seq};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::{Evidence, Matcher};
use crate::journal::{Captured, Journal, Session};
use crate::mail::Message;
#[cfg(feature = "api")]
use crate::world::World;

/// Number of messages to examine before the lock is taken again for more.
const PORTION: usize = 256;
/// Number of octets after which a follower gets what was found, so that a slow reader holds little memory.
#[cfg(feature = "api")]
const PORTION_OCTETS: usize = 1 << 20;

/// Finds matching messages in the order in which their exchanges closed; examines each once.
pub(crate) struct MailQuery {
    matcher: Matcher,
    cursor: Seq,
    /// The discarded messages that `follow` has reported.
    #[cfg(feature = "api")]
    reported: Seq,
    /// A message to leave out.
    excluded: Option<MessageNo>,
}

/// A message to examine, and the session that received it.
pub(super) struct Candidate {
    pub(super) captured: Captured,
    session: Option<Arc<Session>>,
}

impl MailQuery {
    /// Begins after a position in the journal. Position 0 includes all messages.
    pub(crate) fn after(cursor: Seq, matcher: Matcher) -> Self {
        Self {
            matcher,
            cursor,
            #[cfg(feature = "api")]
            reported: Seq::default(),
            excluded: None,
        }
    }

    /// Begins with the first message that is kept: those that were discarded before are not missed by `follow`.
    #[cfg(feature = "api")]
    pub(crate) fn of_kept(engine: &Engine, matcher: Matcher) -> Self {
        Self { reported: engine.read(World::evicted_to), ..Self::after(Seq::default(), matcher) }
    }

    /// Begins after the record that closed this message. If it is not closed yet, the search leaves it out later.
    pub(crate) fn after_message(message: &Message, engine: &Engine, matcher: Matcher) -> Self {
        // A message that was cleared is older than all messages that are kept, so the search begins at 0.
        let cursor = engine.read(|world| world.journal.place_of(message.no())).unwrap_or_default();
        Self { excluded: Some(message.no()), ..Self::after(cursor, matcher) }
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

    /// The matches among the next messages, in portions; `None` when there are no further messages. An error if messages
    /// after the cursor were discarded, once for each time: it is the first cursor without gaps, and messages before it
    /// that are still kept follow.
    #[cfg(feature = "api")]
    pub(crate) fn follow(
        &mut self,
        engine: &Engine,
        run: impl Fn(usize, &mut dyn FnMut()),
    ) -> Result<Option<Vec<Captured>>, Seq> {
        let recipient = self.matcher.recipient();
        let (portion, octets, tip) = engine
            .read(|world| {
                let evicted_to = world.evicted_to();
                if evicted_to > self.cursor.max(self.reported) {
                    return Err(evicted_to);
                }
                let (mut portion, mut octets) = (Vec::new(), 0);
                for captured in world.journal.closed_since(self.cursor, recipient) {
                    if portion.len() == PORTION || octets >= PORTION_OCTETS {
                        return Ok((portion, octets, None));
                    }
                    octets += captured.message.raw().len();
                    portion.push(Candidate::of(captured, &world.journal));
                }
                Ok((portion, octets, Some(world.journal.tip())))
            })
            .inspect_err(|evicted_to| self.reported = *evicted_to)?;
        let last = portion.last().and_then(|last| last.captured.closed);
        // Everything up to the tip was examined, so what is discarded up to there is not missed.
        self.cursor = tip.or(last).unwrap_or(self.cursor);
        if portion.is_empty() {
            return Ok(None);
        }
        let (mut portion, mut found) = (portion.into_iter(), Vec::new());
        run(octets, &mut || found.extend(portion.by_ref().filter_map(|candidate| self.matching(candidate))));
        Ok(Some(found))
    }

    /// At most `most` matches among the messages that are not closed yet. Does not move the cursor.
    #[cfg(feature = "api")]
    pub(crate) fn find_unclosed(&self, engine: &Engine, most: usize) -> Vec<Captured> {
        let unclosed: Vec<Candidate> = engine
            .read(|world| world.journal.unclosed().map(|captured| Candidate::of(captured, &world.journal)).collect());
        unclosed.into_iter().filter_map(|candidate| self.matching(candidate)).take(most).collect()
    }

    fn matching(&self, candidate: Candidate) -> Option<Captured> {
        let is_found = self.excluded != Some(candidate.captured.message.no()) && candidate.matches(&self.matcher);
        is_found.then_some(candidate.captured)
    }
}

impl Candidate {
    pub(super) fn matches(&self, matcher: &Matcher) -> bool {
        matcher.matches(&Evidence { message: Some(&self.captured.message), session: self.session.as_deref() })
    }

    pub(super) fn of(captured: &Captured, journal: &Journal) -> Self {
        let session = captured.message.session().and_then(|session| journal.session(session));
        Self { captured: captured.clone(), session: session.map(|log| Arc::clone(log.facts())) }
    }
}
