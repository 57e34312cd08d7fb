//! Expectations: verified when the test calls `verify`, or when the server is dropped.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::quiet::Quiet;
use super::wait::block_on_outcome;
use super::{MailServer, or_panic};
use crate::base::Times;
use crate::expect::{Matcher, Question};
use crate::server::Server;
use crate::world::World;

/// How long to wait for the server to settle before verification.
const PATIENCE: Duration = Duration::from_secs(5);

impl MailServer {
    /// Expects this many matching messages by the end: `1`, `1..`, `2..=3`. Verified by [`verify`](Self::verify), or
    /// when the server is dropped. A failure names the line of this call.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.expect(1, to("ann@example.org"));
    /// server.expect(0, to("eve@example.org"));
    /// server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
    /// ```
    #[track_caller]
    pub fn expect(&self, times: impl Into<Times>, matcher: impl Into<Matcher>) {
        let location = Some(Location::caller());
        let question = Question { matcher: matcher.into(), times: times.into(), location };
        self.server.engine().update(|world, _| world.expectations.add(question));
    }

    /// Verifies every expectation, including those of rules and of the scenario, once the server has settled, or after
    /// 5 seconds. Await it, or [`block`](Verify::block) on it. Afterwards, the expectations of [`expect`](Self::expect)
    /// are removed.
    ///
    /// # Panics
    /// If an expectation is not met, with a report on each.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.expect(1, to("ann@example.org"));
    /// server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
    /// server.verify().block();
    /// ```
    #[track_caller]
    pub fn verify(&self) -> Verify {
        let expectations = self.server.engine().update(|world, _| world.expectations.take());
        Verify::new(&self.server, expectations)
    }
}

/// The verification of all expectations once the server has settled: await it, or [`block`](Self::block) on it. Made by
/// [`MailServer::verify`](crate::MailServer::verify).
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.expect(.., to("ann@example.org"));
/// server.verify().block();
/// ```
#[must_use = "nothing is verified until it is awaited or blocked on"]
pub struct Verify {
    server: Arc<Server>,
    expectations: Vec<Question>,
    quiet: Quiet,
    /// The wait for open exchanges and sessions.
    settle: Option<Quiet>,
}

impl Verify {
    pub(super) fn new(server: &Arc<Server>, expectations: Vec<Question>) -> Self {
        Self { server: Arc::clone(server), expectations, quiet: Quiet::new(server, PATIENCE), settle: None }
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// If an expectation is not met, with a report on each.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.expect(1, to("ann@example.org"));
    /// server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
    /// server.verify().block();
    /// ```
    #[track_caller]
    pub fn block(mut self) {
        block_on_outcome(|cx| self.poll_outcome(cx));
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.settle.is_none() {
            ready!(Pin::new(&mut self.quiet).poll(cx));
            let time = self.server.engine().read(World::settle_time);
            self.settle = Some(Quiet::never(&self.server, time));
        }
        if let Some(settle) = &mut self.settle {
            ready!(Pin::new(settle).poll(cx));
        }
        let unverified = self.server.verify(&self.expectations, false);
        Poll::Ready(unverified.map_or(Ok(()), |unverified| Err(unverified.to_string())))
    }
}

impl Future for Verify {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}
