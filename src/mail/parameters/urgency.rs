//! The values of the parameters that say when a message shall be delivered (RFC 2852, RFC 4865, RFC 6710).

use std::time::Duration;

use crate::base::Timestamp;

/// Until when a message shall be delivered: the value of BY (RFC 2852 §4).
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// // A client sends `MAIL FROM:<ann@example.org> BY=120;R`.
/// # let mail = "EHLO c\r\nMAIL FROM:<ann@example.org> BY=120;R\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n";
/// # let mut client = TcpStream::connect(server.smtp().address())?;
/// # client.write_all(mail.as_bytes())?;
/// # let said = read_to_string(client)?;
/// # assert!(said.contains("queued"), "{said}");
/// let by = server.messages()[0].envelope().sender().parameters().deliver_by().unwrap();
/// assert!(by.seconds == 120 && by.returns && !by.trace);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeliverBy {
    /// The seconds from MAIL on. With `returns` they are positive; otherwise they may be negative, for a time that has
    /// passed.
    pub seconds: i64,
    /// Whether the message shall be returned after this time (by-mode `R`). Otherwise the sender is notified, and the
    /// message is delivered later (`N`).
    pub returns: bool,
    /// Whether the sender wants to know when the message reaches a server that cannot promise this (by-trace `T`).
    pub trace: bool,
}

impl DeliverBy {
    pub(crate) fn parse(value: &str) -> Result<Self, &'static str> {
        const FORM: &str = "BY must be a number of seconds, a semicolon, and R or N, as in BY=120;R";
        let (time, mode) = value.split_once(';').ok_or(FORM)?;
        let digits = time.strip_prefix(['-', '+']).unwrap_or(time);
        let is_time = matches!(digits.len(), 1..=9) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (returns, trace) = match mode.to_ascii_uppercase().as_str() {
            "R" => (true, false),
            "RT" => (true, true),
            "N" => (false, false),
            "NT" => (false, true),
            _ => return Err(FORM),
        };
        let seconds = time.parse().ok().filter(|_| is_time).ok_or(FORM)?;
        // RFC 2852 §4: a message whose time has passed cannot be returned before it is sent.
        if returns && seconds <= 0 {
            Err("BY with R needs a positive number of seconds")
        } else {
            Ok(Self { seconds, returns, trace })
        }
    }
}

/// Parses the value of MT-PRIORITY (RFC 6710 §5): -9 to 9.
pub(crate) fn priority(value: &str) -> Result<i8, &'static str> {
    let is_number = matches!(value.as_bytes(), [b'0'] | [b'1'..=b'9'] | [b'-', b'1'..=b'9']);
    value.parse().ok().filter(|_| is_number).ok_or("MT-PRIORITY must be a number from -9 to 9")
}

/// Parses the value of HOLDFOR (RFC 4865): a number of seconds of up to nine digits.
pub(crate) fn hold_for(value: &str) -> Result<Duration, &'static str> {
    let is_number =
        matches!(value.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.len() < 9 && rest.iter().all(u8::is_ascii_digit));
    let seconds = value.parse().ok().filter(|_| is_number);
    seconds.map(Duration::from_secs).ok_or("HOLDFOR must be a number of seconds from 1 to 999999999")
}

/// Parses the value of HOLDUNTIL (RFC 4865, with erratum 2040): a date-time of RFC 3339.
pub(crate) fn hold_until(value: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(value).ok_or("HOLDUNTIL must be a time as in 2026-01-31T12:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_delivery_has_seconds_and_a_mode() {
        let form = Err("BY must be a number of seconds, a semicolon, and R or N, as in BY=120;R");
        let late = Err("BY with R needs a positive number of seconds");
        for (value, want) in [
            ("120;R", Ok((120, true, false))),
            ("+999999999;rt", Ok((999_999_999, true, true))),
            ("-30;N", Ok((-30, false, false))),
            ("0;NT", Ok((0, false, true))),
            ("0;R", late),
            ("-1;R", late),
            ("120", form),
            (";R", form),
            ("-;N", form),
            ("1000000000;N", form),
            ("1.5;N", form),
            ("--1;N", form),
            ("120;T", form),
            ("120;RN", form),
            ("120;R;T", form),
        ] {
            assert_eq!(DeliverBy::parse(value).map(|by| (by.seconds, by.returns, by.trace)), want, "{value}");
        }
    }

    #[test]
    fn a_message_is_held_for_seconds_or_until_a_time() {
        for (value, want) in [("1", Some(1)), ("999999999", Some(999_999_999))] {
            assert_eq!(hold_for(value).ok(), want.map(Duration::from_secs), "{value}");
        }
        for value in ["", "0", "01", "+5", "-5", "1000000000", "1.5", "1h"] {
            assert!(hold_for(value).is_err(), "{value}");
        }
        assert_eq!(hold_until("1970-01-01T01:00:01+01:00"), Ok(Timestamp::from_micros(1_000_000)));
        for value in ["", "tomorrow", "2026-01-01", "2026-01-01T12:00:00", "1767268800"] {
            assert!(hold_until(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_priority_is_a_number_of_one_digit() {
        for (value, want) in [("0", Some(0)), ("9", Some(9)), ("-9", Some(-9)), ("3", Some(3))] {
            assert_eq!(priority(value).ok(), want, "{value}");
        }
        for value in ["", "10", "-0", "+3", "03", "-10", "high", "3.0"] {
            assert_eq!(priority(value), Err("MT-PRIORITY must be a number from -9 to 9"), "{value}");
        }
    }
}
