//! Waiting for a rule to fire.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::base::Times;
use crate::drive::Engine;
use crate::expect::FailedWait;
use crate::rule::RuleNo;
use crate::server::{RuleRemoved, Until, block_on, rule_fired, write_report};

/// Default duration of a wait.
const DEFAULT: Duration = Duration::from_secs(5);

type Check = Box<dyn FnMut(&Engine) -> Option<Result<(), RuleRemoved>> + Send>;

/// A wait for a rule to fire: await it, or [`block`](Self::block) on it. Made by
/// [`Mounted::wait`](super::Mounted::wait).
///
/// ```
/// # use std::time::Duration;
/// use mailjig::prelude::*;
/// use mailjig::rules::timer;
///
/// let server = MailServer::start();
/// let rings = server.mount(on(timer()).at(Duration::ZERO).note("it rang"));
/// rings.wait(1).within(Duration::from_secs(30)).block();
/// ```
#[must_use = "the wait begins only when it is awaited or blocked on"]
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

    /// Waits at most this long, in real time. Default: 5 seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::timer;
    ///
    /// let server = MailServer::start();
    /// let rings = server.mount(on(timer()).at(Duration::ZERO).note("it rang"));
    /// rings.wait(1).within(Duration::from_secs(30)).block();
    /// ```
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// Like the future: after the time limit, or when the rule was removed, with a report.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::timer;
    ///
    /// let server = MailServer::start();
    /// let rings = server.mount(on(timer()).at(Duration::ZERO).note("it rang"));
    /// rings.wait(1).block();
    /// assert_eq!(rings.hits(), 1);
    /// ```
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
        let found = ready!(Pin::new(until).poll(cx));
        let Self { engine, no, times, location, within, .. } = this;
        let report = match found {
            Some(Ok(())) => return Poll::Ready(()),
            Some(Err(RuleRemoved)) => None,
            None => engine.read(|world| world.rule_report(*no, Times::from(*times..))),
        };
        match report {
            Some(report) => {
                write_report(engine, &report);
                panic!("{location}: the rule did not fire that often within {within:?}\n{report}")
            }
            None => {
                let failed = FailedWait::new("the rule was removed before it fired that often").at(location);
                write_report(engine, &failed);
                panic!("{failed}")
            }
        }
    }
}
