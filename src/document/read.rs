//! Reads values from a document, checks their kinds and fills in parameters. Records errors with their locations.

use std::time::Duration;

use super::key::Key;
use super::node::{Data, Node, TableEntry};
use super::problem::{Location, Problem};
use crate::base::{Pattern, filtered, span, unknown_word};
use crate::mail::Namespace;

/// The state of reading a document.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Problem>,
    /// The parameters of the file and their values.
    pub(crate) params: Vec<(String, String)>,
    /// The namespace of mailboxes, if known.
    pub(crate) namespace: Option<Namespace>,
    /// The scripts that have names.
    pub(crate) scripts: Vec<ScriptText>,
}

/// A script with a name, as written.
#[derive(Debug, Clone)]
pub(crate) struct ScriptText {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) on_divergence: Option<String>,
}

impl Reader {
    pub(crate) fn wrong(&mut self, place: &Location, message: impl Into<String>) {
        self.problems.push(Problem::error(place.clone(), message));
    }

    /// The value that was parsed from this place. Reports the error if there is one.
    pub(crate) fn parsed<T>(&mut self, place: &Location, parsed: Result<T, impl ToString>) -> Option<T> {
        parsed.map_err(|why| self.wrong(place, why.to_string())).ok()
    }

    pub(crate) fn wrong_help(&mut self, place: &Location, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::error(place.clone(), message).help(help));
    }

    pub(crate) fn warn(&mut self, place: &Location, message: impl Into<String>) {
        self.problems.push(Problem::warning(place.clone(), message));
    }

    pub(crate) fn warn_help(&mut self, place: &Location, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::warning(place.clone(), message).help(help));
    }

    /// The value, if there are no errors; otherwise all errors as text, without locations.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, String> {
        let problems: Vec<String> = self.problems.into_iter().map(Problem::in_words).collect();
        value.filter(|_| problems.is_empty()).ok_or_else(|| problems.join("; "))
    }

    /// Records the error that a word is unknown.
    pub(crate) fn unknown(&mut self, place: &Location, what: &str, word: &str, known: &[&str]) {
        let (message, help) = unknown_word(what, word, known);
        self.wrong_help(place, message, help);
    }

    /// The entries of a table. Unknown keys are errors.
    pub(crate) fn table<'n>(&mut self, node: &'n Node, what: &str, known: &[Key]) -> Table<'n> {
        self.table_helping(node, what, known, |_| None)
    }

    /// The same; `help` is what would be right instead of an unknown key.
    pub(crate) fn table_helping<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[Key],
        help: impl Fn(&str) -> Option<&'static str>,
    ) -> Table<'n> {
        let Some(entries) = node.entries() else {
            self.wrong(&node.place, format!("{what} must be a table, not {}", node.kind()));
            return Table(&[]);
        };
        for entry in entries {
            if !known.iter().any(|key| key.name == entry.key) {
                let known: Vec<&str> = known.iter().map(|key| key.name).collect();
                let (message, likely) = unknown_word(&format!("key of {what}"), &entry.key, &known);
                self.wrong_help(&entry.place, message, help(&entry.key).map_or(likely, str::to_owned));
            }
        }
        Table(entries)
    }

    /// A text with its parameters filled in.
    pub(crate) fn text(&mut self, node: &Node) -> Option<String> {
        match &node.data {
            Data::Text(text) => self.filled(text, &node.place, false),
            Data::Integer(_) | Data::Float(_) | Data::Truth(_) | Data::List(_) | Data::Table(_) => {
                self.wrong(&node.place, format!("this must be a string, not {}", node.kind()));
                None
            }
        }
    }

    /// A text in which only `{param.x}` is a parameter.
    pub(crate) fn verbatim(&mut self, node: &Node) -> Option<String> {
        let fill = |text: String, (name, value): &(String, String)| text.replace(&format!("{{param.{name}}}"), value);
        match &node.data {
            Data::Text(text) => Some(self.params.iter().fold(text.clone(), fill)),
            Data::Integer(_) | Data::Float(_) | Data::Truth(_) | Data::List(_) | Data::Table(_) => self.text(node),
        }
    }

    /// A string, or a number or truth value as written.
    pub(crate) fn written(&mut self, node: &Node) -> Option<String> {
        match &node.data {
            Data::Integer(integer) => Some(integer.to_string()),
            Data::Float(float) => Some(float.to_string()),
            Data::Truth(truth) => Some(truth.to_string()),
            Data::Text(_) | Data::List(_) | Data::Table(_) => self.text(node),
        }
    }

    pub(crate) fn texts(&mut self, node: &Node) -> Vec<(String, Location)> {
        node.items().iter().filter_map(|item| Some((self.text(item)?, item.place.clone()))).collect()
    }

    pub(crate) fn boxed(&mut self, node: &Node) -> Vec<Box<str>> {
        self.texts(node).into_iter().map(|(text, _)| text.into()).collect()
    }

    pub(crate) fn truth(&mut self, node: &Node) -> Option<bool> {
        match self.written(node)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                self.wrong(&node.place, format!("this must be true or false, not `{other}`"));
                None
            }
        }
    }

    /// A number; it may be written as a string, because parameters are strings.
    pub(crate) fn number<N: std::str::FromStr>(&mut self, node: &Node, what: &str) -> Option<N> {
        let written = self.written(node)?;
        let number = written.trim().parse().ok();
        if number.is_none() {
            self.wrong(&node.place, format!("`{written}` is not {what}"));
        }
        number
    }

    pub(crate) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let written = self.written(node)?;
        let micros = span(&written).or_else(|| (written == "0").then_some(0));
        if micros.is_none() {
            let help = "write `200ms`, `2s`, `5m` or `1h`";
            self.wrong_help(&node.place, format!("`{written}` is not a length of time"), help);
        }
        micros.map(Duration::from_micros)
    }

    pub(crate) fn pattern(&mut self, node: &Node) -> Option<Pattern> {
        let written = self.text(node)?;
        self.parsed(&node.place, Pattern::parse(&written))
    }

    /// One of these words.
    pub(crate) fn word<T: Clone>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let written = self.written(node)?;
        let found = words.iter().find(|(word, _)| *word == written).map(|(_, value)| value.clone());
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.unknown(&node.place, what, &written, &known);
        }
        found
    }

    /// A required key.
    pub(crate) fn need<T>(
        &mut self,
        table: Table<'_>,
        node: &Node,
        key: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        match table.get(key) {
            Some(its) => read(self, its),
            None => {
                self.wrong(&node.place, format!("`{key}` is missing"));
                None
            }
        }
    }

    /// Replaces `{param.x}` by the values of parameters. In a template, doubles the braces of a value, so that they
    /// stay braces.
    pub(crate) fn filled(&mut self, text: &str, place: &Location, is_template: bool) -> Option<String> {
        if !text.contains("{param.") {
            return Some(text.to_owned());
        }
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find("{param.") {
            let Some(len) = rest[at..].find('}') else { break };
            let inner = &rest[at + 7..at + len];
            let (name, filters) = inner.split_once('|').unwrap_or((inner, ""));
            out.push_str(&rest[..at]);
            match self.params.iter().find(|(its, _)| its == name) {
                Some((_, value)) => match filtered(value, filters) {
                    Ok(value) if is_template => out.push_str(&value.replace('{', "{{").replace('}', "}}")),
                    Ok(value) => out.push_str(&value),
                    Err(why) => {
                        self.wrong(place, why);
                        return None;
                    }
                },
                // It may be a field for a parameter of MAIL or RCPT; a later check tests whether that exists at the
                // event.
                None if is_template => out.push_str(&rest[at..=at + len]),
                None => {
                    let known: Vec<String> = self.params.iter().map(|(name, _)| name.clone()).collect();
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    self.unknown(place, "parameter", name, &known);
                    return None;
                }
            }
            rest = &rest[at + len + 1..];
        }
        out.push_str(rest);
        Some(out)
    }
}

/// The entries of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'n>(pub(crate) &'n [TableEntry]);

impl<'n> Table<'n> {
    pub(crate) fn get(self, key: &str) -> Option<&'n Node> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The location of a key's value.
    pub(crate) fn place(self, key: &str) -> Location {
        self.0.iter().find(|entry| entry.key == key).map_or(Location::Nowhere, |entry| entry.place.clone())
    }
}
