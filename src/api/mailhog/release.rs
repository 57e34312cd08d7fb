//! Sending captured messages on, which mailjig never does.

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::params::Path;
use super::super::problem::Problem;
use super::super::target::Target;
use super::messages::find;

/// No message leaves the server, whatever the body says.
pub(super) async fn release(Target(server): Target, Path(id): Path<String>) -> Problem {
    let received = match find(&server, &id) {
        Ok(received) => received,
        Err(missing) => return missing,
    };
    let detail = format!("{} was not released: mailjig sends no mail to other servers", received.message.no());
    Problem::new(StatusCode::NOT_IMPLEMENTED, detail)
}

/// The servers that messages can be released to: none.
pub(super) async fn servers() -> Json<Value> {
    Json(json!({}))
}
