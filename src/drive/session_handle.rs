//! Access to a session from other threads: its commands, and whether it is idle.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::clock::Moment;
use crate::rule::By;
use crate::world::{EndCommand, SessionCommand};

/// Maximum number of queued commands while a session is busy. One more ends the session.
const MOST_COMMANDS: usize = 1000;

/// The driver is idle: it has nothing to do.
const QUIET: u8 = 1;
/// Something waits until the driver is idle.
const AWAITED: u8 = 2;
/// The wait took too long; perhaps the client does not read. Until the driver continues, advancing the clock does not
/// wait for it.
const LATE: u8 = 4;

/// The handle of a session: any thread queues commands, the driver takes them.
#[derive(Debug)]
pub(crate) struct SessionHandle {
    commands: Mutex<Commands>,
    /// A set of the three flags above.
    state: AtomicU8,
    /// When the driver acts next, if nothing else happens.
    due: AtomicI64,
    /// Notified when the driver becomes idle, if `AWAITED` is set.
    rested: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Commands {
    /// The server stops. Remains set while the session says goodbye.
    is_stopping: bool,
    /// Each with the step of the rule that deferred it, if there is one.
    queue: VecDeque<(SessionCommand, Option<By>)>,
    waker: Option<Waker>,
}

impl SessionHandle {
    pub(super) fn new(rested: Arc<Notify>) -> Self {
        Self { commands: Mutex::default(), state: AtomicU8::new(0), due: AtomicI64::new(i64::MAX), rested }
    }

    /// Tells the session that the server stops.
    pub(super) fn stop(&self) {
        self.lock().is_stopping = true;
        self.wake();
    }

    /// Queues a command, with the step of the rule that deferred it, if any. The driver takes it when it wakes up.
    /// Returns the steps whose commands are dropped because too many are queued.
    pub(super) fn put(&self, command: SessionCommand, by: Option<By>) -> Vec<By> {
        let mut commands = self.lock();
        commands.queue.push_back((command, by));
        if commands.queue.len() <= MOST_COMMANDS {
            return Vec::new();
        }
        let flooded = VecDeque::from([(SessionCommand::End(EndCommand::Flooded), None)]);
        std::mem::replace(&mut commands.queue, flooded).into_iter().filter_map(|(_, by)| by).collect()
    }

    /// Empties the queue of a session that has ended. Returns the steps of rules whose commands it did not take.
    pub(super) fn close(&self) -> Vec<By> {
        self.lock().queue.drain(..).filter_map(|(_, by)| by).collect()
    }

    /// Wakes the driver.
    pub(super) fn wake(&self) {
        let waker = self.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready with the next command, and the step of the rule that deferred it, if any.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<(SessionCommand, Option<By>)> {
        self.poll_for(cx, |queue| queue.pop_front(), |command| (SessionCommand::End(command), None))
    }

    /// Ready with the next command that ends the session. Other commands stay queued.
    pub(super) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<EndCommand> {
        let first = |queue: &mut VecDeque<(SessionCommand, Option<By>)>| {
            let at = queue.iter().position(|(command, _)| matches!(command, SessionCommand::End(_)))?;
            match queue.remove(at)? {
                (SessionCommand::End(command), _) => Some(command),
                (SessionCommand::Say(..) | SessionCommand::CapabilityOverride(_), _) => None,
            }
        };
        self.poll_for(cx, first, |command| command)
    }

    /// Marks the driver as idle until then.
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

    /// Wakes the driver at this moment. Returns true if it will become idle: it was idle, or was already woken and is
    /// not late, or its wait for a client that does not read is over.
    pub(super) fn signal(&self, now: Moment) -> bool {
        let before = self.update(|state| (state & LATE == 0).then_some(AWAITED));
        let rests = before.is_some_and(|before| before != 0) || self.due() <= now;
        self.wake();
        rests
    }

    /// Marks the driver as late, if it is not idle.
    pub(super) fn give_up(&self) {
        self.update(|state| (state & QUIET == 0).then_some(state | LATE));
    }

    /// Returns the flags before; `None` if they do not change.
    fn update(&self, update: impl FnMut(u8) -> Option<u8>) -> Option<u8> {
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, update).ok()
    }

    /// Whether the driver is idle. If it is not, `rested` is notified as soon as it is.
    pub(super) fn is_quiet(&self) -> bool {
        self.state.fetch_or(AWAITED, Ordering::AcqRel) & QUIET != 0
    }

    /// When the driver acts next, if nothing else happens.
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
        if let Some(command) = next(&mut commands.queue) {
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
