//! TLS as a layer, after its handshake.

use std::io::{self, BufRead, Write};

use bytes::{Buf, BytesMut};
use rustls::ServerConnection;

use super::Transform;

impl Transform for ServerConnection {
    fn decode(&mut self, incoming: &mut BytesMut, input: &mut BytesMut, outgoing: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            let understood = self.read_tls(&mut &incoming[..]).unwrap_or(0);
            incoming.advance(understood);
            let state = self.process_new_packets();
            // Alerts and key updates must be sent even if the records were invalid (RFC 8446 §6.2, §4.6.3).
            write_records(self, outgoing)?;
            let state = state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let mut left = state.plaintext_bytes_to_read();
            let mut reader = self.reader();
            while left > 0 {
                let chunk = reader.fill_buf()?;
                input.extend_from_slice(chunk);
                let taken = chunk.len();
                left -= taken;
                reader.consume(taken);
            }
            if state.peer_has_closed() {
                return Ok(true);
            }
            if understood == 0 || incoming.is_empty() {
                return Ok(false);
            }
        }
    }

    /// Takes as much as the library's buffer holds, 64 KiB.
    fn encode(&mut self, output: &[u8], outgoing: &mut Vec<u8>) -> io::Result<usize> {
        let taken = self.writer().write(output)?;
        write_records(self, outgoing)?;
        Ok(taken)
    }

    /// RFC 8446 §6.1.
    fn finish(&mut self, outgoing: &mut Vec<u8>) -> io::Result<()> {
        self.send_close_notify();
        write_records(self, outgoing)
    }
}

fn write_records(tls: &mut ServerConnection, outgoing: &mut Vec<u8>) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(outgoing)?;
    }
    Ok(())
}
