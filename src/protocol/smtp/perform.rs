//! Performing the commands.

use std::mem;

use bytes::Bytes;

use super::command::SmtpCommand;
use super::data::{Body, Receiver};
use super::delivery::Deliveries;
use super::refusal::{Refusal, visible};
use super::verify::is_qualified;
use super::{Dialect, Request, Smtp, SmtpState, Transaction};
use crate::mail::{BodyType, Envelope, Parameters, Recipient, Sender, Verdict};
use crate::protocol::{Disconnect, Event, Layer, MailTxn, Next, NoStartTls, Outcome, Reply, StartTls, Status};
use crate::sasl::{Authentication, Failure, Mechanism, Progress};

/// The result of a command: its reply, or why it is refused.
pub(super) type Answer = Result<Outcome<Request>, Refusal>;

pub(super) fn answered(reply: Reply) -> Outcome<Request> {
    Outcome { reply, status: Some(Status::Positive), next: Next::Continue }
}

pub(super) fn say(line: &str) -> Outcome<Request> {
    answered(Reply::default().line(&[line]))
}

impl Smtp {
    pub(super) fn answer(&mut self, request: Request, txn: &mut MailTxn<'_>) -> Outcome<Request> {
        let answer = match request {
            Request::Greeting => Ok(self.greet()),
            Request::Command(command) => self.command(command, txn),
            Request::Wrong(event, refusal) => self.may_come_before_tls(event).and(Err(refusal)),
            Request::Refused(refusal) => {
                // An invalid response ends a SASL exchange.
                if matches!(self.state, SmtpState::Sasl(_)) {
                    self.state = SmtpState::Idle;
                }
                Err(refusal)
            }
            Request::Sasl(response) => self.respond(&response, txn),
            Request::Message(body) => self.message(body, txn),
            Request::Chunk(chunk) => self.chunk(chunk),
            Request::Endless => Ok(self.endless_chunk()),
            Request::Deliveries(deliveries) => Ok(Self::deliver(*deliveries, txn)),
            Request::Disconnect(why) => Ok(self.disconnect(why)),
        };
        let refused = |reply| Outcome { reply, status: Some(Status::Negative), next: Next::Continue };
        answer.unwrap_or_else(|refusal| refused(refusal.reply()))
    }

    pub(super) fn greet(&self) -> Outcome<Request> {
        if self.is_busy {
            return self.disconnect(Disconnect::Busy);
        }
        let host = &self.config.host;
        let reply = match self.capability_overrides.greeting(&self.tls) {
            Some(greeting) => Reply::default().line(&["220 ", greeting]),
            None => Reply::default().line(&["220 ", host, " ", self.config.dialect.greeting(), " mailjig"]),
        };
        answered(reply)
    }

    /// RFC 5321 §3.8: 421 announces that the server closes the connection.
    fn disconnect(&self, why: Disconnect) -> Outcome<Request> {
        let codes = match why {
            Disconnect::Busy | Disconnect::Stop => "421 4.3.2 ",
            Disconnect::Http => "421 4.7.0 ",
            Disconnect::Lapse => "421 4.4.2 ",
        };
        let reply = Reply::default().line(&[codes, &why.text(self.config.dialect.name(), &self.config.host)]);
        Outcome { reply, status: Some(Status::Negative), next: Next::End }
    }

    /// Refuses what is not allowed before TLS (RFC 3207 §4), before anything else is checked.
    pub(super) fn may_come_before_tls(&self, event: Event) -> Result<(), Refusal> {
        let leads_to_tls = matches!(event, Event::SmtpCaps | Event::SmtpNoop | Event::SmtpQuit | Event::SmtpStarttls);
        if self.tls.is_required(StartTls::BeforeAnything) && !leads_to_tls {
            return Err(Refusal::starttls_first());
        }
        // RFC 4954 §6.
        if self.tls.is_required(StartTls::BeforeLogin) && event == Event::SmtpAuthStart {
            return Err(Refusal::new("538 5.7.11", "Encryption required for requested authentication mechanism"));
        }
        Ok(())
    }

