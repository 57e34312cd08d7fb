//! `/v1/oauth`: the settings of the provider, and its tokens as a test sees and changes them.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::body::JsonBody;
use super::super::params::{NoParams, Path, duration};
use super::super::problem::Problem;
use super::super::target::Target;
use super::issue::{IssuedTokens, issue};
use super::request::Issuer;
use crate::base::{Timestamp, is_identifier};
use crate::mail::{Token, TokenChange, TokenKind, TokenState};
use crate::oauth::{Client, Consent, ErrorCode, Grant, Granted, ProviderSettings, Refresh};

/// The settings of the provider. Members that are missing have their defaults.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OAuthSettings {
    /// Who decides on authorization requests: `auto` approves if the account is known, `ask` shows a form, `deny` denies.
    consent: String,
    /// The account of authorization requests that name none.
    login: Option<String>,
    /// The known clients. Without any, every client is accepted.
    clients: Vec<OAuthClient>,
    /// How long an access token is valid.
    access_lifetime: String,
    /// How long a refresh token is valid; null if it does not expire.
    refresh_lifetime: Option<String>,
    /// Whether each use of a refresh token replaces it.
    rotate: bool,
    /// The error that the token endpoint gives to every request, such as `invalid_grant`.
    fail: Option<String>,
}

/// A client that the provider knows.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OAuthClient {
    id: String,
    /// Without one, it is a public client.
    secret: Option<String>,
    /// Where it may be sent; empty means everywhere.
    #[serde(default)]
    redirect_uris: Vec<String>,
}

impl Default for OAuthSettings {
    fn default() -> Self {
        Self::of(&ProviderSettings::default())
    }
}

impl OAuthSettings {
    fn of(settings: &ProviderSettings) -> Self {
        let consent = Consent::ALL.iter().find(|(_, its)| *its == settings.consent);
        let clients = settings.clients.iter().map(|Client { id, secret, redirect_uris }| OAuthClient {
            id: id.clone(),
            secret: secret.clone(),
            redirect_uris: redirect_uris.clone(),
        });
        let shown = |lifetime: Duration| format!("{}s", lifetime.as_secs());
        Self {
            consent: consent.map_or("", |(name, _)| name).to_owned(),
            login: settings.login.clone(),
            clients: clients.collect(),
            access_lifetime: shown(settings.access_lifetime),
            refresh_lifetime: settings.refresh_lifetime.map(shown),
            rotate: settings.rotates,
            fail: settings.failure.map(|code| code.name().to_owned()),
        }
    }

    fn read(self) -> Result<ProviderSettings, Problem> {
        let wrong = |field: &str, why: String| Problem::field(field, why).status(StatusCode::UNPROCESSABLE_ENTITY);
        let consent = Consent::ALL.iter().find(|(name, _)| *name == self.consent).map(|(_, consent)| *consent);
        let consent = consent.ok_or_else(|| wrong("consent", "it is `auto`, `ask` or `deny`".to_owned()))?;
        let failure = self.fail.map(|name| {
            let code = ErrorCode::ALL.iter().find(|code| code.name() == name).copied();
            code.ok_or_else(|| {
                let names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
                wrong("fail", format!("`{name}` is not an error code of OAuth 2.0; it is one of {}", names.join(", ")))
            })
        });
        let lifetime = |field: &str, text: &str| duration(text).map_err(|why| wrong(field, why));
        let refresh_lifetime = self.refresh_lifetime.map(|text| lifetime("refresh_lifetime", &text)).transpose()?;
        let clients = self.clients.into_iter();
        let clients = clients.map(|OAuthClient { id, secret, redirect_uris }| Client { id, secret, redirect_uris });
        Ok(ProviderSettings {
            consent,
            login: self.login,
            clients: clients.collect(),
            access_lifetime: lifetime("access_lifetime", &self.access_lifetime)?,
            refresh_lifetime,
            rotates: self.rotate,
            failure: failure.transpose()?,
        })
    }
}

/// Get the settings of the OAuth 2.0 provider.
#[utoipa::path(get, path = "/oauth", responses((status = 200, description = "The settings.", body = OAuthSettings)))]
pub(super) async fn configured(Target(server): Target, _: NoParams) -> Json<OAuthSettings> {
    Json(server.engine().read(|world| OAuthSettings::of(&world.provider.settings)))
}

/// Set the settings of the OAuth 2.0 provider. A reset restores the defaults.
#[utoipa::path(put, path = "/oauth", request_body = Option<OAuthSettings>, responses(
    (status = 200, description = "The settings.", body = OAuthSettings),
    (status = 422, description = "A member is not valid."),
))]
pub(super) async fn configure(
    Target(server): Target,
    _: NoParams,
    JsonBody(settings): JsonBody<OAuthSettings>,
) -> Result<Json<OAuthSettings>, Problem> {
    let settings = settings.read()?;
    Ok(Json(server.engine().update(|world, _| {
        world.provider.settings = settings;
        OAuthSettings::of(&world.provider.settings)
    })))
}

