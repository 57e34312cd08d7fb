//! The certificates that a listener can present, as data independent of the TLS library.

use std::fmt;

/// A certificate that a listener presents, with its chain. Each server makes its own, when a client first needs it.
///
/// Unless its description says otherwise, a certificate is valid for the names of the server, from a day before it was made
/// for a year, its key is ECDSA P-256, and its chain is complete: the certificate, and the intermediate CA that signed it
/// (RFC 8446 §4.4.2). The CA at the root of the chain is the one that clients of the server trust.
///
/// ```
/// use mailjig::Certificate;
///
/// assert_eq!(Certificate::WrongHost.name(), "wrong-host");
/// assert!(Certificate::WrongHost.must_be_refused());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Certificate {
    /// Valid.
    Good,
    /// Valid, with another key and another serial number than [`Good`](Self::Good): what a client sees after a renewal.
    Renewed,
    /// Valid, with an RSA key of 2048 bits.
    Rsa,
    /// Valid, with an Ed25519 key (RFC 8410).
    Ed25519,
    /// Valid, with 2,000 further names.
    ManyNames,
    /// The chain is complete but not in order: the certificate, the root, the intermediate CA (RFC 8446 §4.4.2 asks clients
    /// to accept any order after the first).
    Unordered,
    /// The chain has 150 intermediate CAs.
    LongChain,
    /// It was valid for 30 days and expired a week ago.
    Expired,
    /// It is valid in a week.
    NotYetValid,
    /// It is signed with its own key.
    SelfSigned,
    /// It is valid for `wrong-host.invalid` only.
    WrongHost,
    /// Another CA, with another name, signed it.
    UnknownCa,
    /// The intermediate CA is missing in the chain.
    MissingIntermediate,
    /// The intermediate CA comes first in the chain, and the certificate second (RFC 8446 §4.4.2: the certificate must be the
    /// first).
    WrongOrder,
    /// It is a certificate for clients: its extended key usage is clientAuth only (RFC 5280 §4.2.1.12).
    WrongUsage,
    /// It is on the CRL of the server (RFC 5280 §5).
    Revoked,
    /// It is the certificate of a CA.
    CaAsLeaf,
    /// It has no subjectAltName: the host name of the server is in the common name only, which RFC 9525 §2 tells clients to
    /// ignore.
    CnOnly,
    /// It has no IP addresses, so it is not valid for clients that connect to `127.0.0.1` (RFC 9525 §6.5).
    NoIp,
    /// It is valid for the name `*` (RFC 9525 §6.3: a wildcard stands for one label of several).
    WildcardBare,
    /// In its names the last letter of the first label is a wildcard: `localhos*` (RFC 9525 §6.3: a wildcard must be the whole label).
    WildcardPartial,
    /// It is valid for the names directly below the names of the server, such as `mail.localhost`, but not for these
    /// themselves: `*.localhost` (RFC 9525 §6.3).
    Wildcard,
    /// The server signs the handshake with a key that does not belong to the certificate.
    WrongKey,
    /// The first certificate of the chain is not a certificate: its DER cannot be parsed.
    Garbage,
    /// [`Good`](Self::Good) for clients that send a server name (SNI, RFC 6066 §3); others get a self-signed certificate for
    /// `sni-missing.invalid`.
    NeedsSni,
    /// The certificate that the server was given. Only servers that were given one have it; it is their default.
    Own,
}

/// What a client has to do with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    Accept,
    /// It depends on the client: how it connects, which checks it has.
    Either,
    Refuse,
}

