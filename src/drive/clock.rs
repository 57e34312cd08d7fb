//! Server time: real, or paused and advanced.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::base::Timestamp;

/// The longest span that is added to a time: more could overflow.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Server time: the time of day at the start plus what a monotonic clock counts. While paused, it moves only when
/// advanced. Only a reset sets it back.
#[derive(Debug)]
pub(crate) struct Clock {
    start: i64,
    since: Instant,
    /// How far moments are ahead of real time.
    ahead: AtomicI64,
    is_paused: AtomicBool,
    /// The current moment while the clock is paused.
    paused_at: AtomicI64,
    /// How far server time is behind moments: the sum of the resets.
    behind: AtomicI64,
    /// How often it was paused, resumed, set or reset.
    settings: AtomicU64,
}

/// A point in time for deadlines. A reset sets server time back but not moments, so deadlines keep their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64);

impl Moment {
    pub(super) const NEVER: Self = Self(i64::MAX);

    pub(super) const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub(super) fn as_micros(self) -> i64 {
        self.0
    }

    /// The moment after this span.
    pub(super) fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Clock {
    pub(crate) fn new() -> Self {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_micros() as i64);
        Self {
            start,
            since: Instant::now(),
            ahead: AtomicI64::new(0),
            is_paused: AtomicBool::new(false),
            paused_at: AtomicI64::new(0),
            behind: AtomicI64::new(0),
            settings: AtomicU64::new(0),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.time_of(self.moment())
    }

    pub(super) fn moment(&self) -> Moment {
        Moment(match self.is_paused() {
            true => self.paused_at.load(Ordering::Acquire),
            false => self.real() + self.ahead.load(Ordering::Acquire),
        })
    }

    /// The server time at this moment, if there is no reset until then.
    pub(super) fn time_of(&self, moment: Moment) -> Timestamp {
        Timestamp::from_micros(moment.0.saturating_sub(self.behind.load(Ordering::Acquire)))
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Acquire)
    }

    /// The real time until then; `None` while the clock is paused.
    pub(super) fn until(&self, due: Timestamp) -> Option<Duration> {
        (!self.is_paused()).then(|| Duration::from_micros(self.now().until(due)))
    }

    /// The moment of this server time, if there is no reset until then.
    pub(super) fn moment_of(&self, time: Timestamp) -> Moment {
        Moment(time.as_micros().saturating_add(self.behind.load(Ordering::Acquire)))
    }

    /// The real time of this moment; `None` while the clock is paused. Does not read the time.
    pub(super) fn real_time_of(&self, due: Moment) -> Option<Instant> {
        let since_start = due.0.saturating_sub(self.start + self.ahead.load(Ordering::Acquire));
        let since_start = Duration::from_micros(u64::try_from(since_start).unwrap_or(0));
        (!self.is_paused()).then(|| self.since + since_start.min(CENTURY))
    }

    /// How often it was paused, resumed, set or reset.
    #[cfg(feature = "api")]
    pub(crate) fn settings(&self) -> u64 {
        self.settings.load(Ordering::Acquire)
    }

    pub(super) fn pause(&self) {
        self.settings.fetch_add(1, Ordering::AcqRel);
        if !self.is_paused() {
            self.paused_at.store(self.moment().0, Ordering::Release);
            self.is_paused.store(true, Ordering::Release);
        }
    }

    /// Returns to real time, paused or running.
    pub(super) fn reset(&self, is_paused: bool) {
        self.settings.fetch_add(1, Ordering::AcqRel);
        let (real, Moment(moment)) = (self.real(), self.moment());
        self.ahead.store(moment - real, Ordering::Release);
        self.behind.store(moment - real, Ordering::Release);
        self.paused_at.store(moment, Ordering::Release);
        self.is_paused.store(is_paused, Ordering::Release);
    }

    pub(super) fn resume(&self) {
        self.settings.fetch_add(1, Ordering::AcqRel);
        if self.is_paused() {
            self.ahead.store(self.paused_at.load(Ordering::Acquire) - self.real(), Ordering::Release);
            self.is_paused.store(false, Ordering::Release);
        }
    }

    /// Advances the clock to this time, unless it is already later.
    pub(super) fn set(&self, now: Timestamp) {
        self.settings.fetch_add(1, Ordering::AcqRel);
        let Moment(moment) = self.moment_of(now);
        match self.is_paused() {
            true => self.paused_at.fetch_max(moment, Ordering::AcqRel),
            false => self.ahead.fetch_max(moment - self.real(), Ordering::AcqRel),
        };
    }

    fn real(&self) -> i64 {
        self.start + self.since.elapsed().as_micros() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_clock_can_be_advanced() {
        let clock = Clock::new();
        let then = clock.now().plus(Duration::from_secs(3600));

        clock.set(then);
        clock.set(Timestamp::from_micros(0));

        assert!(clock.now() >= then);
        assert!(clock.now() < then.plus(Duration::from_secs(3600)));
    }

    #[test]
    fn a_reset_sets_back_the_time_but_not_moments() {
        let clock = Clock::new();
        clock.pause();
        let (time, moment) = (clock.now(), clock.moment());
        clock.set(time.plus(Duration::from_secs(3600)));

        clock.reset(true);

        assert_eq!(clock.moment(), moment.plus(Duration::from_secs(3600)));
        assert!(clock.now() < time.plus(Duration::from_secs(600)), "it is real again");
        assert_eq!(clock.time_of(clock.moment()), clock.now());
        let real = clock.now();
        clock.set(real.plus(Duration::from_secs(1)));
        assert_eq!(clock.moment(), moment.plus(Duration::from_secs(3601)));
        assert_eq!(clock.now(), real.plus(Duration::from_secs(1)));
    }

    #[test]
    fn a_paused_clock_stops_advances_and_resumes() {
        let clock = Clock::new();
        clock.pause();
        let before = clock.now();
        assert_eq!(clock.now(), before);

        clock.set(before.plus(Duration::from_secs(3600)));
        clock.set(before);
        assert_eq!(clock.now(), before.plus(Duration::from_secs(3600)));
        assert_eq!(clock.until(clock.now()), None);

        // It resumes from where it was paused, so it is no further than another clock that started meanwhile. Each of
        // the two spans is the difference of two times truncated to microseconds.
        let other = Clock::new();
        let began = other.now();
        clock.resume();
        let runs_for = before.plus(Duration::from_secs(3600)).until(clock.now());
        assert!(runs_for <= began.until(other.now()) + 2);
        assert!(clock.now() >= before.plus(Duration::from_secs(3600)));
    }
}
