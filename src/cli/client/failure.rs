//! Why a command fails: what it prints to stderr, and its exit status.

use std::process::ExitCode;
use std::{fmt, io};

use serde_json::Value;

#[derive(Debug)]
pub(super) enum Failure {
    /// The answer is no. The report, and the API's problem document if there is one.
    Unmet(String, Option<Value>),
    /// No server answers at the URL.
    Unreachable(String),
    /// The command line is wrong, or the server refuses to answer.
    Unusable(String, Option<Value>),
    /// `send` failed, or the server refused a recipient; with a status of `sysexits.h`.
    Undelivered(String, u8),
    /// The reader of the output has closed it, such as `head`. This is not an error.
    OutputClosed,
}

impl Failure {
    pub(super) fn unmet(text: impl Into<String>) -> Self {
        Self::Unmet(text.into(), None)
    }

    pub(super) fn unusable(text: impl Into<String>) -> Self {
        Self::Unusable(text.into(), None)
    }

    /// Standard output cannot be written.
    pub(super) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::unmet(format!("cannot write to standard output: {error}"))
    }

    /// Prints it, as JSON if it has a problem document and this is wanted, and returns the exit status.
    pub(super) fn report(&self, as_json: bool) -> ExitCode {
        let (text, problem, status) = match self {
            Self::Unmet(text, problem) => (text, problem.as_ref(), 1),
            Self::Unreachable(text) => (text, None, 2),
            Self::Unusable(text, problem) => (text, problem.as_ref(), 2),
            Self::Undelivered(text, status) => (text, None, *status),
            Self::OutputClosed => return ExitCode::SUCCESS,
        };
        match problem.filter(|_| as_json) {
            Some(problem) => complain!("{problem}"),
            None => complain!("mailjig: {}", text.trim_end()),
        }
        ExitCode::from(status)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmet(text, _) | Self::Unreachable(text) | Self::Unusable(text, _) | Self::Undelivered(text, _) => {
                f.write_str(text)
            }
            Self::OutputClosed => f.write_str("standard output is closed"),
        }
    }
}
