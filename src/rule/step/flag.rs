//! `flag`: changes the flags of messages.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::template::Template;
use super::{Example, Objection, Role, Step, StepKind, Tell, Which, target, wrong};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    target::MSN,
    target::UID,
    target::ALL,
    target::MAILBOX,
    target::USER,
    target::TELL,
    Key::new("add", Form::TEXTS, "Flags that the messages get."),
    Key::new("remove", Form::TEXTS, "Flags that they lose."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "flag",
    forms: "as `expunge`, with `add = [\"\\\\Seen\"]` and `remove = […]`",
    does: "Adds and removes flags of messages.",
    value: Form::Table(KEYS),
    role: Role::Effect,
    examples: &[Example::new(
        "imap.noop",
        "{ flag = { msn = 2, add = ['\\Seen'] } }",
        "A3 NOOP",
        "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\r\nA3 OK Done\r\n",
    )],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Flag {
    pub(crate) which: Which,
    pub(crate) add: Vec<Box<str>>,
    pub(crate) remove: Vec<Box<str>>,
    pub(crate) tell: Tell,
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`flag`", KEYS);
    let mut flags = |key| table.get(key).map_or_else(Vec::new, |its| reader.boxed(its));
    let (add, remove) = (flags("add"), flags("remove"));
    Some(Arc::new(Flag { which: reader.which(table, node)?, add, remove, tell: reader.tell(table)? }))
}

impl Step for Flag {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let [one, mailbox, user] = self.which.print();
        let (add, remove) = (Tree::texts(&self.add), Tree::texts(&self.remove));
        Tree::table([one, mailbox, user, ("add", add), ("remove", remove), ("tell", Some(self.tell.print()))])
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        let (mailbox, uids) = self.which.find(effect, cx)?;
        let mut txn = cx.txn();
        let add = txn.flags(mailbox, self.add.iter().map(|flag| &**flag)).ok_or("too many keywords")?;
        let remove = txn.flags(mailbox, self.remove.iter().map(|flag| &**flag)).ok_or("too many keywords")?;
        for uid in &uids {
            if let Some(flags) = txn.mailbox(mailbox).and_then(|its| its.entry(*uid)).map(|entry| entry.flags) {
                txn.flag(mailbox, *uid, flags.with(add).without(remove));
            }
        }
        if self.tell == Tell::Now {
            cx.tell_changes();
        }
        Ok(!uids.is_empty())
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        self.which.objection(event)
    }

    fn pointless(&self) -> Option<Objection> {
        self.which.pointless().or_else(|| match self.add.is_empty() && self.remove.is_empty() {
            true => wrong("`flag` needs at least one flag", r#"write `add = ["\\Seen"]` or `remove = […]`"#),
            false => None,
        })
    }

    fn produces_output(&self, _is_spoken: bool) -> bool {
        self.tell == Tell::Now
    }

    fn templates(&self) -> Vec<&Template> {
        self.which.user.iter().collect()
    }

    fn mailbox(&self) -> (Option<&str>, Option<&Template>) {
        (self.which.mailbox.as_deref(), self.which.user.as_ref())
    }
}
