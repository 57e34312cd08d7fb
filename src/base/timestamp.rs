//! Server time.

use std::fmt;

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

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

    /// Reads the form of RFC 3339 (§5.6), as `2026-01-01T12:00:00Z` or `2026-01-01 12:00:00.5+01:00`.
    #[cfg_attr(not(feature = "api"), allow(dead_code))]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = (text.get(..10)?, text.get(10..)?);
        let (clock, rest) = (rest.strip_prefix(['T', 't', ' '])?.get(..8)?, rest.get(9..)?);
        let after = rest.find(['Z', 'z', '+', '-'])?;
        let (fraction, zone) = rest.split_at(after);
        let date = match *numbers(date, '-', &[4, 2, 2])? {
            [year, month, day] => Date::from_calendar_date(
                year,
                Month::try_from(u8::try_from(month).ok()?).ok()?,
                u8::try_from(day).ok()?,
            ),
            _ => return None,
        };
        let clock = match *numbers(clock, ':', &[2, 2, 2])? {
            // A leap second is the last that the day has.
            [hour, minute, second] => Time::from_hms(hour as u8, minute as u8, second.min(59) as u8).ok()?,
            _ => return None,
        };
        let micros = match fraction.strip_prefix('.') {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                format!("{digits:0<6}")[..6].parse().ok()?
            }
            None if fraction.is_empty() => 0,
            _ => return None,
        };
        let zone = match zone.strip_prefix(['+', '-']) {
            Some(size) => match *numbers(size, ':', &[2, 2])? {
                [hours, minutes] if minutes < 60 => {
                    let seconds = 60 * (60 * hours + minutes);
                    UtcOffset::from_whole_seconds(if zone.starts_with('-') { -seconds } else { seconds }).ok()?
                }
                _ => return None,
            },
            None if zone.len() == 1 => UtcOffset::UTC,
            None => return None,
        };
        let moment = PrimitiveDateTime::new(date.ok()?, clock).assume_offset(zone);
        Some(Self(moment.unix_timestamp() * 1_000_000 + micros))
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

/// Numbers of so many digits each, with a separator in between.
fn numbers(text: &str, separator: char, digits: &[usize]) -> Option<Vec<i32>> {
    let parts = text.split(separator);
    let numbers: Option<Vec<i32>> = parts
        .zip(digits)
        .map(|(part, digits)| {
            let is_number = part.len() == *digits && part.bytes().all(|digit| digit.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        })
        .collect();
    numbers.filter(|numbers| numbers.len() == digits.len() && text.split(separator).count() == digits.len())
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
            ("2026-01-01 12:00:00.5+01:00", "2026-01-01T11:00:00.500000Z"),
            ("2024-02-29t23:59:60.1234567z", "2024-02-29T23:59:59.123456Z"),
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
