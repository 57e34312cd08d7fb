//! What a listener presents in TLS.

use std::sync::Arc;

use super::MailServerBuilder;
use super::or_panic;
use crate::base::{Certificate, Pattern};
use crate::protocol::Listener;
use crate::rule::profile::{ALPN, CLIENT_CA, CLIENT_CERT, GROUPS_KEY, MAX, MIN, SUITES_KEY};
use crate::rule::{Profile, ProfileEntry};
use crate::scenario::fragments;

/// What a listener presents in TLS: certificate, versions, cipher suites, client authentication, ALPN. What it leaves open is
/// as the server does by default.
///
/// The words and defaults are those of `[tls]` in a [scenario](crate::manual::scenarios#the-keys-of-a-scenario-file).
///
/// ```
/// use mailjig::prelude::*;
/// use mailjig::{Certificate, Listener, TlsProfile};
///
/// let server = MailServer::builder()
///     .tls(TlsProfile::new().min("1.3"))
///     .tls_on(Listener::Imaps, TlsProfile::new().certificate(Certificate::SelfSigned))
///     .start();
/// # drop(server);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsProfile(Profile);

impl TlsProfile {
    /// A profile that leaves everything open.
    ///
    /// ```
    /// use mailjig::TlsProfile;
    ///
    /// assert_eq!(TlsProfile::new(), TlsProfile::default());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The certificate. Default: [`Certificate::Own`] if the server was given one, otherwise [`Certificate::Good`].
    ///
    /// ```
    /// use mailjig::{Certificate, TlsProfile};
    ///
    /// let _wrong_host = TlsProfile::new().certificate(Certificate::WrongHost);
    /// ```
    pub fn certificate(self, certificate: Certificate) -> Self {
        Self(Profile { certificate: Some(certificate), ..self.0 })
    }

    /// The lowest version of TLS: `1.2` (the default) or `1.3`.
    ///
    /// # Panics
    /// If it is another.
    ///
    /// ```
    /// let _new = mailjig::TlsProfile::new().min("1.3");
    /// ```
    #[track_caller]
    pub fn min(self, version: &str) -> Self {
        self.with(MIN.name, &[version])
    }

    /// The highest version of TLS: `1.2` or `1.3` (the default). With `1.0` or `1.1` the server answers as an old server does,
    /// until the client refuses or goes on.
    ///
    /// # Panics
    /// If it is another.
    ///
    /// ```
    /// let _old = mailjig::TlsProfile::new().max("1.0");
    /// ```
    #[track_caller]
    pub fn max(self, version: &str) -> Self {
        self.with(MAX.name, &[version])
    }

