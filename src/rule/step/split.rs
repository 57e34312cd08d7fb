//! `split`: ends a segment after each of these octets of the output.

use std::sync::Arc;

use super::super::filter::{Filter, Rank};
use super::super::plan::Cue;
use super::super::stage;
use super::{Action, Example, Objection, Role, Step, StepContext, StepKind, Then, unless, wrong};
use crate::document::{Form, Node, Reader, Tree};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "split",
    forms: "`[3, 10]`",
    does: "Ends a segment after each of these octets of the output.",
    value: Form::OneOrMore(&Form::Count),
    role: Role::Filter,
    examples: &Example::everywhere(
        "{ split = [3, 10] }",
        ["250| 2.0.0 |Ok\r\n", "A1 |OK Done|\r\n", "+OK| now th|e password\r\n"],
        Then::Open,
    ),
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Split(pub(crate) Vec<usize>);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let mut at: Vec<usize> = node.items().iter().filter_map(|item| reader.number(item, "a count of octets")).collect();
    at.sort_unstable();
    at.dedup();
    Some(Arc::new(Split(at)))
}

impl Step for Split {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::List(self.0.iter().map(|at| Tree::number(*at)).collect())
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Filter(Box::new(Splitting { at: self.0.clone(), seen: 0 }))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }

    fn pointless(&self) -> Option<Objection> {
        match &self.0 {
            at if at.is_empty() => wrong("`split` needs at least one position", "write `split = [3, 10]`"),
            at if at.contains(&0) => wrong("a segment cannot end after 0 octets", "a segment has at least one octet"),
            _at => None,
        }
    }
}

/// The ends of segments, and the number of octets so far.
#[derive(Debug)]
struct Splitting {
    at: Vec<usize>,
    seen: usize,
}

impl Filter for Splitting {
    fn rank(&self) -> Rank {
        Rank::Split
    }

    fn feed(&mut self, cue: Cue, say: &mut dyn FnMut(Cue)) -> bool {
        let Cue::Send { mut bytes, pace, apart } = cue else {
            say(cue);
            return false;
        };
        let Self { at, seen } = self;
        // A segment that ends exactly at the end of the earlier output separates it from this output.
        let mut changed = !bytes.is_empty() && at.contains(seen);
        for end in at.iter() {
            if *end > *seen && *end - *seen < bytes.len() {
                let head = bytes.take(*end - *seen);
                *seen = *end;
                changed = true;
                say(Cue::Send { bytes: head, pace, apart: true });
            }
        }
        *seen += bytes.len();
        // A segment may end exactly at the end of this output.
        let apart = apart || at.contains(seen);
        say(Cue::Send { bytes, pace, apart });
        changed
    }

    fn description(&self) -> String {
        let at: Vec<String> = self.at.iter().map(usize::to_string).collect();
        format!("split behind {}", at.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::filter::tests::through;
    use super::*;

    #[test]
    fn a_split_ends_segments_after_its_octets() {
        let ends = |at: &[usize], texts: &[&str]| {
            let (cues, changed) = through(&mut Splitting { at: at.to_vec(), seen: 0 }, texts);
            let texts = cues.into_iter().map(|cue| {
                let Cue::Send { bytes, apart, .. } = cue else { panic!("{cue:?}") };
                (String::from_utf8(bytes.text().to_vec()).unwrap(), apart)
            });
            (texts.collect::<Vec<_>>(), changed)
        };
        let said = |all: &[(&str, bool)]| all.iter().map(|(text, apart)| ((*text).to_owned(), *apart)).collect();
        assert_eq!(ends(&[1], &["ab", "cd"]), (said(&[("a", true), ("b", false), ("cd", false)]), true));
        assert_eq!(ends(&[2], &["ab", "cd"]), (said(&[("ab", true), ("cd", false)]), true));
        assert_eq!(ends(&[4, 9], &["ab", "cd"]), (said(&[("ab", false), ("cd", true)]), false));
    }
}
