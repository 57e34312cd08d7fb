//! The HTTP API under `/v1`, for tests in any language: the same functions as the Rust harness, on which it does not
//! depend.

mod access;
mod accounts;
mod asked_event;
mod blocking;
mod body;
mod bounce;
mod chunked;
mod clock;
mod compat;
mod cors;
mod cursor;
#[cfg(feature = "page")]
mod display;
mod dkim;
mod endpoints;
mod entries;
mod entry_json;
mod entry_list;
mod events;
mod expectations;
mod feed;
mod findings;
mod greenmail;
mod invalid;
mod journal;
mod json;
mod latest;
mod lint;
mod mail_html;
mod mailbox_path;
mod mailboxes;
mod mailhog;
mod mailpit;
mod message;
mod message_entries;
mod message_filters;
mod messages;
mod metrics;
mod new_server;
mod newest;
mod oauth;
mod openapi;
#[cfg(feature = "page")]
mod page;
mod params;
mod probes;
mod problem;
mod record_filters;
mod record_json;
mod rule_body;
mod rule_json;
mod rules;
mod scenario;
mod scenarios;
mod serve;
mod server;
mod server_settings;
mod servers;
mod sessions;
mod state;
mod stream;
mod target;
mod tls;
mod token;
mod unsubscribe;
mod updates;
mod verify;
mod wait;
mod web_socket;
mod webhook_delivery;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router, middleware};
use tokio::task::AbortHandle;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::drive::bind;
use crate::drive::{runtime, spawn};
use crate::server::{Host, StartError, reachable};
use access::Access;
use cors::cors;
#[cfg(feature = "cli")]
pub(crate) use dkim::DkimJson;
#[cfg(feature = "cli")]
pub(crate) use endpoints::EndpointsJson;
#[cfg(feature = "cli")]
pub(crate) use lint::LintJson;
use metrics::Requests;
use params::NoParams;
use problem::Problem;
use serve::{Bounds, serve};
use target::Base;
#[cfg(feature = "cli")]
pub(crate) use webhooks::send_all_messages;

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
        let (host, host_of_api) = (Arc::clone(host), host);
        let serving = spawn(serve(listener, move || router(&host), Bounds::default()));
        let url = format!("http://{address}");
        oauth::tell_discovery(host_of_api.main(), &url);
        host_of_api.main().set_crl_url(format!("{url}/v1/tls/crl"));
        Ok(Self { address, url, serving: serving.abort_handle() })
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
    requests: Requests,
}

fn router(host: &Arc<Host>) -> Router {
    let access = Access::new(host, ENVELOPE, Bounds::default().patience);
    let requests = Requests::default();
    let routes = Router::new()
        .nest("/v1", v1().into())
        .route("/v1/", get(index))
        .merge(compat::router())
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(metrics::metrics));
    #[cfg(feature = "page")]
    let routes = routes.merge(page::router());
    let routes = routes
        .fallback(no_such_page)
        .method_not_allowed_fallback(no_such_method)
        // `Access` has its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(metrics::note_route))
        .with_state(Shared { host: Arc::clone(host), requests: requests.clone() });
    // Outside of the routes, because it changes the path.
    let all = Router::new().fallback_service(routes).layer(middleware::from_fn_with_state(access, access::access));
    let all = match cors(&host.main().settings().origins) {
        Some(cors) => all.layer(cors),
        None => all,
    };
    all.layer(middleware::from_fn_with_state(requests, metrics::count))
}

