//! Errors in a document, with their locations.

use std::fmt;
use std::ops::Range;

/// The location of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// Octets of the text.
    Span(Range<usize>),
    /// A JSON pointer (RFC 6901).
    Pointer(String),
    Nowhere,
}

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) place: Location,
    pub(crate) message: String,
    /// A suggestion.
    pub(crate) help: Option<String>,
    pub(crate) is_warning: bool,
}

impl Problem {
    pub(crate) fn error(place: Location, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: None, is_warning: false }
    }

    pub(crate) fn warning(place: Location, message: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::error(place, message) }
    }

    /// The message and the suggestion in one line.
    pub(crate) fn in_words(self) -> String {
        match self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A problem with its line.
pub(crate) struct Shown<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) problem: &'a Problem,
}

/// A line and a column, from 1.
pub(crate) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, text, problem } = self;
        let kind = if problem.is_warning { "warning: " } else { "" };
        let help = problem.help.as_deref().unwrap_or_default();
        match &problem.place {
            Location::Span(span) => {
                let (line, column) = line_and_column(text, span.start);
                let source = text.lines().nth(line - 1).unwrap_or_default();
                let rest = source.chars().count().saturating_sub(column - 1).max(1);
                let marked = text.get(span.clone()).map_or(1, |marked| marked.chars().count());
                let marks = "^".repeat(marked.clamp(1, rest));
                let margin = line.to_string().len();
                // Tabs are kept, so that the marks are below the marked text.
                let lead: String =
                    source.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                writeln!(f, "{name}:{line}:{column}: {kind}{}", problem.message)?;
                writeln!(f, " {line} | {source}")?;
                write!(f, " {:margin$} | {lead}{marks}", "")?;
                if help.is_empty() { Ok(()) } else { write!(f, " {help}") }
            }
            Location::Pointer(pointer) => {
                let pointer = if pointer.is_empty() { "/" } else { pointer };
                write!(f, "{name}: {pointer}: {kind}{}", problem.message)?;
                if help.is_empty() { Ok(()) } else { write!(f, "; {help}") }
            }
            Location::Nowhere => {
                write!(f, "{name}: {kind}{}", problem.message)?;
                if help.is_empty() { Ok(()) } else { write!(f, "; {help}") }
            }
        }
    }
}
