//! Who may ask: a page in some browser tab may not, whatever name it gave to this address.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::server::Server;

/// Refuses requests for foreign hosts (DNS rebinding) and unsafe ones from foreign pages.
pub(super) async fn guard(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let host = request.uri().host().map(str::to_owned).or_else(|| text(request.headers(), header::HOST));
    let Some(host) = host.filter(|host| is_ours(&server, host)) else {
        let detail = "this server answers to localhost, to IP addresses, to its own host name and to those of its \
                      certificate; the Host header names another";
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).into_response();
    };
    let origin = text(request.headers(), header::ORIGIN);
    let is_foreign = origin.is_some_and(|origin| origin.split_once("://").is_none_or(|(_, its)| its != host));
    if is_foreign && !request.method().is_safe() {
        let detail = "a page of another origin may look, but not change anything";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    next.run(request).await
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn is_ours(server: &Server, host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let settings = server.settings();
    let mut own = [settings.host.as_str(), "localhost", "host.docker.internal"]
        .into_iter()
        .chain(settings.names.iter().map(String::as_str));
    name.parse::<IpAddr>().is_ok()
        || own.any(|own| own.eq_ignore_ascii_case(name))
        || name.to_ascii_lowercase().ends_with(".localhost")
}
