//! COPY, UID COPY, MOVE and UID MOVE (RFC 3501 §6.4.7, RFC 6851, RFC 4315 §3).

use std::vec::IntoIter;

use super::command::Command;
use super::expunge::Expunging;
use super::parser::{Parsed, Parser};
use super::set::{Numbers, Set};
use super::{Answer, Imap, PORTION, Progress, Refusal, Work, mailboxes};
use crate::mail::{AccountNo, Place};
use crate::protocol::{Desk, Reply};

/// A COPY or MOVE that is under way.
#[derive(Debug)]
pub(super) struct Copying {
    to: Place,
    uids: IntoIter<u32>,
    copied: Vec<u32>,
    new: Vec<u32>,
    is_move: bool,
    by_uid: bool,
    missed: bool,
}

pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool, is_move: bool) -> Parsed<Command> {
    parser.space()?;
    let set = parser.set()?;
    parser.space()?;
    Ok(Command::Copy { set, by_uid, mailbox: parser.mailbox()?, is_move })
}

impl Imap {
    pub(super) fn copy(
        &mut self,
        account: AccountNo,
        (set, by_uid): (&Set, bool),
        mailbox: &str,
        is_move: bool,
        desk: &Desk<'_>,
    ) -> Answer {
        let view = if is_move { self.writable()? } else { self.view_mut()? };
        let uids = view.named(set, by_uid).map_err(|number| Refusal::no_message(number, view.len()))?;
        let name = desk.accounts().namespace().canonical(mailbox);
        let to = mailboxes::place(account, &name, desk).ok_or_else(|| Refusal::try_create(&name))?;
        let (copied, new) = (Vec::with_capacity(uids.len()), Vec::with_capacity(uids.len()));
        let copying = Copying { to, uids: uids.into_iter(), copied, new, is_move, by_uid, missed: false };
        Ok(Progress::More(Work::Copy(copying)))
    }

    pub(super) fn go_on_copying(&mut self, mut copying: Copying, desk: &mut Desk<'_>, out: &mut Reply) -> Answer {
        let from = self.view()?.place;
        let Some(validity) = desk.mailbox(copying.to).map(|mailbox| mailbox.uid_validity) else {
            return Err(Refusal::no("[NONEXISTENT] the mailbox to copy to was deleted meanwhile"));
        };
        for uid in copying.uids.by_ref().take(PORTION) {
            match desk.copy(from, uid, copying.to) {
                Some(new) => {
                    copying.copied.push(uid);
                    copying.new.push(new);
                }
                None if desk.mailbox(from).is_some_and(|mailbox| mailbox.entry(uid).is_some()) => {
                    return Err(Refusal::keywords());
                }
                None => copying.missed = true,
            }
        }
        if copying.uids.len() > 0 {
            return Ok(Progress::More(Work::Copy(copying)));
        }
        let Copying { copied, new, is_move, by_uid, missed, .. } = copying;
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
                false => Progress::More(Work::Expunge(Expunging::new(copied, "Moved"))),
            });
        }
        match missed && !by_uid {
            true => Err(Refusal::no("[EXPUNGEISSUED] some of these messages are gone; the others were copied")),
            false => Ok(Progress::Done(format!("{code}Copied"))),
        }
    }
}
