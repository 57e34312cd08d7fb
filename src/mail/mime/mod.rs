//! The structure of a message (RFC 5322, RFC 2045, RFC 2046): positions in its bytes, parsed once, decoded on demand.
//!
//! Any bytes have a structure: parsing never fails.

mod address;
mod check;
mod codes;
mod decode;
mod header;
mod links;
mod parameter;
mod part;
mod visible;

use std::ops::Range;

use memchr::memmem;

pub use address::Address;
pub(crate) use address::{RawAddress, address_text, addresses, raw_addresses};
pub(crate) use check::MimeError;
pub(crate) use codes::{codes, readable};
pub(super) use decode::{is_known as has_decoder, is_valid_in, q_word, quoted_printable};
pub(crate) use header::{decode_words, unknown_charset};
pub(crate) use links::links;
pub(super) use parameter::percent as percent_decoded;
pub use part::Part;
#[cfg(feature = "api")]
pub(crate) use visible::visible;

/// Maximum nesting depth of multiparts and attached messages; deeper ones are leaves.
const MOST_DEPTH: usize = 64;
/// Maximum number of parts of a message; the rest is not parsed.
const MOST_PARTS: usize = 10_000;
/// Maximum number of header fields of a message, including those of its parts; the rest is header without fields.
const MOST_FIELDS: usize = 100_000;

/// Maximum octets of a field that are parsed as addresses or parameters, or appear in a summary of the header.
const MOST_FIELD: usize = 256 << 10;

/// The parts of a message, the whole message first. Stores positions, not bytes.
#[derive(Debug)]
pub(crate) struct Mime {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    /// The part number of IMAP (RFC 3501 §6.4.5), such as `1.2`; empty for the whole message if it has parts.
    number: String,
    /// The start of its header.
    start: usize,
    fields: Vec<Field>,
    body: Range<usize>,
    children: Vec<usize>,
    /// `type/subtype` in lower case.
    content_type: String,
}

#[derive(Debug, Clone)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

/// The parts that remain to be parsed.
struct Task {
    node: usize,
    depth: usize,
}

impl Mime {
    pub(crate) fn parse(raw: &[u8]) -> Self {
        let mut mime = Self { nodes: vec![entity(raw, 0..raw.len(), "text/plain", MOST_FIELDS)] };
        let mut fields = MOST_FIELDS - mime.nodes[0].fields.len();
        let mut tasks = vec![Task { node: 0, depth: 0 }];
        while let Some(Task { node, depth }) = tasks.pop() {
            let (is_message, is_multipart) = (mime.nodes[node].is_message(), mime.nodes[node].is_multipart());
            if depth >= MOST_DEPTH || !(is_message || is_multipart) {
                continue;
            }
            if mime.nodes.len() >= MOST_PARTS {
                break;
            }
            let body = mime.nodes[node].body.clone();
            let (ranges, default) = if is_message {
                (vec![body], "text/plain")
            } else {
                let part = Part { raw, mime: &mime, node };
                let Some(boundary) = part.parameter("content-type", "boundary") else { continue };
                // RFC 2046 §5.1.5: the default type of a part of a digest is a message.
                let is_digest = mime.nodes[node].content_type == "multipart/digest";
                (split(raw, body, &boundary), if is_digest { "message/rfc822" } else { "text/plain" })
            };
            for (range, ordinal) in ranges.into_iter().zip(1..) {
                if mime.nodes.len() >= MOST_PARTS {
                    break;
                }
                let mut child = entity(raw, range, default, fields);
                fields -= child.fields.len();
                let parent = &mime.nodes[node].number;
                // An attached message that is a multipart shares its number with that multipart.
                child.number = match (is_message && child.is_multipart(), parent.as_str()) {
                    (true, parent) => parent.to_owned(),
                    (false, "") => ordinal.to_string(),
                    (false, parent) => format!("{parent}.{ordinal}"),
                };
                let at = mime.nodes.len();
                mime.nodes.push(child);
                mime.nodes[node].children.push(at);
                tasks.push(Task { node: at, depth: depth + 1 });
            }
        }
        if !mime.nodes[0].is_multipart() {
            mime.nodes[0].number = "1".to_owned();
        }
        mime
    }

    /// The message as a whole.
    pub(crate) fn root<'a>(&'a self, raw: &'a [u8]) -> Part<'a> {
        Part { raw, mime: self, node: 0 }
    }

