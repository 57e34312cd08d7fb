//! A response body that is generated in pieces while it is sent, so that it is never in memory as a whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

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
