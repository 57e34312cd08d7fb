//! Why a scenario cannot be used.

use std::fmt;

use crate::document::{LineIndex, Location, Problem, Shown};

/// The errors of a scenario, each with its location. Prints in the style of compilers:
///
/// ```text
/// greylist.toml:6:6: unknown event `smtp.rcp`
///  6 | on = "smtp.rcp"
///    |      ^^^^^^^^^^ did you mean `smtp.rcpt`?
/// ```
///
/// ```
/// use mailjig::Scenario;
///
/// let error = Scenario::text("mine.toml", "mailjig = 2").check().unwrap_err();
/// assert!(error.to_string().starts_with("mine.toml:1:"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) problems: Vec<Problem>,
}

impl ScenarioError {
    pub(crate) fn new(name: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        in_order(&mut problems);
        Self { name: name.to_owned(), text: text.to_owned(), problems }
    }

    /// The JSON pointer of the first error.
    #[cfg(feature = "api")]
    pub(crate) fn field(&self) -> Option<String> {
        match &self.problems.first()?.place {
            Location::Pointer(pointer) if !pointer.is_empty() => Some(pointer.clone()),
            Location::Span(_) => Some("text".to_owned()),
            Location::Pointer(_) | Location::Nowhere => None,
        }
    }

    pub(crate) fn whole(name: &str, message: impl Into<String>, help: Option<String>) -> Self {
        let problem = Problem { help, ..Problem::error(Location::Nowhere, message) };
        Self::new(name, "", vec![problem])
    }
}

impl std::error::Error for ScenarioError {}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = LineIndex::of(&self.text);
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", Shown { name: &self.name, lines: &lines, problem })?;
        }
        Ok(())
    }
}

/// Sorts problems by their location in the text.
pub(super) fn in_order(problems: &mut [Problem]) {
    problems.sort_by_key(|problem| match &problem.place {
        Location::Span(span) => span.start,
        Location::Pointer(_) | Location::Nowhere => 0,
    });
}
