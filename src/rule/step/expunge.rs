//! `expunge`: removes messages from a mailbox.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::template::Template;
use super::{Example, Objection, Role, Step, StepKind, Tell, Which, target};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[target::MSN, target::UID, target::ALL, target::MAILBOX, target::USER, target::TELL];

pub(super) const KIND: StepKind = StepKind {
    name: "expunge",
    forms: "`{ msn = 1 }`, `{ uid = 7 }`, `{ all = true }`, with `mailbox`, `user`, \
            `tell = \"now\" \\| \"legal\" \\| \"never\"`",
    does: "Expunges messages from a mailbox. `tell` says when the session is told: at once, when the protocol allows it (default), or never.",
    value: Form::Table(KEYS),
    role: Role::Effect,
    examples: &[Example::new(
        "imap.fetch",
        "{ expunge = { msn = 1, tell = \"now\" } }",
        "A3 FETCH 1 UID",
        "* 1 EXPUNGE\r\n* 1 FETCH (UID 2)\r\nA3 OK Fetched\r\n",
    )],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Expunge {
    pub(crate) which: Which,
    pub(crate) tell: Tell,
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`expunge`", KEYS);
    Some(Arc::new(Expunge { which: reader.which(table, node)?, tell: reader.tell(table)? }))
}

impl Step for Expunge {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let [one, mailbox, user] = self.which.print();
        Tree::table([one, mailbox, user, ("tell", Some(self.tell.print()))])
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        let (mailbox, uids) = self.which.find(effect, cx)?;
        for uid in &uids {
            if self.tell == Tell::Never {
                cx.conceal(mailbox, *uid);
            }
            cx.txn().expunge(mailbox, *uid);
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
        self.which.pointless()
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
