//! Changes the parts of a response: an item of FETCH, the size of a literal, a line of a listing, a response code. Each
//! function returns whether the part exists.

use std::ops::Range;

use crate::base::Pattern;
use crate::protocol::Reply;

/// The lines of a text, each with its end.
fn lines(text: &[u8]) -> Vec<Range<usize>> {
    let mut from = 0;
    let whole = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let range = from..from + line.len();
        from = range.end;
        range
    });
    whole.collect()
}

/// An item of FETCH: the positions of its name and value.
struct Item {
    name: Range<usize>,
    value: Range<usize>,
}

/// Reads `* n FETCH (…)` responses. A literal is a labelled piece, or part of the text.
struct Scanner<'r> {
    reply: &'r Reply,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.reply.text().get(self.at).copied()
    }

    fn until(&mut self, stop: impl Fn(u8) -> bool) -> Range<usize> {
        let from = self.at;
        while self.peek().is_some_and(|byte| !stop(byte)) {
            self.at += 1;
        }
        from..self.at
    }

    /// An item's name: brackets may contain blanks and parentheses.
    fn name(&mut self) -> Range<usize> {
        let from = self.at;
        let mut depth = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                b' ' | b')' | b'\r' if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        from..self.at
    }

    /// A number, an atom, a string, a literal, or a list.
    fn value(&mut self) -> Range<usize> {
        let from = self.at;
        match self.peek() {
            Some(b'(') => {
                self.at += 1;
                while let Some(byte) = self.peek().filter(|byte| *byte != b')') {
                    if byte == b' ' {
                        self.at += 1;
                    } else if self.value().is_empty() {
                        break;
                    }
                }
                self.at += 1;
            }
            Some(b'"') => {
                self.at += 1;
                while let Some(byte) = self.peek().filter(|byte| *byte != b'"') {
                    self.at += if byte == b'\\' { 2 } else { 1 };
                }
                self.at += 1;
            }
            Some(b'{' | b'~') => {
                let size = self.until(|byte| byte == b'\r');
                let size: String =
                    self.reply.text()[size].iter().filter(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
                self.at += 2;
                if self.reply.labelled_at(self.at).is_none() {
                    self.at += size.parse::<usize>().unwrap_or(0);
                }
            }
            _ => {
                self.until(|byte| matches!(byte, b' ' | b')' | b'\r'));
            }
        }
        self.at = self.at.min(self.reply.text().len());
        from..self.at
    }
}

/// The items of the FETCH responses in a reply.
fn items(reply: &Reply) -> Vec<Item> {
    let mut scanner = Scanner { reply, at: 0 };
    let mut found = Vec::new();
    while scanner.peek().is_some() {
        let start = scanner.at;
        let head = scanner.until(|byte| matches!(byte, b'(' | b'\n'));
        if scanner.peek() != Some(b'(') || !reply.text()[head].ends_with(b" FETCH ") {
            scanner.at = start;
            scanner.until(|byte| byte == b'\n');
            scanner.at += 1;
            continue;
        }
        scanner.at += 1;
        while scanner.peek().is_some_and(|byte| byte != b')') {
            let name = scanner.name();
            scanner.until(|byte| byte != b' ');
            let value = scanner.value();
            if name.is_empty() && value.is_empty() {
                break;
            }
            found.push(Item { name, value });
            scanner.until(|byte| byte != b' ');
        }
        scanner.until(|byte| byte == b'\n');
        scanner.at += 1;
    }
    found
}

/// Replaces the value of the items of this name, or drops them.
pub(in crate::rule) fn item(reply: &mut Reply, wanted: &Pattern, value: Option<&[u8]>) -> bool {
    let mut found = false;
    for item in items(reply).into_iter().rev() {
        let name = String::from_utf8_lossy(&reply.text()[item.name.clone()]).into_owned();
        if !wanted.matches_word(&name) {
            continue;
        }
        found = true;
        match value {
            Some(value) => reply.splice(item.value, value),
            None => {
                // Also removes the blank next to the item.
                let (mut from, mut to) = (item.name.start, item.value.end);
                if reply.text().get(to) == Some(&b' ') {
                    to += 1;
                } else if from > 0 && reply.text()[from - 1] == b' ' {
                    from -= 1;
                }
                reply.splice(from..to, b"");
            }
        }
    }
    found
}

