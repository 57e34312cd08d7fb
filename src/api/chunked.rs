//! A body that is made piece by piece while it is sent: nobody waits for the whole of it, and it is nowhere at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;

/// Makes a body of what is given until there is none; an error ends the connection, so that the client sees it.
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
