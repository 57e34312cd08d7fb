//! What a client asked the OAuth 2.0 provider.

use std::fmt;

/// A request at an endpoint of the OAuth 2.0 provider, and what became of it. It has no token, code or secret.
///
/// The names are those of the manual's chapter [`oauth`](crate::manual::oauth). Texts of the client are cut after 80
/// characters.
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let refresh = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", "unknown")];
/// let refused = ureq::post(format!("{}/oauth2/token", server.api())).send_form(refresh);
/// assert!(refused.is_err());
///
/// let request = &server.oauth_requests()[0];
/// assert_eq!(request.endpoint, "token");
/// assert_eq!(request.grant.as_deref(), Some("refresh_token"));
/// assert_eq!(request.error.as_deref(), Some("invalid_grant"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[cfg_attr(not(feature = "api"), expect(unreachable_pub, reason = "the provider is a part of the HTTP API"))]
pub struct OAuthRequest {
    /// The last part of the path: `token`, `authorize`, `device`, `activate`, `introspect`, `revoke`, `userinfo`,
    /// `jwks`, `openid-configuration` or `oauth-authorization-server`.
    pub endpoint: String,
    /// The id of the client, if the request names it.
    pub client: Option<String>,
    /// The `grant_type` of a request for a token, such as `refresh_token`.
    pub grant: Option<String>,
    /// The status of the answer over HTTP, such as 200.
    pub status: u16,
    /// The error code, such as `invalid_grant`; `None` if there was no error.
    pub error: Option<String>,
    /// The explanation of the error.
    pub reason: Option<String>,
}

impl OAuthRequest {
    /// Octets of its texts.
    pub(super) fn held(&self) -> usize {
        let optional = [&self.client, &self.grant, &self.error, &self.reason];
        self.endpoint.len() + optional.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// For example `token refresh_token of app: 400 invalid_grant: the refresh token has expired`.
impl fmt::Display for OAuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, client, grant, status, error, reason } = self;
        f.write_str(endpoint)?;
        grant.iter().try_for_each(|grant| write!(f, " {grant}"))?;
        client.iter().try_for_each(|client| write!(f, " of {client}"))?;
        write!(f, ": {status}")?;
        error.iter().try_for_each(|error| write!(f, " {error}"))?;
        reason.iter().try_for_each(|reason| write!(f, ": {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_line() {
        let done = OAuthRequest {
            endpoint: "jwks".to_owned(),
            client: None,
            grant: None,
            status: 200,
            error: None,
            reason: None,
        };
        let failed = OAuthRequest {
            endpoint: "token".to_owned(),
            client: Some("app".to_owned()),
            grant: Some("refresh_token".to_owned()),
            status: 400,
            error: Some("invalid_grant".to_owned()),
            reason: Some("the refresh token has expired".to_owned()),
        };

        assert_eq!(done.to_string(), "jwks: 200");
        assert_eq!(failed.to_string(), "token refresh_token of app: 400 invalid_grant: the refresh token has expired");
        assert_eq!(failed.held(), "tokenapprefresh_tokeninvalid_grantthe refresh token has expired".len());
    }
}
