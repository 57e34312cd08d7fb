//! `stall`: sends no reply.

use std::sync::Arc;

use super::super::stage;
use super::{Action, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Node, Reader, Tree, word, words};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "stall",
    forms: "`\"reply\"`, `\"conn\"`",
    does: "`reply` never answers this request; `conn` never sends anything on this connection again.",
    value: Form::Words(|| words(&WORDS)),
    role: Role::Flow,
    examples: &Example::everywhere("{ stall = \"conn\" }", ["", "", ""], Then::Silence),
    read,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stall {
    /// This request is never answered.
    Reply,
    /// Nothing is ever sent again.
    Conn,
}

const WORDS: [(&str, Stall); 2] = [("reply", Stall::Reply), ("conn", Stall::Conn)];

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(reader.word(node, "stall", &WORDS)?))
}

impl Step for Stall {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        word(self, &WORDS)
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Stall(*self)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }

    fn answers(&self) -> bool {
        true
    }
}
