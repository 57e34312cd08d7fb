//! The messages, mailbox and user that a step acts on.

use super::super::effect::{ApplyContext, Effect};
use super::super::template::Template;
use super::{FROM_ONE, Objection, unless, wrong};
use crate::document::{Form, Key, Node, Reader, Table, Tree, word, words};
use crate::mail::MailboxId;
use crate::protocol::{Event, MailTxn, Protocol};

/// A mailbox: of this user or the session's user; with this name or the selected one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) user: Option<String>,
    pub(crate) mailbox: Option<Box<str>>,
}

/// Messages of a mailbox.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Which {
    /// `None` means the session's account.
    pub(crate) user: Option<Template>,
    /// `None` means the selected mailbox.
    pub(crate) mailbox: Option<Box<str>>,
    pub(crate) one: One,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum One {
    Msn(u32),
    Uid(u32),
    All,
}

/// When the session is told of a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tell {
    Now,
    /// When the protocol allows it.
    #[default]
    Legal,
    Never,
}

impl Tell {
    const ALL: [(&'static str, Tell); 3] = [("now", Tell::Now), ("legal", Tell::Legal), ("never", Tell::Never)];

    pub(super) fn print(self) -> Tree {
        word(&self, &Self::ALL)
    }
}

/// The objection if there is no session with a user.
pub(super) const NOBODY: &str = "no user is logged in at this event: name one with `user`";

impl Which {
    /// The mailbox, and the UIDs of the messages in it that match.
    pub(super) fn find(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<(MailboxId, Vec<u32>), String> {
        let target = effect.target(self.user.as_ref(), self.mailbox.as_deref());
        let mailbox = cx.mailbox(&target)?;
        let uids = self.one.uids(&cx.txn(), mailbox);
        Ok((mailbox, uids))
    }

    pub(super) fn objection(&self, event: Event) -> Option<&'static str> {
        if self.user.is_none() && event == Event::Timer {
            return Some(NOBODY);
        }
        unless(
            self.mailbox.is_some() || event.protocol() == Some(Protocol::Imap) || event == Event::MailDelivered,
            "no mailbox is selected at this event: name one with `mailbox`",
        )
    }

    pub(super) fn pointless(&self) -> Option<Objection> {
        match self.one {
            One::Msn(0) | One::Uid(0) => wrong("no message has the number 0", FROM_ONE),
            One::Msn(_) | One::Uid(_) | One::All => None,
        }
    }

    /// The entries of its table: the messages and the mailbox.
    pub(super) fn print(&self) -> [(&'static str, Option<Tree>); 3] {
        let one = match self.one {
            One::Msn(msn) => ("msn", Some(Tree::number(msn))),
            One::Uid(uid) => ("uid", Some(Tree::number(uid))),
            One::All => ("all", Some(Tree::Truth(true))),
        };
        let mailbox = self.mailbox.as_ref().map(|its| Tree::text(its));
        let user = self.user.as_ref().map(|its| Tree::text(its.written()));
        [one, ("mailbox", mailbox), ("user", user)]
    }
}

impl One {
    fn uids(self, txn: &MailTxn<'_>, mailbox: MailboxId) -> Vec<u32> {
        let Some(mailbox) = txn.mailbox(mailbox) else { return Vec::new() };
        let entries = mailbox.entries();
        match self {
            Self::All => entries.iter().map(|entry| entry.uid).collect(),
            Self::Uid(uid) => entries.iter().filter(|entry| entry.uid == uid).map(|entry| entry.uid).collect(),
            Self::Msn(msn) => entries.get((msn as usize).wrapping_sub(1)).map(|entry| entry.uid).into_iter().collect(),
        }
    }
}

/// Keys of the steps that act on messages.
pub(super) const MSN: Key = Key::new("msn", Form::Count, "A sequence number.");
pub(super) const UID: Key = Key::new("uid", Form::Count, "A UID.");
pub(super) const ALL: Key = Key::new("all", Form::Truth, "All messages of the mailbox.");
pub(super) const MAILBOX: Key = Key::new("mailbox", Form::Text, "The mailbox. Default: that of the event.");
pub(super) const USER: Key = Key::new("user", Form::Text, "Whose mailbox. Default: the user of the session.");
pub(super) const TELL: Key = Key::new(
    "tell",
    Form::Words(|| words(&Tell::ALL)),
    "When the session is told: `now`, when it is `legal` (default), or `never`.",
);

impl Reader {
    pub(super) fn which(&mut self, table: Table<'_>, node: &Node) -> Option<Which> {
        let one = match (table.get("msn"), table.get("uid"), table.get("all")) {
            (Some(msn), None, None) => One::Msn(self.number(msn, "a sequence number")?),
            (None, Some(uid), None) => One::Uid(self.number(uid, "a UID")?),
            (None, None, Some(all)) if self.truth(all) == Some(true) => One::All,
            _ => {
                self.wrong(&node.place, "this step needs exactly one of `msn`, `uid` and `all = true`");
                return None;
            }
        };
        let mailbox = table.get("mailbox").and_then(|its| self.text(its)).map(Into::into);
        Some(Which { user: self.user(table)?, mailbox, one })
    }

    pub(super) fn user(&mut self, table: Table<'_>) -> Option<Option<Template>> {
        match table.get("user") {
            Some(its) => self.template(its).map(Some),
            None => Some(None),
        }
    }

    pub(super) fn tell(&mut self, table: Table<'_>) -> Option<Tell> {
        match table.get("tell") {
            Some(its) => self.word(its, "tell", &Tell::ALL),
            None => Some(Tell::Legal),
        }
    }
}
