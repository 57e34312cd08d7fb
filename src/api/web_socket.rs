//! WebSockets (RFC 6455). Each keeps its connection's slot, so that they count for the limit of connections, too.

use std::future::Future;

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::serve::Slot;

/// Octets that a client may send in one message, none of which is used.
const MOST: usize = 64 << 10;

/// A request for a WebSocket.
pub(super) struct Upgrade {
    upgrade: WebSocketUpgrade,
    slot: Slot,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let slot = Extension::<Slot>::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self { upgrade: upgrade.max_message_size(MOST).max_frame_size(MOST), slot: slot.0 })
    }
}

impl Upgrade {
    /// Answers the request. What `talk` returns runs until it ends by itself: it must notice that the server stops.
    pub(super) fn accept<F: Future<Output = ()> + Send + 'static>(
        self,
        talk: impl FnOnce(WebSocket) -> F + Send + 'static,
    ) -> Response {
        let Self { upgrade, slot } = self;
        upgrade.on_upgrade(async move |socket| {
            talk(socket).await;
            drop(slot);
        })
    }
}
