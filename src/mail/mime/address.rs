//! Addresses of a header field (RFC 5322 §3.4, §4.4): as sent, and decoded.

use super::header::decode_words;

/// Maximum number of addresses of a field; further ones are ignored.
const MOST_ADDRESSES: usize = 10_000;

/// An address of a header field, with its display name (RFC 5322 §3.4).
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = server.deliver("bob@example.org", "From: Ann Lee <ann@example.org>\r\n\r\n");
/// assert_eq!(mail.from()[0].to_string(), "Ann Lee <ann@example.org>");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Address {
    /// The display name, decoded; a comment after a bare address counts as one.
    pub name: Option<String>,
    /// `local@domain`, without comments.
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

/// One entry of an address list as sent: without quotes, comments and folding, and not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawAddress {
    Mailbox {
        /// The display name; without one, the last comment.
        name: Option<Vec<u8>>,
        /// An obsolete source route (RFC 5322 §4.4).
        route: Option<Vec<u8>>,
        local: Vec<u8>,
        /// Empty if there is no `@`.
        domain: Vec<u8>,
    },
    /// A group of this name begins.
    Group(Vec<u8>),
    GroupEnd,
}

/// The addresses of a field's value, including those in groups.
pub(crate) fn addresses(value: &[u8]) -> Vec<Address> {
    let listed = raw_addresses(value).into_iter();
    listed
        .filter_map(|its| match its {
            RawAddress::Mailbox { name, local, domain, .. } => {
                let name = name.map(|name| decode_words(&name)).filter(|name| !name.is_empty());
                let address = match domain.is_empty() {
                    true => decode_words(&local),
                    false => format!("{}@{}", local_part(&local), String::from_utf8_lossy(&domain)),
                };
                Some(Address { name, address })
            }
            RawAddress::Group(_) | RawAddress::GroupEnd => None,
        })
        .collect()
}

/// The addresses as one text for searching, with decoded names and without comments.
pub(crate) fn address_text(value: &[u8]) -> String {
    let mut out = String::new();
    for its in raw_addresses(value) {
        match its {
            RawAddress::Mailbox { name, local, domain, .. } => {
                let (local, domain) = (String::from_utf8_lossy(&local), String::from_utf8_lossy(&domain));
                let at = if domain.is_empty() { "" } else { "@" };
                match name {
                    Some(name) => out.push_str(&format!("{} <{local}{at}{domain}>, ", decode_words(&name))),
                    None => out.push_str(&format!("{local}{at}{domain}, ")),
                }
            }
            RawAddress::Group(name) => out.push_str(&format!("{}: ", decode_words(&name))),
            RawAddress::GroupEnd => out.push_str("; "),
        }
    }
    out
}

/// A local part, quoted where it must be (RFC 5322 §3.4.1).
fn local_part(local: &[u8]) -> String {
    let text = String::from_utf8_lossy(local);
    let is_special = |c: char| c.is_ascii_control() || " \t()<>[]:;@\\,\"".contains(c);
    match text.contains(is_special) || text.is_empty() {
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => text.into_owned(),
    }
}

/// The entries of a field's value, in order; each group that begins also ends.
pub(crate) fn raw_addresses(value: &[u8]) -> Vec<RawAddress> {
    let mut reader = Reader::default();
    let mut bytes = super::start_of(value).iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    while let Some(byte) = bytes.next() {
        if reader.found.len() >= MOST_ADDRESSES {
            reader.entry = Entry::default();
            break;
        }
        match byte {
            b'(' => reader.entry.comment = comment(&mut bytes),
            b'<' => reader.entry.angle(&mut bytes),
            b':' if !reader.in_group && !reader.entry.has_angle => reader.begin_group(),
            b',' => reader.end(),
            b';' => reader.end_group(),
            b'"' => quoted(&mut bytes, |byte| {
                reader.entry.phrase.push_quoted(byte);
                if !reader.entry.has_angle {
                    reader.entry.address.push_quoted(byte);
                }
            }),
            byte => {
                reader.entry.phrase.push_word(byte);
                if !reader.entry.has_angle {
                    reader.entry.address.push_address(byte);
                }
            }
        }
    }
    reader.end_group();
    reader.found
}

