//! AUTHENTICATE (RFC 3501 §6.2.2), and the code that all logins share.

use std::mem;

use super::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::extension::sasl_ir;
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::{Answer, Imap, ImapState, Mode, Progress, Refusal};
use crate::protocol::{Event, MailTxn, Reply, StartTls};
use crate::sasl::{self, Authentication, Channel, LoginVerdict, Mechanism, Rejection};

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
        let accepts = |its: &&Mechanism| imap.capability_overrides.accepts(its, &imap.tls);
        let Some(mechanism) = Mechanism::parse(self.mechanism.as_bytes()).filter(accepts) else {
            return Err(Refusal::no("unsupported authentication mechanism"));
        };
        let context = txn.sasl_context(&imap.config.host, imap.config.seed);
        let context = imap.capability_overrides.sasl_context(context, &imap.tls);
        let progress = Authentication::begin(mechanism, self.initial.as_deref(), &context, &txn.credentials());
        imap.proceed(tag, mechanism, progress, txn, out)
    }

    fn has_credentials(&self) -> bool {
        // A mechanism such as LOGIN needs further responses.
        let may_be_all = |mechanism: &Mechanism| mechanism.is_complete_with(self.initial.as_deref());
        self.initial.is_some() && Mechanism::parse(self.mechanism.as_bytes()).is_none_or(may_be_all)
    }

    fn mechanism(&self) -> Option<&str> {
        Some(&self.mechanism)
    }

    fn user(&self, channel: Option<&Channel>) -> Option<String> {
        Mechanism::parse(self.mechanism.as_bytes())?.login(self.initial.as_deref(), channel)
    }

    fn token(&self) -> Option<String> {
        Mechanism::parse(self.mechanism.as_bytes())?.token(self.initial.as_deref())
    }
}

impl Imap {
    /// A response of the client in a SASL exchange.
    pub(in crate::protocol::imap) fn respond(
        &mut self,
        tag: &str,
        login: &Authentication,
        response: &[u8],
        txn: &mut MailTxn<'_>,
        out: &mut Reply,
    ) -> Answer {
        let progress = txn.respond(login, response);
        self.proceed(tag, login.mechanism(), progress, txn, out)
    }

    fn proceed(
        &mut self,
        tag: &str,
        mechanism: &Mechanism,
        progress: Result<sasl::Progress, Rejection>,
        txn: &mut MailTxn<'_>,
        out: &mut Reply,
    ) -> Answer {
        match progress.map_err(Refusal::of_login)? {
            sasl::Progress::Challenge(login) => {
                *out = mem::take(out).challenge("+ ", &login);
                let progress = if login.is_refused() { Progress::RefusedChallenge } else { Progress::Continuation };
                self.mode = Mode::Sasl(tag.into(), login);
                Ok(progress)
            }
            sasl::Progress::Verdict(verdict) => self.enter(&verdict, mechanism.name(), txn),
        }
    }

    pub(super) fn enter(&mut self, verdict: &LoginVerdict, mechanism: &str, txn: &mut MailTxn<'_>) -> Answer {
        let account = txn.log_in(verdict, mechanism).ok_or_else(|| Refusal::failed_login(verdict))?;
        self.state = ImapState::Authenticated(account);
        Ok(Progress::LoggedIn)
    }

    pub(in crate::protocol::imap) fn may_log_in(&self) -> Result<(), Refusal> {
        // RFC 3501 §6.2.3: LOGINDISABLED forbids a login.
        match self.tls.is_required(StartTls::BeforeLogin) {
            true => Err(Refusal::starttls_first()),
            false => Ok(()),
        }
    }

    /// Whether LOGIN is allowed now.
    pub(in crate::protocol::imap) fn may_send_password(&self) -> Result<(), Refusal> {
        self.may_log_in()?;
        match self.capability_overrides.accepts_password_commands(&self.tls) {
            true => Ok(()),
            false => Err(Refusal::login_disabled()),
        }
    }
}
