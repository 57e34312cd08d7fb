//! ID (RFC 2971): client and server exchange the names of their software.

use super::{Capability, Extension};
use crate::protocol::imap::command::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::{Answer, Imap, Progress};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("ID")],
    commands: &[CommandSpec::new("ID", Event::ImapId, AllowedIn::AnyState, |parser, _| parse(parser))],
    ..Extension::of("RFC 2971", "ID, with the name and version of the server")
};

#[derive(Debug)]
struct Id;

/// RFC 2971 §3.1: `ID (NIL / "(" [string SP nstring …] ")")`.
fn parse(parser: &mut Parser<'_>) -> Parsed<Box<dyn Command>> {
    if parser.tolerance().id_without_argument && parser.is_at_end() {
        return Ok(Box::new(Id));
    }
    parser.space()?;
    if !parser.eat_word("NIL") {
        parser.list(|parser| {
            parser.string("the name of a field")?;
            parser.space()?;
            parser.nstring("its value")
        })?;
    }
    Ok(Box::new(Id))
}

impl Command for Id {
    fn perform(self: Box<Self>, _imap: &mut Imap, _tag: &str, _txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let version = env!("CARGO_PKG_VERSION");
        out.add(format_args!("* ID (\"name\" \"mailjig\" \"version\" \"{version}\")\r\n"));
        Ok(Progress::done("ID is complete"))
    }
}
