//! `pad`: makes a line longer.

use std::sync::Arc;

use super::super::filter::{Filter, Rank, each_line};
use super::super::stage;
use super::{Action, Example, FROM_ONE, Objection, Role, Step, StepContext, StepKind, Then, unless, wrong};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::{Event, Reply};

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("line", Form::Count, "The number of the line, from 1."),
    Key::new("to", Form::Count, "The octets that it gets."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "pad",
    forms: "`{ line = 1, to = 70000 }`",
    does: "Extends a line to this many octets.",
    value: Form::Table(KEYS),
    role: Role::Filter,
    examples: &Example::everywhere(
        "{ pad = { line = 1, to = 24 } }",
        ["250 2.0.0 Okxxxxxxxxxxxx\r\n", "A1 OK Donexxxxxxxxxxxxxx\r\n", "+OK now the passwordxxxx\r\n"],
        Then::Open,
    ),
    read,
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Pad {
    pub(crate) line: usize,
    pub(crate) to: usize,
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`pad`", KEYS);
    let line = reader.need(table, node, "line", |reader, its| reader.number(its, "the number of a line"))?;
    let to = reader.need(table, node, "to", |reader, its| reader.number(its, "a count of octets"))?;
    Some(Arc::new(Pad { line, to }))
}

impl Step for Pad {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::table([("line", Some(Tree::number(self.line))), ("to", Some(Tree::number(self.to)))])
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Filter(Box::new(Padding { pad: *self, line: 0 }))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }

    fn pointless(&self) -> Option<Objection> {
        if self.line == 0 { wrong("there is no line 0", FROM_ONE) } else { None }
    }
}

/// A line to pad, and the number of lines so far.
#[derive(Debug)]
struct Padding {
    pad: Pad,
    line: usize,
}

impl Filter for Padding {
    fn rank(&self) -> Rank {
        Rank::Octets
    }

    fn change(&mut self, reply: Reply) -> (Reply, bool) {
        let Self { pad: Pad { line: padded, to }, line: said } = self;
        each_line(reply, said, &mut |line, out| {
            let missing = if line.no == *padded { to.saturating_sub(line.body.len()) } else { 0 };
            out.extend_from_slice(line.body);
            out.resize(out.len() + missing, b'x');
            out.extend_from_slice(line.end);
            missing > 0
        })
    }

    fn description(&self) -> String {
        let Pad { line, to } = self.pad;
        format!("line {line} padded to {to} octets")
    }
}
