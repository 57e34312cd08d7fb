//! STORE and UID STORE (RFC 3501 §6.4.6).

use std::vec::IntoIter;

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::Flags;
use crate::protocol::imap::long_command::LongCommand;
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::sequence_set::SequenceSet;
use crate::protocol::imap::{Answer, Imap, PORTION, Progress, Refusal};
use crate::protocol::{Event, MailTxn, Reply, Value};

pub(super) const STORE: CommandSpec =
    CommandSpec::new("STORE", Event::ImapStore, AllowedIn::Selected, parse).with_uid_form();

#[derive(Debug)]
struct Store {
    set: SequenceSet,
    by_uid: bool,
    mode: StoreMode,
    is_silent: bool,
    flags: Vec<Box<str>>,
}

/// What STORE does with the flags.
#[derive(Debug, Clone, Copy)]
enum StoreMode {
    Replace,
    Add,
    Remove,
}

/// The rest of a STORE.
#[derive(Debug)]
struct Storing {
    uids: IntoIter<u32>,
    by_uid: bool,
    mode: StoreMode,
    is_silent: bool,
    flags: Flags,
    missed: bool,
}

fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Box<dyn Command>> {
    parser.space()?;
    let set = parser.set()?;
    parser.space()?;
    let mode = match (parser.eat(b'+'), parser.eat(b'-')) {
        (true, _) => StoreMode::Add,
        (false, true) => StoreMode::Remove,
        (false, false) => StoreMode::Replace,
    };
    if !parser.eat_word("FLAGS") {
        return parser.wrong("expected FLAGS, +FLAGS or -FLAGS");
    }
    let is_silent = parser.eat_word(".SILENT");
    parser.space()?;
    let flags = if parser.peek() == Some(b'(') {
        parser.list(Parser::flag)?
    } else {
        let mut flags = vec![parser.flag()?];
        while parser.peek() == Some(b' ') {
            parser.space()?;
            flags.push(parser.flag()?);
        }
        flags
    };
    Ok(Box::new(Store { set, by_uid, mode, is_silent, flags }))
}

impl Command for Store {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let Self { set, by_uid, mode, is_silent, flags } = *self;
        let view = imap.writable()?;
        let uids = view.named(&set, by_uid).map_err(|number| Refusal::no_message(number, view.len()))?;
        let names = flags.iter().map(|flag| &**flag);
        let flags = match mode {
            // A keyword that the mailbox does not have need not be created to be removed.
            StoreMode::Remove => {
                let mailbox = txn.mailbox(view.place);
                let known = |name| Flags::system(name).or_else(|| mailbox?.keyword(name));
                names.filter_map(known).fold(Flags::NONE, Flags::with)
            }
            StoreMode::Replace | StoreMode::Add => txn.flags(view.place, names).ok_or_else(Refusal::keywords)?,
        };
        if let Some(mailbox) = txn.mailbox(view.place) {
            view.tell_keywords(mailbox, out);
        }
        Box::new(Storing { uids: uids.into_iter(), by_uid, mode, is_silent, flags, missed: false })
            .go_on(imap, txn, out)
    }

    fn may_expunge(&self) -> bool {
        self.by_uid
    }

    fn messages(&self) -> Option<(&SequenceSet, bool)> {
        Some((&self.set, self.by_uid))
    }

    fn flags(&self) -> Option<Value<'_>> {
        Some(Value::text(self.flags.join(" ")))
    }
}

impl LongCommand for Storing {
    fn go_on(mut self: Box<Self>, imap: &mut Imap, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let view = imap.view_mut()?;
        for uid in self.uids.by_ref().take(PORTION) {
            let before = txn.mailbox(view.place).and_then(|mailbox| mailbox.entry(uid)).map(|entry| entry.flags);
            let Some(before) = before else {
                self.missed = true;
                continue;
            };
            let after = match self.mode {
                StoreMode::Replace => self.flags,
                StoreMode::Add => before.with(self.flags),
                StoreMode::Remove => before.without(self.flags),
            };
            if let Some(modseq) = txn.flag(view.place, uid, after) {
                view.made(modseq);
            }
            // The answer contains the flags even if they did not change.
            if let Some((mailbox, number)) = txn.mailbox(view.place).zip(view.number(uid)).filter(|_| !self.is_silent) {
                out.add(format_args!("* {number} FETCH ("));
                if self.by_uid {
                    out.add(format_args!("UID {uid} "));
                }
                out.push("FLAGS ");
                view.flags(uid, after, mailbox, out);
                out.push(")\r\n");
            }
        }
        if self.uids.len() > 0 {
            return Ok(Progress::More(self));
        }
        // RFC 2180 §4.2, RFC 5530 §3: by sequence number, expunged messages are an error.
        match self.missed && !self.by_uid {
            true => Err(Refusal::no("[EXPUNGEISSUED] some of these messages are gone; the others were stored")),
            false => Ok(Progress::done("Stored")),
        }
    }
}
