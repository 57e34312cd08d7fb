//! `listen`: closes every listener for a time.

use std::sync::Arc;
use std::time::Duration;

use super::super::effect::{ApplyContext, Effect};
use super::{Example, Role, Step, StepKind};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[Key::new("down", Form::Time, "How long the listeners are closed.")];

pub(super) const KIND: StepKind = StepKind {
    name: "listen",
    forms: "`{ down = \"1s\" }`",
    does: "Closes all listeners for this time. If another program takes a port meanwhile, that is reported as a failure.",
    value: Form::Table(KEYS),
    role: Role::Effect,
    examples: &[Example::new("smtp.noop", "{ listen = { down = \"1s\" } }", "NOOP", "250 2.0.0 Ok\r\n")],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Listen {
    pub(crate) down: Duration,
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`listen`", KEYS);
    Some(Arc::new(Listen { down: reader.need(table, node, "down", Reader::duration)? }))
}

impl Step for Listen {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::table([("down", Some(Tree::span(self.down)))])
    }

    fn apply(&self, _effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        cx.close_listeners(self.down);
        Ok(true)
    }

    fn objection(&self, _event: Event) -> Option<&'static str> {
        None
    }

    fn may_miss(&self, _is_late: bool) -> bool {
        false
    }
}
