//! Lists of messages and of sessions that begin with the newest.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::blocking::run_blocking;
use super::cursor::{refuse_discarded, refuse_unreached_before};
use super::messages::MessageList;
use super::params::Given;
use super::problem::Problem;
use super::sessions::SessionList;
use crate::base::SessionNo;
use crate::expect::Matcher;
use crate::server::{History, MailHistory, Server, newest_sessions};

/// Refuses parameters that wait for what comes next.
pub(super) fn refuse_waiting(given: Given<'_>) -> Result<(), Problem> {
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Problem::field(name, format!("`{name}` cannot be combined with `order=newest`"))),
        None => Ok(()),
    }
}

/// Refuses the cursor of such a list in another one.
pub(super) fn refuse_before(is_given: bool) -> Result<(), Problem> {
    match is_given {
        true => Err(Problem::field("before", "`before` goes back, so it needs `order=newest`")),
        false => Ok(()),
    }
}

/// At most `limit` sessions that match and began before this one, the newest first.
pub(super) fn sessions(server: &Server, matcher: &Matcher, before: Option<SessionNo>, limit: usize) -> Response {
    let (found, older) = newest_sessions(server.engine(), matcher, before, limit);
    Json(SessionList { older: Some(older), ..SessionList::of(&found) }).into_response()
}

/// At most `limit` messages whose reply was sent, the newest first, after those whose reply was not.
pub(super) async fn list(server: Arc<Server>, history: MailHistory, limit: usize) -> Result<Response, Problem> {
    refuse_unreached_before(&server, history.before)?;
    run_blocking(move || {
        let History { found, next, older } = history.find(server.engine(), limit);
        // Messages may have been discarded since the first look.
        refuse_discarded(&server, history.after)?;
        Ok(MessageList { older: Some(older), ..MessageList::of(&found, next) }.into_response())
    })
    .await?
}
