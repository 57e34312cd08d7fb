//! A client that writes and reads octets, and observes how the connection ends.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use After::{Eof, Refused, Reset, Silence, Truncated};
use mailjig::MailServer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::deadline::connect;

/// What a client observes after its command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum After {
    /// The server answers the next command.
    Open,
    /// FIN, with close_notify under TLS.
    Eof,
    /// FIN without close_notify; on a bare connection the same as `Eof`.
    Truncated,
    Reset,
    /// The handshake was refused.
    Refused,
    /// The connection is open, and the server sends nothing.
    Silence,
}
/// A connection with or without TLS.
pub(crate) enum Wire {
    Bare(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    pub(crate) fn connect(server: &MailServer, protocol: &str, is_tls: bool) -> Self {
        Self::connect_through(server, protocol, is_tls, b"")
    }

    /// A connection that begins with these octets.
    pub(crate) fn connect_through(server: &MailServer, protocol: &str, is_tls: bool, first: &[u8]) -> Self {
        let endpoint = match (protocol, is_tls) {
            ("smtp", false) => server.smtp(),
            ("smtp", true) => server.smtps(),
            ("lmtp", _) => server.lmtp(),
            ("imap", false) => server.imap(),
            ("imap", true) => server.imaps(),
            ("pop3", false) => server.pop3(),
            _ => server.pop3s(),
        };
        let socket = connect(endpoint.address());
        socket.set_nodelay(true).unwrap();
        let mut wire = Self::Bare(socket);
        wire.bytes(first);
        // LMTP has no listener with implicit TLS.
        if is_tls && protocol == "lmtp" {
            wire.line();
            wire.say("STARTTLS\r\n");
            wire.line();
        }
        if is_tls { wire.secure(server) } else { wire }
    }

    /// A connection after its greeting.
    pub(crate) fn greeted(server: &MailServer, protocol: &str, is_tls: bool) -> Self {
        let mut wire = Self::connect(server, protocol, is_tls);
        if !(is_tls && protocol == "lmtp") {
            wire.line();
        }
        wire
    }

    /// The same connection, with TLS from now on.
    pub(crate) fn secure(self, server: &MailServer) -> Self {
        let Self::Bare(socket) = self else { panic!("TLS is already active") };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(server.ca().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Self::Tls(Box::new(StreamOwned::new(connection, socket)))
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, octets: &[u8]) {
        match self {
            Self::Bare(socket) => socket.write_all(octets).unwrap(),
            Self::Tls(stream) => {
                stream.write_all(octets).unwrap();
                stream.flush().unwrap();
            }
        }
    }

    /// The result of one read, or how the connection ended. Under TLS this is one record: separate writes of the server
    /// arrive separately, however late they are read.
    pub(crate) fn read(&mut self) -> Result<Vec<u8>, After> {
        // No record holds more (RFC 8446 §5.1).
        let mut chunk = [0; 1 << 14];
        let read = match self {
            Self::Bare(socket) => socket.read(&mut chunk),
            Self::Tls(stream) => read_record(stream, &mut chunk),
        };
        match read {
            Ok(0) => Err(Eof),
            Ok(octets) => Ok(chunk[..octets].to_vec()),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(Truncated),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(Reset),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(Silence),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(Refused),
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads this many octets, in the segments in which they arrive.
    pub(crate) fn octets(&mut self, count: usize) -> Result<Vec<Vec<u8>>, After> {
        let mut segments: Vec<Vec<u8>> = Vec::new();
        while segments.iter().map(Vec::len).sum::<usize>() < count {
            segments.push(self.read()?);
        }
        Ok(segments)
    }

    /// Sends a line, and returns the line of the reply.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\r\n"));
        String::from_utf8(self.line()).unwrap().trim_end().to_owned()
    }

    pub(crate) fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            line.extend(self.read().expect("a line"));
        }
        line
    }

    pub(crate) fn wait_at_most(&self, time: Duration) {
        self.socket().set_read_timeout(Some(time)).unwrap();
    }

    /// Whether nothing can be read; to call when the server has sent all it will.
    pub(crate) fn is_silent(&self) -> bool {
        let socket = self.socket();
        socket.set_nonblocking(true).unwrap();
        let peeked = socket.peek(&mut [0]);
        socket.set_nonblocking(false).unwrap();
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Ends the client's output, and continues to read.
    pub(crate) fn fin(&mut self) {
        match self {
            Self::Bare(socket) => socket.shutdown(Shutdown::Write).unwrap(),
            Self::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
                stream.get_ref().shutdown(Shutdown::Write).unwrap();
            }
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Bare(socket) => socket,
            Self::Tls(stream) => stream.get_ref(),
        }
    }
}

/// Reads the next record of application data.
fn read_record(stream: &mut StreamOwned<ClientConnection, TcpStream>, chunk: &mut [u8]) -> io::Result<usize> {
    let StreamOwned { conn, sock } = stream;
    while conn.is_handshaking() || conn.wants_write() {
        conn.complete_io(sock)?;
    }
    loop {
        match conn.reader().read(chunk) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read,
        }
        // The length of a record is in its header.
        let mut record = vec![0; 5];
        match sock.read(&mut record[..1])? {
            0 => record.clear(),
            _ => {
                sock.read_exact(&mut record[1..])?;
                record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
                sock.read_exact(&mut record[5..])?;
            }
        }
        // It takes a part of a large record at a time; from an empty read it learns that the input has ended.
        let mut rest = &record[..];
        loop {
            conn.read_tls(&mut rest)?;
            conn.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            if rest.is_empty() {
                break;
            }
        }
    }
}
