//! From octets to octets (transfer encodings), and from octets to text (charsets).

use data_encoding::{BASE64_MIME_PERMISSIVE, BASE64_NOPAD};

/// Decodes a content transfer encoding (RFC 2045 §6), tolerating common errors of senders.
pub(super) fn transfer(encoding: &str, octets: &[u8]) -> Vec<u8> {
    match encoding {
        "base64" => base64(octets),
        "quoted-printable" => quoted_printable(octets),
        _ => octets.to_vec(),
    }
}

/// RFC 2045 §6.8: characters outside the alphabet are ignored; padding may be missing.
pub(super) fn base64(octets: &[u8]) -> Vec<u8> {
    if let Ok(decoded) = BASE64_MIME_PERMISSIVE.decode(octets) {
        return decoded;
    }
    let mut letters: Vec<u8> =
        octets.iter().copied().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).collect();
    // A single character at the end is less than an octet; remaining bits have no meaning.
    letters.truncate(letters.len() - usize::from(letters.len() % 4 == 1));
    let tail = letters.len() % 4;
    if let Some(last) = letters.last_mut().filter(|_| tail > 0) {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let value = ALPHABET.iter().position(|letter| letter == last).unwrap_or(0);
        *last = ALPHABET[value & if tail == 2 { 0b11_0000 } else { 0b11_1100 }];
    }
    BASE64_NOPAD.decode(&letters).unwrap_or_default()
}

/// RFC 2045 §6.7. An `=` that does not begin an octet stays as it is. Blanks at the end of a line were added in
/// transport and are removed.
pub(in crate::mail) fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while !rest.is_empty() {
        let (line, ending, behind) = match memchr::memchr(b'\n', rest) {
            Some(at) => {
                let text = at - usize::from(rest[..at].ends_with(b"\r"));
                (&rest[..text], &rest[text..=at], &rest[at + 1..])
            }
            None => (rest, &rest[rest.len()..], &rest[rest.len()..]),
        };
        let blank = line.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line = &line[..line.len() - blank];
        match line.strip_suffix(b"=") {
            // A soft line break.
            Some(line) => hex_decoded(line, &mut out),
            None => {
                hex_decoded(line, &mut out);
                out.extend_from_slice(ending);
            }
        }
        rest = behind;
    }
    out
}

/// The Q encoding of header fields (RFC 2047 §4.2): no lines, and `_` for a blank.
pub(in crate::mail) fn q_word(octets: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = octets.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
    let mut out = Vec::with_capacity(spaced.len());
    hex_decoded(&spaced, &mut out);
    out
}

fn hex_decoded(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match hex(rest) {
            Some(octet) => {
                out.push(octet);
                rest = &rest[2..];
            }
            None => out.push(b'='),
        }
    }
    out.extend_from_slice(rest);
}

/// The octet with these two hexadecimal digits.
pub(super) fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (high, low) = (digit(*digits.first()?)?, digit(*digits.get(1)?)?);
    u8::try_from(high * 16 + low).ok()
}

/// Whether a charset has a decoder.
pub(in crate::mail) fn is_known(label: &str) -> bool {
    decoder(label).is_some()
}

/// Whether octets are complete characters of a charset; true if it is not known.
pub(in crate::mail) fn is_valid_in(label: &str, octets: &[u8]) -> bool {
    decoder(label).is_none_or(|charset| !charset.decode(octets).2)
}

fn decoder(label: &str) -> Option<charset::Charset> {
    // A comment may follow (RFC 2045 §5.1).
    let name = label.split('(').next().unwrap_or_default().trim();
    charset::Charset::for_label(name.as_bytes())
}

/// Decodes text in a charset. Without a charset or with an unknown one, UTF-8 if the octets are valid UTF-8, else
/// Windows-1252.
pub(super) fn text(octets: &[u8], charset: Option<&str>) -> String {
    let known = charset.and_then(decoder);
    match (known, std::str::from_utf8(octets)) {
        // 8-bit octets in "us-ascii" are more often UTF-8 than anything else.
        (Some(charset), text) if !is_ascii(charset) || text.is_err() => charset.decode(octets).0.into_owned(),
        (_, Ok(text)) => text.to_owned(),
        (_, Err(_)) => encoding_rs::WINDOWS_1252.decode(octets).0.into_owned(),
    }
}

/// `us-ascii` is a label of Windows-1252.
fn is_ascii(charset: charset::Charset) -> bool {
    charset.name() == "windows-1252"
}
