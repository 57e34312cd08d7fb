//! The items of FETCH: their grammar, and their order in the response.

use std::fmt;

use super::octets::Octets;
use super::source::{Partial, Source};
use super::{envelope, structure};
use crate::mail::{Message, Part};
use crate::protocol::Reply;
use crate::protocol::imap::extension::EXTENSIONS;
use crate::protocol::imap::parser::{Parsed, Parser, SyntaxError};

/// A longer list is recorded as a label, because copying it would take long under the lock.
const MOST_TEXT: usize = 8 << 10;

/// The maximum number of items of one FETCH. Real clients request at most twenty.
const MOST_ITEMS: usize = 256;

/// An item of FETCH.
#[derive(Debug)]
pub(in crate::protocol::imap) enum FetchItem {
    Uid,
    Flags,
    InternalDate,
    Size,
    /// An item for which the message has to be read. Such items are computed apart from the others, and come last.
    Deep(Box<dyn DeepItem>),
}

/// An item for which the message has to be read.
pub(in crate::protocol::imap) trait DeepItem: fmt::Debug + Send {
    /// Its position among the deep items. Cheap items come first.
    fn rank(&self) -> Rank;

    /// Its name in the response, its partial range, and whether it leaves `\Seen` unchanged. Of two items that are
    /// equal in these, only one is sent.
    fn identity(&self) -> (&str, Partial, IsPeek);

    /// Writes name and value. Returns false if the transfer encoding of a part is unknown.
    fn write(&self, source: &mut Source<'_>, out: &mut Reply) -> bool;
}

/// The order of deep items in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::protocol::imap) enum Rank {
    Envelope,
    Structure,
    Number,
    Octets,
}

/// Whether an item leaves the flag `\Seen` unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol::imap) enum IsPeek {
    Yes,
    No,
}

/// The name of an item, and the parser for what follows it.
#[derive(Debug)]
pub(in crate::protocol::imap) struct FetchItemSpec {
    /// Letters, digits and dots, in upper case.
    pub(in crate::protocol::imap) name: &'static str,
    /// Parses what follows the name.
    pub(in crate::protocol::imap) parse: fn(&mut Parser<'_>) -> Parsed<FetchItem>,
}

/// The items of the base protocol.
pub(in crate::protocol::imap) const RFC3501_ITEMS: &[FetchItemSpec] = &[
    FetchItemSpec { name: "UID", parse: |_| Ok(FetchItem::Uid) },
    FetchItemSpec { name: "FLAGS", parse: |_| Ok(FetchItem::Flags) },
    FetchItemSpec { name: "INTERNALDATE", parse: |_| Ok(FetchItem::InternalDate) },
    FetchItemSpec { name: "RFC822.SIZE", parse: |_| Ok(FetchItem::Size) },
    FetchItemSpec { name: "ENVELOPE", parse: |_| Ok(FetchItem::deep(envelope::Envelope)) },
    FetchItemSpec { name: "BODYSTRUCTURE", parse: |_| Ok(FetchItem::deep(structure::Structure { is_extended: true })) },
    FetchItemSpec {
        name: "BODY",
        parse: |parser| match parser.peek() {
            Some(b'[') => Octets::parse(parser, IsPeek::No),
            _ => Ok(FetchItem::deep(structure::Structure { is_extended: false })),
        },
    },
    FetchItemSpec { name: "BODY.PEEK", parse: |parser| Octets::parse(parser, IsPeek::Yes) },
    FetchItemSpec { name: "RFC822", parse: |_| Ok(Octets::rfc822()) },
    FetchItemSpec { name: "RFC822.HEADER", parse: |_| Ok(Octets::rfc822_header()) },
    FetchItemSpec { name: "RFC822.TEXT", parse: |_| Ok(Octets::rfc822_text()) },
];

impl FetchItem {
    pub(in crate::protocol::imap) fn deep(item: impl DeepItem + 'static) -> Self {
        Self::Deep(Box::new(item))
    }

    /// Whether it sets `\Seen`.
    pub(super) fn sets_seen(&self) -> bool {
        self.as_deep().is_some_and(|item| item.identity().2 == IsPeek::No)
    }

    pub(super) fn as_deep(&self) -> Option<&dyn DeepItem> {
        match self {
            Self::Deep(item) => Some(&**item),
            Self::Uid | Self::Flags | Self::InternalDate | Self::Size => None,
        }
    }

