//! `login`: authenticates the session, whatever the client said, or refuses the client's login.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::stage;
use super::super::template::Template;
use super::{Example, Role, Step, StepKind, unless};
use crate::document::{Data, Form, Node, Reader, Tree};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "login",
    forms: "a user, `false`",
    does: "Logs the session in as this user, whatever the client said. The other steps say the reply. At the greeting of IMAP the server then says `* PREAUTH`; in POP3 the maildrop is locked. A user who is not on the closed list, or a maildrop that another session has locked, is reported as a failure. With `false`, at `*.auth`, the server refuses the client's login as if the password or the token were wrong, in the form of each protocol and mechanism: with a token, the error that the client has to answer comes first.",
    value: Form::Either(&[Form::Text, Form::Truth]),
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
        Example::new(
            "smtp.auth",
            "{ login = false }",
            "AUTH PLAIN AGFubgBzZWNyZXQ=\r\nAUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rLTEBAQ==\r\n",
            "535 5.7.8 Authentication credentials invalid\r\n334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==\r\n535 5.7.8 Authentication failed: the user name or the token is wrong\r\n",
        ),
        Example::new(
            "imap.auth",
            "{ login = false }",
            "A1 LOGIN ann secret\r\nA2 AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=\r\nA3 AUTHENTICATE OAUTHBEARER bixhPWFubiwBYXV0aD1CZWFyZXIgdG9rLTEBAQ==\r\nAQ==",
            "A1 NO [AUTHENTICATIONFAILED] Authentication failed: the user name or the password is wrong\r\nA2 NO [AUTHENTICATIONFAILED] Authentication failed: the user name or the password is wrong\r\n+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJtYWlsIn0=\r\nA3 NO [AUTHENTICATIONFAILED] Authentication failed: the user name or the token is wrong\r\n",
        ),
        Example::new(
            "pop3.auth",
            "{ login = false }",
            "USER ann\r\nPASS secret\r\nAUTH PLAIN AGFubgBzZWNyZXQ=",
            "+OK now the password\r\n-ERR [AUTH] Authentication failed: the user name or the password is wrong\r\n-ERR [AUTH] Authentication failed: the user name or the password is wrong\r\n",
        ),
    ],
    read,
};

#[derive(Debug, Clone)]
pub(crate) enum Login {
    As(Template),
    Refused,
}

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    if !matches!(node.data, Data::Truth(_)) {
        return Some(Arc::new(Login::As(reader.template(node)?)));
    }
    if reader.truth(node)? {
        reader.wrong(&node.place, "`login` must be a user or false");
        return None;
    }
    Some(Arc::new(Login::Refused))
}

impl Step for Login {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        match self {
            Self::As(user) => Tree::text(user.written()),
            Self::Refused => Tree::Truth(false),
        }
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        match self {
            Self::As(user) => cx.log_in(&effect.text(user))?,
            Self::Refused => cx.refuse_login(),
        }
        Ok(true)
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        match self {
            Self::As(_) => unless(
                stage::is_command(event) || event.is_greeting(),
                "a session can log in at its greeting or at a command",
            ),
            Self::Refused => unless(event.ends_login(), "only a login can be refused: use it at an event `auth`"),
        }
    }

    fn may_come_later(&self) -> bool {
        false
    }

    fn templates(&self) -> Vec<&Template> {
        self.mailbox().1.into_iter().collect()
    }

    fn mailbox(&self) -> (Option<&str>, Option<&Template>) {
        match self {
            Self::As(user) => (None, Some(user)),
            Self::Refused => (None, None),
        }
    }
}
