//! The reason why a TLS handshake failed, as text: the library reports its own identifiers.

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::base::{ALERTS, Alert, visible};
use crate::protocol::Protocol;

/// Why a handshake, or TLS after it, failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::drive) struct Reason {
    /// A statement about the client.
    pub(in crate::drive) text: String,
    /// The alert that the client sent, by its name.
    pub(in crate::drive) alert: Option<String>,
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self { text, alert: None }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// The reason that an error of the TLS library is.
#[expect(clippy::wildcard_enum_match_arm, reason = "only this one has an alert")]
pub(in crate::drive) fn reason(error: &Error) -> Reason {
    match error {
        Error::AlertReceived(alert) => refused_with(*alert),
        other => words(other).into(),
    }
}

/// The reason, as a statement about the client.
#[expect(clippy::wildcard_enum_match_arm, reason = "rustls adds variants")]
fn words(error: &Error) -> String {
    let words = match error {
        Error::AlertReceived(alert) => return refused_with(*alert).text,
        Error::PeerIncompatible(why) => incompatible(why),
        Error::InvalidMessage(_) => "the client sent a TLS message that cannot be read",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the client sent a TLS message out of order"
        }
        Error::PeerMisbehaved(_) => "the client violated the TLS protocol",
        Error::NoCertificatesPresented => "the client sent no certificate, which the server requires",
        Error::InvalidCertificate(why) => {
            return format!("the server refuses the client's certificate: {}", defect(why));
        }
        Error::DecryptError => "a TLS record from the client cannot be decrypted",
        Error::PeerSentOversizedRecord => "a TLS record from the client is too large",
        Error::NoApplicationProtocol => "the client offers no application protocol (ALPN) that the server supports",
        other => return format!("the TLS library failed: {other}"),
    };
    words.to_owned()
}

/// After how many octets without a line end it is clear that there is no command.
const LONGEST: usize = 8192;
/// How many octets of a command are shown.
const SHOWN: usize = 32;
/// How the reason of a handshake ends whose client then sent a command in cleartext; the name of the command follows.
pub(crate) const IN_CLEARTEXT: &str = "the client went on in cleartext: ";

/// What a client of this protocol does that got octets that are not TLS, as text. `None` as long as too little is known.
pub(in crate::drive) fn reaction(heard: &[u8], protocol: Protocol) -> Option<Reason> {
    if let Some(alert) = alert_in(heard) {
        return Some(refused_with(alert));
    }
    match heard {
        // RFC 8446 §5.1: the types of records, then the version.
        [20..=23, 3, _, _, _, _, _, ..] => Some("the client went on with TLS".into()),
        [] | [20..=23] | [20..=23, 3, ..] => None,
        _ => {
            let line = heard.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
            // The rest of the line may have a password. In IMAP a tag comes first (RFC 9051 §2.2.1).
            let mut words = line.split(|octet| *octet == b' ');
            let tag = words.next().unwrap_or_default();
            let name = words.next().filter(|_| protocol == Protocol::Imap).unwrap_or(tag);
            let is_known = heard.len() > line.len() || heard.len() > LONGEST;
            is_known.then(|| format!("{IN_CLEARTEXT}{}", visible(&name[..name.len().min(SHOWN)])).into())
        }
    }
}

/// The alert in the first record that a client sent in cleartext, if it is one (RFC 8446 §6).
fn alert_in(octets: &[u8]) -> Option<AlertDescription> {
    match octets {
        [21, 3, _, 0, 2, _level, alert, ..] => Some(AlertDescription::from(*alert)),
        _ => None,
    }
}

/// The reason of a handshake that the client ended with this alert.
fn refused_with(alert: AlertDescription) -> Reason {
    let number = u8::from(alert);
    let found = ALERTS.iter().find(|its| its.number == number);
    let (name, words) = match found {
        Some(Alert { name, meaning, .. }) => ((*name).to_owned(), format!("{name}: {meaning}")),
        None => (number.to_string(), format!("number {number}")),
    };
    Reason { text: format!("the client refused with the TLS alert {words}"), alert: Some(name) }
}

/// Why the first octets are not a ClientHello that can be answered.
pub(super) fn no_hello(error: &Error, first: &[u8]) -> Reason {
    match (error, first) {
        // SSL 2.0 (RFC 6101 appendix E): the length has its top bit set, then the type 1 and the version.
        (Error::InvalidMessage(_), [0x80..=0xff, _, 1, 0 | 2 | 3, ..]) => TOO_OLD.into(),
        // RFC 8446 §5.1: a handshake is a record of type 22.
        (Error::InvalidMessage(_), [22, ..]) => "the client sent a ClientHello that cannot be read".into(),
        (Error::InvalidMessage(_), _) => "the client sent something that is not TLS".into(),
        _ => reason(error),
    }
}

/// What is wrong with a client's certificate.
#[expect(clippy::wildcard_enum_match_arm, reason = "rustls adds variants")]
fn defect(why: &CertificateError) -> String {
    let words = match why {
        CertificateError::UnknownIssuer => "the CA of the profile has not signed it",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        CertificateError::BadEncoding => "it cannot be read",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not one for clients"
        }
        CertificateError::ApplicationVerificationFailure => "the profile refuses every certificate",
        other => return other.to_string(),
    };
    words.to_owned()
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
            (Error::NoCertificatesPresented, "the client sent no certificate, which the server requires"),
            (
                Error::InvalidCertificate(CertificateError::UnknownIssuer),
                "the server refuses the client's certificate: the CA of the profile has not signed it",
            ),
        ] {
            assert_eq!(words(&error), said);
        }
        for (first, said) in [
            (&b"EHLO x\r\n"[..], "the client sent something that is not TLS"),
            (b"\x80\x2e\x01\x03\x01\x00", TOO_OLD),
            (b"\x80\x2e\x01\x00\x02\x00", TOO_OLD),
            (b"\x16\x03\x01\x00\x02\x01", "the client sent a ClientHello that cannot be read"),
        ] {
            assert_eq!(no_hello(&unreadable, first).text, said);
        }
    }
}
