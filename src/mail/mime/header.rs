//! Header fields as people read them (RFC 2047).

use super::decode;

/// Unfolds and decodes the value of a field. Adjacent encoded words of one charset are joined before decoding, because
/// senders cut letters in two.
pub(crate) fn decode_words(raw: &[u8]) -> String {
    let unfolded: Vec<u8> = raw.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let value = unfolded.trim_ascii();
    let mut out = String::new();
    let mut open: Option<(String, Vec<u8>)> = None;
    let mut rest = value;
    while let Some(at) = memchr::memmem::find(rest, b"=?") {
        let Some(word) = Word::at(&rest[at..]) else {
            close(&mut open, &mut out);
            out.push_str(&decode::text(&rest[..at + 2], None));
            rest = &rest[at + 2..];
            continue;
        };
        // RFC 2047 §6.2: white space between two encoded words is no text.
        let between = &rest[..at];
        let is_gap = open.is_some() && between.iter().all(|byte| matches!(byte, b' ' | b'\t'));
        if !is_gap {
            close(&mut open, &mut out);
            out.push_str(&decode::text(between, None));
        }
        match &mut open {
            Some((charset, octets)) if *charset == word.charset => octets.extend(word.octets),
            _ => {
                close(&mut open, &mut out);
                open = Some((word.charset, word.octets));
            }
        }
        rest = &rest[at + word.len..];
    }
    close(&mut open, &mut out);
    out.push_str(&decode::text(rest, None));
    out
}

fn close(open: &mut Option<(String, Vec<u8>)>, out: &mut String) {
    if let Some((charset, octets)) = open.take() {
        out.push_str(&decode::text(&octets, Some(&charset)));
    }
}

/// `=?charset*language?encoding?text?=`; the language is of RFC 2231 §5.
struct Word {
    charset: String,
    octets: Vec<u8>,
    len: usize,
}

impl Word {
    fn at(text: &[u8]) -> Option<Self> {
        let charset_end = 2 + memchr::memchr(b'?', &text[2..])?;
        let charset = std::str::from_utf8(&text[2..charset_end]).ok()?;
        let encoding = *text.get(charset_end + 1)?;
        if text.get(charset_end + 2) != Some(&b'?') || charset.is_empty() || charset.contains(' ') {
            return None;
        }
        let start = charset_end + 3;
        let end = start + memchr::memmem::find(&text[start..], b"?=")?;
        let encoded = &text[start..end];
        let octets = match encoding {
            b'b' | b'B' => decode::base64(encoded),
            b'q' | b'Q' => {
                let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
                decode::quoted_printable(&spaced)
            }
            _ => return None,
        };
        let charset = charset.split('*').next().unwrap_or_default().to_ascii_lowercase();
        Some(Self { charset, octets, len: end + 2 })
    }
}
