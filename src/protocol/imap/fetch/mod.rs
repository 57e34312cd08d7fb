//! FETCH and UID FETCH (RFC 3501 §6.4.5, RFC 3516).

mod envelope;
mod item;
mod section;
mod source;
mod structure;

use std::collections::VecDeque;
use std::vec::IntoIter;

use super::command::ImapCommand;
use super::date;
use super::parser::{Parsed, Parser};
use super::set::Set;
use super::view::View;
use super::{Answer, Imap, Progress, Refusal, Work};
use crate::base::MessageNo;
use crate::mail::{Entry, Flags, Mailbox, Message};
use crate::protocol::{MailTxn, Reply};
use item::Item;
use source::Source;

/// How many messages one turn deals with, and after how many octets it ends.
const MOST_MESSAGES: usize = 1024;
const MOST_OCTETS: usize = 32 << 10;
/// How many messages, and octets of them, are read ahead of the turns that tell of them.
const AHEAD_MESSAGES: usize = 256;
const AHEAD_OCTETS: usize = 128 << 10;

#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) set: Set,
    pub(super) by_uid: bool,
    items: Vec<Item>,
    /// The items as they were written.
    pub(super) written: Box<str>,
}

/// A FETCH that is under way.
#[derive(Debug)]
pub(super) struct Fetching {
    uids: IntoIter<u32>,
    by_uid: bool,
    items: Vec<Item>,
    pub(super) written: Box<str>,
    /// Messages that come next and have to be read, and what was read of them.
    gathered: Vec<(u32, Message)>,
    read: VecDeque<Read>,
    /// Where the next message is expected in the view.
    place: usize,
    missed: bool,
    /// A part was asked for whose transfer encoding nobody knows.
    undecodable: bool,
}

/// The deep items of a message.
#[derive(Debug)]
struct Read {
    uid: u32,
    message: MessageNo,
    text: Reply,
    undecodable: bool,
}

impl Read {
    /// Whether it is what stands there now: UIDs can be given anew in between.
    fn is_of(&self, entry: &Entry) -> bool {
        self.uid == entry.uid && self.message == entry.message.no()
    }
}

pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    let set = parser.set()?;
    parser.space()?;
    let at = parser.at();
    let items = item::parse(parser, by_uid)?;
    let written = String::from_utf8_lossy(parser.since(at)).into();
    Ok(ImapCommand::Fetch(Fetch { set, by_uid, items, written }))
}

impl Fetching {
    /// The message whose turn is next.
    pub(super) fn next(&self) -> Option<u32> {
        self.uids.as_slice().first().copied()
    }

    /// Whether such an item is asked for. Cheaper than a comparison of items, which may hold sections.
    fn asks(&self, is_meant: impl Fn(&Item) -> bool) -> bool {
        self.items.iter().any(is_meant)
    }

    /// The message whose turn is next is left out.
    pub(super) fn skip(&mut self) {
        self.uids.next();
    }

    /// Takes the messages that have to be read for the next turn. Gives their octets, each item counting; 0 where there is
    /// nothing to read.
    pub(super) fn gather(&mut self, mailbox: &Mailbox) -> u64 {
        let weight = self.items.iter().filter(|item| item.is_deep()).count();
        let ahead = self.uids.as_slice().iter().take(AHEAD_MESSAGES);
        let mut ahead = ahead.filter_map(|uid| mailbox.entry(*uid)).peekable();
        let Some(next) = ahead.peek().filter(|_| weight > 0) else { return 0 };
        // What was read may be gone from the mailbox since, or have another UID: it is dropped.
        while self.read.pop_front_if(|read| !read.is_of(next)).is_some() {}
        if !self.read.is_empty() {
            return 0;
        }
        let mut octets = 0;
        for entry in ahead {
            octets += entry.message.raw().len().max(1) * weight;
            self.gathered.push((entry.uid, entry.message.clone()));
            if octets >= AHEAD_OCTETS {
                break;
            }
        }
        octets as u64
    }

    /// Reads what was gathered.
    pub(super) fn compute(&mut self) {
        for (uid, message) in self.gathered.drain(..) {
            let (mut source, mut text, mut undecodable) = (Source::new(&message), Reply::default(), false);
            for (i, item) in self.items.iter().filter(|item| item.is_deep()).enumerate() {
                if i > 0 {
                    text.push(" ");
                }
                undecodable |= !item::write(item, &mut source, &mut text);
            }
            self.read.push_back(Read { uid, message: message.no(), text, undecodable });
        }
    }

    /// What was read of this message; none where it was not gathered.
    fn take(&mut self, entry: &Entry) -> Option<Read> {
        self.read.pop_front_if(|read| read.is_of(entry))
    }
}

