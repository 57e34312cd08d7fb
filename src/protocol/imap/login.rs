//! LOGIN and AUTHENTICATE (RFC 3501 §6.2.2, §6.2.3, RFC 4959).

use super::command::ImapCommand;
use super::parser::{Parsed, Parser};
use super::{Answer, Imap, ImapState, Mode, Progress, Refusal};
use crate::mail::{AccountNo, is_identifier};
use crate::protocol::sasl::{self, Mechanism, SaslStep};
use crate::protocol::{MailTxn, Reply, StartTls};

pub(super) fn login(parser: &mut Parser<'_>, _by_uid: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    let at = parser.at();
    let login = parser.astring("a user name")?;
    parser.space()?;
    let password = parser.astring("a password")?;
    match (String::from_utf8(login.into_owned()), String::from_utf8(password.into_owned())) {
        (Ok(login), Ok(_)) if !is_identifier(&login) => {
            let what = "a user name must not be empty, nor have control characters".to_owned();
            Err(super::parser::Wrong { at, what })
        }
        (Ok(login), Ok(password)) => Ok(ImapCommand::Login { login, password }),
        _ => Err(super::parser::Wrong { at, what: "user name and password are UTF-8".to_owned() }),
    }
}

pub(super) fn authenticate(parser: &mut Parser<'_>, _by_uid: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    let mechanism = parser.word("a mechanism")?;
    if parser.is_at_end() {
        return Ok(ImapCommand::Authenticate { mechanism, initial: None });
    }
    parser.space()?;
    let at = parser.at();
    // RFC 4959 §3: `=` is an initial response that is empty.
    let initial = match parser.rest() {
        b"=" => Some(Vec::new()),
        base64 => sasl::decode(base64),
    };
    let wrong = || super::parser::Wrong { at, what: "the initial response is not base64".to_owned() };
    initial.map(|initial| ImapCommand::Authenticate { mechanism, initial: Some(initial) }).ok_or_else(wrong)
}

impl Imap {
    pub(super) fn login(&mut self, login: &str, password: &str, txn: &mut MailTxn<'_>) -> Answer {
        self.may_log_in()?;
        match txn.log_in(login, password) {
            Some(account) => Ok(self.enter(account)),
            None => Err(Refusal::failed_login()),
        }
    }

    pub(super) fn authenticate(
        &mut self,
        tag: &str,
        mechanism: &str,
        initial: Option<Vec<u8>>,
        txn: &mut MailTxn<'_>,
        out: &mut Reply,
    ) -> Answer {
        self.may_log_in()?;
        let Some(mechanism) = Mechanism::parse(mechanism.as_bytes()) else {
            return Err(Refusal::no("unsupported authentication mechanism"));
        };
        self.proceed(tag, mechanism.start(initial), txn, out)
    }

    /// A line of a login that is under way.
    pub(super) fn respond(
        &mut self,
        tag: &str,
        exchange: sasl::Exchange,
        response: &[u8],
        txn: &mut MailTxn<'_>,
        out: &mut Reply,
    ) -> Answer {
        if response == b"*" {
            return Err(Refusal::bad("the login was cancelled"));
        }
        match sasl::decode(response) {
            Some(response) => self.proceed(tag, exchange.step(response), txn, out),
            None => Err(Refusal::bad("the response is not base64")),
        }
    }

    fn proceed(&mut self, tag: &str, outcome: SaslStep, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        match outcome {
            SaslStep::Challenge(exchange, challenge) => {
                self.mode = Mode::Sasl(tag.into(), exchange);
                out.add(format_args!("+ {}\r\n", sasl::encode(challenge)));
                Ok(Progress::Continuation)
            }
            SaslStep::Malformed(why) => Err(Refusal::bad(format!("the response is malformed: {why}"))),
            SaslStep::Credentials { login, password } => match txn.log_in(&login, &password) {
                Some(account) => Ok(self.enter(account)),
                None => Err(Refusal::failed_login()),
            },
        }
    }

    fn enter(&mut self, account: AccountNo) -> Progress {
        self.state = ImapState::Authenticated(account);
        Progress::LoggedIn
    }

    pub(super) fn may_log_in(&self) -> Result<(), Refusal> {
        // RFC 3501 §6.2.3.
        match self.lacks_tls(StartTls::BeforeLogin) {
            true => Err(Refusal::starttls_first()),
            false => Ok(()),
        }
    }
}
