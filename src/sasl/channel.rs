//! The TLS connection under a login, for channel binding (RFC 5056).

use ring::digest::{SHA256, digest};

/// What is known of the TLS connection under a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Channel {
    /// The keying material of `tls-exporter` (RFC 9266 §2).
    pub(crate) exporter: [u8; 32],
    /// The server's certificate, in DER.
    pub(crate) certificate: Vec<u8>,
    /// Whether clients bind to it with `tls-exporter` unless they are told to use another type: in TLS 1.3 (RFC 9266
    /// §3). In earlier versions they use `tls-unique`, which the server does not support.
    pub(crate) is_tls13: bool,
}

impl Channel {
    /// The data for this type of channel binding; `None` if the server does not support the type.
    pub(crate) fn binding(&self, kind: &str) -> Option<Vec<u8>> {
        match kind {
            "tls-exporter" => Some(self.exporter.to_vec()),
            // RFC 5929 §4.1: the hash function of the signature, which is SHA-256 in all certificates of the server's CA.
            "tls-server-end-point" => Some(digest(&SHA256, &self.certificate).as_ref().to_vec()),
            _ => None,
        }
    }
}
