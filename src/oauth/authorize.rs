//! The authorization endpoint: the code flow (RFC 6749 §4.1) with PKCE.

use super::answer::{AuthorizationAnswer, ReplyTo, ResponseMode};
use super::error::ErrorCode;
use super::pkce::Challenge;
use super::token::Grant;
use super::{FormParams, OAuthError, Provider, expiry, keep, random_text};
use crate::base::Timestamp;

/// How long a code is valid: RFC 6749 §4.1.2 recommends at most 10 minutes.
const LIFETIME: u64 = 600;

/// Who decides on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// The provider approves, for the account that the request or the settings name; without one, a person chooses.
    Auto,
    /// A person chooses an account, or denies.
    Ask,
    /// The provider denies.
    Deny,
}

impl Consent {
    pub(crate) const ALL: [(&'static str, Self); 3] = [("auto", Self::Auto), ("ask", Self::Ask), ("deny", Self::Deny)];
}

/// A valid authorization request.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationRequest {
    client: String,
    reply_to: ReplyTo,
    scope: Option<String>,
    nonce: Option<String>,
    challenge: Option<Challenge>,
    /// The account that the request names, or the form.
    login: Option<String>,
    /// What a person decided in the form.
    decision: Option<bool>,
    /// Whether no person may be asked (OpenID Connect Core §3.1.2.1).
    is_silent: bool,
}

/// What becomes of an authorization request.
#[derive(Debug, Clone)]
pub(crate) enum Authorized {
    /// The client gets an answer.
    Answer(AuthorizationAnswer),
    /// Ask a person.
    Ask,
}

/// A code that was not redeemed yet, or was.
#[derive(Debug, Clone)]
pub(super) struct AuthorizationCode {
    pub(super) code: String,
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<Challenge>,
    pub(super) expires: Timestamp,
    pub(super) is_used: bool,
}

impl AuthorizationRequest {
    /// Reads a request. The first error must be shown, because the client cannot be trusted; the second one is for the
    /// client (RFC 6749 §4.1.2.1).
    pub(crate) fn read(
        form: &FormParams,
        provider: &Provider,
        issuer: &str,
    ) -> Result<Result<Self, AuthorizationAnswer>, String> {
        let need = |name| form.need(name).map_err(|error| error.description);
        let (client, uri) = (need("client_id")?, need("redirect_uri")?);
        provider.may_redirect(client, uri)?;
        let reply_to = ReplyTo::of(form, uri, issuer);
        let read = || {
            form.get("state")?;
            ResponseMode::of(form)?;
            let own = |name| form.get(name).map(|value| value.map(str::to_owned));
            match form.need("response_type")? {
                "code" => {}
                _ => return Err(OAuthError::new(ErrorCode::UnsupportedResponseType, "`response_type` must be `code`")),
            }
            let decision = match form.get("decision")? {
                None => None,
                Some("approve") => Some(true),
                Some(_) => Some(false),
            };
            Ok(Self {
                client: client.to_owned(),
                reply_to: reply_to.clone(),
                scope: own("scope")?,
                nonce: own("nonce")?,
                challenge: Challenge::of(form)?,
                login: own("login")?.or(own("login_hint")?),
                decision,
                is_silent: form.get("prompt")? == Some("none"),
            })
        };
        Ok(read().map_err(|error| reply_to.error(error)))
    }

    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    pub(crate) fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    fn refused(&self, code: ErrorCode, why: &str) -> Authorized {
        Authorized::Answer(self.reply_to.error(OAuthError::new(code, why)))
    }
}

impl Provider {
    /// Decides on a request. `only` is the login of the only account, `exists` whether there is such an account.
    pub(crate) fn authorize(
        &mut self,
        request: AuthorizationRequest,
        (only, exists): (Option<&str>, impl Fn(&str) -> bool),
        now: Timestamp,
    ) -> Authorized {
        let named = self.named(request.login.as_deref(), only);
        let login = match (self.settings.consent, request.decision, named.as_deref()) {
            (Consent::Deny, ..) | (_, Some(false), _) => {
                return request.refused(ErrorCode::AccessDenied, "the user denied the request");
            }
            (Consent::Auto, _, Some(login)) | (Consent::Ask, Some(true), Some(login)) => login.to_owned(),
            (Consent::Auto | Consent::Ask, ..) if request.is_silent => {
                let why = "a person must choose an account, and `prompt` is `none`";
                return request.refused(ErrorCode::InteractionRequired, why);
            }
            (Consent::Auto | Consent::Ask, ..) => return Authorized::Ask,
        };
        if !exists(&login) {
            return request.refused(ErrorCode::AccessDenied, "there is no such account");
        }
        let code = random_text();
        let AuthorizationRequest { client, reply_to, scope, nonce, challenge, .. } = request;
        let answer = reply_to.code(&code);
        let redirect_uri = reply_to.redirect_uri;
        let grant = Grant::new(login, client, scope, nonce);
        let expires = expiry(now, LIFETIME);
        keep(&mut self.codes, AuthorizationCode { code, grant, redirect_uri, challenge, expires, is_used: false });
        Authorized::Answer(answer)
    }
}

impl Provider {
    /// The account that a request names, or the settings, or the only one.
    fn named(&self, login: Option<&str>, only: Option<&str>) -> Option<String> {
        login.or(self.settings.login.as_deref()).or(only).map(str::to_owned)
    }

    /// The account for which the provider approves without asking a person.
    pub(crate) fn chosen(&self, login: Option<&str>, only: Option<&str>) -> Option<String> {
        self.named(login, only).filter(|_| self.settings.consent == Consent::Auto)
    }
}
