//! `value; name=value; name*0*=…`: the parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231).

use super::decode;
use super::header::decode_words;

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
    let mut octets = Vec::new();
    let mut charset = None;
    for section in 0.. {
        let of = |form: String| all.iter().find(|(its, _)| its.eq_ignore_ascii_case(&form)).map(|(_, value)| value);
        let alone = (section == 0).then(|| of(format!("{name}*"))).flatten();
        let encoded = of(format!("{name}*{section}*")).or(alone);
        match (encoded, of(format!("{name}*{section}"))) {
            (Some(value), _) => {
                let mut text = &value[..];
                if section == 0 {
                    // RFC 2231 §4: charset'language'text.
                    let mut quotes = memchr::memchr_iter(b'\'', value);
                    if let (Some(one), Some(two)) = (quotes.next(), quotes.next()) {
                        charset = Some(String::from_utf8_lossy(&value[..one]).into_owned());
                        text = &value[two + 1..];
                    }
                }
                octets.extend(percent(text));
                if alone.is_some() {
                    break;
                }
            }
            (None, Some(value)) => octets.extend_from_slice(value),
            (None, None) if section == 0 => return None,
            (None, None) => break,
        }
    }
    Some(decode::text(&octets, charset.as_deref().filter(|charset| !charset.is_empty())))
}

fn percent(text: &[u8]) -> Vec<u8> {
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

/// Every parameter with its value, unquoted.
pub(super) fn all(value: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut bytes = value.iter().copied().peekable();
    let seek = |bytes: &mut std::iter::Peekable<_>| {
        // To the next semicolon that is in no quoted string.
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
    while seek(&mut bytes) {
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
