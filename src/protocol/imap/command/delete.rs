//! DELETE (RFC 3501 §6.3.4).

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::INBOX;
use crate::protocol::imap::{Answer, Imap, Progress, Refusal, names, utf7};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const DELETE: CommandSpec =
    CommandSpec::new("DELETE", Event::ImapDelete, AllowedIn::Authenticated, |parser, _| {
        Ok(Box::new(Delete(super::mailbox_argument(parser)?)))
    });

#[derive(Debug)]
struct Delete(String);

impl Command for Delete {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        let name = txn.accounts().namespace().canonical(&self.0);
        if &*name == INBOX {
            return Err(Refusal::no("[CANNOT] INBOX cannot be deleted"));
        }
        let Some(place) = names::place(account, &name, txn) else {
            let start = format!("{name}{}", txn.accounts().namespace().delimiter);
            return Err(match names::below(account, &start, txn).next() {
                None => Refusal::no_mailbox(&name),
                Some(_) => Refusal::no(format!("[HASCHILDREN] {} has mailboxes below it", utf7::encode(&name))),
            });
        };
        txn.delete(place);
        if imap.view().is_ok_and(|view| view.place == place) {
            imap.deselect(account, txn);
            return Ok(Progress::done("Deleted; no mailbox is selected now"));
        }
        Ok(Progress::done("Deleted"))
    }

    fn mailbox(&self) -> Option<&str> {
        Some(&self.0)
    }
}
