//! SIGHUP, which makes servers read the files of their certificate again.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::drive::runtime;
use crate::server::Host;

/// The signals SIGHUP of this process. Without it, SIGHUP ends the process.
pub(super) struct Hangups(Signal);

impl Hangups {
    /// Listens from now on, so that a signal during the start is not missed.
    pub(super) fn listen() -> io::Result<Self> {
        let _entered = runtime().enter();
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Reads the files at each signal, and says on stderr what came of it.
    pub(super) async fn reload(mut self, host: Arc<Host>) {
        while self.0.recv().await.is_some() {
            // Reading a file may take long.
            let host = Arc::clone(&host);
            match spawn_blocking(move || host.reload_certificates()).await.expect("it does not panic") {
                Ok(()) => complain!("mailjig: the certificate was read again"),
                Err(why) => complain!("mailjig: the certificate stays as it is: {why}"),
            }
        }
    }
}
