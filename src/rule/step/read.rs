//! `read`: how the server reads from the client.

use std::sync::Arc;

use super::super::plan::Cue;
use super::super::stage;
use super::{Action, CONFORMING, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Node, Reader, Tree, word, words};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "read",
    forms: "`\"stop\"`, `\"slow\"`",
    does: "Stops reading from the client, or reads only a few octets at a time.",
    value: Form::Words(|| words(&WORDS)),
    role: Role::Flow,
    examples: &Example::everywhere("{ read = \"slow\" }", CONFORMING, Then::Open),
    read,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Stop,
    Slow,
}

const WORDS: [(&str, Reading); 2] = [("stop", Reading::Stop), ("slow", Reading::Slow)];

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(reader.word(node, "read", &WORDS)?))
}

impl Step for Reading {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        word(self, &WORDS)
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Cue(Cue::Read(*self))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }
}
