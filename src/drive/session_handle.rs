//! What a session is told from outside, and when it has nothing to do until then.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::clock::Moment;
use crate::rule::By;
use crate::world::{EndCommand, SessionCommand};

/// What a session may be told while it is busy; it is ended when more comes.
const MOST_COMMANDS: usize = 1000;

/// The driver has nothing to do.
const QUIET: u8 = 1;
/// Somebody waits until the driver has nothing to do.
const AWAITED: u8 = 2;
/// That took too long: its client may not read. Until it goes on, nobody waits for it at every step of the clock.
const LATE: u8 = 4;

/// A session's door: told from any thread, answered by its driver.
#[derive(Debug)]
pub(crate) struct SessionHandle {
    commands: Mutex<Commands>,
    /// Of the three above.
    state: AtomicU8,
    /// Until this moment, if nobody comes.
    due: AtomicI64,
    /// Told when the driver has nothing to do any more, where somebody waits for that.
    rested: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Commands {
    /// From now on; a session may take its time to say goodbye.
    is_stopping: bool,
    /// Each with the step of a rule that put it off, if one did.
    told: VecDeque<(SessionCommand, Option<By>)>,
    waker: Option<Waker>,
}

impl SessionHandle {
    pub(super) fn new(rested: Arc<Notify>) -> Self {
        Self { commands: Mutex::default(), state: AtomicU8::new(0), due: AtomicI64::new(i64::MAX), rested }
    }

    /// The server stops.
    pub(super) fn stop(&self) {
        self.lock().is_stopping = true;
        self.wake();
    }

    /// What the driver is told next, when it is woken or looks by itself; and the step of a rule that put it off, if one
    /// did. Gives the steps whose commands it will not come to.
    pub(super) fn put(&self, command: SessionCommand, by: Option<By>) -> Vec<By> {
        let mut commands = self.lock();
        commands.told.push_back((command, by));
        if commands.told.len() <= MOST_COMMANDS {
            return Vec::new();
        }
        let flooded = VecDeque::from([(SessionCommand::End(EndCommand::Flooded), None)]);
        std::mem::replace(&mut commands.told, flooded).into_iter().filter_map(|(_, by)| by).collect()
    }

    /// The session is over: gives the steps of rules whose commands it did not come to.
    pub(super) fn close(&self) -> Vec<By> {
        self.lock().told.drain(..).filter_map(|(_, by)| by).collect()
    }

    /// Lets the driver look around.
    pub(super) fn wake(&self) {
        let waker = self.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready with what the session is told next, and the step of a rule that put it off, if one did.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<(SessionCommand, Option<By>)> {
        self.poll_for(cx, |told| told.pop_front(), |command| (SessionCommand::End(command), None))
    }

    /// Ready when the session shall end; the rest of what it was told waits.
    pub(super) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<EndCommand> {
        let first = |told: &mut VecDeque<(SessionCommand, Option<By>)>| {
            let at = told.iter().position(|(command, _)| matches!(command, SessionCommand::End(_)))?;
            match told.remove(at)? {
                (SessionCommand::End(command), _) => Some(command),
                (SessionCommand::Say(..) | SessionCommand::CapabilityOverride(_), _) => None,
            }
        };
        self.poll_for(cx, first, |command| command)
    }

    /// The driver has nothing to do until then.
    pub(super) fn rest(&self, due: Moment) {
        self.due.store(due.as_micros(), Ordering::Release);
        if self.state.swap(QUIET, Ordering::AcqRel) & AWAITED != 0 {
            self.rested.notify_waiters();
        }
    }

    /// The driver waits for the client to read, until then at most.
    pub(super) fn block(&self, due: Moment) {
        self.due.store(due.as_micros(), Ordering::Release);
    }

    pub(super) fn work(&self) {
        self.due.store(i64::MAX, Ordering::Release);
        self.state.fetch_and(!(QUIET | LATE), Ordering::AcqRel);
    }

    /// Makes the driver look around at this moment. True if it will rest then: it rested before, or is roused already
    /// and not late, or its wait for a client that does not read is over.
    pub(super) fn signal(&self, now: Moment) -> bool {
        let before = self.update(|state| (state & LATE == 0).then_some(AWAITED));
        let rests = before.is_some_and(|before| before != 0) || self.due() <= now;
        self.wake();
        rests
    }

    /// The driver was waited for long enough, if it has something to do still.
    pub(super) fn give_up(&self) {
        self.update(|state| (state & QUIET == 0).then_some(state | LATE));
    }

    /// Gives the state before; none if it stays.
    fn update(&self, update: impl FnMut(u8) -> Option<u8>) -> Option<u8> {
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, update).ok()
    }

    /// Whether the driver has nothing to do; if it has, `rested` is told as soon as it has not.
    pub(super) fn is_quiet(&self) -> bool {
        self.state.fetch_or(AWAITED, Ordering::AcqRel) & QUIET != 0
    }

    /// When the driver will act, if nobody comes.
    pub(super) fn due(&self) -> Moment {
        Moment::from_micros(self.due.load(Ordering::Acquire))
    }

    fn poll_for<T>(
        &self,
        cx: &mut Context<'_>,
        next: impl Fn(&mut VecDeque<(SessionCommand, Option<By>)>) -> Option<T>,
        end: impl Fn(EndCommand) -> T,
    ) -> Poll<T> {
        let mut commands = self.lock();
        if commands.is_stopping {
            return Poll::Ready(end(EndCommand::Stop));
        }
        if let Some(command) = next(&mut commands.told) {
            return Poll::Ready(command);
        }
        if !commands.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            commands.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
