//! Points of server time.

use std::fmt;

use time::OffsetDateTime;

/// A point of server time, to the microsecond. It prints in the form of RFC 3339, in UTC.
///
/// ```
/// use mailjig::Timestamp;
///
/// assert_eq!(Timestamp::from_micros(1_000_001).to_string(), "1970-01-01T00:00:01.000001Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time this many microseconds after 1970-01-01T00:00:00Z.
    ///
    /// ```
    /// use mailjig::Timestamp;
    ///
    /// assert!(Timestamp::from_micros(1) > Timestamp::from_micros(0));
    /// ```
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The last time that RFC 3339 can express, at the end of the year 9999.
    pub(crate) const LAST: Self = Self(253_402_207_200_999_999);

    /// This time plus a duration.
    pub(crate) fn plus(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Reads the form of RFC 3339 (§5.6), as `2026-01-01T12:00:00Z` or `2026-01-01T12:00:00.5+01:00`.
    #[cfg(feature = "serde")]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos() / 1000).ok().map(Self)
    }

    /// Microseconds from this time to a later one; 0 if it is not later.
    pub(crate) fn until(self, later: Self) -> u64 {
        u64::try_from(later.0 - self.0).unwrap_or(0)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    ///
    /// ```
    /// use mailjig::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_micros(250).as_micros(), 250);
    /// ```
    pub fn as_micros(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000) {
            Ok(moment) => {
                let (year, month, day) = moment.to_calendar_date();
                let (hour, minute, second, micros) = moment.to_hms_micro();
                let month = u8::from(month);
                write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
            }
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::base::parsed(deserializer, "a moment in the form of RFC 3339", Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_in_utc() {
        assert_eq!(Timestamp::from_micros(1_000_001).to_string(), "1970-01-01T00:00:01.000001Z");
        assert_eq!(Timestamp::LAST.to_string(), "9999-12-30T22:00:00.999999Z");
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), "9223372036854775807 µs");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_timestamp_is_read_in_any_zone() {
        for (text, printed) in [
            ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00.000000Z"),
            ("2026-01-01T12:00:00.5+01:00", "2026-01-01T11:00:00.500000Z"),
            ("2024-02-29t23:59:59.1234567z", "2024-02-29T23:59:59.123456Z"),
            ("1969-12-31T23:59:59.25-00:30", "1970-01-01T00:29:59.250000Z"),
            ("1960-01-01T00:00:00.75Z", "1960-01-01T00:00:00.750000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|moment| moment.to_string()).as_deref(), Some(printed), "{text}");
        }
        for wrong in [
            "",
            "yesterday",
            "2026-01-01",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T12:00:00",
            "2026-01-01T12:00:00Zx",
            "2026-01-01T12:00:00.Z",
            "2026-01-01T12:00:00+0100",
            "2026-01-01T12:00:00+01:75",
            "2026-1-1T12:00:00Z",
            "２026-01-01T12:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
        }
    }
}