#[derive(Default)]
struct Reader {
    found: Vec<RawAddress>,
    in_group: bool,
    entry: Entry,
}

/// The entry that is being read.
#[derive(Default)]
struct Entry {
    /// The words outside of brackets; and the address: the text in brackets, or all of it without brackets.
    phrase: Text,
    address: Text,
    has_angle: bool,
    route: Option<Vec<u8>>,
    comment: Vec<u8>,
}

/// Octets, and the position of the last unquoted `@` among them.
#[derive(Default)]
struct Text {
    octets: Vec<u8>,
    at: Option<usize>,
    /// The last character was white space.
    is_spaced: bool,
}

impl Text {
    fn push_quoted(&mut self, byte: u8) {
        self.space();
        self.octets.push(byte);
    }

    /// White space between words becomes one blank.
    fn push_word(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' => self.is_spaced = !self.octets.is_empty(),
            byte => self.push_quoted(byte),
        }
    }

    /// White space next to a dot or an `@` has no meaning (RFC 5322 §4.4).
    fn push_address(&mut self, byte: u8) {
        if matches!(byte, b'@' | b'.') || matches!(self.octets.last(), Some(b'@' | b'.')) {
            self.is_spaced &= matches!(byte, b' ' | b'\t');
        }
        if byte == b'@' {
            self.at = Some(self.octets.len());
        }
        if !(matches!(byte, b' ' | b'\t') && matches!(self.octets.last(), Some(b'@' | b'.'))) {
            self.push_word(byte);
        }
    }

    fn space(&mut self) {
        if std::mem::take(&mut self.is_spaced) {
            self.octets.push(b' ');
        }
    }

    fn halves(self) -> (Vec<u8>, Vec<u8>) {
        let Some(at) = self.at else { return (self.octets, Vec::new()) };
        (self.octets[..at].to_vec(), self.octets[at + 1..].to_vec())
    }
}

impl Entry {
    fn angle(&mut self, bytes: &mut impl Iterator<Item = u8>) {
        (self.has_angle, self.address) = (true, Text::default());
        while let Some(byte) = bytes.next() {
            match byte {
                b'>' => return,
                b'(' => drop(comment(bytes)),
                b'"' => quoted(bytes, |byte| self.address.push_quoted(byte)),
                b':' if self.address.octets.first() == Some(&b'@') => {
                    self.route = Some(std::mem::take(&mut self.address).octets);
                }
                byte => self.address.push_address(byte),
            }
        }
    }

    /// `None` if the entry is empty.
    fn finish(self) -> Option<RawAddress> {
        let Self { phrase, address, has_angle, route, comment } = self;
        let some = |text: Vec<u8>| Some(text).filter(|text| !text.is_empty());
        let comment = some(comment.trim_ascii().to_vec());
        if has_angle {
            let (local, domain) = address.halves();
            return Some(RawAddress::Mailbox { name: some(phrase.octets).or(comment), route, local, domain });
        }
        if phrase.octets.is_empty() {
            return None;
        }
        let (local, domain) = if address.at.is_some() { address.halves() } else { (phrase.octets, Vec::new()) };
        Some(RawAddress::Mailbox { name: comment, route, local, domain })
    }
}

impl Reader {
    fn end(&mut self) {
        self.found.extend(std::mem::take(&mut self.entry).finish());
    }

    fn begin_group(&mut self) {
        self.in_group = true;
        self.found.push(RawAddress::Group(std::mem::take(&mut self.entry).phrase.octets));
    }

    fn end_group(&mut self) {
        self.end();
        if std::mem::take(&mut self.in_group) {
            self.found.push(RawAddress::GroupEnd);
        }
    }
}

/// The rest of a quoted string, without its escapes.
fn quoted(bytes: &mut impl Iterator<Item = u8>, mut push: impl FnMut(u8)) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => bytes.next().into_iter().for_each(&mut push),
            byte => push(byte),
        }
    }
}

/// The rest of a comment; nested comments are kept.
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
            _ => {}
        }
        out.push(byte);
    }
    out
}
