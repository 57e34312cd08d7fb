//! A handshake, flight by flight.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use rustls::{HandshakeKind, ServerConfig, ServerConnection};

use super::hello::{Hello, Offer};
use super::names::{cipher_name, group_name, version_name};
use super::old::{self, NO_OLD_SUITE};
use super::words::{Reason, reason};
use crate::base::Certificate;
use crate::journal::{ClientCertificate, Tls};
use crate::protocol::Protocol;
use crate::rule::{ClientCa, Profile};
use crate::sasl::Channel;

/// A finished handshake: the connection, what was read beyond the handshake, and what was negotiated.
pub(in crate::drive) struct Secured {
    pub(in crate::drive) connection: Box<ServerConnection>,
    pub(in crate::drive) rest: BytesMut,
    pub(in crate::drive) facts: Tls,
    pub(in crate::drive) channel: Channel,
}

/// Why a handshake failed, and the certificate that the client got, if it got one.
pub(in crate::drive) struct Failed {
    pub(in crate::drive) reason: Reason,
    pub(in crate::drive) certificate: Option<Certificate>,
}

/// A handshake in progress. What the server sends is taken from it; what the client sends is given to it.
pub(in crate::drive) struct Handshake {
    state: State,
    /// What the server sends next.
    output: Vec<u8>,
    /// As far as it is known.
    kind: Option<HandshakeKind>,
    sni: Option<String>,
    presented: Presented,
}

enum State {
    Going(Box<ServerConnection>),
    /// The server answered as one of an old version.
    Old(old::Answered),
    Complete(Box<ServerConnection>, BytesMut),
    Failed(Reason),
}

/// The certificate of the profile.
struct Presented {
    certificate: Certificate,
    der: Vec<u8>,
    /// Whether it is in a flight of the server.
    is_in_flight: bool,
    /// Whether that flight was sent.
    is_sent: bool,
    /// Whether certificates of clients are only recorded.
    trusts_any_client: bool,
}

impl Handshake {
    /// Answers a ClientHello with a profile, to a client of this protocol.
    pub(in crate::drive) fn begin(
        Hello { accepted, sealed }: Hello,
        offer: &Offer,
        config: Arc<ServerConfig>,
        profile: &Profile,
        protocol: Protocol,
    ) -> Self {
        let presented = config.cert_resolver.resolve(accepted.client_hello());
        let chain = presented.as_ref().map_or(&[][..], |its| &its.cert);
        let der = chain.first().map(|der| der.to_vec()).unwrap_or_default();
        let mut output = Vec::new();
        let state = match profile.old() {
            Some(version) if offer.has(version) && !old::has_suite(&accepted.client_hello()) => {
                output = old::no_suite(version);
                State::Failed(format!("{NO_OLD_SUITE}{}", version.name()).into())
            }
            Some(version) => {
                output = old::answer(version, &accepted.client_hello(), chain);
                State::Old(old::Answered::new(version, protocol))
            }
            None => match accepted.into_connection(config) {
                Ok(connection) => State::Going(Box::new(connection)),
                Err((error, mut alert)) => {
                    let _in_memory = alert.write_all(&mut output);
                    State::Failed(reason(&error))
                }
            },
        };
        let trusts_any_client = profile.client_ca == Some(ClientCa::Any);
        let presented = Presented {
            certificate: profile.certificate(),
            der,
            is_in_flight: matches!(state, State::Old(_)),
            is_sent: false,
            trusts_any_client,
        };
        let mut handshake = Self { state, output, kind: None, sni: offer.sni.clone(), presented };
        handshake.proceed(sealed);
        handshake
    }

    /// Takes what the server sends now; empty if nothing.
    pub(in crate::drive) fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Everything that `output` returned was sent.
    pub(in crate::drive) fn note_sent(&mut self) {
        self.presented.is_sent = self.presented.is_in_flight;
    }

    /// Whether the server has something to send.
    pub(in crate::drive) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Whether the handshake waits for the client.
    pub(in crate::drive) fn is_going(&self) -> bool {
        matches!(self.state, State::Going(_) | State::Old(_))
    }