    /// Cheap items come first, because some clients look for UID and FLAGS only before the first literal.
    fn rank(&self) -> (u8, Option<Rank>) {
        match self {
            Self::Uid => (0, None),
            Self::Flags => (1, None),
            Self::InternalDate => (2, None),
            Self::Size => (3, None),
            Self::Deep(item) => (4, Some(item.rank())),
        }
    }

    /// Its name in the response.
    fn name(&self) -> &str {
        match self {
            Self::Uid => "UID",
            Self::Flags => "FLAGS",
            Self::InternalDate => "INTERNALDATE",
            Self::Size => "RFC822.SIZE",
            Self::Deep(item) => item.identity().0,
        }
    }

    fn is_same_as(&self, other: &Self) -> bool {
        match (self.as_deep(), other.as_deep()) {
            (Some(one), Some(other)) => one.identity() == other.identity(),
            (None, None) => self.rank() == other.rank(),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// Parses the items. Returns them in the order of the response, each once.
pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Vec<FetchItem>> {
    let at = parser.at();
    let mut asked = if parser.peek() == Some(b'(') {
        let items = parser.list(item)?;
        if items.is_empty() {
            return parser.wrong("expected an item such as FLAGS in the parentheses");
        }
        items
    } else {
        macros(parser).map_or_else(|| item(parser).map(|item| vec![item]), Ok)?
    };
    if asked.len() > MOST_ITEMS {
        return Err(SyntaxError { at, what: format!("a FETCH may have at most {MOST_ITEMS} items") });
    }
    // RFC 3501 §6.4.8: the answer to a UID command contains the UID.
    if by_uid {
        asked.push(FetchItem::Uid);
    }
    asked.sort_by_key(FetchItem::rank);
    let mut items: Vec<FetchItem> = Vec::with_capacity(asked.len());
    for item in asked {
        if !items.iter().any(|its| its.is_same_as(&item)) {
            items.push(item);
        }
    }
    Ok(items)
}

/// The macros ALL, FULL and FAST, which cannot be combined (RFC 3501 §6.4.5).
fn macros(parser: &mut Parser<'_>) -> Option<Vec<FetchItem>> {
    let mut items = vec![FetchItem::Flags, FetchItem::InternalDate, FetchItem::Size];
    if parser.eat_word("FAST") {
        return Some(items);
    }
    items.push(FetchItem::deep(envelope::Envelope));
    if parser.eat_word("ALL") {
        return Some(items);
    }
    items.push(FetchItem::deep(structure::Structure { is_extended: false }));
    parser.eat_word("FULL").then_some(items)
}

fn item(parser: &mut Parser<'_>) -> Parsed<FetchItem> {
    let at = parser.at();
    // `[` is an atom-char, but not part of the name.
    let name = parser.name();
    if let Some(spec) = EXTENSIONS.iter().flat_map(|extension| extension.fetch_items).find(|spec| spec.name == name) {
        return (spec.parse)(parser);
    }
    let what = match name.as_str() {
        "ALL" | "FAST" | "FULL" => format!("{name} is a macro and cannot be combined with other items"),
        _ => "expected a FETCH item such as FLAGS or BODY[]".to_owned(),
    };
    Err(SyntaxError { at, what })
}

/// The name that an item has in responses, if a client can request it by this name. Also reads the name of a response to
/// a partial request, such as `BODY[]<10>`.
pub(crate) fn name_in_responses(written: &str) -> Option<String> {
    let (whole, origin) = match written.strip_suffix('>').and_then(|open| open.rsplit_once('<')) {
        Some((whole, first)) if first.bytes().all(|byte| byte.is_ascii_digit()) => (whole, &written[whole.len()..]),
        _ => (written, ""),
    };
    let mut parser = Parser::new(whole.as_bytes(), &[]);
    let item = item(&mut parser).ok().filter(|_| parser.at() == whole.len())?;
    Some(format!("{}{origin}", item.name()))
}

/// The items that a response can have, as far as they have no section.
pub(crate) fn names_in_responses() -> impl Iterator<Item = &'static str> {
    let names = EXTENSIONS.iter().flat_map(|extension| extension.fetch_items).map(|spec| spec.name);
    names.filter(|name| name_in_responses(name).is_some())
}

/// Writes a list in parentheses. If the list is recorded as a label, the parentheses stay text.
pub(super) fn write_list(name: &str, message: &Message, out: &mut Reply, write: impl FnOnce(Part<'_>, &mut Reply)) {
    out.push(name);
    out.push(" ");
    let start = out.text().len();
    write(message.root(), out);
    let end = out.text().len();
    if end - start > MOST_TEXT {
        out.label(start + 1..end - 1, format!("{} {name}", message.no()));
    }
}