    fn command(&mut self, command: SmtpCommand, txn: &mut MailTxn<'_>) -> Answer {
        self.may_come_before_tls(command.event())?;
        match command {
            SmtpCommand::Helo(name) => Ok(self.hello(&name, txn, false)),
            SmtpCommand::Ehlo(name) => Ok(self.hello(&name, txn, true)),
            SmtpCommand::Mail { sender, is_international } => self.mail(sender, is_international, txn),
            SmtpCommand::Rcpt { address, parameters, is_international } => {
                self.rcpt(&address, parameters, is_international, txn)
            }
            SmtpCommand::Data => self.data(),
            SmtpCommand::Bdat { .. } => Err(Refusal::parameters("BDAT comes with a chunk")),
            SmtpCommand::Rset => {
                self.state = SmtpState::Idle;
                self.forwarded = None;
                Ok(say("250 2.0.0 Ok"))
            }
            SmtpCommand::Noop => Ok(say("250 2.0.0 Ok")),
            SmtpCommand::Vrfy { name, is_utf8 } => Self::vrfy(&name, is_utf8, txn),
            SmtpCommand::Expn { name, is_utf8 } => Self::expn(&name, is_utf8, txn),
            SmtpCommand::Help => Ok(self.help()),
            SmtpCommand::Quit => Ok(Outcome { next: Next::End, ..say("221 2.0.0 Bye") }),
            SmtpCommand::Starttls => self.starttls(),
            SmtpCommand::Xclient(client) => self.xclient(client, txn),
            SmtpCommand::Xforward(told) => self.xforward(&told),
            SmtpCommand::Auth { mechanism, initial } => self.auth(mechanism, initial, txn),
        }
    }

    /// EHLO and HELO. In the middle of a session they also reset the transaction, as RSET does (RFC 5321 §4.1.4).
    fn hello(&mut self, name: &str, txn: &mut MailTxn<'_>, is_extended: bool) -> Outcome<Request> {
        self.is_introduced = true;
        self.state = SmtpState::Idle;
        self.forwarded = None;
        txn.introduce(name);
        let host = &*self.config.host;
        if !is_extended {
            return say(&format!("250 {host}"));
        }
        let mut reply = Reply::default();
        let capabilities = self.capabilities();
        reply.push(if capabilities.is_empty() { "250 " } else { "250-" });
        reply.push(host);
        if !capabilities.is_empty() {
            reply.push("\r\n");
            reply.push_capabilities(self.capability_overrides.label(&self.tls), capabilities);
        }
        reply.push("\r\n");
        answered(reply)
    }

    fn mail(&mut self, sender: Sender, is_international: bool, txn: &MailTxn<'_>) -> Answer {
        self.may_send()?;
        self.may_follow_chunks()?;
        if matches!(self.state, SmtpState::Transaction(_)) {
            return Err(Refusal::sequence("a transaction is open; end it with DATA or RSET"));
        }
        if self.config.needs_qualified && !is_qualified(sender.address()) {
            return Err(Refusal::new("554 5.1.8", "the domain of the sender must be fully qualified"));
        }
        // RFC 6531 §3.5.
        if is_international && !sender.parameters().smtputf8() {
            return Err(Refusal::new("553 5.6.7", "a non-ASCII address needs the SMTPUTF8 parameter"));
        }
        self.may_require_tls(sender.parameters())?;
        let held = self.held_until(sender.parameters(), txn.now())?;
        let forwarded = self.forwarded.take();
        self.state =
            SmtpState::Transaction(Transaction { sender, recipients: Vec::new(), accepted: 0, held, forwarded });
        Ok(say("250 2.1.0 Ok"))
    }

    fn rcpt(&mut self, address: &str, parameters: Parameters, is_international: bool, txn: &MailTxn<'_>) -> Answer {
        let limit = self.config.limits.recipients;
        let SmtpState::Transaction(transaction) = &mut self.state else {
            self.may_send()?;
            self.may_follow_chunks()?;
            return Err(Refusal::sequence("MAIL is required before RCPT"));
        };
        let refusal = if transaction.accepted >= limit {
            // RFC 5321 §4.5.3.1.10.
            Some(Refusal::new("452 4.5.3", &format!("Too many recipients: a message may have {limit}")))
        } else if is_international && !transaction.sender.parameters().smtputf8() {
            Some(Refusal::new("553 5.6.7", "a non-ASCII address needs SMTPUTF8 in MAIL"))
        } else if self.config.needs_qualified && !is_qualified(address) {
            Some(Refusal::new("554 5.1.2", "the domain of the recipient must be fully qualified"))
        } else if !txn.delivers_to(address) {
            Some(Refusal::new("550 5.1.1", &format!("<{}>: No such user here", visible(address))))
        } else {
            None
        };
        let verdict = refusal.as_ref().map_or(Verdict::Accepted, |refusal| Verdict::Refused(refusal.line().into()));
        // Refused recipients beyond this bound get a reply but are not kept.
        let refused = transaction.recipients.len() - transaction.accepted;
        if refusal.is_none() || transaction.accepted < limit && refused < 10 * limit.max(100) {
            transaction.accepted += usize::from(refusal.is_none());
            transaction.recipients.push(Recipient::new(address, parameters, verdict));
        }
        refusal.map_or_else(|| Ok(say("250 2.1.5 Ok")), Err)
    }

