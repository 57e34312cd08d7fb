//! `kick`: ends sessions.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::template::Template;
use super::{Example, Role, Said, Step, StepKind, Then};
use crate::base::Pattern;
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::{Event, Protocol};

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("user", Form::Text, "A pattern for the users. Default: all."),
    Key::new(
        "proto",
        Form::Words(|| Protocol::ALL.iter().map(|protocol| protocol.name()).collect()),
        "The protocol. Default: all.",
    ),
    Key::new("reply", Form::Text, "A line that is sent first."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "kick",
    forms: "`{ user = \"…\", proto = \"imap\", reply = \"* BYE\" }`",
    does: "Ends sessions: all of them, or those of this user and protocol; optionally sends this line first.",
    value: Form::Table(KEYS),
    role: Role::Effect,
    examples: &[Example {
        on: "imap.noop",
        steps: "{ kick = { user = \"me@*\", reply = \"* BYE\" } }",
        client: "A3 NOOP",
        server: "A3 OK Done\r\n|* BYE\r\n",
        then: Then::Fin,
    }],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Kick {
    pub(crate) user: Option<Pattern>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) reply: Option<Template>,
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`kick`", KEYS);
    let protocol = match table.get("proto") {
        Some(its) => {
            let names: Vec<_> = Protocol::ALL.iter().map(|protocol| (protocol.name(), *protocol)).collect();
            Some(reader.word(its, "proto", &names)?)
        }
        None => None,
    };
    Some(Arc::new(Kick {
        user: table.get("user").and_then(|its| reader.pattern(its)),
        protocol,
        reply: table.get("reply").and_then(|its| reader.template(its)),
    }))
}

impl Step for Kick {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::table([
            ("user", self.user.as_ref().map(|user| Tree::text(user.written()))),
            ("proto", self.protocol.map(|protocol| Tree::text(protocol.name()))),
            ("reply", self.reply.as_ref().map(|its| Tree::text(its.written()))),
        ])
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        let reply = self.reply.as_ref().map(|reply| [&effect.fill(reply)[..], b"\r\n"].concat());
        Ok(cx.end_sessions(self.user.as_ref(), self.protocol, reply.unwrap_or_default()))
    }

    fn objection(&self, _event: Event) -> Option<&'static str> {
        None
    }

    fn templates(&self) -> Vec<&Template> {
        self.reply.iter().collect()
    }

    fn said(&self) -> Said<'_> {
        self.reply.as_ref().map_or(Said::Nothing, Said::Line)
    }
}
