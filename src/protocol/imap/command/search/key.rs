//! Search keys (RFC 3501 §6.4.4): their grammar, and what they match.

use charset::Charset;
use time::Date;

use super::text::{Needle, address_has, body_has, header_has, text_has};
use crate::mail::{Entry, Flags, Mailbox};
use crate::protocol::imap::date;
use crate::protocol::imap::parser::{Parsed, Parser, SyntaxError};
use crate::protocol::imap::sequence_set::SequenceSet;

/// The maximum depth of nested keys.
const MOST_DEPTH: usize = 50;
/// The maximum number of keys of one search, including nested keys.
const MOST_KEYS: usize = 1000;

#[derive(Debug)]
pub(super) enum SearchKey {
    All(Vec<SearchKey>),
    Not(Box<SearchKey>),
    Or(Box<SearchKey>, Box<SearchKey>),
    Has(Flags),
    /// The flag is resolved when the search begins. `None` if the mailbox does not have this keyword.
    Keyword(String, Option<Flags>),
    Recent,
    Header(String, Needle),
    /// A text in a header field with addresses.
    Address(String, Needle),
    Body(Needle),
    Text(Needle),
    /// By the internal date, or by the Date field.
    Dated {
        is_sent: bool,
        order: DateOrder,
        date: Date,
    },
    Larger(u32),
    Smaller(u32),
    /// Sequence numbers or UIDs. The ranges are resolved when the search begins.
    Among {
        set: SequenceSet,
        by_uid: bool,
        ranges: Vec<(u32, u32)>,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum DateOrder {
    Before,
    On,
    Since,
}

/// A message that is tested.
pub(super) struct Candidate<'a> {
    pub(super) entry: &'a Entry,
    pub(super) number: u32,
    pub(super) is_recent: bool,
}

/// Parses keys to the end of the command. A message must match all of them.
pub(super) fn parse_all(parser: &mut Parser<'_>, charset: Option<Charset>) -> Parsed<SearchKey> {
    let at = parser.at();
    let mut keys = vec![parse(parser, charset, 0)?];
    while !parser.is_at_end() {
        parser.space()?;
        keys.push(parse(parser, charset, 0)?);
    }
    let all = SearchKey::All(keys);
    match all.weight() > MOST_KEYS {
        true => Err(SyntaxError { at, what: format!("a search may have at most {MOST_KEYS} keys") }),
        false => Ok(all),
    }
}

fn parse(parser: &mut Parser<'_>, charset: Option<Charset>, depth: usize) -> Parsed<SearchKey> {
    if depth > MOST_DEPTH {
        return parser.wrong(format!("keys may be nested at most {MOST_DEPTH} deep"));
    }
    if parser.peek() == Some(b'(') {
        return parser.list(|parser| parse(parser, charset, depth + 1)).and_then(|keys| match keys.is_empty() {
            true => parser.wrong("expected a search key in the parentheses"),
            false => Ok(SearchKey::All(keys)),
        });
    }
    if parser.is_set() {
        return Ok(SearchKey::Among { set: parser.set()?, by_uid: false, ranges: Vec::new() });
    }
    let at = parser.at();
    let word = parser.word("a search key")?;
    if let Some(key) = flag_key(&word) {
        return Ok(key);
    }
    Ok(match word.as_str() {
        "ALL" => SearchKey::All(Vec::new()),
        "RECENT" => SearchKey::Recent,
        "OLD" => not(SearchKey::Recent),
        "NEW" => SearchKey::All(vec![SearchKey::Recent, not(SearchKey::Has(Flags::SEEN))]),
        "KEYWORD" => SearchKey::Keyword(keyword(parser)?, None),
        "UNKEYWORD" => not(SearchKey::Keyword(keyword(parser)?, None)),
        "BCC" | "CC" | "FROM" | "TO" => SearchKey::Address(word, needle(parser, charset)?),
        "SUBJECT" => SearchKey::Header(word, needle(parser, charset)?),
        "HEADER" => {
            parser.space()?;
            let name = parser.astring("the name of a field")?;
            SearchKey::Header(String::from_utf8_lossy(&name).into_owned(), needle(parser, charset)?)
        }
        "BODY" => SearchKey::Body(needle(parser, charset)?),
        "TEXT" => SearchKey::Text(needle(parser, charset)?),
        "BEFORE" => dated(parser, false, DateOrder::Before)?,
        "ON" => dated(parser, false, DateOrder::On)?,
        "SINCE" => dated(parser, false, DateOrder::Since)?,
        "SENTBEFORE" => dated(parser, true, DateOrder::Before)?,
        "SENTON" => dated(parser, true, DateOrder::On)?,
        "SENTSINCE" => dated(parser, true, DateOrder::Since)?,
        "LARGER" => SearchKey::Larger(octets(parser)?),
        "SMALLER" => SearchKey::Smaller(octets(parser)?),
        "UID" => {
            parser.space()?;
            SearchKey::Among { set: parser.set()?, by_uid: true, ranges: Vec::new() }
        }
        "NOT" => {
            parser.space()?;
            not(parse(parser, charset, depth + 1)?)
        }
        "OR" => {
            parser.space()?;
            let one = parse(parser, charset, depth + 1)?;
            parser.space()?;
            SearchKey::Or(Box::new(one), Box::new(parse(parser, charset, depth + 1)?))
        }
        _ => return Err(SyntaxError { at, what: format!("unknown search key {word}") }),
    })
}

/// The key for a system flag, or for UN and a system flag.
fn flag_key(word: &str) -> Option<SearchKey> {
    let flag = |name: &str| match name {
        "ANSWERED" => Some(SearchKey::Has(Flags::ANSWERED)),
        "DELETED" => Some(SearchKey::Has(Flags::DELETED)),
        "DRAFT" => Some(SearchKey::Has(Flags::DRAFT)),
        "FLAGGED" => Some(SearchKey::Has(Flags::FLAGGED)),
        "SEEN" => Some(SearchKey::Has(Flags::SEEN)),
        _ => None,
    };
    flag(word).or_else(|| flag(word.strip_prefix("UN")?).map(not))
}

fn not(key: SearchKey) -> SearchKey {
    SearchKey::Not(Box::new(key))
}

fn keyword(parser: &mut Parser<'_>) -> Parsed<String> {
    parser.space()?;
    parser.atom("a keyword").map(str::to_owned)
}

fn octets(parser: &mut Parser<'_>) -> Parsed<u32> {
    parser.space()?;
    parser.number("a count of octets")
}

fn dated(parser: &mut Parser<'_>, is_sent: bool, order: DateOrder) -> Parsed<SearchKey> {
    parser.space()?;
    Ok(SearchKey::Dated { is_sent, order, date: parser.date()? })
}

fn needle(parser: &mut Parser<'_>, charset: Option<Charset>) -> Parsed<Needle> {
    parser.space()?;
    let octets = parser.astring("a text")?;
    Ok(Needle::new(&match charset {
        Some(charset) => charset.decode(&octets).0,
        None => String::from_utf8_lossy(&octets),
    }))
}

impl SearchKey {
    /// Resolves keywords and `*` with the mailbox.
    pub(super) fn resolve(&mut self, mailbox: &Mailbox, count: u32, highest_uid: u32) {
        match self {
            Self::Keyword(name, flag) => *flag = mailbox.keyword(name),
            Self::Among { set, by_uid, ranges } => *ranges = set.resolve(if *by_uid { highest_uid } else { count }),
            Self::All(keys) => keys.iter_mut().for_each(|key| key.resolve(mailbox, count, highest_uid)),
            Self::Not(key) => key.resolve(mailbox, count, highest_uid),
            Self::Or(one, other) => {
                one.resolve(mailbox, count, highest_uid);
                other.resolve(mailbox, count, highest_uid);
            }
            Self::Has(_)
            | Self::Recent
            | Self::Header(..)
            | Self::Address(..)
            | Self::Body(_)
            | Self::Text(_)
            | Self::Dated { .. }
            | Self::Larger(_)
            | Self::Smaller(_) => {}
        }
    }

