//! The lock around the world, and the waking of those who wait for it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::bell::{Bell, Interest};
use super::clock::Clock;
use super::door::{Door, Order};
use super::runtime::runtime;
use crate::base::{SessionNo, Timestamp};
use crate::world::World;

/// How long a session that came due may take to act while others wait for it: its client may not read.
const PATIENCE: Duration = Duration::from_secs(1);

/// One server's world behind its one lock. Nothing awaits, and no code of a user runs, while the lock is held.
pub(crate) struct Engine {
    clock: Clock,
    state: Mutex<State>,
    /// Wakes the one who does what is due.
    agenda: Arc<Notify>,
    /// Wakes those who look at the time, and the listeners when they shall close.
    changed: Notify,
    /// How many listeners are closed.
    closed: AtomicUsize,
}

struct State {
    world: World,
    bell: Bell,
    doors: HashMap<SessionNo, Arc<Door>>,
    stopped: bool,
    /// Somebody looks after what is due.
    is_attended: bool,
    /// Until then every listener is closed.
    down_until: Option<Timestamp>,
}

impl Engine {
    pub(crate) fn new(world: World) -> Arc<Self> {
        let state = State {
            world,
            bell: Bell::default(),
            doors: HashMap::new(),
            stopped: false,
            is_attended: false,
            down_until: None,
        };
        Arc::new(Self {
            clock: Clock::new(),
            state: Mutex::new(state),
            agenda: Arc::default(),
            changed: Notify::new(),
            closed: AtomicUsize::new(0),
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Looks at the world.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock().world)
    }

    /// Changes the world; whoever is interested in what was appended is woken after the lock is released.
    pub(crate) fn act<T>(self: &Arc<Self>, act: impl FnOnce(&mut World, Timestamp) -> T) -> T {
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
        let knocked = self.take_over(&mut state);
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        knocked.into_iter().for_each(|door| door.knock(Order::Inbox));
        result
    }

    /// What the world wants done later, and whom it wants told something.
    fn take_over(self: &Arc<Self>, state: &mut State) -> Vec<Arc<Door>> {
        if state.world.agenda.take_news() {
            if !std::mem::replace(&mut state.is_attended, true) {
                runtime().spawn(attend(Arc::downgrade(self)));
            }
            self.agenda.notify_one();
        }
        if let Some(until) = state.world.down_until.take() {
            state.down_until = Some(until);
            self.changed.notify_waiters();
        }
        let knocks = std::mem::take(&mut state.world.knocks);
        knocks.iter().filter_map(|session| state.doors.get(session).cloned()).collect()
    }

    /// Server time stands still from now on.
    pub(crate) fn pause(&self) {
        self.clock.pause();
        self.rouse();
    }

    /// Server time runs on from where it stands.
    pub(crate) fn resume(&self) {
        self.clock.resume();
        self.rouse();
    }

    /// Moves server time. Returns when everything that came due has been done and what was said then was given to the
    /// kernel. Blocks; not to be called on the threads that serve.
    pub(crate) fn advance(self: &Arc<Self>, by: Duration) {
        // What a session is about to wait for counts from the time that it is now.
        let all: Vec<Arc<Door>> = self.lock().doors.values().cloned().collect();
        self.wait_for(&all);
        let target = self.clock.now().plus(by);
        loop {
            let (deed, session) = {
                let state = self.lock();
                let deed = state.world.agenda.next();
                let quiet = state.doors.values().filter(|door| door.is_quiet()).map(|door| door.due());
                let open = state.down_until.filter(|_| self.closed.load(Ordering::Acquire) > 0);
                (deed, quiet.chain(open).min())
            };
            let Some(due) = [deed, session].into_iter().flatten().min().filter(|due| *due <= target) else { break };
            self.clock.set(due);
            self.do_due();
            self.rouse();
        }
        self.clock.set(target);
        self.rouse();
    }

    /// Everybody looks around, and those who had nothing to do are waited for until they have nothing to do again.
    fn rouse(&self) {
        self.agenda.notify_one();
        self.changed.notify_waiters();
        let doors: Vec<Arc<Door>> = self.lock().doors.values().cloned().collect();
        let roused: Vec<Arc<Door>> = doors.into_iter().filter(|door| door.rouse()).collect();
        self.wait_for(&roused);
    }

    /// Until these have nothing to do, or it takes too long.
    fn wait_for(&self, doors: &[Arc<Door>]) {
        let deadline = Instant::now() + PATIENCE;
        // A door that is gone from the list belongs to a session that ended.
        let is_busy =
            |door: &Arc<Door>| !door.is_quiet() && self.lock().doors.values().any(|its| Arc::ptr_eq(its, door));
        let is_late = || {
            let now = self.clock.now();
            self.closed.load(Ordering::Acquire) > 0 && self.lock().down_until.is_none_or(|until| until <= now)
        };
        while (doors.iter().any(is_busy) || is_late()) && Instant::now() < deadline {
            thread::sleep(Duration::from_micros(50));
        }
    }

    /// Resolves when the listeners shall be closed; gives until when.
    pub(super) async fn down(&self) -> Timestamp {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(until) = self.down_until() {
                return until;
            }
            changed.await;
        }
    }

    /// While this lives, a listener is closed.
    pub(super) fn close(&self) -> Closed<'_> {
        self.closed.fetch_add(1, Ordering::AcqRel);
        Closed(self)
    }

    /// Resolves when it is this late by server time, however that comes.
    pub(super) async fn reach(&self, due: Timestamp) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.clock.now() >= due {
                return;
            }
            match self.clock.until(due) {
                Some(wait) => drop(tokio::time::timeout(wait, changed).await),
                None => changed.await,
            }
        }
    }

    fn down_until(&self) -> Option<Timestamp> {
        let until = self.lock().down_until;
        until.filter(|until| *until > self.clock.now())
    }

    /// Does what is due. Gives when something is due next.
    fn do_due(self: &Arc<Self>) -> Option<Timestamp> {
        loop {
            let due = self.look(|world| world.agenda.next())?;
            if due > self.clock.now() {
                return Some(due);
            }
            self.act(World::fall_due);
        }
    }

    /// Back to the state at the start. Everybody is woken: a client that idles has to hear that its mailbox is gone.
    pub(crate) fn reset(self: &Arc<Self>) {
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
        state.world.agenda.clear();
        let doors: Vec<_> = state.doors.values().cloned().collect();
        drop(state);
        doors.iter().for_each(|door| door.knock(Order::Stop));
    }

    /// A panic under the lock ended the session that caused it and was recorded; the world is whole, so it is used on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener that is closed.
pub(super) struct Closed<'e>(&'e Engine);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.closed.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.agenda.notify_one();
    }
}

/// Does what is due when it is, for as long as there is a server and something to do.
async fn attend(engine: Weak<Engine>) {
    loop {
        let Some(server) = engine.upgrade() else { return };
        let agenda = Arc::clone(&server.agenda);
        let Some(due) = server.do_due() else {
            let mut state = server.lock();
            if state.world.agenda.next().is_none() {
                state.is_attended = false;
                return;
            }
            continue;
        };
        let wait = server.clock.until(due);
        // Whoever waits holds no server.
        drop(server);
        match wait {
            Some(wait) => drop(tokio::time::timeout(wait, agenda.notified()).await),
            None => agenda.notified().await,
        }
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
