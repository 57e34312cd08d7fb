//! Changes of the parts of a response: an item of FETCH, the size of a literal, a line of a listing, a response code.

use std::ops::Range;

use super::step::Literal;
use crate::base::Pattern;
use crate::protocol::Reply;

/// What is changed, with its texts filled in.
#[derive(Debug)]
pub(super) enum Parts {
    Item { name: Pattern, value: Option<Vec<u8>> },
    Literal(Literal),
    Listing { line: usize, change: Option<(Option<Vec<u8>>, Option<Literal>)> },
    Code { name: Box<str>, value: Option<Vec<u8>> },
}

impl Literal {
    pub(crate) fn of(self, there_are: u64) -> u64 {
        match self {
            Self::Off(more) => there_are.saturating_add_signed(more),
            Self::Exactly(number) => number,
        }
    }
}

impl Parts {
    /// The reply with its parts changed, and whether they are there.
    pub(super) fn change(&self, mut reply: Reply) -> (Reply, bool) {
        let found = match self {
            Self::Item { name, value } => item(&mut reply, name, value.as_deref()),
            Self::Literal(size) => literals(&mut reply, *size),
            Self::Listing { line, change } => listing(&mut reply, *line, change.as_ref()),
            Self::Code { name, value } => code(&mut reply, name, value.as_deref()),
        };
        (reply, found)
    }

    pub(super) fn told(&self) -> String {
        match self {
            Self::Item { name, value: Some(_) } => format!("{} replaced", name.written()),
            Self::Item { name, value: None } => format!("{} dropped", name.written()),
            Self::Literal(Literal::Off(more)) => format!("literals announce {more:+}"),
            Self::Literal(Literal::Exactly(size)) => format!("literals announce {size}"),
            Self::Listing { line, change: None } => format!("line {line} of the listing dropped"),
            Self::Listing { line, .. } => format!("line {line} of the listing changed"),
            Self::Code { name, value: Some(_) } => format!("[{name}] replaced"),
            Self::Code { name, value: None } => format!("[{name}] dropped"),
        }
    }
}

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

/// An item of FETCH: where its name and its value stand.
struct Item {
    name: Range<usize>,
    value: Range<usize>,
}

/// Reads `* n FETCH (…)` responses; literals are labelled octets, or stand in the text.
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

    /// An item's name: brackets may hold blanks and parentheses.
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

    /// A number, an atom, a string, a literal, a list.
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

/// The items of the responses in a reply that are a FETCH's.
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

