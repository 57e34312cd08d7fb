//! The state of a server behind one lock, and the notification of subscribers.

mod listeners;
mod time;
mod watch;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::runtime::spawn;
use super::session_handle::SessionHandle;
use super::subscribers::{Ids, Subscribers};
use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{Ending, Opened};
use crate::scenario::Loaded;
use crate::world::{Kept, World};
pub(super) use listeners::Closed;
use time::run_timers;
pub(crate) use watch::Subscription;

/// One server's world behind its one lock. While the lock is held, nothing awaits and no user code runs.
pub(crate) struct Engine {
    clock: Clock,
    state: Mutex<EngineState>,
    /// Wakes the task that runs the timers.
    timers: Arc<Notify>,
    /// Wakes the listeners when they must close or open again.
    changed: Notify,
    /// Wakes tasks that wait until sessions are idle and listeners are open.
    rested: Arc<Notify>,
    /// How many listeners are closed and will open again.
    closed: AtomicUsize,
    /// How many sessions ended by a timeout.
    timed_out: AtomicU64,
}

struct EngineState {
    world: World,
    subscribers: Subscribers,
    handles: HashMap<SessionNo, Arc<SessionHandle>>,
    stopped: bool,
    /// Whether a task runs the timers.
    has_timer_task: bool,
    /// Every listener is closed until then.
    down_until: Option<Timestamp>,
}

/// What was there before a change.
struct Before {
    tip: Seq,
    removals: u64,
    rule_changes: u64,
}

impl Before {
    fn of(world: &World) -> Self {
        let journal = &world.journal;
        Self { tip: journal.tip(), removals: journal.removals(), rule_changes: world.rulebook.changes() }
    }
}

impl EngineState {
    /// The wakers of those who are interested in what has changed; each once.
    fn interested(&self, before: &Before) -> Vec<Waker> {
        if self.subscribers.is_empty() {
            return Vec::new();
        }
        let Ok(records) = self.world.journal.since(before.tip) else { return self.subscribers.all() };
        let mut found = Ids::new();
        records.for_each(|record| self.subscribers.interested(&self.world, record, &mut found));
        if self.world.journal.removals() > before.removals {
            self.subscribers.removed(&mut found);
        }
        if self.world.rulebook.changes() > before.rule_changes {
            self.subscribers.rules_changed(&mut found);
        }
        self.subscribers.wakers(&found)
    }
}

