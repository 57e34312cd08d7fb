//! The web page over HTTP: its documents and its files.

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::Shared;
use super::display::display;
use super::params::Path;
use super::problem::Problem;
use super::target::{Base, Further, NoServer};
use crate::page::{File, Frame, View};

/// The documents load scripts and styles from this server only, none of them inline, and cannot turn text into HTML.
const DOCUMENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                               connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; \
                               frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/", show(View::Messages))
        .route("/messages", show(View::Messages))
        .route("/messages/{m}", show(View::Messages))
        .route("/messages/{m}/display", get(display))
        .route("/sessions", show(View::Sessions))
        .route("/sessions/{s}", show(View::Sessions))
        .route("/sessions/{s}/compare/{t}", show(View::Compare))
        .route("/rules", show(View::Rules))
        .route("/rules/{r}", show(View::Rules))
        .route("/mailboxes", show(View::Mailboxes))
        .route("/mailboxes/{*place}", show(View::Mailboxes))
        .route("/servers", show(View::Servers))
        .route("/servers/{id}", show(View::Servers))
        .route("/assets/{file}", get(file))
        .layer(CompressionLayer::new().quality(CompressionLevel::Best))
}

/// What a document says about the server of the request.
struct Place {
    base: Base,
    further: Option<Further>,
    missing: Option<NoServer>,
}

/// Answers with the document of a view.
fn show(view: View) -> MethodRouter<Shared> {
    get(move |place: Place| async move { document(view, &place) })
}

fn document(view: View, place: &Place) -> Result<Response, Problem> {
    let Place { base: Base(base), further, missing } = place;
    let prefix = further.as_ref().map_or("", |Further(_, prefix)| prefix);
    let server = further.as_ref().map(|Further(further, _)| further.title());
    let problem = missing.as_ref().map(|NoServer(problem)| &**problem);
    let frame = Frame { prefix, base, server: server.as_deref(), problem: problem.map(Problem::detail) };
    let html = view.render(frame).map_err(|_| Problem::bug())?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, DOCUMENT_POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let status = problem.map_or(StatusCode::OK, Problem::status_code);
    Ok((status, headers, html).into_response())
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let base = Base::from_request_parts(parts, state).await?;
        let (further, missing) = (parts.extensions.get().cloned(), parts.extensions.get().cloned());
        Ok(Self { base, further, missing })
    }
}

/// A file of the page. Its validator lets browsers keep it.
async fn file(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let file = File::named(&name).ok_or_else(|| Problem::none("file", &name))?;
    let etag = HeaderValue::from_str(&file.etag).map_err(|_| Problem::bug())?;
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|its| its.trim() == file.etag);
    let cache = [(header::ETAG, etag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, cache).into_response());
    }
    Ok((cache, [(header::CONTENT_TYPE, file.media_type)], file.content).into_response())
}
