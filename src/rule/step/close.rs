//! `close`: ends the connection.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::plan::Cue;
use super::super::stage;
use super::{Action, Example, Role, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Node, Reader, Tree, words};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "close",
    forms: "`\"fin\"`, `\"rst\"`, `\"half\"`, `\"tls-no-notify\"`",
    does: "Ends the connection: `fin` closes it in an orderly way, with close_notify under TLS; `rst` resets it; `half` closes the sending side only; `tls-no-notify` closes it without close_notify.",
    value: Form::Words(|| words(&CloseMode::ALL)),
    role: Role::Answer,
    examples: &Example::everywhere("{ close = \"rst\" }", ["", "", ""], Then::Rst),
    read,
};

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseMode {
    /// Orderly: close_notify under TLS, then FIN.
    Fin,
    /// RST, after the pending output.
    Rst,
    /// FIN; the client may continue to send.
    Half,
    /// FIN without close_notify.
    TlsNoNotify,
}

impl CloseMode {
    pub(crate) const ALL: [(&'static str, CloseMode); 4] = [
        ("fin", CloseMode::Fin),
        ("rst", CloseMode::Rst),
        ("half", CloseMode::Half),
        ("tls-no-notify", CloseMode::TlsNoNotify),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| name)
    }
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(reader.word(node, "close", &CloseMode::ALL)?))
}

impl Step for CloseMode {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::text(self.name())
    }

    fn run(&self, cx: &StepContext<'_>) -> Action {
        if cx.is_late { Action::Effect } else { Action::Cue(Cue::End(*self)) }
    }

    fn apply(&self, _effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        cx.end(*self);
        Ok(true)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_client(event), stage::NOTHING_SAID)
    }
}
