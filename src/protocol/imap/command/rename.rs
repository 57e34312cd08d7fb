//! RENAME (RFC 3501 §6.3.5).

use std::vec::IntoIter;

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::{INBOX, Mailbox, MailboxId, SpecialUse};
use crate::protocol::imap::long_command::LongCommand;
use crate::protocol::imap::{Answer, Imap, PORTION, Progress, Refusal, names};
use crate::protocol::{Event, MailTxn, NotRenamed, Reply};

pub(super) const RENAME: CommandSpec =
    CommandSpec::new("RENAME", Event::ImapRename, AllowedIn::Authenticated, |parser, _| {
        let from = super::mailbox_argument(parser)?;
        Ok(Box::new(Rename { from, to: super::mailbox_argument(parser)? }))
    });

#[derive(Debug)]
struct Rename {
    from: String,
    to: String,
}

/// The rest of a RENAME of INBOX.
#[derive(Debug)]
struct RenamingInbox {
    inbox: MailboxId,
    to: MailboxId,
    uids: IntoIter<u32>,
}

impl Command for Rename {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        let namespace = txn.accounts().namespace();
        let (from, to) = (namespace.canonical(&self.from), namespace.canonical(&self.to));
        let source = names::place(account, &from, txn);
        if let Some(inbox) = source.filter(|_| &*from == INBOX) {
            names::may_be_made(account, &to, txn)?;
            return rename_inbox(inbox, &to, imap, txn, out);
        }
        txn.may_be_renamed(account, &from, &to).map_err(|why| match why {
            NotRenamed::Missing => Refusal::no_mailbox(&from),
            NotRenamed::Name(objection) => Refusal::no(format!("[CANNOT] {objection}")),
            NotRenamed::Taken(name) => Refusal::taken(&name),
            NotRenamed::Below => Refusal::no("[CANNOT] the new name is below the old one"),
        })?;
        txn.rename(account, &from, &to);
        Ok(Progress::done("Renamed"))
    }

    fn mailbox(&self) -> Option<&str> {
        Some(&self.from)
    }
}

/// RFC 3501 §6.3.5: the messages move to a new mailbox. INBOX and its children stay.
fn rename_inbox(inbox: MailboxId, to: &str, imap: &mut Imap, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
    let to = txn.create(inbox.account, to, SpecialUse::of_name(to));
    let uids: Vec<u32> = txn.mailbox(inbox).into_iter().flat_map(Mailbox::entries).map(|entry| entry.uid).collect();
    Box::new(RenamingInbox { inbox, to, uids: uids.into_iter() }).go_on(imap, txn, out)
}

impl LongCommand for RenamingInbox {
    fn go_on(mut self: Box<Self>, _imap: &mut Imap, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        if txn.mailbox(self.to).is_none() {
            return Err(Refusal::no("[NONEXISTENT] the new mailbox was deleted meanwhile"));
        }
        for uid in self.uids.by_ref().take(PORTION) {
            if txn.copy(self.inbox, uid, self.to).is_some() {
                txn.expunge(self.inbox, uid);
            }
        }
        if self.uids.len() > 0 {
            return Ok(Progress::More(self));
        }
        Ok(Progress::done("The messages of INBOX moved"))
    }
}
