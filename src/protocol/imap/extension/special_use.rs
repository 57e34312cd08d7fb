//! SPECIAL-USE and CREATE-SPECIAL-USE (RFC 6154): mailboxes for drafts, sent mail and so on, which LIST marks.

use super::{Capability, Extension};
use crate::mail::SpecialUse;
use crate::protocol::imap::parser::{Parsed, Parser};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("SPECIAL-USE"), Capability::always("CREATE-SPECIAL-USE")],
    ..Extension::of("RFC 6154", "LIST with the use of a mailbox, such as `\\Sent`; CREATE with `(USE (\\Sent))`")
};

/// Parses the special use after the name in CREATE, if there is one (RFC 6154 §3). Of several, the first is taken.
pub(in crate::protocol::imap) fn parse_use(parser: &mut Parser<'_>) -> Parsed<Option<SpecialUse>> {
    if parser.is_at_end() {
        return Ok(None);
    }
    parser.space()?;
    parser.need(b'(')?;
    if !parser.eat_word("USE") {
        return parser.wrong("expected USE");
    }
    parser.space()?;
    let uses = parser.list(|parser| {
        parser.need(b'\\')?;
        let name = parser.atom("a use")?;
        match SpecialUse::parse(&format!("\\{name}")) {
            Some(its) => Ok(its),
            None => parser.wrong("expected a special use of RFC 6154 such as \\Sent"),
        }
    })?;
    parser.need(b')')?;
    Ok(uses.first().copied())
}
