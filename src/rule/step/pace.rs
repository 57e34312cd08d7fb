//! `pace`: sends output in chunks.

use std::sync::Arc;

use super::super::filter::{Filter, Rank};
use super::super::plan::{Cue, Pace};
use super::super::stage;
use super::{Action, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::base::short;
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("chunk", Form::Count, "The octets of a chunk."),
    Key::new("gap", Form::Time, "The time between two chunks."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "pace",
    forms: "`{ chunk = 1, gap = \"50ms\" }`",
    does: "Sends the output in chunks of this many octets, with this gap between two chunks.",
    value: Form::Table(KEYS),
    role: Role::Filter,
    examples: &Example::everywhere(
        "{ pace = { chunk = 5, gap = \"30ms\" } }",
        ["250 2|.0.0 |Ok\r\n", "A1 OK| Done|\r\n", "+OK n|ow th|e pas|sword|\r\n"],
        Then::Open,
    ),
    read,
};

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`pace`", KEYS);
    let chunk = reader.need(table, node, "chunk", |reader, its| reader.number(its, "a count of octets"))?;
    let gap = reader.need(table, node, "gap", Reader::duration)?;
    if chunk == 0 {
        reader.wrong(&node.place, "a chunk has at least one octet");
    }
    Some(Arc::new(Pace { chunk, gap }))
}

impl Step for Pace {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::table([("chunk", Some(Tree::number(self.chunk))), ("gap", Some(Tree::span(self.gap)))])
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Filter(Box::new(*self))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }
}

impl Filter for Pace {
    fn rank(&self) -> Rank {
        Rank::Pace
    }

    fn feed(&mut self, cue: Cue, say: &mut dyn FnMut(Cue)) -> bool {
        let Cue::Send { bytes, pace, apart } = cue else {
            say(cue);
            return false;
        };
        let both = pace.map_or(*self, |inner| Pace { chunk: inner.chunk.min(self.chunk), gap: inner.gap + self.gap });
        let changed = bytes.len() > both.chunk;
        say(Cue::Send { bytes, pace: Some(both), apart });
        changed
    }

    fn description(&self) -> String {
        format!("pace {}B/{}", self.chunk, short(self.gap))
    }
}
