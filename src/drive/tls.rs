//! The server's side of a TLS handshake, on a bare connection.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use rustls::server::{Accepted, Acceptor};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::socket::Socket;
use super::tls_error::{no_hello, words};
use crate::journal::Tls;

/// How many octets say what a client that does not begin as TLS does begins with.
const FIRST: usize = 5;

/// A finished handshake: the connection, what was read beyond it, and what was agreed.
pub(super) struct Secured {
    pub(super) connection: Box<ServerConnection>,
    pub(super) rest: BytesMut,
    pub(super) facts: Tls,
}

/// What a client began a handshake with.
pub(super) struct Hello {
    accepted: Accepted,
    sealed: BytesMut,
}

impl Hello {
    /// The server name that the client asked for.
    pub(super) fn sni(&self) -> Option<String> {
        self.accepted.client_hello().server_name().map(str::to_owned)
    }
}

/// Waits for a ClientHello. Fails with the reason in words, after the alert that says it has left.
pub(super) async fn hello(socket: &mut Socket) -> Result<Hello, String> {
    let mut sealed = BytesMut::new();
    let accepted = read_hello(socket, &mut sealed).await?;
    Ok(Hello { accepted, sealed })
}

/// Answers a ClientHello with an alert, by its number in RFC 8446 §6, as a record of its own.
pub(super) async fn refuse(socket: &mut Socket, alert: u8) {
    let _the_client_may_be_gone = socket.write_all(&[21, 3, 3, 0, 2, 2, alert]).await;
}

/// Shakes hands. Fails with the reason in words, after the alert that says it has left.
pub(super) async fn handshake(
    socket: &mut Socket,
    Hello { accepted, mut sealed }: Hello,
    config: Arc<ServerConfig>,
) -> Result<Secured, String> {
    let sni = accepted.client_hello().server_name().map(str::to_owned);
    let mut connection = match accepted.into_connection(config) {
        Ok(connection) => Box::new(connection),
        Err((error, mut alert)) => {
            let mut out = Vec::new();
            let _in_memory = alert.write_all(&mut out);
            let _the_client_may_be_gone = socket.write_all(&out).await;
            return Err(words(&error));
        }
    };
    loop {
        let state = connection.process_new_packets();
        send(socket, &mut connection).await.map_err(|error| lost(&error))?;
        state.map_err(|error| words(&error))?;
        if !connection.is_handshaking() {
            break;
        }
        if sealed.is_empty() {
            read(socket, &mut sealed).await?;
        }
        let understood = connection.read_tls(&mut &sealed[..]).map_err(|error| lost(&error))?;
        sealed.advance(understood);
    }
    let facts = Tls {
        version: match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
            other => format!("{other:?}"),
        },
        cipher: connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default(),
        sni,
        alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
    };
    Ok(Secured { connection, rest: sealed, facts })
}

async fn read_hello(socket: &mut Socket, sealed: &mut BytesMut) -> Result<Accepted, String> {
    let mut acceptor = Acceptor::default();
    let mut first = Vec::new();
    loop {
        read(socket, sealed).await?;
        if first.len() < FIRST {
            first.extend(sealed.iter().take(FIRST - first.len()));
        }
        while !sealed.is_empty() {
            let understood = acceptor.read_tls(&mut &sealed[..]).map_err(|error| lost(&error))?;
            sealed.advance(understood);
            match acceptor.accept() {
                Ok(Some(accepted)) => return Ok(accepted),
                Ok(None) if understood == 0 => break,
                Ok(None) => {}
                Err((error, mut alert)) => {
                    let mut out = Vec::new();
                    let _in_memory = alert.write_all(&mut out);
                    let _the_client_may_be_gone = socket.write_all(&out).await;
                    return Err(no_hello(&error, &first));
                }
            }
        }
    }
}

async fn read(socket: &mut Socket, sealed: &mut BytesMut) -> Result<(), String> {
    sealed.reserve(4096);
    match socket.read_buf(sealed).await {
        Ok(0) => Err("the client closed the connection".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(lost(&error)),
    }
}

async fn send(socket: &mut Socket, connection: &mut ServerConnection) -> io::Result<()> {
    let mut out = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut out)?;
    }
    socket.write_all(&out).await
}

fn lost(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "the client reset the connection".to_owned(),
        _ => error.to_string(),
    }
}
