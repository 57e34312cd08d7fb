//! Decoding of header fields (RFC 2047).

use super::decode;

/// Unfolds and decodes the value of a field. Adjacent encoded words of one charset are joined before decoding, because
/// senders split characters between them.
pub(crate) fn decode_words(raw: &[u8]) -> String {
    let unfolded = unfolded(raw);
    let value = unfolded.trim_ascii();
    let mut out = String::new();
    let mut open: Option<(String, Vec<u8>)> = None;
    let mut rest = value;
    let mut ends = Ends { value, found: None };
    while let Some(at) = memchr::memmem::find(rest, b"=?") {
        let Some(word) = Word::at(value, value.len() - rest.len() + at, &mut ends) else {
            close(&mut open, &mut out);
            out.push_str(&decode::text(&rest[..at + 2], None));
            rest = &rest[at + 2..];
            continue;
        };
        // RFC 2047 §6.2: white space between two encoded words is not part of the text.
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

/// The charset of the first encoded word whose decoder is not known.
pub(crate) fn unknown_charset(raw: &[u8]) -> Option<String> {
    let value = unfolded(raw);
    let mut ends = Ends { value: &value, found: None };
    let mut at = 0;
    while let Some(found) = memchr::memmem::find(&value[at..], b"=?") {
        at += found;
        let word = Word::at(&value, at, &mut ends);
        at += word.as_ref().map_or(2, |word| word.len);
        if let Some(word) = word.filter(|word| !decode::is_known(&word.charset)) {
            return Some(word.charset);
        }
    }
    None
}

fn unfolded(raw: &[u8]) -> Vec<u8> {
    raw.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

fn close(open: &mut Option<(String, Vec<u8>)>, out: &mut String) {
    if let Some((charset, octets)) = open.take() {
        out.push_str(&decode::text(&octets, Some(&charset)));
    }
}

/// The positions at which encoded words end. Positions must be requested in ascending order, so that the value is read
/// once.
struct Ends<'v> {
    value: &'v [u8],
    /// The end that was found last; the length of the value if there are no more.
    found: Option<usize>,
}

impl Ends<'_> {
    /// The first `?=` at or after this position.
    fn from(&mut self, start: usize) -> Option<usize> {
        if self.found.is_none_or(|found| found < start) {
            let at = memchr::memmem::find(self.value.get(start..)?, b"?=");
            self.found = Some(at.map_or(self.value.len(), |at| start + at));
        }
        self.found.filter(|found| *found < self.value.len())
    }
}

/// `=?charset*language?encoding?text?=`; the language comes from RFC 2231 §5.
struct Word {
    charset: String,
    octets: Vec<u8>,
    len: usize,
}

/// Maximum length of a charset's name, including its language.
const MOST_CHARSET: usize = 64;

impl Word {
    /// The word that begins at this position of the value.
    fn at(value: &[u8], at: usize, ends: &mut Ends<'_>) -> Option<Self> {
        let text = &value[at..];
        let charset_end = 2 + memchr::memchr(b'?', &text[2..text.len().min(2 + MOST_CHARSET + 1)])?;
        let charset = std::str::from_utf8(&text[2..charset_end]).ok()?;
        let encoding = *text.get(charset_end + 1)?;
        if text.get(charset_end + 2) != Some(&b'?') || charset.is_empty() || charset.contains(' ') {
            return None;
        }
        let start = charset_end + 3;
        let end = ends.from(at + start)? - at;
        let encoded = &text[start..end];
        let octets = match encoding {
            b'b' | b'B' => decode::base64(encoded),
            b'q' | b'Q' => decode::q_word(encoded),
            _ => return None,
        };
        let charset = charset.split('*').next().unwrap_or_default().to_ascii_lowercase();
        Some(Self { charset, octets, len: end + 2 })
    }
}
