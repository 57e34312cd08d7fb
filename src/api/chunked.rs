//! A response body that is generated in pieces while it is sent, so that it is never in memory as a whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;

/// Makes a body from the pieces that `next` returns, until it returns `None`. An error ends the connection, so that the
/// client notices.
pub(super) fn chunked(next: impl FnMut() -> Option<io::Result<String>> + Send + Unpin + 'static) -> Body {
    Body::new(ChunkedBody(next))
}

struct ChunkedBody<F>(F);

impl<F: FnMut() -> Option<io::Result<String>> + Unpin> HttpBody for ChunkedBody<F> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = (self.0)();
        Poll::Ready(piece.map(|piece| piece.map(|text| Frame::data(text.into()))))
    }
}

/// Makes a body from pieces that may have to be waited for. `next` gets the state and resolves to the next piece and the
/// next state, or to `None` at the end.
pub(super) fn followed<S, F>(state: S, next: fn(S) -> F) -> Body
where
    S: Send + Unpin + 'static,
    F: Future<Output = Option<(String, S)>> + Send + 'static,
{
    Body::new(FollowedBody { state: Some(state), next, waiting: None })
}

struct FollowedBody<S, F> {
    state: Option<S>,
    next: fn(S) -> F,
    waiting: Option<Pin<Box<F>>>,
}

impl<S: Unpin, F: Future<Output = Option<(String, S)>>> HttpBody for FollowedBody<S, F> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(state) = self.state.take() {
            self.waiting = Some(Box::pin((self.next)(state)));
        }
        let Some(waiting) = &mut self.waiting else { return Poll::Ready(None) };
        let next = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(next.map(|(piece, state)| {
            self.state = Some(state);
            Ok(Frame::data(piece.into()))
        }))
    }
}
