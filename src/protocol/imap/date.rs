//! Dates of IMAP (RFC 3501 §9, `date` and `date-time`).

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

use super::parser::{Parsed, Parser, SyntaxError};
use crate::base::{MONTHS, Timestamp};
use crate::mail::InternalDate;

impl Parser<'_> {
    /// `date = date-text / DQUOTE date-text DQUOTE`, such as `1-Feb-1994`.
    pub(super) fn date(&mut self) -> Parsed<Date> {
        let is_quoted = self.eat(b'"');
        let date = self.date_text(false)?;
        if is_quoted {
            self.need(b'"')?;
        }
        Ok(date)
    }

    /// `date-time`, such as `"17-Jul-1996 02:44:25 -0700"`. A day of one digit may have a blank before it.
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
            _ => return self.wrong("expected a zone such as +0000"),
        };
        let zone_hours = self.two_digits("the zone's hours", 23)?;
        let zone = sign * (60 * zone_hours + self.two_digits("the zone's minutes", 59)?);
        self.need(b'"')?;
        let clock = Time::from_hms(hour as u8, minute as u8, second as u8);
        match (clock, UtcOffset::from_whole_seconds(i32::from(zone) * 60)) {
            (Ok(clock), Ok(offset)) => {
                let seconds = date.with_time(clock).assume_offset(offset).unix_timestamp();
                Ok(InternalDate { at: Timestamp::from_micros(seconds * 1_000_000), zone })
            }
            _ => Err(SyntaxError { at: start, what: "the date and time do not exist".to_owned() }),
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
            return self.wrong("expected a month such as Jan");
        };
        self.need(b'-')?;
        let Some(year) = self.digits(4) else { return self.wrong("expected a year of four digits") };
        date_of(year, month, day)
            .ok_or(SyntaxError { at: start, what: format!("{} {year} has no day {day}", MONTHS[month]) })
    }

    fn two_digits(&mut self, what: &str, most: i16) -> Parsed<i16> {
        match self.digits(2).filter(|number| *number <= most as u32) {
            Some(number) => Ok(number as i16),
            None => self.wrong(format!("expected {what} in two digits, {most} at most")),
        }
    }
}

/// A date such as `17-Jul-1996 02:44:25 -0700`. A day of one digit has a blank before it.
pub(super) fn date_time(date: InternalDate) -> String {
    let moment = local(date);
    let month = MONTHS[usize::from(u8::from(moment.month())) - 1];
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

/// The day of an internal date. Time and zone are ignored (RFC 3501 §6.4.4).
pub(super) fn day(date: InternalDate) -> Date {
    local(date).date()
}

/// The day in a Date field. Time and zone are ignored (RFC 3501 §6.4.4). The field may deviate from the standard: the weekday
/// may be wrong or missing, the zone may be missing, there may be dashes, comments and years of two digits (RFC 5322 §4.3),
/// and the order may be that of `ctime` or ISO 8601.
pub(super) fn sent_day(field: &str) -> Option<Date> {
    let field = without_comments(field);
    let dashed = |at: usize| field[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let words = field.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    let words: Vec<&str> = match field.match_indices('-').any(|(at, _)| dashed(at)) {
        true => words.flat_map(|word| word.split('-')).collect(),
        false => words.collect(),
    };
    let month_of = |word: &&str| {
        let start = word.get(..3).filter(|_| word.bytes().all(|byte| byte.is_ascii_alphabetic()))?;
        MONTHS.iter().position(|month| month.eq_ignore_ascii_case(start))
    };
    let Some((at, month)) = words.iter().enumerate().find_map(|(at, word)| Some((at, month_of(word)?))) else {
        return iso_day(field.trim());
    };
    let (before, behind) = (&words[..at], &words[at + 1..]);
    let (day, year) = match before.last().and_then(|word| number(word)) {
        Some(day) => (day, behind.first()?),
        None => {
            (behind.first().and_then(|word| number(word))?, behind[1..].iter().find(|word| number(word).is_some())?)
        }
    };
    let year = match (year.len(), number(year)?) {
        (2, year @ 0..50) => 2000 + year,
        (2 | 3, year) => 1900 + year,
        (_, year) => year,
    };
    date_of(year.into(), month, day.into())
}

/// A date such as `2024-03-05T10:00:00Z`.
fn iso_day(field: &str) -> Option<Date> {
    let (year, rest) = field.get(..10)?.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    date_of(number(year)?.into(), usize::from(number(month)?).checked_sub(1)?, number(day)?.into())
}

/// A number of digits only, because `+0100` is a zone.
fn number(word: &str) -> Option<u16> {
    word.parse().ok().filter(|_| word.bytes().all(|byte| byte.is_ascii_digit()))
}

fn without_comments(field: &str) -> String {
    let (mut out, mut depth) = (String::with_capacity(field.len()), 0);
    let mut letters = field.chars();
    while let Some(c) = letters.next() {
        match c {
            '(' => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                out.push(' ');
            }
            '\\' if depth > 0 => drop(letters.next()),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

/// A day; months count from 0.
fn date_of(year: u32, month: usize, day: u32) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
}

fn local(date: InternalDate) -> OffsetDateTime {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(date.at.as_micros()) * 1000);
    let zone = UtcOffset::from_whole_seconds(i32::from(date.zone) * 60).unwrap_or(UtcOffset::UTC);
    moment.unwrap_or(OffsetDateTime::UNIX_EPOCH).checked_to_offset(zone).unwrap_or(OffsetDateTime::UNIX_EPOCH)
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
    fn an_invalid_date_is_refused_with_the_position_of_the_error() {
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
    fn the_day_of_a_date_field_is_in_the_zone_of_the_field() {
        let day = sent_day("Wed, 01 Jan 2020 00:30:00 +0530");
        assert_eq!(day, date_of(2020, 0, 1));
        assert_eq!(sent_day("Tue, 5 Mar 2024 23:59:59 -0800 (PST)"), date_of(2024, 2, 5));
        for field in [
            "Mon, 05 Mar 2024 10:00:00 +0000",
            "5 Mar 2024 10:00",
            "Tue, 05-Mar-2024 10:00:00 GMT",
            "Tue, 5 Mar 24 10:00:00 -0800",
            "(sent) Tue (is it?), 5 (fifth) Mar (not \\( May) 2024 10:00:00",
            "Tue Mar  5 10:00:00 2024",
            "Tue Mar  5 10:00:00 -0800 2024",
            "Tue Mar  5 10:00:00 +0100 2024",
            "Tuesday, 5 March 2024",
            "2024-03-05T10:00:00Z",
        ] {
            assert_eq!(sent_day(field), date_of(2024, 2, 5), "{field}");
        }
        assert_eq!(sent_day("1 Jan 70 00:00:00 +0000"), date_of(1970, 0, 1));
        for field in
            ["nonsense", "", "31 Feb 2024", "5 Mar", "Mar", "5 2024", "-", "12-13-14", "Mär 5 2024", "+024-03-05"]
        {
            assert_eq!(sent_day(field), None, "{field}");
        }
    }
}