impl Imap {
    pub(super) fn fetch(&mut self, fetch: Fetch, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let Fetch { set, by_uid, items, written } = fetch;
        let view = self.view_mut()?;
        let uids = view.named(&set, by_uid).map_err(|number| Refusal::no_message(number, view.len()))?;
        if let Some(mailbox) = txn.mailbox(view.place) {
            view.tell_keywords(mailbox, out);
        }
        let uids = uids.into_iter();
        let (gathered, read) = (Vec::new(), VecDeque::new());
        let fetching =
            Fetching { uids, by_uid, items, written, gathered, read, place: 0, missed: false, undecodable: false };
        Ok(Progress::More(Work::Fetch(fetching)))
    }

    /// As many messages as one turn deals with; when there is none left, the end.
    pub(super) fn go_on_fetching(&mut self, mut fetching: Fetching, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let view = self.view_mut()?;
        let most = if txn.is_single() { 1 } else { MOST_MESSAGES };
        let mut told = 0;
        while let Some(uid) = fetching.next().filter(|_| told < most && out.len() < MOST_OCTETS) {
            if fetch_one(uid, view, &mut fetching, txn, out) == Told::NotRead {
                break;
            }
            told += 1;
        }
        if fetching.next().is_some() || told == 1 && most == 1 {
            return Ok(Progress::More(Work::Fetch(fetching)));
        }
        match fetching {
            Fetching { undecodable: true, .. } => Err(Refusal::no("[UNKNOWN-CTE] a part has an unknown encoding")),
            // RFC 2180 §4.1.2, RFC 5530 §3: those that are there are told of.
            Fetching { missed: true, by_uid: false, .. } => {
                Ok(Progress::Done("[EXPUNGEISSUED] Fetched; some of these messages are gone".to_owned()))
            }
            _ => Ok(Progress::Done("Fetched".to_owned())),
        }
    }
}

/// What became of a message in a turn.
#[derive(PartialEq, Eq)]
enum Told {
    /// It was told of, or is gone.
    Done,
    /// It is told of in the next turn, before which it is read.
    NotRead,
}

fn fetch_one(uid: u32, view: &mut View, fetching: &mut Fetching, txn: &mut MailTxn<'_>, out: &mut Reply) -> Told {
    let Some(mailbox) = txn.mailbox(view.place) else { return Told::Done };
    let Some((entry, number)) = mailbox.entry(uid).zip(view.number_near(uid, &mut fetching.place)) else {
        fetching.skip();
        fetching.missed = true;
        return Told::Done;
    };
    let is_deep = fetching.items.last().is_some_and(Item::is_deep);
    let mut read = fetching.take(entry);
    if is_deep && read.is_none() {
        if !out.is_empty() {
            return Told::NotRead;
        }
        // Nobody gathered before this turn.
        fetching.gather(mailbox);
        fetching.compute();
        read = fetching.take(entry);
    }
    fetching.skip();
    let (mut flags, date, octets) = (entry.flags, entry.date, entry.message.raw().len());
    let is_server_time = date.at == entry.message.received();
    let mut tells_flags = fetching.asks(|item| matches!(item, Item::Flags));
    if !view.is_read_only
        && fetching.items.iter().any(Item::reads)
        && let Some(modseq) = txn.flag(view.place, uid, flags.with(Flags::SEEN))
    {
        view.made(modseq);
        flags = flags.with(Flags::SEEN);
        // RFC 3501 §6.4.5: where reading changed the flags, they are part of the answer.
        tells_flags = true;
    }
    let Some(mailbox) = txn.mailbox(view.place) else { return Told::Done };
    out.push("* ");
    out.number(number);
    let mut gap = " FETCH (";
    if fetching.asks(|item| matches!(item, Item::Uid)) {
        out.push(std::mem::replace(&mut gap, " "));
        out.push("UID ");
        out.number(uid);
    }
    if tells_flags {
        out.push(std::mem::replace(&mut gap, " "));
        out.push("FLAGS ");
        view.flags(uid, flags, mailbox, out);
    }
    if fetching.asks(|item| matches!(item, Item::InternalDate)) {
        out.push(std::mem::replace(&mut gap, " "));
        out.push("INTERNALDATE \"");
        let date = date::date_time(date);
        // Where nobody gave a date it is the server's, and no two runs have the same.
        match is_server_time {
            true => out.push_labelled("time", date.into()),
            false => out.push(&date),
        }
        out.push("\"");
    }
    if fetching.asks(|item| matches!(item, Item::Size)) {
        out.push(std::mem::replace(&mut gap, " "));
        out.add(format_args!("RFC822.SIZE {octets}"));
    }
    if let Some(Read { text, undecodable, .. }) = read {
        out.push(gap);
        out.append(text);
        fetching.undecodable |= undecodable;
    }
    out.push(")\r\n");
    Told::Done
}
