//! FETCH and UID FETCH (RFC 3501 §6.4.5, RFC 3516).

mod envelope;
mod item;
mod octets;
mod section;
mod source;
mod structure;

use std::collections::VecDeque;
use std::vec::IntoIter;

use super::{AllowedIn, Command, CommandSpec};
use crate::base::MessageNo;
use crate::mail::{Accounts, Entry, Flags, InternalDate, Mailbox, Message};
use crate::protocol::imap::long_command::LongCommand;
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::sequence_set::SequenceSet;
use crate::protocol::imap::view::View;
use crate::protocol::imap::{Answer, Imap, Progress, Refusal, date};
use crate::protocol::{Event, MailTxn, Reply};
pub(in crate::protocol::imap) use item::{DeepItem, FetchItem, FetchItemSpec, IsPeek, RFC3501_ITEMS, Rank};
pub(crate) use item::{name_in_responses, names_in_responses};
pub(in crate::protocol::imap) use octets::{origin, parse_partial, write_literal};
pub(in crate::protocol::imap) use section::parse_path;
pub(in crate::protocol::imap) use source::{Partial, Source};

pub(super) const FETCH: CommandSpec =
    CommandSpec::new("FETCH", Event::ImapFetch, AllowedIn::Selected, parse).with_uid_form();

/// A turn ends after this many messages or octets.
const MOST_MESSAGES: usize = 1024;
const MOST_OCTETS: usize = 32 << 10;
/// At most this many messages, and octets of messages, are read before the turns that send them.
const AHEAD_MESSAGES: usize = 256;
const AHEAD_OCTETS: usize = 128 << 10;

#[derive(Debug)]
struct Fetch {
    set: SequenceSet,
    by_uid: bool,
    items: Vec<FetchItem>,
    /// The items, as written.
    written: Box<str>,
}

/// The rest of a FETCH.
#[derive(Debug)]
struct Fetching {
    uids: IntoIter<u32>,
    by_uid: bool,
    items: Vec<FetchItem>,
    written: Box<str>,
    /// The next messages that have to be read, by UID, and the deep items of those that were read.
    gathered: Vec<(u32, Message)>,
    read: VecDeque<Read>,
    /// The expected position of the next message in the view.
    place: usize,
    missed: bool,
    /// Whether the transfer encoding of a part is unknown.
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
    /// Whether these are still the items of this message. UIDs may have been reassigned in between.
    fn is_of(&self, entry: &Entry) -> bool {
        self.uid == entry.uid && self.message == entry.message.no()
    }
}

fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Box<dyn Command>> {
    parser.space()?;
    let set = parser.set()?;
    parser.space()?;
    let at = parser.at();
    let items = item::parse(parser, by_uid)?;
    let written = String::from_utf8_lossy(parser.since(at)).into();
    Ok(Box::new(Fetch { set, by_uid, items, written }))
}

impl Command for Fetch {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let Self { set, by_uid, items, written } = *self;
        let view = imap.view_mut()?;
        let uids = view.named(&set, by_uid).map_err(|number| Refusal::no_message(number, view.len()))?;
        if let Some(mailbox) = txn.mailbox(view.place) {
            view.tell_keywords(mailbox, out);
        }
        Ok(Progress::More(Box::new(Fetching {
            uids: uids.into_iter(),
            by_uid,
            items,
            written,
            gathered: Vec::new(),
            read: VecDeque::new(),
            place: 0,
            missed: false,
            undecodable: false,
        })))
    }

    fn may_expunge(&self) -> bool {
        self.by_uid
    }

    fn messages(&self) -> Option<(&SequenceSet, bool)> {
        Some((&self.set, self.by_uid))
    }

    fn items(&self) -> Option<&str> {
        Some(&self.written)
    }
}

impl Fetching {
    /// Whether the client requests such an item.
    fn asks(&self, is_meant: impl Fn(&FetchItem) -> bool) -> bool {
        self.items.iter().any(is_meant)
    }

    /// Takes the messages that have to be read for the next turn. Returns their octets times the number of deep items;
    /// 0 if there is nothing to read.
    fn gather_from(&mut self, mailbox: &Mailbox) -> u64 {
        let weight = self.items.iter().filter_map(FetchItem::as_deep).count();
        let ahead = self.uids.as_slice().iter().take(AHEAD_MESSAGES);
        let mut ahead = ahead.filter_map(|uid| mailbox.entry(*uid)).peekable();
        let Some(next) = ahead.peek().filter(|_| weight > 0) else { return 0 };
        // Messages that were read may have been expunged since, or have another UID. They are dropped.
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

    /// The deep items of this message. `None` if it was not read.
    fn take(&mut self, entry: &Entry) -> Option<Read> {
        self.read.pop_front_if(|read| read.is_of(entry))
    }
}

impl LongCommand for Fetching {
    fn gather(&mut self, imap: &Imap, accounts: &Accounts) -> u64 {
        imap.selected(accounts).map_or(0, |(_, mailbox)| self.gather_from(mailbox))
    }

