//! Waiting for mail, for silence, and for quiet.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::base::Times;
use crate::drive::{Engine, Interest, Matter};
use crate::expect::{Evidence, Matcher, Question, Report, Scene, Verdict, any};
use crate::journal::Session;
use crate::mail::Message;
use crate::server::{MailCursor, Server, Until, block_on, session_that};

const DEFAULT: Duration = Duration::from_secs(5);

type Check<T> = Box<dyn FnMut(&Engine) -> Option<T> + Send>;

/// A wait for a message: await it, or [`block`](Self::block) on it.
#[must_use = "nothing is waited for before it is awaited or blocked on"]
pub struct Wait {
    server: Arc<Server>,
    question: Question,
    within: Duration,
    after: Option<Message>,
    until: Option<Until<Check<Message>>>,
}

impl Wait {
    pub(super) fn new(server: &Arc<Server>, matcher: Matcher, location: &'static Location<'static>) -> Self {
        let question = Question { matcher, times: Times::from(1..), location: Some(location) };
        Self { server: Arc::clone(server), question, within: DEFAULT, after: None, until: None }
    }

    /// Waits for at most this long; 5 seconds if not said.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Only messages captured after this one count: how a second mail of the same kind is waited for.
    pub fn after(mut self, message: &Message) -> Self {
        self.after = Some(message.clone());
        self
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: when the time is over, with a report.
    pub fn block(self) -> Message {
        block_on(self)
    }

    /// The message, or the report that the wait would panic with.
    pub async fn outcome(mut self) -> Result<Message, Report> {
        std::future::poll_fn(move |cx| self.poll_outcome(cx)).await
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Report>> {
        let until = self.until.get_or_insert_with(|| {
            let (matter, check) = look_for(&self.server, &self.question.matcher, self.after.take());
            Until::new(self.server.engine(), Interest { matter, session: None }, self.within, check)
        });
        let found = ready!(Pin::new(until).poll(cx));
        Poll::Ready(found.ok_or_else(|| {
            let scene = self.server.engine().look(|world| Scene::of(&world.journal));
            Report::new(&self.question, Verdict::Late(format!("{:?}", self.within)), &scene)
        }))
    }
}

impl Future for Wait {
    type Output = Message;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Message> {
        match ready!(self.get_mut().poll_outcome(cx)) {
            Ok(message) => Poll::Ready(message),
            Err(report) => panic!("{report}"),
        }
    }
}

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
    pub fn block(self) -> Session {
        block_on(self)
    }
}

impl Future for SessionWait {
    type Output = Session;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Session> {
        let this = &mut *self;
        let until = this.until.get_or_insert_with(|| {
            let check: Check<Session> = Box::new(session_that(this.matcher.clone()));
            let interest = Interest { matter: Matter::Everything, session: None };
            Until::new(this.server.engine(), interest, this.within, check)
        });
        let Some(session) = ready!(Pin::new(until).poll(cx)) else {
            let sessions = this.server.engine().look(|world| world.sessions_seen());
            let Self { matcher, location, within, .. } = this;
            panic!("within {within:?}, {}\n  asked at {location}", matcher.explain_sessions(&sessions));
        };
        Poll::Ready(session)
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
        let (matter, check) = look_for(server, &matcher, None);
        let until = Until::new(server.engine(), Interest { matter, session: None }, time, check);
        let question = Question { matcher, times: Times::from(0), location: Some(location) };
        Self { server: Arc::clone(server), question, until }
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: when a message comes, with a report.
    pub fn block(self) {
        block_on(self);
    }
}

impl Future for NoneWithin {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if ready!(Pin::new(&mut self.until).poll(cx)).is_some() {
            let scene = self.server.engine().look(|world| Scene::of(&world.journal));
            panic!("{}", Report::new(&self.question, Verdict::Miscounted, &scene));
        }
        Poll::Ready(())
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
    pub fn block(self) {
        block_on(self);
    }
}

impl Future for Settled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !ready!(Pin::new(&mut self.quiet).poll(cx)) {
            let question = Question { matcher: any(), times: Times::from(..), location: Some(self.location) };
            let scene = self.server.engine().look(|world| Scene::of(&world.journal));
            panic!("{}", Report::new(&question, Verdict::Restless, &scene));
        }
        Poll::Ready(())
    }
}

/// Resolves to whether the server settled in time.
pub(super) struct Quiet(Until<Check<()>>);

impl Quiet {
    /// Resolves when this time has passed.
    pub(super) fn never(server: &Arc<Server>, within: Duration) -> Self {
        let interest = Interest { matter: Matter::Quiet, session: None };
        Self(Until::new(server.engine(), interest, within, Box::new(|_| None)))
    }

    pub(super) fn new(server: &Arc<Server>, within: Duration) -> Self {
        let check: Check<()> = Box::new(|engine| engine.look(|world| world.journal.is_settled()).then_some(()));
        let interest = Interest { matter: Matter::Quiet, session: None };
        Self(Until::new(server.engine(), interest, within, check))
    }
}

impl Future for Quiet {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        Pin::new(&mut self.0).poll(cx).map(|settled| settled.is_some())
    }
}

/// Finds the first message behind another that matches, looking at each once.
fn look_for(server: &Server, matcher: &Matcher, after: Option<Message>) -> (Matter, Check<Message>) {
    let matter = matcher.recipient().map_or(Matter::Mail, |address| Matter::MailTo(address.to_owned()));
    // What was cleared away was before everything that is there.
    let place = after.as_ref().and_then(|after| {
        server.engine().look(|world| world.journal.message(after.no()).map(|its| its.closed.unwrap_or(its.seq)))
    });
    let (matcher, mut cursor) = (matcher.clone(), MailCursor::after(place.unwrap_or_default()));
    let check = move |engine: &Engine| {
        let messages = cursor.read(engine).into_iter().map(|captured| captured.message);
        messages.filter(|message| after.as_ref().is_none_or(|after| after.no() != message.no())).find(|message| {
            let session = message.session();
            let facts = engine.look(|world| world.journal.session(session?).map(|log| log.facts().clone()));
            matcher.matches(&Evidence { message: Some(message), session: facts.as_ref() })
        })
    };
    (matter, Box::new(check))
}
