//! Steps as they are written: in a document, or as the text of one step.

use std::sync::Arc;

use super::{STEPS, Step};
use crate::base::unknown_word;
use crate::document::{Node, Reader, TableEntry, Tree};
use crate::rule::Timed;

/// Reserved words of future steps.
const LATER: &[&str] = &["token"];

impl Reader {
    /// `do`: one table or a list of them, each with its place.
    pub(crate) fn steps(&mut self, node: &Node) -> Vec<(Timed, Node)> {
        node.items().iter().filter_map(|item| Some((self.timed(item)?, item.clone()))).collect()
    }

    pub(crate) fn timed(&mut self, node: &Node) -> Option<Timed> {
        let Some(entries) = node.entries() else {
            self.wrong_help(
                &node.place,
                format!("a step must be a table, not {}", node.kind()),
                "write `{ reply = \"…\" }`",
            );
            return None;
        };
        let after = entries.iter().find(|entry| entry.key == "after");
        let mut others = entries.iter().filter(|entry| entry.key != "after");
        let (Some(entry), rest) = (others.next(), others.next()) else {
            self.wrong(&node.place, "a step must not be empty");
            return None;
        };
        if let Some(second) = rest {
            let help = format!("write {{ {} = … }}, {{ {} = … }}", entry.key, second.key);
            self.wrong_help(&second.place, "a step can have only one key besides `after`", help);
        }
        let step = self.step(entry)?;
        let after = match after {
            Some(entry) => Some(self.duration(&entry.value)?),
            None => None,
        };
        Some(Timed { step, after })
    }

    fn step(&mut self, entry: &TableEntry) -> Option<Arc<dyn Step>> {
        let name = entry.key.as_str();
        if let Some(kind) = STEPS.iter().find(|kind| kind.name == name) {
            return (kind.read)(self, &entry.value);
        }
        if LATER.contains(&name) {
            self.wrong(&entry.place, format!("the step `{name}` is not supported yet"));
            return None;
        }
        let known: Vec<&str> = STEPS.iter().map(|kind| kind.name).collect();
        let (message, help) = unknown_word("step", name, &known);
        self.wrong_help(&entry.place, message, help);
        None
    }
}

impl Timed {
    /// Parses a step as written in a file: `pace = { chunk = 1, gap = "50ms" }`, and `after` if it has one.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        let mut reader = Reader::default();
        let document = Node::toml(&format!("step = {{ {written} }}"));
        let step =
            document.map(|node| node.entries().unwrap_or_default().first().and_then(|its| reader.timed(&its.value)));
        let step = step.map_err(|problems| reader.problems.extend(problems));
        reader.finish(step.ok().flatten())
    }

    /// `{ reply = "…", after = "1s" }`.
    pub(crate) fn print(&self) -> Tree {
        Tree::table([(self.step.kind().name, Some(self.step.print())), ("after", self.after.map(Tree::span))])
    }
}
