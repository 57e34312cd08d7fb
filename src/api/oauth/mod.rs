//! An OAuth 2.0 provider for the clients under test: `/oauth2/…` and `/.well-known/…`. Its rules are in
//! [`crate::oauth`]; here are its requests and answers over HTTP.

mod issue;
mod jose;
mod pages;
mod record;
mod request;
mod tokens;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, middleware};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::target::Target;
use crate::mail::{TokenKind, TokenState};
use crate::oauth::{ErrorCode, GRANT_TYPES, INTERVAL, OAuthError, ResponseMode};
use crate::server::Server;
use crate::world::World;
use issue::{issue, seconds};
use jose::SigningKey;
use request::{ClientForm, Issuer, failed, uncached};

/// The routes of the provider, and of its settings and tokens.
pub(super) fn routes() -> OpenApiRouter<Shared> {
    let endpoints = OpenApiRouter::new()
        .routes(routes!(openid_configuration))
        .routes(routes!(authorization_server))
        .routes(routes!(jwks))
        .routes(routes!(pages::authorize, pages::authorized))
        .routes(routes!(token))
        .routes(routes!(device))
        .routes(routes!(pages::activate, pages::activated))
        .routes(routes!(introspect))
        .routes(routes!(revoke))
        .routes(routes!(userinfo))
        .layer(middleware::from_fn(record::record));
    endpoints
        .routes(routes!(tokens::configured, tokens::configure))
        .routes(routes!(tokens::list, tokens::add))
        .routes(routes!(tokens::change))
}

/// The path of the metadata of an OpenID provider (OpenID Connect Discovery §4).
const OPENID: &str = "/.well-known/openid-configuration";

/// Lets the server tell clients whose token it refuses where the metadata of its provider are. `url` is the URL of its
/// API (RFC 7628 §3.2.2).
pub(super) fn tell_discovery(server: &Server, url: &str) {
    server.engine().update(|world, _| world.mail.discovery = Some(format!("{url}{OPENID}").into()));
}

/// Get the metadata of the OAuth 2.0 provider (OpenID Connect Discovery §3).
#[utoipa::path(get, path = "/.well-known/openid-configuration", responses((status = 200, description = "The metadata.", body = Object)))]
async fn openid_configuration(issuer: Issuer) -> Json<Value> {
    Json(metadata(&issuer))
}

/// Get the metadata of the OAuth 2.0 provider (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", responses((status = 200, description = "The metadata.", body = Object)))]
async fn authorization_server(issuer: Issuer) -> Json<Value> {
    Json(metadata(&issuer))
}

fn metadata(Issuer(issuer): &Issuer) -> Value {
    let endpoint = |name: &str| format!("{issuer}/oauth2/{name}");
    let authentication = ["client_secret_basic", "client_secret_post", "none"];
    json!({
        "issuer": issuer,
        "authorization_endpoint": endpoint("authorize"),
        "token_endpoint": endpoint("token"),
        "device_authorization_endpoint": endpoint("device"),
        "introspection_endpoint": endpoint("introspect"),
        "revocation_endpoint": endpoint("revoke"),
        "userinfo_endpoint": endpoint("userinfo"),
        "jwks_uri": endpoint("jwks"),
        "scopes_supported": ["mail", "openid", "email", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::ALL.map(|(name, _)| name),
        "grant_types_supported": GRANT_TYPES,
        "code_challenge_methods_supported": ["S256", "plain"],
        "token_endpoint_auth_methods_supported": authentication,
        "introspection_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint_auth_methods_supported": authentication,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "email", "email_verified"],
        "authorization_response_iss_parameter_supported": true,
    })
}

/// Get the keys with which tokens are verified (RFC 7517).
#[utoipa::path(get, path = "/oauth2/jwks", responses((status = 200, description = "The keys.", body = Object)))]
async fn jwks() -> Json<Value> {
    Json(SigningKey::get().set())
}

