//! ESEARCH (RFC 4731): SEARCH with RETURN, which returns the lowest, the highest or the number of matches.

use super::{Capability, Extension};
use crate::protocol::Reply;
use crate::protocol::imap::parser::{Parsed, Parser, SyntaxError};
use crate::protocol::imap::sequence_set::Numbers;

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("ESEARCH")],
    ..Extension::of("RFC 4731", "SEARCH with RETURN and MIN, MAX, ALL, COUNT")
};

/// An option of RETURN (RFC 4731 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol::imap) enum ReturnOption {
    Min,
    Max,
    All,
    Count,
}

/// `RETURN (MIN MAX …)` and a space, if it is there.
pub(in crate::protocol::imap) fn parse_return(parser: &mut Parser<'_>) -> Parsed<Option<Vec<ReturnOption>>> {
    if !parser.eat_word("RETURN") {
        return Ok(None);
    }
    parser.space()?;
    let mut options = parser.list(|parser| {
        let at = parser.at();
        Ok(match parser.word("MIN, MAX, ALL or COUNT")?.as_str() {
            "MIN" => ReturnOption::Min,
            "MAX" => ReturnOption::Max,
            "ALL" => ReturnOption::All,
            "COUNT" => ReturnOption::Count,
            _ => return Err(SyntaxError { at, what: "expected MIN, MAX, ALL or COUNT".to_owned() }),
        })
    })?;
    parser.space()?;
    // RFC 4731 §3.1: an empty list means ALL.
    if options.is_empty() {
        options.push(ReturnOption::All);
    }
    Ok(Some(options))
}

/// The response to a SEARCH with RETURN.
pub(in crate::protocol::imap) fn write(
    tag: &str,
    by_uid: bool,
    options: &[ReturnOption],
    found: &[u32],
    out: &mut Reply,
) {
    out.push("* ESEARCH (TAG ");
    out.string(tag.as_bytes());
    out.push(if by_uid { ") UID" } else { ")" });
    for option in options {
        match (option, found) {
            (ReturnOption::Count, _) => out.add(format_args!(" COUNT {}", found.len())),
            (ReturnOption::Min | ReturnOption::Max | ReturnOption::All, []) => {}
            (ReturnOption::Min, [min, ..]) => out.add(format_args!(" MIN {min}")),
            (ReturnOption::Max, [.., max]) => out.add(format_args!(" MAX {max}")),
            (ReturnOption::All, found) => out.add(format_args!(" ALL {}", Numbers(found))),
        }
    }
    out.push("\r\n");
}
