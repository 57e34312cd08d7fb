//! The lock around the world, and the waking of those who wait for it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout, timeout_at};

use super::clock::Clock;
use super::runtime::spawn;
use super::session_handle::SessionHandle;
use super::subscribers::{Ids, Interest, Subscribers};
use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::Opened;
use crate::protocol::Reply;
use crate::world::{EndCommand, Kept, SessionCommand, World};

/// How long a session that came due may take to act while others wait for it: its client may not read.
const PATIENCE: Duration = Duration::from_secs(1);

/// One server's world behind its one lock. Nothing awaits, and no code of a user runs, while the lock is held.
pub(crate) struct Engine {
    clock: Clock,
    state: Mutex<EngineState>,
    /// Wakes the one who does what is due.
    timers: Arc<Notify>,
    /// Wakes those who look at the time, and the listeners when they shall close.
    changed: Notify,
    /// Wakes those who wait until sessions have nothing to do and listeners are what they shall be.
    rested: Arc<Notify>,
    /// How many listeners are closed, but for those that could not be opened again.
    closed: AtomicUsize,
}

struct EngineState {
    world: World,
    subscribers: Subscribers,
    handles: HashMap<SessionNo, Arc<SessionHandle>>,
    stopped: bool,
    /// Somebody looks after what is due.
    has_timer_task: bool,
    /// Until then every listener is closed.
    down_until: Option<Timestamp>,
}

