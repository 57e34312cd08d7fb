//! `caps`: changes the capabilities that this session announces.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::stage;
use super::{Example, Objection, Role, Step, StepKind, unless, wrong};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::{CapabilityOverride, Event};

/// The keys of a change of capabilities.
pub(crate) const CAPABILITIES: &[Key] = &[
    Key::new("add", Form::TEXTS, "Capabilities that are announced too.").example("caps.add = [\"XLIST\"]"),
    Key::new("remove", Form::TEXTS, "Capabilities that are not announced, by their name or its first word.")
        .example("caps.remove = [\"IDLE\"]"),
    Key::new("set", Form::TEXTS, "The whole list, instead of the server's own.").example("caps.set = [\"XYZZY\"]"),
];

pub(super) const KIND: StepKind = StepKind {
    name: "caps",
    forms: "`{ add = […], remove = […] }`, `{ set = […] }`",
    does: "Changes the capabilities that this session announces from now on: adds some, removes some, or replaces the list (`set`). What the server accepts does not change.",
    value: Form::Table(CAPABILITIES),
    role: Role::Effect,
    examples: &[Example::new(
        "pop3.noop",
        "{ caps = { set = [\"XYZZY\"] } }",
        "NOOP\r\nCAPA",
        "+OK\r\n+OK these are my capabilities\r\nXYZZY\r\n.\r\n",
    )],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Caps(pub(crate) CapabilityOverride);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(Caps(reader.capabilities(node, "`caps`"))))
}

impl Reader {
    /// What is announced: `add`, `remove`, `set`.
    pub(crate) fn capabilities(&mut self, node: &Node, what: &str) -> CapabilityOverride {
        let table = self.table(node, what, CAPABILITIES);
        let mut list = |key: &str| table.get(key).map(|its| self.boxed(its));
        let (add, remove, set) = (list("add"), list("remove"), list("set"));
        let (add, remove) = (add.unwrap_or_default(), remove.unwrap_or_default());
        CapabilityOverride { set, add, remove, ..CapabilityOverride::default() }
    }
}

impl Step for Caps {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let CapabilityOverride { set, add, remove, .. } = &self.0;
        let set = set.as_ref().map(|set| Tree::texts(set).unwrap_or(Tree::List(Vec::new())));
        Tree::table([("set", set), ("add", Tree::texts(add)), ("remove", Tree::texts(remove))])
    }

    fn apply(&self, _effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        cx.announce(&self.0);
        Ok(true)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::is_spoken(event), "no capabilities are announced at this event")
    }

    fn pointless(&self) -> Option<Objection> {
        match self.0 == CapabilityOverride::default() {
            true => wrong("`caps` needs at least one capability", r#"write `add = ["IDLE"]` or `remove = […]`"#),
            false => None,
        }
    }

    fn may_miss(&self, is_late: bool) -> bool {
        is_late
    }

    fn is_about_session(&self) -> bool {
        true
    }
}
