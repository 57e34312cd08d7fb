//! `/v1/messages/latest`: the last message that matches.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::blocking::{blocking_if_long, run_blocking};
use super::cursor::refuse_lost;
use super::json::MessageJson;
use super::message_filters::MessageFilters;
use super::messages::late;
use super::params::query;
use super::problem::Problem;
use super::target::Target;
use super::wait::wait_until;
use crate::base::Seq;
use crate::drive::Engine;
use crate::journal::Captured;
use crate::server::{MailQuery, Server};

query! {
    /// The query of the latest message.
    pub(super) struct LatestQuery {
        /// Filters.
        filters: MessageFilters,
        /// Only messages after this cursor, the `next` or the `seq` of an earlier answer.
        after: Option<Seq>,
        /// Wait so long for a message that matches if there is none yet, such as `5s`; 409 if none arrives in time.
        wait: Option<Duration>,
    }
}

/// Get the latest message that matches, or wait for the first one.
#[utoipa::path(get, path = "/messages/latest", params(LatestQuery), responses(
    (status = 200, description = "The message.", body = MessageJson),
    (status = 404, description = "No message matches."),
    (status = 410, description = "Messages after the cursor were discarded."),
    (status = 409, description = "None arrived in time. `report` says what came instead."),
))]
pub(super) async fn latest(Target(server): Target, query: LatestQuery) -> Result<Response, Problem> {
    let LatestQuery { filters, after, wait } = query;
    let matcher = filters.matcher()?;
    refuse_lost(&server, after)?;
    let begin = after.unwrap_or_default();
    let Some(within) = wait else {
        return run_blocking(move || {
            let mut query = MailQuery::after(begin, matcher);
            let closed = query.find(server.engine(), usize::MAX).pop();
            // A message whose reply has not been sent yet is later than those whose reply has.
            let unclosed = query.find_unclosed(server.engine(), usize::MAX).pop();
            let found = unclosed.or(closed).ok_or_else(|| Problem::none("message", "that matches"))?;
            Ok(Json(MessageJson::from(&found)).into_response())
        })
        .await?;
    };
    let mut query = MailQuery::after(begin, matcher.clone());
    let interest = query.interest();
    let check = |engine: &Engine| {
        let look = |octets, look: &mut dyn FnMut()| blocking_if_long(octets, look);
        query.find_with(engine, usize::MAX, look).pop()
    };
    match wait_until(&server, interest, within, check).await? {
        Some(found) => run_blocking(move || Json(MessageJson::from(&found)).into_response()).await,
        None => Err(late(server, matcher, after, 1, within).await?),
    }
}

/// The message that `GET /v1/messages/latest` returns without filters.
pub(super) fn newest(server: &Server) -> Option<Captured> {
    server.engine().read(|world| {
        let journal = &world.journal;
        journal.unclosed().next_back().or_else(|| journal.closed_since(Seq::default(), None).next_back()).cloned()
    })
}
