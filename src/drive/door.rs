//! Orders to a session from outside, taken between its lines; and when it has nothing to do until then.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::base::Timestamp;
use crate::journal::Ending;

/// What a session may be told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The server stops: say so and go.
    Stop = 1,
    /// The test ends this session.
    Kick = 2,
    /// There is something in its inbox.
    Inbox = 4,
}

impl Order {
    /// How a session ends that obeys.
    pub(crate) fn ending(self) -> Ending {
        match self {
            Self::Stop => Ending::ServerStopped,
            Self::Kick | Self::Inbox => Ending::Kicked,
        }
    }
}

/// A session's door: knocked on from any thread, answered by its driver.
#[derive(Debug)]
pub(crate) struct Door {
    orders: AtomicU8,
    waker: Mutex<Option<Waker>>,
    /// The driver has nothing to do.
    is_quiet: AtomicBool,
    /// Until this server time, if nobody comes.
    due: AtomicI64,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            orders: AtomicU8::new(0),
            waker: Mutex::new(None),
            is_quiet: AtomicBool::new(false),
            due: AtomicI64::new(i64::MAX),
        }
    }
}

impl Door {
    pub(crate) fn knock(&self, order: Order) {
        self.orders.fetch_or(order as u8, Ordering::AcqRel);
        self.wake();
    }

    /// Lets the driver look around.
    pub(super) fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready when somebody has knocked, ever; with what is in the inbox only once.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Order> {
        self.poll_for(cx, |orders| {
            let inbox = orders & Order::Inbox as u8 != 0;
            end(orders).or_else(|| {
                self.orders.fetch_and(!(Order::Inbox as u8), Ordering::AcqRel);
                inbox.then_some(Order::Inbox)
            })
        })
    }

    /// Ready when the session shall end.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Order> {
        self.poll_for(cx, end)
    }

    /// The driver has nothing to do until then.
    pub(super) fn rest(&self, due: Timestamp) {
        self.due.store(due.as_micros(), Ordering::Release);
        self.is_quiet.store(true, Ordering::Release);
    }

    pub(super) fn work(&self) {
        self.is_quiet.store(false, Ordering::Release);
    }

    /// The driver is made to look around; true if it had nothing to do before.
    pub(super) fn rouse(&self) -> bool {
        let was_quiet = self.is_quiet.swap(false, Ordering::AcqRel);
        self.wake();
        was_quiet
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.is_quiet.load(Ordering::Acquire)
    }

    /// What the driver waits for, if it has nothing to do.
    pub(super) fn due(&self) -> Timestamp {
        Timestamp::from_micros(self.due.load(Ordering::Acquire))
    }

    fn poll_for(&self, cx: &mut Context<'_>, order: impl Fn(u8) -> Option<Order>) -> Poll<Order> {
        let look = || match self.orders.load(Ordering::Acquire) {
            0 => None,
            orders => order(orders),
        };
        if let Some(order) = look() {
            return Poll::Ready(order);
        }
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        // A knock between the look and the registration found no waker.
        look().map_or(Poll::Pending, Poll::Ready)
    }
}

fn end(orders: u8) -> Option<Order> {
    [Order::Stop, Order::Kick].into_iter().find(|order| orders & *order as u8 != 0)
}
