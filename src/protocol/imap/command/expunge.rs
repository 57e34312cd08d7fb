//! EXPUNGE (RFC 3501 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1).

use std::vec::IntoIter;

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::Flags;
use crate::protocol::imap::long_command::LongCommand;
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::sequence_set::SequenceSet;
use crate::protocol::imap::{Answer, Imap, PORTION, Progress};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const EXPUNGE: CommandSpec =
    CommandSpec::new("EXPUNGE", Event::ImapExpunge, AllowedIn::Selected, parse).with_uid_form();

/// EXPUNGE, or UID EXPUNGE of these UIDs.
#[derive(Debug)]
struct Expunge(Option<SequenceSet>);

/// The messages that still have to be expunged, and the text of the reply.
#[derive(Debug)]
pub(super) struct Expunging {
    uids: IntoIter<u32>,
    /// Whether only messages are expunged that have the flag `\Deleted` at that moment.
    only_deleted: bool,
    done: &'static str,
}

impl Expunging {
    /// The messages that MOVE has copied.
    pub(super) fn moved(uids: Vec<u32>) -> Self {
        Self { uids: uids.into_iter(), only_deleted: false, done: "Moved" }
    }
}

fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Box<dyn Command>> {
    if !by_uid {
        return Ok(Box::new(Expunge(None)));
    }
    parser.space()?;
    Ok(Box::new(Expunge(Some(parser.set()?))))
}

impl Command for Expunge {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let view = imap.writable()?;
        let all = match &self.0 {
            Some(set) => view.named(set, true).unwrap_or_default(),
            None => view.uids().to_vec(),
        };
        Box::new(Expunging { uids: all.into_iter(), only_deleted: true, done: "Expunged" }).go_on(imap, txn, out)
    }

    fn messages(&self) -> Option<(&SequenceSet, bool)> {
        self.0.as_ref().map(|set| (set, true))
    }
}

impl LongCommand for Expunging {
    /// The untagged EXPUNGE responses follow at the end, together with those for expunges of other sessions.
    fn go_on(mut self: Box<Self>, imap: &mut Imap, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        let place = imap.view()?.place;
        for uid in self.uids.by_ref().take(PORTION) {
            let entry = txn.mailbox(place).and_then(|mailbox| mailbox.entry(uid));
            if entry.is_some_and(|entry| !self.only_deleted || entry.flags.contains(Flags::DELETED)) {
                txn.expunge(place, uid);
                imap.view_mut()?.expunged();
            }
        }
        if self.uids.len() > 0 {
            return Ok(Progress::More(self));
        }
        Ok(Progress::done(self.done))
    }
}