    /// How many keys it consists of.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::All(keys) => 1 + keys.iter().map(Self::weight).sum::<usize>(),
            Self::Not(key) => key.weight(),
            Self::Or(one, other) => one.weight() + other.weight(),
            Self::Has(_)
            | Self::Keyword(..)
            | Self::Recent
            | Self::Header(..)
            | Self::Address(..)
            | Self::Body(_)
            | Self::Text(_)
            | Self::Dated { .. }
            | Self::Larger(_)
            | Self::Smaller(_)
            | Self::Among { .. } => 1,
        }
    }

    /// Whether messages have to be read to test it.
    pub(super) fn is_deep(&self) -> bool {
        match self {
            Self::Header(..)
            | Self::Address(..)
            | Self::Body(_)
            | Self::Text(_)
            | Self::Dated { is_sent: true, .. } => true,
            Self::All(keys) => keys.iter().any(Self::is_deep),
            Self::Not(key) => key.is_deep(),
            Self::Or(one, other) => one.is_deep() || other.is_deep(),
            Self::Has(_)
            | Self::Keyword(..)
            | Self::Recent
            | Self::Dated { is_sent: false, .. }
            | Self::Larger(_)
            | Self::Smaller(_)
            | Self::Among { .. } => false,
        }
    }

    pub(super) fn matches(&self, candidate: &Candidate<'_>) -> bool {
        let Candidate { entry, number, is_recent } = candidate;
        let message = &entry.message;
        match self {
            Self::All(keys) => keys.iter().all(|key| key.matches(candidate)),
            Self::Not(key) => !key.matches(candidate),
            Self::Or(one, other) => one.matches(candidate) || other.matches(candidate),
            Self::Has(flag) => entry.flags.contains(*flag),
            Self::Keyword(_, flag) => flag.is_some_and(|flag| entry.flags.contains(flag)),
            Self::Recent => *is_recent,
            Self::Header(name, needle) => header_has(message.root(), name, needle),
            Self::Address(name, needle) => address_has(message.root(), name, needle),
            Self::Body(needle) => body_has(message.root(), needle),
            Self::Text(needle) => text_has(message.root(), needle),
            Self::Dated { is_sent: false, order, date } => order.holds(date::day(entry.date), *date),
            Self::Dated { is_sent: true, order, date } => {
                let sent = message.root().header("date").and_then(|field| date::sent_day(&field));
                sent.is_some_and(|sent| order.holds(sent, *date))
            }
            Self::Larger(octets) => message.raw().len() > *octets as usize,
            Self::Smaller(octets) => message.raw().len() < *octets as usize,
            Self::Among { by_uid, ranges, .. } => {
                let wanted = if *by_uid { entry.uid } else { *number };
                let at = ranges.partition_point(|(_, last)| *last < wanted);
                ranges.get(at).is_some_and(|(first, _)| *first <= wanted)
            }
        }
    }
}

impl DateOrder {
    fn holds(self, its: Date, date: Date) -> bool {
        match self {
            Self::Before => its < date,
            Self::On => its == date,
            Self::Since => its >= date,
        }
    }
}
