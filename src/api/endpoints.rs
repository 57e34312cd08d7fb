//! `/v1/endpoints`: what clients need to reach the listeners.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use super::params::NoParams;
use super::problem::Problem;
use super::target::{Base, Target};
use crate::protocol::StartTls;
use crate::server::{Endpoint, Server};

/// The endpoints of a server by name: its listeners, and `http`.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointsJson {
    pub(super) endpoints: BTreeMap<&'static str, EndpointJson>,
}

/// Where a client reaches a listener, and what the listener requires; `http` has only the first three members.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointJson {
    host: String,
    port: u16,
    /// Such as `smtp://127.0.0.1:1025`.
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    implicit_tls: Option<bool>,
    /// `never`, `offered`, `before-login` or `before-anything`; null if TLS begins with the first octet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false)]
    starttls: Option<Option<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    login_required: Option<bool>,
}

/// Where the client reaches the API, as in the Host header: `localhost:8025`.
pub(super) struct Reached(String);

impl<S: Send + Sync> FromRequestParts<S> for Reached {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        // An absolute URI takes precedence (RFC 9112 §3.2.2).
        let authority = parts.uri.authority().map(|authority| authority.as_str()).or(host);
        authority.map(|authority| Self(authority.to_owned())).ok_or_else(Problem::bug)
    }
}

impl Reached {
    /// The URL of the API.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.0)
    }

    fn host_and_port(&self) -> (&str, u16) {
        let is_port = |port: &str| !port.contains(']');
        let (host, port) = self.0.rsplit_once(':').filter(|(_, port)| is_port(port)).unwrap_or((&self.0, "80"));
        (host, port.parse().unwrap_or(80))
    }

    /// The host for listeners that are bound to all addresses: from another machine, the one of the API.
    fn remote_host(&self) -> Option<&str> {
        let host = self.host_and_port().0;
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_loopback = address.is_ok_and(|ip| ip.is_loopback()) || host.ends_with("localhost");
        (!is_loopback).then_some(host)
    }
}

impl EndpointsJson {
    /// The endpoints as clients on this machine reach them.
    pub(crate) fn local(server: &Server, http: Option<SocketAddr>) -> Self {
        match http {
            Some(http) => Self::reached(server, &Reached(http.to_string()), ""),
            None => Self { endpoints: mail(server, None) },
        }
    }

    /// The endpoints as a client reaches them that reaches the API there. `base` is the path of a further server.
    pub(super) fn reached(server: &Server, reached: &Reached, base: &str) -> Self {
        let mut endpoints = mail(server, reached.remote_host());
        let (host, port) = reached.host_and_port();
        let url = format!("{}{base}", reached.url());
        let http =
            EndpointJson { host: host.to_owned(), port, url, implicit_tls: None, starttls: None, login_required: None };
        endpoints.insert("http", http);
        Self { endpoints }
    }
}

fn mail(server: &Server, remote_host: Option<&str>) -> BTreeMap<&'static str, EndpointJson> {
    let endpoints = server.endpoints().iter();
    endpoints.map(|endpoint| (endpoint.listener().name(), EndpointJson::of(endpoint, remote_host))).collect()
}

impl EndpointJson {
    fn of(endpoint: &Endpoint, remote_host: Option<&str>) -> Self {
        let (host, url) = match remote_host.filter(|_| endpoint.is_bound_to_all()) {
            Some(host) => (host.to_owned(), format!("{}://{host}:{}", endpoint.listener().scheme(), endpoint.port())),
            None => (endpoint.host().to_owned(), endpoint.url().to_owned()),
        };
        Self {
            host,
            port: endpoint.port(),
            url,
            implicit_tls: Some(endpoint.listener().implicit_tls()),
            starttls: Some(endpoint.starttls().map(StartTls::name)),
            login_required: Some(endpoint.requires_login()),
        }
    }
}

/// Get the host, port and URL of each listener.
///
/// For a client on another machine, the host of a listener that is bound to all addresses is the one by which the client
/// reaches the API.
#[utoipa::path(get, path = "/endpoints", responses(
    (status = 200, description = "The endpoints by name.", body = EndpointsJson),
))]
pub(super) async fn endpoints(
    Target(server): Target,
    Base(base): Base,
    reached: Reached,
    _: NoParams,
) -> Json<EndpointsJson> {
    Json(EndpointsJson::reached(&server, &reached, base.strip_suffix("/v1").unwrap_or(&base)))
}
