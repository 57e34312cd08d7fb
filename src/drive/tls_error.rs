//! The reason why a TLS handshake failed, as text: the library reports its own identifiers.

use rustls::{AlertDescription, Error, PeerIncompatible};

/// The reason, as a statement about the client.
#[expect(clippy::wildcard_enum_match_arm, reason = "rustls adds variants")]
pub(super) fn words(error: &Error) -> String {
    let words = match error {
        Error::AlertReceived(alert) => return format!("the client refused with the TLS alert {}", alert_words(*alert)),
        Error::PeerIncompatible(why) => incompatible(why),
        Error::InvalidMessage(_) => "the client sent a TLS message that cannot be read",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the client sent a TLS message out of order"
        }
        Error::PeerMisbehaved(_) => "the client violated the TLS protocol",
        Error::DecryptError => "a TLS record from the client cannot be decrypted",
        Error::PeerSentOversizedRecord => "a TLS record from the client is too large",
        Error::NoApplicationProtocol => "the client offers no application protocol (ALPN) that the server supports",
        other => return format!("the TLS library failed: {other}"),
    };
    words.to_owned()
}

/// Why the first octets are not a ClientHello that can be answered.
pub(super) fn no_hello(error: &Error, first: &[u8]) -> String {
    match (error, first) {
        // SSL 2.0 (RFC 6101 appendix E): the length has its top bit set, then the type 1 and the version.
        (Error::InvalidMessage(_), [0x80..=0xff, _, 1, 0 | 2 | 3, ..]) => TOO_OLD.to_owned(),
        // RFC 8446 §5.1: a handshake is a record of type 22.
        (Error::InvalidMessage(_), [22, ..]) => "the client sent a ClientHello that cannot be read".to_owned(),
        (Error::InvalidMessage(_), _) => "the client sent something that is not TLS".to_owned(),
        _ => words(error),
    }
}

const TOO_OLD: &str = "the client's TLS version is too old: the server speaks TLS 1.2 and TLS 1.3";

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls adds variants")]
fn incompatible(why: &PeerIncompatible) -> &'static str {
    match why {
        // Versions before 1.2 have no extension for signature algorithms (RFC 5246 §7.4.1.4.1).
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => TOO_OLD,
        PeerIncompatible::NoCipherSuitesInCommon => "the client offers no cipher suite that the server supports",
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::KeyShareExtensionRequired => {
            "the client offers no key exchange group that the server supports"
        }
        PeerIncompatible::NoSignatureSchemesInCommon => {
            "the client offers no signature algorithm that fits the server's certificate"
        }
        PeerIncompatible::UncompressedEcPointsRequired => "the client offers no point format that the server supports",
        PeerIncompatible::NullCompressionRequired => "the client insists on TLS compression",
        _ => "the client and the server support no common TLS parameters",
    }
}

/// The alert's name and its meaning (RFC 8446 §6).
fn alert_words(alert: AlertDescription) -> String {
    let number = u8::from(alert);
    let found = ALERTS.iter().find(|(its, ..)| *its == number);
    found.map_or_else(|| format!("number {number}"), |(_, name, meaning)| format!("{name}: {meaning}"))
}

const ALERTS: &[(u8, &str, &str)] = &[
    (0, "close_notify", "it ended the connection"),
    (10, "unexpected_message", "a message came out of order"),
    (20, "bad_record_mac", "a record could not be verified"),
    (22, "record_overflow", "a record was too large"),
    (40, "handshake_failure", "it found no common TLS parameters"),
    (42, "bad_certificate", "it considers the server's certificate corrupt or wrong"),
    (43, "unsupported_certificate", "it does not know this kind of certificate"),
    (44, "certificate_revoked", "the server's certificate was revoked"),
    (45, "certificate_expired", "the server's certificate has expired or is not valid yet"),
    (46, "certificate_unknown", "it does not accept the server's certificate"),
    (47, "illegal_parameter", "a field of the handshake was wrong"),
    (48, "unknown_ca", "it does not trust the authority of the server's certificate"),
    (49, "access_denied", "access is denied"),
    (50, "decode_error", "a message could not be read"),
    (51, "decrypt_error", "a signature or a key could not be verified"),
    (70, "protocol_version", "it does not support the TLS version"),
    (71, "insufficient_security", "it wants stronger ciphers"),
    (80, "internal_error", "it had an internal error"),
    (86, "inappropriate_fallback", "it was made to use an older version than it supports"),
    (90, "user_canceled", "its user cancelled"),
    (109, "missing_extension", "an extension was missing"),
    (110, "unsupported_extension", "an extension came that it did not ask for"),
    (112, "unrecognized_name", "it does not know the server name"),
    (113, "bad_certificate_status_response", "the OCSP response was wrong"),
    (115, "unknown_psk_identity", "the pre-shared key is not known"),
    (116, "certificate_required", "a client certificate is needed"),
    (120, "no_application_protocol", "no application protocol (ALPN) was agreed"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_a_plain_text() {
        let unreadable = Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        for (error, said) in [
            (Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered), TOO_OLD),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "the client refused with the TLS alert unknown_ca: it does not trust the authority of the server's \
                 certificate",
            ),
            (Error::AlertReceived(AlertDescription::Unknown(200)), "the client refused with the TLS alert number 200"),
            (unreadable.clone(), "the client sent a TLS message that cannot be read"),
        ] {
            assert_eq!(words(&error), said);
        }
        for (first, said) in [
            (&b"EHLO x\r\n"[..], "the client sent something that is not TLS"),
            (b"\x80\x2e\x01\x03\x01\x00", TOO_OLD),
            (b"\x80\x2e\x01\x00\x02\x00", TOO_OLD),
            (b"\x16\x03\x01\x00\x02\x01", "the client sent a ClientHello that cannot be read"),
        ] {
            assert_eq!(no_hello(&unreadable, first), said);
        }
    }
}
