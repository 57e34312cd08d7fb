//! NOOP (RFC 3501 §6.1.2).

use super::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::{Answer, Imap, Progress};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const NOOP: CommandSpec =
    CommandSpec::new("NOOP", Event::ImapNoop, AllowedIn::AnyState, |_, _| Ok(Box::new(Noop)));

#[derive(Debug)]
struct Noop;

impl Command for Noop {
    fn perform(self: Box<Self>, _imap: &mut Imap, _tag: &str, _txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        Ok(Progress::done("Done"))
    }

    fn leads_to_tls(&self) -> bool {
        true
    }
}
