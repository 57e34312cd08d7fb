//! Waiting for a moment of server time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use super::clock::{Clock, Moment};

/// A timer that its owner uses for every wait. It is moved only when it rings too early, because moving costs more.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready when that moment has come. While the clock is paused, whoever advances it wakes the waiter.
    pub(super) fn poll_reach(&mut self, clock: &Clock, due: Moment, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(rings_at) = clock.rings_at(due).map(Instant::from_std) else {
                return if clock.moment() >= due { Poll::Ready(()) } else { Poll::Pending };
            };
            let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(rings_at)));
            if sleep.deadline() > rings_at {
                sleep.as_mut().reset(rings_at);
            }
            ready!(sleep.as_mut().poll(cx));
            if clock.moment() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(rings_at);
        }
    }
}
