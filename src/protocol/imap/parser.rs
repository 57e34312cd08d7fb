//! The parser for the elements of the grammar (RFC 3501 §9): a cursor over one complete command.

use std::borrow::Cow;

use bytes::Bytes;

use super::sequence_set::{SequenceSet, SetNumber};
use super::tolerance::Tolerance;
use super::utf7;

/// A syntax error in a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// The offset of the error in the command, in octets.
    pub(super) at: usize,
    pub(super) what: String,
}

pub(super) type Parsed<T> = Result<T, SyntaxError>;

/// A cursor over a command. The text contains literals after their `{n}` and CRLF, but not the messages of APPEND.
pub(super) struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    messages: std::slice::Iter<'a, Bytes>,
    tolerance: Tolerance,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a [u8], messages: &'a [Bytes]) -> Self {
        Self { text, at: 0, messages: messages.iter(), tolerance: Tolerance::STRICT }
    }

    /// The same parser, which tolerates these deviations.
    pub(super) fn tolerant(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
    }

    pub(super) fn tolerance(&self) -> Tolerance {
        self.tolerance
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// A syntax error at the current position. `what` says what is expected.
    pub(super) fn wrong<T>(&self, what: impl Into<String>) -> Parsed<T> {
        Err(SyntaxError { at: self.at, what: what.into() })
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// Takes this word, in upper or lower case, if it comes next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let end = self.at + word.len();
        let is_there = self.text.get(self.at..end).is_some_and(|its| its.eq_ignore_ascii_case(word.as_bytes()));
        if is_there {
            self.at = end;
        }
        is_there
    }

    pub(super) fn need(&mut self, byte: u8) -> Parsed<()> {
        match self.eat(byte) {
            true => Ok(()),
            false => self.wrong(format!("expected {:?}", char::from(byte))),
        }
    }

    /// Takes one space. The grammar allows no more.
    pub(super) fn space(&mut self) -> Parsed<()> {
        match self.peek() {
            Some(b' ') => {
                self.at += 1;
                self.extra_blanks();
                Ok(())
            }
            Some(_) => self.wrong("expected a space"),
            None => self.wrong("the command is incomplete"),
        }
    }

    fn extra_blanks(&mut self) {
        if self.tolerance.extra_blanks {
            self.run(|byte| byte == b' ');
        }
    }

    pub(super) fn end(&self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.wrong("expected the end of the command"),
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn run(&mut self, of: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let len = rest.iter().position(|byte| !of(*byte)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Takes an `atom`.
    pub(super) fn atom(&mut self, what: &str) -> Parsed<&'a str> {
        let (at, atom) = (self.at, self.run(is_atom_char));
        match std::str::from_utf8(atom) {
            Ok(atom) if !atom.is_empty() => Ok(atom),
            _ => {
                self.at = at;
                self.wrong(format!("expected {what}"))
            }
        }
    }

    /// Takes an atom, in upper case.
    pub(super) fn word(&mut self, what: &str) -> Parsed<String> {
        Ok(self.atom(what)?.to_ascii_uppercase())
    }

    /// Takes letters, digits and dots, in upper case. There may be none.
    pub(super) fn name(&mut self) -> String {
        let name = self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        String::from_utf8_lossy(name).to_ascii_uppercase()
    }

    /// What was taken since this offset.
    pub(super) fn since(&self, at: usize) -> &'a [u8] {
        &self.text[at..self.at]
    }

    /// `tag = 1*<any ASTRING-CHAR except "+">`.
    pub(super) fn tag(&mut self) -> Parsed<&'a str> {
        let tag = self.run(|byte| byte != b'+' && (is_atom_char(byte) || byte == b']'));
        match std::str::from_utf8(tag) {
            Ok(tag) if !tag.is_empty() => Ok(tag),
            _ => self.wrong("expected a tag"),
        }
    }

    /// `astring = 1*ASTRING-CHAR / string`.
    pub(super) fn astring(&mut self, what: &str) -> Parsed<Cow<'a, [u8]>> {
        self.string_or(what, |byte| is_atom_char(byte) || byte == b']')
    }

    /// `list-mailbox = 1*list-char / string`.
    pub(super) fn pattern(&mut self) -> Parsed<String> {
        let raw = self.string_or("a pattern", |byte| is_atom_char(byte) || matches!(byte, b'%' | b'*' | b']'))?;
        Ok(utf7::decode(&raw))
    }

    fn string_or(&mut self, what: &str, of: impl Fn(u8) -> bool) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(what),
            _ => match self.run(of) {
                [] => self.wrong(format!("expected {what}")),
                atom => Ok(atom.into()),
            },
        }
    }

    /// `string = quoted / literal`.
    pub(super) fn string(&mut self, what: &str) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal().map(Cow::from),
            _ => self.wrong(format!("expected {what}, in quotes or as a literal")),
        }
    }

    /// `nstring = string / nil`.
    pub(super) fn nstring(&mut self, what: &str) -> Parsed<Option<Cow<'a, [u8]>>> {
        if self.eat_word("NIL") {
            return Ok(None);
        }
        self.string(what).map(Some)
    }

    fn quoted(&mut self) -> Parsed<Cow<'a, [u8]>> {
        self.need(b'"')?;
        let start = self.at;
        let plain = self.run(|byte| !matches!(byte, b'"' | b'\\' | b'\r' | b'\n' | 0));
        if self.eat(b'"') {
            return Ok(plain.into());
        }
        self.at = start;
        let mut out = Vec::new();
        loop {
            out.extend_from_slice(self.run(|byte| !matches!(byte, b'"' | b'\\' | b'\r' | b'\n' | 0)));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out.into());
                }
                Some(b'\\') => match self.text.get(self.at + 1) {
                    Some(byte @ (b'"' | b'\\')) => {
                        out.push(*byte);
                        self.at += 2;
                    }
                    _ => return self.wrong("only \\\" and \\\\ are escapes in a quoted string"),
                },
                _ => return self.wrong("expected the end of the quoted string"),
            }
        }
    }

    /// Takes a literal. The tokenizer has made sure that its octets are there.
    fn literal(&mut self) -> Parsed<&'a [u8]> {
        let (at, (_, len)) = (self.at, self.literal_size()?);
        let start = self.at;
        match self.text.get(start..start + len) {
            Some(octets) if memchr::memchr(0, octets).is_some() => Err(nul(at)),
            Some(octets) => {
                self.at += len;
                Ok(octets)
            }
            None => self.wrong("a literal's octets are missing"),
        }
    }

    /// Takes the size of a literal. Returns whether it is a literal8, which may contain NUL (RFC 3516 §4.4), and its octets.
    fn literal_size(&mut self) -> Parsed<(bool, usize)> {
        let is_literal8 = self.eat(b'~');
        self.need(b'{')?;
        let len = self.number("the literal's size")?;
        self.eat(b'+');
        self.need(b'}')?;
        match self.text.get(self.at..self.at + 2) {
            Some(b"\r\n") => {
                self.at += 2;
                Ok((is_literal8, len as usize))
            }
            _ => self.wrong("a literal's size must end the line"),
        }
    }

    /// Takes a message of APPEND, which is not in the text. None if its size was announced and the message has not come yet.
    pub(super) fn message(&mut self) -> Parsed<Option<Bytes>> {
        if !matches!(self.peek(), Some(b'{' | b'~')) {
            return self.wrong("expected the message as a literal, {octets}");
        }
        let (at, (is_literal8, _)) = (self.at, self.literal_size()?);
        match self.messages.next() {
            Some(message) if !is_literal8 && memchr::memchr(0, message).is_some() => Err(nul(at)),
            message => Ok(message.cloned()),
        }
    }

    /// Takes a number of exactly this many digits, if it comes next.
    pub(super) fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + count)?;
        let number = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        self.at += count;
        number.parse().ok()
    }

    pub(super) fn number(&mut self, what: &str) -> Parsed<u32> {
        let at = self.at;
        let digits = std::str::from_utf8(self.run(|byte| byte.is_ascii_digit())).unwrap_or_default();
        match digits.parse() {
            Ok(number) => Ok(number),
            Err(_) => {
                self.at = at;
                let why = if digits.is_empty() { "a number" } else { "a number below 4294967296" };
                self.wrong(format!("expected {what}, {why}"))
            }
        }
    }

    pub(super) fn nz_number(&mut self, what: &str) -> Parsed<u32> {
        let at = self.at;
        match self.number(what)? {
            0 => {
                self.at = at;
                self.wrong(format!("{what} is at least 1"))
            }
            number => Ok(number),
        }
    }

    /// `sequence-set`: numbers, ranges, and `*` for the highest.
    pub(super) fn set(&mut self) -> Parsed<SequenceSet> {
        let mut ranges = Vec::new();
        loop {
            let first = self.set_number()?;
            let last = if self.eat(b':') { self.set_number()? } else { first };
            ranges.push((first, last));
            if !self.eat(b',') {
                return Ok(SequenceSet::new(ranges));
            }
        }
    }

    fn set_number(&mut self) -> Parsed<SetNumber> {
        if self.eat(b'*') {
            return Ok(SetNumber::Highest);
        }
        Ok(SetNumber::Number(self.nz_number("a message number")?))
    }

    /// Whether a sequence set comes next.
    pub(super) fn is_set(&self) -> bool {
        self.peek().is_some_and(|byte| byte.is_ascii_digit() || byte == b'*')
    }

    /// Takes a mailbox name and decodes its modified UTF-7 (RFC 3501 §5.1.3).
    pub(super) fn mailbox(&mut self) -> Parsed<String> {
        Ok(utf7::decode(&self.astring("the name of a mailbox")?))
    }

    /// Takes a list `( item SP item … )`, which may be empty.
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.need(b'(')?;
        self.extra_blanks();
        let mut items = Vec::new();
        if self.eat(b')') {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(b')') {
                return Ok(items);
            }
            self.space()?;
            if self.tolerance.extra_blanks && self.eat(b')') {
                return Ok(items);
            }
        }
    }

    /// Takes a `flag`: a system flag or a keyword. A client cannot set `\Recent`.
    pub(super) fn flag(&mut self) -> Parsed<Box<str>> {
        let at = self.at;
        let is_system = self.eat(b'\\');
        let name = self.atom("a flag")?;
        let flag = if is_system { format!("\\{name}") } else { name.to_owned() };
        if is_system && crate::mail::Flags::system(&flag).is_none() {
            self.at = at;
            return self.wrong(format!("a client cannot set the flag {flag}"));
        }
        Ok(flag.into())
    }

    /// Takes the rest of the command as it is.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        self.at = self.text.len();
        rest
    }
}

/// RFC 3501 §9, CHAR8.
fn nul(at: usize) -> SyntaxError {
    SyntaxError {
        at,
        what: "a literal contains NUL; only the literal8 ~{octets} of APPEND may (RFC 3516 §4.4)".to_owned(),
    }
}

/// `ATOM-CHAR = <any CHAR except atom-specials>`.
pub(super) fn is_atom_char(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte)
}
