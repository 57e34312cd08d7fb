//! `BODY[…]` and the RFC822 items: octets of a message (RFC 3501 §6.4.5).

use bytes::Bytes;

use super::item::{DeepItem, FetchItem, IsPeek, Rank};
use super::section::{self, Section, SectionText};
use super::source::{Partial, Source};
use crate::protocol::Reply;
use crate::protocol::imap::parser::{Parsed, Parser};

/// A section of the message, and its name in the response.
#[derive(Debug)]
pub(super) struct Octets {
    name: String,
    section: Section,
    partial: Partial,
    is_peek: IsPeek,
}

impl Octets {
    /// Parses what follows BODY or BODY.PEEK.
    pub(super) fn parse(parser: &mut Parser<'_>, is_peek: IsPeek) -> Parsed<FetchItem> {
        let (section, name) = section::parse(parser)?;
        let partial = parse_partial(parser)?;
        Ok(FetchItem::deep(Self { name: format!("BODY{name}{}", origin(partial)), section, partial, is_peek }))
    }

    pub(super) fn rfc822() -> FetchItem {
        Self::whole("RFC822", SectionText::All, IsPeek::No)
    }

    pub(super) fn rfc822_header() -> FetchItem {
        Self::whole("RFC822.HEADER", SectionText::Header, IsPeek::Yes)
    }

    pub(super) fn rfc822_text() -> FetchItem {
        Self::whole("RFC822.TEXT", SectionText::Text, IsPeek::No)
    }

    fn whole(name: &str, text: SectionText, is_peek: IsPeek) -> FetchItem {
        let section = Section { path: Vec::new(), text };
        FetchItem::deep(Self { name: name.to_owned(), section, partial: None, is_peek })
    }
}

impl DeepItem for Octets {
    fn rank(&self) -> Rank {
        Rank::Octets
    }

    fn identity(&self) -> (&str, Partial, IsPeek) {
        (&self.name, self.partial, self.is_peek)
    }

    fn write(&self, source: &mut Source<'_>, out: &mut Reply) -> bool {
        out.add(format_args!("{} ", self.name));
        match source.section(&self.section, self.partial) {
            None => out.push("NIL"),
            Some(octets) => write_literal("", &self.name, octets, source, out),
        }
        true
    }
}

/// Parses a partial range `<first.count>`, if there is one.
pub(in crate::protocol::imap) fn parse_partial(parser: &mut Parser<'_>) -> Parsed<Partial> {
    if !parser.eat(b'<') {
        return Ok(None);
    }
    let first = parser.number("the first octet")?;
    parser.need(b'.')?;
    let count = parser.nz_number("the count of octets")?;
    parser.need(b'>')?;
    Ok(Some((first, count)))
}

/// RFC 3501 §7.4.2: the answer contains the first octet of a partial range.
pub(in crate::protocol::imap) fn origin(partial: Partial) -> String {
    partial.map_or_else(String::new, |(first, _)| format!("<{first}>"))
}

/// Writes a literal, which a transcript shows as a label: the message's number and the item's name.
pub(in crate::protocol::imap) fn write_literal(
    sign: &str,
    name: &str,
    octets: Bytes,
    source: &Source<'_>,
    out: &mut Reply,
) {
    out.add(format_args!("{sign}{{{}}}\r\n", octets.len()));
    if !octets.is_empty() {
        out.push_labelled(format!("{}{}", source.message.no(), section::label(name)), octets);
    }
}
