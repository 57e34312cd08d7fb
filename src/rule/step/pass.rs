//! `pass`: runs the rules inside of this one, or performs the request.

use std::sync::Arc;

use super::super::frame::Passing;
use super::super::stage;
use super::super::template::Template;
use super::{Action, CONFORMING, Example, Objection, Role, Said, Step, StepContext, StepKind, Then, unless};
use crate::document::{Form, Key, Node, Reader, Tree};
use crate::protocol::Event;

/// The keys of its table.
const KEYS: &[Key] = &[
    Key::new("status", Form::Text, "The last line, instead of the server's own."),
    Key::new("as", Form::Text, "The command to perform instead of the client's request."),
    Key::new("silent", Form::Truth, "Whether the output is discarded. Default: false."),
];

pub(super) const KIND: StepKind = StepKind {
    name: "pass",
    forms: "`true`, `\"silent\"`, `{ status = \"NO later\" }`, `{ as = \"MAIL FROM:<{arg}>\", silent = true }`",
    does: "Runs the next rule that matches, otherwise the normal behaviour. `\"silent\"` discards the output; `status` replaces the last line of it. With `as`, the server performs this command instead of the client's request; in IMAP it has the client's tag. Of several rules with `as`, the innermost decides. A command that is not complete in one line is not performed, and reported as a failure.",
    value: Form::Either(&[Form::Words(|| vec!["silent"]), Form::Truth, Form::Table(KEYS)]),
    role: Role::Flow,
    examples: &EXAMPLES,
    read,
};

const EXAMPLES: [Example; 6] = {
    let [smtp, imap, pop3] = Example::everywhere("{ pass = true }", CONFORMING, Then::Open);
    [
        smtp,
        imap,
        pop3,
        Example::new("smtp.unknown", "{ pass = { as = \"NOOP\" } }", "XPING", "250 2.0.0 Ok\r\n"),
        Example::new("imap.unknown", "{ pass = { as = \"NOOP\" } }", "A1 XPING", "A1 OK Done\r\n"),
        Example::new(
            "pop3.unknown",
            "[{ pass = { as = \"USER bob\", silent = true } }, { reply = \"+OK who is {arg}\" }]",
            "XUSER bob",
            "+OK who is bob\r\n",
        ),
    ]
};

/// What happens to the output from inside, and the command that the server performs instead of the client's request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pass {
    pub(crate) output: Output,
    pub(crate) command: Option<Template>,
}

#[derive(Debug, Clone, Default)]
pub(crate) enum Output {
    #[default]
    Sent,
    Discarded,
    /// Its last line, which completes the reply, is replaced.
    Status(Template),
}

impl From<Output> for Pass {
    fn from(output: Output) -> Self {
        Self { output, command: None }
    }
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if node.entries().is_some() {
        let table = reader.table(node, "`pass`", KEYS);
        let command = table.get("as").map(|its| reader.template(its));
        let status = table.get("status").map(|its| reader.template(its));
        let is_silent = table.get("silent").is_some_and(|its| reader.truth(its) == Some(true));
        let output = match (status, is_silent) {
            (Some(_), true) => {
                reader.wrong(&node.place, "`status` is not sent with `silent = true`: remove one of them");
                return None;
            }
            (Some(status), false) => Output::Status(status?),
            (None, true) => Output::Discarded,
            (None, false) if command.is_none() => {
                reader.wrong(&node.place, "`pass` needs one of `as`, `status` and `silent = true`");
                return None;
            }
            (None, false) => Output::Sent,
        };
        let command = match command {
            Some(command) => Some(command?),
            None => None,
        };
        return Some(Arc::new(Pass { output, command }));
    }
    match reader.written(node)?.as_str() {
        "true" => Some(Arc::new(Pass::default())),
        "silent" => Some(Arc::new(Pass::from(Output::Discarded))),
        _ => {
            reader.wrong(&node.place, "`pass` must be true, \"silent\", { status = \"…\" } or { as = \"…\" }");
            None
        }
    }
}

impl Step for Pass {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        let (status, silent) = match (&self.output, &self.command) {
            (Output::Sent, None) => return Tree::Truth(true),
            (Output::Discarded, None) => return Tree::text("silent"),
            (Output::Sent, Some(_)) => (None, None),
            (Output::Discarded, Some(_)) => (None, Some(Tree::Truth(true))),
            (Output::Status(line), _) => (Some(Tree::text(line.written())), None),
        };
        let command = self.command.as_ref().map(|its| Tree::text(its.written()));
        Tree::table([("as", command), ("status", status), ("silent", silent)])
    }

    fn run(&self, cx: &StepContext<'_>) -> Action {
        let passing = match &self.output {
            Output::Sent => Passing::Loud,
            Output::Discarded => Passing::Silent,
            Output::Status(line) => Passing::Status { line: cx.fill(line), kept: None },
        };
        Action::Pass(passing, self.command.as_ref().map(|command| cx.fill(command)))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        if self.command.is_some() && !stage::is_command(event) {
            return Some("`as` needs a command of the client, or a line of its login");
        }
        match self.output {
            Output::Sent => None,
            Output::Status(_) if event == Event::LmtpMessage => {
                Some("each recipient has its own reply: use it at `lmtp.delivery`")
            }
            Output::Discarded => unless(stage::has_output(event), "there is no reply at this event"),
            Output::Status(_) => unless(stage::is_spoken(event), "there is no reply at this event"),
        }
    }

    fn pointless(&self) -> Option<Objection> {
        let command = self.command.as_ref()?.written();
        let is_broken = command.contains(['\r', '\n']) || command.contains("\\r\\n");
        is_broken.then(|| {
            let message = format!("`{}` contains a line end, and the server adds another one", command.escape_debug());
            (message, "`as` is one command, which is complete in one line".to_owned())
        })
    }

    fn answers(&self) -> bool {
        true
    }

    fn passes(&self) -> bool {
        true
    }

    fn changes_nothing(&self) -> bool {
        matches!(self.output, Output::Sent) && self.command.is_none()
    }

    fn produces_output(&self, is_spoken: bool) -> bool {
        is_spoken && !matches!(self.output, Output::Discarded)
    }

    fn templates(&self) -> Vec<&Template> {
        self.status().into_iter().chain(&self.command).collect()
    }

    fn said(&self) -> Said<'_> {
        self.status().map_or(Said::Nothing, |line| Said::Reply(vec![line]))
    }
}

impl Pass {
    fn status(&self) -> Option<&Template> {
        match &self.output {
            Output::Status(line) => Some(line),
            Output::Sent | Output::Discarded => None,
        }
    }
}
