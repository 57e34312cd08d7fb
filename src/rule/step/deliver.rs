//! `deliver`: puts a message into a mailbox.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect, no_message};
use super::super::template::Template;
use super::target::NOBODY;
use super::{Example, Role, Step, StepKind, unless};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::mail::INBOX;
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("mailbox", Form::Text, "The mailbox. Default: `INBOX`."),
    Key::new("message", Form::Text, "The `id` of a `[[message]]`."),
    Key::new("user", Form::Text, "Whose mailbox. Default: the user of the session."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "deliver",
    forms: "`false`, `{ mailbox = \"INBOX\", message = \"m1\", user = \"…\" }`",
    does: "Puts a message into a mailbox. At `smtp.message` and `lmtp.message` without `message`, it delivers the message that is being accepted to this mailbox, or with `false` to nobody.",
    value: Form::Either(&[Form::Truth, Form::Table(KEYS)]),
    role: Role::Effect,
    examples: &[Example::new(
        "smtp.message",
        "{ deliver = { mailbox = \"Junk\" } }",
        "MAIL FROM:<a@example.org>\r\nRCPT TO:<me@example.org>\r\nDATA\r\nSubject: hi\r\n\r\n.",
        "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Ok: queued as m3\r\n",
    )],
    read,
};

/// Mail to put into a mailbox.
#[derive(Debug, Clone)]
pub(crate) enum Deliver {
    /// The message being accepted is captured, and delivered to nobody.
    Lost,
    Into {
        user: Option<Template>,
        mailbox: Box<str>,
        message: Option<Box<str>>,
    },
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if node.entries().is_none() {
        if reader.truth(node)? {
            reader.wrong(&node.place, "`deliver` must be false or a table");
            return None;
        }
        return Some(Arc::new(Deliver::Lost));
    }
    let table = reader.table(node, "`deliver`", KEYS);
    Some(Arc::new(Deliver::Into {
        user: reader.user(table)?,
        mailbox: table.get("mailbox").and_then(|its| reader.text(its)).unwrap_or_else(|| INBOX.to_owned()).into(),
        message: table.get("message").and_then(|its| reader.text(its)).map(Into::into),
    }))
}

impl Step for Deliver {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        match self {
            Self::Lost => Tree::Truth(false),
            Self::Into { user, mailbox, message } => Tree::table([
                ("mailbox", Some(Tree::text(mailbox))),
                ("message", message.as_ref().map(|its| Tree::text(its))),
                ("user", user.as_ref().map(|its| Tree::text(its.written()))),
            ]),
        }
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        match self {
            Self::Lost => cx.lose(),
            Self::Into { user, mailbox, message: None } => {
                let user = user.as_ref().map(|user| effect.text(user));
                cx.redirect(user.as_deref(), mailbox)?;
            }
            Self::Into { user, mailbox, message: Some(message) } => {
                let place = cx.mailbox(&effect.target(user.as_ref(), Some(mailbox)))?;
                let raw = cx.message(message).ok_or_else(|| no_message(message))?;
                cx.txn().deliver_into(place, raw);
            }
        }
        Ok(true)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        match self {
            Self::Into { user, message: Some(_), .. } => unless(user.is_some() || event != Event::Timer, NOBODY),
            Self::Lost | Self::Into { message: None, .. } => unless(
                matches!(event, Event::SmtpMessage | Event::LmtpMessage),
                "without `message` it acts on the message that is being accepted: use it at `smtp.message` or `lmtp.message`",
            ),
        }
    }

    fn may_come_later(&self) -> bool {
        !matches!(self, Self::Lost)
    }

    fn is_about_accepted(&self) -> bool {
        matches!(self, Self::Lost | Self::Into { message: None, .. })
    }

    fn templates(&self) -> Vec<&Template> {
        self.mailbox().1.into_iter().collect()
    }

    fn mailbox(&self) -> (Option<&str>, Option<&Template>) {
        match self {
            Self::Lost => (None, None),
            Self::Into { mailbox, user, .. } => (Some(mailbox), user.as_ref()),
        }
    }

    fn messages(&self) -> Vec<&str> {
        match self {
            Self::Lost => Vec::new(),
            Self::Into { message, .. } => message.as_deref().into_iter().collect(),
        }
    }
}
