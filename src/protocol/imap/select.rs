//! SELECT, EXAMINE, CLOSE and UNSELECT (RFC 3501 §6.3.1, §6.3.2, §6.4.2, RFC 3691).

use super::command::ImapCommand;
use super::parser::{Parsed, Parser};
use super::view::View;
use super::{Answer, Imap, ImapState, Progress, Refusal, flags};
use crate::mail::{AccountNo, Flags, MailboxId};
use crate::protocol::{MailTxn, Reply};

#[derive(Debug)]
pub(super) struct Select {
    mailbox: String,
    is_read_only: bool,
}

pub(super) fn parse(parser: &mut Parser<'_>, is_read_only: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    Ok(ImapCommand::Select(Select { mailbox: parser.mailbox()?, is_read_only }))
}

impl Select {
    pub(super) fn mailbox(&self) -> &str {
        &self.mailbox
    }
}

impl Imap {
    pub(super) fn select(
        &mut self,
        account: AccountNo,
        select: Select,
        txn: &mut MailTxn<'_>,
        out: &mut Reply,
    ) -> Answer {
        // Whatever comes of it, the mailbox selected before is selected no longer (RFC 3501 §6.3.1).
        self.deselect(account, txn);
        let name = txn.accounts().namespace().canonical(&select.mailbox);
        let Some(mailbox) = txn.account(account).and_then(|account| account.named(&name)) else {
            return Err(Refusal::no_mailbox(&name));
        };
        let place = MailboxId { account, mailbox: mailbox.no };
        let view = View::open(place, mailbox, select.is_read_only);
        flags::tell_known(mailbox, select.is_read_only, out);
        out.add(format_args!("* {} EXISTS\r\n* {} RECENT\r\n", view.len(), view.recent()));
        if let Some(at) = mailbox.entries().iter().position(|entry| !entry.flags.contains(Flags::SEEN)) {
            out.add(format_args!("* OK [UNSEEN {}] The first that is not seen\r\n", at + 1));
        }
        out.add(format_args!("* OK [UIDVALIDITY {}] UIDs are valid\r\n", mailbox.uid_validity));
        out.add(format_args!("* OK [UIDNEXT {}] The next UID\r\n", mailbox.uid_next));
        txn.select(Some(&name));
        if !select.is_read_only {
            txn.claim(place);
        }
        self.state = ImapState::Selected(account, Box::new(view));
        let access = if select.is_read_only { "READ-ONLY" } else { "READ-WRITE" };
        Ok(Progress::Done(format!("[{access}] Selected")))
    }

    /// CLOSE takes out what is deleted, and says nothing of it.
    pub(super) fn close(&mut self, account: AccountNo, txn: &mut MailTxn<'_>) -> Answer {
        let ImapState::Selected(_, view) = &self.state else { return Err(Refusal::unselected()) };
        if !view.is_read_only {
            let place = view.place;
            let deleted = |flags: Flags| flags.contains(Flags::DELETED);
            let entries = txn.mailbox(place).into_iter().flat_map(|mailbox| mailbox.entries());
            let gone: Vec<u32> = entries.filter(|entry| deleted(entry.flags)).map(|entry| entry.uid).collect();
            gone.into_iter().for_each(|uid| txn.expunge(place, uid));
        }
        self.deselect(account, txn);
        Ok(Progress::Done("Closed".to_owned()))
    }

    pub(super) fn unselect(&mut self, account: AccountNo, txn: &mut MailTxn<'_>) -> Answer {
        self.deselect(account, txn);
        Ok(Progress::Done("Unselected".to_owned()))
    }

    pub(super) fn deselect(&mut self, account: AccountNo, txn: &mut MailTxn<'_>) {
        if let ImapState::Selected(..) = self.state {
            txn.select(None);
        }
        self.state = ImapState::Authenticated(account);
    }
}