    fn data(&mut self) -> Answer {
        let SmtpState::Transaction(transaction) = &self.state else {
            self.may_send()?;
            self.may_follow_chunks()?;
            return Err(Refusal::sequence("MAIL and RCPT are required before DATA"));
        };
        self.may_receive(transaction, "DATA")?;
        // RFC 3030 §3.
        if transaction.sender.parameters().body() == Some(BodyType::Binary) {
            return Err(Refusal::sequence("BODY=BINARYMIME requires BDAT"));
        }
        let receiver = Receiver::new(transaction.sender.parameters().size(), self.config.limits.message);
        if let SmtpState::Transaction(transaction) = mem::replace(&mut self.state, SmtpState::Idle) {
            self.state = SmtpState::Body(transaction, receiver);
        }
        Ok(say("354 End data with <CR><LF>.<CR><LF>"))
    }

    /// What is required before a message: a recipient that was accepted (RFC 5321 §3.3).
    pub(super) fn may_receive(&self, transaction: &Transaction, verb: &str) -> Result<(), Refusal> {
        if transaction.recipients.is_empty() {
            return Err(Refusal::sequence(&format!("RCPT is required before {verb}")));
        }
        match (transaction.accepted, self.config.dialect) {
            (0, Dialect::Smtp) => Err(Refusal::new("554 5.5.1", "No valid recipients")),
            // RFC 2033 §4.2.
            (0, Dialect::Lmtp) => Err(Refusal::sequence("no recipient was accepted")),
            _ => Ok(()),
        }
    }

    fn message(&mut self, body: Body, txn: &mut MailTxn<'_>) -> Answer {
        let (SmtpState::Body(transaction, _) | SmtpState::Chunks(transaction, _)) =
            mem::replace(&mut self.state, SmtpState::Idle)
        else {
            return Err(Refusal::sequence("DATA comes before a message"));
        };
        let Some(raw) = body.raw else {
            let refusal = Refusal::too_large(self.config.limits.message);
            return match self.config.dialect {
                Dialect::Smtp => Err(refusal),
                Dialect::Lmtp => Ok(refusal.to_each(transaction.accepted)),
            };
        };
        let Some(envelope) = Envelope::new(transaction.sender, transaction.recipients) else {
            return Err(Refusal::new("554 5.5.1", "No valid recipients"));
        };
        let envelope = envelope.with_forwarded(transaction.forwarded);
        if self.config.dialect == Dialect::Lmtp {
            let (message, is_filed) = txn.capture(envelope, raw);
            let deliveries = Request::Deliveries(Box::new(Deliveries::new(message, is_filed, txn.resets())));
            return Ok(Outcome { reply: Reply::default(), status: None, next: Next::More(deliveries) });
        }
        let message = match transaction.held {
            Some(until) => txn.hold(envelope, raw, until),
            None => txn.deliver(envelope, raw),
        };
        Ok(say(&format!("250 2.0.0 Ok: queued as {}", message.no())))
    }

    fn help(&self) -> Outcome<Request> {
        let is_off = |event: Event| matches!(event, Event::SmtpXclient | Event::SmtpXforward) && !self.config.xclient;
        let is_named = |(verb, event): &&(&str, Event)| !is_off(*event) && self.config.dialect.has(verb);
        let verbs = super::command::VERBS.iter().filter(is_named);
        let verbs: Vec<&str> = verbs.map(|(verb, _)| *verb).collect();
        let reply = Reply::default().line(&["214-2.0.0 ", &verbs.join(" ")]);
        answered(reply.line(&["214 2.0.0 This is mailjig, a mail server for tests"]))
    }

    fn starttls(&mut self) -> Answer {
        self.tls.may_begin().map_err(|why| match why {
            NoStartTls::Active => Refusal::sequence("TLS is active already"),
            NoStartTls::Never => Refusal::not_implemented("STARTTLS"),
        })?;
        Ok(Outcome { next: Next::Layer(Layer::Tls), ..say("220 2.0.0 Ready to start TLS") })
    }

