//! `hold`: sends the output of the rule in one write.

use std::sync::Arc;

use super::super::filter::{Filter, Rank};
use super::super::plan::Cue;
use super::super::stage;
use super::{Action, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Node, Reader, Tree};
use crate::protocol::{Event, Reply};

pub(super) const KIND: StepKind = StepKind {
    name: "hold",
    forms: "`true`",
    does: "Sends the output of the steps that follow, `pass` included, in one write at the end of the rule.",
    value: Form::Truth,
    role: Role::Filter,
    examples: &Example::everywhere(
        "[{ hold = true }, { pass = true }, { raw = \"x\" }]",
        ["250 2.0.0 Ok\r\nx", "A1 OK Done\r\nx", "+OK now the password\r\nx"],
        Then::Open,
    ),
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Hold;

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if !reader.truth(node)? {
        reader.wrong(&node.place, "`hold = false` has no effect; remove the step");
        return None;
    }
    Some(Arc::new(Hold))
}

impl Step for Hold {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::Truth(true)
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Filter(Box::new(Holding::default()))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }
}

/// The output held back, and whether it would have been sent in more than one write.
#[derive(Debug, Default)]
struct Holding {
    held: Reply,
    sends: usize,
    is_parted: bool,
}

impl Filter for Holding {
    fn rank(&self) -> Rank {
        Rank::Hold
    }

    fn feed(&mut self, cue: Cue, say: &mut dyn FnMut(Cue)) -> bool {
        match cue {
            Cue::Send { bytes, pace, apart } => {
                self.sends += 1;
                self.is_parted |= apart || pace.is_some_and(|pace| bytes.len() > pace.chunk);
                self.held.append(bytes);
                false
            }
            Cue::Wait(_) => {
                say(cue);
                false
            }
            // Held output is sent before the connection ends.
            Cue::Layer(_) | Cue::Stall | Cue::Read(_) | Cue::Close | Cue::End(_) => {
                let changed = self.finish(say);
                say(cue);
                changed
            }
        }
    }

    fn finish(&mut self, say: &mut dyn FnMut(Cue)) -> bool {
        let Self { held, sends, is_parted } = std::mem::take(self);
        if sends > 0 {
            say(Cue::send(held));
        }
        sends > 1 || is_parted
    }

    fn description(&self) -> String {
        "held for one write".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::filter::tests::{send, through};
    use super::super::super::plan::Pace;
    use super::*;

    #[test]
    fn holding_is_a_change_if_the_output_had_several_writes() {
        let hold = Holding::default;
        assert_eq!(through(&mut hold(), &["ab", "cd"]), (vec![send("abcd")], true));
        assert_eq!(through(&mut hold(), &["ab"]), (vec![send("ab")], false));
        assert_eq!(through(&mut hold(), &[]), (vec![], false));
        let held = |chunk| {
            let (mut paced, pace) = (hold(), Some(Pace { chunk, gap: Duration::ZERO }));
            paced.feed(Cue::Send { bytes: Reply::from(b"abcd".to_vec()), pace, apart: false }, &mut |_| {});
            paced.finish(&mut |_| {})
        };
        assert_eq!([1, 3, 4].map(held), [true, true, false]);
    }
}
