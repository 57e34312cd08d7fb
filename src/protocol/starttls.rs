//! What a listener that begins in the clear says about STARTTLS, and what it refuses before it.

use std::fmt;

/// How a listener that begins in cleartext treats STARTTLS (RFC 3207, RFC 3501 §6.2.1, RFC 2595 §4), and what it refuses before
/// it. Each value requires more than the one before.
///
/// ```
/// use mailjig::StartTls;
///
/// assert!(StartTls::Offered < StartTls::BeforeLogin);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StartTls {
    /// STARTTLS is neither announced nor accepted: the session stays in the clear.
    Never,
    /// STARTTLS is announced; a client may go on without it.
    Offered,
    /// No login before TLS: SMTP answers AUTH with 538 (RFC 4954 §6), IMAP announces LOGINDISABLED and answers
    /// `NO [PRIVACYREQUIRED]` (RFC 3501 §6.2.3, RFC 5530 §3), POP3 answers `-ERR [AUTH]` (RFC 3206).
    BeforeLogin,
    /// Nothing before TLS but what leads to it: SMTP answers everything but EHLO, NOOP, QUIT and STARTTLS with 530
    /// (RFC 3207 §4), IMAP logins and ID with `NO [PRIVACYREQUIRED]`, POP3 everything but CAPA, QUIT and
    /// STLS with `-ERR`.
    BeforeAnything,
}

impl StartTls {
    /// All of them, from the one that requires least.
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
