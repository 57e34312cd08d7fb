//! The server that a request is about: `/v1/servers/{id}/…` addresses a further server, every other path the main one.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::http::uri::{PathAndQuery, Uri};
use percent_encoding::percent_decode_str;

use super::compat::prefixed;
use super::problem::Problem;
use crate::server::{FurtherServer, Host, Missing, Server};

const FURTHER: &str = "/v1/servers/";

/// Where clients look for the metadata of an OAuth 2.0 provider.
const WELL_KNOWN: &[&str] = &["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// The server that a request is about.
#[derive(Clone)]
pub(super) struct Target(pub(super) Arc<Server>);

/// The path below which the resources of the server are: `/v1`, or `/v1/servers/3` for a further server.
#[derive(Clone)]
pub(super) struct Base(pub(super) Arc<str>);

/// The further server whose view a request is about, and the path below which its views are, as it was asked for.
#[cfg(feature = "page")]
#[derive(Clone)]
pub(super) struct Further(pub(super) Arc<FurtherServer>, pub(super) Arc<str>);

/// Why there is no such server.
#[cfg(feature = "page")]
#[derive(Clone)]
pub(super) struct NoServer(pub(super) Arc<Problem>);

/// Finds the server that a request is about, and makes the request look as if it were to the main server: the path
/// loses `/v1/servers/{id}`. A path of the API of another mail server gets that product's prefix.
pub(super) fn locate(host: &Host, request: &mut Request) -> Result<Target, Problem> {
    #[cfg(feature = "page")]
    if let Some(target) = locate_view(host, request) {
        return Ok(target);
    }
    let path = request.uri().path();
    if let Some(path) = provider_path(path) {
        *request.uri_mut() = with_path(request.uri(), path);
    }
    let path = request.uri().path();
    if !path.starts_with("/v1/") && is_of_provider(path) {
        // The issuer of the main server is the root.
        let inner = format!("/v1{path}");
        *request.uri_mut() = with_path(request.uri(), inner);
        return Ok(put(request, host.main(), "".into()));
    }
    let further = path.strip_prefix(FURTHER).and_then(|path| path.split_once('/')).filter(|(_, rest)| !rest.is_empty());
    let Some((id, rest)) = further else {
        if let Some(inner) = prefixed(path, host.main().settings().compat) {
            *request.uri_mut() = with_path(request.uri(), inner);
        }
        return Ok(put(request, host.main(), "/v1".into()));
    };
    if rest.split('/').next() == Some("servers") {
        return Err(Problem::new(StatusCode::NOT_FOUND, "a further server has no servers of its own"));
    }
    let found = find(host, id)?;
    let inner = prefixed(&format!("/{rest}"), found.server.settings().compat).unwrap_or_else(|| format!("/v1/{rest}"));
    *request.uri_mut() = with_path(request.uri(), inner);
    Ok(put(request, &found.server, format!("{FURTHER}{}", found.no).into()))
}

/// The same for a view of the page, such as `/servers/3/messages`. For a server that is not there, it is the list of
/// servers, with the reason.
#[cfg(feature = "page")]
fn locate_view(host: &Host, request: &mut Request) -> Option<Target> {
    let path = request.uri().path().to_owned();
    let (id, view) = path.strip_prefix("/servers/")?.split_once('/')?;
    if !crate::page::is_view(view) {
        return None;
    }
    let found = match find(host, id) {
        Ok(found) => found,
        Err(problem) => {
            *request.uri_mut() = Uri::from_static("/servers");
            request.extensions_mut().insert(NoServer(Arc::new(problem)));
            return Some(put(request, host.main(), "/v1".into()));
        }
    };
    *request.uri_mut() = with_path(request.uri(), format!("/{view}"));
    let target = put(request, &found.server, format!("{FURTHER}{}", found.no).into());
    request.extensions_mut().insert(Further(found, format!("/servers/{id}").into()));
    Some(target)
}

/// The further server that this segment of a path names.
pub(super) fn find(host: &Host, id: &str) -> Result<Arc<FurtherServer>, Problem> {
    let id = percent_decode_str(id).decode_utf8_lossy();
    host.find(&id).map_err(|missing| match missing {
        Missing::Unknown => Problem::none("server", &id),
        Missing::Expired(after) => {
            let detail = format!(
                "server {id} was unused for {after:?} and has been removed; `idle_expiry` of `POST /v1/servers` and \
                 `--idle-expiry` set that time"
            );
            Problem::new(StatusCode::GONE, detail)
        }
    })
}

/// Whether a path is one of the OAuth 2.0 provider of a server.
pub(super) fn is_of_provider(path: &str) -> bool {
    let below_server = || path.strip_prefix(FURTHER).and_then(|path| path.split_once('/')).map(|(_, rest)| rest);
    let own = || path.strip_prefix("/v1/").or(path.strip_prefix('/'));
    let rest = below_server().or_else(own).unwrap_or_default();
    rest.starts_with("oauth2/") || WELL_KNOWN.iter().any(|its| rest.starts_with(its.trim_start_matches('/')))
}

/// The path of metadata below their server, if a client put the path of the issuer behind the name (RFC 8414 §3).
fn provider_path(path: &str) -> Option<String> {
    let (name, issuer) = WELL_KNOWN.iter().find_map(|name| Some((name, path.strip_prefix(name)?)))?;
    issuer.starts_with("/v1").then(|| format!("{issuer}{name}"))
}

fn put(request: &mut Request, server: &Arc<Server>, base: Arc<str>) -> Target {
    let target = Target(Arc::clone(server));
    request.extensions_mut().insert(target.clone());
    request.extensions_mut().insert(Base(base));
    target
}

fn with_path(uri: &Uri, mut path: String) -> Uri {
    if let Some(query) = uri.query() {
        path = format!("{path}?{query}");
    }
    let mut parts = uri.clone().into_parts();
    // The segments come from a valid URI.
    parts.path_and_query = PathAndQuery::try_from(path).ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::bug)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Base {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::bug)
    }
}
