//! Counts: a number or a range.

use std::fmt;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

/// How often something must happen: `2`, `1..`, `..=3`, `1..=3` in Rust; `=2`, `>=1`, `<=3`, `1-3` in files and queries.
///
/// ```
/// use mailjig::Times;
///
/// assert!(Times::from(1..).contains(7));
/// assert_eq!(Times::parse("1-3").unwrap(), Times::from(1..=3));
/// assert_eq!(Times::from(2).to_string(), "exactly 2");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    least: u64,
    most: u64,
}

/// The error for a text that is not a count.
///
/// ```
/// let error = mailjig::Times::parse("often").unwrap_err();
/// assert!(error.to_string().starts_with("`often` is not a count"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimesError(Box<str>);

impl Times {
    /// Reads `2`, `=2`, `>=1`, `<=3` or `1-3`, and Rust's `1..`, `..=3`, `1..=3` and `1..4`.
    ///
    /// # Errors
    /// [`TimesError`], if the text has none of these forms, or the range is empty.
    ///
    /// ```
    /// use mailjig::Times;
    ///
    /// assert_eq!(Times::parse(">=1"), Ok(Times::from(1..)));
    /// assert_eq!(Times::parse("2..=3"), Ok(Times::from(2..=3)));
    /// assert!(Times::parse("3-1").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, TimesError> {
        let number = |digits: &str| match digits.as_bytes() {
            [b'0'..=b'9', ..] => digits.parse::<u64>().map_err(|_| TimesError(text.into())),
            _ => Err(TimesError(text.into())),
        };
        let times = if let Some((least, most)) = text.split_once("..") {
            let least = if least.is_empty() { 0 } else { number(least)? };
            let most = match most.strip_prefix('=') {
                Some(most) => number(most)?,
                None if most.is_empty() => u64::MAX,
                None => number(most)?.checked_sub(1).ok_or_else(|| TimesError(text.into()))?,
            };
            Self { least, most }
        } else if let Some(rest) = text.strip_prefix(">=") {
            Self { least: number(rest)?, most: u64::MAX }
        } else if let Some(rest) = text.strip_prefix("<=") {
            Self { least: 0, most: number(rest)? }
        } else if let Some((least, most)) = text.split_once('-') {
            Self { least: number(least)?, most: number(most)? }
        } else {
            let exactly = number(text.strip_prefix('=').unwrap_or(text))?;
            Self { least: exactly, most: exactly }
        };
        if times.least > times.most { Err(TimesError(text.into())) } else { Ok(times) }
    }

    /// The count as scenario files write it.
    pub(crate) fn written(self) -> String {
        match (self.least, self.most) {
            (least, most) if least == most => format!("={least}"),
            (least, u64::MAX) => format!(">={least}"),
            (0, most) => format!("<={most}"),
            (least, most) => format!("{least}-{most}"),
        }
    }

    /// Whether this count is allowed.
    ///
    /// ```
    /// use mailjig::Times;
    ///
    /// assert!(Times::from(1..=3).contains(2));
    /// assert!(!Times::from(0).contains(1));
    /// ```
    pub fn contains(self, count: u64) -> bool {
        (self.least..=self.most).contains(&count)
    }

    /// Whether this count is too high.
    pub(crate) fn is_exceeded_by(self, count: u64) -> bool {
        count > self.most
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (0, 0) => f.write_str("none"),
            (least, most) if least == most => write!(f, "exactly {least}"),
            (0, u64::MAX) => f.write_str("any number"),
            (least, u64::MAX) => write!(f, "at least {least}"),
            (0, most) => write!(f, "at most {most}"),
            (least, most) => write!(f, "{least} to {most}"),
        }
    }
}

impl fmt::Display for TimesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a count; write `2`, `=2`, `>=1`, `<=3` or `1-3`", self.0)
    }
}

impl std::error::Error for TimesError {}

impl From<u64> for Times {
    fn from(exactly: u64) -> Self {
        Self { least: exactly, most: exactly }
    }
}

impl From<RangeFull> for Times {
    fn from(_: RangeFull) -> Self {
        Self { least: 0, most: u64::MAX }
    }
}

impl From<RangeFrom<u64>> for Times {
    fn from(range: RangeFrom<u64>) -> Self {
        Self { least: range.start, most: u64::MAX }
    }
}

impl From<RangeInclusive<u64>> for Times {
    /// # Panics
    /// If the range is empty: no count could ever satisfy it.
    #[track_caller]
    fn from(range: RangeInclusive<u64>) -> Self {
        assert!(range.start() <= range.end(), "the range {}..={} contains no count", range.start(), range.end());
        Self { least: *range.start(), most: *range.end() }
    }
}

impl From<RangeToInclusive<u64>> for Times {
    fn from(range: RangeToInclusive<u64>) -> Self {
        Self { least: 0, most: range.end }
    }
}

impl From<Range<u64>> for Times {
    /// # Panics
    /// If the range is empty: no count could ever satisfy it.
    #[track_caller]
    fn from(range: Range<u64>) -> Self {
        assert!(range.start < range.end, "the range {}..{} contains no count", range.start, range.end);
        Self { least: range.start, most: range.end - 1 }
    }
}

impl From<RangeTo<u64>> for Times {
    #[track_caller]
    fn from(range: RangeTo<u64>) -> Self {
        Self::from(0..range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_as_they_are_written_in_rust() {
        for (text, times) in [
            ("2", Times::from(2)),
            ("=0", Times::from(0)),
            (">=1", Times::from(1..)),
            ("<=3", Times::from(..=3)),
            ("1-3", Times::from(1..=3)),
        ] {
            assert_eq!(Times::parse(text), Ok(times), "{text}");
        }
        for wrong in ["", "=", "x", "-1", "3-1", "+2", ">= 1"] {
            assert!(Times::parse(wrong).is_err(), "{wrong}");
        }
    }
}
