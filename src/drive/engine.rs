//! The lock around the world, and the waking of those who wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::bell::{Bell, Interest};
use super::clock::Clock;
use super::door::{Door, Order};
use crate::base::{SessionNo, Timestamp};
use crate::world::World;

/// One server's world behind its one lock. Nothing awaits, and no code of a user runs, while the lock is held.
pub(crate) struct Engine {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    world: World,
    bell: Bell,
    doors: HashMap<SessionNo, Arc<Door>>,
    stopped: bool,
}

impl Engine {
    pub(crate) fn new(world: World) -> Arc<Self> {
        let state = State { world, bell: Bell::default(), doors: HashMap::new(), stopped: false };
        Arc::new(Self { clock: Clock::new(), state: Mutex::new(state) })
    }

    /// Looks at the world.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock().world)
    }

    /// Changes the world; whoever is interested in what was appended is woken after the lock is released.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut wake = Vec::new();
        let mut state = self.lock();
        let before = state.world.journal.tip();
        let result = act(&mut state.world, now);
        if !state.bell.is_empty() {
            match state.world.journal.since(before) {
                Ok(records) => {
                    records.for_each(|(_, record)| state.bell.concerned(&state.world, record, &mut wake));
                }
                Err(_gone) => state.bell.all(&mut wake),
            }
        }
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        result
    }

    /// Back to the state at the start. Everybody is woken: a client that idles has to hear that its mailbox is gone.
    pub(crate) fn reset(&self) {
        self.act(World::reset);
        let mut wake = Vec::new();
        self.lock().bell.all(&mut wake);
        wake.into_iter().for_each(Waker::wake);
    }

    /// Wakes this waker whenever something of interest is appended, until the watch is dropped.
    pub(crate) fn watch(self: &Arc<Self>, interest: Interest, waker: Waker) -> Watch {
        let id = self.lock().bell.add(&interest, waker);
        Watch { engine: Arc::clone(self), interest, id }
    }

    /// Gives a new session its door; none once the server has stopped.
    pub(super) fn admit(&self, session: SessionNo, door: &Arc<Door>) {
        let mut state = self.lock();
        state.doors.insert(session, Arc::clone(door));
        let stopped = state.stopped;
        drop(state);
        if stopped {
            door.knock(Order::Stop);
        }
    }

    pub(super) fn dismiss(&self, session: SessionNo) {
        self.lock().doors.remove(&session);
    }

    /// Ends a session from outside; false if it is over, or never was.
    pub(crate) fn kick(&self, session: SessionNo) -> bool {
        let door = self.lock().doors.get(&session).cloned();
        door.map(|door| door.knock(Order::Kick)).is_some()
    }

    /// Tells every session, those to come included, that the server stops.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        let doors: Vec<_> = state.doors.values().cloned().collect();
        drop(state);
        doors.iter().for_each(|door| door.knock(Order::Stop));
    }

    /// A panic under the lock ended the session that caused it and was recorded; the world is whole, so it is used on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who wait; dropping it leaves.
pub(crate) struct Watch {
    engine: Arc<Engine>,
    interest: Interest,
    id: u64,
}

impl Watch {
    /// From now on wakes this waker.
    pub(crate) fn rearm(&self, waker: &Waker) {
        let before = self.engine.lock().bell.rearm(self.id, &self.interest, waker.clone());
        drop(before);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let armed = self.engine.lock().bell.remove(self.id, &self.interest);
        drop(armed);
    }
}
