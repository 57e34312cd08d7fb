//! The TLS connection under a login, for channel binding (RFC 5056).

use ring::digest::{SHA256, digest};

/// What is known of the TLS connection under a login.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Channel {
    /// The keying material of `tls-exporter` (RFC 9266 §2). Only in TLS 1.3: in TLS 1.2 it is unique only with the
    /// extended master secret (RFC 9266 §4.2), of which the TLS library does not tell.
    pub(crate) exporter: Option<[u8; 32]>,
    /// The server's certificate, in DER.
    pub(crate) certificate: Vec<u8>,
    /// The client's certificate, in DER, which the server has verified. `None` if the client presented none.
    pub(crate) client: Option<Vec<u8>>,
}

impl Channel {
    /// Whether clients bind to it with a type that the server supports unless they are told to use another: with
    /// `tls-exporter`, in TLS 1.3 (RFC 9266 §3). In earlier versions they use `tls-unique`.
    pub(crate) fn has_default_binding(&self) -> bool {
        self.exporter.is_some()
    }

    /// The data for this type of channel binding; `None` if the server does not support the type.
    pub(crate) fn binding(&self, kind: &str) -> Option<Vec<u8>> {
        match kind {
            "tls-exporter" => self.exporter.map(Vec::from),
            // RFC 5929 §4.1: the hash function of the signature, which is SHA-256 in all certificates of the server's CA.
            "tls-server-end-point" => Some(digest(&SHA256, &self.certificate).as_ref().to_vec()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9266 §4.2: in TLS 1.2 the keying material is unique only with the extended master secret.
    #[test]
    fn the_exporter_is_a_binding_only_in_tls_1_3() {
        for (exporter, kind, has_binding) in [
            (Some([1; 32]), "tls-exporter", true),
            (None, "tls-exporter", false),
            (None, "tls-server-end-point", true),
            (Some([1; 32]), "tls-unique", false),
        ] {
            let channel = Channel { exporter, certificate: b"certificate".to_vec(), client: None };

            assert_eq!(channel.binding(kind).is_some(), has_binding, "{exporter:?} {kind}");
        }
    }
}
