//! `raw`: sends octets as they are.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::stage;
use super::super::template::Template;
use super::{Action, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Node, Reader, Tree};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "raw",
    forms: "octets with `\\r \\n \\t \\0 \\\\ \\xff`",
    does: "Sends these octets as they are, also what no server may send.",
    value: Form::Text,
    role: Role::Answer,
    examples: &Example::everywhere("{ raw = 'ok\\xff\\n' }", ["ok\u{ff}\n", "ok\u{ff}\n", "ok\u{ff}\n"], Then::Open),
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Raw(pub(crate) Template);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(Raw(reader.raw(node)?)))
}

impl Step for Raw {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::text(self.0.written())
    }

    fn run(&self, cx: &StepContext<'_>) -> Action {
        match cx.is_late {
            true => Action::Effect,
            false => Action::Say(cx.reply(&self.0)),
        }
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        cx.say(effect.reply(&self.0, cx)?);
        Ok(true)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }

    fn produces_output(&self, _is_spoken: bool) -> bool {
        true
    }

    fn templates(&self) -> Vec<&Template> {
        vec![&self.0]
    }
}
