//! Address lists (RFC 5322 §3.4, §4.4), strictly.

use super::{LintCode, Linter, MOST_OCTETS, encoded_word, shown};

/// Something between blanks and comments.
#[derive(Debug, Clone, PartialEq)]
struct Token {
    kind: TokenKind,
    /// Position and length in the value.
    at: usize,
    len: usize,
    /// Whether white space or a comment comes before it.
    is_spaced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum TokenKind {
    Atom,
    Quoted,
    Literal,
    Special(u8),
}

/// What is wrong, where.
type Wrong = (LintCode, usize, String);

impl Linter<'_> {
    pub(super) fn address_list(&mut self, value: &[u8], at: usize) {
        self.encoded_words(value, at);
        let value = &value[..value.len().min(MOST_OCTETS)];
        let mut list = List { value, tokens: tokens(value), next: 0, in_group: false, wrong: Vec::new() };
        list.read();
        for token in list.tokens.iter().filter(|token| token.kind == TokenKind::Quoted) {
            let text = &value[token.at..token.at + token.len];
            if let Some(word) = encoded_word::words(text).next() {
                let text = format!("the encoded word `{}` is in quotes: remove the quotes", shown(&text[word.clone()]));
                list.wrong.push((LintCode::EncodedWordInQuotes, token.at + word.start, text));
            }
        }
        let is_ascii_only = self.is_ascii_only();
        for (code, place, text) in list.wrong {
            if code != LintCode::NonAsciiAddress || is_ascii_only {
                self.add(code, at + place, text);
            }
        }
    }
}

struct List<'v> {
    value: &'v [u8],
    tokens: Vec<Token>,
    next: usize,
    in_group: bool,
    wrong: Vec<Wrong>,
}

