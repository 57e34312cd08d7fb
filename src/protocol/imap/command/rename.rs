//! RENAME (RFC 3501 §6.3.5).

use std::sync::Arc;
use std::vec::IntoIter;

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::{INBOX, Mailbox, MailboxId, SpecialUse};
use crate::protocol::imap::long_command::LongCommand;
use crate::protocol::imap::{Answer, Imap, PORTION, Progress, Refusal, names};
use crate::protocol::{Event, MailTxn, Reply};

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
        let (start, new_start) = (format!("{from}{}", namespace.delimiter), format!("{to}{}", namespace.delimiter));
        if source.is_none() && names::below(account, &start, txn).next().is_none() {
            return Err(Refusal::no_mailbox(&from));
        }
        names::may_be_named(account, &to, txn)?;
        if to.starts_with(&start) {
            return Err(Refusal::no("[CANNOT] the new name is below the old one"));
        }
        if let Some(objection) =
            names::below(account, &start, txn).find_map(|name| namespace.objection_below(name, &from, &to))
        {
            return Err(Refusal::no(format!("[CANNOT] {objection}")));
        }
        // The new name of a child may be taken even if that of the parent is not. Names that are themselves renamed become free.
        let is_needed = |taken: &&Arc<str>| {
            let is_left = ***taken == *from || taken.starts_with(&start);
            !is_left && names::place(account, &format!("{from}{}", &taken[to.len()..]), txn).is_some()
        };
        if let Some(taken) = names::below(account, &new_start, txn).find(is_needed) {
            return Err(Refusal::taken(taken));
        }
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
