//! `GET /api/v2/search`.

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::super::blocking::run_blocking;
use super::super::problem::Problem;
use super::super::target::Target;
use super::json::Received;
use super::messages::{Given, PageRange, newest};
use crate::mail::Message;

#[derive(Clone, Copy)]
enum SearchKind {
    From,
    To,
    Containing,
}

/// The messages that contain a text, whatever its case: in an address, or in the header or the body, as sent or
/// decoded.
pub(super) async fn search(Target(server): Target, given: Given) -> Result<Response, Problem> {
    let range = PageRange::of(&given);
    let kind = match given.get("kind").map(String::as_str) {
        Some("from") => SearchKind::From,
        Some("to") => SearchKind::To,
        Some("containing") => SearchKind::Containing,
        _ => return Err(Problem::field("kind", "`kind` must be `from`, `to` or `containing`")),
    };
    let query = given.get("query").filter(|query| !query.is_empty());
    let query =
        query.ok_or_else(|| Problem::field("query", "`query` must be a text that is not empty"))?.to_lowercase();
    run_blocking(move || {
        let mut found = newest(&server, usize::MAX);
        found.retain(|Received { message, .. }| kind.matches(message, &query));
        Json(range.page(found.len(), &found)).into_response()
    })
    .await
}

impl SearchKind {
    fn matches(self, message: &Message, query: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(query);
        let has_field = |name: &str| {
            let mut fields = message.root().raw_headers().filter(|(its, _)| its.eq_ignore_ascii_case(name.as_bytes()));
            fields.any(|(_, value)| has(&String::from_utf8_lossy(value)))
        };
        match self {
            Self::From => has(message.envelope().sender().address()) || has_field("from"),
            Self::To => message.envelope().accepted().any(has) || has_field("to"),
            Self::Containing => {
                has(&String::from_utf8_lossy(message.raw()))
                    || message.headers().iter().any(|(_, value)| has(value))
                    || message.parts().iter().any(|part| !part.is_attachment() && has(&part.text()))
            }
        }
    }
}
