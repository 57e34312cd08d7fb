//! Waits until no message comes, or until no exchange is open.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::wait::{Check, DEFAULT, block_on_outcome};
use super::{MailServer, or_panic};
use crate::base::{Seq, Times};
use crate::drive::{Interest, Topic};
use crate::expect::matchers::any;
use crate::expect::{FailureKind, Matcher, Question, Report, Snapshot};
use crate::mail::Message;
use crate::server::{MailQuery, Server, Until, write_report};

impl MailServer {
    /// Resolves after this much real time if no message matches, including those captured before. Await it, or
    /// [`block`](NoneWithin::block) on it.
    ///
    /// # Panics
    /// As soon as a message matches, with a report.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: Welcome\r\n\r\n");
    /// server.none_within(Duration::from_millis(5), to("eve@example.org")).block();
    /// ```
    #[track_caller]
    pub fn none_within(&self, time: Duration, matcher: impl Into<Matcher>) -> NoneWithin {
        NoneWithin::new(&self.server, time, matcher.into(), Location::caller())
    }

    /// Resolves when no exchange is open and every session that sent QUIT or LOGOUT has ended. Await it, or
    /// [`block`](Settled::block) on it.
    ///
    /// # Panics
    /// After 5 seconds, with a report on open exchanges and sessions.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("221 "));
    /// server.settled().block();
    /// assert!(server.sessions()[0].ended.is_some());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn settled(&self) -> Settled {
        Settled::new(&self.server, Location::caller())
    }
}

/// A check that no message comes: await it, or [`block`](Self::block) on it. Made by
/// [`MailServer::none_within`](crate::MailServer::none_within).
///
/// ```
/// # use std::time::Duration;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.none_within(Duration::from_millis(5), to("eve@example.org")).block();
/// ```
#[must_use = "the wait begins only when it is awaited or blocked on"]
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
        let mut query = MailQuery::after(Seq::default(), matcher.clone());
        let interest = query.interest();
        let check: Check<Message> =
            Box::new(move |engine| query.find(engine, 1).pop().map(|captured| captured.message));
        let until = Until::new(server.engine(), interest, time, check);
        let question = Question { matcher, times: Times::from(0), location: Some(location) };
        Self { server: Arc::clone(server), question, until }
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// Like the future: when a message matches, with a report.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.none_within(Duration::from_millis(5), to("eve@example.org")).block();
    /// ```
    #[track_caller]
    pub fn block(mut self) {
        block_on_outcome(|cx| self.poll_outcome(cx));
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Report>> {
        Poll::Ready(match ready!(Pin::new(&mut self.until).poll(cx)) {
            None => Ok(()),
            Some(_) => {
                let snapshot = self.server.engine().read(|world| Snapshot::of(&world.journal));
                let report = Report::new(&self.question, FailureKind::Miscounted, &snapshot);
                write_report(self.server.engine(), &report);
                Err(report)
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

/// A wait for the server to settle: await it, or [`block`](Self::block) on it. Made by
/// [`MailServer::settled`](crate::MailServer::settled).
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.settled().block();
/// ```
#[must_use = "the wait begins only when it is awaited or blocked on"]
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
    /// Like the future: after 5 seconds, with a report.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.settled().block();
    /// ```
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
        let report = Report::new(&question, FailureKind::NotSettled, &snapshot);
        write_report(self.server.engine(), &report);
        Poll::Ready(Err(report))
    }
}

impl Future for Settled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}

/// A wait for the server to settle; resolves to whether it settled in time.
pub(super) struct Quiet(Until<Check<()>>);

impl Quiet {
    /// A wait that ends only after its time limit.
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
