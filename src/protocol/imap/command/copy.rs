//! COPY and UID COPY (RFC 3501 §6.4.7), and the code that MOVE (RFC 6851) shares with them.

use std::vec::IntoIter;

use super::expunge::Expunging;
use super::{AllowedIn, Command, CommandSpec};
use crate::mail::{Flags, MailboxId};
use crate::protocol::imap::extension::uidplus;
use crate::protocol::imap::long_command::LongCommand;
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::sequence_set::SequenceSet;
use crate::protocol::imap::{Answer, Imap, PORTION, Progress, Refusal, names};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const COPY: CommandSpec =
    CommandSpec::new("COPY", Event::ImapCopy, AllowedIn::Selected, |parser, by_uid| Copy::parse(parser, by_uid, false))
        .with_uid_form();

#[derive(Debug)]
pub(in crate::protocol::imap) struct Copy {
    set: SequenceSet,
    by_uid: bool,
    mailbox: String,
    is_move: bool,
}

/// The rest of a COPY or MOVE.
#[derive(Debug)]
struct Copying {
    to: MailboxId,
    uids: IntoIter<u32>,
    copied: Vec<u32>,
    new: Vec<u32>,
    is_move: bool,
}

impl Copy {
    pub(in crate::protocol::imap) fn parse(
        parser: &mut Parser<'_>,
        by_uid: bool,
        is_move: bool,
    ) -> Parsed<Box<dyn Command>> {
        parser.space()?;
        let set = parser.set()?;
        Ok(Box::new(Self { set, by_uid, mailbox: super::mailbox_argument(parser)?, is_move }))
    }
}

impl Command for Copy {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let Self { set, by_uid, mailbox, is_move } = *self;
        let account = imap.logged_in()?;
        let view = if is_move { imap.writable()? } else { imap.view_mut()? };
        let uids = view.named(&set, by_uid).map_err(|number| Refusal::no_message(number, view.len()))?;
        let name = txn.accounts().namespace().canonical(&mailbox);
        let to = names::place(account, &name, txn).ok_or_else(|| Refusal::try_create(&name))?;
        let Some(mailbox) = txn.mailbox(view.place) else { return Err(Refusal::unselected()) };
        // Look for all reasons to fail before anything is copied: COPY copies all messages or none (RFC 3501 §6.4.7).
        let there = uids.iter().filter_map(|uid| mailbox.entry(*uid));
        if !by_uid && there.clone().count() < uids.len() {
            return Err(Refusal::no("[EXPUNGEISSUED] some of these messages are gone"));
        }
        let flags = there.fold(Flags::NONE, |all, entry| all.with(entry.flags));
        let keywords: Vec<String> = flags.names(&mailbox.keywords).map(str::to_owned).collect();
        txn.flags(to, keywords.iter().map(String::as_str)).ok_or_else(Refusal::keywords)?;
        let (copied, new) = (Vec::with_capacity(uids.len()), Vec::with_capacity(uids.len()));
        Box::new(Copying { to, uids: uids.into_iter(), copied, new, is_move }).go_on(imap, txn, out)
    }

    fn mailbox(&self) -> Option<&str> {
        Some(&self.mailbox)
    }

    fn messages(&self) -> Option<(&SequenceSet, bool)> {
        Some((&self.set, self.by_uid))
    }
}

impl LongCommand for Copying {
    fn go_on(mut self: Box<Self>, imap: &mut Imap, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let from = imap.view()?.place;
        let Some(validity) = txn.mailbox(self.to).map(|mailbox| mailbox.uid_validity) else {
            return Err(Refusal::no("[NONEXISTENT] the destination mailbox was deleted meanwhile"));
        };
        for uid in self.uids.by_ref().take(PORTION) {
            if let Some(new) = txn.copy(from, uid, self.to) {
                self.copied.push(uid);
                self.new.push(new);
            }
        }
        if self.uids.len() > 0 {
            return Ok(Progress::More(self));
        }
        let Self { copied, new, is_move, .. } = *self;
        match (is_move, copied.is_empty()) {
            (false, true) => Ok(Progress::done("Copied")),
            (false, false) => Ok(Progress::done(format!("{} Copied", uidplus::copy_uid(validity, &copied, &new)))),
            (true, true) => Ok(Progress::done("Nothing to move")),
            (true, false) => {
                // RFC 6851 §4.3: COPYUID comes before the expunges.
                out.add(format_args!("* OK {} Moved\r\n", uidplus::copy_uid(validity, &copied, &new)));
                Ok(Progress::More(Box::new(Expunging::moved(copied))))
            }
        }
    }
}
