//! `value; name=value; name*0*=…`: the parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231).

use super::decode;
use super::header::decode_words;

/// Maximum number of parameters of a field; further ones are ignored.
const MOST_PARAMETERS: usize = 256;

/// The value before the first parameter, in lower case, without comments and white space.
pub(super) fn token(value: &[u8]) -> String {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let mut depth = 0;
    let mut token = String::new();
    for byte in &value[..end] {
        match byte {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            byte if depth == 0 && byte.is_ascii_graphic() => token.push(char::from(byte.to_ascii_lowercase())),
            _ => {}
        }
    }
    token
}

/// The value of a parameter, decoded: plain, quoted, in pieces, percent-encoded with a charset, or (against
/// RFC 2047 §5, as many senders do it) in encoded words.
pub(super) fn find(value: &[u8], name: &str) -> Option<String> {
    let all = all(value);
    if let Some((_, plain)) = all.iter().find(|(its, _)| its.eq_ignore_ascii_case(name)) {
        return Some(decode_words(plain));
    }
    let mut sections: Vec<(Section, &[u8])> =
        all.iter().filter_map(|(its, value)| Some((Section::of(its, name)?, &value[..]))).collect();
    // If a parameter is repeated, the first one applies.
    sections.sort_by_key(|(section, _)| *section);
    let mut octets = Vec::new();
    let mut charset = None;
    let mut next = 0;
    for (Section { number, is_plain, is_alone }, value) in sections {
        if number != next {
            continue;
        }
        next += 1;
        match (is_plain, number) {
            (true, _) => octets.extend_from_slice(value),
            (false, 0) => {
                let (its, text) = with_charset(value);
                charset = its;
                octets.extend(percent(text));
            }
            (false, _) => octets.extend(percent(value)),
        }
        if is_alone {
            break;
        }
    }
    if next == 0 {
        return None;
    }
    Some(decode::text(&octets, charset.as_deref().filter(|charset| !charset.is_empty())))
}

/// The suffix of a parameter name that is split or encoded (RFC 2231 §3, §4): `*0`, `*0*`, or `*` for a single piece.
/// Ordered by preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Section {
    number: usize,
    is_plain: bool,
    is_alone: bool,
}

impl Section {
    fn of(parameter: &str, name: &str) -> Option<Self> {
        let (its, behind) = parameter.split_once('*')?;
        if !its.eq_ignore_ascii_case(name) {
            return None;
        }
        if behind.is_empty() {
            return Some(Self { number: 0, is_plain: false, is_alone: true });
        }
        let (digits, is_plain) = behind.strip_suffix('*').map_or((behind, true), |digits| (digits, false));
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        let number = digits.parse().ok().filter(|_| is_number)?;
        Some(Self { number, is_plain, is_alone: false })
    }
}

/// RFC 2231 §4: `charset'language'text`.
fn with_charset(value: &[u8]) -> (Option<String>, &[u8]) {
    let mut quotes = memchr::memchr_iter(b'\'', value);
    match (quotes.next(), quotes.next()) {
        (Some(one), Some(two)) => (Some(String::from_utf8_lossy(&value[..one]).into_owned()), &value[two + 1..]),
        _ => (None, value),
    }
}

pub(in crate::mail) fn percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        match decode::hex(behind).filter(|_| *byte == b'%') {
            Some(octet) => {
                out.push(octet);
                rest = &behind[2..];
            }
            None => {
                out.push(*byte);
                rest = behind;
            }
        }
    }
    out
}

/// Each parameter with its value, unquoted.
pub(super) fn all(value: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut bytes = super::start_of(value).iter().copied().peekable();
    let seek = |bytes: &mut std::iter::Peekable<_>| {
        // Up to the next semicolon outside of a quoted string.
        let mut quoted = false;
        while let Some(byte) = Iterator::next(bytes) {
            match byte {
                b'"' => quoted = !quoted,
                b'\\' if quoted => drop(bytes.next()),
                b';' if !quoted => return true,
                _ => {}
            }
        }
        false
    };
    while found.len() < MOST_PARAMETERS && seek(&mut bytes) {
        let mut name = String::new();
        while let Some(byte) = bytes.next_if(|byte| !matches!(byte, b'=' | b';')) {
            if byte.is_ascii_graphic() {
                name.push(char::from(byte));
            }
        }
        if bytes.next_if_eq(&b'=').is_none() {
            continue;
        }
        while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
        let mut text = Vec::new();
        if bytes.next_if_eq(&b'"').is_some() {
            while let Some(byte) = bytes.next() {
                match byte {
                    b'"' => break,
                    b'\\' => text.extend(bytes.next()),
                    b'\r' | b'\n' => {}
                    byte => text.push(byte),
                }
            }
        } else {
            while let Some(byte) = bytes.next_if(|byte| *byte != b';') {
                text.push(byte);
            }
            text = text.trim_ascii().to_vec();
        }
        found.push((name, text));
    }
    found
}
