//! BODYSTRUCTURE and BODY (RFC 3501 §7.4.2): the parts of a message as nested lists.

use super::envelope;
use super::item::{DeepItem, IsPeek, Rank, write_list};
use super::source::{Partial, Source};
use crate::mail::Part;
use crate::protocol::Reply;

/// BODYSTRUCTURE, or BODY, which has no extension data.
#[derive(Debug)]
pub(super) struct Structure {
    pub(super) is_extended: bool,
}

impl DeepItem for Structure {
    fn rank(&self) -> Rank {
        Rank::Structure
    }

    fn identity(&self) -> (&str, Partial, IsPeek) {
        (if self.is_extended { "BODYSTRUCTURE" } else { "BODY" }, None, IsPeek::Yes)
    }

    fn write(&self, source: &mut Source<'_>, out: &mut Reply) -> bool {
        let (name, ..) = self.identity();
        write_list(name, source.message, out, |part, out| write(part, self.is_extended, out));
        true
    }
}

/// Writes `body`, with extension data for BODYSTRUCTURE.
fn write(part: Part<'_>, is_extended: bool, out: &mut Reply) {
    out.push("(");
    if part.is_multipart() {
        multipart(part, is_extended, out);
    } else {
        single(part, is_extended, out);
    }
    out.push(")");
}

fn multipart(part: Part<'_>, is_extended: bool, out: &mut Reply) {
    let mut is_empty = true;
    for child in part.children() {
        write(child, is_extended, out);
        is_empty = false;
    }
    if is_empty {
        // The grammar requires a part, even for a multipart without parts.
        out.push("(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)");
    }
    let subtype = part.content_type().split_once('/').map_or("mixed", |(_, subtype)| subtype);
    out.push(" ");
    out.string(subtype.as_bytes());
    if is_extended {
        out.push(" ");
        parameters(&part.raw_parameters("content-type"), out);
        extension(part, out);
    }
}

fn single(part: Part<'_>, is_extended: bool, out: &mut Reply) {
    let inner = part.children().next().filter(|_| part.is_message());
    // A message that is nested too deeply is not parsed.
    let content_type = match part.is_message() && inner.is_none() {
        true => "application/octet-stream",
        false => part.content_type(),
    };
    let (main, subtype) = content_type.split_once('/').unwrap_or(("text", "plain"));
    out.string(main.as_bytes());
    out.push(" ");
    out.string(subtype.as_bytes());
    out.push(" ");
    let mut its = part.raw_parameters("content-type");
    // RFC 2045 §5.2, RFC 2046 §4.1.2: text without a charset is US-ASCII.
    if main == "text" && !its.iter().any(|(name, _)| is_charset(name)) {
        its.push(("charset".to_owned(), b"us-ascii".to_vec()));
    }
    parameters(&its, out);
    for field in ["content-id", "content-description"] {
        out.push(" ");
        out.nstring(part.unfolded(field).as_deref());
    }
    out.push(" ");
    let encoding = part.transfer_encoding();
    out.string(if encoding.is_empty() { b"7bit" } else { encoding.as_bytes() });
    let body = part.raw_body();
    out.add(format_args!(" {}", body.len()));
    if let Some(inner) = inner {
        out.push(" ");
        envelope::write(inner, out);
        out.push(" ");
        write(inner, is_extended, out);
    }
    if inner.is_some() || main == "text" {
        out.add(format_args!(" {}", lines(body)));
    }
    if is_extended {
        out.push(" ");
        out.nstring(part.unfolded("content-md5").as_deref());
        extension(part, out);
    }
}

/// Writes ` disposition language location`.
fn extension(part: Part<'_>, out: &mut Reply) {
    out.push(" ");
    let disposition = part.disposition();
    if disposition.is_empty() {
        out.push("NIL");
    } else {
        out.push("(");
        out.string(disposition.as_bytes());
        out.push(" ");
        parameters(&part.raw_parameters("content-disposition"), out);
        out.push(")");
    }
    out.push(" ");
    let languages = part.unfolded("content-language");
    let languages: Vec<&[u8]> = languages.iter().flat_map(|all| all.split(|byte| *byte == b',')).collect();
    match languages[..] {
        [] => out.push("NIL"),
        [one] => out.string(one.trim_ascii()),
        _ => {
            for (i, language) in languages.iter().enumerate() {
                out.push(if i == 0 { "(" } else { " " });
                out.string(language.trim_ascii());
            }
            out.push(")");
        }
    }
    out.push(" ");
    out.nstring(part.unfolded("content-location").as_deref());
}

/// Writes parameters as they were sent. Clients decode RFC 2231.
fn parameters(all: &[(String, Vec<u8>)], out: &mut Reply) {
    if all.is_empty() {
        return out.push("NIL");
    }
    for (i, (name, value)) in all.iter().enumerate() {
        out.push(if i == 0 { "(" } else { " " });
        out.string(name.as_bytes());
        out.push(" ");
        out.string(value);
    }
    out.push(")");
}

/// Whether this is `charset`, in one piece or in several (RFC 2231).
fn is_charset(name: &str) -> bool {
    name.split('*').next().is_some_and(|name| name.eq_ignore_ascii_case("charset"))
}

fn lines(body: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', body).count()
}
