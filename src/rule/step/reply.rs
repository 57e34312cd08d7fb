//! `reply`: sends lines in the form of the protocol.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::stage;
use super::super::template::Template;
use super::{Action, Example, Role, Said, Step, StepContext, StepKind, unless};
use crate::document::{Form, Node, Reader, Tree};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "reply",
    forms: "a string, or a list of strings for several lines",
    does: "Sends a reply. The server adds the framing of the protocol, such as hyphens in SMTP and the tag in IMAP. A line that the protocol does not know is refused; `raw` sends it.",
    value: Form::TEXTS,
    role: Role::Answer,
    examples: &[
        Example::new(
            "smtp.noop",
            "{ reply = [\"451 4.7.1 too\", \"451 early\"] }",
            "NOOP",
            "451-4.7.1 too\r\n451 early\r\n",
        ),
        Example::new("imap.noop", "{ reply = \"NO later\" }", "A1 NOOP", "A1 NO later\r\n"),
        Example::new("pop3.user", "{ reply = [\"+OK one\", \".two\"] }", "USER bob", "+OK one\r\n..two\r\n.\r\n"),
    ],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Reply(pub(crate) Vec<Template>);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if node.items().is_empty() {
        reader.wrong(&node.place, "`reply` needs at least one line");
    }
    let lines: Vec<Template> = node.items().iter().filter_map(|item| reader.template(item)).collect();
    let is_whole = lines.len() == node.items().len() && !lines.is_empty();
    is_whole.then(|| Arc::new(Reply(lines)) as Arc<dyn Step>)
}

impl Step for Reply {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let Self(lines) = self;
        match lines.as_slice() {
            [one] => Tree::text(one.written()),
            lines => Tree::List(lines.iter().map(|line| Tree::text(line.written())).collect()),
        }
    }

    fn run(&self, cx: &StepContext<'_>) -> Action {
        if cx.is_late {
            return Action::Effect;
        }
        Action::Say(cx.framing.frame_all(self.0.iter().map(|line| cx.reply(line)).collect()))
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        let lines: Result<Vec<_>, String> = self.0.iter().map(|line| effect.reply(line, cx)).collect();
        cx.say(effect.framing().frame_all(lines?));
        Ok(true)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::is_spoken(event), "there is no reply at this event")
    }

    fn produces_output(&self, _is_spoken: bool) -> bool {
        true
    }

    fn templates(&self) -> Vec<&Template> {
        self.0.iter().collect()
    }

    fn said(&self) -> Said<'_> {
        Said::Reply(self.templates())
    }
}
