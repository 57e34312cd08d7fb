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

use super::bell::{Bell, Interest};
use super::clock::Clock;
use super::door::Door;
use super::runtime::spawn;
use crate::base::{SessionNo, Timestamp};
use crate::journal::Opened;
use crate::protocol::Reply;
use crate::world::{EndCommand, Kept, SessionCommand, World};

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
    /// Wakes those who wait until sessions have nothing to do and listeners are what they shall be.
    rested: Arc<Notify>,
    /// How many listeners are closed, but for those that could not be opened again.
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
            rested: Arc::default(),
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
        self.change(|state, now| act(&mut state.world, now))
    }

    fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let mut wake = Vec::new();
        let mut state = self.lock();
        // Under the lock: records have the order of their times.
        let now = self.clock.now();
        let (before, firings) = (state.world.journal.tip(), state.world.rulebook.firings());
        let result = catch_unwind(AssertUnwindSafe(|| change(&mut state, now)));
        if result.is_err() {
            state.world.recover(now);
        }
        if !state.bell.is_empty() {
            if state.world.rulebook.firings() > firings {
                state.bell.fired(&mut wake);
            }
            match state.world.journal.since(before) {
                Ok(records) => {
                    records.for_each(|record| state.bell.concerned(&state.world, record, &mut wake));
                }
                Err(_gone) => state.bell.all(&mut wake),
            }
        }
        let told = self.take_over(&mut state);
        let to_free = std::mem::take(&mut state.world.to_free);
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        told.iter().for_each(|door| door.wake());
        drop(to_free);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// The same where nobody else would notice a panic: a bug of ours, which is recorded and ends nothing else.
    pub(super) fn act_alone<T>(self: &Arc<Self>, act: impl FnOnce(&mut World, Timestamp) -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| self.act(act))).ok();
        if done.is_none() {
            self.act(World::note_bug);
        }
        done
    }

    /// What the world wants done later, and what it wants sessions to be told, in the order of its turns; gives whom
    /// that wakes. A session that is over is told nothing.
    fn take_over(self: &Arc<Self>, state: &mut State) -> Vec<Arc<Door>> {
        if state.world.agenda.take_news() {
            if !std::mem::replace(&mut state.is_attended, true) {
                spawn(attend(Arc::downgrade(self)));
            }
            self.agenda.notify_one();
        }
        if let Some(until) = state.world.down_until.take() {
            state.down_until = Some(until);
            self.changed.notify_waiters();
        }
        let mut told = Vec::new();
        for (session, command, by) in std::mem::take(&mut state.world.commands) {
            let in_vain = match state.doors.get(&session) {
                Some(door) => {
                    told.push(Arc::clone(door));
                    door.put(command, by)
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
        self.agenda.notify_one();
        self.changed.notify_waiters();
        self.doors().iter().for_each(|(_, door)| door.wake());
    }

    /// Moves server time. Resolves when everything that came due has been done and what was said then was given to the
    /// kernel; time moves even where nobody waits for that.
    pub(crate) fn advance(self: &Arc<Self>, by: Duration) -> JoinHandle<()> {
        spawn(Arc::clone(self).move_clock(by))
    }

    async fn move_clock(self: Arc<Self>, by: Duration) {
        // What a session is about to wait for counts from the time that it is now.
        self.wait_for(&self.doors()).await;
        // A reset sets no moment back.
        let target = self.clock.moment().plus(by);
        while let Some(due) = self.next_due().filter(|due| *due <= self.clock.time_of(target)) {
            self.set_clock(|clock| clock.set(due));
            self.do_due().await;
            self.rouse().await;
        }
        self.set_clock(|clock| clock.set(clock.time_of(target)));
        self.rouse().await;
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
        let doors = state.doors.values().map(|door| self.clock.time_of(door.due()));
        // What was due before and is not done yet was waited for long enough.
        let waiting = doors.chain(state.down_until).filter(|due| *due > now);
        waiting.chain(state.world.agenda.next()).min()
    }

    fn doors(&self) -> Vec<(SessionNo, Arc<Door>)> {
        self.lock().doors.iter().map(|(session, door)| (*session, Arc::clone(door))).collect()
    }

    /// Everybody looks around, and those who had nothing to do are waited for until they have nothing to do again.
    async fn rouse(&self) {
        self.agenda.notify_one();
        self.changed.notify_waiters();
        let now = self.clock.moment();
        let roused: Vec<_> = self.doors().into_iter().filter(|(_, door)| door.rouse(now)).collect();
        self.wait_for(&roused).await;
    }

    /// Until these have nothing to do. Those for which that takes too long are late.
    async fn wait_for(&self, doors: &[(SessionNo, Arc<Door>)]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut rested = pin!(self.rested.notified());
            // Registered before looking: who rests in between is not missed.
            rested.as_mut().enable();
            if !self.is_any_busy(doors) {
                return;
            }
            if timeout_at(deadline, rested).await.is_err() {
                doors.iter().for_each(|(_, door)| door.give_up());
                return;
            }
        }
    }

    /// A door that is gone from the list belongs to a session that ended.
    fn is_any_busy(&self, doors: &[(SessionNo, Arc<Door>)]) -> bool {
        let state = self.lock();
        let is_late = state.down_until.is_none_or(|until| until <= self.clock.now());
        let is_busy = |(session, door): &(SessionNo, Arc<Door>)| !door.is_quiet() && state.doors.contains_key(session);
        doors.iter().any(is_busy) || (is_late && self.closed.load(Ordering::Acquire) > 0)
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
            let due = self.look(|world| world.agenda.next())?;
            if due > self.clock.now() {
                return Some(due);
            }
            let answers = match self.look(World::questions_of_due) {
                Some(questions) => spawn_blocking(|| Box::new(questions.answer())).await.ok(),
                None => None,
            };
            let done = self.act_alone(|world, now| world.knowing(answers, |world| world.fall_due(now)));
            // What was read is freed here, where nobody waits for the lock.
            drop(done);
        }
    }

    /// Back to the state at the start, but for what is kept. Everybody is woken: a client that idles has to hear that
    /// its account is gone. Resolves when the listeners that were closed are open, but for those whose
    /// port somebody else has now.
    pub(crate) fn reset(self: &Arc<Self>, kept: &[Kept], is_clock_paused: bool) -> JoinHandle<()> {
        self.act(|world, before| {
            if !kept.contains(&Kept::Clock) {
                self.clock.reset(is_clock_paused);
            }
            let now = self.clock.now();
            world.reset(kept, now);
            world.journal.set_back(Duration::from_micros(now.until(before)));
        });
        let mut wake = Vec::new();
        let mut state = self.lock();
        state.bell.all(&mut wake);
        state.down_until = None;
        drop(state);
        wake.into_iter().for_each(Waker::wake);
        self.agenda.notify_one();
        self.changed.notify_waiters();
        self.doors().iter().for_each(|(_, door)| door.wake());
        let engine = Arc::clone(self);
        spawn(async move { engine.wait_for(&[]).await })
    }

    /// Wakes this waker whenever something of interest is appended, until the watch is dropped.
    pub(crate) fn watch(self: &Arc<Self>, interest: Interest, waker: Waker) -> Watch {
        let id = self.lock().bell.add(&interest, waker);
        Watch { engine: Arc::clone(self), interest, id }
    }

    /// A connection was accepted: gives its session, the door of that, and how many sessions last with it.
    pub(super) fn admit(self: &Arc<Self>, opened: Opened) -> (SessionNo, Arc<Door>, usize) {
        let door = Arc::new(Door::new(Arc::clone(&self.rested)));
        let (session, sessions) = self.change(|state, now| {
            let session = state.world.open(opened, now);
            state.doors.insert(session, Arc::clone(&door));
            if state.stopped {
                door.stop();
            }
            (session, state.world.sessions())
        });
        (session, door, sessions)
    }

    /// A session is over: nobody can tell it anything.
    pub(super) fn dismiss(&self, session: SessionNo) {
        self.lock().doors.remove(&session);
        self.rested.notify_waiters();
    }

    /// Ends a session from outside; false if it is over, or never was.
    pub(crate) fn kick(&self, session: SessionNo) -> bool {
        let Some(door) = self.lock().doors.get(&session).cloned() else { return false };
        door.put(SessionCommand::End(EndCommand::Kick(Reply::default())), None);
        door.wake();
        true
    }

    /// Tells every session, those to come included, that the server stops.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.world.agenda.clear();
        let doors: Vec<_> = state.doors.values().cloned().collect();
        drop(state);
        doors.iter().for_each(|door| door.stop());
    }

    /// A panic under the lock left nothing unrecorded, so the world is used on.
    fn lock(&self) -> MutexGuard<'_, State> {
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
        self.agenda.notify_one();
    }
}

/// Does what is due when it is, for as long as there is a server and something to do.
async fn attend(engine: Weak<Engine>) {
    loop {
        let Some(server) = engine.upgrade() else { return };
        let agenda = Arc::clone(&server.agenda);
        let Some(due) = server.do_due().await else {
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
            Some(wait) => drop(timeout(wait, agenda.notified()).await),
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
