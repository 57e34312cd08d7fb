//! What a listener presents in TLS, as data independent of the TLS library.

mod keys;

use std::sync::Arc;

pub(crate) use keys::{ALPN, CERT, CLIENT_CA, CLIENT_CERT, GROUPS_KEY, MAX, MIN, RESUMPTION, SUITES_KEY, has_profile};

use crate::base::{Certificate, Pattern};
use crate::protocol::Listener;

/// What a listener presents in TLS. `None` leaves a setting to the profile below; at the bottom, it stands for the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    /// Default: [`Certificate::Own`] if the server was given one, otherwise [`Certificate::Good`].
    pub(crate) certificate: Option<Certificate>,
    /// Default: TLS 1.2.
    pub(crate) min: Option<Version>,
    /// Default: TLS 1.3.
    pub(crate) max: Option<Version>,
    /// Cipher suites by their names in the registry of IANA. Default: all that the TLS library has.
    pub(crate) suites: Option<Arc<[&'static str]>>,
    /// Key exchange groups, in the order of preference. Default: all that the TLS library has.
    pub(crate) groups: Option<Arc<[&'static str]>>,
    /// Default: none.
    pub(crate) client_auth: Option<ClientAuth>,
    /// Default: the server's own CA.
    pub(crate) client_ca: Option<ClientCa>,
    /// Application protocols (RFC 7301) in the server's order of preference. Default, and if empty: the server negotiates
    /// none.
    pub(crate) alpn: Option<Arc<[Box<str>]>>,
    /// Whether clients can resume sessions. Default: no.
    pub(crate) resumption: Option<bool>,
}

impl Profile {
    /// Fills in what this profile leaves open. Returns whether the other profile contributed anything.
    pub(crate) fn fill(&mut self, below: &Self) -> bool {
        let Self { certificate, min, max, suites, groups, client_auth, client_ca, alpn, resumption } = below;
        let mut is_used = false;
        is_used |= fill(&mut self.certificate, certificate);
        // What this profile says counts, so a version that contradicts it does not.
        let is_lowest = |its: &Version| self.max.is_none_or(|max| *its <= max);
        is_used |= fill(&mut self.min, &min.filter(is_lowest));
        let is_highest = |its: &Version| self.min.is_none_or(|min| min <= *its);
        is_used |= fill(&mut self.max, &max.filter(is_highest));
        is_used |= fill(&mut self.suites, suites);
        is_used |= fill(&mut self.groups, groups);
        is_used |= fill(&mut self.client_auth, client_auth);
        is_used |= fill(&mut self.client_ca, client_ca);
        is_used |= fill(&mut self.alpn, alpn);
        is_used |= fill(&mut self.resumption, resumption);
        is_used
    }

    /// The profile that presents this certificate, and leaves all else open.
    pub(crate) fn of(certificate: Certificate) -> Self {
        Self { certificate: Some(certificate), ..Self::default() }
    }

    pub(crate) fn certificate(&self) -> Certificate {
        // The suites of old versions need an RSA key.
        self.certificate.unwrap_or(if self.old().is_some() { Certificate::Rsa } else { Certificate::Good })
    }

    /// The lowest and the highest version with which a handshake can be completed.
    pub(crate) fn versions(&self) -> (Version, Version) {
        let max = self.max.filter(|_| self.old().is_none()).unwrap_or(Version::Tls13);
        (self.min.unwrap_or(Version::Tls12), max)
    }

    /// The old version that the server pretends to speak.
    pub(crate) fn old(&self) -> Option<Version> {
        self.max.filter(|max| *max < Version::Tls12)
    }
}

/// A profile, and the sessions that it is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProfileEntry {
    /// `None`: every listener.
    pub(crate) listener: Option<Listener>,
    /// The server name that the client requests; `None`: every client.
    pub(crate) sni: Option<Pattern>,
    pub(crate) profile: Profile,
}

impl ProfileEntry {
    /// For every session.
    pub(crate) fn for_all(profile: Profile) -> Self {
        Self { listener: None, sni: None, profile }
    }