impl EngineState {
    /// The wakers of those who are interested in what was appended since then, or in a rule that fired; each once.
    fn interested(&self, since: Seq, firings: u64) -> Vec<Waker> {
        if self.subscribers.is_empty() {
            return Vec::new();
        }
        let Ok(records) = self.world.journal.since(since) else { return self.subscribers.all() };
        let mut found = Ids::new();
        records.for_each(|record| self.subscribers.interested(&self.world, record, &mut found));
        if self.world.rulebook.firings() > firings {
            self.subscribers.fired(&mut found);
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
        })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Looks at the world.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.lock().world)
    }

    /// Changes the world; whoever is interested in what was appended is woken after the lock is released.
    pub(crate) fn update<T>(self: &Arc<Self>, update: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        self.change(|state, now| update(&mut state.world, now))
    }

    fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut EngineState, Timestamp) -> T) -> T {
        let mut state = self.lock();
        // Under the lock: records have the order of their times.
        let now = self.clock.now();
        let (before, firings) = (state.world.journal.tip(), state.world.rulebook.firings());
        let result = catch_unwind(AssertUnwindSafe(|| change(&mut state, now)));
        if result.is_err() {
            state.world.recover(now);
        }
        let wake = state.interested(before, firings);
        let told = self.take_over(&mut state);
        let to_free = std::mem::take(&mut state.world.to_free);
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        told.iter().for_each(|handle| handle.wake());
        drop(to_free);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// The same where nobody else would notice a panic: a bug of ours, which is recorded and ends nothing else.
    pub(super) fn update_alone<T>(self: &Arc<Self>, update: impl FnOnce(&mut World, Timestamp) -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| self.update(update))).ok();
        if done.is_none() {
            self.update(World::note_bug);
        }
        done
    }

    /// What the world wants done later, and what it wants sessions to be told, in the order of its turns; gives whom
    /// that wakes. A session that is over is told nothing.
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
        let mut told = Vec::new();
        for (session, command, by) in std::mem::take(&mut state.world.commands) {
            let in_vain = match state.handles.get(&session) {
                Some(handle) => {
                    told.push(Arc::clone(handle));
                    handle.put(command, by)
                }
                None => by.into_iter().collect(),
            };
            in_vain.iter().for_each(|by| state.world.rulebook.missed_later(by));
        }
        told
    }

    /// Server time stands still from now on. Whoever waits for a time finds out when it should have come.
    pub(crate) fn pause(&self) {
        self.set_clock(Clock::pause);
    }

    /// Server time runs on from where it stands.
    pub(crate) fn resume(&self) {
        self.set_clock(Clock::resume);
        self.timers.notify_one();
        self.changed.notify_waiters();
        self.handles().iter().for_each(|(_, handle)| handle.wake());
    }

    /// Moves server time. Resolves when everything that came due has been done and what was said then was given to the
    /// kernel; time moves even where nobody waits for that.
    pub(crate) fn advance(self: &Arc<Self>, by: Duration) -> JoinHandle<()> {
        spawn(Arc::clone(self).move_clock(by))
    }

    async fn move_clock(self: Arc<Self>, by: Duration) {
        // What a session is about to wait for counts from the time that it is now.
        self.wait_for(&self.handles()).await;
        // A reset sets no moment back.
        let target = self.clock.moment().plus(by);
        while let Some(due) = self.next_due().filter(|due| *due <= self.clock.time_of(target)) {
            self.set_clock(|clock| clock.set(due));
            self.do_due().await;
            self.wake_all_due().await;
        }
        self.set_clock(|clock| clock.set(clock.time_of(target)));
        self.wake_all_due().await;
    }

    /// Under the lock, so that records have the order of their times.
    fn set_clock(&self, set: impl FnOnce(&Clock)) {
        let _locked = self.lock();
        set(&self.clock);
    }

    /// When somebody has something to do next, if nobody comes.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let state = self.lock();
        let now = self.clock.now();
        let handles = state.handles.values().map(|handle| self.clock.time_of(handle.due()));
        // What was due before and is not done yet was waited for long enough.
        let waiting = handles.chain(state.down_until).filter(|due| *due > now);
        waiting.chain(state.world.timers.next()).min()
    }

    fn handles(&self) -> Vec<(SessionNo, Arc<SessionHandle>)> {
        self.lock().handles.iter().map(|(session, handle)| (*session, Arc::clone(handle))).collect()
    }

    /// Everybody looks around, and those who had nothing to do are waited for until they have nothing to do again.
    async fn wake_all_due(&self) {
        self.timers.notify_one();
        self.changed.notify_waiters();
        let now = self.clock.moment();
        let woken: Vec<_> = self.handles().into_iter().filter(|(_, handle)| handle.signal(now)).collect();
        self.wait_for(&woken).await;
    }

    /// Until these have nothing to do. Those for which that takes too long are late.
    async fn wait_for(&self, handles: &[(SessionNo, Arc<SessionHandle>)]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut rested = pin!(self.rested.notified());
            // Registered before looking: who rests in between is not missed.
            rested.as_mut().enable();
            if !self.is_any_busy(handles) {
                return;
            }
            if timeout_at(deadline, rested).await.is_err() {
                handles.iter().for_each(|(_, handle)| handle.give_up());
                return;
            }
        }
    }

    /// A door that is gone from the list belongs to a session that ended.
    fn is_any_busy(&self, handles: &[(SessionNo, Arc<SessionHandle>)]) -> bool {
        let state = self.lock();
        let is_late = state.down_until.is_none_or(|until| until <= self.clock.now());
        let is_busy = |(session, handle): &(SessionNo, Arc<SessionHandle>)| {
            !handle.is_quiet() && state.handles.contains_key(session)
        };
        handles.iter().any(is_busy) || (is_late && self.closed.load(Ordering::Acquire) > 0)
    }

    /// Resolves when the listeners shall be closed.
    pub(super) async fn down(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.down_until().is_some() {
                return;
            }
            changed.await;
        }
    }

    /// While this lives, a listener is closed.
    pub(super) fn close(&self) -> Closed<'_> {
        self.closed.fetch_add(1, Ordering::AcqRel);
        Closed { engine: self, is_awaited: true }
    }

    /// Resolves when the listeners shall be open again: that time has come, however it came, or the server was reset.
    pub(super) async fn up(&self) {
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

    /// Does what is due. Gives when something is due next.
    async fn do_due(self: &Arc<Self>) -> Option<Timestamp> {
        loop {
            let due = self.read(|world| world.timers.next())?;
            if due > self.clock.now() {
                return Some(due);
            }
            let answers = match self.read(World::questions_of_due) {
                Some(questions) => spawn_blocking(|| Box::new(questions.answer())).await.ok(),
                None => None,
            };
            let done = self.update_alone(|world, now| world.knowing(answers, |world| world.fall_due(now)));
            // What was read is freed here, where nobody waits for the lock.
            drop(done);
        }
    }

    /// Back to the state at the start, but for what is kept. Everybody is woken: a client that idles has to hear that
    /// its account is gone. Resolves when the listeners that were closed are open, but for those whose
    /// port somebody else has now.
    pub(crate) fn reset(self: &Arc<Self>, kept: &[Kept], is_clock_paused: bool) -> JoinHandle<()> {
        self.update(|world, before| {
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
        self.timers.notify_one();
        self.changed.notify_waiters();
        self.handles().iter().for_each(|(_, handle)| handle.wake());
        let engine = Arc::clone(self);
        spawn(async move { engine.wait_for(&[]).await })
    }

    /// Wakes this waker whenever something of interest is appended, until the watch is dropped.
    pub(crate) fn watch(self: &Arc<Self>, interest: Interest, waker: Waker) -> Watch {
        let id = self.lock().subscribers.add(interest, waker);
        Watch { engine: Arc::clone(self), id }
    }

    /// A connection was accepted: gives its session, the door of that, and how many sessions last with it.
    pub(super) fn admit(self: &Arc<Self>, opened: Opened) -> (SessionNo, Arc<SessionHandle>, usize) {
        let handle = Arc::new(SessionHandle::new(Arc::clone(&self.rested)));
        let (session, sessions) = self.change(|state, now| {
            let session = state.world.open(opened, now);
            state.handles.insert(session, Arc::clone(&handle));
            if state.stopped {
                handle.stop();
            }
            (session, state.world.sessions())
        });
        (session, handle, sessions)
    }

    /// A session is over: nobody can tell it anything.
    pub(super) fn dismiss(&self, session: SessionNo) {
        self.lock().handles.remove(&session);
        self.rested.notify_waiters();
    }

    /// Ends a session from outside; false if it is over, or never was.
    pub(crate) fn kick(&self, session: SessionNo) -> bool {
        let Some(handle) = self.lock().handles.get(&session).cloned() else { return false };
        handle.put(SessionCommand::End(EndCommand::Kick(Reply::default())), None);
        handle.wake();
        true
    }

    /// Tells every session, those to come included, that the server stops.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.world.timers.clear();
        let handles: Vec<_> = state.handles.values().cloned().collect();
        drop(state);
        handles.iter().for_each(|handle| handle.stop());
    }

    /// A panic under the lock left nothing unrecorded, so the world is used on.
    fn lock(&self) -> MutexGuard<'_, EngineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener that is closed.
pub(super) struct Closed<'e> {
    engine: &'e Engine,
    is_awaited: bool,
}

impl Closed<'_> {
    /// Nobody knows when it can be opened again, and nobody waits for it. Gives whether somebody could until now.
    pub(super) fn give_up(&mut self) -> bool {
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

impl Drop for Engine {
    fn drop(&mut self) {
        self.timers.notify_one();
    }
}

/// Does what is due when it is, for as long as there is a server and something to do.
async fn run_timers(engine: Weak<Engine>) {
    loop {
        let Some(server) = engine.upgrade() else { return };
        let timers = Arc::clone(&server.timers);
        let Some(due) = server.do_due().await else {
            let mut state = server.lock();
            if state.world.timers.next().is_none() {
                state.has_timer_task = false;
                return;
            }
            continue;
        };
        let wait = server.clock.until(due);
        // Whoever waits holds no server.
        drop(server);
        match wait {
            Some(wait) => drop(timeout(wait, timers.notified()).await),
            None => timers.notified().await,
        }
    }
}

/// A place among those who wait; dropping it leaves.
pub(crate) struct Watch {
    engine: Arc<Engine>,
    id: u64,
}

impl Watch {
    /// From now on wakes this waker.
    pub(crate) fn rearm(&self, waker: &Waker) {
        let before = self.engine.lock().subscribers.rearm(self.id, waker.clone());
        drop(before);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let armed = self.engine.lock().subscribers.remove(self.id);
        drop(armed);
    }
}
