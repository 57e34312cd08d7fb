//! AUTHENTICATE (RFC 3501 §6.2.2), and what every login shares.

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::AccountNo;
use crate::protocol::imap::extension::sasl_ir;
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::{Answer, Imap, ImapState, Mode, Progress, Refusal};
use crate::protocol::sasl::{self, Mechanism, SaslStep};
use crate::protocol::{Event, MailTxn, Reply, StartTls};

pub(super) const AUTHENTICATE: CommandSpec =
    CommandSpec::new("AUTHENTICATE", Event::ImapAuthStart, AllowedIn::NotAuthenticated, |parser, _| parse(parser));

#[derive(Debug)]
struct Authenticate {
    mechanism: String,
    initial: Option<Vec<u8>>,
}

fn parse(parser: &mut Parser<'_>) -> Parsed<Box<dyn Command>> {
    parser.space()?;
    let mechanism = parser.word("a mechanism")?;
    Ok(Box::new(Authenticate { mechanism, initial: sasl_ir::parse_initial_response(parser)? }))
}

impl Command for Authenticate {
    fn perform(self: Box<Self>, imap: &mut Imap, tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        imap.may_log_in()?;
        let Some(mechanism) = Mechanism::parse(self.mechanism.as_bytes()) else {
            return Err(Refusal::no("unsupported authentication mechanism"));
        };
        imap.proceed(tag, mechanism.start(self.initial), txn, out)
    }

    fn has_credentials(&self) -> bool {
        self.initial.is_some()
    }

    fn mechanism(&self) -> Option<&str> {
        Some(&self.mechanism)
    }

    fn user(&self) -> Option<String> {
        sasl::login_of(Mechanism::parse(self.mechanism.as_bytes())?, None, self.initial.clone())
    }
}

impl Imap {
    /// A line of a login that is under way.
    pub(in crate::protocol::imap) fn respond(
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

    pub(super) fn enter(&mut self, account: AccountNo) -> Progress {
        self.state = ImapState::Authenticated(account);
        Progress::LoggedIn
    }

    pub(in crate::protocol::imap) fn may_log_in(&self) -> Result<(), Refusal> {
        // RFC 3501 §6.2.3.
        match self.lacks_tls(StartTls::BeforeLogin) {
            true => Err(Refusal::starttls_first()),
            false => Ok(()),
        }
    }
}
