//! Performing a request: the command is performed, changes of the mailbox are announced, and the tagged response is
//! written.

use super::command::{self, BeforeLiteral, Command, CommandSpec};
use super::parser::Parser;
use super::raw_command::RawCommand;
use super::{Answer, Ask, Imap, ImapState, Mode, Progress, Refusal, Request};
use crate::protocol::{Disconnect, Layer, MailTxn, Next, Outcome, Reply, StartTls, Status};

impl Imap {
    pub(super) fn answer(&mut self, ask: Ask, txn: &mut MailTxn<'_>) -> Outcome<Request> {
        let mut out = Reply::default();
        if let Some(gone) =
            self.is_gone(txn).filter(|_| !matches!(ask, Ask::Disconnect(Disconnect::Stop | Disconnect::Lapse)))
        {
            return bye(gone);
        }
        match ask {
            Ask::Greeting => self.greet(out),
            Ask::Command(tag, command) => {
                let may_expunge = command.may_expunge();
                let answer = self.command(&tag, command, txn, &mut out);
                self.complete(tag, may_expunge, answer, txn, out)
            }
            Ask::More { tag, may_expunge, work } => {
                let answer = work.go_on(self, txn, &mut out);
                self.complete(tag, may_expunge, answer, txn, out)
            }
            Ask::Literal(raw) => self.literal(&raw, txn, out),
            Ask::Refused(tag, Refusal { status, text }) => {
                // A line without a valid tag gets an untagged response.
                out.add(format_args!("{} {status} {text}\r\n", tag.as_deref().unwrap_or("*")));
                Outcome { reply: out, status: Some(Status::Negative), next: Next::Continue }
            }
            Ask::Sasl(response) => {
                let Mode::Sasl(tag, login) = std::mem::replace(&mut self.mode, Mode::Command) else {
                    unreachable!("a SASL response is decoded only during a login")
                };
                let answer = self.respond(&tag, &login, &response, txn, &mut out);
                self.complete(tag, true, answer, txn, out)
            }
            Ask::EndIdle(line) => {
                let Mode::Idle(tag) = std::mem::replace(&mut self.mode, Mode::Command) else {
                    unreachable!("the end of IDLE is decoded only during IDLE")
                };
                let answer = Self::end_idle(&line, txn);
                self.complete(tag, true, answer, txn, out)
            }
            Ask::Push => {
                if let ImapState::Selected(_, view) = &mut self.state {
                    view.sync(txn, &mut out, true);
                }
                Outcome { reply: out, status: None, next: Next::Continue }
            }
            Ask::Disconnect(why) => self.disconnect(why),
        }
    }

    fn greet(&self, mut out: Reply) -> Outcome<Request> {
        if self.is_busy {
            return self.disconnect(Disconnect::Busy);
        }
        // RFC 3501 §7.1.4.
        let status = if self.account().is_some() { "* PREAUTH" } else { "* OK" };
        match self.capability_overrides.greeting(&self.tls) {
            Some(greeting) => out.add(format_args!("{status} {greeting}\r\n")),
            None => {
                out.push(status);
                out.push(" [CAPABILITY ");
                self.push_capabilities(&mut out);
                out.add(format_args!("] {} mailjig\r\n", self.config.host));
            }
        }
        Outcome { reply: out, status: Some(Status::Positive), next: Next::Continue }
    }

    fn disconnect(&self, why: Disconnect) -> Outcome<Request> {
        bye(&why.text("IMAP", &self.config.host))
    }

