//! `script`: hands the connection over to a script.

use std::sync::Arc;

use super::super::plan::Cue;
use super::super::script::{Divergence, Head, Script};
use super::super::stage;
use super::{Action, Example, Role, Step, StepContext, StepKind, unless};
use crate::document::{Form, Key, Location, Node, Problem, Reader, Tree};
use crate::protocol::{Event, Layer};

/// The keys of its table.
const KEYS: &[Key] = &[Key::new("text", Form::Text, "The lines of the script.").required()];

pub(super) const KIND: StepKind = StepKind {
    name: "script",
    forms: "the `id` of a `[[script]]`, `{ text = '''…''' }`",
    does: "Hands the connection over to a [script](#scripts). It is the last step of its rule.",
    value: Form::Either(&[Form::Text, Form::Table(KEYS)]),
    role: Role::Answer,
    examples: &[
        Example::new(
            "smtp.noop",
            "{ script = { text = \"S: 250 one\\nC: NOOP {word}\\nS: 250 {word}\\nPASS\" } }",
            "NOOP\r\nNOOP two",
            "250 one\r\n|250 two\r\n",
        ),
        Example::new(
            "imap.noop",
            "{ script = { text = \"S: {tag} OK one\\nC: {tag} NOOP\\nS: {tag} OK two\\nPASS\" } }",
            "A1 NOOP\r\nA2 NOOP",
            "A1 OK one\r\n|A2 OK two\r\n",
        ),
        Example::new(
            "pop3.noop",
            "{ script = { text = \"S: +OK one\\nC: NOOP\\nS: +OK two\\nPASS\" } }",
            "NOOP\r\nNOOP",
            "+OK one\r\n|+OK two\r\n",
        ),
    ],
    read,
};

/// A script, and its text.
#[derive(Debug, Clone)]
pub(crate) struct ScriptRef {
    pub(crate) text: Box<str>,
    pub(crate) script: Arc<Script>,
}

impl ScriptRef {
    /// A script from its text; fails with all errors.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        Ok(Self { text: text.into(), script: Arc::new(Script::parse(text)?) })
    }

    /// The same script, which continues so after a divergence.
    pub(crate) fn on_divergence(self, divergence: Divergence) -> Self {
        let mut script = Script::clone(&self.script);
        let is_without_head = script.head == Head::default();
        script.head.on_divergence = Some(divergence);
        let text = if is_without_head { format!("{}{}", script.head, self.text) } else { script.to_string() };
        Self { text: text.into(), script: Arc::new(script) }
    }
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if node.entries().is_none() {
        let id = reader.text(node)?;
        let Some(named) = reader.scripts.iter().find(|script| script.id == id).cloned() else {
            let known: Vec<String> = reader.scripts.iter().map(|script| script.id.clone()).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            reader.unknown(&node.place, "script", &id, &known);
            return None;
        };
        // The errors of its text were reported where it stands.
        let script = ScriptRef::parse(&named.text).ok()?;
        let divergence = named.on_divergence.and_then(|written| Divergence::parse(&written).ok());
        return Some(Arc::new(divergence.into_iter().fold(script, ScriptRef::on_divergence)));
    }
    let table = reader.table(node, "`script`", KEYS);
    let text = reader.need(table, node, "text", Reader::verbatim)?;
    Some(Arc::new(reader.script_text(&text, &node.place)?))
}

impl Reader {
    /// `on_divergence`
    pub(crate) fn divergence(&mut self, node: &Node) -> Option<Divergence> {
        let written = self.text(node)?;
        Divergence::parse(&written).map_err(|(message, help)| self.wrong_help(&node.place, message, help)).ok()
    }

    /// A script from a text at this place of the document. Reports the line of each error.
    pub(crate) fn script_text(&mut self, text: &str, place: &Location) -> Option<ScriptRef> {
        match ScriptRef::parse(text) {
            Ok(script) => Some(script),
            Err(problems) => {
                for Problem { place: within, message, help, .. } in problems {
                    let line = match &within {
                        Location::Span(span) => text[..span.start].matches('\n').count() + 1,
                        Location::Pointer(_) | Location::Nowhere => 1,
                    };
                    let message = format!("line {line} of the script: {message}");
                    self.wrong_help(place, message, help.unwrap_or_default());
                }
                None
            }
        }
    }
}

impl Step for ScriptRef {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::table([("text", Some(Tree::text(&self.text)))])
    }

    fn logins(&self) -> Vec<&[u8]> {
        self.script.logins().collect()
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Script(self.clone())
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        if self.script.protocol().is_some_and(|protocol| event.protocol() != Some(protocol)) {
            return Some("the head of the script names another protocol");
        }
        let is_sent = stage::is_spoken(event) && (event.is_greeting() || !event.is_unasked());
        unless(is_sent && event.answer_of_item().is_none(), "a script begins at a greeting or at a command")
    }

    fn may_come_later(&self) -> bool {
        false
    }

    fn produces_output(&self, _is_spoken: bool) -> bool {
        true
    }

    fn messages(&self) -> Vec<&str> {
        self.script.messages().collect()
    }
}

/// The handshake of a script's line `TLS`.
#[derive(Debug, Clone)]
pub(crate) struct Handshake;

impl Step for Handshake {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::text("TLS")
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Cue(Cue::Layer(Layer::Tls))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::is_spoken(event), stage::NOTHING_SAID)
    }
}
