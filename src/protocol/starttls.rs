//! The STARTTLS setting of a listener that begins in cleartext.

use std::fmt;

use crate::sasl::Channel;

/// How a listener that begins in cleartext treats STARTTLS (RFC 3207, RFC 3501 §6.2.1, RFC 2595 §4), and what it
/// refuses before it. Each value requires more than the one before.
///
/// ```
/// use mailjig::StartTls;
///
/// assert!(StartTls::Offered < StartTls::BeforeLogin);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StartTls {
    /// STARTTLS is neither announced nor accepted: the session stays in cleartext.
    Never,
    /// STARTTLS is announced; a client may continue without it.
    Offered,
    /// No login before TLS: SMTP answers AUTH with 538 (RFC 4954 §6), IMAP announces LOGINDISABLED and answers
    /// `NO [PRIVACYREQUIRED]` (RFC 3501 §6.2.3, RFC 5530 §3), POP3 answers `-ERR [AUTH]` (RFC 3206).
    BeforeLogin,
    /// Only what leads to TLS is allowed before it: SMTP answers everything but EHLO, NOOP, QUIT and STARTTLS with 530
    /// (RFC 3207 §4), IMAP logins and ID with `NO [PRIVACYREQUIRED]`, POP3 everything but CAPA, QUIT and
    /// STLS with `-ERR`.
    BeforeAnything,
}

impl StartTls {
    /// All of them, from the least strict.
    ///
    /// ```
    /// use mailjig::StartTls;
    ///
    /// assert_eq!(StartTls::ALL[0], StartTls::Never);
    /// ```
    pub const ALL: &'static [Self] = &[Self::Never, Self::Offered, Self::BeforeLogin, Self::BeforeAnything];

    /// Its name in options, scenarios and JSON: `never`, `offered`, `before-login`, `before-anything`.
    ///
    /// ```
    /// assert_eq!(mailjig::StartTls::BeforeLogin.name(), "before-login");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Offered => "offered",
            Self::BeforeLogin => "before-login",
            Self::BeforeAnything => "before-anything",
        }
    }
}

impl fmt::Display for StartTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The TLS state of a session: the listener's STARTTLS setting, whether TLS is active, and the connection.
#[derive(Debug)]
pub(super) struct TlsState {
    starttls: StartTls,
    is_active: bool,
    channel: Option<Box<Channel>>,
}

/// Why STARTTLS is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoStartTls {
    /// TLS is already active.
    Active,
    /// The listener does not support it.
    Never,
}

impl TlsState {
    pub(super) fn new(starttls: StartTls, is_active: bool) -> Self {
        Self { starttls, is_active, channel: None }
    }

    pub(super) fn is_active(&self) -> bool {
        self.is_active
    }

    /// The TLS connection, for channel binding.
    pub(super) fn channel(&self) -> Option<&Channel> {
        self.channel.as_deref()
    }

    /// Sets the TLS connection.
    pub(super) fn bind(&mut self, channel: Channel) {
        self.channel = Some(Box::new(channel));
    }

    /// The handshake is complete.
    pub(super) fn activate(&mut self) {
        self.is_active = true;
    }

    /// Whether STARTTLS is announced.
    pub(super) fn is_offered(&self) -> bool {
        self.starttls >= StartTls::Offered && !self.is_active
    }

    /// Whether this is refused now because STARTTLS is required first.
    pub(super) fn is_required(&self, before: StartTls) -> bool {
        self.starttls >= before && !self.is_active
    }

    /// Whether STARTTLS can be accepted.
    pub(super) fn may_begin(&self) -> Result<(), NoStartTls> {
        match self.starttls {
            _ if self.is_active => Err(NoStartTls::Active),
            StartTls::Never => Err(NoStartTls::Never),
            StartTls::Offered | StartTls::BeforeLogin | StartTls::BeforeAnything => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starttls_is_offered_and_required_until_tls_is_active() {
        for (starttls, is_offered, is_required_before_login, may_begin) in [
            (StartTls::Never, false, false, Err(NoStartTls::Never)),
            (StartTls::Offered, true, false, Ok(())),
            (StartTls::BeforeLogin, true, true, Ok(())),
            (StartTls::BeforeAnything, true, true, Ok(())),
        ] {
            let mut tls = TlsState::new(starttls, false);
            assert_eq!(tls.is_offered(), is_offered, "{starttls}");
            assert_eq!(tls.is_required(StartTls::BeforeLogin), is_required_before_login, "{starttls}");
            assert_eq!(tls.may_begin(), may_begin, "{starttls}");

            tls.activate();

            assert!(!tls.is_offered() && !tls.is_required(StartTls::BeforeLogin), "{starttls}");
            assert_eq!(tls.may_begin(), Err(NoStartTls::Active), "{starttls}");
        }
    }
}
