//! The variables that rules set and test: those of the server, and those of each session.

use std::collections::HashMap;
use std::sync::Arc;

use super::step::set::{Assign, Variable};
use super::template::Name;
use crate::base::SessionNo;
use crate::protocol::Value;

/// All variables of one server.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    state: HashMap<Box<str>, VariableEntry>,
    sessions: HashMap<SessionNo, HashMap<Box<str>, VariableEntry>>,
    /// The initial values of the server's variables.
    pub(super) initial: Vec<(Box<str>, VariableValue)>,
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VariableValue {
    Text(Box<str>),
    Number(i64),
    Truth(bool),
}

/// A variable and what set it last.
#[derive(Debug, Clone)]
pub(crate) struct VariableEntry {
    pub(crate) value: VariableValue,
    pub(crate) by: Option<Arc<str>>,
    /// The session in which it was set.
    pub(crate) session: Option<SessionNo>,
}

impl Variables {
    /// The server's variables.
    pub(crate) fn state(&self) -> &HashMap<Box<str>, VariableEntry> {
        &self.state
    }

    /// The server's variables and this session's, by the names of their fields.
    pub(super) fn named(&self, session: Option<SessionNo>) -> impl Iterator<Item = (String, &VariableValue)> {
        let own = session.and_then(|session| self.sessions.get(&session)).into_iter().flatten();
        let own = own.map(|(name, set)| (format!("session.{name}"), &set.value));
        self.state.iter().map(|(name, set)| (format!("state.{name}"), &set.value)).chain(own)
    }

    pub(super) fn of_session(&self, session: SessionNo, name: &str) -> Option<&VariableEntry> {
        self.sessions.get(&session)?.get(name)
    }

    /// Resets to the initial values.
    pub(super) fn reset(&mut self) {
        self.sessions.clear();
        let initial = self.initial.iter();
        self.state = initial
            .map(|(name, value)| (name.clone(), VariableEntry { value: value.clone(), by: None, session: None }))
            .collect();
    }

    /// Removes the variables of a session that has ended.
    pub(super) fn forget(&mut self, session: SessionNo) {
        self.sessions.remove(&session);
    }

    /// Sets a variable; returns its new value.
    pub(crate) fn set(
        &mut self,
        variable: &Variable,
        value: VariableValue,
        by: Option<Arc<str>>,
        session: Option<SessionNo>,
    ) -> VariableValue {
        let set = VariableEntry { value: value.clone(), by, session };
        match (variable.is_session, session) {
            (false, _) => {
                self.state.insert(variable.name.clone(), set);
            }
            (true, Some(session)) => {
                self.sessions.entry(session).or_default().insert(variable.name.clone(), set);
            }
            (true, None) => {}
        }
        value
    }

    /// The result of an assignment now.
    pub(crate) fn assigned(
        &self,
        variable: &Variable,
        assign: &Assign,
        session: Option<SessionNo>,
        fill: &dyn Fn(&Name) -> Option<String>,
    ) -> VariableValue {
        match assign {
            Assign::Text(text) => VariableValue::Text(String::from_utf8_lossy(&text.fill(fill)).into()),
            Assign::Number(number) => VariableValue::Number(*number),
            Assign::Truth(truth) => VariableValue::Truth(*truth),
            Assign::Add(more) => {
                let before = match variable.is_session {
                    false => self.state.get(&variable.name),
                    true => session.and_then(|session| self.of_session(session, &variable.name)),
                };
                let before = match before.map(|set| &set.value) {
                    Some(VariableValue::Number(number)) => *number,
                    Some(VariableValue::Text(text)) => text.parse().unwrap_or(0),
                    Some(VariableValue::Truth(_)) | None => 0,
                };
                VariableValue::Number(before.saturating_add(*more))
            }
        }
    }
}

impl VariableValue {
    pub(crate) fn as_value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::text(&**text),
            Self::Number(number) => match u64::try_from(*number) {
                Ok(number) => Value::Number(number),
                Err(_) => Value::text(number.to_string()),
            },
            Self::Truth(truth) => Value::Truth(*truth),
        }
    }
}
