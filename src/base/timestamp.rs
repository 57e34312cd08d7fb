//! Points of server time.

use std::{fmt, iter};

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

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
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (year, rest) = digits(text, 4)?;
        let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
        let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
        let (hour, rest) = digits(rest.strip_prefix(['T', 't'])?, 2)?;
        let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
        let (second, rest) = digits(rest.strip_prefix(':')?, 2)?;
        let (fraction, zone) = match rest.strip_prefix('.') {
            Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?),
            None => ("", rest),
        };
        let octet = |number: u32| u8::try_from(number).ok();
        let month = Month::try_from(octet(month)?).ok()?;
        let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, octet(day)?).ok()?;
        // A leap second is possible (§5.7). It is the second after it.
        let time = Time::from_hms(octet(hour)?, octet(minute)?, octet(second.min(59))?).ok()?;
        let leap = i64::from(second.checked_sub(59).filter(|leap| *leap <= 1).unwrap_or_default());
        let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp() + leap - offset(zone)?;
        let micros = fraction.bytes().chain(iter::repeat(b'0')).take(6);
        let micros = micros.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
        (second <= 60).then_some(Self(seconds * 1_000_000 + micros))
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

/// The number with which a text begins, of exactly this many digits, and what follows.
fn digits(text: &str, count: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| is_number).zip(Some(rest))
}

/// How many seconds a time zone is ahead of UTC (RFC 3339 §5.6, time-offset).
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (hours, rest) = digits(zone.strip_prefix(['+', '-'])?, 2)?;
    let (minutes, end) = digits(rest.strip_prefix(':')?, 2)?;
    let seconds = i64::from(hours * 3600 + minutes * 60);
    let is_valid = hours < 24 && minutes < 60 && end.is_empty();
    is_valid.then_some(if zone.starts_with('-') { -seconds } else { seconds })
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

    #[test]
    fn a_timestamp_is_read_in_any_zone() {
        for (text, printed) in [
            ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00.000000Z"),
            ("2026-01-01T12:00:00.5+01:00", "2026-01-01T11:00:00.500000Z"),
            ("2024-02-29t23:59:59.1234567z", "2024-02-29T23:59:59.123456Z"),
            ("1969-12-31T23:59:59.25-00:30", "1970-01-01T00:29:59.250000Z"),
            ("1960-01-01T00:00:00.75Z", "1960-01-01T00:00:00.750000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|moment| moment.to_string()).as_deref(), Some(printed), "{text}");
        }
        for wrong in [
            "",
            "yesterday",
            "2026-01-01",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T12:00:61Z",
            "2026-13-01T12:00:00Z",
            "+026-01-01T12:00:00Z",
            "2026-01-01T12:00:00.5",
            "2026-01-01T12:00:00+24:00",
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