/// Get tokens (RFC 6749 §3.2).
///
/// The body is a form with `grant_type`: `authorization_code`, `refresh_token`, `client_credentials`, `password`, or
/// `urn:ietf:params:oauth:grant-type:device_code`. The client authenticates itself with Basic, or with `client_id` and
/// `client_secret` in the form.
#[utoipa::path(post, path = "/oauth2/token", request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "The tokens.", body = issue::IssuedTokens),
    (status = 400, description = "The error, in the form of RFC 6749 §5.2.", body = Object),
    (status = 401, description = "The client is not known, or its secret is wrong.", body = Object),
))]
async fn token(Target(server): Target, Issuer(issuer): Issuer, request: ClientForm) -> Response {
    let ClientForm { form, client } = request;
    let granted = server.engine().update(|world, now| {
        let client = world.provider.authenticated(client.as_ref())?;
        let (granted, changed) = world.provider.grant(&form, client, &world.mail.accounts, now);
        world.put_tokens(changed, now);
        Ok::<_, OAuthError>((granted?, world.provider.settings.clone(), now))
    });
    match granted {
        Ok((granted, settings, now)) => {
            // Signing takes long, so nobody waits for it.
            let (issued, stored) = issue(granted, &settings, &issuer, now);
            server.engine().update(|world, now| world.put_tokens(stored, now));
            (uncached(), Json(issued)).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// Begin the device flow (RFC 8628 §3.1).
#[utoipa::path(post, path = "/oauth2/device", request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "The codes of the device.", body = Object),
    (status = 400, description = "The error, in the form of RFC 6749 §5.2.", body = Object),
    (status = 401, description = "The client is not known, or its secret is wrong.", body = Object),
))]
async fn device(Target(server): Target, Issuer(issuer): Issuer, request: ClientForm) -> Response {
    let ClientForm { form, client } = request;
    let begun = server.engine().update(|world, now| {
        let client = world.provider.authenticated(client.as_ref())?;
        let scope = form.get("scope")?.map(str::to_owned);
        Ok::<_, OAuthError>(world.provider.begin_device(client, scope, now))
    });
    match begun {
        Ok(device) => {
            let uri = format!("{issuer}/oauth2/activate");
            let answer = json!({
                "device_code": device.device_code,
                "user_code": device.user_code,
                "verification_uri": uri,
                "verification_uri_complete": format!("{uri}?user_code={}", device.user_code),
                "expires_in": device.lifetime,
                "interval": INTERVAL,
            });
            (uncached(), Json(answer)).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// Ask whether a token is valid (RFC 7662).
///
/// The body is a form with `token`. If clients are configured, the client must authenticate itself.
#[utoipa::path(post, path = "/oauth2/introspect", request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "Whether it is active, and what is known of it.", body = Object),
    (status = 400, description = "The error, in the form of RFC 6749 §5.2.", body = Object),
    (status = 401, description = "The client is not known, or its secret is wrong.", body = Object),
))]
async fn introspect(Target(server): Target, Issuer(issuer): Issuer, request: ClientForm) -> Response {
    let ClientForm { form, client } = request;
    let now = server.engine().clock().now();
    let answer = server.engine().read(|world| {
        if !world.provider.settings.clients.is_empty() {
            world.provider.authenticated(client.as_ref())?;
        }
        let token = world.mail.accounts.tokens().find(form.need("token")?);
        let is_active = |state| matches!(state, TokenState::Valid | TokenState::InsufficientScope);
        // RFC 7662 §2.2: nothing else is said of an inactive token.
        let Some(token) = token.filter(|token| is_active(token.state(now))) else {
            return Ok::<_, OAuthError>(json!({ "active": false }));
        };
        let mut answer = json!({
            "active": true,
            "iss": issuer,
            "sub": token.login,
            "username": token.login,
            "token_type": if token.kind == TokenKind::Access { "Bearer" } else { "refresh_token" },
        });
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                answer[name] = value;
            }
        };
        add("scope", token.scope.as_deref().map(Value::from));
        add("client_id", token.client.as_deref().map(Value::from));
        add("iat", token.issued.map(|at| seconds(at).into()));
        add("exp", token.expires.map(|at| seconds(at).into()));
        Ok(answer)
    });
    match answer {
        Ok(answer) => (uncached(), Json(answer)).into_response(),
        Err(error) => failed(&error),
    }
}

/// Revoke a token (RFC 7009).
///
/// The body is a form with `token`. With a refresh token, the access tokens of its authorization are revoked too. A token
/// that is not known is not an error.
#[utoipa::path(post, path = "/oauth2/revoke", request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, description = "The token is not valid any more."),
    (status = 400, description = "The error, in the form of RFC 6749 §5.2.", body = Object),
    (status = 401, description = "The client is not known, or its secret is wrong.", body = Object),
))]
async fn revoke(Target(server): Target, request: ClientForm) -> Response {
    let ClientForm { form, client } = request;
    let revoked = server.engine().update(|world, now| {
        let client = world.provider.authenticated(client.as_ref())?;
        let changed = world.provider.revoke(form.need("token")?, &client, &world.mail.accounts);
        world.put_tokens(changed, now);
        Ok::<_, OAuthError>(())
    });
    match revoked {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => failed(&error),
    }
}

/// Get the user of an access token (OpenID Connect Core §5.3).
#[utoipa::path(get, path = "/oauth2/userinfo", responses(
    (status = 200, description = "The user.", body = Object),
    (status = 401, description = "The access token is missing or not valid.", body = Object),
))]
async fn userinfo(Target(server): Target, headers: HeaderMap) -> Response {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer =
        sent.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
    let now = server.engine().clock().now();
    let user = server.engine().read(|world: &World| {
        let token = world.mail.accounts.tokens().find(bearer?.1)?;
        let is_valid = matches!(token.state(now), TokenState::Valid | TokenState::InsufficientScope);
        (is_valid && token.kind == TokenKind::Access && !token.login.is_empty()).then(|| token.login.clone())
    });
    match user {
        Some(login) => Json(json!({ "sub": login, "email": login, "email_verified": true })).into_response(),
        None => failed(&OAuthError::new(ErrorCode::InvalidToken, "the access token is missing or not valid")),
    }
}
