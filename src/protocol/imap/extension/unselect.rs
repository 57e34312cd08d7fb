//! UNSELECT (RFC 3691): leaves the selected mailbox without expunging anything.

use super::{Capability, Extension};
use crate::protocol::imap::command::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::{Answer, Imap, Progress};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("UNSELECT")],
    commands: &[CommandSpec::new("UNSELECT", Event::ImapUnselect, AllowedIn::Selected, |_, _| Ok(Box::new(Unselect)))],
    ..Extension::of("RFC 3691", "UNSELECT, which leaves the mailbox without expunging anything")
};

#[derive(Debug)]
struct Unselect;

impl Command for Unselect {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        imap.deselect(account, txn);
        Ok(Progress::done("Unselected"))
    }
}
