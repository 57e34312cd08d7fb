//! `eol`: changes how lines end.

use std::sync::Arc;

use super::super::filter::{Filter, Rank, each_line};
use super::super::stage;
use super::{Action, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Node, Reader, Tree, word, words};
use crate::protocol::{Event, Reply};

pub(super) const KIND: StepKind = StepKind {
    name: "eol",
    forms: "`\"lf\"`, `\"cr\"`, `\"none\"`",
    does: "Ends lines with LF, with CR, or not at all, instead of CRLF.",
    value: Form::Words(|| words(&WORDS)),
    role: Role::Filter,
    examples: &Example::everywhere(
        "{ eol = \"lf\" }",
        ["250 2.0.0 Ok\n", "A1 OK Done\n", "+OK now the password\n"],
        Then::Open,
    ),
    read,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eol {
    Lf,
    Cr,
    None,
}

const WORDS: [(&str, Eol); 3] = [("lf", Eol::Lf), ("cr", Eol::Cr), ("none", Eol::None)];

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(reader.word(node, "eol", &WORDS)?))
}

impl Step for Eol {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        word(self, &WORDS)
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Filter(Box::new(*self))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }
}

impl Filter for Eol {
    fn rank(&self) -> Rank {
        Rank::Octets
    }

    fn change(&mut self, reply: Reply) -> (Reply, bool) {
        let new: &[u8] = match self {
            Self::Lf => b"\n",
            Self::Cr => b"\r",
            Self::None => b"",
        };
        each_line(reply, &mut 0, &mut |line, out| {
            out.extend_from_slice(line.body);
            out.extend_from_slice(if line.end.is_empty() { b"" } else { new });
            !line.end.is_empty() && new != line.end
        })
    }

    fn description(&self) -> String {
        match self {
            Self::Lf => "lines end with LF".to_owned(),
            Self::Cr => "lines end with CR".to_owned(),
            Self::None => "lines do not end".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::filter::tests::{send, through};
    use super::*;

    #[test]
    fn a_line_that_already_ends_so_is_not_changed() {
        let lf = || Eol::Lf;
        assert_eq!(through(&mut lf(), &["a\n", "b\n"]), (vec![send("a\n"), send("b\n")], false));
        assert_eq!(through(&mut lf(), &["a\n", "b\r\n"]), (vec![send("a\n"), send("b\n")], true));
        assert_eq!(through(&mut lf(), &["a"]), (vec![send("a")], false));
    }
}
