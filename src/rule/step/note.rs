//! `note`: writes into the journal.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::template::Template;
use super::{Example, Role, Step, StepKind};
use crate::document::{Form, Node, Reader, Tree};
use crate::journal::Weight;
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "note",
    forms: "a string",
    does: "Writes this text into the journal and the transcript.",
    value: Form::Text,
    role: Role::Note,
    examples: &[Example::new("smtp.noop", "{ note = \"{verb} came\" }", "NOOP", "250 2.0.0 Ok\r\n")],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Note(pub(crate) Template);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(Note(reader.template(node)?)))
}

impl Step for Note {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::text(self.0.written())
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        cx.note(Weight::Note, effect.text(&self.0));
        Ok(true)
    }

    fn objection(&self, _event: Event) -> Option<&'static str> {
        None
    }

    fn templates(&self) -> Vec<&Template> {
        vec![&self.0]
    }
}
