//! EXPUNGE and UID EXPUNGE (RFC 3501 §6.4.3, RFC 4315 §2.1).

use std::vec::IntoIter;

use super::command::ImapCommand;
use super::parser::{Parsed, Parser};
use super::set::Set;
use super::{Answer, Imap, PORTION, Progress, Work};
use crate::mail::Flags;
use crate::protocol::MailTxn;

/// Entries that are being taken out, and what is said when it is done.
#[derive(Debug)]
pub(super) struct Expunging {
    uids: IntoIter<u32>,
    /// Whether somebody may still take back that they are.
    only_deleted: bool,
    done: &'static str,
}

impl Expunging {
    /// What was moved.
    pub(super) fn moved(uids: Vec<u32>) -> Self {
        Self { uids: uids.into_iter(), only_deleted: false, done: "Moved" }
    }
}

pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<ImapCommand> {
    if !by_uid {
        return Ok(ImapCommand::Expunge(None));
    }
    parser.space()?;
    Ok(ImapCommand::Expunge(Some(parser.set()?)))
}

impl Imap {
    pub(super) fn expunge(&mut self, uids: Option<&Set>, txn: &mut MailTxn<'_>) -> Answer {
        let view = self.writable()?;
        let all = match uids {
            Some(set) => view.named(set, true).unwrap_or_default(),
            None => view.uids().to_vec(),
        };
        let expunging = Expunging { uids: all.into_iter(), only_deleted: true, done: "Expunged" };
        self.go_on_expunging(expunging, txn)
    }

    /// The numbers are told at the end, together with what others took out.
    pub(super) fn go_on_expunging(&mut self, mut expunging: Expunging, txn: &mut MailTxn<'_>) -> Answer {
        let place = self.view()?.place;
        for uid in expunging.uids.by_ref().take(PORTION) {
            let entry = txn.mailbox(place).and_then(|mailbox| mailbox.entry(uid));
            if entry.is_some_and(|entry| !expunging.only_deleted || entry.flags.contains(Flags::DELETED)) {
                txn.expunge(place, uid);
            }
        }
        match expunging.uids.len() {
            0 => Ok(Progress::Done(expunging.done.to_owned())),
            _ => Ok(Progress::More(Work::Expunge(expunging))),
        }
    }
}
