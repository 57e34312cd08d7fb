//! Addresses of a header (RFC 5322 §3.4), as people read them.

use super::header::decode_words;

/// An address of a header field, with the name beside it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Address {
    /// The display name, decoded; a comment behind a bare address counts as one.
    pub name: Option<String>,
    /// `local@domain` as written.
    pub address: String,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => f.write_str(&self.address),
        }
    }
}

/// The addresses of a field's value, those in groups included; what is no address is passed over.
pub(crate) fn addresses(value: &[u8]) -> Vec<Address> {
    let mut reader = Reader::default();
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => reader.quoted(&mut bytes),
            b'(' => reader.comment(&mut bytes),
            b'<' => reader.angle(&mut bytes),
            // The name of a group is no address (RFC 5322 §3.4).
            b':' => reader = Reader { found: reader.found, ..Reader::default() },
            b',' | b';' => reader.end(),
            b'\r' | b'\n' => {}
            byte => reader.text.push(byte),
        }
    }
    reader.end();
    reader.found
}

#[derive(Default)]
struct Reader {
    found: Vec<Address>,
    /// Outside of brackets: a name, or an address without brackets.
    text: Vec<u8>,
    comment: Vec<u8>,
    address: Option<Vec<u8>>,
    was_quoted: bool,
}

impl Reader {
    fn quoted(&mut self, bytes: &mut impl Iterator<Item = u8>) {
        self.was_quoted = true;
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => return,
                b'\\' => self.text.extend(bytes.next()),
                b'\r' | b'\n' => {}
                byte => self.text.push(byte),
            }
        }
    }

    fn comment(&mut self, bytes: &mut impl Iterator<Item = u8>) {
        let mut depth = 1;
        while let Some(byte) = bytes.next() {
            match byte {
                b'(' => depth += 1,
                b')' if depth == 1 => return,
                b')' => depth -= 1,
                b'\\' => {
                    self.comment.extend(bytes.next());
                    continue;
                }
                _ => {}
            }
            self.comment.push(byte);
        }
    }

    fn angle(&mut self, bytes: &mut impl Iterator<Item = u8>) {
        let mut inside: Vec<u8> = Vec::new();
        let mut quoted = false;
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' if quoted => {
                    inside.push(byte);
                    inside.extend(bytes.next());
                    continue;
                }
                b'>' if !quoted => break,
                b'"' => quoted = !quoted,
                b':' if !quoted && inside.first() == Some(&b'@') => {
                    // A source route of old (RFC 5322 §4.4).
                    inside.clear();
                    continue;
                }
                _ => {}
            }
            inside.push(byte);
        }
        self.address = Some(inside);
    }

    fn end(&mut self) {
        let done = std::mem::take(self);
        let text = decode_words(&done.text);
        let comment = decode_words(&done.comment);
        self.found = done.found;
        let (name, address) = match done.address {
            Some(address) => (text, String::from_utf8_lossy(address.trim_ascii()).into_owned()),
            None if text.is_empty() => return,
            // A quoted local part loses its quotes here only if it had brackets to say so.
            None if done.was_quoted && text.contains(' ') => (comment.clone(), quote(&text)),
            None => (comment.clone(), text),
        };
        let name = if name.is_empty() { comment } else { name };
        self.found.push(Address { name: Some(name).filter(|name| !name.is_empty()), address });
    }
}

fn quote(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("\"{local}\"@{domain}"),
        None => address.to_owned(),
    }
}
