//! Expectations, judged on what is there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::expect::{Question, Snapshot, judge};
use crate::server::Server;
use crate::world::World;

use super::or_panic;
use super::wait::{Quiet, block_on_outcome};

/// How long a server may take to settle before it is judged all the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// The judgement of all expectations, once the server has settled: await it, or [`block`](Self::block) on it.
#[must_use = "nothing is judged before it is awaited or blocked on"]
pub struct Verify {
    server: Arc<Server>,
    expectations: Vec<Question>,
    quiet: Quiet,
    /// What may still come is waited for.
    settle: Option<Quiet>,
}

impl Verify {
    pub(super) fn new(server: &Arc<Server>, expectations: Vec<Question>) -> Self {
        Self { server: Arc::clone(server), expectations, quiet: Quiet::new(server, PATIENCE), settle: None }
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: if an expectation is not met.
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
        let snapshot = self.server.engine().read(|world| Snapshot::of(&world.journal));
        if let Err(failed) = judge(&self.expectations, &snapshot, false) {
            return Poll::Ready(Err(failed));
        }
        if let Some(failed) = self.server.engine().read(World::ruling) {
            return Poll::Ready(Err(failed.to_string()));
        }
        Poll::Ready(Ok(()))
    }
}

impl Future for Verify {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}
