//! Waiting for mail, for silence, and for quiet.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::or_panic;
use crate::base::Times;
use crate::drive::{Engine, Interest, Topic};
use crate::expect::matchers::any;
use crate::expect::{Evidence, FailureKind, Matcher, Question, Report, Snapshot};
use crate::mail::Message;
use crate::server::{MailCursor, Server, Until, block_on};

pub(super) const DEFAULT: Duration = Duration::from_secs(5);

type Check<T> = Box<dyn FnMut(&Engine) -> Option<T> + Send>;

/// A wait for a message: await it, or [`block`](Self::block) on it.
#[must_use = "nothing is waited for before it is awaited or blocked on"]
pub struct Wait(WaitCount);

/// A wait for a number of messages: await it, or [`block`](Self::block) on it.
#[must_use = "nothing is waited for before it is awaited or blocked on"]
pub struct WaitCount {
    server: Arc<Server>,
    question: Question,
    count: usize,
    within: Duration,
    after: Option<Message>,
    until: Option<Until<Check<Vec<Message>>>>,
}

impl Wait {
    pub(super) fn new(server: &Arc<Server>, matcher: Matcher, location: &'static Location<'static>) -> Self {
        let question = Question { matcher, times: Times::from(1..), location: Some(location) };
        let server = Arc::clone(server);
        Self(WaitCount { server, question, count: 1, within: DEFAULT, after: None, until: None })
    }

    /// Waits for at most this long; 5 seconds if not said.
    pub fn within(self, time: Duration) -> Self {
        Self(self.0.within(time))
    }

    /// Only messages count whose client got the reply after the client of this one: how a second mail of the same kind
    /// is waited for. A mail that was captured before this one, and answered later, is one of them.
    pub fn after(self, message: &Message) -> Self {
        Self(self.0.after(message))
    }

