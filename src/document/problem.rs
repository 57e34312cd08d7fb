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

/// A text, and where its lines begin.
pub(crate) struct LineIndex<'t> {
    pub(crate) text: &'t str,
    starts: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let later = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: [0].into_iter().chain(later).collect() }
    }

    /// The line and the column of a place, from 1.
    pub(crate) fn line_and_column(&self, at: usize) -> (usize, usize) {
        let at = if self.text.is_char_boundary(at) { at } else { self.text.len() };
        let line = self.starts.partition_point(|start| *start <= at);
        (line, self.text[self.starts[line - 1]..at].chars().count() + 1)
    }

    /// The text of a line, from 1.
    fn line(&self, line: usize) -> &'t str {
        self.text[self.starts[line - 1]..].lines().next().unwrap_or_default()
    }
}

/// A problem with its line.
pub(crate) struct Shown<'a> {
    pub(crate) name: &'a str,
    pub(crate) lines: &'a LineIndex<'a>,
    pub(crate) problem: &'a Problem,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, lines, problem } = self;
        let kind = if problem.is_warning { "warning: " } else { "" };
        let help = problem.help.as_deref().unwrap_or_default();
        match &problem.place {
            Location::Span(span) => {
                let (line, column) = lines.line_and_column(span.start);
                let source = lines.line(line);
                let rest = source.chars().count().saturating_sub(column - 1).max(1);
                let marked = lines.text.get(span.clone()).map_or(1, |marked| marked.chars().count());
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
