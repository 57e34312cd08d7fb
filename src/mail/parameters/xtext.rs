//! `xtext`, the encoding of values in parameters (RFC 3461 §4).

/// Decodes `xtext`. `None` if it is not xtext. Octets that are not UTF-8 are replaced.
pub(crate) fn decode(value: &str) -> Option<String> {
    let decoded = String::from_utf8(octets(value)?);
    Some(decoded.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The octets of `xtext`: printable ASCII, with `+XX` for everything else and for `+` and `=`. `None` if it is not xtext.
pub(crate) fn octets(value: &str) -> Option<Vec<u8>> {
    let hex = |byte: Option<u8>| match byte? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        // Lower case is not allowed.
        letter @ b'A'..=b'F' => Some(letter - b'A' + 10),
        _ => None,
    };
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            b'=' => return None,
            b'!'..=b'~' => byte,
            _ => return None,
        });
    }
    Some(decoded)
}

/// Encodes text as `xtext`.
#[cfg(feature = "cli")]
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'+' | b'=') => encoded.push(byte.into()),
            _ => encoded += &format!("+{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "cli")]
    fn encoded_text_is_decoded_to_itself() {
        for (text, encoded) in
            [("plain!~", "plain!~"), ("a+b=c d", "a+2Bb+3Dc+20d"), ("ü", "+C3+BC"), ("\0\x7f", "+00+7F")]
        {
            assert_eq!(encode(text), encoded);
            assert_eq!(decode(encoded).as_deref(), Some(text));
        }
    }

    #[test]
    fn xtext_is_decoded() {
        for (value, want) in [
            ("plain!~", Some("plain!~")),
            ("a+2Bb+3Dc+20d", Some("a+b=c d")),
            ("+C3+BC", Some("ü")),
            ("+FF", Some("\u{fffd}")),
            ("", Some("")),
            ("a=b", None),
            ("a+2bb", None),
            ("a+2", None),
            ("a+", None),
            ("a b", None),
            ("ü", None),
            ("\x7f", None),
        ] {
            assert_eq!(decode(value).as_deref(), want, "{value}");
        }
    }
}
