//! A client that receives over a WebSocket (RFC 6455).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use mailjig::MailServer;
use serde_json::Value;

use super::deadline::connect;

pub(crate) struct WebSocket(BufReader<TcpStream>);

impl WebSocket {
    /// Opens a path of the API with these further header lines. Fails with the status line of an answer that refuses.
    pub(crate) fn open(server: &MailServer, path: &str, headers: &str) -> Result<Self, String> {
        let host = server.api().strip_prefix("http://").unwrap();
        let mut stream = BufReader::new(connect(host.parse().unwrap()));
        let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        write!(stream.get_mut(), "GET {path} HTTP/1.1\r\nHost: {host}\r\n{handshake}{headers}\r\n").unwrap();
        let mut head = stream.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        let status = head.next().unwrap();
        head.for_each(drop);
        if status.contains(" 101 ") { Ok(Self(stream)) } else { Err(status) }
    }

    /// The next text, which is JSON.
    pub(crate) fn next(&mut self) -> Value {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 0x81, "a whole text (§5.2)");
        let mut length = usize::from(head[1]);
        if length == 126 {
            let mut long = [0; 2];
            self.0.read_exact(&mut long).unwrap();
            length = u16::from_be_bytes(long).into();
        }
        let mut text = vec![0; length];
        self.0.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Waits until the server closes it.
    pub(crate) fn ends(mut self) {
        self.0.read_to_end(&mut Vec::new()).unwrap();
    }
}
