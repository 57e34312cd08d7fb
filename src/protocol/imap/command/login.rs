//! LOGIN (RFC 3501 §6.2.3).

use super::{AllowedIn, BeforeLiteral, Command, CommandSpec};
use crate::base::is_identifier;
use crate::protocol::imap::parser::{Parsed, Parser, SyntaxError};
use crate::protocol::imap::{Answer, Imap};
use crate::protocol::{Event, MailTxn, Reply};
use crate::sasl::{Channel, LoginVerdict};

pub(super) const LOGIN: CommandSpec =
    CommandSpec::new("LOGIN", Event::ImapLogin, AllowedIn::NotAuthenticated, |parser, _| parse(parser))
        .checked_before_literal(BeforeLiteral::Login);

#[derive(Debug)]
struct Login {
    login: String,
    password: String,
}

fn parse(parser: &mut Parser<'_>) -> Parsed<Box<dyn Command>> {
    parser.space()?;
    let at = parser.at();
    let login = parser.astring("a user name")?;
    parser.space()?;
    let password = parser.astring("a password")?;
    match (String::from_utf8(login.into_owned()), String::from_utf8(password.into_owned())) {
        (Ok(login), Ok(_)) if !is_identifier(&login) => {
            let what = "a user name must not be empty or contain control characters".to_owned();
            Err(SyntaxError { at, what })
        }
        (Ok(login), Ok(password)) => Ok(Box::new(Login { login, password })),
        (Err(_), _) | (_, Err(_)) => {
            Err(SyntaxError { at, what: "user name and password must be valid UTF-8".to_owned() })
        }
    }
}

impl Command for Login {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        imap.may_send_password()?;
        let verdict = LoginVerdict::of_password(&self.login, &self.password, &txn.credentials());
        imap.enter(&verdict, "LOGIN", txn)
    }

    fn mechanism(&self) -> Option<&str> {
        Some("LOGIN")
    }

    fn user(&self, _channel: Option<&Channel>) -> Option<String> {
        Some(self.login.clone())
    }
}
