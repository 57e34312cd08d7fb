//! `bounce`: reports about the message that is being accepted to its sender.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::{Example, Role, Step, StepKind, unless};
use crate::base::Pattern;
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::mail::{Bounce, BounceKind};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("action", Form::Text, "What is reported. Default: `failed`."),
    Key::new("diagnostic", Form::Text, "What the other server said, such as `552 5.2.2 Mailbox full`."),
    Key::new(
        "feedback_type",
        Form::Text,
        "The type of a `complaint`: `abuse` (the default), `fraud`, `virus`, `not-spam` or `other`.",
    ),
    Key::new("recipients", Form::Text, "Only about the recipients that match this pattern. Default: all."),
    Key::new("remote_mta", Form::Text, "The name of the other server."),
    Key::new("status", Form::Text, "The status. Default: that in `diagnostic`."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "bounce",
    forms: "`\"failed\"`, `{ action = \"failed\", diagnostic = \"552 5.2.2 Mailbox full\", recipients = \"…\" }`",
    does: "When the message is accepted, delivers a report about it to its sender: `failed`, `delayed`, `delivered`, `relayed`, `expanded` (RFC 3464), `complaint` (RFC 5965), `displayed` or `deleted` (RFC 8098). The report honours NOTIFY, RET, ENVID and ORCPT; there is none about a message of the null sender.",
    value: Form::Either(&[Form::Text, Form::Table(KEYS)]),
    role: Role::Effect,
    examples: &[Example::new(
        "smtp.message",
        "{ bounce = \"failed\" }",
        "MAIL FROM:<a@example.org>\r\nRCPT TO:<me@example.org>\r\nDATA\r\nSubject: hi\r\n\r\n.",
        "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Ok: queued as m3\r\n",
    )],
    read,
};

/// A report about the message being accepted.
#[derive(Debug, Clone)]
pub(crate) struct SendBounce(pub(crate) Bounce);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if node.entries().is_none() {
        return Some(Arc::new(SendBounce(Bounce::new(kind(reader, node)?))));
    }
    let table = reader.table(node, "`bounce`", KEYS);
    let action = match table.get("action") {
        Some(node) => kind(reader, node)?,
        None => BounceKind::Failed,
    };
    let mut bounce = Bounce::new(action);
    for (name, set) in [
        ("status", Bounce::set_status as fn(&mut Bounce, &str) -> Result<(), &'static str>),
        ("diagnostic", Bounce::set_diagnostic),
        ("remote_mta", Bounce::set_remote_mta),
        ("feedback_type", Bounce::set_feedback_type),
    ] {
        let Some(node) = table.get(name) else { continue };
        let text = reader.text(node)?;
        if let Err(why) = set(&mut bounce, &text) {
            reader.wrong(&node.place, why);
            return None;
        }
    }
    if let Some(node) = table.get("recipients") {
        let text = reader.text(node)?;
        match Pattern::parse(&text) {
            Ok(pattern) => bounce.set_recipients(pattern),
            Err(why) => {
                reader.wrong(&node.place, why.to_string());
                return None;
            }
        }
    }
    Some(Arc::new(SendBounce(bounce)))
}

fn kind(reader: &mut Reader, node: &Node) -> Option<BounceKind> {
    let name = reader.text(node)?;
    let kind = BounceKind::parse(&name);
    if kind.is_none() {
        reader.wrong(&node.place, BounceKind::unknown(&name));
    }
    kind
}

impl Step for SendBounce {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let text = |text: Option<&str>| text.map(Tree::text);
        let Self(bounce) = self;
        if bounce.is_default() {
            return Tree::text(bounce.kind().name());
        }
        Tree::table([
            ("action", Some(Tree::text(bounce.kind().name()))),
            ("diagnostic", text(bounce.given_diagnostic())),
            ("feedback_type", text(bounce.given_feedback())),
            ("recipients", bounce.given_recipients().map(|its| Tree::text(its.written()))),
            ("remote_mta", text(bounce.given_remote_mta())),
            ("status", text(bounce.given_status())),
        ])
    }

    fn apply(&self, _: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        cx.bounce(self.0.clone());
        Ok(true)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        let is_message = matches!(event, Event::SmtpMessage | Event::LmtpMessage);
        unless(is_message, "it is about the message that is being accepted: use it at `smtp.message` or `lmtp.message`")
    }

    fn may_come_later(&self) -> bool {
        true
    }

    fn is_about_accepted(&self) -> bool {
        true
    }

    fn replaces_delivery(&self) -> bool {
        false
    }
}
