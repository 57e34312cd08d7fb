//! What is known of a request before it is performed.

use std::mem;

use super::command::SmtpCommand;
use super::{Request, Smtp, SmtpState};
use crate::mail::{Accounts, Parameters};
use crate::protocol::fact::of_line;
use crate::protocol::sasl;
use crate::protocol::{Decoded, Event, Fact, Next, Value};

impl Smtp {
    pub(super) fn known<'a>(
        &'a self,
        decoded: &'a Decoded<Request>,
        fact: Fact<'_>,
        _accounts: &'a Accounts,
    ) -> Option<Value<'a>> {
        let transaction = match &self.state {
            SmtpState::Transaction(transaction) | SmtpState::Body(transaction, _) => Some(transaction),
            SmtpState::Silent | SmtpState::Idle | SmtpState::Sasl(_) => None,
        };
        match (fact, &decoded.request) {
            (Fact::Line | Fact::Verb | Fact::Argument, Request::Sasl(_)) if fact != Fact::Line => None,
            (Fact::Line | Fact::Verb | Fact::Argument, _) => of_line(&decoded.input, fact, false),
            (Fact::Mechanism, Request::Wrong(Event::SmtpAuthStart, _)) => of_line(&decoded.input, fact, false),
            (Fact::Mechanism | Fact::User, request) => self.login(request, fact),
            (Fact::Sender, Request::Command(SmtpCommand::Mail { sender, .. })) => Some(Value::text(sender.address())),
            (Fact::Sender, _) => transaction.map(|its| Value::text(its.sender.address())),
            (Fact::Recipient, Request::Command(SmtpCommand::Rcpt { address, .. })) => Some(Value::text(&**address)),
            (Fact::Recipient, Request::Message(_)) => {
                let accepted = transaction?.recipients.iter().filter(|its| its.is_accepted());
                Some(Value::Several(accepted.map(|its| Value::text(its.address())).collect()))
            }
            (Fact::Recipients, _) => {
                let accepted = transaction.map_or(0, |its| its.accepted);
                Some(Value::Number(accepted as u64))
            }
            (Fact::Size, Request::Command(SmtpCommand::Mail { sender, .. })) => {
                sender.parameters().size().map(Value::Number)
            }
            (Fact::Size, Request::Message(body)) => Some(Value::Number(body.octets)),
            (Fact::Parameter(name), Request::Command(SmtpCommand::Mail { sender, .. })) => {
                parameter(sender.parameters(), name)
            }
            (Fact::Parameter(name), Request::Command(SmtpCommand::Rcpt { parameters, .. })) => {
                parameter(parameters, name)
            }
            _ => None,
        }
    }

    fn login(&self, request: &Request, fact: Fact<'_>) -> Option<Value<'_>> {
        let (mechanism, exchange, response) = match (request, &self.state) {
            (Request::Command(SmtpCommand::Auth { mechanism, initial }), _) => (*mechanism, None, initial.clone()),
            (Request::Sasl(response), SmtpState::Sasl(exchange)) => {
                (exchange.mechanism(), Some(exchange.clone()), sasl::decode(response))
            }
            _ => return None,
        };
        match fact {
            Fact::Mechanism => Some(Value::text(mechanism.name())),
            _ => sasl::login_of(mechanism, exchange, response).map(Value::text),
        }
    }

    /// The request is dropped: a message that was sent is over, a login that was refused too.
    pub(super) fn rejected(&mut self, request: &Request) -> Next<Request> {
        match request {
            Request::Message(_) | Request::Sasl(_) => {
                let _over = mem::replace(&mut self.state, SmtpState::Idle);
                Next::Continue
            }
            Request::Stop => Next::End,
            _ => Next::Continue,
        }
    }
}

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<Value<'a>> {
    let found = parameters.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(name));
    found.map(|(_, value)| Value::text(value.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::BytesMut;

    use super::super::{Config, Limits};
    use super::*;
    use crate::base::{SessionNo, Timestamp};
    use crate::mail::Origin;
    use crate::protocol::{Machine, MailStore, MailTxn, StartTls, content_of};

    #[test]
    fn a_request_tells_what_it_is_about() {
        let config = Config {
            host: "localhost".into(),
            starttls: StartTls::Never,
            requires_auth: false,
            limits: Limits::default(),
        };
        let mut machine = Smtp::new(Arc::new(config), false, false);
        let mut mail = MailStore::new(Accounts::default());
        let mut input = BytesMut::from(
            &b"EHLO me\r\nAUTH PLAIN AGJvYgBz\r\nMAIL FROM:<a@b> SIZE=5\r\nRCPT TO:<c@d>\r\n\
               DATA\r\nSubject: one\r\nX-A: 1\r\nX-A: 2\r\n\r\nbody\r\n.\r\n"[..],
        );
        let wanted: &[(Event, Fact<'_>, Option<&str>)] = &[
            (Event::SmtpCaps, Fact::Verb, Some("EHLO")),
            (Event::SmtpCaps, Fact::Argument, Some("me")),
            (Event::SmtpAuth, Fact::User, Some("bob")),
            (Event::SmtpAuth, Fact::Mechanism, Some("PLAIN")),
            (Event::SmtpMail, Fact::Sender, Some("a@b")),
            (Event::SmtpMail, Fact::Size, Some("5")),
            (Event::SmtpMail, Fact::Parameter("size"), Some("5")),
            (Event::SmtpMail, Fact::Recipients, Some("0")),
            (Event::SmtpRcpt, Fact::Recipient, Some("c@d")),
            (Event::SmtpRcpt, Fact::Sender, Some("a@b")),
            (Event::SmtpRcpt, Fact::Line, Some("RCPT TO:<c@d>")),
            (Event::SmtpMessage, Fact::Recipient, Some("c@d")),
            (Event::SmtpMessage, Fact::Recipients, Some("1")),
            (Event::SmtpMessage, Fact::Subject, Some("one")),
            (Event::SmtpMessage, Fact::Header("x-a"), Some("1,2")),
            (Event::SmtpMessage, Fact::Body, Some("body\r\n")),
            (Event::SmtpMessage, Fact::Verb, None),
        ];
        let mut seen = 0;
        while let Some(decoded) = machine.decode(&mut input) {
            for (_, fact, want) in wanted.iter().filter(|(event, ..)| *event == decoded.event) {
                let read = || content_of(&machine.messages(&decoded.request, &mail.accounts)?, *fact);
                let value = machine.ask(&decoded, *fact, &mail.accounts).or_else(read);
                let text = value.map(|value| match value {
                    Value::Text(text) => text.into_owned(),
                    Value::Number(number) => number.to_string(),
                    Value::Several(all) => {
                        let texts = all.into_iter().map(|one| match one {
                            Value::Text(text) => text.into_owned(),
                            other => format!("{other:?}"),
                        });
                        texts.collect::<Vec<_>>().join(",")
                    }
                    Value::Truth(truth) => truth.to_string(),
                });
                assert_eq!(text.as_deref(), *want, "{} {fact:?}", decoded.event);
                seen += 1;
            }
            let origin = Origin::Session(SessionNo(1));
            machine.perform(decoded.request, &mut MailTxn::new(&mut mail, origin, Timestamp::from_micros(0)));
        }
        assert_eq!(seen, wanted.len());
    }
}
