//! The fields of an event, for rules.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::handshake_fields::of_handshake;
use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{Journal, Session};
use crate::mail::{Accounts, Message};
use crate::protocol::{ContentField, Decoded, Machine, RequestField, Value, content_of};
use crate::rule::{self, Answers, Condition, ConditionResult, Field};

/// An event: a request in its session, in its server, at a time.
pub(super) struct EventContext<'a, M: Machine> {
    pub(super) machine: Option<&'a M>,
    pub(super) decoded: Option<&'a Decoded<M::Request>>,
    pub(super) journal: &'a Journal,
    pub(super) accounts: &'a Accounts,
    pub(super) about: About<'a>,
    pub(super) session: Option<SessionNo>,
    /// The record of the event's cause, if the event is not an exchange.
    pub(super) record: Option<Seq>,
    pub(super) sessions: usize,
    pub(super) start: Timestamp,
    pub(super) now: Timestamp,
    pub(super) is_early: bool,
    /// Answers found before the turn.
    pub(super) answers: Option<&'a Answers>,
    /// The messages of the scenario that have an id.
    pub(super) given: &'a HashMap<Box<str>, Bytes>,
    /// The messages of the event, read if an answer is missing.
    pub(super) messages: OnceCell<Option<Vec<Message>>>,
}

/// The kind of an event.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    /// A client's request, or an event of its connection.
    Request,
    Delivery(&'a Delivered),
    /// A variable changed.
    Change,
    /// A time that rules wait for has come.
    Moment(Timestamp),
}

/// A message that was put into a mailbox.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    pub(super) message: Message,
    pub(super) login: Box<str>,
    pub(super) mailbox: Arc<str>,
    pub(super) uid: u32,
}

impl<M: Machine> EventContext<'_, M> {
    fn log(&self) -> Option<&crate::journal::SessionLog> {
        self.journal.session(self.session?)
    }

    fn facts(&self) -> Option<&Session> {
        self.log().map(|log| &**log.facts())
    }

    /// How many requests the session has made, including this one.
    fn requests(&self) -> u64 {
        let is_asked = self.decoded.is_some_and(|decoded| !decoded.event.is_unasked());
        self.log().map_or(0, |log| log.requests()) + u64::from(is_asked)
    }

    fn content(&self, field: &Field, asked: &ContentField) -> Option<Value<'_>> {
        if let Some(known) = self.answers.and_then(|answers| answers.value(field)) {
            return known;
        }
        let messages = self.messages.get_or_init(|| match self.about {
            About::Delivery(delivered) => Some(vec![delivered.message.clone()]),
            About::Request | About::Change | About::Moment(_) => self
                .machine
                .zip(self.decoded)
                .and_then(|(machine, decoded)| machine.messages(&decoded.request, self.accounts)),
        });
        content_of(messages.as_ref()?, asked)
    }
}

impl<M: Machine> rule::EvalContext for EventContext<'_, M> {
    fn given(&self, id: &str) -> Option<Bytes> {
        self.given.get(id).cloned()
    }

    fn value(&self, field: &Field) -> Option<Value<'_>> {
        let number = |number| Some(Value::Number(number));
        match field {
            Field::Content(asked) => self.content(field, asked),
            Field::Request(asked) => match self.about {
                About::Delivery(delivered) => of_delivered(delivered, asked),
                About::Request | About::Change | About::Moment(_) => {
                    let asking = self.machine.zip(self.decoded);
                    let own = asking.and_then(|(machine, decoded)| machine.field(decoded, asked, self.accounts));
                    own.or_else(|| of_session(self.facts()?, asked))
                }
            },
            Field::Conns => number(self.sessions as u64),
            Field::SinceStart => number(self.start.until(self.now)),
            Field::At => number(self.start.until(rule::EvalContext::moment(self)?)),
            Field::Early => Some(Value::Truth(self.is_early)),
            Field::Listener => self.facts().map(|facts| Value::text(facts.listener.name())),
            Field::Conn => number(self.session?.number().into()),
            Field::Ip => self.facts().map(|facts| Value::text(facts.peer.ip().to_canonical().to_string())),
            Field::Tls => self.facts().map(|facts| Value::Truth(facts.tls.is_some())),
            Field::Handshake(asked) => of_handshake(self.log()?, *asked),
            Field::Sent => number(self.facts()?.messages.into()),
            Field::Failed => number(self.log()?.refusals()),
            Field::Seq => number(self.requests()),
            Field::Age => number(self.facts()?.opened.until(self.now)),
            Field::Idle => number(self.log()?.latest().until(self.now)),
            // The rulebook knows these.
            Field::Outcome | Field::Session(_) | Field::SinceFirst | Field::State(_) => None,
        }
    }

    fn verdict(&self, condition: &Condition) -> Option<&ConditionResult> {
        self.answers.and_then(|answers| answers.verdict(condition))
    }

    fn message(&self) -> Option<Message> {
        let (machine, decoded) = self.machine.zip(self.decoded)?;
        if !rule::is_about_a_message(decoded.event) {
            return None;
        }
        let mut messages = machine.messages(&decoded.request, self.accounts)?;
        (messages.len() == 1).then(|| messages.remove(0))
    }

    fn session(&self) -> Option<SessionNo> {
        self.session
    }

    fn record(&self) -> Option<Seq> {
        self.record
    }

    fn moment(&self) -> Option<Timestamp> {
        match self.about {
            About::Moment(at) => Some(at),
            About::Request | About::Delivery(_) | About::Change => None,
        }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

/// A field of delivered mail.
fn of_delivered<'a>(delivered: &'a Delivered, field: &RequestField) -> Option<Value<'a>> {
    let Delivered { message, login, mailbox, uid } = delivered;
    Some(match field {
        RequestField::User => Value::text(&**login),
        RequestField::Mailbox => Value::text(&**mailbox),
        RequestField::Uid => Value::Number((*uid).into()),
        RequestField::Size | RequestField::Octets => Value::Number(message.raw().len() as u64),
        RequestField::Recipient => Value::Several(message.envelope().accepted().map(Value::text).collect()),
        RequestField::Verb
        | RequestField::Argument
        | RequestField::Line
        | RequestField::Tag
        | RequestField::Mechanism
        | RequestField::Token
        | RequestField::Sender
        | RequestField::Recipients
        | RequestField::Parameter(_)
        | RequestField::Typed(_)
        | RequestField::UidKnown
        | RequestField::UidValidity
        | RequestField::Msn
        | RequestField::Items
        | RequestField::Flags
        | RequestField::InternalDate
        | RequestField::Exists => return None,
    })
}

/// A field of a session, for any request.
fn of_session<'a>(facts: &'a Session, field: &RequestField) -> Option<Value<'a>> {
    let known = [(RequestField::User, &facts.user), (RequestField::Mailbox, &facts.mailbox)];
    let (_, value) = known.into_iter().find(|(its, _)| its == field)?;
    value.as_deref().map(Value::text)
}
