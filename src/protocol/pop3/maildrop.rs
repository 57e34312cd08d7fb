//! The maildrop: the messages of an account as they were at the login. They keep their numbers until QUIT (RFC 1939 §5).

use crate::mail::{Mailbox, MailboxId, Message};
use crate::protocol::Reply;
use crate::protocol::reply::push_stuffed;

#[derive(Debug)]
pub(super) struct Maildrop {
    pub(super) place: MailboxId,
    uid_validity: u32,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    uid: u32,
    /// Its unique id, if it is not derived from the UID.
    id: Option<Box<str>>,
    message: Message,
    is_deleted: bool,
}

impl Maildrop {
    pub(super) fn of(place: MailboxId, mailbox: &Mailbox) -> Self {
        let items = mailbox.entries().iter();
        let items = items.map(|entry| Item {
            uid: entry.uid,
            id: mailbox.uidls.get(&entry.uid).cloned(),
            message: entry.message.clone(),
            is_deleted: false,
        });
        Self { place, uid_validity: mailbox.uid_validity, items: items.collect() }
    }

    /// Whether the UIDs of the messages are still those of this mailbox.
    pub(super) fn is_of(&self, mailbox: &Mailbox) -> bool {
        self.uid_validity == mailbox.uid_validity
    }

    /// The number of messages at the login.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The number of messages that are not deleted, and their octets.
    pub(super) fn stat(&self) -> (usize, u64) {
        let kept = self.items.iter().filter(|item| !item.is_deleted);
        kept.fold((0, 0), |(count, octets), item| (count + 1, octets + size(&item.message)))
    }

    /// Each message that is not deleted, with its number.
    pub(super) fn each(&self) -> impl Iterator<Item = (u32, &Message)> {
        let numbered = (1..).zip(&self.items);
        numbered.filter(|(_, item)| !item.is_deleted).map(|(number, item)| (number, &item.message))
    }

    /// The message with this number. None if it is deleted or does not exist.
    pub(super) fn message(&self, number: u32) -> Option<&Message> {
        self.item(number).map(|item| &item.message)
    }

    /// The unique id of a message, which is the same in every session (RFC 1939 §7): 1 to 70 printable characters.
    pub(super) fn unique_id(&self, number: u32) -> Option<String> {
        self.item(number).map(|item| match &item.id {
            Some(id) => id.to_string(),
            None => format!("{}.{}", self.uid_validity, item.uid),
        })
    }

    /// Marks a message as deleted. Returns false if there is no such message.
    pub(super) fn delete(&mut self, number: u32) -> bool {
        let item = self.items.get_mut(number as usize - 1).filter(|item| !item.is_deleted);
        item.map(|item| item.is_deleted = true).is_some()
    }

    pub(super) fn undelete(&mut self) {
        self.items.iter_mut().for_each(|item| item.is_deleted = false);
    }

    /// The UIDs of the messages that are marked as deleted.
    pub(super) fn deleted(&self) -> impl Iterator<Item = u32> {
        self.items.iter().filter(|item| item.is_deleted).map(|item| item.uid)
    }

    fn item(&self, number: u32) -> Option<&Item> {
        self.items.get(number as usize - 1).filter(|item| !item.is_deleted)
    }
}

/// The octets of a message as RETR sends it, without dot-stuffing. The last line has a CRLF (RFC 1939 §11).
pub(super) fn size(message: &Message) -> u64 {
    let raw = message.raw();
    raw.len() as u64 + if raw.is_empty() || raw.ends_with(b"\r\n") { 0 } else { 2 }
}

/// The progress of reading a message for RETR or TOP.
#[derive(Debug, Default)]
pub(super) enum Read {
    #[default]
    Nothing,
    /// To be read: the whole message, or its header and this many lines of its body.
    Gathered(Message, Option<u32>),
    /// Read: the text to send.
    Text(Reply),
}

impl Read {
    /// Reads the message that was gathered.
    pub(super) fn compute(&mut self) {
        if let Self::Gathered(message, lines) = self {
            *self = Self::Text(text(message, *lines));
        }
    }

    /// The text to send. It is made now if the message was not read before.
    pub(super) fn text(self, message: &Message, lines: Option<u32>) -> Reply {
        match self {
            Self::Text(text) => text,
            Self::Nothing | Self::Gathered(..) => text(message, lines),
        }
    }
}

fn text(message: &Message, lines: Option<u32>) -> Reply {
    let mut out = Reply::default();
    match lines {
        None => push_stuffed(message.no().to_string(), message.raw().clone(), &mut out),
        Some(lines) => top(message, lines, &mut out),
    }
    out.push(".\r\n");
    out
}

/// Writes the header, the blank line and this many lines of the body (RFC 1939 §7).
fn top(message: &Message, lines: u32, out: &mut Reply) {
    let raw = message.raw();
    let body = message.root().body_range().start;
    let ends = memchr::memchr_iter(b'\n', &raw[body..]).map(|at| body + at + 1);
    let end = match lines {
        0 => body,
        lines => ends.take(lines as usize).enumerate().last().map_or(raw.len(), |(i, end)| {
            // If there are fewer lines, all are sent, including a last line without CRLF.
            if i + 1 < lines as usize { raw.len() } else { end }
        }),
    };
    push_stuffed(format!("{} and {lines} lines", message.no()), raw.slice(..end), out);
}
