//! Lists of messages that begin with the newest.

use std::sync::Arc;

use axum::response::Response;

use super::blocking::run_blocking;
use super::cursor::{refuse_discarded, refuse_unreached_before};
use super::events::Useless;
use super::messages::MessageList;
use super::problem::Problem;
use crate::server::{History, MailHistory, Server};

/// Refuses parameters that wait for what comes next.
pub(super) fn refuse_waiting(given: Useless<'_>) -> Result<(), Problem> {
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Problem::field(name, format!("`{name}` cannot be combined with `order=newest`"))),
        None => Ok(()),
    }
}

/// At most `limit` messages, the newest first.
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