/// A token and its state.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenJson {
    #[schema(value_type = String)]
    token: Box<str>,
    /// `access` or `refresh`.
    kind: &'static str,
    /// `valid`, `expired`, `revoked` or `insufficient-scope`.
    state: &'static str,
    /// Empty for a token of a client that acts for itself.
    #[schema(value_type = String)]
    login: Box<str>,
    #[schema(value_type = Option<String>)]
    scope: Option<Box<str>>,
    #[schema(value_type = Option<String>)]
    client: Option<Box<str>>,
    /// Null for a token that the account was given.
    #[schema(value_type = Option<String>, format = DateTime)]
    issued: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
}

impl TokenJson {
    fn of(token: &Token, now: Timestamp) -> Self {
        Self {
            token: token.text.clone(),
            kind: match token.kind {
                TokenKind::Access => "access",
                TokenKind::Refresh => "refresh",
            },
            state: match token.state(now) {
                TokenState::Valid => "valid",
                TokenState::Expired => "expired",
                TokenState::Revoked => "revoked",
                TokenState::InsufficientScope => "insufficient-scope",
            },
            login: token.login.clone(),
            scope: token.scope.clone(),
            client: token.client.clone(),
            issued: token.issued,
            expires: token.expires,
        }
    }
}

/// The tokens of all accounts.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenList {
    tokens: Vec<TokenJson>,
}

/// List the tokens: those that accounts were given, and those that were issued.
#[utoipa::path(get, path = "/oauth/tokens", responses((status = 200, description = "The tokens, the oldest first.", body = TokenList)))]
pub(super) async fn list(Target(server): Target, _: NoParams) -> Json<TokenList> {
    let now = server.engine().clock().now();
    let tokens = |token: &Token| TokenJson::of(token, now);
    Json(server.engine().read(|world| TokenList { tokens: world.mail.accounts.tokens().iter().map(tokens).collect() }))
}

/// For whom to issue a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    login: String,
    /// Default: `mail`.
    scope: Option<String>,
    /// The client that may use the refresh token; default `mailjig`.
    client: Option<String>,
    /// How long the access token is valid; default: the provider's setting.
    lifetime: Option<String>,
}

/// Issue an access token and a refresh token for an account, without asking anybody.
#[utoipa::path(post, path = "/oauth/tokens", request_body = NewToken, responses(
    (status = 201, description = "The tokens, as the token endpoint answers.", body = IssuedTokens),
    (status = 422, description = "The account or a member is not valid."),
))]
pub(super) async fn add(
    Target(server): Target,
    Issuer(issuer): Issuer,
    _: NoParams,
    JsonBody(new): JsonBody<NewToken>,
) -> Result<Response, Problem> {
    let wrong = |field: &str, why: String| Problem::field(field, why).status(StatusCode::UNPROCESSABLE_ENTITY);
    let lifetime = new.lifetime.map(|text| duration(&text).map_err(|why| wrong("lifetime", why))).transpose()?;
    let (mut settings, now) = server.engine().update(|world, now| {
        if !is_identifier(&new.login) || world.mail.accounts.known(&new.login).is_none() {
            return Err(wrong(
                "login",
                format!("there is no account {:?}, and the list of accounts is closed", new.login),
            ));
        }
        Ok((world.provider.settings.clone(), now))
    })?;
    let client = new.client.unwrap_or_else(|| "mailjig".to_owned());
    let grant = Grant::new(new.login, client, new.scope, None);
    settings.access_lifetime = lifetime.unwrap_or(settings.access_lifetime);
    // Signing takes long, so nobody waits for it.
    let (issued, stored) = issue(Granted { grant, refresh: Refresh::New }, &settings, &issuer, now);
    server.engine().update(|world, now| world.put_tokens(stored, now));
    Ok((StatusCode::CREATED, Json(issued)).into_response())
}

/// A new state for a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTokenState {
    /// `expired` (now), `revoked`, or `valid`: it does not expire any more.
    state: String,
}

/// Let a token expire, revoke it, or make it valid again. Open sessions continue.
#[utoipa::path(patch, path = "/oauth/tokens/{token}", params(("token" = String, Path, description = "The text of the token.")),
    request_body = NewTokenState, responses(
    (status = 200, description = "The token.", body = TokenJson),
    (status = 404, description = "There is no such token."),
    (status = 422, description = "There is no such state."),
))]
pub(super) async fn change(
    Target(server): Target,
    Path(text): Path<String>,
    _: NoParams,
    JsonBody(NewTokenState { state }): JsonBody<NewTokenState>,
) -> Result<Json<TokenJson>, Problem> {
    let change = TokenChange::ALL.iter().find(|(name, _)| *name == state).map(|(_, change)| *change);
    let change = change.ok_or_else(|| {
        let why = format!("`{state}` is not a state; it is `expired`, `revoked` or `valid`");
        Problem::field("state", why).status(StatusCode::UNPROCESSABLE_ENTITY)
    })?;
    let changed = server.engine().update(|world, now| {
        world.change_tokens(|token| *token.text == *text, change, now);
        world.mail.accounts.tokens().find(&text).map(|token| TokenJson::of(token, now))
    });
    changed.map(Json).ok_or_else(|| Problem::none("token", &text))
}
