//! The answer to an authorization request, and how it reaches the client.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{FormParams, OAuthError};

/// How the answer reaches the client (OAuth 2.0 Multiple Response Type Encoding Practices §2.1, OAuth 2.0 Form Post
/// Response Mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    /// In the query of the redirect URI: the default of the code flow.
    Query,
    /// In its fragment, for scripts of a page.
    Fragment,
    /// The browser posts it there as a form.
    FormPost,
}

/// Where and how the client gets the answer, and what is repeated in it.
#[derive(Debug, Clone)]
pub(super) struct ReplyTo {
    pub(super) redirect_uri: String,
    mode: ResponseMode,
    state: Option<String>,
    issuer: String,
}

/// An answer that a browser takes to the client.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationAnswer {
    pub(crate) redirect_uri: String,
    pub(crate) mode: ResponseMode,
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// Why the client gets no code.
    pub(crate) error: Option<OAuthError>,
}

impl ResponseMode {
    pub(crate) const ALL: [(&'static str, Self); 3] =
        [("query", Self::Query), ("fragment", Self::Fragment), ("form_post", Self::FormPost)];

    pub(super) fn of(form: &FormParams) -> Result<Self, OAuthError> {
        let Some(wanted) = form.get("response_mode")? else { return Ok(Self::Query) };
        let known = Self::ALL.iter().find(|(name, _)| *name == wanted).map(|(_, mode)| *mode);
        known.ok_or_else(|| OAuthError::request("`response_mode` must be `query`, `fragment` or `form_post`"))
    }
}

impl ReplyTo {
    /// What a request says of it. A wrong mode is an error of the request, whose answer comes in the query.
    pub(super) fn of(form: &FormParams, redirect_uri: &str, issuer: &str) -> Self {
        Self {
            redirect_uri: redirect_uri.to_owned(),
            mode: ResponseMode::of(form).unwrap_or(ResponseMode::Query),
            state: form.get("state").ok().flatten().map(str::to_owned),
            issuer: issuer.to_owned(),
        }
    }

    pub(super) fn code(&self, code: &str) -> AuthorizationAnswer {
        self.answer(vec![("code", code.to_owned())], None)
    }

    /// RFC 6749 §4.1.2.1.
    pub(super) fn error(&self, error: OAuthError) -> AuthorizationAnswer {
        let parameters =
            vec![("error", error.code.name().to_owned()), ("error_description", error.description.clone())];
        self.answer(parameters, Some(error))
    }

    fn answer(&self, mut parameters: Vec<(&'static str, String)>, error: Option<OAuthError>) -> AuthorizationAnswer {
        parameters.extend(self.state.clone().map(|state| ("state", state)));
        // RFC 9207 §2.
        parameters.push(("iss", self.issuer.clone()));
        AuthorizationAnswer { redirect_uri: self.redirect_uri.clone(), mode: self.mode, parameters, error }
    }
}

impl AuthorizationAnswer {
    /// Where the browser is redirected; `None` if it posts a form.
    pub(crate) fn location(&self) -> Option<String> {
        let sign = match self.mode {
            ResponseMode::Query if self.redirect_uri.contains('?') => '&',
            ResponseMode::Query => '?',
            ResponseMode::Fragment => '#',
            ResponseMode::FormPost => return None,
        };
        let pairs = self.parameters.iter();
        let pairs = pairs.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        Some(format!("{}{sign}{}", self.redirect_uri, pairs.collect::<Vec<_>>().join("&")))
    }
}
