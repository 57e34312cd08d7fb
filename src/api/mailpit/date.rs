//! Dates in searches and in header fields.

use jiff::Timestamp as Moment;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

use super::Refusal;
use crate::base::Timestamp;

/// The time zone of this name; UTC without one.
pub(super) fn zone(name: Option<&str>) -> Result<TimeZone, Refusal> {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(TimeZone::UTC) };
    let unknown = || format!("{name:?} is not a time zone; write a name such as Europe/Berlin");
    TimeZone::get(name).map_err(|_| Refusal::wrong(unknown()))
}

/// A date, a date and a time, or seconds or milliseconds since 1970. Without an offset, it is in this time zone.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Result<Timestamp, Refusal> {
    let wrong = || Refusal::wrong(format!("{text:?} is not a date; write 2026-01-31 or 2026-01-31T12:00:00Z"));
    if let Ok(number) = text.parse::<i64>() {
        // Milliseconds of before 1973 would be seconds of after the year 5138.
        let unit = if text.len() > 11 { 1_000 } else { 1_000_000 };
        return number.checked_mul(unit).map(Timestamp::from_micros).ok_or_else(wrong);
    }
    let text = text.replace('/', "-");
    if let Ok(moment) = text.parse::<Moment>() {
        return Ok(Timestamp::from_micros(moment.as_microsecond()));
    }
    let civil = text.parse::<DateTime>().ok();
    let moment = civil.and_then(|civil| zone.to_timestamp(civil).ok()).ok_or_else(wrong)?;
    Ok(Timestamp::from_micros(moment.as_microsecond()))
}

/// The date of a header field (RFC 5322 §3.3) in the form of RFC 3339, with its offset.
pub(super) fn of_header(value: &str) -> Option<String> {
    let zoned = DateTimeParser::new().relaxed_weekday(true).parse_zoned_datetime(value.trim()).ok()?;
    let date = zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    Some(date.strip_suffix("+00:00").map(|utc| format!("{utc}Z")).unwrap_or(date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_several_forms() {
        let berlin = zone(Some("Europe/Berlin")).unwrap();
        for (text, zone, expected) in [
            ("2026-01-31", &TimeZone::UTC, "2026-01-31T00:00:00.000000Z"),
            ("2026/01/31", &TimeZone::UTC, "2026-01-31T00:00:00.000000Z"),
            ("2026-01-31 12:30", &TimeZone::UTC, "2026-01-31T12:30:00.000000Z"),
            ("2026-01-31T12:30:00+02:00", &TimeZone::UTC, "2026-01-31T10:30:00.000000Z"),
            ("2026-07-31", &berlin, "2026-07-30T22:00:00.000000Z"),
            ("1769817600", &berlin, "2026-01-31T00:00:00.000000Z"),
            ("1769817600500", &berlin, "2026-01-31T00:00:00.500000Z"),
        ] {
            assert_eq!(parse(text, zone).unwrap().to_string(), expected, "{text}");
        }
        for wrong in ["yesterday", "2026-13-01", "", "9223372036854775807", "-9223372036854775808"] {
            assert!(parse(wrong, &TimeZone::UTC).is_err(), "{wrong}");
        }
        assert!(zone(Some("Europe/Atlantis")).is_err());
    }

    #[test]
    fn the_date_of_a_header_field_keeps_its_offset() {
        for (value, expected) in [
            (" Thu, 1 Jan 2026 00:00:00 +0000", Some("2026-01-01T00:00:00Z")),
            ("1 Jan 2026 12:00:00 +0130 (comment)", Some("2026-01-01T12:00:00+01:30")),
            ("Mon, 1 Jan 2026 12:00:00 GMT", Some("2026-01-01T12:00:00Z")),
            ("today", None),
        ] {
            assert_eq!(of_header(value).as_deref(), expected, "{value}");
        }
    }
}