    /// The cipher suites, in the server's order of preference, by their names in the registry of IANA.
    ///
    /// # Panics
    /// If the server does not have one of them.
    ///
    /// ```
    /// let _one = mailjig::TlsProfile::new().suites(["TLS_AES_128_GCM_SHA256"]);
    /// ```
    #[track_caller]
    pub fn suites<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.with(SUITES_KEY.name, &names.into_iter().collect::<Vec<_>>())
    }

    /// The groups for the key exchange, in the server's order of preference: `x25519`, `secp256r1`, `secp384r1`.
    ///
    /// # Panics
    /// If the server does not have one of them.
    ///
    /// ```
    /// let _one = mailjig::TlsProfile::new().groups(["secp384r1"]);
    /// ```
    #[track_caller]
    pub fn groups<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.with(GROUPS_KEY.name, &names.into_iter().collect::<Vec<_>>())
    }

    /// Whether the client is asked for a certificate: `none`, `requested`, `required`, or `refused`: whatever certificate it
    /// sends. Default: `none`, or `requested` if EXTERNAL is announced.
    ///
    /// # Panics
    /// If it is another word.
    ///
    /// ```
    /// let _mutual = mailjig::TlsProfile::new().client_cert("required");
    /// ```
    #[track_caller]
    pub fn client_cert(self, word: &str) -> Self {
        self.with(CLIENT_CERT.name, &[word])
    }

    /// Which CA must have signed the client's certificate: `own`, the server's (the default); `any`, none, so that the
    /// certificate is only recorded; or the certificates of CAs, in PEM.
    ///
    /// # Panics
    /// If it is neither of these.
    ///
    /// ```
    /// let _recorded = mailjig::TlsProfile::new().client_cert("requested").client_ca("any");
    /// ```
    #[track_caller]
    pub fn client_ca(self, ca: &str) -> Self {
        self.with(CLIENT_CA.name, &[ca])
    }

    /// The application protocols (ALPN, RFC 7301), in the server's order of preference. A client that offers only others is
    /// refused. Default: none, so that ALPN is not negotiated.
    ///
    /// # Panics
    /// If one is empty or has more than 255 octets.
    ///
    /// ```
    /// let _imap = mailjig::TlsProfile::new().alpn(["imap"]);
    /// ```
    #[track_caller]
    pub fn alpn<'n>(self, protocols: impl IntoIterator<Item = &'n str>) -> Self {
        self.with(ALPN.name, &protocols.into_iter().collect::<Vec<_>>())
    }

    /// Whether clients can resume TLS sessions. A client that resumes does not verify the certificate again. Default: no.
    ///
    /// ```
    /// let _resumable = mailjig::TlsProfile::new().resumption(true);
    /// ```
    pub fn resumption(self, is_on: bool) -> Self {
        Self(Profile { resumption: Some(is_on), ..self.0 })
    }

    /// The same profile with this key, as in a file.
    #[track_caller]
    fn with(self, key: &str, values: &[&str]) -> Self {
        let mut profile = or_panic(fragments::profile(key, values));
        profile.fill(&self.0);
        Self(profile)
    }

    pub(super) fn into_profile(self) -> Profile {
        self.0
    }
}

impl MailServerBuilder {
    /// What all listeners present in TLS. The scenario and rules take precedence.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::{Certificate, TlsProfile};
    ///
    /// let server = MailServer::builder().tls(TlsProfile::new().certificate(Certificate::Expired)).start();
    /// # drop(server);
    /// ```
    pub fn tls(self, profile: TlsProfile) -> Self {
        self.tls_entry(None, None, profile)
    }

    /// What a listener presents in TLS. It takes precedence over [`tls`](Self::tls).
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::{Listener, TlsProfile};
    ///
    /// let server = MailServer::builder().tls_on(Listener::Pop3s, TlsProfile::new().max("1.2")).start();
    /// # drop(server);
    /// ```
    pub fn tls_on(self, listener: Listener, profile: TlsProfile) -> Self {
        self.tls_entry(Some(listener), None, profile)
    }

    /// What clients get that request such a server name (SNI, RFC 6066 §3); a [`Pattern`]. It takes precedence over
    /// [`tls_on`](Self::tls_on).
    ///
    /// # Panics
    /// If the pattern is not valid.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::{Certificate, TlsProfile};
    ///
    /// let old = TlsProfile::new().certificate(Certificate::Expired);
    /// let server = MailServer::builder().tls_for("old.example.org", old).start();
    /// # drop(server);
    /// ```
    #[track_caller]
    pub fn tls_for(self, name: &str, profile: TlsProfile) -> Self {
        let name = or_panic(Pattern::parse(name).map_err(|error| error.to_string()));
        self.tls_entry(None, Some(name), profile)
    }

    fn tls_entry(mut self, listener: Option<Listener>, sni: Option<Pattern>, profile: TlsProfile) -> Self {
        // What was said last counts.
        Arc::make_mut(&mut self.0.profiles).insert(0, ProfileEntry { listener, sni, profile: profile.0 });
        self
    }

    /// Whether TLS begins with the first octet on a listener. Default: on `smtps`, `imaps` and `pop3s` only. With `false`, the
    /// server speaks in cleartext on a TLS port; with `true`, it expects a ClientHello on a cleartext port.
    ///
    /// ```
    /// use mailjig::Listener;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().implicit_tls(Listener::Imaps, false).start();
    /// # drop(server);
    /// ```
    pub fn implicit_tls(mut self, listener: Listener, is_implicit: bool) -> Self {
        self.0.set_implicit_tls(listener, is_implicit);
        self
    }
}
