//! `await`: reads the client's next line.

use std::sync::Arc;

use super::super::clause::Timed;
use super::super::run::Need;
use super::super::stage;
use super::{Action, Awaited, Example, Role, Step, StepContext, StepKind, unless};
use crate::base::Pattern;
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("line", Form::Text, "The pattern for the line."),
    Key::new("else", Form::OneOrMore(&Form::Shared("step")), "The steps for a line that does not match."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "await",
    forms: "a pattern, `{ line = '~^YWxp', else = [ … ] }`",
    does: "Reads the client's next line. A line that does not match the pattern is reported as a failure; with `else`, it is not, and the steps of `else` follow instead of the rest of the rule. The named groups of the pattern can be used in later steps.",
    value: Form::Either(&[Form::Text, Form::Table(KEYS)]),
    role: Role::Flow,
    examples: &[
        Example::new(
            "smtp.noop",
            "[{ reply = \"354 go\" }, { await = \"~^x\" }, { reply = \"250 done\" }]",
            "NOOP\r\nxyz",
            "354 go\r\n|250 done\r\n",
        ),
        Example::new(
            "imap.noop",
            "[{ reply = \"+ go\" }, { await = \"~^x\" }, { reply = \"OK done\" }]",
            "A3 NOOP\r\nxyz",
            "+ go\r\n|A3 OK done\r\n",
        ),
        Example::new(
            "pop3.noop",
            "[{ reply = \"+ go\" }, { await = \"~^x\" }, { reply = \"+OK done\" }]",
            "NOOP\r\nxyz",
            "+ go\r\n|+OK done\r\n",
        ),
        Example::new(
            "smtp.noop",
            "[{ reply = \"354 go\" }, { await = { line = \"x\", else = [{ reply = \"550 not x\" }] } }, { reply = \"250 x\" }]",
            "NOOP\r\nxyz",
            "354 go\r\n|550 not x\r\n",
        ),
        Example::new(
            "imap.noop",
            "[{ reply = \"+ go\" }, { await = { line = \"x\", else = [{ reply = \"NO not x\" }] } }, { reply = \"OK x\" }]",
            "A3 NOOP\r\nxyz",
            "+ go\r\n|A3 NO not x\r\n",
        ),
        Example::new(
            "pop3.noop",
            "[{ reply = \"+ go\" }, { await = { line = \"x\", else = [{ reply = \"-ERR not x\" }] } }, { reply = \"+OK x\" }]",
            "NOOP\r\nxyz",
            "+ go\r\n|-ERR not x\r\n",
        ),
    ],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Await {
    pub(crate) pattern: Pattern,
    pub(crate) otherwise: Option<Arc<[Timed]>>,
}

impl From<Pattern> for Await {
    fn from(pattern: Pattern) -> Self {
        Self { pattern, otherwise: None }
    }
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if node.entries().is_none() {
        return Some(Arc::new(Await::from(reader.pattern(node)?)));
    }
    let table = reader.table(node, "`await`", KEYS);
    let pattern = reader.need(table, node, "line", Reader::pattern);
    let steps = reader.need(table, node, "else", |reader, its| Some(reader.steps(its)));
    let otherwise = Some(steps?.into_iter().map(|(timed, _)| timed).collect());
    Some(Arc::new(Await { pattern: pattern?, otherwise }))
}

impl Step for Await {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let line = Tree::text(self.pattern.written());
        match &self.otherwise {
            None => line,
            Some(steps) => {
                let steps = steps.iter().map(Timed::print).collect();
                Tree::table([("line", Some(line)), ("else", Some(Tree::List(steps)))])
            }
        }
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Need(Need::Line)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        let is_heard = stage::is_spoken(event) && event != Event::ImapPush;
        unless(is_heard, "the client cannot send a line at this event")
    }

    fn changes_nothing(&self) -> bool {
        true
    }

    fn awaited(&self) -> Option<Awaited<'_>> {
        Some(Awaited { pattern: &self.pattern, otherwise: self.otherwise.as_ref() })
    }
}
