//! COPY, UID COPY, MOVE and UID MOVE (RFC 3501 §6.4.7, RFC 6851, RFC 4315 §3).

use std::vec::IntoIter;

use super::command::ImapCommand;
use super::expunge::Expunging;
use super::parser::{Parsed, Parser};
use super::set::{Numbers, Set};
use super::{Answer, Imap, PORTION, Progress, Refusal, Work, mailboxes};
use crate::mail::{AccountNo, Flags, MailboxId};
use crate::protocol::{MailTxn, Reply};

/// A COPY or MOVE that is under way.
#[derive(Debug)]
pub(super) struct Copying {
    to: MailboxId,
    uids: IntoIter<u32>,
    copied: Vec<u32>,
    new: Vec<u32>,
    is_move: bool,
}

pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool, is_move: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    let set = parser.set()?;
    parser.space()?;
    Ok(ImapCommand::Copy { set, by_uid, mailbox: parser.mailbox()?, is_move })
}

impl Imap {
    pub(super) fn copy(
        &mut self,
        account: AccountNo,
        (set, by_uid): (&Set, bool),
        mailbox: &str,
        is_move: bool,
        txn: &mut MailTxn<'_>,
        out: &mut Reply,
    ) -> Answer {
        let view = if is_move { self.writable()? } else { self.view_mut()? };
        let uids = view.named(set, by_uid).map_err(|number| Refusal::no_message(number, view.len()))?;
        let name = txn.accounts().namespace().canonical(mailbox);
        let to = mailboxes::place(account, &name, txn).ok_or_else(|| Refusal::try_create(&name))?;
        let Some(mailbox) = txn.mailbox(view.place) else { return Err(Refusal::unselected()) };
        // What would make it fail is looked for before anything is copied: all are, or none (RFC 3501 §6.4.7).
        let there = uids.iter().filter_map(|uid| mailbox.entry(*uid));
        if !by_uid && there.clone().count() < uids.len() {
            return Err(Refusal::no("[EXPUNGEISSUED] some of these messages are gone"));
        }
        let flags = there.fold(Flags::NONE, |all, entry| all.with(entry.flags));
        let names: Vec<String> = flags.names(&mailbox.keywords).map(str::to_owned).collect();
        txn.flags(to, names.iter().map(String::as_str)).ok_or_else(Refusal::keywords)?;
        let (copied, new) = (Vec::with_capacity(uids.len()), Vec::with_capacity(uids.len()));
        let copying = Copying { to, uids: uids.into_iter(), copied, new, is_move };
        self.go_on_copying(copying, txn, out)
    }

    pub(super) fn go_on_copying(&mut self, mut copying: Copying, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let from = self.view()?.place;
        let Some(validity) = txn.mailbox(copying.to).map(|mailbox| mailbox.uid_validity) else {
            return Err(Refusal::no("[NONEXISTENT] the mailbox to copy to was deleted meanwhile"));
        };
        for uid in copying.uids.by_ref().take(PORTION) {
            if let Some(new) = txn.copy(from, uid, copying.to) {
                copying.copied.push(uid);
                copying.new.push(new);
            }
        }
        if copying.uids.len() > 0 {
            return Ok(Progress::More(Work::Copy(copying)));
        }
        let Copying { copied, new, is_move, .. } = copying;
        let code = match copied.is_empty() {
            true => String::new(),
            false => format!("[COPYUID {validity} {} {}] ", Numbers(&copied), Numbers(&new)),
        };
        if is_move {
            // RFC 6851 §4.3: what is where is told before the expunges.
            if !copied.is_empty() {
                out.add(format_args!("* OK {code}Moved\r\n"));
            }
            return Ok(match copied.is_empty() {
                true => Progress::Done("Nothing to move".to_owned()),
                false => Progress::More(Work::Expunge(Expunging::moved(copied))),
            });
        }
        Ok(Progress::Done(format!("{code}Copied")))
    }
}
