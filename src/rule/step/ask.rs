//! `ask`: the next steps come from an HTTP server, or from a closure of the test.

use std::sync::Arc;
use std::time::Duration;

use super::super::inquiry::{HttpUrl, PATIENCE, Respondent};
use super::super::stage;
use super::{Action, Example, Objection, Role, Step, StepContext, StepKind, Then, wrong};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("url", Form::Text, "Where to post the event: `http://`, an IP address or `localhost`.").required(),
    Key::new("timeout", Form::Time, "How long to wait for the answer, in real time. Default: 5 s."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "ask",
    forms: "`\"http://127.0.0.1:9000/hook\"`, `{ url = \"http://…\", timeout = \"2s\" }`",
    does: "Posts the event as JSON to this URL, and runs the steps of the answer at this place. The host is an IP address or `localhost`. Without a valid answer within `timeout` (default 5 s of real time), the rest of the rule is left out, the rule passes unless it has answered, and verification fails.",
    value: Form::Either(&[Form::Text, Form::Table(KEYS)]),
    role: Role::Flow,
    examples: &Example::everywhere(
        "{ ask = \"http://127.0.0.1:9000/hook\" }",
        ["451 4.7.1 later\r\n", "A1 NO later\r\n", "-ERR later\r\n"],
        Then::Open,
    ),
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct AskStep {
    pub(crate) to: Respondent,
    /// In real time.
    pub(crate) timeout: Duration,
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let (url, timeout) = match node.entries() {
        None => (reader.text(node)?, PATIENCE),
        Some(_) => {
            let table = reader.table(node, "`ask`", KEYS);
            let url = reader.need(table, node, "url", Reader::text);
            let timeout = match table.get("timeout") {
                Some(its) => reader.duration(its)?,
                None => PATIENCE,
            };
            (url?, timeout)
        }
    };
    if !cfg!(feature = "api") {
        reader.wrong(&node.place, "`ask` needs mailjig's feature `api`, which this program was built without");
        return None;
    }
    let url = reader.parsed(&node.place, HttpUrl::parse(&url))?;
    Some(Arc::new(AskStep { to: Respondent::Url(url), timeout }))
}

impl Step for AskStep {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let to = match &self.to {
            Respondent::Url(url) if self.timeout == PATIENCE => return Tree::text(&url.written),
            Respondent::Url(url) => ("url", Some(Tree::text(&url.written))),
            // For people: a file cannot contain a closure.
            Respondent::Steps(closure) => ("closure", Some(Tree::text(&closure.origin))),
            Respondent::Holds(closure) => ("closure", Some(Tree::text(&closure.origin))),
        };
        Tree::table([to, ("timeout", Some(Tree::span(self.timeout)))])
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Ask(self.clone())
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        stage::no_answer(event)
    }

    fn pointless(&self) -> Option<Objection> {
        match self.timeout.is_zero() {
            true => wrong("without time for an answer, `ask` always fails", "write `timeout = \"5s\"`"),
            false => None,
        }
    }

    fn changes_nothing(&self) -> bool {
        true
    }

    fn produces_output(&self, is_spoken: bool) -> bool {
        is_spoken
    }

    fn asks(&self) -> bool {
        true
    }
}
