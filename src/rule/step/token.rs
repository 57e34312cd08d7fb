//! `token`: changes the state of access tokens.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::field::Field;
use super::super::stage;
use super::super::template::Name;
use super::target::NOBODY;
use super::{Example, Role, Step, StepKind, unless};
use crate::base::same_login;
use crate::document::{Form, Node, Reader, Tree, word, words};
use crate::mail::{Token, TokenChange};
use crate::protocol::{Event, RequestField};

pub(super) const KIND: StepKind = StepKind {
    name: "token",
    forms: "`\"expired\"`, `\"revoked\"`, `\"valid\"`",
    does: "Changes the state of access tokens: of the token in a login, at `*.auth`; otherwise of all tokens of the session's user, also refresh tokens. The server then refuses a login with the token as it does by itself, in the form of each protocol, and the token stays so for later sessions.",
    value: Form::Words(|| words(&TokenChange::ALL)),
    role: Role::Effect,
    examples: &[
        Example::new(
            "smtp.auth",
            "{ token = \"revoked\" }",
            "AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rLTEBAQ==\r\n*\r\nNOOP",
            "334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==\r\n501 5.7.0 Authentication cancelled\r\n250 2.0.0 Ok\r\n",
        ),
        Example::new(
            "imap.auth",
            "{ token = \"expired\" }",
            "A1 AUTHENTICATE OAUTHBEARER bixhPWFubiwBYXV0aD1CZWFyZXIgdG9rLTEBAQ==\r\nAQ==",
            "+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJtYWlsIn0=\r\nA1 NO [AUTHENTICATIONFAILED] Authentication failed: the token has expired\r\n",
        ),
    ],
    read,
};

#[derive(Debug, Clone)]
pub(crate) struct TokenStep(pub(crate) TokenChange);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    Some(Arc::new(TokenStep(reader.word(node, "state of a token", &TokenChange::ALL)?)))
}

/// The token in a login.
fn its_token() -> Name {
    Name::Field(Field::Request(RequestField::Token))
}

/// The user of a login or of the session.
fn its_user() -> Name {
    Name::Field(Field::Request(RequestField::User))
}

impl Step for TokenStep {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        word(&self.0, &TokenChange::ALL)
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        let (token, user) = (effect.named(&its_token()), effect.named(&its_user()));
        match (token, user) {
            (Some(token), user) => Ok(cx.txn().change_token(&token, &user.unwrap_or_default(), self.0)),
            (None, Some(user)) => {
                let is_its = |token: &Token| same_login(&token.login, &user);
                Ok(cx.txn().change_tokens(is_its, self.0) > 0)
            }
            (None, None) => Err("no user is logged in".to_owned()),
        }
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(stage::has_session(event), NOBODY)
    }

    fn names(&self) -> Vec<Name> {
        vec![its_token(), its_user()]
    }
}
