//! Durations and sizes as people write them: `5s`, `10MB`.

use std::time::Duration;

/// Microseconds of `200ms`, `2s`, `5m`, `1h`, `1d`; parts may follow each other, as in `1m 30s`.
pub(crate) fn span(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        let units = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |at| digits + at);
        let unit = match &rest[digits..units] {
            "us" => 1.0,
            "ms" => 1e3,
            "s" => 1e6,
            "m" | "min" => 60e6,
            "h" => 3600e6,
            "d" => 86_400e6,
            _ => return None,
        };
        total = total.checked_add((number * unit).round() as u64)?;
        rest = rest[units..].trim_start();
    }
    Some(total)
}

/// `10`, `10kB`, `10MB`, `10GB` (powers of ten), `10KiB`, `10MiB` (powers of two).
pub(crate) fn count(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "kB" | "KB" | "k" => 1000,
        "MB" | "M" => 1_000_000,
        "GB" | "G" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// A length of time as a file writes it.
pub(crate) fn short(span: Duration) -> String {
    match span.as_micros() {
        micros if micros.is_multiple_of(60_000_000) && micros > 0 => format!("{}m", micros / 60_000_000),
        micros if micros.is_multiple_of(1_000_000) => format!("{}s", micros / 1_000_000),
        micros if micros.is_multiple_of(1_000) => format!("{}ms", micros / 1_000),
        micros => format!("{micros}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_and_sizes_are_read() {
        for (written, microseconds) in [
            ("1us", 1),
            ("2ms", 2000),
            ("3s", 3_000_000),
            ("4m", 240_000_000),
            ("1h", 3_600_000_000),
            ("2d", 172_800_000_000),
        ] {
            assert_eq!(span(written), Some(microseconds), "{written}");
        }
        for (written, octets) in [
            ("7", 7),
            ("7B", 7),
            ("7kB", 7000),
            ("7MB", 7_000_000),
            ("7GB", 7_000_000_000),
            ("7KiB", 7 << 10),
            ("7MiB", 7 << 20),
            ("7GiB", 7 << 30),
        ] {
            assert_eq!(count(written), Some(octets), "{written}");
        }
        assert_eq!((span("5y"), span(""), count("7 TB"), count("kB")), (None, None, None, None));
    }

    #[test]
    fn lengths_of_time_are_written_as_in_a_file() {
        for (micros, written) in
            [(0, "0s"), (7, "7us"), (1_500, "1500us"), (2_000, "2ms"), (90_000_000, "90s"), (120_000_000, "2m")]
        {
            assert_eq!(short(Duration::from_micros(micros)), written);
        }
    }
}
