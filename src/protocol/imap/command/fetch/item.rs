//! The items that FETCH can ask for.

use std::fmt;

use super::octets::Octets;
use super::source::{Partial, Source};
use super::{envelope, structure};
use crate::mail::{Message, Part};
use crate::protocol::Reply;
use crate::protocol::imap::extension::EXTENSIONS;
use crate::protocol::imap::parser::{Parsed, Parser, SyntaxError};

/// A longer list is in the record as a label: it is made of a message, and would be copied under the lock.
const MOST_TEXT: usize = 8 << 10;

/// Items of one FETCH. Real clients ask for twenty.
const MOST_ITEMS: usize = 256;

/// What is asked of a message.
#[derive(Debug)]
pub(in crate::protocol::imap) enum FetchItem {
    Uid,
    Flags,
    InternalDate,
    Size,
    /// The message has to be read for it: such items are written apart from the others, and last.
    Deep(Box<dyn DeepItem>),
}

/// An item for which the message has to be read.
pub(in crate::protocol::imap) trait DeepItem: fmt::Debug + Send {
    /// Cheap items come first.
    fn rank(&self) -> Rank;

    /// The name that the answer gives it, the octets that are asked for, and whether `\Seen` stays as it is. Two items for
    /// which these are the same are answered once.
    fn identity(&self) -> (&str, Partial, IsPeek);

    /// Writes name and value. False where the value cannot be had, because nobody knows the encoding of a part.
    fn write(&self, source: &mut Source<'_>, out: &mut Reply) -> bool;
}

/// The order of deep items in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::protocol::imap) enum Rank {
    Envelope,
    Structure,
    Number,
    Octets,
}

/// Whether an item leaves the flag `\Seen` as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol::imap) enum IsPeek {
    Yes,
    No,
}

/// An item as the parser knows it.
#[derive(Debug)]
pub(in crate::protocol::imap) struct FetchItemSpec {
    /// Letters, digits and dots, in capitals.
    pub(in crate::protocol::imap) name: &'static str,
    /// What follows the name.
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

    /// Whether fetching it sets `\Seen`.
    pub(super) fn sets_seen(&self) -> bool {
        self.as_deep().is_some_and(|item| item.identity().2 == IsPeek::No)
    }

    pub(super) fn as_deep(&self) -> Option<&dyn DeepItem> {
        match self {
            Self::Deep(item) => Some(&**item),
            Self::Uid | Self::Flags | Self::InternalDate | Self::Size => None,
        }
    }

    /// Cheap items come first: some parsers of clients look for UID and FLAGS before a literal, and nowhere else.
    fn rank(&self) -> (u8, Option<Rank>) {
        match self {
            Self::Uid => (0, None),
            Self::Flags => (1, None),
            Self::InternalDate => (2, None),
            Self::Size => (3, None),
            Self::Deep(item) => (4, Some(item.rank())),
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

/// The items in the order in which they are answered, each once.
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
    // RFC 3501 §6.4.8: a UID command's answer has the UID.
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

/// RFC 3501 §6.4.5: ALL, FULL and FAST stand alone.
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
    // An atom-char is `[` too, so the name is taken letter by letter.
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

/// Writes a list in parentheses, which stay text.
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
