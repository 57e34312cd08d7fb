//! LOGOUT (RFC 3501 §6.1.3).

use super::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::{Answer, Imap, Progress};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const LOGOUT: CommandSpec =
    CommandSpec::new("LOGOUT", Event::ImapQuit, AllowedIn::AnyState, |_, _| Ok(Box::new(Logout)));

#[derive(Debug)]
struct Logout;

impl Command for Logout {
    fn perform(self: Box<Self>, _imap: &mut Imap, _tag: &str, _txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        out.push("* BYE Goodbye\r\n");
        Ok(Progress::End("Logged out"))
    }

    fn leads_to_tls(&self) -> bool {
        true
    }
}
