//! The maildrop: the messages of an account as they were at the login. They keep their numbers until QUIT (RFC 1939 §5).

use md5::{Digest, Md5};

use super::policy::{Expire, UniqueIds};
use crate::mail::{Mailbox, MailboxId, Message};

#[derive(Debug)]
pub(super) struct Maildrop {
    pub(super) place: MailboxId,
    uid_validity: u32,
    pub(super) expire: Expire,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    uid: u32,
    /// Its unique id, if it is not derived from the UID.
    id: Option<Box<str>>,
    /// The hash of its octets, once it was needed.
    hash: Option<[u8; 16]>,
    message: Message,
    is_deleted: bool,
    is_retrieved: bool,
}

impl Maildrop {
    pub(super) fn of(place: MailboxId, mailbox: &Mailbox, expire: Expire) -> Self {
        let items = mailbox.entries().iter();
        let items = items.map(|entry| Item {
            uid: entry.uid,
            id: mailbox.uidls.get(&entry.uid).cloned(),
            hash: None,
            message: entry.message.clone(),
            is_deleted: false,
            is_retrieved: false,
        });
        Self { place, uid_validity: mailbox.uid_validity, expire, items: items.collect() }
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
    pub(super) fn unique_id(&self, number: u32, ids: &UniqueIds) -> Option<String> {
        self.item(number).map(|item| match &item.id {
            Some(id) => id.to_string(),
            None => ids.of(self.uid_validity, item.uid, || {
                item.hash.unwrap_or_else(|| Md5::digest(item.message.raw()).into())
            }),
        })
    }

    /// The messages whose hash is not known, with their numbers: this one, or all.
    pub(super) fn unhashed(&self, only: Option<u32>) -> Vec<(u32, Message)> {
        let numbered = (1..).zip(&self.items);
        let asked = numbered.filter(|(number, _)| only.is_none_or(|only| only == *number));
        let unhashed = asked.filter(|(_, item)| !item.is_deleted && item.id.is_none() && item.hash.is_none());
        unhashed.map(|(number, item)| (number, item.message.clone())).collect()
    }

    pub(super) fn set_hash(&mut self, number: u32, hash: [u8; 16]) {
        if let Some(item) = self.items.get_mut(number as usize - 1) {
            item.hash = Some(hash);
        }
    }

    /// Notes that RETR sent a message.
    pub(super) fn retrieve(&mut self, number: u32) {
        if let Some(item) = self.items.get_mut(number as usize - 1) {
            item.is_retrieved = true;
        }
    }

    /// Marks a message as deleted. Returns false if there is no such message.
    pub(super) fn delete(&mut self, number: u32) -> bool {
        let item = self.items.get_mut(number as usize - 1).filter(|item| !item.is_deleted);
        item.map(|item| item.is_deleted = true).is_some()
    }

    pub(super) fn undelete(&mut self) {
        self.items.iter_mut().for_each(|item| item.is_deleted = false);
    }

    /// The UIDs of the messages that QUIT deletes: those that are marked, and with `EXPIRE 0` those that were retrieved
    /// (RFC 2449 §6.7).
    pub(super) fn deleted(&self) -> impl Iterator<Item = u32> {
        self.items.iter().filter(|item| item.is_deleted || self.is_expired(item)).map(|item| item.uid)
    }

    /// What the journal says of the messages that QUIT deletes although the client did not mark them.
    pub(super) fn expired(&self) -> Option<String> {
        let count = self.items.iter().filter(|item| !item.is_deleted && self.is_expired(item)).count();
        self.expire.note(count)
    }

    fn is_expired(&self, item: &Item) -> bool {
        item.is_retrieved && self.expire == Expire::Days(0)
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
