//! The messages of a scenario in the server's lines of a script.

use super::Script;
use crate::base::unknown_word;
use crate::document::{Location, Problem};

impl Script {
    /// Reads a script that can name these messages. `None` is a `.session` file, which has none.
    pub(crate) fn parse_knowing(text: &str, messages: Option<&[String]>) -> Result<Self, Vec<Problem>> {
        let script = Self::parse(text)?;
        let problems = script.unknown_messages(text, messages);
        if problems.is_empty() { Ok(script) } else { Err(problems) }
    }

    /// The ids of the messages in its lines.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .filter_map(|line| line.step.said())
            .flat_map(|(text, _)| text.messages())
            .map(|part| part.id())
    }

    fn unknown_messages(&self, text: &str, known: Option<&[String]>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let ids: Vec<&str> = known.into_iter().flatten().map(String::as_str).collect();
        for line in &self.lines {
            let mut from = line.at;
            for part in line.step.said().into_iter().flat_map(|(text, _)| text.messages()) {
                let begins = part.begins();
                from += text[from..].find(&begins).unwrap_or_default();
                let place = from..from + begins.len();
                from = place.end;
                if ids.contains(&part.id()) {
                    continue;
                }
                let (message, help) = match known {
                    Some(_) => unknown_word("message", part.id(), &ids),
                    None => (
                        format!("there is no message `{}`: a `.session` file has no messages", part.id()),
                        "write a scenario with `[[message]]` and `[[script]]`".to_owned(),
                    ),
                };
                problems.push(Problem::error(Location::Span(place), message).help(help));
            }
        }
        problems
    }
}
