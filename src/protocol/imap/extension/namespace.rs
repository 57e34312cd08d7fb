//! NAMESPACE (RFC 2342): the prefix of mailbox names, and their hierarchy delimiter.

use super::{Capability, Extension};
use crate::mail::Namespace;
use crate::protocol::imap::command::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::{Answer, Imap, Progress, utf7};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("NAMESPACE")],
    commands: &[CommandSpec::new("NAMESPACE", Event::ImapNamespace, AllowedIn::Authenticated, |_, _| {
        Ok(Box::new(NamespaceCommand))
    })],
    ..Extension::of("RFC 2342", "NAMESPACE, with the prefix of mailbox names and the hierarchy delimiter")
};

#[derive(Debug)]
struct NamespaceCommand;

impl Command for NamespaceCommand {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        imap.logged_in()?;
        let Namespace { delimiter, prefix } = txn.accounts().namespace();
        out.push("* NAMESPACE ((");
        out.string(utf7::encode(prefix).as_bytes());
        out.add(format_args!(" \"{delimiter}\")) NIL NIL\r\n"));
        Ok(Progress::done("NAMESPACE is complete"))
    }
}
