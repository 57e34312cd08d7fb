//! The alerts of TLS.

/// An alert of RFC 8446 §6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alert {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    /// What its sender says with it, if that is a client.
    pub(crate) meaning: &'static str,
}

impl Alert {
    const fn new(number: u8, name: &'static str, meaning: &'static str) -> Self {
        Self { number, name, meaning }
    }

    /// The alert as a record of its own, in cleartext (RFC 8446 §5.1). Its level is fatal, except for those that only end the
    /// connection (RFC 8446 §6.1).
    pub(crate) fn record(self) -> Vec<u8> {
        let level = if matches!(self.name, "close_notify" | "user_canceled") { 1 } else { 2 };
        vec![21, 3, 3, 0, 2, level, self.number]
    }
}

/// All of them.
pub(crate) const ALERTS: &[Alert] = &[
    Alert::new(0, "close_notify", "it ended the connection"),
    Alert::new(10, "unexpected_message", "a message came out of order"),
    Alert::new(20, "bad_record_mac", "a record could not be verified"),
    Alert::new(22, "record_overflow", "a record was too large"),
    Alert::new(40, "handshake_failure", "it found no common TLS parameters"),
    Alert::new(42, "bad_certificate", "it considers the server's certificate corrupt or wrong"),
    Alert::new(43, "unsupported_certificate", "it does not know this kind of certificate"),
    Alert::new(44, "certificate_revoked", "the server's certificate was revoked"),
    Alert::new(45, "certificate_expired", "the server's certificate has expired or is not valid yet"),
    Alert::new(46, "certificate_unknown", "it does not accept the server's certificate"),
    Alert::new(47, "illegal_parameter", "a field of the handshake was wrong"),
    Alert::new(48, "unknown_ca", "it does not trust the authority of the server's certificate"),
    Alert::new(49, "access_denied", "access is denied"),
    Alert::new(50, "decode_error", "a message could not be read"),
    Alert::new(51, "decrypt_error", "a signature or a key could not be verified"),
    Alert::new(70, "protocol_version", "it does not support the TLS version"),
    Alert::new(71, "insufficient_security", "it wants stronger ciphers"),
    Alert::new(80, "internal_error", "it had an internal error"),
    Alert::new(86, "inappropriate_fallback", "it was made to use an older version than it supports"),
    Alert::new(90, "user_canceled", "its user cancelled"),
    Alert::new(109, "missing_extension", "an extension was missing"),
    Alert::new(110, "unsupported_extension", "an extension came that it did not ask for"),
    Alert::new(112, "unrecognized_name", "it does not know the server name"),
    Alert::new(113, "bad_certificate_status_response", "the OCSP response was wrong"),
    Alert::new(115, "unknown_psk_identity", "the pre-shared key is not known"),
    Alert::new(116, "certificate_required", "a client certificate is needed"),
    Alert::new(120, "no_application_protocol", "no application protocol (ALPN) was agreed"),
];
