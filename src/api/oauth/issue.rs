//! Issuing tokens: the access token is a signed JWT (RFC 9068), the refresh token a random text.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::jose::SigningKey;
use crate::base::Timestamp;
use crate::mail::{Token, TokenKind};
use crate::oauth::{Grant, Granted, ProviderSettings, Refresh, random_text};

/// Tokens for a client (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct IssuedTokens {
    pub(super) access_token: String,
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
    /// Who the user is, if the scope has `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

/// Makes the tokens of a grant, for the client and for the store.
pub(super) fn issue(
    Granted { grant, refresh }: Granted,
    settings: &ProviderSettings,
    issuer: &str,
    now: Timestamp,
) -> (IssuedTokens, Vec<Token>) {
    let expires = now.plus(settings.access_lifetime);
    let access_token = access_token(&grant, issuer, (now, expires));
    let refresh_token = (refresh == Refresh::New).then(random_text);
    let mut stored = vec![grant.token(&access_token, TokenKind::Access, now, Some(expires))];
    stored.extend(refresh_token.as_ref().map(|text| {
        let expires = settings.refresh_lifetime.map(|lifetime| now.plus(lifetime));
        grant.token(text, TokenKind::Refresh, now, expires)
    }));
    let id_token = (grant.has("openid") && !grant.login.is_empty()).then(|| id_token(&grant, issuer, (now, expires)));
    let expires_in = settings.access_lifetime.as_secs();
    let scope = grant.scope;
    (IssuedTokens { access_token, token_type: "Bearer", expires_in, refresh_token, scope, id_token }, stored)
}

/// RFC 9068 §2.2.
fn access_token(grant: &Grant, issuer: &str, (now, expires): (Timestamp, Timestamp)) -> String {
    let subject = if grant.login.is_empty() { &grant.client } else { &grant.login };
    let claims = json!({
        "iss": issuer,
        "sub": subject,
        "aud": "mail",
        "exp": seconds(expires),
        "iat": seconds(now),
        "jti": random_text(),
        "client_id": grant.client,
        "scope": grant.scope,
    });
    SigningKey::get().sign("at+jwt", &claims)
}

/// OpenID Connect Core §2.
fn id_token(grant: &Grant, issuer: &str, (now, expires): (Timestamp, Timestamp)) -> String {
    let mut claims = json!({
        "iss": issuer,
        "sub": grant.login,
        "aud": grant.client,
        "exp": seconds(expires),
        "iat": seconds(now),
        "email": grant.login,
        "email_verified": true,
    });
    if let Some(nonce) = &grant.nonce {
        claims["nonce"] = nonce.as_str().into();
    }
    SigningKey::get().sign("JWT", &claims)
}

/// A time in seconds since 1970 (RFC 7519 §2, NumericDate).
pub(super) fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}
