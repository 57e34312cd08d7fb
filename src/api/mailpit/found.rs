//! The message that a path names.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query as Params};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::blocking::run_blocking;
use super::super::target::Target;
use super::search::Query;
use super::{Refusal, newest_first};
use crate::base::MessageNo;
use crate::mail::Message;
use crate::server::Server;

/// The ID of a message.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MessageId {
    /// Such as `m1`, or `latest`.
    #[serde(rename = "ID")]
    id: String,
}

/// Which message `latest` stands for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Latest {
    /// With the ID `latest`: the latest message that this search finds.
    query: Option<String>,
    /// The time zone of dates in the search, such as `Europe/Berlin`. Default: UTC.
    tz: Option<String>,
}

/// The message that the path names, and its server.
pub(super) struct Found {
    pub(super) server: Arc<Server>,
    pub(super) message: Message,
}

impl<S: Send + Sync> FromRequestParts<S> for Found {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Target(server) = Target::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let id = Path::<MessageId>::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let Params(latest) = Params::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let message = find(&server, &id.id, latest).await.map_err(IntoResponse::into_response)?;
        Ok(Self { server, message })
    }
}

/// The message of an ID, or the latest one.
pub(super) async fn find(server: &Arc<Server>, id: &str, latest: Latest) -> Result<Message, Refusal> {
    if id != "latest" {
        let no = MessageNo::parse(id);
        let found = no.and_then(|no| {
            server.engine().read(|world| world.journal.message(no).map(|captured| captured.message.clone()))
        });
        return found.ok_or_else(|| Refusal::none("Message"));
    }
    let query = latest.query.as_deref().unwrap_or_default();
    let query = Query::parse(query, latest.tz.as_deref())?;
    let server = Arc::clone(server);
    let found = run_blocking(move || {
        let messages = newest_first(&server);
        messages.into_iter().find(|message| query.finds(&server, message))
    });
    found.await?.ok_or_else(|| Refusal::none("Message"))
}
