//! FETCH and UID FETCH (RFC 3501 §6.4.5, RFC 3516).

mod envelope;
mod section;
mod structure;

use std::ops::Range;
use std::vec::IntoIter;

use bytes::Bytes;

use super::command::Command;
use super::date;
use super::parser::{Parsed, Parser, Wrong};
use super::set::Set;
use super::{Answer, Imap, Progress, Refusal, Work};
use crate::mail::{Entry, Flags};
use crate::protocol::{Desk, Reply};
use section::{Section, What};

#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) set: Set,
    pub(super) by_uid: bool,
    items: Vec<Item>,
    /// The items as they were written.
    pub(super) written: Box<str>,
}

impl Fetching {
    /// The message whose turn is next.
    pub(super) fn next(&self) -> Option<u32> {
        self.uids.as_slice().first().copied()
    }

    /// The message whose turn is next is left out.
    pub(super) fn skip(&mut self) {
        self.uids.next();
    }
}

/// What is asked of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
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
        partial: Option<(u32, u32)>,
        is_peek: bool,
    },
    /// Octets of a part without their transfer encoding.
    Binary {
        name: String,
        path: Vec<u32>,
        partial: Option<(u32, u32)>,
        is_peek: bool,
    },
    BinarySize {
        name: String,
        path: Vec<u32>,
    },
}

impl Item {
    /// Whether fetching it is reading the message.
    fn reads(&self) -> bool {
        matches!(self, Self::Octets { is_peek: false, .. } | Self::Binary { is_peek: false, .. })
    }
}

/// A FETCH that is under way.
#[derive(Debug)]
pub(super) struct Fetching {
    uids: IntoIter<u32>,
    by_uid: bool,
    items: Vec<Item>,
    pub(super) written: Box<str>,
    missed: bool,
    /// A part was asked for whose transfer encoding nobody knows.
    undecodable: bool,
}

pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Command> {
    parser.space()?;
    let set = parser.set()?;
    parser.space()?;
    let at = parser.at();
    let mut items = match parser.peek() {
        Some(b'(') => {
            let items = parser.list(item)?;
            if items.is_empty() {
                return parser.wrong("expected an item, as FLAGS, in the parentheses");
            }
            items
        }
        _ => macros(parser).map_or_else(|| item(parser).map(|item| vec![item]), Ok)?,
    };
    let written = String::from_utf8_lossy(parser.since(at)).into();
    // RFC 3501 §6.4.8: a UID command's answer has the UID.
    if by_uid && !items.contains(&Item::Uid) {
        items.insert(0, Item::Uid);
    }
    Ok(Command::Fetch(Fetch { set, by_uid, items, written }))
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
fn partial(parser: &mut Parser<'_>) -> Parsed<Option<(u32, u32)>> {
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
fn origin(partial: Option<(u32, u32)>) -> String {
    partial.map_or_else(String::new, |(first, _)| format!("<{first}>"))
}

/// What of these octets a partial asks for; nothing where it begins behind them.
fn cut(len: usize, partial: Option<(u32, u32)>) -> Range<usize> {
    match partial {
        None => 0..len,
        Some((first, count)) => {
            let first = (first as usize).min(len);
            first..first.saturating_add(count as usize).min(len)
        }
    }
}

impl Imap {
    pub(super) fn fetch(&mut self, fetch: Fetch, desk: &mut Desk<'_>, out: &mut Reply) -> Answer {
        let Fetch { set, by_uid, items, written } = fetch;
        let view = self.view_mut()?;
        let uids = view.named(&set, by_uid).map_err(|number| Refusal::no_message(number, view.len()))?;
        if let Some(mailbox) = desk.mailbox(view.place) {
            view.tell_keywords(mailbox, out);
        }
        let uids = uids.into_iter();
        let fetching = Fetching { uids, by_uid, items, written, missed: false, undecodable: false };
        Ok(Progress::More(Work::Fetch(fetching)))
    }

    /// One message; when there is none left, the end.
    pub(super) fn go_on_fetching(&mut self, mut fetching: Fetching, desk: &mut Desk<'_>, out: &mut Reply) -> Answer {
        if let Some(uid) = fetching.uids.next() {
            self.fetch_one(uid, &mut fetching, desk, out)?;
            return Ok(Progress::More(Work::Fetch(fetching)));
        }
        match fetching {
            Fetching { undecodable: true, .. } => Err(Refusal::no("[UNKNOWN-CTE] a part has an unknown encoding")),
            // RFC 2180 §4.1, RFC 5530 §3.
            Fetching { missed: true, by_uid: false, .. } => {
                Err(Refusal::no("[EXPUNGEISSUED] some of these messages are gone"))
            }
            _ => Ok(Progress::Done("Fetched".to_owned())),
        }
    }

    fn fetch_one(
        &mut self,
        uid: u32,
        fetching: &mut Fetching,
        desk: &mut Desk<'_>,
        out: &mut Reply,
    ) -> Result<(), Refusal> {
        let view = self.view_mut()?;
        let entry = |desk: &Desk<'_>| desk.mailbox(view.place).and_then(|mailbox| mailbox.entry(uid)).cloned();
        let Some((mut entry, number)) = entry(desk).zip(view.number(uid)) else {
            fetching.missed = true;
            return Ok(());
        };
        let mut has_read = false;
        if !view.is_read_only && fetching.items.iter().any(Item::reads) {
            let seen = entry.flags.with(Flags::SEEN);
            if let Some(modseq) = desk.flag(view.place, uid, seen) {
                view.made(modseq);
                entry.flags = seen;
                has_read = true;
            }
        }
        let Some(mailbox) = desk.mailbox(view.place) else { return Ok(()) };
        out.add(format_args!("* {number} FETCH ("));
        for (i, item) in fetching.items.iter().enumerate() {
            if i > 0 {
                out.push(" ");
            }
            match item {
                Item::Flags => {
                    out.push("FLAGS ");
                    view.flags(uid, entry.flags, mailbox, out);
                }
                item => fetching.undecodable |= !write(item, &entry, out),
            }
        }
        // RFC 3501 §6.4.5: where reading changed the flags, they are part of the answer.
        if has_read && !fetching.items.contains(&Item::Flags) {
            out.push(" FLAGS ");
            view.flags(uid, entry.flags, mailbox, out);
        }
        out.push(")\r\n");
        Ok(())
    }
}

/// False where it cannot be had.
fn write(item: &Item, entry: &Entry, out: &mut Reply) -> bool {
    let message = &entry.message;
    match item {
        Item::Flags => {}
        Item::Uid => out.add(format_args!("UID {}", entry.uid)),
        Item::Size => out.add(format_args!("RFC822.SIZE {}", message.raw().len())),
        Item::InternalDate => {
            out.push("INTERNALDATE \"");
            let date = date::date_time(entry.date);
            // Where nobody gave a date it is the server's, and no two runs have the same.
            match entry.date.at == message.received() {
                true => out.push_labelled("time", date.into()),
                false => out.push(&date),
            }
            out.push("\"");
        }
        Item::Envelope => {
            out.push("ENVELOPE ");
            envelope::write(message.root(), out);
        }
        Item::Body => {
            out.push("BODY ");
            structure::write(message.root(), false, out);
        }
        Item::BodyStructure => {
            out.push("BODYSTRUCTURE ");
            structure::write(message.root(), true, out);
        }
        Item::Octets { name, section, partial, .. } => {
            out.add(format_args!("{name} "));
            match section.find(message) {
                None => out.push("NIL"),
                Some(octets) => {
                    let octets = octets.slice(cut(octets.len(), *partial));
                    literal("", format!("{}{}", message.no(), section::label(name)), octets, out);
                }
            }
        }
        Item::Binary { name, path, partial, .. } => {
            out.add(format_args!("{name} "));
            let Some(octets) = section::decoded(message, path) else {
                out.push("NIL");
                return section::part(message.root(), path).is_none();
            };
            let octets = octets.slice(cut(octets.len(), *partial));
            // RFC 3516 §4.3: octets with NUL among them are a literal8.
            let sign = if memchr::memchr(0, &octets).is_some() { "~" } else { "" };
            literal(sign, format!("{}{}", message.no(), section::label(name)), octets, out);
        }
        Item::BinarySize { name, path } => {
            let octets = section::decoded(message, path);
            out.add(format_args!("{name} {}", octets.as_ref().map_or(0, Bytes::len)));
            return octets.is_some();
        }
    }
    true
}

fn literal(sign: &str, label: String, octets: Bytes, out: &mut Reply) {
    out.add(format_args!("{sign}{{{}}}\r\n", octets.len()));
    if !octets.is_empty() {
        out.push_labelled(label, octets);
    }
}
