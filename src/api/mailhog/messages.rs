//! Listing, reading and deleting messages.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::blocking::run_blocking;
use super::super::params::Path;
use super::super::problem::Problem;
use super::super::target::Target;
use crate::base::MessageNo;

/// The content type of version 1.
const TEXT_JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/json")];

/// Deletes all messages.
pub(super) async fn clear(Target(server): Target) -> Result<Response, Problem> {
    run_blocking(move || drop(server.engine().update(|world, now| world.clear(now)))).await?;
    Ok(TEXT_JSON.into_response())
}

/// Deletes a message; 500 if there is none.
pub(super) async fn remove(Target(server): Target, Path(id): Path<String>) -> Result<Response, Problem> {
    let no = MessageNo::parse(&id).ok_or_else(|| missing(&id))?;
    let deleted = run_blocking(move || server.engine().update(|world, now| world.delete(|its| its == no, now))).await?;
    match deleted.is_empty() {
        true => Err(missing(&id)),
        false => Ok(TEXT_JSON.into_response()),
    }
}

/// MailHog answers 500 if a message does not exist.
fn missing(id: &str) -> Problem {
    Problem::none("message", id).status(StatusCode::INTERNAL_SERVER_ERROR)
}
