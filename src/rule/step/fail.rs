//! `fail`: verification fails with this text.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::template::Template;
use super::{Example, Role, Step, StepKind};
use crate::document::{Form, Node, Reader, Tree};
use crate::journal::Weight;
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "fail",
    forms: "a string",
    does: "Makes the verification fail with this text.",
    value: Form::Text,
    role: Role::Note,
    examples: &[Example::new("imap.noop", "{ fail = \"{verb} came\" }", "A3 NOOP", "A3 OK Done\r\n")],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Fail(pub(crate) Template);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(Fail(reader.template(node)?)))
}

impl Step for Fail {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::text(self.0.written())
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        cx.note(Weight::Failure, effect.text(&self.0));
        Ok(true)
    }

    fn objection(&self, _event: Event) -> Option<&'static str> {
        None
    }

    fn templates(&self) -> Vec<&Template> {
        vec![&self.0]
    }
}