impl Certificate {
    /// All of them: those that every client accepts, those that only some accept, those that no client may accept.
    ///
    /// ```
    /// use mailjig::Certificate;
    ///
    /// assert_eq!(Certificate::ALL[0], Certificate::Good);
    /// ```
    pub const ALL: &'static [Self] = &[
        Self::Good,
        Self::Renewed,
        Self::Rsa,
        Self::Ed25519,
        Self::ManyNames,
        Self::Unordered,
        Self::Own,
        Self::NeedsSni,
        Self::LongChain,
        Self::CaAsLeaf,
        Self::CnOnly,
        Self::Revoked,
        Self::NoIp,
        Self::WildcardPartial,
        Self::WildcardBare,
        Self::Wildcard,
        Self::Expired,
        Self::NotYetValid,
        Self::SelfSigned,
        Self::WrongHost,
        Self::UnknownCa,
        Self::MissingIntermediate,
        Self::WrongOrder,
        Self::WrongUsage,
        Self::WrongKey,
        Self::Garbage,
    ];

    /// Its name in scenarios, options and JSON, such as `wrong-host`.
    ///
    /// ```
    /// assert_eq!(mailjig::Certificate::NotYetValid.name(), "not-yet-valid");
    /// ```
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The certificate of this name.
    ///
    /// ```
    /// use mailjig::Certificate;
    ///
    /// assert_eq!(Certificate::named("self-signed"), Some(Certificate::SelfSigned));
    /// assert_eq!(Certificate::named("splendid"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|its| its.name() == name)
    }

    /// What it is, in one line.
    ///
    /// ```
    /// assert_eq!(mailjig::Certificate::Expired.about(), "expired a week ago");
    /// ```
    pub fn about(self) -> &'static str {
        self.row().1
    }

    /// Whether every client has to refuse it that connects to a name of the server and verifies certificates at all.
    ///
    /// False for certificates that only some clients have to refuse: those that check revocation
    /// ([`Revoked`](Self::Revoked)), that connect to an IP address ([`NoIp`](Self::NoIp)), that ignore common names
    /// ([`CnOnly`](Self::CnOnly)), and so on.
    ///
    /// ```
    /// use mailjig::Certificate;
    ///
    /// assert!(Certificate::SelfSigned.must_be_refused());
    /// assert!(!Certificate::Revoked.must_be_refused());
    /// assert!(!Certificate::Rsa.must_be_refused());
    /// ```
    pub fn must_be_refused(self) -> bool {
        self.row().2 == Duty::Refuse
    }

    /// Whether every client has to accept it.
    ///
    /// ```
    /// use mailjig::Certificate;
    ///
    /// assert!(Certificate::Rsa.must_be_accepted());
    /// assert!(!Certificate::Revoked.must_be_accepted());
    /// ```
    pub fn must_be_accepted(self) -> bool {
        self.row().2 == Duty::Accept
    }

    fn row(self) -> (&'static str, &'static str, Duty) {
        use Duty::{Accept, Either, Refuse};
        match self {
            Self::Good => ("good", "valid", Accept),
            Self::Renewed => ("renewed", "valid, with another key and serial number than `good`", Accept),
            Self::Rsa => ("rsa", "valid, with an RSA key of 2048 bits", Accept),
            Self::Ed25519 => ("ed25519", "valid, with an Ed25519 key", Accept),
            Self::ManyNames => ("many-names", "valid, with 2,000 further names", Accept),
            Self::Unordered => ("unordered", "valid; the chain after it is not in order", Accept),
            Self::LongChain => ("long-chain", "has a chain of 150 intermediate CAs", Either),
            Self::Expired => ("expired", "expired a week ago", Refuse),
            Self::NotYetValid => ("not-yet-valid", "valid in a week", Refuse),
            Self::SelfSigned => ("self-signed", "signed with its own key", Refuse),
            Self::WrongHost => ("wrong-host", "valid for `wrong-host.invalid` only", Refuse),
            Self::UnknownCa => ("unknown-ca", "signed by a CA that clients do not know", Refuse),
            Self::MissingIntermediate => {
                ("missing-intermediate", "sent without the intermediate CA that signed it", Refuse)
            }
            Self::WrongOrder => ("wrong-order", "sent after the intermediate CA", Refuse),
            Self::WrongUsage => ("wrong-usage", "for clients only (extended key usage)", Refuse),
            Self::Revoked => ("revoked", "on the CRL of the server", Either),
            Self::CaAsLeaf => ("ca-as-leaf", "the certificate of a CA", Either),
            Self::CnOnly => ("cn-only", "has the host name in the common name only", Either),
            Self::NoIp => ("no-ip", "has no IP addresses", Either),
            Self::WildcardBare => ("wildcard-bare", "valid for the name `*`", Refuse),
            Self::WildcardPartial => ("wildcard-partial", "has a wildcard as part of a label", Either),
            Self::Wildcard => ("wildcard", "valid for names below those of the server only", Refuse),
            Self::WrongKey => ("wrong-key", "does not belong to the key of the server", Refuse),
            Self::Garbage => ("garbage", "cannot be parsed", Refuse),
            Self::NeedsSni => ("needs-sni", "valid if the client sends a server name", Either),
            Self::Own => ("own", "the certificate that the server was given", Either),
        }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_certificate_has_a_name_of_its_own() {
        for certificate in Certificate::ALL {
            assert_eq!(Certificate::named(certificate.name()), Some(*certificate));
            assert!(!(certificate.must_be_refused() && certificate.must_be_accepted()));
        }
    }
}
