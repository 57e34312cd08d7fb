//! Mailbox names in the protocol: modified UTF-7 (RFC 3501 §5.1.3).

use data_encoding::BASE64_NOPAD;

/// Decodes a name. A non-ASCII name in UTF-8 is used as it is. The result for an invalid name contains U+FFFD, which no
/// mailbox name contains.
pub(super) fn decode(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    if !text.is_ascii() {
        return text.into_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        // A code contains no `&`, so the search for its end reads each octet once.
        let end = behind.find(['-', '&']).filter(|end| behind[*end..].starts_with('-'));
        let shifted = end.and_then(|end| match (&behind[..end], &behind[end + 1..]) {
            ("", behind) => Some(("&".to_owned(), behind)),
            (code, behind) => Some((decode_shifted(code)?, behind)),
        });
        let (meant, behind) = shifted.unwrap_or_else(|| (char::REPLACEMENT_CHARACTER.to_string(), behind));
        out.push_str(&meant);
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn decode_shifted(code: &str) -> Option<String> {
    let octets = BASE64_NOPAD.decode(code.replace(',', "/").as_bytes()).ok()?;
    if octets.len() % 2 == 1 {
        return None;
    }
    let units: Vec<u16> = octets.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

/// Encodes a name, in ASCII.
pub(super) fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let is_plain = |c: char| matches!(c, ' '..='~');
        if is_plain(c) {
            out.push(c);
            if c == '&' {
                out.push('-');
            }
            rest = &rest[1..];
            continue;
        }
        let end = rest.find(is_plain).unwrap_or(rest.len());
        let octets: Vec<u8> = rest[..end].encode_utf16().flat_map(u16::to_be_bytes).collect();
        out.push('&');
        out.push_str(&BASE64_NOPAD.encode(&octets).replace('/', ","));
        out.push('-');
        rest = &rest[end..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_after_encoding_and_decoding() {
        for (name, wire) in [
            ("INBOX", "INBOX"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("R & D", "R &- D"),
            ("📬", "&2D3c7A-"),
        ] {
            assert_eq!(encode(name), wire);
            assert_eq!(decode(wire.as_bytes()), name);
        }
    }

    #[test]
    fn invalid_modified_utf7_decodes_to_a_name_that_no_mailbox_has() {
        for wire in ["&Jjo", "a&b", "&AB-", "&2D0-", "&***-", "&'+"] {
            assert!(decode(wire.as_bytes()).contains(char::REPLACEMENT_CHARACTER), "{wire}");
        }
        assert_eq!(decode(b"&'+&-"), "\u{fffd}'+&");
        assert_eq!(decode("Entwürfe".as_bytes()), "Entwürfe");
        assert_eq!(decode(b"\xff"), "\u{fffd}");
    }

    /// This takes minutes if anything is read more than a few times.
    #[test]
    fn a_hostile_name_is_read_once() {
        const TIMES: usize = 1_000_000;
        let name = "&".repeat(TIMES) + "-";

        assert_eq!(decode(name.as_bytes()), "\u{fffd}".repeat(TIMES - 1) + "&");
    }
}
