//! Server time.

use std::fmt;

/// A moment of server time, to the microsecond; prints in the form of RFC 3339, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment so many microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The last moment that prints in the form of RFC 3339, at the end of the year 9999.
    pub(crate) const LAST: Self = Self(253_402_207_200_999_999);

    /// The moment so much later.
    pub(crate) fn plus(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How many microseconds lie between this moment and a later one; none if it is not later.
    pub(crate) fn until(self, later: Self) -> u64 {
        u64::try_from(later.0 - self.0).unwrap_or(0)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn as_micros(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{moment:.6}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_in_utc() {
        assert_eq!(Timestamp::from_micros(1_000_001).to_string(), "1970-01-01T00:00:01.000001Z");
    }
}
