//! `await`: reads the client's next line.

use std::sync::Arc;

use super::super::stage;
use super::{Action, Example, Role, Step, StepContext, StepKind, unless};
use crate::base::Pattern;
use crate::document::{Node, Reader, Tree};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "await",
    forms: "a pattern",
    does: "Reads the client's next line. A line that does not match the pattern is reported as a failure. The named groups of the pattern can be used in later steps.",
    role: Role::Flow,
    examples: &[
        Example::new(
            "smtp.noop",
            "[{ reply = \"354 go\" }, { await = \"~^x\" }, { reply = \"250 done\" }]",
            "NOOP\r\nxyz",
            "354 go\r\n|250 done\r\n",
        ),
        Example::new(
            "imap.noop",
            "[{ reply = \"+ go\" }, { await = \"~^x\" }, { reply = \"OK done\" }]",
            "A3 NOOP\r\nxyz",
            "+ go\r\n|A3 OK done\r\n",
        ),
        Example::new(
            "pop3.noop",
            "[{ reply = \"+ go\" }, { await = \"~^x\" }, { reply = \"+OK done\" }]",
            "NOOP\r\nxyz",
            "+ go\r\n|+OK done\r\n",
        ),
    ],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Await(pub(crate) Pattern);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(Await(reader.pattern(node)?)))
}

impl Step for Await {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::text(self.0.written())
    }

    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Await
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        let is_heard = stage::is_spoken(event) && event != Event::ImapPush;
        unless(is_heard, "the client cannot send a line at this event")
    }

    fn changes_nothing(&self) -> bool {
        true
    }

    fn awaited(&self) -> Option<&Pattern> {
        Some(&self.0)
    }
}
