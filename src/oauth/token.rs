//! The token endpoint: what a grant gives (RFC 6749 §4.1.3, §4.3, §4.4, §6, RFC 8628 §3.4).

use super::error::ErrorCode;
use super::{FormParams, OAuthError, Provider, random_text};
use crate::base::Timestamp;
use crate::mail::{Accounts, Token, TokenKind, TokenState};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(crate) const GRANT_TYPES: &[&str] =
    &["authorization_code", "refresh_token", "client_credentials", "password", DEVICE_CODE];

/// The scope of a request that names none.
const DEFAULT_SCOPE: &str = "mail";

/// What a user has allowed a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Its tokens have it in common.
    pub(crate) id: String,
    /// Empty if the client acts for itself: its token is valid for every account.
    pub(crate) login: String,
    pub(crate) client: String,
    pub(crate) scope: String,
    /// What the id token repeats (OpenID Connect Core §3.1.2.1).
    pub(crate) nonce: Option<String>,
}

/// What the client gets, and the refresh token that it used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) grant: Grant,
    pub(crate) refresh: Refresh,
}

/// Which refresh token the client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// A new one.
    New,
    /// It keeps the one that it has, or gets none.
    None,
}

/// Tokens whose state changed: they must be stored.
type Changed = Vec<Token>;

impl Grant {
    pub(crate) fn new(login: String, client: String, scope: Option<String>, nonce: Option<String>) -> Self {
        let scope = scope.unwrap_or_else(|| DEFAULT_SCOPE.to_owned());
        Self { id: random_text(), login, client, scope, nonce }
    }

    /// Whether the scope has this value.
    pub(crate) fn has(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|its| its == scope)
    }

    /// A token of this grant.
    pub(crate) fn token(&self, text: &str, kind: TokenKind, now: Timestamp, expires: Option<Timestamp>) -> Token {
        Token {
            text: text.into(),
            login: self.login.as_str().into(),
            kind,
            scope: Some(self.scope.as_str().into()),
            client: Some(self.client.as_str().into()),
            grant: Some(self.id.as_str().into()),
            issued: Some(now),
            expires,
            is_revoked: false,
        }
    }
}

impl Provider {
    /// Answers a request for a token by this client. The changed tokens must be stored in any case.
    pub(crate) fn grant(
        &mut self,
        form: &FormParams,
        client: String,
        accounts: &Accounts,
        now: Timestamp,
    ) -> (Result<Granted, OAuthError>, Changed) {
        let mut changed = Vec::new();
        if let Some(code) = self.settings.failure {
            return (Err(OAuthError::new(code, "the provider is set to fail")), changed);
        }
        let granted = self.granted(form, client, accounts, now, &mut changed);
        (granted, changed)
    }

    fn granted(
        &mut self,
        form: &FormParams,
        client: String,
        accounts: &Accounts,
        now: Timestamp,
        changed: &mut Changed,
    ) -> Result<Granted, OAuthError> {
        let scope = form.get("scope")?.map(str::to_owned);
        let grant = match form.need("grant_type")? {
            "authorization_code" => self.redeem_code(form, &client, accounts, now, changed)?,
            "refresh_token" => return self.refresh(form, &client, accounts, now, changed),
            "client_credentials" => {
                // RFC 6749 §4.4.3: without a refresh token.
                let grant = Grant::new(String::new(), client, scope, None);
                return Ok(Granted { grant, refresh: Refresh::None });
            }
            "password" => {
                let (login, password) = (form.need("username")?, form.need("password")?);
                let is_right =
                    accounts.member(login).map_or(accounts.is_open(), |its| its.password() == Some(password));
                if !is_right {
                    return Err(OAuthError::grant("the user name or the password is wrong"));
                }
                Grant::new(login.to_owned(), client, scope, None)
            }
            DEVICE_CODE => self.poll_device(form.need("device_code")?, &client, now)?,
            other => {
                let why = format!("`{other}` is not supported; use {}", GRANT_TYPES.join(", "));
                return Err(OAuthError::new(ErrorCode::UnsupportedGrantType, why));
            }
        };
        Ok(Granted { grant, refresh: Refresh::New })
    }

