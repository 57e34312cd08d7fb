//! The fields of a request before it is performed, and the rejection of requests.

use std::mem;

use super::command::SmtpCommand;
use super::{Request, Smtp, SmtpState, Transaction};
use crate::mail::{Accounts, Parameters};
use crate::protocol::field::{of_line, of_login};
use crate::protocol::{Decoded, Event, Input, Next, RequestField, TypedParameter, Value};

impl Smtp {
    pub(super) fn value_of<'a>(
        &'a self,
        decoded: &'a Decoded<Request>,
        field: &RequestField,
        _accounts: &'a Accounts,
    ) -> Option<Value<'a>> {
        let transaction = self.transaction();
        match (field, &decoded.request) {
            (RequestField::Line | RequestField::Verb | RequestField::Argument, Request::Sasl(_))
                if *field != RequestField::Line =>
            {
                None
            }
            (RequestField::Line | RequestField::Verb | RequestField::Argument, _) => {
                of_line(&decoded.input, field, false)
            }
            (RequestField::Mechanism, Request::Wrong(Event::SmtpAuthStart, _)) => of_line(&decoded.input, field, false),
            (RequestField::Mechanism | RequestField::User | RequestField::Token, request) => self.login(request, field),
            (RequestField::Sender, Request::Command(SmtpCommand::Mail { sender, .. })) => {
                Some(Value::text(sender.address()))
            }
            (RequestField::Sender, Request::Wrong(Event::SmtpMail, _)) => Some(refused(&decoded.input)?.address()),
            (RequestField::Recipient, Request::Wrong(Event::SmtpRcpt, _)) => Some(refused(&decoded.input)?.address()),
            (RequestField::Parameter(name), Request::Wrong(Event::SmtpMail | Event::SmtpRcpt, _)) => {
                refused(&decoded.input)?.parameters.value(name).map(|value| Value::text(value.to_owned()))
            }
            (RequestField::Size, Request::Wrong(Event::SmtpMail, _)) => {
                refused(&decoded.input)?.parameters.size().map(Value::Number)
            }
            (RequestField::Typed(typed), request) => self.typed(*typed, request, &decoded.input),
            (RequestField::Sender, Request::Deliveries(deliveries)) => {
                Some(Value::text(deliveries.message().envelope().sender().address()))
            }
            (RequestField::Sender, _) => transaction.map(|its| Value::text(its.sender.address())),
            (RequestField::Recipient, Request::Command(SmtpCommand::Rcpt { address, .. })) => {
                Some(Value::text(&**address))
            }
            (RequestField::Recipient, Request::Message(_)) => {
                let accepted = transaction?.recipients.iter().filter(|its| its.is_accepted());
                Some(Value::Several(accepted.map(|its| Value::text(its.address())).collect()))
            }
            (RequestField::Recipient, Request::Deliveries(deliveries)) => deliveries.next().map(Value::text),
            (RequestField::Recipients, Request::Deliveries(deliveries)) => {
                Some(Value::Number(deliveries.message().envelope().accepted().count() as u64))
            }
            (RequestField::Size | RequestField::Octets, Request::Deliveries(deliveries)) => {
                Some(Value::Number(deliveries.message().raw().len() as u64))
            }
            (RequestField::Recipients, _) => {
                let accepted = transaction.map_or(0, |its| its.accepted);
                Some(Value::Number(accepted as u64))
            }
            (RequestField::Size, Request::Command(SmtpCommand::Mail { sender, .. })) => {
                sender.parameters().size().map(Value::Number)
            }
            (RequestField::Size | RequestField::Octets, Request::Message(body)) => Some(Value::Number(body.octets)),
            (RequestField::Size, Request::Chunk(chunk)) => Some(Value::Number(chunk.size())),
            (RequestField::Parameter(name), Request::Command(SmtpCommand::Mail { sender, .. })) => {
                sender.parameters().value(name).map(Value::text)
            }
            (RequestField::Parameter(name), Request::Command(SmtpCommand::Rcpt { parameters, .. })) => {
                parameters.value(name).map(Value::text)
            }
            _ => None,
        }
    }

    fn transaction(&self) -> Option<&Transaction> {
        match &self.state {
            SmtpState::Transaction(transaction)
            | SmtpState::Body(transaction, _)
            | SmtpState::Chunks(transaction, _) => Some(transaction),
            SmtpState::Silent | SmtpState::Idle | SmtpState::ChunkRefused | SmtpState::Sasl(_) => None,
        }
    }

    /// The value of a parameter in its own type: of this MAIL or RCPT, or of the transaction.
    fn typed<'a>(&self, typed: TypedParameter, request: &Request, input: &Input) -> Option<Value<'a>> {
        match (request, typed.is_of_recipient()) {
            (Request::Wrong(Event::SmtpMail, _), false) | (Request::Wrong(Event::SmtpRcpt, _), true) => {
                typed.value(&refused(input)?.parameters)
            }
            (Request::Command(SmtpCommand::Mail { sender, .. }), false) => typed.value(sender.parameters()),
            (Request::Command(SmtpCommand::Rcpt { parameters, .. }), true) => typed.value(parameters),
            (Request::Deliveries(its), false) => typed.value(its.message().envelope().sender().parameters()),
            (Request::Deliveries(its), true) => typed.value(its.next_recipient()?.parameters()),
            (Request::Message(_), true) => {
                let accepted = self.transaction()?.recipients.iter().filter(|its| its.is_accepted());
                Some(Value::Several(accepted.filter_map(|its| typed.value(its.parameters())).collect()))
            }
            (_, true) => None,
            (_, false) => typed.value(self.transaction()?.sender.parameters()),
        }
    }

    fn login(&self, request: &Request, field: &RequestField) -> Option<Value<'_>> {
        match (request, &self.state) {
            (Request::Command(SmtpCommand::Auth { mechanism, initial }), _) => {
                let (initial, channel) = (initial.as_deref(), self.tls.channel());
                of_login(field, mechanism.name(), || mechanism.login(initial, channel), || mechanism.token(initial))
            }
            (Request::Sasl(response), SmtpState::Sasl(login)) => {
                of_login(field, login.mechanism().name(), || login.login(response), || login.token(response))
            }
            _ => None,
        }
    }

    /// Drops a request that got another reply: the reply ends a message that was sent, and a refusal ends a login.
    pub(super) fn rejected(&mut self, request: Request, is_positive: bool) -> Next<Request> {
        match request {
            Request::Chunk(chunk) => {
                self.reject_chunk(&chunk, is_positive);
                Next::Continue
            }
            Request::Message(_) | Request::Sasl(_) => {
                let _over = mem::replace(&mut self.state, SmtpState::Idle);
                Next::Continue
            }
            Request::Endless => Next::End,
            Request::Deliveries(deliveries) => deliveries.skip(),
            Request::Disconnect(why) => why.after_other_reply(),
            Request::Greeting | Request::Command(_) | Request::Wrong(..) | Request::Refused(_) => Next::Continue,
        }
    }
}

