//! Adding a layer to the wire in the middle of a session.

use std::task::{Poll, ready};

use bytes::BytesMut;

use super::Driver;
use crate::journal::{Ending, RecordKind};
use crate::protocol::{Layer, Machine};

impl<M: Machine> Driver<M> {
    /// Adds a layer to the wire after the reply that agrees to it was sent.
    pub(super) async fn push_layer(&mut self, layer: Layer) -> Result<(), Ending> {
        match layer {
            Layer::Tls => {
                // Only vulnerable servers execute what came in cleartext.
                let kept = if self.machine.keeps_cleartext() { self.input.split() } else { BytesMut::new() };
                let octets = kept.len() as u64;
                if octets > 0 {
                    self.note_cleartext(octets, true);
                }
                self.upgrade().await?;
                self.machine.secured();
                self.came_early |= !kept.is_empty();
                self.input.unsplit(kept);
            }
            #[cfg(test)]
            Layer::Inverted => {
                self.flush().await?;
                // Input after the request belongs to the layer.
                let came = self.input.split();
                self.wire.push_layer(Box::new(crate::drive::tests::Inverted::default()), came);
            }
        }
        Ok(())
    }

    /// Sends the reply that invites the handshake, then does the handshake. Cleartext input after the request is
    /// dropped and counted, up to the write that gives the kernel the last octet of the reply. After that write nothing
    /// is read as cleartext (RFC 3207 §4.2).
    async fn upgrade(&mut self) -> Result<(), Ending> {
        let mut octets = self.input.len() as u64;
        self.input.clear();
        self.give(|driver, cx| {
            while !driver.wire.is_idle() {
                octets += driver.wire.drain_now();
                ready!(driver.wire.poll_write(cx))?;
            }
            Poll::Ready(Ok(()))
        })
        .await?;
        self.close_left();
        if octets > 0 {
            self.note_cleartext(octets, false);
        }
        self.handshake().await
    }

    fn note_cleartext(&self, octets: u64, is_executed: bool) {
        let record = RecordKind::Cleartext { octets, is_executed };
        self.engine.update(|world, now| world.note(self.session, record, now));
    }
}
