//! IDLE (RFC 2177): the server reports changes of the mailbox as they happen, until the client sends DONE.

use super::{Capability, Extension};
use crate::protocol::imap::command::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::{Answer, Imap, Mode, Progress, Refusal};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("IDLE")],
    commands: &[CommandSpec::new("IDLE", Event::ImapIdle, AllowedIn::Authenticated, |_, _| Ok(Box::new(Idle)))],
    ..Extension::of("RFC 2177", "IDLE, which reports new mail, expunges and flags at once")
};

#[derive(Debug)]
struct Idle;

impl Command for Idle {
    fn perform(self: Box<Self>, imap: &mut Imap, tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        imap.logged_in()?;
        out.push("+ idling\r\n");
        imap.mode = Mode::Idle(tag.into());
        txn.idle(true);
        Ok(Progress::Continuation)
    }
}

impl Imap {
    /// The line that ends IDLE. Any other line than DONE ends it too, with an error.
    pub(in crate::protocol::imap) fn end_idle(line: &[u8], txn: &mut MailTxn<'_>) -> Answer {
        txn.idle(false);
        match line.eq_ignore_ascii_case(b"DONE") {
            true => Ok(Progress::done("IDLE is complete")),
            false => Err(Refusal::bad("expected DONE")),
        }
    }
}
