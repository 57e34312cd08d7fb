//! `login`: authenticates the session, whatever the client said.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::stage;
use super::super::template::Template;
use super::{Example, Role, Step, StepKind, unless};
use crate::document::{Form, Node, Reader, Tree};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "login",
    forms: "a user",
    does: "Logs the session in as this user, whatever the client said. The other steps say the reply. At the greeting of IMAP the server then says `* PREAUTH`; in POP3 the maildrop is locked. A user who is not on the closed list, or a maildrop that another session has locked, is reported as a failure.",
    value: Form::Text,
    role: Role::Effect,
    examples: &[
        Example::new(
            "smtp.auth.start",
            "[{ login = \"ann\" }, { reply = \"235 2.7.0 hello {user}\" }]",
            "AUTH XFOO bar",
            "235 2.7.0 hello ann\r\n",
        ),
        Example::new(
            "imap.unknown",
            "[{ login = \"ann\" }, { reply = \"OK hello {user}\" }]",
            "A1 XLOGIN\r\nA2 LOGIN ann x",
            "A1 OK hello ann\r\nA2 BAD LOGIN is allowed only before the login\r\n",
        ),
        Example::new(
            "pop3.unknown",
            "[{ login = \"ann\" }, { pass = { as = \"STAT\" } }]",
            "XLOGIN\r\nUSER ann",
            "+OK 0 0\r\n-ERR you are logged in already\r\n",
        ),
    ],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct Login(pub(crate) Template);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(Login(reader.template(node)?)))
}

impl Step for Login {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        Tree::text(self.0.written())
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        cx.log_in(&effect.text(&self.0))?;
        Ok(true)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::is_command(event) || event.is_greeting(), "a session can log in at its greeting or at a command")
    }

    fn may_come_later(&self) -> bool {
        false
    }

    fn templates(&self) -> Vec<&Template> {
        vec![&self.0]
    }

    fn mailbox(&self) -> (Option<&str>, Option<&Template>) {
        (None, Some(&self.0))
    }
}
