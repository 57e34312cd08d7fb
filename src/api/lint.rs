//! `/v1/messages/{m}/lint`: what the standards for messages forbid or advise against.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking::run_blocking;
use super::message::find;
use super::params::{NoParams, Path};
use super::problem::Problem;
use super::target::Target;
use crate::mail::{LintSeverity, Message, Violation};

/// The violations of a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct LintJson {
    /// How many of them are errors.
    pub(crate) errors: usize,
    /// How many of them are warnings.
    pub(crate) warnings: usize,
    pub(crate) violations: Vec<ViolationJson>,
}

/// Something in a message that the standards forbid or advise against.
#[derive(Serialize, ToSchema)]
pub(crate) struct ViolationJson {
    /// Such as `missing-date`.
    pub(crate) code: &'static str,
    /// `error` or `warning`.
    pub(crate) severity: &'static str,
    /// The line, from 1. If a field is missing, the line after the header.
    pub(crate) line: usize,
    /// The octet of the line, from 1.
    pub(crate) column: usize,
    /// The name of the header field.
    pub(crate) field: Option<String>,
    /// The number of the part, such as `1.2`; `null` if it is about the message as a whole.
    pub(crate) part: Option<String>,
    /// What is wrong and what would be right.
    pub(crate) text: String,
    /// The section of the standard, such as `RFC 5322 §3.6`.
    pub(crate) reference: &'static str,
}

/// Check a message against the standards for messages.
#[utoipa::path(get, path = "/messages/{m}/lint", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")), responses(
    (status = 200, description = "The violations, in the order of their places.", body = LintJson), (status = 404, description = "There is no such message."),
))]
pub(super) async fn lint(
    Target(server): Target,
    Path(m): Path<String>,
    _: NoParams,
) -> Result<Json<LintJson>, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || Json(LintJson::of(&message))).await
}

impl LintJson {
    pub(crate) fn of(message: &Message) -> Self {
        let violations: Vec<ViolationJson> = message.lint().into_iter().map(ViolationJson::from).collect();
        let count = |severity: LintSeverity| violations.iter().filter(|its| its.severity == severity.name()).count();
        let (errors, warnings) = (count(LintSeverity::Error), count(LintSeverity::Warning));
        Self { errors, warnings, violations }
    }
}

impl From<Violation> for ViolationJson {
    fn from(Violation { code, line, column, field, part, text }: Violation) -> Self {
        let (severity, reference) = (code.severity().name(), code.reference());
        Self { code: code.name(), severity, line, column, field, part, text, reference }
    }
}
