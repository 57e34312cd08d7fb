//! EXPUNGE and UID EXPUNGE (RFC 3501 §6.4.3, RFC 4315 §2.1).

use std::vec::IntoIter;

use super::command::Command;
use super::parser::{Parsed, Parser};
use super::set::Set;
use super::{Answer, Imap, PORTION, Progress, Refusal, Work};
use crate::mail::Flags;
use crate::protocol::Desk;

/// Entries that are being taken out, and what is said when it is done.
#[derive(Debug)]
pub(super) struct Expunging {
    uids: IntoIter<u32>,
    done: &'static str,
}

impl Expunging {
    pub(super) fn new(uids: Vec<u32>, done: &'static str) -> Self {
        Self { uids: uids.into_iter(), done }
    }
}

pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Command> {
    if !by_uid {
        return Ok(Command::Expunge(None));
    }
    parser.space()?;
    Ok(Command::Expunge(Some(parser.set()?)))
}

impl Imap {
    pub(super) fn expunge(&mut self, uids: Option<&Set>, desk: &Desk<'_>) -> Answer {
        let view = self.writable()?;
        let all = match uids {
            Some(set) => view.named(set, true).unwrap_or_default(),
            None => view.uids().to_vec(),
        };
        let Some(mailbox) = desk.mailbox(view.place) else { return Err(Refusal::unselected()) };
        let is_deleted = |uid: &u32| mailbox.entry(*uid).is_some_and(|entry| entry.flags.contains(Flags::DELETED));
        let deleted: Vec<u32> = all.into_iter().filter(is_deleted).collect();
        Ok(Progress::More(Work::Expunge(Expunging::new(deleted, "Expunged"))))
    }

    /// The numbers are told at the end, together with what others took out.
    pub(super) fn go_on_expunging(&mut self, mut expunging: Expunging, desk: &mut Desk<'_>) -> Answer {
        let place = self.view()?.place;
        expunging.uids.by_ref().take(PORTION).for_each(|uid| desk.expunge(place, uid));
        match expunging.uids.len() {
            0 => Ok(Progress::Done(expunging.done.to_owned())),
            _ => Ok(Progress::More(Work::Expunge(expunging))),
        }
    }
}
