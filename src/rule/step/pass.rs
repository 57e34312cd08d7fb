//! `pass`: runs the rules inside of this one, or performs the request.

use std::sync::Arc;

use super::super::frame::Passing;
use super::super::stage;
use super::super::template::Template;
use super::{Action, CONFORMING, Example, Role, Said, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[Key::new("status", Form::Text, "The last line, instead of the server's own.")];

pub(super) const KIND: StepKind = StepKind {
    name: "pass",
    forms: "`true`, `\"silent\"`, `{ status = \"NO later\" }`",
    does: "Runs the next rule that matches, otherwise the normal behaviour. `\"silent\"` discards the output; `status` replaces the last line of it.",
    value: Form::Either(&[Form::Words(|| vec!["silent"]), Form::Truth, Form::Table(KEYS)]),
    role: Role::Flow,
    examples: &Example::everywhere("{ pass = true }", CONFORMING, Then::Open),
    read,
};

#[derive(Debug, Clone)]
pub(crate) enum Pass {
    Loud,
    /// Discards the output.
    Silent,
    /// Replaces the line that completes the reply.
    Status(Template),
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if node.entries().is_some() {
        let table = reader.table(node, "`pass`", KEYS);
        return Some(Arc::new(Pass::Status(reader.need(table, node, "status", Reader::template)?)));
    }
    match reader.written(node)?.as_str() {
        "true" => Some(Arc::new(Pass::Loud)),
        "silent" => Some(Arc::new(Pass::Silent)),
        _ => {
            reader.wrong(&node.place, "`pass` must be true, \"silent\" or { status = \"…\" }");
            None
        }
    }
}

impl Step for Pass {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        match self {
            Self::Loud => Tree::Truth(true),
            Self::Silent => Tree::text("silent"),
            Self::Status(line) => Tree::table([("status", Some(Tree::text(line.written())))]),
        }
    }

    fn run(&self, cx: &StepContext<'_>) -> Action {
        Action::Pass(match self {
            Self::Loud => Passing::Loud,
            Self::Silent => Passing::Silent,
            Self::Status(line) => Passing::Status { line: cx.fill(line), kept: None },
        })
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        match self {
            Self::Loud => None,
            Self::Status(_) if event == Event::LmtpMessage => {
                Some("each recipient has its own reply: use it at `lmtp.delivery`")
            }
            Self::Silent | Self::Status(_) => unless(stage::is_spoken(event), "there is no reply at this event"),
        }
    }

    fn answers(&self) -> bool {
        true
    }

    fn passes(&self) -> bool {
        true
    }

    fn changes_nothing(&self) -> bool {
        matches!(self, Self::Loud)
    }

    fn produces_output(&self, is_spoken: bool) -> bool {
        is_spoken && !matches!(self, Self::Silent)
    }

    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Status(line) => vec![line],
            Self::Loud | Self::Silent => Vec::new(),
        }
    }

    fn said(&self) -> Said<'_> {
        match self {
            Self::Status(line) => Said::Reply(vec![line]),
            Self::Loud | Self::Silent => Said::Nothing,
        }
    }
}
