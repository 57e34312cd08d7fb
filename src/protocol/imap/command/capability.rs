//! CAPABILITY (RFC 3501 §6.1.1).

use super::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::{Answer, Imap, Progress};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const CAPABILITY: CommandSpec =
    CommandSpec::new("CAPABILITY", Event::ImapCaps, AllowedIn::AnyState, |_, _| Ok(Box::new(Capability)));

#[derive(Debug)]
struct Capability;

impl Command for Capability {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, _txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        out.push("* CAPABILITY ");
        imap.push_capabilities(out);
        out.push("\r\n");
        Ok(Progress::done("CAPABILITY is complete"))
    }

    fn leads_to_tls(&self) -> bool {
        true
    }
}
