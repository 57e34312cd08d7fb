//! Dates of IMAP (RFC 3501 §9, `date` and `date-time`).

use jiff::civil::Date;
use jiff::tz::Offset;

use super::parser::{Parsed, Parser};
use crate::base::Timestamp;
use crate::mail::InternalDate;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Parser<'_> {
    /// `date = date-text / DQUOTE date-text DQUOTE`, as `1-Feb-1994`.
    pub(super) fn date(&mut self) -> Parsed<Date> {
        let is_quoted = self.eat(b'"');
        let date = self.date_text(false)?;
        if is_quoted {
            self.need(b'"')?;
        }
        Ok(date)
    }

    /// `date-time`, as `"17-Jul-1996 02:44:25 -0700"`. A day of one digit may have a blank or nothing before it.
    pub(super) fn date_time(&mut self) -> Parsed<InternalDate> {
        let start = self.at();
        self.need(b'"')?;
        let date = self.date_text(true)?;
        self.space()?;
        let hour = self.two_digits("the hour", 23)?;
        self.need(b':')?;
        let minute = self.two_digits("the minute", 59)?;
        self.need(b':')?;
        let second = self.two_digits("the second", 60)?.min(59);
        self.space()?;
        let sign = match (self.eat(b'-'), self.eat(b'+')) {
            (true, _) => -1,
            (_, true) => 1,
            _ => return self.wrong("expected the zone, as +0000"),
        };
        let zone_hours = self.two_digits("the zone's hours", 23)?;
        let zone = sign * (60 * zone_hours + self.two_digits("the zone's minutes", 59)?);
        self.need(b'"')?;
        let moment = Offset::from_seconds(i32::from(zone) * 60)
            .and_then(|zone| zone.to_timestamp(date.at(hour as i8, minute as i8, second as i8, 0)));
        match moment {
            Ok(moment) => Ok(InternalDate { at: Timestamp::from_micros(moment.as_microsecond()), zone }),
            Err(_) => Err(super::parser::Wrong { at: start, what: "there is no such moment".to_owned() }),
        }
    }

    fn date_text(&mut self, is_fixed: bool) -> Parsed<Date> {
        if is_fixed {
            self.eat(b' ');
        }
        let start = self.at();
        let day = self.number("the day")?;
        self.need(b'-')?;
        let Some(month) = MONTHS.iter().position(|month| self.eat_word(month)) else {
            return self.wrong("expected a month, as Jan");
        };
        self.need(b'-')?;
        let Some(year) = self.digits(4) else { return self.wrong("expected a year of four digits") };
        let date = i8::try_from(day).ok().and_then(|day| Date::new(year as i16, month as i8 + 1, day).ok());
        date.ok_or(super::parser::Wrong { at: start, what: format!("{} {year} has no day {day}", MONTHS[month]) })
    }

    fn two_digits(&mut self, what: &str, most: i16) -> Parsed<i16> {
        match self.digits(2).filter(|number| *number <= most as u32) {
            Some(number) => Ok(number as i16),
            None => self.wrong(format!("expected {what} in two digits, {most} at most")),
        }
    }
}

/// As `"17-Jul-1996 02:44:25 -0700"` without the quotes; a day of one digit has a blank before it.
pub(super) fn date_time(date: InternalDate) -> String {
    let moment = local(date);
    let month = MONTHS[moment.month() as usize - 1];
    let (sign, zone) = (if date.zone < 0 { '-' } else { '+' }, date.zone.unsigned_abs());
    format!(
        "{:2}-{month}-{:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        moment.day(),
        moment.year(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        zone / 60,
        zone % 60
    )
}

/// The day of an internal date, time and zone disregarded (RFC 3501 §6.4.4).
pub(super) fn day(date: InternalDate) -> Date {
    local(date).date()
}

/// The day that a message's own Date field names, time and zone disregarded.
pub(super) fn sent_day(field: &str) -> Option<Date> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_zoned(field.trim());
    zoned.ok().map(|zoned| zoned.date())
}

fn local(date: InternalDate) -> jiff::civil::DateTime {
    let moment = jiff::Timestamp::from_microsecond(date.at.as_micros()).unwrap_or_default();
    let zone = Offset::from_seconds(i32::from(date.zone) * 60).unwrap_or(Offset::UTC);
    zone.to_datetime(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed<InternalDate> {
        let mut parser = Parser::new(text.as_bytes(), &[]);
        let date = parser.date_time()?;
        parser.end()?;
        Ok(date)
    }

    #[test]
    fn a_date_and_time_keeps_its_zone() {
        for (text, printed) in [
            ("\"17-Jul-1996 02:44:25 -0700\"", "17-Jul-1996 02:44:25 -0700"),
            ("\" 1-Jan-2020 00:30:00 +0530\"", " 1-Jan-2020 00:30:00 +0530"),
            ("\"1-jan-2020 00:30:00 +0000\"", " 1-Jan-2020 00:30:00 +0000"),
            ("\"01-Jan-2020 00:30:60 +0000\"", " 1-Jan-2020 00:30:59 +0000"),
        ] {
            assert_eq!(read(text).map(date_time).as_deref(), Ok(printed));
        }
        assert_eq!(read("\"01-Jan-1970 02:00:00 +0200\"").map(|date| date.at), Ok(Timestamp::from_micros(0)));
    }

    #[test]
    fn what_is_no_date_says_where() {
        for (text, at) in [
            ("\"31-Feb-2020 00:00:00 +0000\"", 1),
            ("\"01-Foo-2020 00:00:00 +0000\"", 4),
            ("\"01-Jan-20 00:00:00 +0000\"", 8),
            ("\"01-Jan-2020 24:00:00 +0000\"", 15),
            ("\"01-Jan-2020 00:00:00\"", 21),
            ("01-Jan-2020", 0),
        ] {
            assert_eq!(read(text).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn the_day_a_message_was_sent_is_that_of_its_own_zone() {
        let day = sent_day("Wed, 01 Jan 2020 00:30:00 +0530");
        assert_eq!(day, Some(jiff::civil::date(2020, 1, 1)));
        assert_eq!(sent_day("Tue, 5 Mar 2024 23:59:59 -0800 (PST)"), Some(jiff::civil::date(2024, 3, 5)));
        assert_eq!(sent_day("nonsense"), None);
    }
}
