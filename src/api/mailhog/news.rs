//! New messages as they arrive: server-sent events and a WebSocket.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::super::blocking::blocking_if_long;
use super::super::target::Target;
use super::json::{Received, ReceivedJson};
use crate::drive::Engine;
use crate::expect::matchers::any;
use crate::server::{MailQuery, Server, Until};

/// How often something is sent while no message arrives, to notice that a client is gone.
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
        let check = |engine: &Engine| self.query.find(engine, 1).pop();
        let Some(captured) = Until::new(&engine, interest, KEEPALIVE, check).await else { return News::Nothing };
        let octets = captured.message.raw().len();
        let received = engine.read(|world| Received::of(&captured, world));
        let json = blocking_if_long(octets, || serde_json::to_string(&ReceivedJson::from(&received)));
        json.map_or(News::Over, News::Mail)
    }
}

/// Each message as the data of an event.
pub(super) async fn events(Target(server): Target) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::new(EventBody(Box::pin(next_event(NewMail::of(&server)))))).into_response()
}

type NextEvent = Pin<Box<dyn Future<Output = Option<(NewMail, String)>> + Send>>;

struct EventBody(NextEvent);

async fn next_event(mut mail: NewMail) -> Option<(NewMail, String)> {
    let text = match mail.next().await {
        News::Mail(json) => format!("data: {json}\n\n"),
        News::Nothing => ":\n\n".to_owned(),
        News::Over => return None,
    };
    Some((mail, text))
}

impl HttpBody for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        let Some((mail, text)) = ready!(self.0.as_mut().poll(cx)) else { return Poll::Ready(None) };
        self.0 = Box::pin(next_event(mail));
        Poll::Ready(Some(Ok(hyper::body::Frame::data(text.into()))))
    }
}

/// Each message as a text frame.
pub(super) async fn websocket(Target(server): Target, upgrade: WebSocketUpgrade) -> Response {
    let mail = NewMail::of(&server);
    drop(server);
    upgrade.on_upgrade(|socket| send_each(mail, socket))
}

/// Sends until the client closes or the server stops.
async fn send_each(mut mail: NewMail, mut socket: WebSocket) {
    loop {
        let news = {
            let (mut next, mut closed) = (pin!(mail.next()), pin!(closed(&mut socket)));
            poll_fn(|cx| match closed.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(News::Over),
                Poll::Pending => next.as_mut().poll(cx),
            })
            .await
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
