//! Sections of a message (RFC 3501 §6.4.5), such as `[1.2.MIME]`: their grammar and their octets.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;

use crate::mail::{Message, Part};
use crate::protocol::imap::parser::{Parsed, Parser, SyntaxError};

#[derive(Debug)]
pub(super) struct Section {
    /// Part numbers. Empty for the message itself.
    pub(super) path: Vec<u32>,
    pub(super) text: SectionText,
}

/// The piece of the message or part (`section-text`).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SectionText {
    All,
    Header,
    /// The header fields with these names, in lower case, or all others.
    Fields {
        names: HashSet<Box<[u8]>>,
        others: bool,
    },
    Text,
    Mime,
}

/// Parses `[…]`. Returns the section, and its text in the response.
pub(super) fn parse(parser: &mut Parser<'_>) -> Parsed<(Section, String)> {
    let start = parser.at();
    parser.need(b'[')?;
    let path = path(parser)?;
    let at = parser.at();
    let text = match parser.name().as_str() {
        // After part numbers, a dot must be followed by a word.
        "" if parser.at() == at && !parser.since(start).ends_with(b".") => SectionText::All,
        "HEADER" => SectionText::Header,
        "HEADER.FIELDS" => return fields(parser, path, false),
        "HEADER.FIELDS.NOT" => return fields(parser, path, true),
        "TEXT" => SectionText::Text,
        "MIME" if !path.is_empty() => SectionText::Mime,
        "MIME" => return Err(wrong(at, "MIME needs a part number before it")),
        _ => return Err(wrong(at, "expected a part number, HEADER, HEADER.FIELDS, TEXT, MIME or ]")),
    };
    parser.need(b']')?;
    let name = String::from_utf8_lossy(parser.since(start)).to_ascii_uppercase();
    Ok((Section { path, text }, name))
}

/// Parses `[1.2]`. Returns the part numbers, and the text between the brackets.
pub(in crate::protocol::imap) fn parse_path(parser: &mut Parser<'_>) -> Parsed<(Vec<u32>, String)> {
    parser.need(b'[')?;
    let at = parser.at();
    let path = path(parser)?;
    let text = String::from_utf8_lossy(parser.since(at)).into_owned();
    if text.ends_with('.') {
        return parser.wrong("expected a part number");
    }
    parser.need(b']')?;
    Ok((path, text))
}

fn path(parser: &mut Parser<'_>) -> Parsed<Vec<u32>> {
    let mut path = Vec::new();
    while parser.is_set() && parser.peek() != Some(b'*') {
        path.push(parser.nz_number("a part number")?);
        if !parser.eat(b'.') {
            break;
        }
    }
    Ok(path)
}

/// Parses the names after `HEADER.FIELDS`. The answer repeats them as written, but quoted instead of as a literal.
fn fields(parser: &mut Parser<'_>, path: Vec<u32>, others: bool) -> Parsed<(Section, String)> {
    parser.space()?;
    let names = parser.list(|parser| parser.astring("the name of a field"))?;
    if names.is_empty() {
        return parser.wrong("expected the name of a field in the parentheses");
    }
    parser.need(b']')?;
    let numbers: String = path.iter().map(|number| format!("{number}.")).collect();
    let written: Vec<String> = names.iter().map(|name| field_name(name)).collect();
    let not = if others { ".NOT" } else { "" };
    let name = format!("[{numbers}HEADER.FIELDS{not} ({})]", written.join(" "));
    let names = names.iter().map(|name| name.to_ascii_lowercase().into()).collect();
    Ok((Section { path, text: SectionText::Fields { names, others } }, name))
}

fn wrong(at: usize, what: &str) -> SyntaxError {
    SyntaxError { at, what: what.to_owned() }
}

/// Writes a field name as an astring.
fn field_name(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    match name.iter().all(|byte| byte.is_ascii_graphic() && !b"(){%*\"\\".contains(byte)) {
        true => text.into_owned(),
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], "")),
    }
}

/// The part of the transcript's label after the message's number: empty for the whole message.
pub(super) fn label(name: &str) -> &str {
    match name {
        "BODY[]" | "RFC822" => "",
        name => name.strip_prefix("BODY").unwrap_or(name),
    }
}

/// The octets of a section.
pub(super) enum Found {
    /// A range of the message.
    MailboxId(Range<usize>),
    /// Header fields, copied.
    Fields(Bytes),
}

impl Section {
    /// None if there is no such part.
    pub(super) fn find(&self, message: &Message) -> Option<Found> {
        if self.path.is_empty() && self.text == SectionText::All {
            return Some(Found::MailboxId(0..message.raw().len()));
        }
        let root = message.root();
        // HEADER and TEXT belong to the message, or to an attached message.
        let whole = || match self.path.is_empty() {
            true => Some(root),
            false => part(root, &self.path).filter(Part::is_message).and_then(|part| part.children().next()),
        };
        match &self.text {
            SectionText::All => part(root, &self.path).map(|part| Found::MailboxId(part.body_range())),
            SectionText::Mime => part(root, &self.path).map(|part| Found::MailboxId(part.header_range())),
            SectionText::Header => whole().map(|part| Found::MailboxId(part.header_range())),
            SectionText::Text => whole().map(|part| Found::MailboxId(part.body_range())),
            SectionText::Fields { names, others } => {
                let part = whole()?;
                let (mut out, mut small) = (Vec::new(), Vec::new());
                for (name, field) in part.raw_fields() {
                    small.clear();
                    small.extend(name.iter().map(u8::to_ascii_lowercase));
                    if names.contains(&small[..]) != *others {
                        out.extend_from_slice(field);
                        if !field.ends_with(b"\n") {
                            out.extend_from_slice(b"\r\n");
                        }
                    }
                }
                // RFC 3501 §6.4.5: the blank line after the header is always included.
                out.extend_from_slice(b"\r\n");
                Some(Found::Fields(out.into()))
            }
        }
    }
}

/// The decoded octets of a part, or the whole message. None if there is no such part, or if its transfer encoding is
/// unknown (RFC 3516 §4.2).
pub(super) fn decoded(message: &Message, path: &[u32]) -> Option<Bytes> {
    if path.is_empty() {
        return Some(message.raw().clone());
    }
    part(message.root(), path).filter(Part::is_decodable).map(|part| part.bytes().into())
}

/// The part with these numbers.
pub(super) fn part<'a>(root: Part<'a>, path: &[u32]) -> Option<Part<'a>> {
    let Some((first, deeper)) = path.split_first() else { return Some(root) };
    // A message that is not a multipart has one part, its text.
    let mut part = match root.is_multipart() {
        true => nth(root, *first)?,
        false => Some(root).filter(|_| *first == 1)?,
    };
    for number in deeper {
        let whole = if part.is_message() { part.children().next()? } else { part };
        part = match (whole.is_multipart(), part.is_message()) {
            (true, _) => nth(whole, *number)?,
            (false, true) => Some(whole).filter(|_| *number == 1)?,
            (false, false) => return None,
        };
    }
    Some(part)
}

fn nth<'a>(part: Part<'a>, number: u32) -> Option<Part<'a>> {
    part.children().nth(number as usize - 1)
}