/// The routes of a server, and their description.
fn v1() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(index))
        .merge(of_messages())
        .routes(routes!(server::deliver))
        .routes(routes!(sessions::list, sessions::end_all))
        .routes(routes!(sessions::one, sessions::kick))
        .routes(routes!(sessions::transcript))
        .routes(routes!(sessions::transcripts))
        .routes(routes!(journal::list))
        .routes(routes!(findings::list))
        .routes(routes!(updates::updates))
        .routes(routes!(server::settled))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::one, webhooks::remove))
        .merge(accounts::routes())
        .routes(routes!(mailboxes::create, mailboxes::change, mailboxes::delete, entry_list::list, accounts::put))
        .routes(routes!(mailboxes::change_uid_validity))
        .routes(routes!(mailboxes::subscribe, mailboxes::unsubscribe))
        .routes(routes!(entries::flag_all, entries::expunge_all))
        .routes(routes!(entries::one, entries::flag, entries::expunge))
        .routes(routes!(entries::raw))
        .routes(routes!(entries::text))
        .merge(oauth::routes())
        .routes(routes!(rules::list, rules::add, rules::clear))
        .routes(routes!(rules::one, rules::replace, rules::remove))
        .routes(routes!(rules::enable))
        .routes(routes!(rules::disable))
        .routes(routes!(scenario::scenario, scenario::load, scenario::unload))
        .routes(routes!(scenarios::list))
        .routes(routes!(scenarios::one))
        .routes(routes!(scenarios::check))
        .routes(routes!(state::state, state::set_state))
        .routes(routes!(expectations::list, expectations::add, expectations::clear))
        .routes(routes!(expectations::one, expectations::remove))
        .routes(routes!(verify::verify))
        .routes(routes!(clock::clock))
        .routes(routes!(clock::pause))
        .routes(routes!(clock::resume))
        .routes(routes!(clock::advance))
        .routes(routes!(server::reset))
        .routes(routes!(endpoints::endpoints))
        .routes(routes!(server::health))
        .merge(tls::routes())
        .routes(routes!(servers::list, servers::add))
        .routes(routes!(servers::one, servers::remove))
        .routes(routes!(openapi::openapi))
}

/// The routes of messages, and their description.
fn of_messages() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(messages::list, messages::clear))
        .routes(routes!(latest::latest))
        .routes(routes!(message::one, message::delete))
        .routes(routes!(message::raw))
        .routes(routes!(message::text))
        .routes(routes!(message::html))
        .routes(routes!(message::headers))
        .routes(routes!(message::links))
        .routes(routes!(message::codes))
        .routes(routes!(dkim::dkim))
        .routes(routes!(lint::lint))
        .routes(routes!(bounce::bounce))
        .routes(routes!(unsubscribe::unsubscribe))
        .routes(routes!(message_entries::entries))
        .routes(routes!(message::parts))
        .routes(routes!(message::part))
}

/// Links to the resources that can be read.
#[utoipa::path(get, path = "/", responses((status = 200, description = "The links.", body = Object)))]
async fn index(Base(base): Base, _: NoParams) -> Json<serde_json::Value> {
    let links = LINKS.iter().map(|(name, path)| ((*name).to_owned(), format!("{base}/{path}").into()));
    let links: serde_json::Map<String, serde_json::Value> = links.collect();
    Json(serde_json::json!({ "name": "mailjig", "version": env!("CARGO_PKG_VERSION"), "links": links }))
}

const LINKS: &[(&str, &str)] = &[
    ("messages", "messages"),
    ("sessions", "sessions"),
    ("transcript", "transcript"),
    ("journal", "journal"),
    ("findings", "findings"),
    ("updates", "updates"),
    ("accounts", "accounts"),
    ("webhooks", "webhooks"),
    ("oauth", "oauth"),
    ("oauth_metadata", ".well-known/openid-configuration"),
    ("rules", "rules"),
    ("expectations", "expectations"),
    ("scenario", "scenario"),
    ("scenarios", "scenarios"),
    ("state", "state"),
    ("clock", "clock"),
    ("endpoints", "endpoints"),
    ("health", "health"),
    ("ca", "tls/ca.pem"),
    ("certificates", "tls/certificates"),
    ("servers", "servers"),
    ("openapi", "openapi.json"),
];

async fn no_such_page() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such resource; GET /v1 lists those that can be read")
}

async fn no_such_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the resource does not support this method; see the Allow header")
}
