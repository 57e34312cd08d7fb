//! Server time: waiting for it, and running what is due when it moves.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout, timeout_at};

use super::Engine;
use crate::base::{SessionNo, Timestamp};
use crate::drive::clock::Clock;
use crate::drive::runtime::spawn;
use crate::drive::session_handle::SessionHandle;
use crate::drive::subscribers::Ids;
use crate::world::World;

/// Maximum real time to wait for a session that is due: its client may not read.
const PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// Pauses server time. Waiters notice it when their time would have come.
    pub(crate) fn pause(&self) {
        self.set_clock(Clock::pause);
    }

    /// Resumes server time from where it was paused.
    pub(crate) fn resume(&self) {
        self.set_clock(Clock::resume);
        self.time_changed();
    }

    /// Wakes whatever waits for a time: the times at which it would wake by itself are no longer right.
    pub(super) fn time_changed(&self) {
        self.timers.notify_one();
        self.changed.notify_waiters();
        self.handles().iter().for_each(|(_, handle)| handle.wake());
    }

    /// Advances server time. Resolves when everything that is due has run and its output was given to the kernel; time
    /// moves even if the handle is not awaited. The result is how many sessions ended meanwhile by a timeout.
    pub(crate) fn advance(self: &Arc<Self>, by: Duration) -> JoinHandle<u64> {
        spawn(Arc::clone(self).move_clock(by))
    }

    async fn move_clock(self: Arc<Self>, by: Duration) -> u64 {
        let before = self.timed_out.load(Ordering::Acquire);
        // A session that is about to wait must begin its wait at the current time.
        self.wait_for(&self.handles()).await;
        // A moment, because a reset in between sets back the time, but not moments.
        let target = self.clock.moment().plus(by);
        while let Some(due) = self.next_due().filter(|due| *due <= self.clock.time_of(target)) {
            self.set_clock(|clock| clock.set(due));
            self.do_due().await;
            self.wake_all_due().await;
        }
        self.set_clock(|clock| clock.set(clock.time_of(target)));
        self.wake_all_due().await;
        self.timed_out.load(Ordering::Acquire) - before
    }

    /// Under the lock, so that records have the order of their times.
    fn set_clock(&self, set: impl FnOnce(&Clock)) {
        let state = self.lock();
        set(&self.clock);
        let mut found = Ids::new();
        state.subscribers.rules_changed(&mut found);
        let wake = state.subscribers.wakers(&found);
        drop(state);
        wake.into_iter().for_each(Waker::wake);
    }

    /// When a session, a listener or a timer has something to do next, if nothing else happens.
    pub(in crate::drive) fn next_due(&self) -> Option<Timestamp> {
        let state = self.lock();
        let now = self.clock.now();
        let handles = state.handles.values().map(|handle| self.clock.time_of(handle.due()));
        // `wait_for` has waited long enough for anything due earlier that has not run.
        let waiting = handles.chain(state.down_until).filter(|due| *due > now);
        waiting.chain(state.world.timers.next()).min()
    }

    /// Wakes all sessions, timers and listeners, and waits until the sessions that were idle are idle again.
    async fn wake_all_due(&self) {
        self.timers.notify_one();
        self.changed.notify_waiters();
        let now = self.clock.moment();
        let woken: Vec<_> = self.handles().into_iter().filter(|(_, handle)| handle.signal(now)).collect();
        self.wait_for(&woken).await;
    }

    /// Waits until these sessions are idle. Those that take too long are marked as late.
    pub(super) async fn wait_for(&self, handles: &[(SessionNo, Arc<SessionHandle>)]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut rested = pin!(self.rested.notified());
            // Registered before looking, so that no session is missed that becomes idle in between.
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

    /// A session whose handle is gone from the list has ended.
    fn is_any_busy(&self, handles: &[(SessionNo, Arc<SessionHandle>)]) -> bool {
        let state = self.lock();
        let is_late = state.down_until.is_none_or(|until| until <= self.clock.now());
        let is_busy = |(session, handle): &(SessionNo, Arc<SessionHandle>)| {
            !handle.is_quiet() && state.handles.contains_key(session)
        };
        handles.iter().any(is_busy) || (is_late && self.closed.load(Ordering::Acquire) > 0)
    }

    /// Runs the timers that are due. Returns when the next is due.
    async fn do_due(self: &Arc<Self>) -> Option<Timestamp> {
        loop {
            let job = self.read(|world| world.timers.first())?;
            if job.0 > self.clock.now() {
                return Some(job.0);
            }
            let answers = match self.read(World::questions_of_due) {
                Some(questions) => spawn_blocking(|| Box::new(questions.answer())).await.ok(),
                None => None,
            };
            let report = match self.read(World::due_report) {
                Some(report) => {
                    let now = self.clock.now();
                    spawn_blocking(move || report.compose(now)).await.ok()
                }
                None => None,
            };
            let done = self.update_alone(|world, now| world.knowing(answers, |world| world.fall_due(job, report, now)));
            // Frees what was read outside of the lock.
            drop(done);
        }
    }
}

/// Runs timers when they are due, as long as there are a server and timers.
pub(super) async fn run_timers(engine: Weak<Engine>) {
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
        // Waiting timers must not keep a server alive.
        drop(server);
        match wait {
            Some(wait) => drop(timeout(wait, timers.notified()).await),
            None => timers.notified().await,
        }
    }
}