impl List<'_> {
    fn read(&mut self) {
        loop {
            self.entry();
            match self.special() {
                None if self.in_group => {
                    let text = "the group does not end: write `;`".to_owned();
                    self.wrong.push((LintCode::InvalidAddress, self.value.len(), text));
                    break;
                }
                None => break,
                Some(b';') if self.in_group => {
                    self.in_group = false;
                    self.next += 1;
                    match self.special() {
                        Some(b',') => self.next += 1,
                        Some(_) => self.invalid("the text behind a group"),
                        None if self.peek().is_none() => break,
                        None => self.invalid("the text behind a group"),
                    }
                }
                Some(b';') => {
                    let at = self.peek().map_or(0, |token| token.at);
                    let text = "a semicolon between addresses: write a comma".to_owned();
                    self.wrong.push((LintCode::InvalidAddress, at, text));
                    self.next += 1;
                }
                // The entry ended at a comma.
                Some(_) => self.next += 1,
            }
            if self.peek().is_none() {
                let text = "nothing behind the last address: remove the comma or the semicolon".to_owned();
                self.wrong.push((LintCode::ObsoleteAddress, self.value.len(), text));
                break;
            }
        }
    }

    /// One mailbox or the name of a group, up to a comma, a semicolon or the end.
    fn entry(&mut self) {
        let start = self.next;
        loop {
            match self.peek().map(|token| token.kind) {
                Some(TokenKind::Special(b'<')) => return self.angle(start),
                Some(TokenKind::Special(b':')) if !self.in_group => {
                    self.phrase(start);
                    self.in_group = true;
                    self.next += 1;
                    if self.special() != Some(b';') {
                        self.entry();
                    }
                    return;
                }
                Some(TokenKind::Special(b',' | b';')) | None => break,
                Some(TokenKind::Atom | TokenKind::Quoted | TokenKind::Literal | TokenKind::Special(_)) => {
                    self.next += 1
                }
            }
        }
        match start == self.next {
            // An empty group is allowed.
            true if self.in_group && self.special() == Some(b';') => {}
            true => {
                let at = self.peek().map_or(self.value.len(), |token| token.at);
                self.wrong.push((
                    LintCode::ObsoleteAddress,
                    at,
                    "an empty place in the list: remove a comma".to_owned(),
                ));
            }
            false => self.addr_spec(start..self.next),
        }
    }

    /// `[phrase] "<" addr-spec ">"`
    fn angle(&mut self, start: usize) {
        self.phrase(start);
        let open = self.tokens[self.next].at;
        self.next += 1;
        let mut first = self.next;
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Special(b'>' | b'<') => break,
                TokenKind::Special(b':') => {
                    let text = "a source route: write the address alone".to_owned();
                    self.wrong.push((LintCode::ObsoleteAddress, open, text));
                    self.next += 1;
                    first = self.next;
                }
                TokenKind::Atom | TokenKind::Quoted | TokenKind::Literal | TokenKind::Special(_) => self.next += 1,
            }
        }
        let range = first..self.next;
        match range.is_empty() {
            true => self.wrong.push((LintCode::InvalidAddress, open, "no address in `<>`".to_owned())),
            false => self.addr_spec(range),
        }
        if self.special() != Some(b'>') {
            self.wrong.push((LintCode::InvalidAddress, open, "a `<` without `>`".to_owned()));
            return self.skip();
        }
        self.next += 1;
        if !matches!(self.special(), Some(b',' | b';')) && self.peek().is_some() {
            self.invalid("the text behind `>`");
            self.skip();
        }
    }

    /// A display name, or the name of a group.
    fn phrase(&mut self, start: usize) {
        for i in start..self.next {
            let Token { kind, at, .. } = self.tokens[i];
            let wrong = match kind {
                TokenKind::Atom | TokenKind::Quoted => continue,
                TokenKind::Special(b'.') => {
                    let text = "a dot in a display name: write the name in quotes".to_owned();
                    (LintCode::ObsoleteAddress, at, text)
                }
                TokenKind::Literal | TokenKind::Special(_) => {
                    let octet = self.value[at];
                    let text = format!("`{}` in a display name: write the name in quotes", shown(&[octet]));
                    (LintCode::InvalidAddress, at, text)
                }
            };
            return self.wrong.push(wrong);
        }
    }

    /// `local-part "@" domain`
    fn addr_spec(&mut self, range: std::ops::Range<usize>) {
        let tokens = &self.tokens[range];
        let (first, last) = (&tokens[0], &tokens[tokens.len() - 1]);
        let (at, end) = (first.at, last.at + last.len);
        let text = &self.value[at..end];
        let told = shown(text);
        let separator = tokens.iter().rposition(|token| token.kind == TokenKind::Special(b'@'));
        let Some(separator) = separator else {
            let text = format!("`{told}` has no `@`: write `local@domain`");
            return self.wrong.push((LintCode::InvalidAddress, at, text));
        };
        let (local, domain) = (&tokens[..separator], &tokens[separator + 1..]);
        let is_local = matches!(local, [Token { kind: TokenKind::Quoted, .. }]) || is_dotted(local);
        let is_domain = matches!(domain, [Token { kind: TokenKind::Literal, .. }]) || is_dotted(domain);
        let wrong = match (is_local, is_domain) {
            (false, _) => Some(format!("`{told}` is not an address: its local part is wrong; quotes may help")),
            (true, false) => Some(format!("`{told}` is not an address: its domain is wrong")),
            (true, true) => None,
        };
        if let Some(text) = wrong {
            return self.wrong.push((LintCode::InvalidAddress, at, text));
        }
        if tokens[1..].iter().any(|token| token.is_spaced) {
            let text = format!("`{told}` has white space in it: remove it");
            self.wrong.push((LintCode::ObsoleteAddress, at, text));
        }
        if encoded_word::words(text).next().is_some() {
            let text = format!("`{told}` has an encoded word in it, which belongs into the display name");
            self.wrong.push((LintCode::EncodedWordInAddress, at, text));
        }
        if !text.is_ascii() {
            let text = format!("`{told}` is not ASCII, but MAIL has no SMTPUTF8: declare it");
            self.wrong.push((LintCode::NonAsciiAddress, at, text));
        }
    }

    /// Goes to the end of the entry.
    fn skip(&mut self) {
        while !matches!(self.special(), Some(b',' | b';')) && self.peek().is_some() {
            self.next += 1;
        }
    }

    fn invalid(&mut self, what: &str) {
        let at = self.peek().map_or(self.value.len(), |token| token.at);
        let text = format!("{what}, `{}`: write a comma between addresses", shown(&self.value[at..]));
        self.wrong.push((LintCode::InvalidAddress, at, text));
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn special(&self) -> Option<u8> {
        match self.peek()?.kind {
            TokenKind::Special(octet) => Some(octet),
            TokenKind::Atom | TokenKind::Quoted | TokenKind::Literal => None,
        }
    }
}

