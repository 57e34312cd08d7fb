//! The fields of a TLS handshake, for rules.

use crate::journal::{SessionLog, Tls, TlsOffer};
use crate::protocol::Value;
use crate::rule::HandshakeField;

/// A field of the last handshake of this session, or of what the client offers as long as nothing is negotiated.
pub(super) fn of_handshake(log: &SessionLog, field: HandshakeField) -> Option<Value<'_>> {
    let (tls, failure) = (log.facts().tls.as_ref(), log.facts().tls_failure.as_deref());
    let offered = failure.and_then(|its| its.offered.as_ref()).or(log.offered.as_deref());
    let either = |negotiated: fn(&Tls) -> Option<&str>, offer: fn(&TlsOffer) -> &[String]| match tls {
        Some(tls) => negotiated(tls).map(Value::text),
        None => offered.map(|its| several(offer(its))),
    };
    match field {
        HandshakeField::Alert => failure?.alert.as_deref().map(Value::text),
        HandshakeField::Alpn => either(|tls| tls.alpn.as_deref(), |offer| &offer.alpn),
        HandshakeField::Cipher => either(|tls| Some(&tls.cipher), |offer| &offer.ciphers),
        HandshakeField::Group => either(|tls| tls.group.as_deref(), |offer| &offer.groups),
        HandshakeField::Sni => either(|tls| tls.sni.as_deref(), |offer| offer.sni.as_slice()),
        HandshakeField::Cert => tls?.client_certificate.as_ref().map(|its| several(&its.names)),
        HandshakeField::Resumed => tls.map(|tls| Value::Truth(tls.resumed)),
        HandshakeField::Version => either(|tls| Some(&tls.version), |offer| &offer.versions),
        HandshakeField::ServerCert => {
            let certificate = tls.map(|tls| tls.certificate).or(failure.and_then(|its| its.certificate));
            certificate.map(|its| Value::text(its.name()))
        }
    }
}

fn several(names: &[String]) -> Value<'_> {
    Value::Several(names.iter().map(|name| Value::text(&**name)).collect())
}
