//! Orders to a session from outside, taken between its lines.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::journal::Ending;

/// What a session may be told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The server stops: say so and go.
    Stop,
    /// The test ends this session.
    Kick,
}

impl Order {
    /// How a session ends that obeys.
    pub(crate) fn ending(self) -> Ending {
        match self {
            Self::Stop => Ending::ServerStopped,
            Self::Kick => Ending::Kicked,
        }
    }
}

/// A session's door: knocked on from any thread, answered by its driver.
#[derive(Debug, Default)]
pub(crate) struct Door {
    order: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Door {
    pub(crate) fn knock(&self, order: Order) {
        self.order.store(1 + order as u8, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready when somebody has knocked, ever.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Order> {
        if let Some(order) = self.order() {
            return Poll::Ready(order);
        }
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        // A knock between the look and the registration found no waker.
        self.order().map_or(Poll::Pending, Poll::Ready)
    }

    fn order(&self) -> Option<Order> {
        match self.order.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Order::Stop),
            _ => Some(Order::Kick),
        }
    }
}