/// What can be read of a MAIL or RCPT that is refused.
struct Refused {
    address: String,
    parameters: Parameters,
}

/// The address is the text in angle brackets, or the first word without them.
fn refused(input: &Input) -> Option<Refused> {
    let Some(Value::Text(argument)) = of_line(input, &RequestField::Argument, false) else { return None };
    let (_, rest) = argument.split_once(':')?;
    let rest = rest.trim_start();
    let (address, parameters) = match rest.strip_prefix('<') {
        Some(inside) => inside.split_once('>').unwrap_or((inside, "")),
        None => rest.split_once(' ').unwrap_or((rest, "")),
    };
    let words = parameters.split(' ').filter(|word| !word.is_empty());
    let parameters = words.map(|word| match word.split_once('=') {
        Some((keyword, value)) => (keyword.into(), Some(value.into())),
        None => (word.into(), None),
    });
    Some(Refused { address: address.to_owned(), parameters: Parameters::new(parameters.collect()) })
}

impl Refused {
    fn address<'a>(self) -> Value<'a> {
        Value::text(self.address)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::BytesMut;

    use super::super::{Config, Dialect};
    use super::*;
    use crate::base::{SessionNo, Timestamp};
    use crate::mail::Origin;
    use crate::protocol::{ContentField, Machine, MailStore, MailTxn, content_of};

    #[test]
    fn a_request_has_the_fields_of_its_command() {
        let mut machine = Smtp::new(Arc::new(Config::for_test(Dialect::Smtp)), false, false);
        let mut mail = MailStore::new(Accounts::default());
        let mut input = BytesMut::from(
            &b"EHLO me\r\nAUTH PLAIN AGJvYgBz\r\nMAIL FROM:<a@b> SIZE=5\r\nRCPT TO:<c@d>\r\n\
               DATA\r\nSubject: one\r\nX-A: 1\r\nX-A: 2\r\n\r\nbody\r\n.\r\n"[..],
        );
        let wanted: &[(Event, RequestField, Option<&str>)] = &[
            (Event::SmtpCaps, RequestField::Verb, Some("EHLO")),
            (Event::SmtpCaps, RequestField::Argument, Some("me")),
            (Event::SmtpAuth, RequestField::User, Some("bob")),
            (Event::SmtpAuth, RequestField::Mechanism, Some("PLAIN")),
            (Event::SmtpMail, RequestField::Sender, Some("a@b")),
            (Event::SmtpMail, RequestField::Size, Some("5")),
            (Event::SmtpMail, RequestField::Parameter("size".into()), Some("5")),
            (Event::SmtpMail, RequestField::Recipients, Some("0")),
            (Event::SmtpRcpt, RequestField::Recipient, Some("c@d")),
            (Event::SmtpRcpt, RequestField::Sender, Some("a@b")),
            (Event::SmtpRcpt, RequestField::Line, Some("RCPT TO:<c@d>")),
            (Event::SmtpMessage, RequestField::Recipient, Some("c@d")),
            (Event::SmtpMessage, RequestField::Recipients, Some("1")),
            (Event::SmtpMessage, RequestField::Verb, None),
        ];
        let wanted_content = [
            (ContentField::Subject, Some("one")),
            (ContentField::Header("x-a".into()), Some("1,2")),
            (ContentField::Body, Some("body\r\n")),
        ];
        let (mut seen, mut read) = (0, 0);
        while let Some(decoded) = machine.decode(&mut input) {
            for (_, field, want) in wanted.iter().filter(|(event, ..)| *event == decoded.event) {
                let value = machine.field(&decoded, field, &mail.accounts).map(text);
                assert_eq!(value.as_deref(), *want, "{} {field:?}", decoded.event);
                seen += 1;
            }
            if let Some(messages) = machine.messages(&decoded.request, &mail.accounts) {
                for (field, want) in &wanted_content {
                    assert_eq!(content_of(&messages, field).map(text).as_deref(), *want, "{field:?}");
                    read += 1;
                }
            }
            let origin = Origin::Session(SessionNo(1));
            machine.perform(decoded.request, &mut MailTxn::new(&mut mail, origin, Timestamp::from_micros(0)));
        }
        assert_eq!(read, wanted_content.len());
        assert_eq!(seen, wanted.len());
    }

    fn text(value: Value<'_>) -> String {
        match value {
            Value::Text(text) => text.into_owned(),
            Value::Number(number) => number.to_string(),
            Value::Several(all) => all.into_iter().map(text).collect::<Vec<_>>().join(","),
            Value::Truth(truth) => truth.to_string(),
        }
    }
}
