//! Proof Key for ErrorCode Exchange (RFC 7636).

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};

use super::{FormParams, OAuthError};

/// What the client promises to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Plain(String),
    S256(String),
}

impl Challenge {
    /// The challenge in an authorization request, if it has one (RFC 7636 §4.3).
    pub(super) fn of(form: &FormParams) -> Result<Option<Self>, OAuthError> {
        let method = form.get("code_challenge_method")?;
        let Some(challenge) = form.get("code_challenge")? else {
            let alone = || OAuthError::request("`code_challenge_method` needs a `code_challenge`");
            return method.map_or(Ok(None), |_| Err(alone()));
        };
        match method {
            _ if !is_verifier(challenge) => {
                Err(OAuthError::request("`code_challenge` has 43 to 128 letters, digits and - . _ ~"))
            }
            Some("S256") => Ok(Some(Self::S256(challenge.to_owned()))),
            None | Some("plain") => Ok(Some(Self::Plain(challenge.to_owned()))),
            Some(_) => Err(OAuthError::request("`code_challenge_method` is S256 or plain")),
        }
    }

    /// Whether the client knows it (RFC 7636 §4.6).
    pub(super) fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            _ if !is_verifier(verifier) => false,
            Self::Plain(challenge) => challenge == verifier,
            Self::S256(challenge) => {
                *challenge == BASE64URL_NOPAD.encode(digest(&SHA256, verifier.as_bytes()).as_ref())
            }
        }
    }
}

/// RFC 7636 §4.1.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_verifier_meets_its_challenge() {
        let of = |form: &str| Challenge::of(&FormParams::parse(form)).unwrap().unwrap();
        let hashed = of(&format!("code_challenge={CHALLENGE}&code_challenge_method=S256"));
        let plain = of(&format!("code_challenge={VERIFIER}"));

        assert!(hashed.is_met_by(VERIFIER) && !hashed.is_met_by(CHALLENGE) && !hashed.is_met_by("short"));
        assert!(plain.is_met_by(VERIFIER) && !plain.is_met_by(CHALLENGE));
        assert_eq!(Challenge::of(&FormParams::default()), Ok(None));
        for wrong in [
            "code_challenge=short",
            "code_challenge_method=S256",
            &format!("code_challenge={CHALLENGE}&code_challenge_method=s256"),
        ] {
            assert!(Challenge::of(&FormParams::parse(wrong)).is_err(), "{wrong}");
        }
    }
}
