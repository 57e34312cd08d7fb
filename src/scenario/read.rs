//! Reading values out of a document: each of the right kind, with its parameters filled in, or an error at its place.

use std::time::Duration;

use super::node::{Data, Entry, Node};
use super::problem::{Location, Problem};
use crate::base::unknown_word;
use crate::mail::Namespace;
use crate::rule::{Template, filtered, span};

/// What is gathered while a document is read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
    /// The parameters of the file and their values.
    pub(super) params: Vec<(String, String)>,
    /// How mailboxes are named, where that is known.
    pub(super) namespace: Option<Namespace>,
}

impl Reader {
    pub(super) fn wrong(&mut self, place: &Location, message: impl Into<String>) {
        self.problems.push(Problem::error(place.clone(), message));
    }

    pub(super) fn wrong_help(&mut self, place: &Location, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::error(place.clone(), message).help(help));
    }

    pub(super) fn warn(&mut self, place: &Location, message: impl Into<String>) {
        self.problems.push(Problem::warning(place.clone(), message));
    }

    pub(super) fn warn_help(&mut self, place: &Location, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::warning(place.clone(), message).help(help));
    }

    /// Something that is none of the known words.
    pub(super) fn unknown(&mut self, place: &Location, what: &str, word: &str, known: &[&str]) {
        let (message, help) = unknown_word(what, word, known);
        self.wrong_help(place, message, help);
    }

    /// The entries of a table whose keys are all known; what is not known is an error.
    pub(super) fn table<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Table<'n> {
        let Some(entries) = node.entries() else {
            self.wrong(&node.place, format!("{what} is a table, and this is {}", node.kind()));
            return Table(&[]);
        };
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                self.unknown(&entry.place, &format!("key of {what}"), &entry.key, known);
            }
        }
        Table(entries)
    }

    /// A text with its parameters filled in.
    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        match &node.data {
            Data::Text(text) => self.filled(text, &node.place, false),
            _ => {
                self.wrong(&node.place, format!("this must be a text, and is {}", node.kind()));
                None
            }
        }
    }

    /// A text, or a number or truth as it is written.
    pub(super) fn written(&mut self, node: &Node) -> Option<String> {
        match &node.data {
            Data::Integer(integer) => Some(integer.to_string()),
            Data::Float(float) => Some(float.to_string()),
            Data::Truth(truth) => Some(truth.to_string()),
            _ => self.text(node),
        }
    }

    pub(super) fn texts(&mut self, node: &Node) -> Vec<(String, Location)> {
        node.items().iter().filter_map(|item| Some((self.text(item)?, item.place.clone()))).collect()
    }

    pub(super) fn truth(&mut self, node: &Node) -> Option<bool> {
        match self.written(node)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                self.wrong(&node.place, format!("this must be true or false, and is `{other}`"));
                None
            }
        }
    }

    /// A number; parameters make it come as a text.
    pub(super) fn number<N: std::str::FromStr>(&mut self, node: &Node, what: &str) -> Option<N> {
        let written = self.written(node)?;
        let number = written.trim().parse().ok();
        if number.is_none() {
            self.wrong(&node.place, format!("`{written}` is not {what}"));
        }
        number
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let written = self.written(node)?;
        let micros = span(&written).or_else(|| (written == "0").then_some(0));
        if micros.is_none() {
            let help = "write `200ms`, `2s`, `5m` or `1h`";
            self.wrong_help(&node.place, format!("`{written}` is no length of time"), help);
        }
        micros.map(Duration::from_micros)
    }

    /// A text with names in it.
    pub(super) fn template(&mut self, node: &Node) -> Option<Template> {
        self.template_by(node, Template::parse)
    }

    /// Octets with escapes and names in them.
    pub(super) fn raw(&mut self, node: &Node) -> Option<Template> {
        self.template_by(node, Template::parse_raw)
    }

    fn template_by(&mut self, node: &Node, parse: fn(&str) -> Result<Template, String>) -> Option<Template> {
        let Data::Text(text) = &node.data else {
            self.wrong(&node.place, format!("this must be a text, and is {}", node.kind()));
            return None;
        };
        let text = self.filled(text, &node.place, true)?;
        match parse(&text) {
            Ok(template) => Some(template),
            Err(why) => {
                self.wrong(&node.place, why);
                None
            }
        }
    }

    /// Puts values in the place of `{param.x}`; in a template the braces of a value are doubled, so that they stay.
    fn filled(&mut self, text: &str, place: &Location, is_template: bool) -> Option<String> {
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
                // It may be a parameter of MAIL or RCPT; whether there is one at the event is looked at later.
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
pub(super) struct Table<'n>(pub(super) &'n [Entry]);

impl<'n> Table<'n> {
    pub(super) fn get(self, key: &str) -> Option<&'n Node> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Where a key stands.
    pub(super) fn place(self, key: &str) -> Location {
        self.0.iter().find(|entry| entry.key == key).map_or(Location::Nowhere, |entry| entry.place.clone())
    }
}
