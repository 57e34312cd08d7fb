//! What is wrong with a rule or a scenario, as JSON.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::document::{self, LineIndex, Location};
use crate::scenario::ScenarioError;

/// An error or a warning in a rule or a scenario.
#[derive(Serialize, ToSchema)]
pub(super) struct InvalidJson {
    /// The line and the column of a text, such as `6:5`; the JSON pointer of a member, such as `/do/reply`; empty for an
    /// error that has no place.
    place: String,
    /// From 1; null if this is not about a place in a text.
    line: Option<usize>,
    /// In characters, from 1; null if this is not about a place in a text.
    column: Option<usize>,
    message: String,
    /// What would be right, if that is known.
    help: Option<String>,
}

impl InvalidJson {
    pub(super) fn of(problem: &document::Problem, lines: &LineIndex<'_>) -> Self {
        let at = match &problem.place {
            Location::Span(span) => Some(lines.line_and_column(span.start)),
            Location::Pointer(_) | Location::Nowhere => None,
        };
        let place = match (&problem.place, at) {
            (Location::Pointer(pointer), _) => pointer.clone(),
            (_, Some((line, column))) => format!("{line}:{column}"),
            (_, None) => String::new(),
        };
        let (line, column) = at.unzip();
        Self { place, line, column, message: problem.message.clone(), help: problem.help.clone() }
    }
}

/// The errors in a scenario or a rule; `field` is the place of the first one.
pub(super) fn invalid(error: ScenarioError) -> Problem {
    let field = error.field().map_or_else(|| "body".to_owned(), |place| member(&place));
    let lines = LineIndex::of(&error.text);
    let problems: Vec<InvalidJson> = error.problems.iter().map(|problem| InvalidJson::of(problem, &lines)).collect();
    Problem::field(&field, error.to_string()).status(StatusCode::UNPROCESSABLE_ENTITY).with("problems", problems)
}

/// A JSON pointer as the path of a member, such as `do[1].reply`.
fn member(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.trim_start_matches('/').split('/') {
        if step.parse::<usize>().is_ok() {
            path += &format!("[{step}]");
            continue;
        }
        let dot = if path.is_empty() { "" } else { "." };
        path += &format!("{dot}{}", step.replace("~1", "/").replace("~0", "~"));
    }
    path
}
