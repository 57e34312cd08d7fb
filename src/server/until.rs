//! Waiting for a condition: a future that any executor can poll, and any thread can block on.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::drive::{Engine, Interest, Subscription, Topic, spawn};
use crate::expect::Matcher;
use crate::journal::Session;
use crate::rule::RuleNo;
use crate::world::World;

/// Resolves to the result of `check`, which runs now and whenever a record of interest is appended; to `None` when the
/// deadline has passed. `check` runs in the waiter, outside the lock.
///
/// It uses no timer of the waiter's executor: the deadline is a timer of the process's own runtime.
pub(crate) struct Until<F> {
    engine: Arc<Engine>,
    interest: Interest,
    deadline: Instant,
    check: F,
    armed: Option<Armed>,
}

struct Armed {
    watch: Subscription,
    alarm: Arc<Alarm>,
    timer: AbortHandle,
}

/// Whether the deadline has passed, and the waker to call then.
#[derive(Default)]
struct Alarm {
    rung: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl<T, F: FnMut(&Engine) -> Option<T>> Until<F> {
    pub(crate) fn new(engine: &Arc<Engine>, interest: Interest, within: Duration, check: F) -> Self {
        // 50 years mean "forever": adding more could overflow.
        let deadline = Instant::now() + within.min(Duration::from_secs(50 * 365 * 24 * 3600));
        Self { engine: Arc::clone(engine), interest, deadline, check, armed: None }
    }

    /// Blocks this thread until the future resolves.
    pub(crate) fn block(self) -> Option<T>
    where
        F: Unpin,
    {
        block_on(self)
    }
}

impl<T, F: FnMut(&Engine) -> Option<T> + Unpin> Future for Until<F> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        // Registered before `check`, so that nothing that is appended in between is missed.
        match &this.armed {
            Some(armed) => {
                armed.watch.rearm(cx.waker());
                armed.alarm.set(cx.waker());
            }
            None => this.armed = Some(Armed::new(&this.engine, &this.interest, this.deadline, cx.waker())),
        }
        if let Some(found) = (this.check)(&this.engine) {
            return Poll::Ready(Some(found));
        }
        let rung = this.armed.as_ref().is_some_and(|armed| armed.alarm.rung.load(Ordering::Acquire));
        if rung || Instant::now() >= this.deadline { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Armed {
    fn new(engine: &Arc<Engine>, interest: &Interest, deadline: Instant, waker: &Waker) -> Self {
        let watch = engine.watch(interest.clone(), waker.clone());
        let alarm = Arc::new(Alarm::default());
        alarm.set(waker);
        let timer = spawn({
            let alarm = Arc::clone(&alarm);
            async move {
                tokio::time::sleep_until(deadline.into()).await;
                alarm.ring();
            }
        });
        Self { watch, alarm, timer: timer.abort_handle() }
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

impl Alarm {
    fn set(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Polls a future on this thread, which sleeps between polls.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    #[derive(Default)]
    struct Parked {
        woken: Mutex<bool>,
        condvar: Condvar,
    }
    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.condvar.notify_one();
        }
    }

    let parked = Arc::new(Parked::default());
    let waker = Waker::from(Arc::clone(&parked));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut woken = parked.woken.lock().unwrap_or_else(PoisonError::into_inner);
        while !*woken {
            woken = parked.condvar.wait(woken).unwrap_or_else(PoisonError::into_inner);
        }
        *woken = false;
    }
}

/// The sessions that match.
pub(crate) fn sessions_that(engine: &Engine, matcher: &Matcher) -> Vec<Arc<Session>> {
    let mut sessions = engine.read(World::sessions_seen);
    sessions.retain(|session| matcher.matches_session(session));
    sessions
}

/// The rule was removed.
pub(crate) struct RuleRemoved;

/// Resolves when a rule has fired at least `times` times, or was removed.
pub(crate) fn rule_fired(
    no: RuleNo,
    times: u64,
) -> (Interest, impl FnMut(&Engine) -> Option<Result<(), RuleRemoved>> + Send) {
    let has_fired = move |world: &World| match world.rulebook.get(no) {
        Some(mounted) => (mounted.fired >= times).then_some(Ok(())),
        None => Some(Err(RuleRemoved)),
    };
    (Interest::of([Topic::Rules]), move |engine: &Engine| engine.read(has_fired))
}
