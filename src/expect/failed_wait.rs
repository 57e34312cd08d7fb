//! Why a wait failed that was not for messages.

use std::fmt;
use std::panic::Location;

/// Why a wait failed that was not for messages. Its text is for people; its JSON is for programs.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct FailedWait {
    /// The line of the test, if the test is in Rust.
    at: Option<String>,
    failure: String,
    /// The sessions that explain it, if it was for sessions.
    sessions: Vec<String>,
}

impl FailedWait {
    pub(crate) fn new(failure: impl Into<String>) -> Self {
        Self { at: None, failure: failure.into(), sessions: Vec::new() }
    }

    pub(super) fn with_sessions(self, sessions: Vec<String>) -> Self {
        Self { sessions, ..self }
    }

    /// The line of the test.
    pub(crate) fn at(self, location: &Location<'_>) -> Self {
        Self { at: Some(location.to_string()), ..self }
    }
}

impl fmt::Display for FailedWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, failure, sessions } = self;
        if let Some(at) = at {
            write!(f, "{at}: ")?;
        }
        f.write_str(failure)?;
        sessions.iter().try_for_each(|session| write!(f, "\n  {session}"))
    }
}