    /// Waits until so many messages match, and gives them in the order in which their clients got the reply.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// for name in ["ann", "bob", "carol"] {
    ///     server.deliver(&format!("{name}@example.org"), "Subject: digest\r\n\r\n");
    /// }
    ///
    /// let digests = server.wait_for(to("*@example.org")).count(3).block();
    /// assert_eq!(digests.len(), 3);
    /// ```
    pub fn count(self, count: usize) -> WaitCount {
        let mut wait = self.0;
        wait.question.times = Times::from(count as u64..);
        wait.count = count;
        wait
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: when the time is over, with a report.
    #[track_caller]
    pub fn block(self) -> Message {
        only(self.0.block())
    }

    /// The message, or the report that the wait would panic with.
    pub async fn outcome(self) -> Result<Message, Report> {
        self.0.outcome().await.map(only)
    }
}

impl Future for Wait {
    type Output = Message;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Message> {
        Pin::new(&mut self.get_mut().0).poll(cx).map(only)
    }
}

/// The message of a wait for one.
fn only(mut messages: Vec<Message>) -> Message {
    messages.swap_remove(0)
}

impl WaitCount {
    /// Waits for at most this long; 5 seconds if not said.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Only messages count whose client got the reply after the client of this one.
    pub fn after(mut self, message: &Message) -> Self {
        self.after = Some(message.clone());
        self
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: when the time is over, with a report of those that came and the nearest misses.
    #[track_caller]
    pub fn block(mut self) -> Vec<Message> {
        block_on_outcome(|cx| self.poll_outcome(cx))
    }

    /// The messages, or the report that the wait would panic with.
    pub async fn outcome(mut self) -> Result<Vec<Message>, Report> {
        std::future::poll_fn(move |cx| self.poll_outcome(cx)).await
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Message>, Report>> {
        let until = self.until.get_or_insert_with(|| {
            let (topic, mut look) = look_for(&self.server, &self.question.matcher, self.after.take());
            let (count, mut found) = (self.count, Vec::new());
            let check = move |engine: &Engine| {
                found.extend(look(engine, count - found.len()));
                (found.len() == count).then(|| std::mem::take(&mut found))
            };
            Until::new(self.server.engine(), Interest::of([topic]), self.within, Box::new(check))
        });
        let found = ready!(Pin::new(until).poll(cx));
        Poll::Ready(found.ok_or_else(|| {
            let snapshot = self.server.engine().read(|world| Snapshot::of(&world.journal));
            Report::new(&self.question, FailureKind::Late(format!("{:?}", self.within)), &snapshot)
        }))
    }
}

impl Future for WaitCount {
    type Output = Vec<Message>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<Message>> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}

/// A wait for nothing to come: await it, or [`block`](Self::block) on it.
#[must_use = "nothing is waited for before it is awaited or blocked on"]
pub struct NoneWithin {
    server: Arc<Server>,
    question: Question,
    until: Until<Check<Message>>,
}

impl NoneWithin {
    pub(super) fn new(
        server: &Arc<Server>,
        time: Duration,
        matcher: Matcher,
        location: &'static Location<'static>,
    ) -> Self {
        let (topic, mut look) = look_for(server, &matcher, None);
        let check: Check<Message> = Box::new(move |engine| look(engine, 1).pop());
        let until = Until::new(server.engine(), Interest::of([topic]), time, check);
        let question = Question { matcher, times: Times::from(0), location: Some(location) };
        Self { server: Arc::clone(server), question, until }
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: when a message comes, with a report.
    #[track_caller]
    pub fn block(mut self) {
        block_on_outcome(|cx| self.poll_outcome(cx));
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Report>> {
        Poll::Ready(match ready!(Pin::new(&mut self.until).poll(cx)) {
            None => Ok(()),
            Some(_) => {
                let snapshot = self.server.engine().read(|world| Snapshot::of(&world.journal));
                Err(Report::new(&self.question, FailureKind::Miscounted, &snapshot))
            }
        })
    }
}

impl Future for NoneWithin {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}

/// A wait for a server to settle: await it, or [`block`](Self::block) on it.
#[must_use = "nothing is waited for before it is awaited or blocked on"]
pub struct Settled {
    server: Arc<Server>,
    location: &'static Location<'static>,
    quiet: Quiet,
}

impl Settled {
    pub(super) fn new(server: &Arc<Server>, location: &'static Location<'static>) -> Self {
        Self { server: Arc::clone(server), location, quiet: Quiet::new(server, DEFAULT) }
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: when the time is over, with a report.
    #[track_caller]
    pub fn block(mut self) {
        block_on_outcome(|cx| self.poll_outcome(cx));
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Report>> {
        if ready!(Pin::new(&mut self.quiet).poll(cx)) {
            return Poll::Ready(Ok(()));
        }
        let question = Question { matcher: any(), times: Times::from(..), location: Some(self.location) };
        let snapshot = self.server.engine().read(|world| Snapshot::of(&world.journal));
        Poll::Ready(Err(Report::new(&question, FailureKind::NotSettled, &snapshot)))
    }
}

impl Future for Settled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}

/// Resolves to whether the server settled in time.
pub(super) struct Quiet(Until<Check<()>>);

impl Quiet {
    /// Resolves when this time has passed.
    pub(super) fn never(server: &Arc<Server>, within: Duration) -> Self {
        let interest = Interest::of([Topic::Quiet]);
        Self(Until::new(server.engine(), interest, within, Box::new(|_| None)))
    }

    pub(super) fn new(server: &Arc<Server>, within: Duration) -> Self {
        let check: Check<()> = Box::new(|engine| engine.read(|world| world.journal.is_settled()).then_some(()));
        let interest = Interest::of([Topic::Quiet]);
        Self(Until::new(server.engine(), interest, within, check))
    }
}

impl Future for Quiet {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        Pin::new(&mut self.0).poll(cx).map(|settled| settled.is_some())
    }
}

/// Waits on this thread for what may fail with a report; panics with it at the line of the caller.
#[track_caller]
pub(super) fn block_on_outcome<T, E: fmt::Display>(
    poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T, E>> + Unpin,
) -> T {
    or_panic(block_on(std::future::poll_fn(poll)))
}

/// Finds messages behind another that match, so many at most, looking at each once.
fn look_for(
    server: &Server,
    matcher: &Matcher,
    after: Option<Message>,
) -> (Topic, impl FnMut(&Engine, usize) -> Vec<Message> + Send + use<>) {
    let topic = matcher.recipient().map_or(Topic::Mail, |address| Topic::MailTo(address.to_owned()));
    // What was cleared away was before everything that is there.
    let place = after.as_ref().and_then(|after| {
        server.engine().read(|world| world.journal.message(after.no()).map(|its| its.closed.unwrap_or(its.seq)))
    });
    let (matcher, mut cursor) = (matcher.clone(), MailCursor::after(place.unwrap_or_default()));
    let look = move |engine: &Engine, most: usize| {
        let messages = cursor.read(engine).into_iter().map(|captured| captured.message);
        let later = messages.filter(|message| after.as_ref().is_none_or(|after| after.no() != message.no()));
        let matching = later.filter(|message| {
            let session = message.session();
            let facts = engine.read(|world| world.journal.session(session?).map(|log| Arc::clone(log.facts())));
            matcher.matches(&Evidence { message: Some(message), session: facts.as_deref() })
        });
        matching.take(most).collect()
    };
    (topic, look)
}
