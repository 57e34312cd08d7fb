//! ENVELOPE (RFC 3501 §7.4.2): a summary of the header, as it was sent: folded lines joined, nothing decoded.

use crate::mail::Part;
use crate::protocol::Reply;

pub(super) fn write(part: Part<'_>, out: &mut Reply) {
    let list = |name: &str| part.raw_header(name).map(addresses).unwrap_or_default();
    let from = list("from");
    out.push("(");
    out.nstring(part.unfolded("date").as_deref());
    out.push(" ");
    out.nstring(part.unfolded("subject").as_deref());
    for name in ["from", "sender", "reply-to", "to", "cc", "bcc"] {
        out.push(" ");
        let its = list(name);
        // Without a Sender or Reply-To of its own, the message is from whom it is from.
        let is_absent = its.is_empty() && matches!(name, "sender" | "reply-to");
        write_list(if is_absent { &from } else { &its }, out);
    }
    for name in ["in-reply-to", "message-id"] {
        out.push(" ");
        out.nstring(part.unfolded(name).as_deref());
    }
    out.push(")");
}

fn write_list(addresses: &[Address], out: &mut Reply) {
    if addresses.is_empty() {
        return out.push("NIL");
    }
    out.push("(");
    for Address { name, route, mailbox, host } in addresses {
        out.push("(");
        for (i, field) in [name, route, mailbox, host].into_iter().enumerate() {
            if i > 0 {
                out.push(" ");
            }
            out.nstring(field.as_deref());
        }
        out.push(")");
    }
    out.push(")");
}

/// An address, or the beginning of a group (no host) or its end (no mailbox either).
#[derive(Debug, Default, PartialEq, Eq)]
struct Address {
    name: Option<Vec<u8>>,
    route: Option<Vec<u8>>,
    mailbox: Option<Vec<u8>>,
    host: Option<Vec<u8>>,
}

/// The addresses of a field's value (RFC 5322 §3.4, §4.4), groups included.
fn addresses(value: &[u8]) -> Vec<Address> {
    let mut reader = Reader::default();
    let mut bytes = value.iter().copied();
    let mut in_group = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                let text = quoted(&mut bytes);
                reader.bare.push(b'"');
                reader.bare.extend(text.iter().flat_map(|byte| match byte {
                    b'"' | b'\\' => vec![b'\\', *byte],
                    byte => vec![*byte],
                }));
                reader.bare.push(b'"');
                reader.words.extend(text);
            }
            b'(' => reader.comment = comment(&mut bytes),
            b'<' => reader.angle = Some(angle(&mut bytes)),
            b':' if !in_group && reader.angle.is_none() => {
                in_group = true;
                let name = trimmed(&reader.words);
                let read = std::mem::take(&mut reader);
                reader.found = read.found;
                reader.found.push(Address { mailbox: Some(name), ..Address::default() });
            }
            b',' => reader.end(),
            b';' => {
                reader.end();
                if std::mem::take(&mut in_group) {
                    reader.found.push(Address::default());
                }
            }
            b'\r' | b'\n' => {}
            b' ' | b'\t' => {
                if reader.words.last().is_some_and(|last| *last != b' ') {
                    reader.words.push(b' ');
                }
            }
            byte => {
                reader.words.push(byte);
                reader.bare.push(byte);
            }
        }
    }
    reader.end();
    if in_group {
        reader.found.push(Address::default());
    }
    reader.found
}

#[derive(Default)]
struct Reader {
    found: Vec<Address>,
    /// What stands outside of brackets: as words without quotes, and as an address with them.
    words: Vec<u8>,
    bare: Vec<u8>,
    comment: Vec<u8>,
    angle: Option<Vec<u8>>,
}

