//! SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2).

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::{Flags, MailboxId};
use crate::protocol::imap::view::View;
use crate::protocol::imap::{Answer, Imap, ImapState, Progress, Refusal, flags};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const SELECT: CommandSpec =
    CommandSpec::new("SELECT", Event::ImapSelect, AllowedIn::Authenticated, |parser, _| {
        Ok(Box::new(Select { mailbox: super::mailbox_argument(parser)?, is_read_only: false }))
    });

pub(super) const EXAMINE: CommandSpec =
    CommandSpec::new("EXAMINE", Event::ImapExamine, AllowedIn::Authenticated, |parser, _| {
        Ok(Box::new(Select { mailbox: super::mailbox_argument(parser)?, is_read_only: true }))
    });

#[derive(Debug)]
struct Select {
    mailbox: String,
    is_read_only: bool,
}

impl Command for Select {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        // Even if SELECT fails, the previous mailbox is no longer selected (RFC 3501 §6.3.1).
        imap.deselect(account, txn);
        let name = txn.accounts().namespace().canonical(&self.mailbox);
        let Some(mailbox) = txn.account(account).and_then(|account| account.named(&name)) else {
            return Err(Refusal::no_mailbox(&name));
        };
        let place = MailboxId { account, mailbox: mailbox.no };
        let view = View::open(place, mailbox, self.is_read_only);
        flags::tell_known(mailbox, self.is_read_only, out);
        out.add(format_args!("* {} EXISTS\r\n* {} RECENT\r\n", view.len(), view.recent()));
        if let Some(at) = mailbox.entries().iter().position(|entry| !entry.flags.contains(Flags::SEEN)) {
            out.add(format_args!("* OK [UNSEEN {}] The first message that is not seen\r\n", at + 1));
        }
        out.add(format_args!("* OK [UIDVALIDITY {}] UIDs are valid\r\n", mailbox.uid_validity));
        out.add(format_args!("* OK [UIDNEXT {}] The next UID\r\n", mailbox.uid_next));
        txn.select(Some(&name));
        if !self.is_read_only {
            txn.claim(place);
        }
        imap.state = ImapState::Selected(account, Box::new(view));
        let access = if self.is_read_only { "READ-ONLY" } else { "READ-WRITE" };
        Ok(Progress::done(format!("[{access}] Selected")))
    }

    fn mailbox(&self) -> Option<&str> {
        Some(&self.mailbox)
    }
}
