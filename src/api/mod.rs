//! The HTTP API under `/v1`, for tests in any language: the same functions as the Rust harness, on which it does not
//! depend.

mod access;
mod accounts;
mod blocking;
mod body;
mod chunked;
mod compat;
mod journal;
mod json;
mod mailhog;
mod message;
mod messages;
mod new_server;
mod params;
mod problem;
mod rules;
mod serve;
mod server;
mod servers;
mod sessions;
mod stream;
mod target;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use tokio::task::AbortHandle;

use crate::drive::{runtime, spawn};
use crate::server::{Host, StartError, bind, reachable};
use access::Access;
use problem::Problem;
use serve::{Bounds, serve};
pub(crate) use server::endpoints_of;

/// Octets that a request may have beyond the messages in it, for the JSON around them.
const ENVELOPE: u64 = 1 << 20;

/// A running HTTP listener. Dropping it stops it.
pub(crate) struct Api {
    address: SocketAddr,
    url: String,
    serving: AbortHandle,
}

impl Api {
    /// Binds the address and serves the host's servers; connections are accepted from now on.
    pub(crate) fn start(host: &Arc<Host>, address: SocketAddr) -> Result<Self, StartError> {
        let failed = |source| StartError::address("http", address, source);
        let socket = bind(address).map_err(failed)?;
        let address = reachable(socket.local_addr().map_err(failed)?);
        let _entered = runtime().enter();
        let listener = tokio::net::TcpListener::from_std(socket).map_err(failed)?;
        let serving = spawn(serve(listener, router(host, address), Bounds::default()));
        Ok(Self { address, url: format!("http://{address}"), serving: serving.abort_handle() })
    }

    /// The address for clients on this machine.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL, such as `http://127.0.0.1:8025`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What the handlers share; the server of a request is its [`Target`](target::Target).
#[derive(Clone)]
struct Shared {
    host: Arc<Host>,
    /// The address of the API.
    address: SocketAddr,
}

fn router(host: &Arc<Host>, address: SocketAddr) -> Router {
    let access = Access { host: Arc::clone(host), envelope: ENVELOPE, patience: Bounds::default().patience };
    let routes = Router::new()
        .nest("/v1", v1())
        .merge(compat::router())
        .fallback(no_such_page)
        .method_not_allowed_fallback(no_such_method)
        // `Access` has its own limit.
        .layer(DefaultBodyLimit::disable())
        .with_state(Shared { host: Arc::clone(host), address });
    // Outside of the routes, because it changes the path.
    Router::new().fallback_service(routes).layer(middleware::from_fn_with_state(access, access::access))
}

fn v1() -> Router<Shared> {
    Router::new()
        .route("/", get(index))
        .route("/messages", get(messages::list).delete(messages::clear))
        .route("/messages/{m}", get(message::one))
        .route("/messages/{m}/raw", get(message::raw))
        .route("/messages/{m}/text", get(message::text))
        .route("/messages/{m}/html", get(message::html))
        .route("/messages/{m}/headers", get(message::headers))
        .route("/messages/{m}/links", get(message::links))
        .route("/messages/{m}/parts", get(message::parts))
        .route("/messages/{m}/parts/{n}", get(message::part))
        .route("/sessions", get(sessions::list))
        .route("/sessions/{s}", get(sessions::one).delete(sessions::kick))
        .route("/sessions/{s}/transcript", get(sessions::transcript))
        .route("/transcript", get(sessions::transcripts))
        .route("/journal", get(journal::list))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{login}", get(accounts::one))
        .route("/accounts/{login}/mailboxes/{mailbox}", get(accounts::entries).post(accounts::put))
        .route("/accounts/{login}/mailboxes/{mailbox}/{uid}/raw", get(accounts::raw))
        .route("/rules", get(rules::list).post(rules::add).delete(rules::clear))
        .route("/rules/{r}", get(rules::one).put(rules::replace).delete(rules::remove))
        .route("/rules/{r}/enable", post(rules::enable))
        .route("/rules/{r}/disable", post(rules::disable))
        .route("/scenario", get(rules::scenario).put(rules::load).delete(rules::unload))
        .route("/state", get(rules::state).put(rules::set_state))
        .route("/verify", post(rules::verify))
        .route("/clock", get(rules::clock))
        .route("/clock/pause", post(rules::pause))
        .route("/clock/resume", post(rules::resume))
        .route("/clock/advance", post(rules::advance))
        .route("/deliver", post(server::deliver))
        .route("/settled", post(server::settled))
        .route("/reset", post(server::reset))
        .route("/endpoints", get(server::endpoints))
        .route("/health", get(server::health))
        .route("/tls/ca.pem", get(server::ca))
        .route("/servers", get(servers::list).post(servers::add))
        .route("/servers/{id}", get(servers::one).delete(servers::remove))
}

async fn index() -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "name": "mailjig",
        "version": env!("CARGO_PKG_VERSION"),
        "links": {
            "messages": "/v1/messages",
            "sessions": "/v1/sessions",
            "transcript": "/v1/transcript",
            "journal": "/v1/journal",
            "accounts": "/v1/accounts",
            "rules": "/v1/rules",
            "scenario": "/v1/scenario",
            "state": "/v1/state",
            "clock": "/v1/clock",
            "endpoints": "/v1/endpoints",
            "health": "/v1/health",
            "ca": "/v1/tls/ca.pem",
        },
    }))
}

async fn no_such_page() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such resource; GET /v1 lists those that can be read")
}

async fn no_such_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the resource does not support this method; see the Allow header")
}
