//! ENABLE (RFC 5161): a client enables extensions that change the server's responses. None of the extensions here does.

use super::{Capability, Extension};
use crate::protocol::imap::command::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::{Answer, Imap, Progress};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("ENABLE")],
    commands: &[CommandSpec::new("ENABLE", Event::ImapEnable, AllowedIn::Authenticated, |parser, _| parse(parser))],
    ..Extension::of("RFC 5161", "ENABLE; no extension here has to be enabled")
};

#[derive(Debug)]
struct Enable;

/// RFC 5161 §3.1: names of capabilities, which the server need not know.
fn parse(parser: &mut Parser<'_>) -> Parsed<Box<dyn Command>> {
    parser.space()?;
    parser.atom("a capability")?;
    while !parser.is_at_end() {
        parser.space()?;
        parser.atom("a capability")?;
    }
    Ok(Box::new(Enable))
}

impl Command for Enable {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, _txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        imap.logged_in()?;
        // RFC 5161 §3.2: an unknown extension is not enabled, and this is not an error.
        out.push("* ENABLED\r\n");
        Ok(Progress::done("There is nothing that needs to be enabled"))
    }
}
