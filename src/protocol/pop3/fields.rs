//! The fields of a request before it is performed, and the rejection of requests.

use super::command::Pop3Command;
use super::{Ask, Pop3, Pop3State, Request};
use crate::mail::Message;
use crate::protocol::field::{of_line, of_login};
use crate::protocol::{Decoded, Event, Input, Next, RequestField, Value};

impl Pop3 {
    pub(super) fn value_of<'a>(&'a self, decoded: &'a Decoded<Request>, field: &RequestField) -> Option<Value<'a>> {
        let ask = &decoded.request.ask;
        let number = Self::number(ask);
        let maildrop = match &self.state {
            Pop3State::Transaction(_, maildrop) => Some(maildrop),
            Pop3State::Silent | Pop3State::Authorization(_) | Pop3State::Sasl(_) => None,
        };
        match field {
            RequestField::Line => of_line(&decoded.input, field, false),
            RequestField::Verb | RequestField::Argument if !matches!(ask, Ask::Sasl(_)) => {
                of_line(&decoded.input, field, false)
            }
            RequestField::Mechanism if matches!(ask, Ask::Wrong(Event::Pop3AuthStart, _)) => {
                of_line(&decoded.input, field, false)
            }
            RequestField::User if matches!(ask, Ask::Wrong(Event::Pop3Apop, _)) => {
                first_word(&decoded.input).map(Value::text)
            }
            RequestField::Msn if matches!(ask, Ask::Wrong(event, _) if names_a_message(*event)) => {
                first_word(&decoded.input)?.parse().ok().map(Value::Number)
            }
            RequestField::Mechanism | RequestField::User | RequestField::Token => self.login(ask, field),
            RequestField::Msn => number.map(|number| Value::Number(number.into())),
            RequestField::Uid => maildrop?.unique_id(number?, &self.config.policy.unique_ids).map(Value::text),
            RequestField::Exists => Some(Value::Number(maildrop?.len() as u64)),
            RequestField::Size | RequestField::Octets => {
                Some(Value::Number(maildrop?.message(number?)?.raw().len() as u64))
            }
            RequestField::Verb
            | RequestField::Argument
            | RequestField::Tag
            | RequestField::Sender
            | RequestField::Recipient
            | RequestField::Recipients
            | RequestField::Parameter(_)
            | RequestField::Typed(_)
            | RequestField::Mailbox
            | RequestField::UidKnown
            | RequestField::UidValidity
            | RequestField::Items
            | RequestField::Flags
            | RequestField::InternalDate => None,
        }
    }

    /// The message that a command names.
    pub(super) fn number(ask: &Ask) -> Option<u32> {
        let Ask::Command(command) = ask else { return None };
        match command {
            Pop3Command::Retr(number) | Pop3Command::Dele(number) | Pop3Command::Top { number, .. } => Some(*number),
            Pop3Command::List(number) | Pop3Command::Uidl(number) => *number,
            Pop3Command::Apop { .. }
            | Pop3Command::Auth(_)
            | Pop3Command::Capa
            | Pop3Command::Lang(_)
            | Pop3Command::Noop
            | Pop3Command::Pass(_)
            | Pop3Command::Quit
            | Pop3Command::Rset
            | Pop3Command::Stat
            | Pop3Command::Stls
            | Pop3Command::User(_)
            | Pop3Command::Utf8 => None,
        }
    }

    /// Whether a request needs the hashes of messages.
    pub(super) fn needs_hashes(&self, ask: &Ask) -> bool {
        let Ask::Command(Pop3Command::Uidl(number)) = ask else { return false };
        let Pop3State::Transaction(_, maildrop) = &self.state else { return false };
        self.config.policy.unique_ids.have_hash() && !maildrop.unhashed(*number).is_empty()
    }

    pub(super) fn message(&self, ask: &Ask) -> Option<&Message> {
        let Pop3State::Transaction(_, maildrop) = &self.state else { return None };
        maildrop.message(Self::number(ask)?)
    }

    fn login(&self, ask: &Ask, field: &RequestField) -> Option<Value<'_>> {
        match (ask, &self.state) {
            (Ask::Command(Pop3Command::User(login)), _) => of_login(field, "USER", || Some(login.clone()), || None),
            (Ask::Command(Pop3Command::Pass(_)), Pop3State::Authorization(user)) => {
                of_login(field, "USER", || user.clone(), || None)
            }
            (Ask::Command(Pop3Command::Apop { login, .. }), _) => {
                of_login(field, "APOP", || Some(login.clone()), || None)
            }
            (Ask::Command(Pop3Command::Auth(Some((mechanism, initial)))), _) => {
                let (initial, channel) = (initial.as_deref(), self.tls.channel());
                of_login(field, mechanism.name(), || mechanism.login(initial, channel), || mechanism.token(initial))
            }
            (Ask::Sasl(response), Pop3State::Sasl(login)) => {
                of_login(field, login.mechanism().name(), || login.login(response), || login.token(response))
            }
            _ => None,
        }
    }

    /// Drops a request that got another reply. A refusal ends a login.
    pub(super) fn rejected(&mut self, ask: &Ask) -> Next<Request> {
        match ask {
            Ask::Sasl(_) | Ask::Command(Pop3Command::Pass(_)) => {
                if !matches!(self.state, Pop3State::Transaction(..)) {
                    self.state = Pop3State::Authorization(None);
                }
                Next::Continue
            }
            Ask::Disconnect(why) => why.after_other_reply(),
            Ask::Greeting | Ask::Command(_) | Ask::Wrong(..) | Ask::Refused(_) => Next::Continue,
        }
    }
}

/// The first word of the argument of a command that is refused.
fn first_word(input: &Input) -> Option<String> {
    let Some(Value::Text(argument)) = of_line(input, &RequestField::Argument, false) else { return None };
    argument.split_whitespace().next().map(str::to_owned)
}

fn names_a_message(event: Event) -> bool {
    matches!(event, Event::Pop3Retr | Event::Pop3Dele | Event::Pop3Top | Event::Pop3List | Event::Pop3Uidl)
}
