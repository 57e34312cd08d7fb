//! Encoded words (RFC 2047).

use std::sync::LazyLock;

use data_encoding::BASE64;
use regex::bytes::Regex;

use super::{LintCode, Linter, MOST_OCTETS, shown};
use crate::mail::mime::{has_decoder, is_valid_in, q_word};

/// The longest encoded word, and the longest line with one (RFC 2047 §2).
const LONGEST_WORD: usize = 75;
const LONGEST_LINE: usize = 76;

/// What looks like an encoded word, also a wrong one. It ends at `?=`, or is not closed.
static WORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u)=\?([A-Za-z0-9_.:+-]+)(?:\*[A-Za-z0-9-]*)?\?([A-Za-z0-9]*)\?([^?\r\n]*)(\?=)?")
        .expect("it is valid")
});

/// The positions of the encoded words of a value.
pub(super) fn words(value: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    WORD.find_iter(value).map(|found| found.range())
}

impl Linter<'_> {
    /// The encoded words of a text or of display names.
    pub(super) fn encoded_words(&mut self, value: &[u8], at: usize) {
        let value = &value[..value.len().min(MOST_OCTETS)];
        let before = at - start_of_line(self.raw, at);
        let mut line = 0..0;
        for found in WORD.captures_iter(value) {
            let word = found.get(0).expect("it is the match");
            let group = |i: usize| found.get(i).map_or(&b""[..], |group| group.as_bytes());
            let is_closed = found.get(4).is_some();
            self.encoded_word(at + word.start(), word.as_bytes(), [group(1), group(2), group(3)], is_closed);
            self.separation(value, at, word.range());
            // Another word of the same line: a line is searched once.
            if word.start() >= line.end {
                line = line_around(value, word.start());
            }
            // The name of the field belongs to its first line.
            let name = if line.start == 0 { before } else { 0 };
            if line.len() + name > LONGEST_LINE && word.len() <= LONGEST_WORD {
                let text = format!(
                    "a line of {} characters with an encoded word: it may have {LONGEST_LINE}",
                    line.len() + name
                );
                self.add(LintCode::EncodedWordLineTooLong, at + word.start(), text);
            }
        }
    }

    fn encoded_word(&mut self, at: usize, word: &[u8], [charset, encoding, text]: [&[u8]; 3], is_closed: bool) {
        if !is_closed {
            let text = format!("the encoded word `{}` does not end with `?=`", shown(word));
            return self.add(LintCode::InvalidEncodedWord, at, text);
        }
        if word.len() > LONGEST_WORD {
            let text = format!("an encoded word of {} characters: split it, {LONGEST_WORD} are allowed", word.len());
            self.add(LintCode::EncodedWordTooLong, at, text);
        }
        let octets = match encoding {
            b"b" | b"B" => BASE64.decode(text).map_err(|error| format!("is not base64: {error}")),
            b"q" | b"Q" => match wrong_q(text) {
                Some(wrong) => Err(wrong.to_owned()),
                None => Ok(q_word(text)),
            },
            other => Err(format!("has the encoding `{}`: write `B` or `Q`", shown(other))),
        };
        let octets = match octets {
            Ok(octets) => octets,
            Err(wrong) => {
                let text = format!("the encoded word `{}` {wrong}", shown(word));
                return self.add(LintCode::InvalidEncodedWord, at, text);
            }
        };
        let charset = String::from_utf8_lossy(charset);
        if !has_decoder(&charset) {
            let text = format!("the charset `{charset}` of an encoded word is not known: write `utf-8`");
            self.add(LintCode::UnknownCharset, at, text);
        } else if !is_valid_in(&charset, &octets) {
            let text = format!("the encoded word `{}` has a part of a character: encode whole characters", shown(word));
            self.add(LintCode::SplitCharacter, at, text);
        }
    }

    fn separation(&mut self, value: &[u8], at: usize, word: std::ops::Range<usize>) {
        let is_open = |octet: &u8| octet.is_ascii_whitespace() || matches!(octet, b'(' | b'"');
        let is_close = |octet: &u8| octet.is_ascii_whitespace() || matches!(octet, b')' | b'"' | b'<' | b',' | b':');
        let before = value[..word.start].last().is_none_or(is_open);
        let behind = value[word.end..].first().is_none_or(is_close);
        if !before || !behind {
            let side = if before { "behind" } else { "before" };
            let text = format!("no white space {side} the encoded word `{}`", shown(&value[word.clone()]));
            self.add(LintCode::EncodedWordNotSeparated, at + word.start, text);
        }
    }
}

fn wrong_q(text: &[u8]) -> Option<&'static str> {
    if text.iter().any(|octet| !octet.is_ascii_graphic()) {
        return Some("has a blank or another character that must be encoded: write `_` or `=20`");
    }
    let is_digit = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_hexdigit);
    let is_wrong = |at: usize| !is_digit(text.get(at + 1)) || !is_digit(text.get(at + 2));
    memchr::memchr_iter(b'=', text).any(is_wrong).then_some("has an `=` without two digits behind it")
}

/// The line of a folded value at this position, without its end.
fn line_around(value: &[u8], at: usize) -> std::ops::Range<usize> {
    let start = memchr::memrchr(b'\n', &value[..at]).map_or(0, |end| end + 1);
    let end = memchr::memchr(b'\n', &value[at..]).map_or(value.len(), |end| at + end);
    start..end - usize::from(value[start..end].ends_with(b"\r"))
}

fn start_of_line(raw: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &raw[..at]).map_or(0, |end| end + 1)
}
