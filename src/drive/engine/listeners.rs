//! Listeners that are temporarily closed.

use std::pin::pin;
use std::sync::atomic::Ordering;

use tokio::time::timeout;

use super::Engine;
use crate::base::Timestamp;

impl Engine {
    /// Resolves when the listeners must close.
    pub(in crate::drive) async fn down(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.down_until().is_some() {
                return;
            }
            changed.await;
        }
    }

    /// Counts a listener as closed as long as the returned value lives.
    pub(in crate::drive) fn close(&self) -> Closed<'_> {
        self.closed.fetch_add(1, Ordering::AcqRel);
        Closed { engine: self, is_awaited: true }
    }

    /// Resolves when the listeners must open again: the time is over, or the server was reset.
    pub(in crate::drive) async fn up(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let Some(until) = self.down_until() else { return };
            match self.clock.until(until) {
                Some(wait) => drop(timeout(wait, changed).await),
                None => changed.await,
            }
        }
    }

    fn down_until(&self) -> Option<Timestamp> {
        let until = self.lock().down_until;
        until.filter(|until| *until > self.clock.now())
    }
}

/// A closed listener.
pub(in crate::drive) struct Closed<'e> {
    engine: &'e Engine,
    is_awaited: bool,
}

impl Closed<'_> {
    /// Stops counting the listener as closed, because it cannot open again yet. Returns whether it was counted until
    /// now.
    pub(in crate::drive) fn give_up(&mut self) -> bool {
        let was_awaited = std::mem::replace(&mut self.is_awaited, false);
        if was_awaited {
            self.engine.closed.fetch_sub(1, Ordering::AcqRel);
            self.engine.rested.notify_waiters();
        }
        was_awaited
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}
