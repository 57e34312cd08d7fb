//! SASL (RFC 4422): mechanisms as pure state machines over octets. A client's response goes in; a challenge, or the
//! verdict on a login, comes out. All that a mechanism learns of accounts are their passwords.
//!
//! Knows nothing of mail, of protocols and of sockets.

mod apop;
mod authentication;

pub(crate) use apop::apop;
pub(crate) use authentication::{Authentication, Progress, Rejection, initial_response};

/// Declares the mechanisms: each is a file with a `MECHANISM` in it.
macro_rules! mechanisms {
    ($($module:ident,)*) => {
        $(mod $module;)*

        /// All mechanisms, in the order they are announced.
        const MECHANISMS: &[&Mechanism] = &[$(&$module::MECHANISM,)*];
    };
}

mechanisms! {
    plain,
    login,
}

/// A mechanism: its name, and how an exchange of it begins.
#[derive(Debug)]
pub(crate) struct Mechanism {
    name: &'static str,
    /// Whether it ties the login to the TLS connection (RFC 5056), as those whose names end with `-PLUS` do.
    needs_channel_binding: bool,
    begin: fn(&Context<'_>) -> Box<dyn SaslExchange>,
}

/// What the server knows when an exchange begins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context<'a> {
    /// The server's own name.
    pub(crate) host: &'a str,
    /// The number of the session, from 1; 0 where there is none.
    pub(crate) session: u32,
    /// What generated values are made of, besides the session's number.
    pub(crate) seed: u32,
    /// What identifies the TLS connection (RFC 5929, RFC 9266); none in the clear, or where TLS does not say it.
    pub(crate) channel_binding: Option<&'a [u8]>,
}

/// One exchange at one of its steps. It is never changed: a response leads to the next.
pub(crate) trait SaslExchange: std::fmt::Debug + Send {
    /// What the server says before the client's next response; empty where the client speaks first.
    fn challenge(&self) -> Vec<u8>;

    /// Whether the client's next response is its last.
    fn is_last(&self) -> bool {
        true
    }

    /// Who logs in, once a response has said so.
    fn login(&self) -> Option<&str> {
        None
    }

    /// Takes the client's next response.
    fn step(&self, response: &[u8], passwords: &dyn Passwords) -> SaslStep;
}

/// What a response leads to.
#[derive(Debug)]
pub(crate) enum SaslStep {
    /// The next step: its challenge is said.
    Next(Box<dyn SaslExchange>),
    Verdict(LoginVerdict),
    /// The response does not follow the mechanism's grammar, and why.
    Malformed(&'static str),
}

/// Who tried to log in, and whether the client proved to be that user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginVerdict {
    pub(crate) login: String,
    pub(crate) is_proven: bool,
}

/// The accounts, as far as mechanisms ask for them.
pub(crate) trait Passwords {
    /// The password of this login.
    fn password(&self, login: &str) -> Password<'_>;
}

/// A password that a client has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Password<'a> {
    /// Everybody may log in, with any password.
    Any,
    Is(&'a str),
    /// Nobody may log in by this name.
    Unknown,
}

impl Mechanism {
    /// The mechanism of this name, in any case.
    pub(crate) fn parse(name: &[u8]) -> Option<&'static Self> {
        MECHANISMS.iter().copied().find(|mechanism| mechanism.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Those that can be used on this connection, in the order they are announced.
    pub(crate) fn available(channel_binding: Option<&[u8]>) -> impl Iterator<Item = &'static Self> {
        let is_bound = channel_binding.is_some();
        MECHANISMS.iter().copied().filter(move |mechanism| is_bound || !mechanism.needs_channel_binding)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

impl PartialEq for Mechanism {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Mechanism {}

impl Context<'_> {
    /// A text that no other session is given, in the form of a msg-id: APOP's timestamp (RFC 1939 §7), and the
    /// challenge of CRAM-MD5 (RFC 2195 §2).
    pub(crate) fn timestamp(&self) -> String {
        format!("<{}.{}@{}>", self.session, self.seed, self.host)
    }
}

impl LoginVerdict {
    /// The verdict on a login whose password was sent.
    pub(crate) fn of_password(login: &str, password: &str, passwords: &dyn Passwords) -> Self {
        Self::of_proof(login, passwords, |its| its == password)
    }

    /// The verdict where the client did not send the password: `proves` says whether it knows it.
    pub(crate) fn of_proof(login: &str, passwords: &dyn Passwords, proves: impl FnOnce(&str) -> bool) -> Self {
        let is_proven = match passwords.password(login) {
            Password::Any => true,
            Password::Is(password) => proves(password),
            Password::Unknown => false,
        };
        Self { login: login.to_owned(), is_proven }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everybody's password is `secret`.
    pub(super) struct Secret;

    impl Passwords for Secret {
        fn password(&self, login: &str) -> Password<'_> {
            if login == "nobody" { Password::Unknown } else { Password::Is("secret") }
        }
    }

    pub(super) fn verdict(login: &str, is_proven: bool) -> LoginVerdict {
        LoginVerdict { login: login.to_owned(), is_proven }
    }

    #[test]
    fn mechanisms_that_bind_to_the_channel_are_available_where_there_is_one() {
        let names = |binding: Option<&[u8]>| Mechanism::available(binding).map(Mechanism::name).collect::<Vec<_>>();

        assert!(Mechanism::available(None).all(|mechanism| !mechanism.needs_channel_binding));
        assert_eq!(names(Some(b"exporter")), MECHANISMS.iter().map(|mechanism| mechanism.name).collect::<Vec<_>>());
    }

    #[test]
    fn a_password_is_right_for_its_login_alone() {
        assert_eq!(LoginVerdict::of_password("bob", "secret", &Secret), verdict("bob", true));
        assert_eq!(LoginVerdict::of_password("bob", "Secret", &Secret), verdict("bob", false));
        assert_eq!(LoginVerdict::of_password("nobody", "secret", &Secret), verdict("nobody", false));
    }
}
