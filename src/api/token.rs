//! The token that a request must bring: as a bearer token (RFC 6750), or as the password of Basic authentication
//! (RFC 7617), because some clients can only do that.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;

use super::problem::Problem;

/// A token, kept as a code that is compared in constant time.
pub(super) struct Token {
    key: hmac::Key,
    code: hmac::Tag,
}

/// Why a request is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    /// It has no token.
    Without,
    /// It has another one.
    Wrong,
}

impl Token {
    pub(super) fn new(token: &str) -> Self {
        let key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new()).expect("the system has random numbers");
        let code = hmac::sign(&key, token.as_bytes());
        Self { key, code }
    }

    /// Fails unless the request has this token.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), NotAdmitted> {
        let given =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(NotAdmitted::Without)?;
        let (scheme, rest) = given.split_once(' ').ok_or(NotAdmitted::Wrong)?;
        let rest = rest.trim().as_bytes();
        let token = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => rest.to_vec(),
            "basic" => {
                let login = BASE64.decode(rest).map_err(|_| NotAdmitted::Wrong)?;
                let colon = login.iter().position(|octet| *octet == b':').ok_or(NotAdmitted::Wrong)?;
                login[colon + 1..].to_vec()
            }
            _ => return Err(NotAdmitted::Wrong),
        };
        hmac::verify(&self.key, &token, self.code.as_ref()).map_err(|_| NotAdmitted::Wrong)
    }
}

impl IntoResponse for NotAdmitted {
    fn into_response(self) -> Response {
        let wrong = match self {
            Self::Without => "the request has no token",
            Self::Wrong => "the token of the request is wrong",
        };
        let detail = format!(
            "{wrong}: send the token of `mailjig serve --token` (`MAILJIG_TOKEN`; in Rust `token`) as `Authorization: \
             Bearer TOKEN`, or as the password of Basic authentication"
        );
        let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
        for challenge in [r#"Bearer realm="mailjig""#, r#"Basic realm="mailjig", charset="UTF-8""#] {
            response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_is_admitted() {
        let token = Token::new("s3cret");
        let admit = |authorization: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
            token.admit(&headers)
        };
        let basic = |login: &str| admit(&format!("Basic {}", BASE64.encode(login.as_bytes())));

        assert_eq!(token.admit(&HeaderMap::new()), Err(NotAdmitted::Without));
        assert_eq!(
            [admit("Bearer s3cret"), admit("bearer  s3cret"), basic("any:s3cret"), basic(":s3cret")],
            [Ok(()); 4]
        );
        let wrong = ["Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Digest s3cret", "Basic s3cret", "Basic ="];
        for wrong in wrong {
            assert_eq!(admit(wrong), Err(NotAdmitted::Wrong), "{wrong}");
        }
        assert_eq!([basic("s3cret"), basic("s3cret:"), basic("any:s3cret:")], [Err(NotAdmitted::Wrong); 3]);
    }
}