    fn redeem_code(
        &mut self,
        form: &FormParams,
        client: &str,
        accounts: &Accounts,
        now: Timestamp,
        changed: &mut Changed,
    ) -> Result<Grant, OAuthError> {
        let code = form.need("code")?;
        let (uri, verifier) = (form.get("redirect_uri")?, form.get("code_verifier")?);
        let found = self.codes.iter_mut().find(|its| its.code == code && its.grant.client == client);
        let found = found.ok_or_else(|| OAuthError::grant("the code is not valid for this client"))?;
        if found.is_used {
            // RFC 6749 §4.1.2: somebody may have stolen it.
            changed.extend(revoked(accounts, &found.grant.id));
            return Err(OAuthError::grant("the code was used already; its tokens are revoked"));
        }
        found.is_used = true;
        if found.expires <= now {
            return Err(OAuthError::grant("the code has expired"));
        }
        // RFC 6749 §4.1.3.
        if uri != Some(&found.redirect_uri) {
            return Err(OAuthError::grant("`redirect_uri` is not the one of the authorization request"));
        }
        // RFC 7636 §4.6; RFC 9700 §2.1.1 forbids a verifier without a challenge.
        match (&found.challenge, verifier) {
            (None, None) => {}
            (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => {}
            (Some(_), Some(_)) => return Err(OAuthError::grant("`code_verifier` does not match the challenge")),
            (Some(_), None) => return Err(OAuthError::grant("`code_verifier` is missing")),
            (None, Some(_)) => return Err(OAuthError::grant("the authorization request had no `code_challenge`")),
        }
        Ok(found.grant.clone())
    }

    fn refresh(
        &self,
        form: &FormParams,
        client: &str,
        accounts: &Accounts,
        now: Timestamp,
        changed: &mut Changed,
    ) -> Result<Granted, OAuthError> {
        let token = accounts.tokens().find(form.need("refresh_token")?);
        let is_its = |token: &&Token| {
            token.kind == TokenKind::Refresh && token.client.as_deref().is_none_or(|its| its == client)
        };
        let token =
            token.filter(is_its).ok_or_else(|| OAuthError::grant("there is no such refresh token for this client"))?;
        match token.state(now) {
            TokenState::Valid | TokenState::InsufficientScope => {}
            TokenState::Expired => return Err(OAuthError::grant("the refresh token has expired")),
            TokenState::Revoked => {
                // RFC 9700 §4.14.2: somebody may have stolen it.
                changed.extend(token.grant.iter().flat_map(|grant| revoked(accounts, grant)));
                return Err(OAuthError::grant("the refresh token is revoked"));
            }
        }
        let own = token.scope.as_deref().unwrap_or(DEFAULT_SCOPE);
        let scope = form.get("scope")?.unwrap_or(own);
        if scope.split(' ').any(|value| !own.split(' ').any(|its| its == value)) {
            return Err(OAuthError::new(ErrorCode::InvalidScope, "the scope is more than the user has allowed"));
        }
        let grant = Grant {
            id: token.grant.as_deref().map_or_else(random_text, str::to_owned),
            login: token.login.to_string(),
            client: client.to_owned(),
            scope: scope.to_owned(),
            nonce: None,
        };
        if !self.settings.rotates {
            return Ok(Granted { grant, refresh: Refresh::None });
        }
        changed.push(Token { is_revoked: true, ..token.clone() });
        Ok(Granted { grant, refresh: Refresh::New })
    }

    /// Revokes a token of this client, and with a refresh token all tokens of its grant (RFC 7009 §2.1).
    pub(crate) fn revoke(&self, text: &str, client: &str, accounts: &Accounts) -> Changed {
        let token = accounts.tokens().find(text);
        match token.filter(|token| token.client.as_deref().is_none_or(|its| its == client)) {
            Some(Token { kind: TokenKind::Refresh, grant: Some(grant), .. }) => revoked(accounts, grant),
            Some(token) => vec![Token { is_revoked: true, ..token.clone() }],
            None => Vec::new(),
        }
    }
}

/// All tokens of a grant, revoked.
fn revoked(accounts: &Accounts, grant: &str) -> Changed {
    let its = accounts.tokens().iter().filter(|token| token.grant.as_deref() == Some(grant) && !token.is_revoked);
    its.map(|token| Token { is_revoked: true, ..token.clone() }).collect()
}
