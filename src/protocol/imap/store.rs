//! STORE and UID STORE (RFC 3501 §6.4.6).

use std::vec::IntoIter;

use super::command::ImapCommand;
use super::parser::{Parsed, Parser};
use super::set::Set;
use super::{Answer, Imap, PORTION, Progress, Refusal, Work};
use crate::mail::Flags;
use crate::protocol::{MailTxn, Reply};

#[derive(Debug)]
pub(super) struct Store {
    pub(super) set: Set,
    pub(super) by_uid: bool,
    way: Way,
    is_silent: bool,
    pub(super) flags: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Replace,
    Add,
    Remove,
}

/// A STORE that is under way.
#[derive(Debug)]
pub(super) struct Storing {
    uids: IntoIter<u32>,
    by_uid: bool,
    way: Way,
    is_silent: bool,
    flags: Flags,
    missed: bool,
}

pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    let set = parser.set()?;
    parser.space()?;
    let way = match (parser.eat(b'+'), parser.eat(b'-')) {
        (true, _) => Way::Add,
        (_, true) => Way::Remove,
        _ => Way::Replace,
    };
    if !parser.eat_word("FLAGS") {
        return parser.wrong("expected FLAGS, +FLAGS or -FLAGS");
    }
    let is_silent = parser.eat_word(".SILENT");
    parser.space()?;
    let flags = match parser.peek() {
        Some(b'(') => parser.list(Parser::flag)?,
        _ => {
            let mut flags = vec![parser.flag()?];
            while parser.peek() == Some(b' ') {
                parser.space()?;
                flags.push(parser.flag()?);
            }
            flags
        }
    };
    Ok(ImapCommand::Store(Store { set, by_uid, way, is_silent, flags }))
}

impl Imap {
    pub(super) fn store(&mut self, store: Store, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let Store { set, by_uid, way, is_silent, flags } = store;
        let view = self.writable()?;
        let uids = view.named(&set, by_uid).map_err(|number| Refusal::no_message(number, view.len()))?;
        let names = flags.iter().map(|flag| &**flag);
        let flags = match way {
            // A keyword that nobody has ever set need not be made to be taken away.
            Way::Remove => {
                let mailbox = txn.mailbox(view.place);
                let known = |name| Flags::system(name).or_else(|| mailbox?.keyword(name));
                names.filter_map(known).fold(Flags::NONE, Flags::with)
            }
            Way::Replace | Way::Add => txn.flags(view.place, names).ok_or_else(Refusal::keywords)?,
        };
        if let Some(mailbox) = txn.mailbox(view.place) {
            view.tell_keywords(mailbox, out);
        }
        let storing = Storing { uids: uids.into_iter(), by_uid, way, is_silent, flags, missed: false };
        self.go_on_storing(storing, txn, out)
    }

    pub(super) fn go_on_storing(&mut self, mut storing: Storing, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let view = self.view_mut()?;
        for uid in storing.uids.by_ref().take(PORTION) {
            let before = txn.mailbox(view.place).and_then(|mailbox| mailbox.entry(uid)).map(|entry| entry.flags);
            let Some(before) = before else {
                storing.missed = true;
                continue;
            };
            let after = match storing.way {
                Way::Replace => storing.flags,
                Way::Add => before.with(storing.flags),
                Way::Remove => before.without(storing.flags),
            };
            if let Some(modseq) = txn.flag(view.place, uid, after) {
                view.made(modseq);
            }
            // What it came to is told even where nothing changed.
            if let Some((mailbox, number)) =
                txn.mailbox(view.place).zip(view.number(uid)).filter(|_| !storing.is_silent)
            {
                out.add(format_args!("* {number} FETCH ("));
                if storing.by_uid {
                    out.add(format_args!("UID {uid} "));
                }
                out.push("FLAGS ");
                view.flags(uid, after, mailbox, out);
                out.push(")\r\n");
            }
        }
        if storing.uids.len() > 0 {
            return Ok(Progress::More(Work::Store(storing)));
        }
        // RFC 2180 §4.2, RFC 5530 §3.
        match storing.missed && !storing.by_uid {
            true => Err(Refusal::no("[EXPUNGEISSUED] some of these messages are gone; the others were stored")),
            false => Ok(Progress::Done("Stored".to_owned())),
        }
    }
}
