//! Clients: who they are, and where they may be sent (RFC 6749 §2, §3.1.2).

use data_encoding::BASE64;

use super::error::ErrorCode;
use super::form::decoded;
use super::{FormParams, OAuthError, Provider};

/// A client that the provider knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) id: String,
    /// `None` for a public client, which cannot keep a secret (RFC 6749 §2.1).
    pub(crate) secret: Option<String>,
    /// Where it may be sent; empty means everywhere.
    pub(crate) redirect_uris: Vec<String>,
}

/// The client that a request names, and its secret, if it sends one (RFC 6749 §2.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCredentials {
    id: String,
    secret: Option<String>,
}

impl ClientCredentials {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Reads Basic authentication, or the parameters of the body; not both.
    pub(crate) fn of(authorization: Option<&str>, form: &FormParams) -> Result<Option<Self>, OAuthError> {
        let in_body = form.get("client_id")?;
        let secret = form.get("client_secret")?;
        let basic = authorization.and_then(|value| value.split_once(' '));
        let Some((_, base64)) = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic")) else {
            return Ok(in_body.map(|id| Self { id: id.to_owned(), secret: secret.map(str::to_owned) }));
        };
        let text = BASE64.decode(base64.trim().as_bytes()).ok().and_then(|octets| String::from_utf8(octets).ok());
        let pair = text.as_deref().and_then(|text| text.split_once(':'));
        let (id, password) =
            pair.ok_or_else(|| OAuthError::new(ErrorCode::InvalidClient, "Basic needs id:secret in base64"))?;
        // RFC 6749 §2.3.1: both are encoded like a form.
        let its = Self { id: decoded(id), secret: Some(decoded(password)).filter(|its| !its.is_empty()) };
        match secret.is_some() || in_body.is_some_and(|id| id != its.id) {
            true => Err(OAuthError::request("the client is authenticated twice: in the header and in the body")),
            false => Ok(Some(its)),
        }
    }
}

impl Provider {
    /// The id of the client that makes a request. Every client is accepted if none are configured.
    pub(crate) fn authenticated(&self, client: Option<&ClientCredentials>) -> Result<String, OAuthError> {
        let invalid = |why: &str| OAuthError::new(ErrorCode::InvalidClient, why);
        let client = client.ok_or_else(|| invalid("`client_id` is missing, in the body or in Basic authentication"))?;
        if self.settings.clients.is_empty() {
            return Ok(client.id.clone());
        }
        let known = self.known(&client.id).ok_or_else(|| invalid("the client is not known"))?;
        // The secrets are those of a test, so the time of the comparison need not be constant.
        match known.secret.is_none() || known.secret == client.secret {
            true => Ok(client.id.clone()),
            false => Err(invalid("the secret of the client is wrong")),
        }
    }

    /// Fails if a request must not be redirected there: the client is not known, or the URI is not its own or not
    /// absolute (RFC 6749 §3.1.2).
    pub(super) fn may_redirect(&self, client: &str, uri: &str) -> Result<(), String> {
        let scheme = uri.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet));
        // A page of the provider must not run a script of somebody else.
        let is_script = ["javascript", "data", "vbscript"].iter().any(|its| scheme.eq_ignore_ascii_case(its));
        if !is_scheme || is_script || uri.contains('#') || !uri.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err("`redirect_uri` must be an absolute URI without a fragment".to_owned());
        }
        if self.settings.clients.is_empty() {
            return Ok(());
        }
        let known = self.known(client).ok_or("the client is not known")?;
        let is_its = |its: &String| its == uri || without_port(its).is_some_and(|its| Some(its) == without_port(uri));
        match known.redirect_uris.is_empty() || known.redirect_uris.iter().any(is_its) {
            true => Ok(()),
            false => Err("`redirect_uri` is not one of the client".to_owned()),
        }
    }

    fn known(&self, id: &str) -> Option<&Client> {
        self.settings.clients.iter().find(|client| client.id == id)
    }
}

/// A loopback URI without its port, which a client chooses at each start (RFC 8252 §7.3).
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let rest = ["http://127.0.0.1", "http://[::1]", "http://localhost"].iter().find_map(|host| {
        let rest = uri.strip_prefix(host)?;
        Some((*host, rest))
    });
    let (host, rest) = rest?;
    let path = rest.strip_prefix(':').map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    (path.is_empty() || path.starts_with(['/', '?'])).then_some((host, path))
}