impl Engine {
    pub(crate) fn new(world: World) -> Arc<Self> {
        let state = EngineState {
            world,
            subscribers: Subscribers::default(),
            handles: HashMap::new(),
            stopped: false,
            has_timer_task: false,
            down_until: None,
        };
        Arc::new(Self {
            clock: Clock::new(),
            state: Mutex::new(state),
            timers: Arc::default(),
            changed: Notify::new(),
            rested: Arc::default(),
            closed: AtomicUsize::new(0),
            timed_out: AtomicU64::new(0),
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.lock().world)
    }

    /// Changes the world. Wakes those who are interested in the new records after releasing the lock.
    pub(crate) fn update<T>(self: &Arc<Self>, update: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        self.change(|state, now| update(&mut state.world, now))
    }

    fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut EngineState, Timestamp) -> T) -> T {
        let mut state = self.lock();
        // Under the lock: records have the order of their times.
        let now = self.clock.now();
        let before = Before::of(&state.world);
        let result = catch_unwind(AssertUnwindSafe(|| change(&mut state, now)));
        if result.is_err() {
            state.world.recover(now);
        }
        let wake = state.interested(&before);
        let woken = self.take_over(&mut state);
        let to_free = std::mem::take(&mut state.world.to_free);
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        woken.iter().for_each(|handle| handle.wake());
        drop(to_free);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Like `update`, but catches a panic, which nobody else would notice. It is a bug in mailjig: it is recorded and
    /// has no other effect.
    pub(super) fn update_alone<T>(self: &Arc<Self>, update: impl FnOnce(&mut World, Timestamp) -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| self.update(update))).ok();
        if done.is_none() {
            self.update(World::note_bug);
        }
        done
    }

    /// Takes the deferred work out of the world, in the order of its turns: timers, closed listeners, and commands for
    /// sessions. Returns the handles of the sessions to wake. A session that has ended gets no commands.
    fn take_over(self: &Arc<Self>, state: &mut EngineState) -> Vec<Arc<SessionHandle>> {
        if state.world.timers.take_news() {
            if !std::mem::replace(&mut state.has_timer_task, true) {
                spawn(run_timers(Arc::downgrade(self)));
            }
            self.timers.notify_one();
        }
        if let Some(until) = state.world.down_until.take() {
            state.down_until = Some(until);
            self.changed.notify_waiters();
        }
        let mut woken = Vec::new();
        for (session, command, by) in std::mem::take(&mut state.world.commands) {
            let in_vain = match state.handles.get(&session) {
                Some(handle) => {
                    woken.push(Arc::clone(handle));
                    handle.put(command, by)
                }
                None => by.into_iter().collect(),
            };
            in_vain.iter().for_each(|by| state.world.rulebook.missed_later(by));
        }
        woken
    }

    fn handles(&self) -> Vec<(SessionNo, Arc<SessionHandle>)> {
        self.lock().handles.iter().map(|(session, handle)| (*session, Arc::clone(handle))).collect()
    }

    /// Replaces the scenario. `in_force` puts its settings in force, in the same critical section. The clock is paused if
    /// the scenario says so; otherwise it resumes if the previous scenario paused it, unless it `stays_paused`.
    pub(crate) fn load(self: &Arc<Self>, scenario: Option<Arc<Loaded>>, stays_paused: bool, in_force: impl FnOnce()) {
        let is_manual = |scenario: &Option<Arc<Loaded>>| scenario.as_ref().is_some_and(|loaded| loaded.is_manual);
        let resumes = self.update(|world, now| {
            let (was_manual, is_manual) = (is_manual(&world.scenario), is_manual(&scenario));
            in_force();
            world.load(scenario, now);
            let resumes = was_manual && !is_manual && !stays_paused;
            if is_manual {
                self.clock.pause();
            } else if resumes {
                self.clock.resume();
            }
            resumes
        });
        if resumes {
            self.time_changed();
        }
    }

    /// Returns to the initial state, except for what is kept. `in_force` puts the settings of the scenario that is then
    /// loaded in force, and returns whether the clock is paused. Wakes all subscribers: a client in IDLE must learn that
    /// its account is gone. Resolves when the closed listeners are open, except those whose port another program has
    /// taken.
    pub(crate) fn reset(
        self: &Arc<Self>,
        kept: &[Kept],
        in_force: impl FnOnce(Option<&Loaded>) -> bool,
    ) -> JoinHandle<()> {
        self.update(|world, before| {
            let is_clock_paused = in_force(world.after_reset(kept).map(|loaded| &**loaded));
            if !kept.contains(&Kept::Clock) {
                self.clock.reset(is_clock_paused);
            }
            let now = self.clock.now();
            world.reset(kept, now);
            world.journal.set_back(Duration::from_micros(now.until(before)));
        });
        let mut state = self.lock();
        let wake = state.subscribers.all();
        state.down_until = None;
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        self.time_changed();
        let engine = Arc::clone(self);
        spawn(async move { engine.wait_for(&[]).await })
    }

    /// Registers an accepted connection. `begin` takes the settings for it, in the same critical section; its argument
    /// is the number of sessions including this one.
    pub(super) fn admit<T>(
        self: &Arc<Self>,
        begin: impl FnOnce(usize) -> (Opened, T),
    ) -> (SessionNo, Arc<SessionHandle>, T) {
        let handle = Arc::new(SessionHandle::new(Arc::clone(&self.rested)));
        let (session, begun) = self.change(|state, now| {
            let (opened, begun) = begin(state.world.sessions() + 1);
            let session = state.world.open(opened, now);
            state.handles.insert(session, Arc::clone(&handle));
            if state.stopped {
                handle.stop();
            }
            (session, begun)
        });
        (session, handle, begun)
    }

    /// Removes a session that has ended: it takes no more commands.
    pub(super) fn dismiss(&self, session: SessionNo, ending: Ending) {
        // Before the handle is removed: `advance` counts when it is gone.
        if matches!(ending, Ending::Idle | Ending::NotReading) {
            self.timed_out.fetch_add(1, Ordering::AcqRel);
        }
        self.lock().handles.remove(&session);
        self.rested.notify_waiters();
    }

    /// How many wait for a record: requests that wait, streams, and clients in IDLE.
    #[cfg(feature = "api")]
    pub(crate) fn subscribers(&self) -> usize {
        self.lock().subscribers.len()
    }

    /// Stops every session, including those that begin later. Wakes all subscribers.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.world.timers.clear();
        let handles: Vec<_> = state.handles.values().cloned().collect();
        let wake = state.subscribers.all();
        drop(state);
        handles.iter().for_each(|handle| handle.stop());
        wake.into_iter().for_each(Waker::wake);
    }

    /// Whether the server was stopped.
    #[cfg(feature = "api")]
    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Ignores poisoning: `change` has recorded everything that was done before the panic.
    fn lock(&self) -> MutexGuard<'_, EngineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.timers.notify_one();
    }
}