    /// The leaf parts in order; an attached message is one leaf.
    pub(crate) fn leaves<'a>(&'a self, raw: &'a [u8]) -> impl Iterator<Item = Part<'a>> {
        let mut stack = vec![0];
        std::iter::from_fn(move || {
            while let Some(node) = stack.pop() {
                let its = &self.nodes[node];
                if its.is_message() || its.children.is_empty() {
                    return Some(Part { raw, mime: self, node });
                }
                stack.extend(its.children.iter().rev());
            }
            None
        })
    }
}

impl Node {
    fn is_multipart(&self) -> bool {
        self.content_type.starts_with("multipart/")
    }

    fn is_message(&self) -> bool {
        self.content_type == "message/rfc822" || self.content_type == "message/global"
    }
}

/// Splits bytes into a header, of at most this many fields, and a body. Lines end at LF, with or without CR before it.
fn entity(raw: &[u8], range: Range<usize>, default_type: &str, most_fields: usize) -> Node {
    let mut fields: Vec<Field> = Vec::new();
    let mut is_full = false;
    let mut at = range.start;
    while at < range.end {
        let end = memchr::memchr(b'\n', &raw[at..range.end]).map_or(range.end, |end| at + end);
        let text = if raw[at..end].ends_with(b"\r") { at..end - 1 } else { at..end };
        let next = (end + 1).min(range.end);
        if text.is_empty() {
            at = next;
            break;
        }
        if matches!(raw[at], b' ' | b'\t') {
            // RFC 5322 §2.2.3: a folded line continues the field.
            if let Some(field) = fields.last_mut().filter(|_| !is_full) {
                field.value.end = text.end;
            }
        } else if fields.len() == most_fields {
            is_full = true;
        } else if let Some(colon) = memchr::memchr(b':', &raw[text.clone()]) {
            let name = raw[at..at + colon].trim_ascii_end().len();
            fields.push(Field { name: at..at + name, value: at + colon + 1..text.end });
        }
        at = next;
    }
    let value = fields.iter().find(|field| raw[field.name.clone()].eq_ignore_ascii_case(b"content-type"));
    let content_type = value.map(|field| parameter::token(&raw[field.value.clone()]));
    let content_type = content_type.filter(|its| its.split('/').filter(|half| !half.is_empty()).count() == 2);
    Node {
        number: String::new(),
        start: range.start,
        fields,
        body: at..range.end,
        children: Vec::new(),
        content_type: content_type.unwrap_or_else(|| default_type.to_owned()),
    }
}

/// The part of a field's value that is parsed.
fn start_of(value: &[u8]) -> &[u8] {
    &value[..value.len().min(MOST_FIELD)]
}

/// The parts between the delimiters (RFC 2046 §5.1.1); the CRLF before a delimiter belongs to it.
fn split(raw: &[u8], body: Range<usize>, boundary: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = None;
    for Delimiter { line, is_last } in delimiters(raw, body.clone(), boundary) {
        if let Some(start) = start.take() {
            let before = &raw[start..line.start];
            let ending = if before.ends_with(b"\r\n") { 2 } else { before.len().min(1) };
            parts.push(start..line.start - ending);
            if parts.len() >= MOST_PARTS {
                return parts;
            }
        }
        if is_last {
            return parts;
        }
        start = Some(line.end);
    }
    // There is no closing delimiter: the last part extends to the end of the text.
    parts.extend(start.map(|start| start..body.end));
    parts
}

/// A line that separates parts.
struct Delimiter {
    line: Range<usize>,
    /// Whether it is the closing one.
    is_last: bool,
}

/// The lines of a body that have this boundary, and nothing behind it but white space.
fn delimiters<'r>(raw: &'r [u8], body: Range<usize>, boundary: &str) -> impl Iterator<Item = Delimiter> + use<'r> {
    let delimiter = memmem::Finder::new(&format!("--{boundary}")).into_owned();
    let mut at = body.start;
    std::iter::from_fn(move || {
        while let Some(found) = delimiter.find(&raw[at..body.end]) {
            let start = at + found;
            at = start + delimiter.needle().len();
            if start > body.start && raw[start - 1] != b'\n' {
                continue;
            }
            let end = memchr::memchr(b'\n', &raw[at..body.end]).map_or(body.end, |end| at + end + 1);
            let rest = raw[at..end].trim_ascii();
            if rest.is_empty() || rest == b"--" {
                return Some(Delimiter { line: start..end, is_last: rest == b"--" });
            }
        }
        None
    })
}

#[cfg(test)]
mod tests;
