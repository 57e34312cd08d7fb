//! The signals that end a server or a recording.

use std::future::poll_fn;
use std::io::{self, Write};
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::parent::Parent;
use crate::drive::runtime;

/// The signals that end a command.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Listens from now on, so that a signal during the start is not missed.
    pub(super) fn listen() -> io::Result<Self> {
        let _entered = runtime().enter();
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves at the next SIGINT or SIGTERM.
    pub(super) async fn next(&mut self) {
        poll_fn(|cx| match self.interrupt.poll_recv(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => self.terminate.poll_recv(cx).map(drop),
        })
        .await;
    }

    /// Resolves at the next signal, or when this process has ended.
    pub(super) async fn next_or_without(&mut self, parent: Option<Parent>) {
        let Some(parent) = parent else { return self.next().await };
        let (id, ended) = (parent.id(), parent.ended());
        let (mut ended, mut next) = (std::pin::pin!(ended), std::pin::pin!(self.next()));
        poll_fn(|cx| match next.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => ended.as_mut().poll(cx).map(|()| {
                // Standard error may be gone with that process.
                let _unread = writeln!(io::stderr(), "mailjig: process {id} has ended, so the server stops");
            }),
        })
        .await;
    }
}
