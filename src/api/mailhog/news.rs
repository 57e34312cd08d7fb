//! New messages as they arrive: server-sent events and a WebSocket.

use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message as Frame, WebSocket};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::select;

use super::super::blocking::blocking_if_long;
use super::super::chunked::followed;
use super::super::target::Target;
use super::super::web_socket::Upgrade;
use super::json::{Received, ReceivedJson};
use crate::drive::Engine;
use crate::expect::matchers::any;
use crate::server::{MailQuery, Server, Until};

/// How often something is sent while no message arrives, to notice that the client is gone.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// What a client of either is told next.
enum News {
    /// A message, as JSON.
    Mail(String),
    /// No message arrived for a while.
    Nothing,
    /// The server has stopped.
    Over,
}

/// The messages that arrive from now on. Does not keep the server running.
struct NewMail {
    server: Weak<Server>,
    query: MailQuery,
}

impl NewMail {
    fn of(server: &Arc<Server>) -> Self {
        let now = server.engine().read(|world| world.journal.tip());
        Self { server: Arc::downgrade(server), query: MailQuery::after(now, any()) }
    }

    async fn next(&mut self) -> News {
        let Some(engine) = self.server.upgrade().map(|server| Arc::clone(server.engine())) else { return News::Over };
        let interest = self.query.interest();
        let check = |engine: &Engine| match self.query.find(engine, 1).pop() {
            Some(captured) => Some(Some(captured)),
            None => engine.is_stopped().then_some(None),
        };
        let captured = match Until::new(&engine, interest, KEEPALIVE, check).await {
            Some(Some(captured)) => captured,
            Some(None) => return News::Over,
            None => return News::Nothing,
        };
        let octets = captured.message.raw().len();
        let received = engine.read(|world| Received::of(&captured, world));
        let json = blocking_if_long(octets, || serde_json::to_string(&ReceivedJson::from(&received)));
        json.map_or(News::Over, News::Mail)
    }
}

/// Each message as the data of an event.
pub(super) async fn events(Target(server): Target) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, followed(NewMail::of(&server), next_event)).into_response()
}

async fn next_event(mut mail: NewMail) -> Option<(String, NewMail)> {
    let text = match mail.next().await {
        News::Mail(json) => format!("data: {json}\n\n"),
        News::Nothing => ":\n\n".to_owned(),
        News::Over => return None,
    };
    Some((text, mail))
}

/// Each message as a text frame.
pub(super) async fn websocket(Target(server): Target, upgrade: Upgrade) -> Response {
    let mail = NewMail::of(&server);
    drop(server);
    upgrade.accept(|socket| send_each(mail, socket))
}

/// Sends until the client closes or the server stops.
async fn send_each(mut mail: NewMail, mut socket: WebSocket) {
    loop {
        let news = select! {
            news = mail.next() => news,
            () = closed(&mut socket) => return,
        };
        let frame = match news {
            News::Mail(json) => Frame::text(json),
            News::Nothing => Frame::Ping(Bytes::new()),
            News::Over => return,
        };
        if socket.send(frame).await.is_err() {
            return;
        }
    }
}

/// Resolves when the client closes; ignores what it sends.
async fn closed(socket: &mut WebSocket) {
    while let Some(Ok(frame)) = socket.recv().await {
        if matches!(frame, Frame::Close(_)) {
            return;
        }
    }
}
