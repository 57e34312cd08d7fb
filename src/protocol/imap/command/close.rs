//! CLOSE (RFC 3501 §6.4.2).

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::Flags;
use crate::protocol::imap::{Answer, Imap, Progress};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const CLOSE: CommandSpec =
    CommandSpec::new("CLOSE", Event::ImapClose, AllowedIn::Selected, |_, _| Ok(Box::new(Close)));

#[derive(Debug)]
struct Close;

impl Command for Close {
    /// Expunges what is flagged as deleted, without untagged EXPUNGE responses.
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        let view = imap.view()?;
        if !view.is_read_only {
            let place = view.place;
            let entries = txn.mailbox(place).into_iter().flat_map(|mailbox| mailbox.entries());
            let deleted = entries.filter(|entry| entry.flags.contains(Flags::DELETED)).map(|entry| entry.uid);
            let deleted: Vec<u32> = deleted.collect();
            deleted.into_iter().for_each(|uid| txn.expunge(place, uid));
        }
        imap.deselect(account, txn);
        Ok(Progress::done("Closed"))
    }
}
