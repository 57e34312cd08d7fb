//! Waiting for a moment of server time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use super::clock::{Clock, Moment};

/// A timer that its owner reuses for every wait. It is reset only when it fires too early, because resetting costs
/// more.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready when that moment has come. While the clock is paused, advancing it wakes the waiter.
    pub(super) fn poll_reach(&mut self, clock: &Clock, due: Moment, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(real_time_of) = clock.real_time_of(due).map(Instant::from_std) else {
                return if clock.moment() >= due { Poll::Ready(()) } else { Poll::Pending };
            };
            let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(real_time_of)));
            if sleep.deadline() > real_time_of {
                sleep.as_mut().reset(real_time_of);
            }
            ready!(sleep.as_mut().poll(cx));
            if clock.moment() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(real_time_of);
        }
    }
}