    /// Why this session must end: its account or its selected mailbox was deleted, or UIDVALIDITY changed (RFC 2180
    /// §3.3).
    fn is_gone(&self, txn: &MailTxn<'_>) -> Option<&'static str> {
        let account = self.account()?;
        if txn.account(account).is_none() {
            return Some("The account is gone");
        }
        let view = self.view().ok()?;
        match txn.mailbox(view.place) {
            None => Some("The mailbox was deleted"),
            // RFC 3501 §2.3.1.1: UIDs must not change during a session.
            Some(mailbox) if mailbox.uid_validity != view.uid_validity => Some("The UIDs of the mailbox changed"),
            Some(_) => None,
        }
    }

    fn command(&mut self, tag: &str, command: Box<dyn Command>, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        if self.tls.is_required(StartTls::BeforeAnything) && self.account().is_none() && !command.leads_to_tls() {
            return Err(Refusal::starttls_first());
        }
        command.perform(self, tag, txn, out)
    }

    /// Announces the changes of the mailbox that the protocol allows now, and writes the tagged response.
    fn complete(
        &mut self,
        tag: Box<str>,
        may_expunge: bool,
        answer: Answer,
        txn: &mut MailTxn<'_>,
        mut out: Reply,
    ) -> Outcome<Request> {
        // After BYE only the tagged response of LOGOUT follows (RFC 3501 §6.1.3).
        let is_over = !matches!(
            answer,
            Ok(Progress::More(_) | Progress::Continuation | Progress::RefusedChallenge | Progress::End(_))
        );
        if let ImapState::Selected(_, view) = &mut self.state
            && is_over
            && (!self.holds_updates || view.has_expunged())
        {
            view.sync(txn, &mut out, may_expunge);
        }
        let (word, text, status, next) = match answer {
            Ok(Progress::Done(text)) => ("OK", text, Status::Positive, Next::Continue),
            Ok(Progress::LoggedIn) => {
                out.add(format_args!("{tag} OK [CAPABILITY "));
                self.push_capabilities(&mut out);
                out.push("] You are logged in\r\n");
                return Outcome { reply: out, status: Some(Status::Positive), next: Next::Continue };
            }
            Ok(Progress::Secure(text)) => ("OK", text.into(), Status::Positive, Next::Layer(Layer::Tls)),
            Ok(Progress::End(text)) => ("OK", text.into(), Status::Positive, Next::End),
            Ok(Progress::Continuation) => {
                return Outcome { reply: out, status: Some(Status::Positive), next: Next::Continue };
            }
            Ok(Progress::RefusedChallenge) => {
                return Outcome { reply: out, status: Some(Status::Negative), next: Next::Continue };
            }
            Ok(Progress::More(work)) => {
                let next = Next::More(Request(Ask::More { tag, may_expunge, work }));
                return Outcome { reply: out, status: None, next };
            }
            Err(Refusal { status, text }) => (status, text.into(), Status::Negative, Next::Continue),
        };
        out.add(format_args!("{tag} {word} {text}\r\n"));
        Outcome { reply: out, status: Some(status), next }
    }

    /// Requests a literal, or refuses the command if an error is already known (RFC 3501 §7.5).
    fn literal(&mut self, raw: &RawCommand, txn: &MailTxn<'_>, mut out: Reply) -> Outcome<Request> {
        let status = match self.objection(raw, txn) {
            None => {
                self.tokenizer.permit();
                out.push("+ go ahead\r\n");
                Status::Positive
            }
            Some((tag, Refusal { status, text })) => {
                self.tokenizer.reject();
                out.add(format_args!("{} {status} {text}\r\n", tag.as_deref().unwrap_or("*")));
                Status::Negative
            }
        };
        Outcome { reply: out, status: Some(status), next: Next::Continue }
    }

    /// Why a command is refused before its literal is received, and its tag: it is not allowed in this state, or the
    /// arguments before the literal are invalid.
    fn objection(&self, raw: &RawCommand, txn: &MailTxn<'_>) -> Option<(Option<Box<str>>, Refusal)> {
        let tolerance = self.config.tolerance;
        let mut parser = Parser::new(&raw.text, &raw.messages).tolerant(tolerance);
        let tag: Box<str> = match parser.tag() {
            Ok(tag) => tag.into(),
            Err(error) => return Some((None, Refusal::syntax(error))),
        };
        let refusal = match command::find(&mut parser) {
            Err(error) => Some(Refusal::syntax(error)),
            Ok((spec, by_uid)) => match (self.admits(spec.allowed_in, spec.name), spec.before_literal) {
                (Err(refusal), _) => Some(refusal),
                (Ok(()), BeforeLiteral::Nothing) => None,
                (Ok(()), BeforeLiteral::Login) => self.may_send_password().err(),
                (Ok(()), BeforeLiteral::Arguments) => self.objection_to_arguments(raw, spec, by_uid, txn),
            },
        };
        refusal.map(|refusal| (Some(tag), refusal))
    }

    fn objection_to_arguments(
        &self,
        raw: &RawCommand,
        spec: &CommandSpec,
        by_uid: bool,
        txn: &MailTxn<'_>,
    ) -> Option<Refusal> {
        // The parser expects the end of the line after the size of the literal.
        let text = [&raw.text, &b"\r\n"[..]].concat();
        let mut parser = Parser::new(&text, &raw.messages).tolerant(self.config.tolerance);
        let parsed =
            parser.tag().and_then(|_| command::find(&mut parser)).and_then(|_| spec.parse(&mut parser, by_uid));
        match parsed {
            // Only the literal is missing, and it comes next.
            Err(error) if error.at >= text.len() => None,
            Err(error) => Some(Refusal::syntax(error)),
            Ok(command) => command.objection(self, txn),
        }
    }
}

/// Ends the session, whatever the client requested (RFC 3501 §7.1.5).
fn bye(why: &str) -> Outcome<Request> {
    let mut reply = Reply::default();
    reply.add(format_args!("* BYE {why}\r\n"));
    Outcome { reply, status: Some(Status::Negative), next: Next::End }
}
