//! Date (RFC 5322 §3.3, §4.3).

use time::{Date, Month};

use super::{LintCode, Linter, shown};
use crate::base::{DAYS, MONTHS};
use crate::mail::lint::address::without_comments;

const RIGHT: &str = "write it as in `Thu, 1 Jan 2026 12:00:00 +0100`";

/// A date, as far as it was written.
struct WrittenDate<'t> {
    weekday: Option<&'t str>,
    date: Date,
    month: &'t str,
    year: &'t str,
    zone: &'t str,
}

impl Linter<'_> {
    pub(super) fn date(&mut self, value: &[u8], at: usize) {
        let at = at + value.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
        let text = String::from_utf8_lossy(&without_comments(value)).into_owned();
        let Some(written) = parse(&text) else {
            let text = format!("`{}` is not a date, or one that does not exist: {RIGHT}", shown(value.trim_ascii()));
            return self.add(LintCode::InvalidDate, at, text);
        };
        let WrittenDate { weekday, date, month, year, zone } = written;
        let right = DAYS[usize::from(date.weekday().number_days_from_monday())];
        if let Some(wrong) = weekday.filter(|weekday| *weekday != right) {
            let (day, full) = (date.day(), date.weekday());
            let text = match DAYS.iter().any(|name| name.eq_ignore_ascii_case(wrong)) {
                true => format!("{day} {month} {year} is a {full}: write `{right}`"),
                false => format!("`{}` is not a day of the week: write `{right}`", shown(wrong.as_bytes())),
            };
            self.add(LintCode::WrongWeekday, at, text);
        }
        if year.len() < 4 {
            self.add(LintCode::ObsoleteDate, at, format!("the year `{year}`: write all four digits"));
        }
        if !zone.starts_with(['+', '-']) {
            let text = format!("the zone `{}`: write it as in `+0000`", shown(zone.as_bytes()));
            self.add(LintCode::ObsoleteDate, at, text);
        }
    }
}

fn parse(text: &str) -> Option<WrittenDate<'_>> {
    let (weekday, rest) = match text.split_once(',') {
        Some((weekday, rest)) => (Some(weekday.trim()), rest),
        None => (None, text),
    };
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let [day, month, year, clock, zone] = words[..] else { return None };
    let is_number =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    if !is_number(day, 2) || !is_number(year, 4) || !is_clock(clock) || !is_zone(zone) {
        return None;
    }
    let number = MONTHS.iter().position(|name| *name == month)?;
    let month_of_year = Month::try_from(u8::try_from(number + 1).ok()?).ok()?;
    let full = match (year.len(), year.parse::<i32>().ok()?) {
        (2, year @ 0..=49) => 2000 + year,
        (2 | 3, year) => 1900 + year,
        (_, year) => year,
    };
    let date = Date::from_calendar_date(full, month_of_year, day.parse().ok()?).ok()?;
    Some(WrittenDate { weekday, date, month, year, zone })
}

fn is_clock(text: &str) -> bool {
    let fields: Vec<&str> = text.split(':').collect();
    let below = |text: &str, limit: u8| text.len() == 2 && text.parse::<u8>().is_ok_and(|number| number < limit);
    match fields[..] {
        [hour, minute] => below(hour, 24) && below(minute, 60),
        // A leap second is possible.
        [hour, minute, second] => below(hour, 24) && below(minute, 60) && below(second, 61),
        _ => false,
    }
}

fn is_zone(text: &str) -> bool {
    match text.strip_prefix(['+', '-']) {
        Some(digits) => {
            digits.len() == 4
                && digits.bytes().all(|octet| octet.is_ascii_digit())
                && digits[2..].parse::<u8>().is_ok_and(|minutes| minutes < 60)
        }
        None => text.len() <= 4 && text.bytes().all(|octet| octet.is_ascii_alphabetic()),
    }
}
