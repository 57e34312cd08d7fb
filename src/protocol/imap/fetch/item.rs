//! The items that FETCH can ask for: their grammar, and what is said of a message for each.

use bytes::Bytes;

use super::section::{Section, What};
use super::source::{Partial, Source};
use super::{envelope, section, structure};
use crate::mail::{Message, Part};
use crate::protocol::Reply;
use crate::protocol::imap::parser::{Parsed, Parser, Wrong};

/// A longer list is in the record as a label: it is made of a message, and would be copied under the lock.
const MOST_TEXT: usize = 8 << 10;

/// Items of one FETCH. Real clients ask for twenty.
const MOST_ITEMS: usize = 256;

/// What is asked of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Body,
    BodyStructure,
    Envelope,
    Flags,
    InternalDate,
    Size,
    Uid,
    /// Octets of the message, under the name that the answer gives them.
    Octets {
        name: String,
        section: Section,
        partial: Partial,
        is_peek: bool,
    },
    /// Octets of a part without their transfer encoding.
    Binary {
        name: String,
        path: Vec<u32>,
        partial: Partial,
        is_peek: bool,
    },
    BinarySize {
        name: String,
        path: Vec<u32>,
    },
}

impl Item {
    /// Whether fetching it is reading the message.
    pub(super) fn reads(&self) -> bool {
        matches!(self, Self::Octets { is_peek: false, .. } | Self::Binary { is_peek: false, .. })
    }

    /// Whether the message has to be looked at for it: such items are written apart from the others, and last.
    pub(super) fn is_deep(&self) -> bool {
        !matches!(self, Self::Uid | Self::Flags | Self::InternalDate | Self::Size)
    }

    /// Cheap items come first: some parsers of clients look for UID and FLAGS before a literal, and nowhere else.
    fn rank(&self) -> u8 {
        match self {
            Self::Uid => 0,
            Self::Flags => 1,
            Self::InternalDate => 2,
            Self::Size => 3,
            Self::Envelope => 4,
            Self::Body | Self::BodyStructure => 5,
            Self::BinarySize { .. } => 6,
            Self::Octets { .. } | Self::Binary { .. } => 7,
        }
    }
}

