//! Content-Type and Content-Disposition with their parameters, strictly (RFC 2045 §5.1, RFC 2183, RFC 2231).

use std::collections::{BTreeMap, HashSet};

use super::address::without_comments;
use super::{LintCode, Linter, encoded_word, shown};

impl Linter<'_> {
    pub(super) fn mime_version(&mut self, value: &[u8], at: usize) {
        let version: Vec<u8> =
            without_comments(value).into_iter().filter(|octet| !octet.is_ascii_whitespace()).collect();
        if version != b"1.0" {
            let text = format!("the version `{}`: write `1.0`", shown(value.trim_ascii()));
            self.add(LintCode::InvalidMimeVersion, at, text);
        }
    }

    pub(super) fn content_type(&mut self, value: &[u8], at: usize) {
        let mut cursor = Cursor::new(value);
        let (kind, slash, subtype) = (cursor.token(), cursor.eat(b'/'), cursor.token());
        if kind.is_none() || !slash || subtype.is_none() {
            let text = format!("`{}` is not a media type: write it as in `text/plain`", shown(value.trim_ascii()));
            return self.add(LintCode::InvalidContentType, at, text);
        }
        self.parameters(cursor, at);
    }

    pub(super) fn disposition(&mut self, value: &[u8], at: usize) {
        let mut cursor = Cursor::new(value);
        if cursor.token().is_none() {
            let text = format!("`{}` is not a disposition: write `attachment` or `inline`", shown(value.trim_ascii()));
            return self.add(LintCode::InvalidParameter, at, text);
        }
        self.parameters(cursor, at);
    }

    /// `*(";" attribute "=" value)`
    fn parameters(&mut self, mut cursor: Cursor<'_>, at: usize) {
        let mut all: Vec<(String, Vec<u8>, usize)> = Vec::new();
        let mut names = HashSet::new();
        loop {
            cursor.skip();
            let start = at + cursor.at;
            if cursor.is_at_end() {
                break;
            }
            if !cursor.eat(b';') {
                let text = format!("`{}`: write a semicolon before it, or quotes around the value", cursor.rest());
                self.add(LintCode::InvalidParameter, start, text);
                return;
            }
            cursor.skip();
            if cursor.is_at_end() {
                self.add(LintCode::EmptyParameter, start, "a semicolon without a parameter: remove it");
                break;
            }
            let start = at + cursor.at;
            let whole = cursor.at;
            let name = cursor.token().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
            let has_value = cursor.eat(b'=');
            let value = if has_value { cursor.value() } else { None };
            let (Some(name), Some(value)) = (name, value) else {
                let text =
                    format!("`{}` is not a parameter: write it as in `name=\"value\"`", shown(&cursor.value[whole..]));
                self.add(LintCode::InvalidParameter, start, text);
                return;
            };
            if let Some(word) = encoded_word::words(&value).next() {
                let text = format!("the encoded word `{}`: write `{name}*=utf-8''…` (RFC 2231)", shown(&value[word]));
                self.add(LintCode::EncodedWordInParameter, start, text);
            }
            if !names.insert(name.clone()) {
                self.add(LintCode::RepeatedParameter, start, format!("the parameter {name} is repeated"));
            }
            all.push((name, value, start));
        }
        self.sections(&all);
    }

    /// Parameters in pieces and with percent encoding: `name*0=`, `name*1*=`, `name*=`.
    fn sections(&mut self, all: &[(String, Vec<u8>, usize)]) {
        let mut pieces: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
        for (name, value, start) in all {
            let Some((base, suffix)) = name.split_once('*') else { continue };
            let (number, is_encoded) = match suffix.strip_suffix('*').unwrap_or(suffix) {
                "" => (0, true),
                digits => (digits.parse().unwrap_or(usize::MAX), suffix.ends_with('*')),
            };
            if !suffix.is_empty() {
                pieces.entry(base).or_default().push((number, *start));
            }
            if !is_encoded {
                continue;
            }
            let quotes = value.iter().filter(|octet| **octet == b'\'').count();
            let is_digit = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_hexdigit);
            let is_escape = |at: usize| is_digit(value.get(at + 1)) && is_digit(value.get(at + 2));
            if number == 0 && quotes < 2 {
                let text = format!("the value of {name} has no charset: write it as in `utf-8''na%C3%AFve`");
                self.add(LintCode::InvalidParameterEncoding, *start, text);
            } else if !memchr::memchr_iter(b'%', value).all(is_escape) {
                let text = format!("the value of {name} has a `%` without two digits behind it");
                self.add(LintCode::InvalidParameterEncoding, *start, text);
            }
        }
        for (base, mut numbers) in pieces {
            numbers.sort_unstable();
            let gap = numbers.iter().enumerate().find(|(expected, (number, _))| number != expected);
            if let Some((expected, (_, start))) = gap {
                self.add(LintCode::ParameterGap, *start, format!("the piece `{base}*{expected}` is missing"));
            }
        }
    }
}

/// Reads a structured value.
struct Cursor<'v> {
    value: &'v [u8],
    at: usize,
}

impl<'v> Cursor<'v> {
    fn new(value: &'v [u8]) -> Self {
        Self { value, at: 0 }
    }

    /// White space and comments.
    fn skip(&mut self) {
        while let Some(octet) = self.value.get(self.at) {
            match octet {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b'(' => self.at = super::address::end_of_comment(self.value, self.at),
                _ => return,
            }
        }
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.value.len()
    }

    fn rest(&self) -> String {
        shown(&self.value[self.at.min(self.value.len())..])
    }

    fn eat(&mut self, octet: u8) -> bool {
        self.skip();
        let is_it = self.value.get(self.at) == Some(&octet);
        self.at += usize::from(is_it);
        is_it
    }

    /// A token of RFC 2045 §5.1; `None` if there is none.
    fn token(&mut self) -> Option<&'v [u8]> {
        self.skip();
        let start = self.at;
        let is_token = |octet: &u8| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(octet);
        self.at += self.value[start..].iter().take_while(|octet| is_token(octet)).count();
        (self.at > start).then(|| &self.value[start..self.at])
    }

    /// A token or a quoted string, without its quotes.
    fn value(&mut self) -> Option<Vec<u8>> {
        self.skip();
        if self.value.get(self.at) != Some(&b'"') {
            return self.token().map(<[u8]>::to_vec);
        }
        self.at += 1;
        let mut out = Vec::new();
        while let Some(octet) = self.value.get(self.at) {
            self.at += 1;
            match octet {
                b'"' => return Some(out),
                b'\\' => {
                    out.extend(self.value.get(self.at));
                    self.at += 1;
                }
                octet => out.push(*octet),
            }
        }
        None
    }
}
