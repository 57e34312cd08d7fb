//! `wait`: delays the output that follows.

use std::sync::Arc;
use std::time::Duration;

use super::super::plan::Cue;
use super::super::stage;
use super::{Action, CONFORMING, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] =
    &[Key::new("min", Form::Time, "The shortest delay."), Key::new("max", Form::Time, "The longest delay.")];

pub(super) const KIND: StepKind = StepKind {
    name: "wait",
    forms: "`\"200ms\"`, `{ min = \"0ms\", max = \"1s\" }`",
    does: "Delays the output of the following steps. With `min` and `max`, the delay is a random value that depends on the seed.",
    value: Form::Either(&[Form::Time, Form::Table(KEYS)]),
    role: Role::Flow,
    examples: &Example::everywhere("{ wait = \"1ms\" }", CONFORMING, Then::Open),
    read,
};

/// A duration. In a range, the seed determines the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) least: Duration,
    pub(crate) most: Duration,
}

impl From<Duration> for Span {
    fn from(span: Duration) -> Self {
        Self { least: span, most: span }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct WaitStep(pub(crate) Span);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if node.entries().is_none() {
        return Some(Arc::new(WaitStep(reader.duration(node)?.into())));
    }
    let table = reader.table(node, "`wait`", KEYS);
    let least = reader.need(table, node, "min", Reader::duration)?;
    let most = reader.need(table, node, "max", Reader::duration)?;
    if least > most {
        reader.wrong(&node.place, "`min` is greater than `max`");
    }
    Some(Arc::new(WaitStep(Span { least, most: most.max(least) })))
}

impl Step for WaitStep {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let Span { least, most } = self.0;
        if least == most {
            return Tree::span(least);
        }
        Tree::table([("min", Some(Tree::span(least))), ("max", Some(Tree::span(most)))])
    }

    fn run(&self, cx: &StepContext<'_>) -> Action {
        Action::Cue(Cue::Wait((cx.drawn)(self.0)))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }

    fn is_said(&self) -> bool {
        true
    }
}
