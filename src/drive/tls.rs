//! The server's side of a TLS handshake.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use rustls::server::{Accepted, Acceptor};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::socket::Socket;
use super::tls_error::{no_hello, words};
use crate::journal::Tls;
use crate::sasl::Channel;

/// How many octets are needed to recognise a client that does not use TLS.
const FIRST: usize = 5;

/// A finished handshake: the connection, what was read beyond the handshake, and what was negotiated.
pub(super) struct Secured {
    pub(super) connection: Box<ServerConnection>,
    pub(super) rest: BytesMut,
    pub(super) facts: Tls,
    pub(super) channel: Channel,
}

/// The ClientHello.
pub(super) struct Hello {
    accepted: Accepted,
    sealed: BytesMut,
}

impl Hello {
    /// The server name that the client requested.
    pub(super) fn sni(&self) -> Option<String> {
        self.accepted.client_hello().server_name().map(str::to_owned)
    }
}

/// Waits for a ClientHello. On failure returns the reason as text, after sending the alert.
pub(super) async fn hello(socket: &mut Socket) -> Result<Hello, String> {
    let mut sealed = BytesMut::new();
    let accepted = read_hello(socket, &mut sealed).await?;
    Ok(Hello { accepted, sealed })
}

/// Answers a ClientHello with an alert, given by its number in RFC 8446 §6, in a record of its own.
pub(super) async fn send_alert(socket: &mut Socket, alert: u8) {
    let _the_client_may_be_gone = socket.write_all(&[21, 3, 3, 0, 2, 2, alert]).await;
}

/// Does the handshake. On failure returns the reason as text, after sending the alert.
pub(super) async fn handshake(
    socket: &mut Socket,
    Hello { accepted, mut sealed }: Hello,
    config: Arc<ServerConfig>,
) -> Result<Secured, String> {
    let sni = accepted.client_hello().server_name().map(str::to_owned);
    let presented = config.cert_resolver.resolve(accepted.client_hello());
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
    };
    let certificate = presented.and_then(|its| its.cert.first().map(|der| der.to_vec())).unwrap_or_default();
    let client = connection.peer_certificates().and_then(|its| its.first()).map(|der| der.to_vec());
    let channel = Channel { exporter: exporter(&connection), certificate, client };
    Ok(Secured { connection, rest: sealed, facts, channel })
}

/// RFC 9266 §2.
fn exporter(connection: &ServerConnection) -> Option<[u8; 32]> {
    connection.protocol_version().filter(|version| *version == rustls::ProtocolVersion::TLSv1_3)?;
    let exported = connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
    Some(exported.expect("the handshake is complete, and the length is valid"))
}

async fn read_hello(socket: &mut Socket, sealed: &mut BytesMut) -> Result<Accepted, String> {
    let mut acceptor = Acceptor::default();
    let mut first = Vec::new();
    loop {
        if sealed.is_empty() {
            read(socket, sealed).await?;
            first.extend(sealed.iter().take(FIRST - first.len()));
        }
        let understood = acceptor.read_tls(&mut &sealed[..]).map_err(|error| lost(&error))?;
        sealed.advance(understood);
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(accepted),
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
    if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) {
        return "the client reset the connection".to_owned();
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::mem::MaybeUninit;
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    use rustls::crypto::ring;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};
    use socket2::SockRef;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;
    use crate::drive::runtime;

    /// A ClientHello with this many application protocols of 200 octets.
    fn client_hello(protocols: usize) -> Vec<u8> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        config.alpn_protocols = vec![vec![b'x'; 200]; protocols];
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut out = Vec::new();
        client.write_tls(&mut out).unwrap();
        out
    }

    /// The result of `hello` for these octets, sent in pieces of this size, each read before the next is sent.
    async fn said(octets: &[u8], piece: usize) -> Result<Option<String>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stream = listener.accept().await.unwrap().0;
        let unread = SockRef::from(&stream).try_clone().unwrap();
        let mut socket = Socket::new(stream);
        let mut waiting = pin!(hello(&mut socket));
        for piece in octets.chunks(piece) {
            client.write_all(piece).await.unwrap();
            while unread.peek(&mut [MaybeUninit::uninit()]).is_err() {
                yield_now().await;
            }
            let early = poll_fn(|cx| match waiting.as_mut().poll(cx) {
                Poll::Ready(said) => Poll::Ready(Some(said)),
                Poll::Pending if unread.peek(&mut [MaybeUninit::uninit()]).is_err() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            if let Some(said) = early.await {
                return said.map(|hello| hello.sni());
            }
        }
        waiting.await.map(|hello| hello.sni())
    }

    #[test]
    fn a_client_hello_may_arrive_in_pieces_of_any_size() {
        let (small, large) = (client_hello(0), client_hello(40));
        assert!(small.len() < 1000 && large.len() > 8000, "{} {}", small.len(), large.len());
        let hello = Ok(Some("localhost".to_owned()));
        let unreadable = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00";
        for (octets, wanted) in [
            (&small[..], hello.clone()),
            (&large, hello),
            (b"EHLO x\r\n", Err("the client sent something that is not TLS".to_owned())),
            (unreadable, Err("the client sent a ClientHello that cannot be read".to_owned())),
        ] {
            for piece in [1, 4, 700, octets.len()] {
                let said = async { timeout(Duration::from_secs(120), said(octets, piece)).await };
                let said = runtime().block_on(said).unwrap_or_else(|_| panic!("pieces of {piece} are waited for"));
                assert_eq!(said, wanted, "pieces of {piece}");
            }
        }
    }
}