impl Reader {
    fn end(&mut self) {
        let Reader { found, words, bare, comment, angle } = std::mem::take(self);
        self.found = found;
        let words = trimmed(&words);
        let some = |text: Vec<u8>| Some(text).filter(|text| !text.is_empty());
        let address = match angle {
            Some(inside) => {
                let (route, address) = match inside.first() {
                    Some(b'@') => match memchr::memchr(b':', &inside) {
                        Some(at) => (Some(inside[..at].to_vec()), inside[at + 1..].to_vec()),
                        None => (None, inside),
                    },
                    _ => (None, inside),
                };
                let (mailbox, host) = halves(&address);
                Address {
                    name: some(words).or(some(trimmed(&comment))),
                    route,
                    mailbox: Some(mailbox),
                    host: Some(host),
                }
            }
            None if bare.contains(&b'@') => {
                let (mailbox, host) = halves(&bare);
                Address { name: some(trimmed(&comment)), route: None, mailbox: Some(mailbox), host: Some(host) }
            }
            None if words.is_empty() => return,
            // No address at all. NIL for a host would begin a group, so it is empty.
            None => {
                Address { name: some(trimmed(&comment)), route: None, mailbox: Some(words), host: Some(Vec::new()) }
            }
        };
        self.found.push(address);
    }
}

/// The two sides of the last `@` that is in no quoted string; the mailbox without its quoting.
fn halves(address: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let address: Vec<u8> = address.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let address = address.trim_ascii();
    let at = memchr::memrchr(b'@', address).filter(|at| !address[*at..].contains(&b'"'));
    let (mailbox, host) = match at {
        Some(at) => (&address[..at], &address[at + 1..]),
        None => (address, &[][..]),
    };
    let mailbox = match mailbox.strip_prefix(b"\"") {
        Some(inside) => quoted(&mut inside.iter().copied()),
        None => mailbox.to_vec(),
    };
    (mailbox, host.to_vec())
}

fn quoted(bytes: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => out.extend(bytes.next()),
            b'\r' | b'\n' => {}
            byte => out.push(byte),
        }
    }
    out
}

fn comment(bytes: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    let (mut out, mut depth) = (Vec::new(), 1);
    while let Some(byte) = bytes.next() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => break,
            b')' => depth -= 1,
            b'\\' => {
                out.extend(bytes.next());
                continue;
            }
            b'\r' | b'\n' => continue,
            _ => {}
        }
        out.push(byte);
    }
    out
}

fn angle(bytes: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    let (mut out, mut is_quoted) = (Vec::new(), false);
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if is_quoted => {
                out.push(byte);
                out.extend(bytes.next());
                continue;
            }
            b'>' if !is_quoted => break,
            b'"' => is_quoted = !is_quoted,
            b'\r' | b'\n' => continue,
            _ => {}
        }
        out.push(byte);
    }
    out
}

fn trimmed(text: &[u8]) -> Vec<u8> {
    text.trim_ascii().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(value: &str) -> String {
        let mut out = Reply::default();
        write_list(&addresses(value.as_bytes()), &mut out);
        String::from_utf8(out.pieces().collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn addresses_are_given_as_they_were_sent() {
        for (value, expected) in [
            ("ann@example.org", r#"((NIL NIL "ann" "example.org"))"#),
            ("Ann <ann@example.org>", r#"(("Ann" NIL "ann" "example.org"))"#),
            ("\"Ann, B.\" <ann@example.org>", r#"(("Ann, B." NIL "ann" "example.org"))"#),
            ("=?utf-8?q?J=C3=BCrgen?=\r\n <j@x>", r#"(("=?utf-8?q?J=C3=BCrgen?=" NIL "j" "x"))"#),
            ("ann@example.org (Ann)", r#"(("Ann" NIL "ann" "example.org"))"#),
            ("Joe <@a,@b:joe@x>", r#"(("Joe" "@a,@b" "joe" "x"))"#),
            ("\"a b\"@c, d@e", r#"((NIL NIL "a b" "c")(NIL NIL "d" "e"))"#),
            (
                "Team: a@x, b@y;, c@z",
                r#"((NIL NIL "Team" NIL)(NIL NIL "a" "x")(NIL NIL "b" "y")(NIL NIL NIL NIL)(NIL NIL "c" "z"))"#,
            ),
            ("undisclosed-recipients:;", r#"((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))"#),
            ("Ann <\"a\\\"b\"@x>, Carol <c@y>", r#"(("Ann" NIL "a\"b" "x")("Carol" NIL "c" "y"))"#),
            ("nobody", r#"((NIL NIL "nobody" ""))"#),
            ("", "NIL"),
        ] {
            assert_eq!(list(value), expected, "{value}");
        }
    }
}