/// The items in the order in which they are answered, each once.
pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Vec<Item>> {
    let at = parser.at();
    let mut asked = match parser.peek() {
        Some(b'(') => {
            let items = parser.list(item)?;
            if items.is_empty() {
                return parser.wrong("expected an item, as FLAGS, in the parentheses");
            }
            items
        }
        _ => macros(parser).map_or_else(|| item(parser).map(|item| vec![item]), Ok)?,
    };
    if asked.len() > MOST_ITEMS {
        return Err(Wrong { at, what: format!("a FETCH has {MOST_ITEMS} items at most") });
    }
    // RFC 3501 §6.4.8: a UID command's answer has the UID.
    if by_uid {
        asked.push(Item::Uid);
    }
    asked.sort_by_key(Item::rank);
    let mut items: Vec<Item> = Vec::with_capacity(asked.len());
    for item in asked {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Ok(items)
}

/// RFC 3501 §6.4.5: ALL, FULL and FAST stand alone.
fn macros(parser: &mut Parser<'_>) -> Option<Vec<Item>> {
    let fast = [Item::Flags, Item::InternalDate, Item::Size];
    if parser.eat_word("FAST") {
        return Some(fast.to_vec());
    }
    let all = [&fast[..], &[Item::Envelope]].concat();
    if parser.eat_word("ALL") {
        return Some(all);
    }
    parser.eat_word("FULL").then(|| [&all[..], &[Item::Body]].concat())
}

fn item(parser: &mut Parser<'_>) -> Parsed<Item> {
    let at = parser.at();
    // An atom-char is `[` too, so the name is taken letter by letter.
    let name = parser.name();
    let whole = |name: &str, what, is_peek| Item::Octets {
        name: name.to_owned(),
        section: Section { path: Vec::new(), what },
        partial: None,
        is_peek,
    };
    let item = match name.as_str() {
        "ENVELOPE" => Item::Envelope,
        "FLAGS" => Item::Flags,
        "INTERNALDATE" => Item::InternalDate,
        "UID" => Item::Uid,
        "BODYSTRUCTURE" => Item::BodyStructure,
        "RFC822" => whole("RFC822", What::All, false),
        "RFC822.HEADER" => whole("RFC822.HEADER", What::Header, true),
        "RFC822.SIZE" => Item::Size,
        "RFC822.TEXT" => whole("RFC822.TEXT", What::Text, false),
        "BODY" if parser.peek() != Some(b'[') => Item::Body,
        "BODY" | "BODY.PEEK" => {
            let (section, name) = section::parse(parser)?;
            let partial = partial(parser)?;
            let name = format!("BODY{name}{}", origin(partial));
            Item::Octets { name, section, partial, is_peek: is_peek(at, parser) }
        }
        "BINARY" | "BINARY.PEEK" => {
            let (path, text) = section::parse_path(parser)?;
            let partial = partial(parser)?;
            let name = format!("BINARY[{text}]{}", origin(partial));
            Item::Binary { name, path, partial, is_peek: is_peek(at, parser) }
        }
        "BINARY.SIZE" => {
            let (path, text) = section::parse_path(parser)?;
            Item::BinarySize { name: format!("BINARY.SIZE[{text}]"), path }
        }
        "ALL" | "FAST" | "FULL" => {
            return Err(Wrong { at, what: format!("{name} stands for several items, so it stands alone") });
        }
        _ => return Err(Wrong { at, what: "expected an item of FETCH, as FLAGS or BODY[]".to_owned() }),
    };
    Ok(item)
}

/// Whether the item that began here is asked for without reading it.
fn is_peek(at: usize, parser: &Parser<'_>) -> bool {
    parser.since(at).to_ascii_uppercase().windows(5).take_while(|its| its[0] != b'[').any(|its| its == b".PEEK")
}

/// `<first.count>`.
fn partial(parser: &mut Parser<'_>) -> Parsed<Partial> {
    if !parser.eat(b'<') {
        return Ok(None);
    }
    let first = parser.number("the first octet")?;
    parser.need(b'.')?;
    let count = parser.nz_number("the count of octets")?;
    parser.need(b'>')?;
    Ok(Some((first, count)))
}

/// RFC 3501 §7.4.2: the answer says where a partial begins.
fn origin(partial: Partial) -> String {
    partial.map_or_else(String::new, |(first, _)| format!("<{first}>"))
}

/// Writes an item that is deep. False where it cannot be had.
pub(super) fn write(item: &Item, source: &mut Source<'_>, out: &mut Reply) -> bool {
    let message = source.message;
    match item {
        Item::Uid | Item::Flags | Item::InternalDate | Item::Size => {}
        Item::Envelope => list("ENVELOPE", message, out, envelope::write),
        Item::Body => list("BODY", message, out, |part, out| structure::write(part, false, out)),
        Item::BodyStructure => list("BODYSTRUCTURE", message, out, |part, out| structure::write(part, true, out)),
        Item::Octets { name, section, partial, .. } => {
            out.add(format_args!("{name} "));
            match source.section(section, *partial) {
                None => out.push("NIL"),
                Some(octets) => literal("", format!("{}{}", message.no(), section::label(name)), octets, out),
            }
        }
        Item::Binary { name, path, partial, .. } => {
            out.add(format_args!("{name} "));
            let Some(octets) = source.decoded(path, *partial) else {
                out.push("NIL");
                return section::part(message.root(), path).is_none();
            };
            // RFC 3516 §4.3: octets with NUL among them are a literal8.
            let sign = if memchr::memchr(0, &octets).is_some() { "~" } else { "" };
            literal(sign, format!("{}{}", message.no(), section::label(name)), octets, out);
        }
        Item::BinarySize { name, path } => {
            let octets = source.decoded_len(path);
            out.add(format_args!("{name} {}", octets.unwrap_or_default()));
            return octets.is_some();
        }
    }
    true
}

/// A list in parentheses, which stay text.
fn list(name: &str, message: &Message, out: &mut Reply, write: impl FnOnce(Part<'_>, &mut Reply)) {
    out.push(name);
    out.push(" ");
    let start = out.text().len();
    write(message.root(), out);
    let end = out.text().len();
    if end - start > MOST_TEXT {
        out.label(start + 1..end - 1, format!("{} {name}", message.no()));
    }
}

fn literal(sign: &str, label: String, octets: Bytes, out: &mut Reply) {
    out.add(format_args!("{sign}{{{}}}\r\n", octets.len()));
    if !octets.is_empty() {
        out.push_labelled(label, octets);
    }
}