    /// Reads the messages that were gathered.
    fn compute(&mut self) {
        for (uid, message) in self.gathered.drain(..) {
            let (mut source, mut text, mut undecodable) = (Source::new(&message), Reply::default(), false);
            for (i, item) in self.items.iter().filter_map(FetchItem::as_deep).enumerate() {
                if i > 0 {
                    text.push(" ");
                }
                undecodable |= !item.write(&mut source, &mut text);
            }
            self.read.push_back(Read { uid, message: message.no(), text, undecodable });
        }
    }

    /// Sends the responses for the messages of one turn. After the last message, completes the command.
    fn go_on(mut self: Box<Self>, imap: &mut Imap, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let view = imap.view_mut()?;
        let most = if txn.is_single() { 1 } else { MOST_MESSAGES };
        let mut count = 0;
        while let Some(uid) = self.next_message().filter(|_| count < most && out.len() < MOST_OCTETS) {
            if fetch_one(uid, view, &mut self, txn, out) == Fetched::NotRead {
                break;
            }
            count += 1;
        }
        if self.next_message().is_some() || count == 1 && most == 1 {
            return Ok(Progress::More(self));
        }
        if self.undecodable {
            return Err(Refusal::no("[UNKNOWN-CTE] a part has an unknown encoding"));
        }
        // RFC 2180 §4.1.2, RFC 5530 §3: expunged messages are left out.
        Ok(Progress::done(match self.missed && !self.by_uid {
            true => "[EXPUNGEISSUED] Fetched; some of these messages are gone",
            false => "Fetched",
        }))
    }

    fn next_message(&self) -> Option<u32> {
        self.uids.as_slice().first().copied()
    }

    fn skip_message(&mut self) {
        self.uids.next();
    }

    fn items(&self) -> Option<&str> {
        Some(&self.written)
    }
}

/// The result for a message in a turn.
#[derive(PartialEq, Eq)]
enum Fetched {
    /// Its response was written, or it was expunged.
    Done,
    /// It has to be read first. Its response is written in the next turn.
    NotRead,
}

fn fetch_one(uid: u32, view: &mut View, fetching: &mut Fetching, txn: &mut MailTxn<'_>, out: &mut Reply) -> Fetched {
    let Some(mailbox) = txn.mailbox(view.place) else { return Fetched::Done };
    let Some((entry, number)) = mailbox.entry(uid).zip(view.number_near(uid, &mut fetching.place)) else {
        fetching.skip_message();
        fetching.missed = true;
        return Fetched::Done;
    };
    let is_deep = fetching.items.last().is_some_and(|item| item.as_deep().is_some());
    let mut read = fetching.take(entry);
    if is_deep && read.is_none() {
        if !out.is_empty() {
            return Fetched::NotRead;
        }
        // Nothing was gathered before this turn.
        fetching.gather_from(mailbox);
        fetching.compute();
        read = fetching.take(entry);
    }
    fetching.skip_message();
    let mut shown = Shown {
        uid,
        number,
        flags: fetching.asks(|item| matches!(item, FetchItem::Flags)).then_some(entry.flags),
        date: entry.date,
        is_server_time: entry.date.at == entry.message.received(),
        octets: entry.message.raw().len(),
    };
    let flags = entry.flags.with(Flags::SEEN);
    if !view.is_read_only
        && fetching.items.iter().any(FetchItem::sets_seen)
        && let Some(modseq) = txn.flag(view.place, uid, flags)
    {
        view.made(modseq);
        // RFC 3501 §6.4.5: if reading changed the flags, the answer contains them.
        shown.flags = Some(flags);
    }
    let Some(mailbox) = txn.mailbox(view.place) else { return Fetched::Done };
    fetching.write(&shown, read, view, mailbox, out);
    Fetched::Done
}

/// The values of the cheap items of a message.
struct Shown {
    uid: u32,
    number: u32,
    /// `None` if the response does not contain them.
    flags: Option<Flags>,
    date: InternalDate,
    /// Whether the date is the time of arrival, because no client gave one.
    is_server_time: bool,
    octets: usize,
}

impl Fetching {
    fn write(&mut self, shown: &Shown, read: Option<Read>, view: &View, mailbox: &Mailbox, out: &mut Reply) {
        out.push("* ");
        out.number(shown.number);
        let mut gap = " FETCH (";
        if self.asks(|item| matches!(item, FetchItem::Uid)) {
            out.push(std::mem::replace(&mut gap, " "));
            out.push("UID ");
            out.number(shown.uid);
        }
        if let Some(flags) = shown.flags {
            out.push(std::mem::replace(&mut gap, " "));
            out.push("FLAGS ");
            view.flags(shown.uid, flags, mailbox, out);
        }
        if self.asks(|item| matches!(item, FetchItem::InternalDate)) {
            out.push(std::mem::replace(&mut gap, " "));
            out.push("INTERNALDATE \"");
            let date = date::date_time(shown.date);
            // The time of arrival differs from run to run, so a transcript shows it as a label.
            match shown.is_server_time {
                true => out.push_labelled("time", date.into()),
                false => out.push(&date),
            }
            out.push("\"");
        }
        if self.asks(|item| matches!(item, FetchItem::Size)) {
            out.push(std::mem::replace(&mut gap, " "));
            out.add(format_args!("RFC822.SIZE {}", shown.octets));
        }
        if let Some(Read { text, undecodable, .. }) = read {
            out.push(gap);
            out.append(text);
            self.undecodable |= undecodable;
        }
        out.push(")\r\n");
    }
}