/// Puts the items of each response in the order of the first name that matches each. The other items come behind them.
pub(in crate::rule) fn order(reply: &mut Reply, names: &[Pattern]) -> bool {
    let mut ordered = reply.empty_like();
    let (mut from, mut found) = (0, false);
    let all = items(reply);
    let is_gap =
        |one: &Item, next: &Item| reply.text()[one.value.end..next.name.start].iter().all(|byte| *byte == b' ');
    for items in all.chunk_by(is_gap) {
        let rank = |item: &&Item| {
            let name = String::from_utf8_lossy(&reply.text()[item.name.clone()]);
            names.iter().position(|wanted| wanted.matches_word(&name)).unwrap_or(names.len())
        };
        found |= items.iter().any(|item| rank(&item) < names.len());
        let mut sorted: Vec<&Item> = items.iter().collect();
        sorted.sort_by_key(rank);
        for (place, item) in items.iter().zip(sorted) {
            ordered.append(reply.part(from..place.name.start));
            ordered.append(reply.part(item.name.start..item.value.end));
            from = place.value.end;
        }
    }
    ordered.append(reply.part(from..reply.text().len()));
    *reply = ordered;
    found
}

/// Changes the announced size of each literal: `size` computes it from the right one.
pub(in crate::rule) fn literals(reply: &mut Reply, size: &dyn Fn(u64) -> u64) -> bool {
    let mut found = false;
    for item in items(reply).into_iter().rev() {
        let text = &reply.text()[item.value.clone()];
        let Some(open) = text.iter().position(|byte| *byte == b'{').filter(|at| *at <= 1) else { continue };
        let Some(close) = text.iter().position(|byte| *byte == b'}') else { continue };
        let there_are = String::from_utf8_lossy(&text[open + 1..close]).parse().unwrap_or(0);
        let digits = item.value.start + open + 1..item.value.start + close;
        reply.splice(digits, size(there_are).to_string().as_bytes());
        found = true;
    }
    found
}

/// Changes the line of a listing that begins with this number, or the status line if it is the listing. `new` returns
/// the new word; `None` drops the line.
pub(in crate::rule) fn listing(reply: &mut Reply, line: usize, new: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> bool {
    let mut found = false;
    let number = format!("{line} ");
    let all = lines(reply.text());
    let status = if all.len() > 1 { 1 } else { 0 };
    for range in all.into_iter().skip(status).rev() {
        let text = &reply.text()[range.clone()];
        let own = text.strip_prefix(b"+OK ").unwrap_or(text);
        let Some(rest) = own.strip_prefix(number.as_bytes()) else { continue };
        let word = rest.iter().position(|byte| matches!(byte, b' ' | b'\r')).unwrap_or(rest.len());
        let from = range.end - rest.len();
        found = true;
        match new(&rest[..word]) {
            None => reply.splice(range, b""),
            Some(new) => reply.splice(from..from + word, &new),
        }
    }
    found
}

/// Changes `[NAME …]` after a status. Dropping the code also drops an untagged line without other text.
pub(in crate::rule) fn code(reply: &mut Reply, name: &str, value: Option<&[u8]>) -> bool {
    let mut found = false;
    for range in lines(reply.text()).into_iter().rev() {
        let text = &reply.text()[range.clone()];
        let Some(open) = text.iter().position(|byte| *byte == b'[') else { continue };
        let Some(close) = text[open..].iter().position(|byte| *byte == b']').map(|at| open + at) else { continue };
        let inner = String::from_utf8_lossy(&text[open + 1..close]).into_owned();
        let word = inner.split(' ').next().unwrap_or_default();
        if !word.eq_ignore_ascii_case(name) {
            continue;
        }
        found = true;
        let (open, close) = (range.start + open, range.start + close);
        match value {
            Some(value) => reply.splice(open + 1..close, &[word.as_bytes(), b" ", value].concat()),
            None if text.starts_with(b"* OK [") => reply.splice(range, b""),
            None => {
                let blank = usize::from(reply.text().get(close + 1) == Some(&b' '));
                reply.splice(open..close + 1 + blank, b"");
            }
        }
    }
    found
}
