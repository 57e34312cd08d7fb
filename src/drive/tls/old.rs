//! The answer of a server that speaks only an old version of TLS.
//!
//! # Rationale
//! The TLS library has no version before 1.2, and none is needed: a client that refuses the version does so when it reads the
//! ServerHello. One that does not refuse it sends its ClientKeyExchange, and has then accepted it.

use bytes::BytesMut;
use rustls::pki_types::CertificateDer;
use rustls::server::ClientHello;

use super::words::{Reason, reaction};
use crate::protocol::Protocol;
use crate::rule::Version;

/// The suites of that time with a key exchange by RSA, the preferred first: with AES, 3DES and RC4 (RFC 3268, RFC 2246 §A.5).
const SUITES: [u16; 5] = [0x002f, 0x0035, 0x000a, 0x0005, 0x0004];
const RENEGOTIATION_SCSV: u16 = 0x00ff;
/// How the reason of a handshake begins in which the client went on with an old version.
pub(crate) const ACCEPTED_OLD: &str = "the client accepted TLS ";
/// How the reason of a handshake begins whose client offers the old version, without a suite for it.
pub(crate) const NO_OLD_SUITE: &str = "the client offers no cipher suite that the server has with TLS ";
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_HELLO_DONE: u8 = 14;

/// The records of ServerHello, Certificate and ServerHelloDone (RFC 2246 §7.4, RFC 4346 §7.4).
pub(super) fn answer(version: Version, hello: &ClientHello<'_>, chain: &[CertificateDer<'_>]) -> Vec<u8> {
    // A client that does not offer the version refuses that, whatever the suite is.
    let suite = SUITES.into_iter().find(|suite| offers(hello, *suite)).unwrap_or(SUITES[0]);
    let number = number(version);
    let mut server_hello = vec![3, number];
    server_hello.extend([0x6d; 32]);
    server_hello.push(0);
    server_hello.extend(suite.to_be_bytes());
    server_hello.push(0);
    if offers(hello, RENEGOTIATION_SCSV) {
        // RFC 5746 §3.6: without this extension, clients refuse the server whatever its version is.
        server_hello.extend([0, 5, 0xff, 1, 0, 1, 0]);
    }
    let mut certificates = Vec::new();
    for der in chain {
        certificates.extend(length(der.len()));
        certificates.extend_from_slice(der);
    }
    let list = [&length(certificates.len())[..], &certificates].concat();
    let mut out = Vec::new();
    for (kind, body) in [(SERVER_HELLO, &server_hello), (CERTIFICATE, &list), (SERVER_HELLO_DONE, &Vec::new())] {
        let message = [&[kind][..], &length(body.len()), body].concat();
        // RFC 2246 §6.2.1: a record has at most 2^14 octets.
        for fragment in message.chunks(1 << 14) {
            out.extend([HANDSHAKE, 3, number]);
            out.extend((fragment.len() as u16).to_be_bytes());
            out.extend_from_slice(fragment);
        }
    }
    out
}

/// Whether the client offers a suite of that time.
pub(super) fn has_suite(hello: &ClientHello<'_>) -> bool {
    SUITES.into_iter().any(|suite| offers(hello, suite))
}

fn offers(hello: &ClientHello<'_>, suite: u16) -> bool {
    hello.cipher_suites().iter().any(|its| u16::from(*its) == suite)
}

/// The alert for a client that offers no such suite (RFC 2246 §7.2.2): handshake_failure, fatal.
pub(super) fn no_suite(version: Version) -> Vec<u8> {
    vec![ALERT, 3, number(version), 0, 2, 2, 40]
}

fn number(version: Version) -> u8 {
    match version {
        Version::Tls10 => 1,
        Version::Tls11 => 2,
        Version::Tls12 => 3,
        Version::Tls13 => 4,
    }
}

/// A length of 24 bits.
fn length(length: usize) -> [u8; 3] {
    let [_, high, middle, low] = (length as u32).to_be_bytes();
    [high, middle, low]
}

/// What the client does with the answer.
pub(super) struct Answered {
    version: Version,
    protocol: Protocol,
    heard: BytesMut,
}

impl Answered {
    pub(super) fn new(version: Version, protocol: Protocol) -> Self {
        Self { version, protocol, heard: BytesMut::new() }
    }

    /// Takes what the client sent. Returns the reason why the handshake ends, when it is known.
    pub(super) fn heard(&mut self, sealed: &[u8]) -> Option<Reason> {
        self.heard.extend_from_slice(sealed);
        let reason = reaction(&self.heard, self.protocol)?;
        Some(match self.heard[0] {
            HANDSHAKE => format!("{ACCEPTED_OLD}{}, with which the server cannot go on", self.version.name()).into(),
            _ => reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_octets_say_what_the_client_does() {
        let accepted = "the client accepted TLS 1.1, with which the server cannot go on";
        let refused = "the client refused with the TLS alert protocol_version: ";
        for (octets, wanted) in [
            (&b"\x16\x03\x02\x00\x46\x10\x00"[..], accepted),
            (b"\x15\x03\x02\x00\x02\x02\x46", refused),
            (b"\x14\x03\x02\x00\x01\x01\x16", "the client went on with TLS"),
            (b"QUIT\r", "the client went on in cleartext: QUIT"),
        ] {
            let mut answered = Answered::new(Version::Tls11, Protocol::Smtp);
            let (last, first) = octets.split_last().unwrap();
            for octet in first {
                assert_eq!(answered.heard(&[*octet]), None, "{octets:?}");
            }
            let said = answered.heard(&[*last]).unwrap().text;
            assert!(said.starts_with(wanted), "{said}");
        }
    }
}
