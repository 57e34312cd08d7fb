//! Waiting for a session, and for the last one to end.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::or_panic;
use super::wait::{DEFAULT, block_on_outcome};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::matchers::session;
use crate::expect::{Matcher, Snapshot};
use crate::journal::Session;
use crate::server::{Server, Until, sessions_that};
use crate::world::World;

type Check<T> = Box<dyn FnMut(&Engine) -> Option<T> + Send>;

/// A wait for a session: await it, or [`block`](Self::block) on it.
#[must_use = "nothing is waited for before it is awaited or blocked on"]
pub struct SessionWait {
    server: Arc<Server>,
    matcher: Matcher,
    location: &'static Location<'static>,
    within: Duration,
    until: Option<Until<Check<Session>>>,
}

impl SessionWait {
    pub(super) fn new(server: &Arc<Server>, matcher: Matcher, location: &'static Location<'static>) -> Self {
        Self { server: Arc::clone(server), matcher, location, within: DEFAULT, until: None }
    }

    /// Waits for at most this long; 5 seconds if not said.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: when the time is over, with what each session was instead.
    #[track_caller]
    pub fn block(mut self) -> Session {
        block_on_outcome(|cx| self.poll_outcome(cx))
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<Session, String>> {
        let this = &mut *self;
        let until = this.until.get_or_insert_with(|| {
            let matcher = this.matcher.clone();
            let check: Check<Session> =
                Box::new(move |engine| sessions_that(engine, &matcher).into_iter().next().map(Arc::unwrap_or_clone));
            let interest = Interest::of([Topic::Everything]);
            Until::new(this.server.engine(), interest, this.within, check)
        });
        let found = ready!(Pin::new(until).poll(cx));
        Poll::Ready(found.ok_or_else(|| {
            let sessions = this.server.engine().read(World::sessions_seen);
            let Self { matcher, location, within, .. } = this;
            format!("within {within:?}, {}\n  asked at {location}", matcher.explain_sessions(&sessions))
        }))
    }
}

impl Future for SessionWait {
    type Output = Session;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Session> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}

/// A wait for the last session to end: await it, or [`block`](Self::block) on it.
#[must_use = "nothing is waited for before it is awaited or blocked on"]
pub struct NoSessionWait {
    server: Arc<Server>,
    location: &'static Location<'static>,
    within: Duration,
    until: Option<Until<Check<()>>>,
}

impl NoSessionWait {
    pub(super) fn new(server: &Arc<Server>, location: &'static Location<'static>) -> Self {
        Self { server: Arc::clone(server), location, within: DEFAULT, until: None }
    }

    /// Waits for at most this long; 5 seconds if not said.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: when the time is over, with the sessions that last.
    #[track_caller]
    pub fn block(mut self) {
        block_on_outcome(|cx| self.poll_outcome(cx));
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let until = self.until.get_or_insert_with(|| {
            let check: Check<()> = Box::new(|engine| engine.read(|world| world.sessions() == 0).then_some(()));
            let interest = Interest::of([Topic::Quiet]);
            Until::new(self.server.engine(), interest, self.within, check)
        });
        let found = ready!(Pin::new(until).poll(cx));
        Poll::Ready(found.ok_or_else(|| {
            let snapshot = self.server.engine().read(|world| Snapshot::of(&world.journal));
            format!("{}: within {:?}, {}", self.location, self.within, session::open().explain_remaining(&snapshot))
        }))
    }
}

impl Future for NoSessionWait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}