fn item(reply: &mut Reply, wanted: &Pattern, value: Option<&[u8]>) -> bool {
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
                // The blank that parts it from its neighbour goes too.
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

fn literals(reply: &mut Reply, size: Literal) -> bool {
    let mut found = false;
    for item in items(reply).into_iter().rev() {
        let text = &reply.text()[item.value.clone()];
        let Some(open) = text.iter().position(|byte| *byte == b'{').filter(|at| *at <= 1) else { continue };
        let Some(close) = text.iter().position(|byte| *byte == b'}') else { continue };
        let there_are = String::from_utf8_lossy(&text[open + 1..close]).parse().unwrap_or(0);
        let digits = item.value.start + open + 1..item.value.start + close;
        reply.splice(digits, size.of(there_are).to_string().as_bytes());
        found = true;
    }
    found
}

/// The line that begins with this number, behind the status line; or the status line's own, where it is the answer.
fn listing(reply: &mut Reply, line: usize, change: Option<&(Option<Vec<u8>>, Option<Literal>)>) -> bool {
    let mut found = false;
    let number = format!("{line} ");
    let all = lines(reply.text());
    let status = if all.len() > 1 { 1 } else { 0 };
    for range in all.into_iter().skip(status).rev() {
        let text = &reply.text()[range.clone()];
        let own = text.strip_prefix(b"+OK ").unwrap_or(text);
        if !own.starts_with(number.as_bytes()) {
            continue;
        }
        let from = range.end - own.len() + number.len();
        found = true;
        match change {
            None => reply.splice(range, b""),
            Some((uid, size)) => {
                let rest = reply.text()[from..range.end].to_vec();
                let word = rest.iter().position(|byte| matches!(byte, b' ' | b'\r')).unwrap_or(rest.len());
                let new = match (uid, size) {
                    (Some(uid), _) => uid.clone(),
                    (None, Some(size)) => {
                        let there_are = String::from_utf8_lossy(&rest[..word]).parse().unwrap_or(0);
                        size.of(there_are).to_string().into_bytes()
                    }
                    (None, None) => continue,
                };
                reply.splice(from..from + word, &new);
            }
        }
    }
    found
}

/// `[NAME …]` behind a status. An untagged line that says nothing else goes with it.
fn code(reply: &mut Reply, name: &str, value: Option<&[u8]>) -> bool {
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn fetched() -> Reply {
        let mut reply = Reply::default();
        reply.push("* 2 FETCH (UID 5 BODY[HEADER.FIELDS (A B)] {5}\r\n");
        reply.push_labelled("m1", Bytes::from_static(b"a\r\nbc"));
        reply.push(" ENVELOPE (\"a)\" NIL {2}\r\nxy (1)) FLAGS (\\Seen))\r\n");
        reply
    }

    fn changed(parts: Parts, reply: Reply) -> String {
        let octets: Vec<u8> = parts.change(reply).0.pieces().flatten().copied().collect();
        String::from_utf8(octets).unwrap()
    }

    fn item_of(name: &str, value: Option<&str>) -> String {
        let value = value.map(|value| value.as_bytes().to_vec());
        changed(Parts::Item { name: Pattern::parse(name).unwrap(), value }, fetched())
    }

    #[test]
    fn items_are_replaced_and_dropped() {
        let head = "* 2 FETCH (UID 5 BODY[HEADER.FIELDS (A B)] {5}\r\na\r\nbc ";
        assert_eq!(item_of("envelope", Some("NIL")), format!("{head}ENVELOPE NIL FLAGS (\\Seen))\r\n"));
        assert_eq!(item_of("flags", None), format!("{head}ENVELOPE (\"a)\" NIL {{2}}\r\nxy (1)))\r\n"));
        assert_eq!(item_of("BODY[*", None), "* 2 FETCH (UID 5 ENVELOPE (\"a)\" NIL {2}\r\nxy (1)) FLAGS (\\Seen))\r\n");
        assert_eq!(
            item_of("UID", Some("-1")),
            changed(Parts::Literal(Literal::Off(0)), fetched()).replace("UID 5", "UID -1")
        );
    }

    #[test]
    fn what_is_no_fetch_is_left_as_it_is() {
        let mut reply = Reply::from(b"* 5 EXISTS\r\n* STATUS a (UID 1)\r\n".to_vec());
        reply.push("* 2 FETCH (UID 5 FLAGS ())\r\n* 6 EXISTS\r\n");

        let text = changed(Parts::Item { name: Pattern::parse("UID").unwrap(), value: Some(b"7".to_vec()) }, reply);

        assert_eq!(text, "* 5 EXISTS\r\n* STATUS a (UID 1)\r\n* 2 FETCH (UID 7 FLAGS ())\r\n* 6 EXISTS\r\n");
    }

    #[test]
    fn an_item_with_a_label_in_its_parentheses_is_changed_as_a_whole() {
        let item = |value: Option<&str>| {
            let mut reply = Reply::from(b"* 2 FETCH (UID 5 ENVELOPE (long) BODY NIL)\r\n".to_vec());
            let at = reply.text().iter().position(|byte| *byte == b'l').unwrap();
            reply.label(at..at + 4, "m1 ENVELOPE");
            let (name, value) = (Pattern::parse("ENVELOPE").unwrap(), value.map(|value| value.as_bytes().to_vec()));
            changed(Parts::Item { name, value }, reply)
        };
        assert_eq!(item(Some("NIL")), "* 2 FETCH (UID 5 ENVELOPE NIL BODY NIL)\r\n");
        assert_eq!(item(None), "* 2 FETCH (UID 5 BODY NIL)\r\n");
    }

    #[test]
    fn a_quoted_string_ends_at_the_quote_without_a_backslash() {
        let reply = Reply::from(br#"* 2 FETCH (ENVELOPE ("a\" UID 1) \\" NIL) UID 5)"#.to_vec());

        let text = changed(Parts::Item { name: Pattern::parse("UID").unwrap(), value: Some(b"7".to_vec()) }, reply);

        assert_eq!(text, r#"* 2 FETCH (ENVELOPE ("a\" UID 1) \\" NIL) UID 7)"#);
    }

    #[test]
    fn of_an_item_that_is_dropped_no_blank_stays_and_nothing_else_goes() {
        for (fetched, left) in
            [("(UID 5 FLAGS ())", "(FLAGS ())"), ("(FLAGS () UID 5)", "(FLAGS ())"), ("(UID 5)", "()")]
        {
            let reply = Reply::from(format!("* 2 FETCH {fetched}\r\n").into_bytes());
            let text = changed(Parts::Item { name: Pattern::parse("UID").unwrap(), value: None }, reply);
            assert_eq!(text, format!("* 2 FETCH {left}\r\n"));
        }
    }

    #[test]
    fn a_report_says_what_was_changed() {
        let (value, name) = (Some(b"7".to_vec()), || Pattern::parse("UID").unwrap());
        for (parts, told) in [
            (Parts::Item { name: name(), value: value.clone() }, "UID replaced"),
            (Parts::Item { name: name(), value: None }, "UID dropped"),
            (Parts::Literal(Literal::Off(7)), "literals announce +7"),
            (Parts::Literal(Literal::Exactly(7)), "literals announce 7"),
            (Parts::Listing { line: 2, change: None }, "line 2 of the listing dropped"),
            (Parts::Listing { line: 2, change: Some((value.clone(), None)) }, "line 2 of the listing changed"),
            (Parts::Code { name: "UIDNEXT".into(), value }, "[UIDNEXT] replaced"),
            (Parts::Code { name: "UIDNEXT".into(), value: None }, "[UIDNEXT] dropped"),
        ] {
            assert_eq!(parts.told(), told);
        }
    }

    #[test]
    fn a_literal_announces_what_it_is_told_to() {
        let text = changed(Parts::Literal(Literal::Off(7)), fetched());
        assert!(text.contains("{12}\r\na\r\nbc ENV"), "{text}");
        let text = changed(Parts::Literal(Literal::Exactly(4_294_967_295)), fetched());
        assert!(text.contains("{4294967295}\r\na\r\nbc ENV"), "{text}");
        // RFC 3516 §4.2: one that may hold NUL.
        let reply = Reply::from(b"* 2 FETCH (BINARY[] ~{2}\r\n\0\0 UID 5)\r\n".to_vec());
        let text = changed(Parts::Literal(Literal::Off(-1)), reply);
        assert_eq!(text, "* 2 FETCH (BINARY[] ~{1}\r\n\0\0 UID 5)\r\n");
    }

    #[test]
    fn listings_and_codes() {
        let list = || Reply::from(b"+OK 3\r\n1 10\r\n2 20\r\n3 30\r\n.\r\n".to_vec());
        let listing = |line, change| changed(Parts::Listing { line, change }, list());
        assert_eq!(listing(3, None), "+OK 3\r\n1 10\r\n2 20\r\n.\r\n");
        assert_eq!(listing(2, Some((None, Some(Literal::Off(10))))), "+OK 3\r\n1 10\r\n2 30\r\n3 30\r\n.\r\n");
        assert_eq!(listing(1, Some((Some(b"x".to_vec()), None))), "+OK 3\r\n1 x\r\n2 20\r\n3 30\r\n.\r\n");
        let one = || Reply::from(b"* OK [UIDNEXT 5] next\r\nA1 OK [READ-WRITE] done\r\n".to_vec());
        let code = |name: &str, value: Option<&str>| {
            changed(Parts::Code { name: name.into(), value: value.map(|its| its.as_bytes().to_vec()) }, one())
        };
        assert_eq!(code("uidnext", None), "A1 OK [READ-WRITE] done\r\n");
        assert_eq!(code("UIDNEXT", Some("0")), "* OK [UIDNEXT 0] next\r\nA1 OK [READ-WRITE] done\r\n");
        assert_eq!(code("READ-WRITE", None), "* OK [UIDNEXT 5] next\r\nA1 OK done\r\n");
    }
}