    /// Ends the handshake for this reason, unless it has failed already.
    pub(in crate::drive) fn fail(&mut self, reason: impl Into<Reason>) {
        match self.state {
            State::Going(_) | State::Old(_) | State::Complete(..) => self.state = State::Failed(reason.into()),
            State::Failed(_) => {}
        }
    }

    /// Goes on with what the client sent.
    pub(in crate::drive) fn proceed(&mut self, mut sealed: BytesMut) {
        let connection = match &mut self.state {
            State::Going(connection) => connection,
            State::Old(answered) => {
                if let Some(reason) = answered.heard(&sealed) {
                    self.state = State::Failed(reason);
                }
                return;
            }
            State::Complete(..) | State::Failed(_) => return,
        };
        let failed = loop {
            let state = connection.process_new_packets();
            let has_answered = connection.wants_write();
            while connection.wants_write() {
                let _in_memory = connection.write_tls(&mut self.output);
            }
            let before = std::mem::replace(&mut self.kind, connection.handshake_kind());
            self.presented.is_in_flight |= state.is_ok() && has_answered && presents(before, self.kind);
            match state {
                Err(error) => break Some(reason(&error)),
                Ok(_) if !connection.is_handshaking() => break None,
                Ok(_) if sealed.is_empty() => return,
                Ok(_) => {}
            }
            match connection.read_tls(&mut &sealed[..]) {
                Ok(understood) => sealed.advance(understood),
                Err(error) => break Some(error.to_string().into()),
            }
        };
        let old = std::mem::replace(&mut self.state, State::Failed(failed.clone().unwrap_or_default()));
        if let (State::Going(connection), None) = (old, failed) {
            self.state = State::Complete(connection, sealed);
        }
    }

    /// The certificate that the server presented, if it has.
    pub(in crate::drive) fn presented(&self) -> Option<Certificate> {
        self.presented.is_sent.then_some(self.presented.certificate)
    }

    /// The result.
    pub(in crate::drive) fn finish(self) -> Result<Secured, Failed> {
        let certificate = self.presented();
        let (connection, rest) = match self.state {
            State::Complete(connection, rest) => (connection, rest),
            State::Failed(reason) => return Err(Failed { reason, certificate }),
            State::Going(_) | State::Old(_) => {
                return Err(Failed { reason: "the handshake was not completed".into(), certificate });
            }
        };
        let client = connection.peer_certificates().and_then(|its| its.first()).map(|der| der.to_vec());
        let is_verified = !self.presented.trusts_any_client;
        let facts = Tls {
            version: connection.protocol_version().map(version_name).unwrap_or_default(),
            cipher: connection.negotiated_cipher_suite().map(|its| cipher_name(its.suite())).unwrap_or_default(),
            group: connection.negotiated_key_exchange_group().map(|its| group_name(its.name())),
            alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            sni: self.sni,
            certificate: self.presented.certificate,
            client_certificate: client.clone().map(|der| Box::new(ClientCertificate::new(der, is_verified))),
        };
        let client = client.filter(|_| is_verified);
        let channel = Channel { exporter: exporter(&connection), certificate: self.presented.der, client };
        Ok(Secured { connection, rest, facts, channel })
    }
}

/// Whether an answer has the certificate, by the kind of the handshake before and after it. RFC 8446 §4.1.4: after a
/// HelloRetryRequest it comes with the next flight.
fn presents(before: Option<HandshakeKind>, after: Option<HandshakeKind>) -> bool {
    match after {
        Some(HandshakeKind::Full) => true,
        Some(HandshakeKind::FullWithHelloRetryRequest) => before == after,
        Some(HandshakeKind::Resumed) | None => false,
    }
}

/// RFC 9266 §2.
fn exporter(connection: &ServerConnection) -> Option<[u8; 32]> {
    connection.protocol_version().filter(|version| *version == rustls::ProtocolVersion::TLSv1_3)?;
    let exported = connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
    Some(exported.expect("the handshake is complete, and the length is valid"))
}
