//! `cut`: ends the connection in the middle of the output.

use std::sync::Arc;

use super::super::filter::{Filter, Rank, found};
use super::super::plan::Cue;
use super::super::stage;
use super::close::CloseMode;
use super::{Action, Example, Objection, Role, Step, StepContext, StepKind, Then, never_found, unless};
use crate::base::Pattern;
use crate::document::{Form, Key, Node, Reader, Tree, words};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("at", Form::Count, "The number of octets that are sent."),
    Key::new("before", Form::Text, "A pattern: what comes before it is sent."),
    Key::new("close", Form::Words(|| words(&CloseMode::ALL)), "How the connection ends. Default: `fin`."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "cut",
    forms: "`{ at = 17, close = \"rst\" }`, `{ before = '~…', close = \"fin\" }`",
    does: "Sends the output up to this octet, or up to where this pattern is found, then ends the connection.",
    value: Form::Table(KEYS),
    role: Role::Filter,
    examples: &Example::everywhere("{ cut = { at = 6, close = \"rst\" } }", ["250 2.", "A1 OK ", "+OK no"], Then::Rst),
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Cut {
    pub(crate) place: CutPoint,
    pub(crate) end: CloseMode,
}

/// The position of a cut.
#[derive(Debug, Clone)]
pub(crate) enum CutPoint {
    /// After this many octets.
    At(u64),
    /// Before the first match.
    Before(Pattern),
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let table = reader.table(node, "`cut`", KEYS);
    let end = match table.get("close") {
        Some(close) => reader.word(close, "close", &CloseMode::ALL)?,
        None => CloseMode::Fin,
    };
    let place = match (table.get("at"), table.get("before")) {
        (Some(at), None) => CutPoint::At(reader.number(at, "a count of octets")?),
        (None, Some(before)) => CutPoint::Before(reader.pattern(before)?),
        (Some(_), Some(_)) | (None, None) => {
            reader.wrong(&node.place, "`cut` needs either `at` or `before`");
            return None;
        }
    };
    Some(Arc::new(Cut { place, end }))
}

impl Step for Cut {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let place = match &self.place {
            CutPoint::At(at) => ("at", Some(Tree::number(*at))),
            CutPoint::Before(before) => ("before", Some(Tree::text(before.written()))),
        };
        Tree::table([place, ("close", Some(Tree::text(self.end.name())))])
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Filter(Box::new(Cutting { cut: self.clone(), seen: 0, dropped: 0, is_over: false }))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }

    fn pointless(&self) -> Option<Objection> {
        match &self.place {
            CutPoint::At(_) => None,
            CutPoint::Before(pattern) => never_found(pattern),
        }
    }

    fn with_end(&self, end: CloseMode) -> Option<Arc<dyn Step>> {
        Some(Arc::new(Self { place: self.place.clone(), end }))
    }
}

/// A cut, and the octets sent before it and dropped after it.
#[derive(Debug)]
struct Cutting {
    cut: Cut,
    seen: u64,
    dropped: u64,
    is_over: bool,
}

impl Filter for Cutting {
    fn rank(&self) -> Rank {
        Rank::Cut
    }

    fn feed(&mut self, cue: Cue, say: &mut dyn FnMut(Cue)) -> bool {
        let Cue::Send { mut bytes, pace, apart } = cue else {
            say(cue);
            return false;
        };
        if self.is_over {
            self.dropped += bytes.len() as u64;
            return false;
        }
        let (at, may_be_the_end) = match &self.cut.place {
            CutPoint::At(at) => (at.saturating_sub(self.seen).min(u64::MAX / 2) as usize, true),
            CutPoint::Before(pattern) => {
                let octets: Vec<u8> = bytes.pieces().flatten().copied().collect();
                (found(pattern, &octets).unwrap_or(usize::MAX), false)
            }
        };
        if at > bytes.len() || at == bytes.len() && !may_be_the_end {
            self.seen += bytes.len() as u64;
            say(Cue::Send { bytes, pace, apart });
            return false;
        }
        let head = bytes.take(at);
        self.seen += head.len() as u64;
        self.dropped += bytes.len() as u64;
        self.is_over = true;
        if !head.is_empty() {
            say(Cue::Send { bytes: head, pace, apart });
        }
        say(Cue::End(self.cut.end));
        true
    }

    fn has_cut(&self) -> bool {
        self.is_over && self.dropped > 0
    }

    fn description(&self) -> String {
        let Self { seen, dropped, .. } = self;
        format!("⟂ cut after {seen} of {} octets, {}", seen + dropped, self.cut.end.name())
    }
}
