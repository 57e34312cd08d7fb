//! A client that verifies certificates, over implicit TLS and after STARTTLS or STLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use mailjig::{Listener, MailServer, Protocol};
use rustls::client::WantsClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConfigBuilder, RootCertStore};

use super::deadline::connect;

/// The ways to TLS: each protocol, from the first octet and after a command.
pub(crate) const WAYS: [Listener; 7] =
    [Listener::Smtp, Listener::Smtps, Listener::Lmtp, Listener::Imap, Listener::Imaps, Listener::Pop3, Listener::Pop3s];

/// A configuration that trusts only the CA of this server.
pub(crate) fn strict(server: &MailServer) -> ClientConfig {
    builder(server).with_no_client_auth()
}

/// The configuration of a client with this certificate and key, in PEM.
pub(crate) fn with_certificate(server: &MailServer, pem: &str) -> ClientConfig {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    builder(server).with_client_auth_cert(chain, key).unwrap()
}

/// Such a configuration, of which the client's certificate is missing.
fn builder(server: &MailServer) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots)
}

/// A connection under TLS.
pub(crate) struct TlsClient {
    pub(crate) tls: ClientConnection,
    /// How many octets of the handshake came from the server.
    pub(crate) heard: usize,
    socket: TcpStream,
}

impl TlsClient {
    /// A connection before its handshake: after the command that begins TLS, if the listener needs one.
    pub(crate) fn before(server: &MailServer, listener: Listener, config: ClientConfig, name: &str) -> Self {
        let client = Self::before_command(server, listener, config, name);
        if !listener.implicit_tls() {
            ask_for_tls(&client.socket, listener.protocol());
        }
        client
    }

    /// A connection on which nothing was said.
    pub(crate) fn before_command(server: &MailServer, listener: Listener, config: ClientConfig, name: &str) -> Self {
        let socket = connect(server.endpoint(listener).address());
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Self { tls: ClientConnection::new(Arc::new(config), name).unwrap(), heard: 0, socket }
    }

    /// A connection after its handshake, or the error with which the client ends it, after its alert was sent.
    pub(crate) fn connect(
        server: &MailServer,
        listener: Listener,
        config: ClientConfig,
        name: &str,
    ) -> Result<Self, String> {
        let mut client = Self::before(server, listener, config, name);
        client.handshake()?;
        Ok(client)
    }

    pub(crate) fn handshake(&mut self) -> Result<(), String> {
        let done = loop {
            while self.tls.wants_write() {
                if let Err(error) = self.tls.write_tls(&mut self.socket) {
                    return Err(error.to_string());
                }
            }
            if !self.tls.is_handshaking() {
                break Ok(());
            }
            let mut octets = [0; 4096];
            match self.socket.read(&mut octets) {
                Ok(0) => break Err("the server closed the connection".to_owned()),
                Ok(came) => {
                    self.heard += came;
                    if let Err(error) = self.understand(&octets[..came]) {
                        break Err(error.to_string());
                    }
                }
                Err(error) => break Err(error.to_string()),
            }
        };
        while self.tls.wants_write() && self.tls.write_tls(&mut self.socket).is_ok() {}
        done
    }

    fn understand(&mut self, mut octets: &[u8]) -> Result<(), rustls::Error> {
        while !octets.is_empty() {
            self.tls.read_tls(&mut octets).unwrap();
            self.tls.process_new_packets()?;
        }
        Ok(())
    }

    /// Ends what the client sends.
    pub(crate) fn end(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// Sends octets below TLS.
    pub(crate) fn octets(&mut self, octets: &[u8]) {
        self.socket.write_all(octets).unwrap();
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Fails as if it had received a record that is not valid, and sends its alert.
    pub(crate) fn fail(&mut self) {
        self.tls.read_tls(&mut &b"\x17\x03\x03\x00\x14not a TLS ciphertext"[..]).unwrap();
        self.tls.process_new_packets().unwrap_err();
        self.tls.write_tls(&mut self.socket).unwrap();
    }

    /// Sends the ClientHello and nothing more.
    pub(crate) fn hello(&mut self) {
        self.tls.write_tls(&mut self.socket).unwrap();
    }

    /// Takes part in the handshake until it has sent this many flights.
    pub(crate) fn flights(&mut self, count: usize) {
        self.hello();
        for _ in 1..count {
            while !self.tls.wants_write() {
                let mut octets = [0; 4096];
                let came = self.socket.read(&mut octets).unwrap();
                self.understand(&octets[..came]).unwrap();
            }
            while self.tls.wants_write() {
                self.tls.write_tls(&mut self.socket).unwrap();
            }
        }
    }

    /// Waits for the first octet of the answer; the others are left unread.
    pub(crate) fn first_octet(&mut self) {
        self.socket.read_exact(&mut [0]).unwrap();
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.tls.writer().write_all(text.as_bytes()).unwrap();
        self.tls.complete_io(&mut self.socket).unwrap();
    }

    /// The next line with its end; empty at the end of the connection.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut stream = rustls::Stream::new(&mut self.tls, &mut self.socket);
        let mut octet = [0];
        while !line.ends_with(b"\n") && stream.read(&mut octet).is_ok_and(|came| came == 1) {
            line.push(octet[0]);
        }
        String::from_utf8(line).unwrap()
    }
}

/// Reads the greeting, and agrees on TLS with the server.
fn ask_for_tls(socket: &TcpStream, protocol: Protocol) {
    let mut lines = BufReader::with_capacity(1, socket.try_clone().unwrap());
    let mut line = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line
    };
    let mut socket = socket;
    line();
    let (command, agreed) = match protocol {
        Protocol::Smtp | Protocol::Lmtp => {
            let hello = if protocol == Protocol::Smtp { "EHLO" } else { "LHLO" };
            socket.write_all(format!("{hello} client.example\r\n").as_bytes()).unwrap();
            while line().as_bytes().get(3) == Some(&b'-') {}
            ("STARTTLS\r\n", "220 ")
        }
        Protocol::Imap => ("a STARTTLS\r\n", "a OK "),
        Protocol::Pop3 => ("STLS\r\n", "+OK "),
        other => panic!("{other:?} has no TLS"),
    };
    socket.write_all(command.as_bytes()).unwrap();
    let said = line();
    assert!(said.starts_with(agreed), "{said}");
}
