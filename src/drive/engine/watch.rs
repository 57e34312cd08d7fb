//! Subscriptions to new records of the journal.

use std::sync::Arc;
use std::task::Waker;

use super::Engine;
use crate::drive::subscribers::Interest;

impl Engine {
    /// Wakes this waker whenever something of interest is appended, until the watch is dropped.
    pub(crate) fn watch(self: &Arc<Self>, interest: Interest, waker: Waker) -> Subscription {
        let id = self.lock().subscribers.add(interest, waker);
        Subscription { engine: Arc::clone(self), id }
    }
}

/// A subscription; dropping it unsubscribes.
pub(crate) struct Subscription {
    engine: Arc<Engine>,
    id: u64,
}

impl Subscription {
    /// Replaces the waker.
    pub(crate) fn rearm(&self, waker: &Waker) {
        let before = self.engine.lock().subscribers.rearm(self.id, waker.clone());
        drop(before);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let armed = self.engine.lock().subscribers.remove(self.id);
        drop(armed);
    }
}