    fn auth(&mut self, mechanism: &'static Mechanism, initial: Option<Vec<u8>>, txn: &mut MailTxn<'_>) -> Answer {
        if !self.is_introduced {
            return Err(Refusal::sequence(&format!("{} is required first", self.config.dialect.hello())));
        }
        // RFC 4954 §4: AUTH is allowed once in a session, and not within a transaction.
        if self.is_logged_in {
            return Err(Refusal::sequence("you are logged in already"));
        }
        self.may_follow_chunks()?;
        if matches!(self.state, SmtpState::Transaction(_)) {
            return Err(Refusal::sequence("a transaction is open; end it with RSET before you log in"));
        }
        if !self.capability_overrides.accepts(mechanism, &self.tls) {
            return Err(Refusal::unknown_mechanism());
        }
        // RFC 4954 §4: an initial response is an error if the server sends the first challenge. LOGIN takes it as the
        // user name.
        let context = txn.sasl_context(&self.config.host, self.config.seed);
        let context = self.capability_overrides.sasl_context(context, &self.tls);
        let progress = Authentication::begin(mechanism, initial.as_deref(), &context, &txn.credentials())?;
        self.proceed(mechanism, progress, txn)
    }

    fn respond(&mut self, response: &Bytes, txn: &mut MailTxn<'_>) -> Answer {
        let SmtpState::Sasl(login) = mem::replace(&mut self.state, SmtpState::Idle) else {
            return Err(Refusal::sequence("no login is under way"));
        };
        self.proceed(login.mechanism(), txn.respond(&login, response)?, txn)
    }

    fn proceed(&mut self, mechanism: &Mechanism, progress: Progress, txn: &mut MailTxn<'_>) -> Answer {
        match progress {
            Progress::Challenge(login) => {
                let mut challenge = answered(Reply::default().challenge("334 ", &login));
                challenge.status = Some(if login.is_refused() { Status::Negative } else { Status::Positive });
                self.state = SmtpState::Sasl(login);
                Ok(challenge)
            }
            Progress::Verdict(verdict) if txn.log_in(&verdict, mechanism.name()).is_some() => {
                self.is_logged_in = true;
                Ok(say("235 2.7.0 Authentication successful"))
            }
            Progress::Verdict(verdict) => Err(match verdict.failure {
                Some(Failure::Password) => Refusal::new("535 5.7.8", "Authentication credentials invalid"),
                None | Some(Failure::Token(_) | Failure::Refused(_) | Failure::Unauthorized(_)) => {
                    Refusal::new("535 5.7.8", &verdict.failure_text())
                }
            }),
        }
    }

    /// What is required before MAIL.
    pub(super) fn may_send(&self) -> Result<(), Refusal> {
        if !self.is_introduced {
            let hello = match self.config.dialect {
                Dialect::Smtp => "EHLO or HELO is required first",
                Dialect::Lmtp => "LHLO is required first",
            };
            return Err(Refusal::sequence(hello));
        }
        match self.config.requires_auth && !self.is_logged_in {
            false => Ok(()),
            // A login is required, and it requires TLS.
            true if self.tls.is_required(StartTls::BeforeLogin) => Err(Refusal::starttls_first()),
            // RFC 4954 §6.
            true => Err(Refusal::new("530 5.7.0", "Authentication required")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::BytesMut;

    use super::super::{Config, Limits};
    use super::*;
    use crate::base::{SessionNo, Timestamp};
    use crate::mail::{Accounts, Member, Namespace, Origin};
    use crate::protocol::{Machine, MailStore};

    #[test]
    fn a_recipient_after_many_refused_ones_gets_its_mail() {
        let limits = Limits { recipients: 2, ..Limits::default() };
        let config = Config { limits, ..Config::for_test(Dialect::Smtp) };
        let bob =
            Member { login: "bob@example.org".into(), password: "".into(), tokens: Vec::new(), addresses: Vec::new() };
        let mut mail = MailStore::new(Accounts::new(vec![bob], Namespace::default(), 1));
        let mut machine = Smtp::new(Arc::new(config), false, false);
        let refused = "RCPT TO:<eve@example.org>\r\n".repeat(1500);
        let talk =
            format!("EHLO me\r\nMAIL FROM:<>\r\n{refused}RCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n");
        let mut input = BytesMut::from(talk.as_bytes());

        let mut message = None;
        while let Some(decoded) = machine.decode(&mut input) {
            let origin = Origin::Session(SessionNo(1));
            let mut txn = MailTxn::new(&mut mail, origin, Timestamp::from_micros(0));
            machine.perform(decoded.request, &mut txn);
            message = txn.close().accepted.or(message);
        }

        let message = message.expect("the message was accepted");
        assert_eq!(message.envelope().accepted().collect::<Vec<_>>(), ["bob@example.org"]);
        assert_eq!(message.envelope().recipients().len(), 1001, "refused recipients beyond the bound are not kept");
    }
}
