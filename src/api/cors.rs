//! Cross-origin resource sharing (<https://fetch.spec.whatwg.org/#http-cors-protocol>), for the origins that were allowed.

use std::time::Duration;

use axum::http::{HeaderValue, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::server::ANY_ORIGIN;

/// How long a browser may remember what it may do.
const MAX_AGE: Duration = Duration::from_secs(600);

/// What lets pages of these origins use every method and read the answers; `None` without an origin.
pub(super) fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let is_any = origins.iter().any(|origin| origin == ANY_ORIGIN);
    let allowed = match is_any {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok())),
    };
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let layer = CorsLayer::new().allow_origin(allowed).allow_methods(methods);
    let layer = layer.allow_headers(AllowHeaders::mirror_request()).expose_headers([header::LOCATION]);
    Some(layer.max_age(MAX_AGE))
}
