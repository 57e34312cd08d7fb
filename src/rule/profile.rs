//! What a listener presents in TLS, as data independent of the TLS library.

/// What a listener presents in TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) certificate: Certificate,
    pub(crate) versions: Versions,
    pub(crate) client_auth: ClientAuth,
    /// Application protocols (RFC 7301) in the server's order of preference. Empty: the server negotiates none.
    pub(crate) alpn: Vec<Box<str>>,
}

impl Profile {
    pub(crate) const DEFAULT: Self = Self::of(Certificate::Good);

    /// The default profile with this certificate.
    pub(crate) const fn of(certificate: Certificate) -> Self {
        Self { certificate, versions: Versions::Both, client_auth: ClientAuth::None, alpn: Vec::new() }
    }
}

/// Which certificate a listener presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// Valid for the names of the server.
    Good,
    /// Valid for the same names until a week ago.
    Expired,
}

impl Certificate {
    pub(crate) const ALL: [(&'static str, Self); 2] = [("good", Self::Good), ("expired", Self::Expired)];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, certificate)| *certificate == self).map_or("", |(name, _)| name)
    }
}

/// The TLS versions of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "rules and scenarios cannot choose versions yet"))]
pub(crate) enum Versions {
    /// TLS 1.2 and TLS 1.3.
    Both,
    Tls12,
    Tls13,
}

/// Whether a listener requests a client certificate, signed by the server's CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    None,
    /// Requested; a client without one may continue.
    Requested,
    /// Required: the handshake fails without one.
    #[cfg_attr(not(test), expect(dead_code, reason = "rules and scenarios cannot require client certificates yet"))]
    Required,
}
