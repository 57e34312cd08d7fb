//! Server time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::base::Timestamp;

/// Real time that never goes backwards: the time of day at the start, and what a monotonic clock counts from there.
#[derive(Debug)]
pub(crate) struct Clock {
    start: i64,
    since: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_micros() as i64);
        Self { start, since: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.start + self.since.elapsed().as_micros() as i64)
    }
}
