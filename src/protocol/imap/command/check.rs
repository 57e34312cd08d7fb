//! CHECK (RFC 3501 §6.4.1).

use super::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::{Answer, Imap, Progress};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const CHECK: CommandSpec =
    CommandSpec::new("CHECK", Event::ImapCheck, AllowedIn::Selected, |_, _| Ok(Box::new(Check)));

#[derive(Debug)]
struct Check;

impl Command for Check {
    fn perform(self: Box<Self>, _imap: &mut Imap, _tag: &str, _txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        Ok(Progress::done("Checked"))
    }
}
