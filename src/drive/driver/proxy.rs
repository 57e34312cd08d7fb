//! The header of the PROXY protocol at the beginning of a session.

use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::Driver;
use crate::drive::proxy::{Progress, read};
use crate::drive::socket::Socket;
use crate::journal::{Ending, Noted, Proxied, RecordKind, Weight};
use crate::protocol::Machine;

impl<M: Machine> Driver<M> {
    /// Reads the header before anything is sent, also before TLS. The time for a TLS handshake limits it too.
    pub(super) async fn read_proxy_header(&mut self) -> Result<(), Ending> {
        let deadline = Instant::now() + self.tls_provider.handshake;
        let (kind, result) = match self.with_deadline(deadline, header).await? {
            Ok(proxied) => (RecordKind::Proxied(Box::new(proxied)), Ok(())),
            Err(text) => {
                let note = Noted { by: None, weight: Weight::Note, text };
                (RecordKind::Noted(Box::new(note)), Err(Ending::ProxyFailed))
            }
        };
        self.engine.update(|world, now| world.note(self.session, kind, now));
        result
    }
}

/// Reads not one octet more than the header: what follows it may belong to a TLS handshake.
async fn header(socket: &mut Socket) -> Result<Proxied, String> {
    let mut octets = Vec::new();
    loop {
        match read(&octets)? {
            Progress::Header(header) => return Ok(header),
            Progress::More(more) => {
                let at = octets.len();
                octets.resize(at + more, 0);
                let ended = |_| "the connection ended within the header of the PROXY protocol".to_owned();
                socket.read_exact(&mut octets[at..]).await.map_err(ended)?;
            }
        }
    }
}