    /// Fills in what the profile leaves open, for a client of this listener that requests this name. An entry for a name
    /// takes precedence over one without, then one for the listener over one without, then the first.
    pub(crate) fn fill_all(profile: &mut Profile, entries: &[Self], listener: Listener, sni: Option<&str>) {
        for (has_sni, has_listener) in [(true, true), (true, false), (false, true), (false, false)] {
            let entries = entries.iter().filter(|its| its.sni.is_some() == has_sni);
            for its in entries.filter(|its| its.listener.is_some() == has_listener) {
                if its.listener.is_none_or(|its| its == listener)
                    && its.sni.as_ref().is_none_or(|its| sni.is_some_and(|sni| its.matches_word(sni)))
                {
                    profile.fill(&its.profile);
                }
            }
        }
    }
}

fn fill<T: Clone>(own: &mut Option<T>, below: &Option<T>) -> bool {
    let is_used = own.is_none() && below.is_some();
    if is_used {
        own.clone_from(below);
    }
    is_used
}

/// A TLS version. Before TLS 1.2 the server cannot complete a handshake: it answers as an old server does, until the client
/// refuses or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl Version {
    pub(crate) const ALL: [(&'static str, Self); 4] =
        [("1.0", Self::Tls10), ("1.1", Self::Tls11), ("1.2", Self::Tls12), ("1.3", Self::Tls13)];

    /// Those with which the server can complete a handshake.
    pub(crate) const COMPLETE: [(&'static str, Self); 2] = [Self::ALL[2], Self::ALL[3]];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, version)| *version == self).map_or("", |(name, _)| name)
    }
}

/// Whether a listener requests a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ClientAuth {
    None,
    /// Requested; a client without one may continue.
    Requested,
    /// Required: the handshake fails without one.
    Required,
    /// Requested, and then every certificate is refused.
    Refused,
}

impl ClientAuth {
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("none", Self::None),
        ("requested", Self::Requested),
        ("required", Self::Required),
        ("refused", Self::Refused),
    ];
}

/// Which CA must have signed client certificates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ClientCa {
    /// The server's own.
    Own,
    /// Any: certificates are only recorded.
    Any,
    /// These, in PEM.
    Pem(Arc<str>),
}

impl ClientCa {
    /// Fails with what is wrong. The certificates themselves are read when a client comes.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        match written {
            "own" => Ok(Self::Own),
            "any" => Ok(Self::Any),
            pem if pem.contains("-----BEGIN CERTIFICATE-----") => Ok(Self::Pem(pem.into())),
            other => Err(format!("`{other}` is not a CA: write `own`, `any`, or certificates in PEM")),
        }
    }

    pub(crate) fn written(&self) -> &str {
        match self {
            Self::Own => "own",
            Self::Any => "any",
            Self::Pem(pem) => pem,
        }
    }
}

/// The cipher suites that a profile can choose from (RFC 8446 §B.4, RFC 5289, RFC 7905).
pub(crate) const SUITES: [&str; 9] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// The groups that a profile can choose from (RFC 8446 §4.2.7).
pub(crate) const GROUPS: [&str; 3] = ["x25519", "secp256r1", "secp384r1"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_contradicts_an_outer_profile_does_not_count() {
        let of = |min, max| Profile { min, max, ..Profile::default() };
        let (v12, v13) = (Some(Version::Tls12), Some(Version::Tls13));
        for (outer, inner, wanted) in [
            (of(None, v12), of(v13, None), of(None, v12)),
            (of(v13, None), of(None, v12), of(v13, None)),
            (of(v12, None), of(v13, v13), of(v12, v13)),
            (of(None, None), of(v13, v13), of(v13, v13)),
            (of(None, Some(Version::Tls10)), of(v12, None), of(None, Some(Version::Tls10))),
        ] {
            let mut filled = outer.clone();
            filled.fill(&inner);
            assert_eq!(filled, wanted, "{outer:?} filled with {inner:?}");
        }
    }
}