/// `atom *("." atom)`
fn is_dotted(tokens: &[Token]) -> bool {
    let is_right = |(i, token): (usize, &Token)| match token.kind {
        TokenKind::Atom => i % 2 == 0,
        TokenKind::Special(b'.') => i % 2 == 1,
        TokenKind::Quoted | TokenKind::Literal | TokenKind::Special(_) => false,
    };
    tokens.len() % 2 == 1 && tokens.iter().enumerate().all(is_right)
}

fn tokens(value: &[u8]) -> Vec<Token> {
    let mut found = Vec::new();
    let (mut at, mut is_spaced) = (0, false);
    while let Some(octet) = value.get(at) {
        let (kind, end) = match octet {
            b' ' | b'\t' | b'\r' | b'\n' => {
                (at, is_spaced) = (at + 1, true);
                continue;
            }
            b'(' => {
                (at, is_spaced) = (end_of_comment(value, at), true);
                continue;
            }
            b'"' => (TokenKind::Quoted, end_of(value, at, b'"')),
            b'[' => (TokenKind::Literal, end_of(value, at, b']')),
            octet if is_special(*octet) => (TokenKind::Special(*octet), at + 1),
            _ => {
                let rest = value[at..].iter();
                let len = rest.take_while(|its| !is_special(**its) && !its.is_ascii_whitespace()).count();
                (TokenKind::Atom, at + len)
            }
        };
        found.push(Token { kind, at, len: end - at, is_spaced });
        (at, is_spaced) = (end, false);
    }
    found
}

/// RFC 5322 §3.2.3; control characters count as specials, so that no atom has them.
fn is_special(octet: u8) -> bool {
    b"()<>[]:;@\\,.\"".contains(&octet) || (octet.is_ascii_control() && !octet.is_ascii_whitespace())
}

/// The position behind a quoted string or a literal; a backslash escapes.
fn end_of(value: &[u8], at: usize, close: u8) -> usize {
    let mut end = at + 1;
    while let Some(octet) = value.get(end) {
        match octet {
            b'\\' => end += 2,
            octet if *octet == close => return end + 1,
            _ => end += 1,
        }
    }
    value.len()
}

/// The position behind a comment and the comments in it.
pub(super) fn end_of_comment(value: &[u8], at: usize) -> usize {
    let (mut end, mut depth) = (at, 0);
    while let Some(octet) = value.get(end) {
        match octet {
            b'\\' => end += 1,
            b'(' => depth += 1,
            b')' if depth == 1 => return end + 1,
            b')' => depth -= 1,
            _ => {}
        }
        end += 1;
    }
    value.len()
}

/// A value with a blank in place of each comment.
pub(super) fn without_comments(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(octet) = value.get(at) {
        match octet {
            b'(' => {
                out.push(b' ');
                at = end_of_comment(value, at);
            }
            octet => {
                out.push(*octet);
                at += 1;
            }
        }
    }
    out
}
