//! Reading the ClientHello.

use std::io::{self, ErrorKind};

use bytes::{Buf, BytesMut};
use rustls::server::{Accepted, Acceptor, ClientHello};
use rustls::{CipherSuite, NamedGroup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::names::{cipher_name, group_name};
use super::versions;
use super::words::{Reason, no_hello};
use crate::drive::socket::Socket;
use crate::journal::TlsOffer;
use crate::rule::Version;

/// The ClientHello.
pub(in crate::drive) struct Hello {
    pub(super) accepted: Accepted,
    /// What came behind it.
    pub(super) sealed: BytesMut,
}

/// What a client offers, without names.
#[derive(Debug, Default)]
pub(in crate::drive) struct Offer {
    pub(in crate::drive) sni: Option<String>,
    /// The records of the ClientHello, and what came with them.
    records: Vec<u8>,
    alpn: Vec<Vec<u8>>,
    ciphers: Vec<CipherSuite>,
    groups: Vec<NamedGroup>,
}

impl Offer {
    fn new(hello: &ClientHello<'_>, records: Vec<u8>) -> Self {
        Self {
            sni: hello.server_name().map(str::to_owned),
            records,
            alpn: hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect(),
            ciphers: hello.cipher_suites().to_vec(),
            groups: hello.named_groups().unwrap_or_default().to_vec(),
        }
    }

    /// What the records offer of a ClientHello that the TLS library does not read: versions.
    pub(in crate::drive) fn of_unread(records: Vec<u8>) -> Option<Self> {
        (!versions::offered(&records).is_empty()).then(|| Self { records, ..Self::default() })
    }

    pub(super) fn has(&self, version: Version) -> bool {
        versions::offered(&self.records).iter().any(|its| its.strip_prefix("TLSv") == Some(version.name()))
    }

    pub(in crate::drive) fn named(&self) -> TlsOffer {
        TlsOffer {
            sni: self.sni.clone(),
            versions: versions::offered(&self.records),
            alpn: self.alpn.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            ciphers: self.ciphers.iter().map(|suite| cipher_name(*suite)).collect(),
            groups: self.groups.iter().map(|group| group_name(*group)).collect(),
        }
    }
}

/// Waits for a ClientHello. On failure returns the reason, after sending the alert, and leaves what came in `records`.
pub(in crate::drive) async fn hello(socket: &mut Socket, records: &mut Vec<u8>) -> Result<(Hello, Offer), Reason> {
    let mut acceptor = Acceptor::default();
    let mut sealed = BytesMut::new();
    loop {
        if sealed.is_empty() {
            read(socket, &mut sealed).await?;
            records.extend_from_slice(&sealed);
        }
        let understood = acceptor.read_tls(&mut &sealed[..]).map_err(|error| lost(&error))?;
        sealed.advance(understood);
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let offer = Offer::new(&accepted.client_hello(), std::mem::take(records));
                return Ok((Hello { accepted, sealed }, offer));
            }
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut out = Vec::new();
                let _in_memory = alert.write_all(&mut out);
                let _the_client_may_be_gone = socket.write_all(&out).await;
                return Err(no_hello(&error, records));
            }
        }
    }
}

/// Reads more of what the client sends. Fails with the reason as text.
pub(in crate::drive) async fn read(socket: &mut Socket, sealed: &mut BytesMut) -> Result<(), String> {
    sealed.reserve(4096);
    match socket.read_buf(sealed).await {
        Ok(0) => Err("the client closed the connection".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(lost(&error)),
    }
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
    use std::sync::Arc;
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
        let mut records = Vec::new();
        let mut waiting = pin!(hello(&mut socket, &mut records));
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
                return said.map(|hello| hello.1.sni).map_err(|reason| reason.text);
            }
        }
        waiting.await.map(|hello| hello.1.sni).map_err(|reason| reason.text)
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
