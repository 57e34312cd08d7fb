//! APOP (RFC 1939 §7): a digest over the greeting's timestamp and the password. It is a command of POP3 and has no name
//! in the list of mechanisms.

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};

use super::text::forms;
use super::{Credentials, LoginVerdict};

/// The verdict on a login with this digest, after a greeting with this timestamp.
pub(crate) fn apop(login: &str, digest: &str, timestamp: &str, credentials: &dyn Credentials) -> LoginVerdict {
    let matches = |password: &str| HEXLOWER.encode(&Md5::digest(format!("{timestamp}{password}"))) == digest;
    // RFC 6856 §2.2 requires SASLprep; older clients do not know it.
    LoginVerdict::of_proof(login, credentials, |password| forms(password).any(|its| matches(&its)))
}

#[cfg(test)]
mod tests {
    use super::super::{Password, TokenError};
    use super::*;

    struct Tanstaaf;

    impl Credentials for Tanstaaf {
        fn password(&self, _login: &str) -> Password<'_> {
            Password::Is("tanstaaf")
        }

        fn token(&self, _login: Option<&str>, _token: &str) -> Result<String, TokenError> {
            Err(TokenError::Unknown)
        }
    }

    #[test]
    fn the_digest_of_the_rfc_proves_the_login() {
        let timestamp = "<1896.697170952@dbc.mtview.ca.us>";
        let digest = "c4c9334bac560ecc979e58001b3e22fb";

        assert!(apop("mrose", digest, timestamp, &Tanstaaf).is_proven());
        assert!(!apop("mrose", digest, "<1@dbc.mtview.ca.us>", &Tanstaaf).is_proven());
    }
}
