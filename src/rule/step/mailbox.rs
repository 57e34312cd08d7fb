//! `mailbox`: changes a mailbox as a whole.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::template::Template;
use super::target::NOBODY;
use super::{Example, Literal, Objection, Role, Step, StepKind, Then, unless, wrong};
use crate::document::{Form, Key, Node, Reader, Tree, word};
use crate::mail::INBOX;
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("name", Form::Text, "The mailbox. Default: `INBOX`."),
    Key::new("uidvalidity", Form::Scalar, "The new UIDVALIDITY, or what is added to it."),
    Key::new(
        "renumber",
        Form::Either(&[Form::Truth, Form::Words(|| vec!["reverse"])]),
        "Whether the messages get new UIDs, from 1.",
    ),
    Key::new("user", Form::Text, "Whose mailbox. Default: the user of the session."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "mailbox",
    forms: "`{ name = \"INBOX\", uidvalidity = \"+1\", renumber = true }`",
    does: "Changes the UIDVALIDITY of a mailbox. `renumber` assigns UIDs from 1: in order (`true`), or in reverse order (`\"reverse\"`).",
    value: Form::Table(KEYS),
    role: Role::Effect,
    examples: &[Example {
        on: "imap.noop",
        steps: "{ mailbox = { name = \"INBOX\", uidvalidity = \"+1\", renumber = \"reverse\" } }",
        client: "A3 NOOP",
        server: "* BYE The UIDs of the mailbox changed\r\n",
        then: Then::Fin,
    }],
    read,
};

/// A change of a whole mailbox.
#[derive(Debug, Clone)]
pub(crate) struct MailboxChange {
    pub(crate) user: Option<Template>,
    pub(crate) name: Box<str>,
    pub(crate) uid_validity: Option<Literal>,
    pub(crate) renumber: Option<Renumber>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renumber {
    /// UIDs from 1, in order.
    Forward,
    /// UIDs from 1, the last message first.
    Reverse,
}

const RENUMBER: [(&str, Option<Renumber>); 3] =
    [("true", Some(Renumber::Forward)), ("reverse", Some(Renumber::Reverse)), ("false", None)];

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`mailbox`", KEYS);
    let renumber = match table.get("renumber") {
        None => None,
        Some(its) => reader.word(its, "renumber", &RENUMBER)?,
    };
    let user = reader.user(table)?;
    let name = table.get("name").and_then(|its| reader.text(its)).unwrap_or_else(|| INBOX.to_owned()).into();
    let uid_validity = match table.get("uidvalidity") {
        Some(its) => Some(reader.literal(its)?),
        None => None,
    };
    Some(Arc::new(MailboxChange { user, name, uid_validity, renumber }))
}

/// A number that a UIDVALIDITY can have (RFC 3501 §9, nz-number).
fn as_uid_validity(number: u64) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}

impl Step for MailboxChange {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let renumber = self.renumber.map(|how| match how {
            Renumber::Forward => Tree::Truth(true),
            Renumber::Reverse => word(&Some(how), &RENUMBER),
        });
        Tree::table([
            ("name", Some(Tree::text(&self.name))),
            ("user", self.user.as_ref().map(|its| Tree::text(its.written()))),
            ("uidvalidity", self.uid_validity.map(Literal::print)),
            ("renumber", renumber),
        ])
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        let mailbox = cx.mailbox(&effect.target(self.user.as_ref(), Some(&self.name)))?;
        let mut txn = cx.txn();
        let now_is = txn.mailbox(mailbox).map_or(0, |mailbox| mailbox.uid_validity);
        let validity = match self.uid_validity.map(|change| change.of(now_is.into())) {
            None => now_is,
            Some(wanted) => as_uid_validity(wanted).ok_or_else(|| format!("UIDVALIDITY cannot become {wanted}"))?,
        };
        txn.renumber(mailbox, validity, self.renumber.map(|how| how == Renumber::Reverse));
        Ok(true)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(self.user.is_some() || event != Event::Timer, NOBODY)
    }

    fn pointless(&self) -> Option<Objection> {
        match self {
            Self { uid_validity: None | Some(Literal::Off(0)), renumber: None, .. } => {
                wrong("`mailbox` changes nothing", r#"add `uidvalidity = "+1"` or `renumber = true`"#)
            }
            Self { uid_validity: Some(Literal::Exactly(number)), .. } if as_uid_validity(*number).is_none() => {
                wrong(format!("{number} is not a UIDVALIDITY"), "write a number from 1 to 4294967295")
            }
            Self { .. } => None,
        }
    }

    fn templates(&self) -> Vec<&Template> {
        self.user.iter().collect()
    }

    fn mailbox(&self) -> (Option<&str>, Option<&Template>) {
        (Some(&self.name), self.user.as_ref())
    }
}
