//! Waiting for a rule to fire.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::base::Times;
use crate::drive::Engine;
use crate::rule::RuleNo;
use crate::server::{Until, block_on, rule_fired};

/// How long is waited, if not said.
const DEFAULT: Duration = Duration::from_secs(5);

type Check = Box<dyn FnMut(&Engine) -> Option<()> + Send>;

/// A wait for a rule to have fired: await it, or [`block`](Self::block) on it.
#[must_use = "nothing is waited for before it is awaited or blocked on"]
pub struct RuleWait {
    engine: Arc<Engine>,
    no: RuleNo,
    times: u64,
    location: &'static Location<'static>,
    within: Duration,
    until: Option<Until<Check>>,
}

impl RuleWait {
    pub(super) fn new(engine: &Arc<Engine>, no: RuleNo, times: u64, location: &'static Location<'static>) -> Self {
        Self { engine: Arc::clone(engine), no, times, location, within: DEFAULT, until: None }
    }

    /// Waits for at most this long; 5 seconds if not said.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// As the future does: when the time is over, with a report.
    pub fn block(self) {
        block_on(self);
    }
}

impl Future for RuleWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let until = this.until.get_or_insert_with(|| {
            let (interest, check) = rule_fired(this.no, this.times);
            Until::new(&this.engine, interest, this.within, Box::new(check))
        });
        if ready!(Pin::new(until).poll(cx)).is_some() {
            return Poll::Ready(());
        }
        let Self { engine, no, times, location, within, .. } = this;
        match engine.read(|world| world.ruling_on(*no, Times::from(*times..))) {
            Some(report) => panic!("{location}: within {within:?} the rule did not fire so often\n{report}"),
            None => panic!("{location}: the rule was taken out before it fired so often"),
        }
    }
}
