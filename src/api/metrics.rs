//! `/metrics` for Prometheus. Everything but the requests of HTTP is read from the servers when it is asked for, so that
//! it costs nothing while mail arrives.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Shared;
use super::problem::Problem;
use crate::server::Server;

/// The answered requests of an API.
#[derive(Clone, Default)]
pub(super) struct Requests(Family<RequestLabels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    /// The path with placeholders; empty if the request reached no route.
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

/// Counts the answers to requests.
pub(super) async fn count(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let response = next.run(request).await;
    requests.count(&method, &response);
    response
}

impl Requests {
    /// Methods that no route has share one label, because clients can invent them.
    fn count(&self, method: &Method, response: &Response) {
        const KNOWN: [Method; 7] =
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        const NAMES: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let known = KNOWN.iter().position(|its| its == method);
        let route = response.extensions().get::<Route>().map(|Route(path)| Arc::clone(path)).unwrap_or_default();
        let labels =
            RequestLabels { route, method: known.map_or("other", |at| NAMES[at]), status: response.status().as_u16() };
        self.0.get_or_create(&labels).inc();
    }
}

/// The route that answered a request.
#[derive(Clone)]
struct Route(Arc<str>);

/// Notes in the answer which route gave it.
pub(super) async fn note_route(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| Route(path.as_str().into()));
    let mut response = next.run(request).await;
    if let Some(path) = path {
        response.extensions_mut().insert(path);
    }
    response
}

/// The labels of a sample; the first is the server.
type Labels = Vec<(&'static str, String)>;

/// The samples of all servers.
struct Samples {
    registry: Registry,
    counters: BTreeMap<&'static str, Family<Labels, Counter>>,
    gauges: BTreeMap<&'static str, Family<Labels, Gauge>>,
}

pub(super) async fn metrics(State(shared): State<Shared>) -> Result<Response, Problem> {
    let mut samples =
        Samples { registry: Registry::with_prefix("mailjig"), counters: BTreeMap::new(), gauges: BTreeMap::new() };
    samples.registry.register("http_requests", "Answered HTTP requests", shared.requests.0.clone());
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    samples.gauge("build_info", "The version of mailjig", version, 1);
    let further = shared.host.further();
    samples.gauge("servers", "Further servers", Vec::new(), further.len() as u64);
    samples.gauge(
        "servers_limit",
        "Largest number of further servers",
        Vec::new(),
        shared.host.limits().servers as u64,
    );
    samples.counter(
        "servers_expired",
        "Further servers that were removed because nobody used them",
        Vec::new(),
        shared.host.expired(),
    );
    samples.add(shared.host.main(), "main");
    further.iter().for_each(|its| samples.add(&its.server, &its.no.to_string()));
    let mut text = String::new();
    encode(&mut text, &samples.registry).map_err(|_| Problem::bug())?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

impl Samples {
    fn add(&mut self, server: &Server, name: &str) {
        let of = || vec![("server", name.to_owned())];
        let with = |label, value: &str| vec![("server", name.to_owned()), (label, value.to_owned())];
        let waiting = server.engine().subscribers();
        let (totals, counters, gauges) = server.engine().read(|world| {
            let journal = &world.journal;
            let counters = [
                ("rules_fired", "Firings of rules", world.rulebook.firings()),
                ("messages_discarded", "Messages that were discarded because of a limit", world.evicted()),
                ("accounts_discarded", "Accounts that were discarded because of a limit", world.evicted_accounts()),
            ];
            let gauges = [
                ("messages", "Captured messages that are kept", journal.messages().len() as u64),
                ("messages_octets", "Octets of the messages that are kept", journal.octets_of_messages()),
                ("sessions_open", "Open sessions", world.sessions() as u64),
                ("accounts", "Accounts", world.mail.accounts.len() as u64),
                ("rules", "Mounted rules", world.rulebook.rules().len() as u64),
                ("records", "Journal records that are kept", journal.len()),
                ("records_octets", "Octets of the journal records that are kept", journal.octets()),
            ];
            (journal.totals().clone(), counters, gauges)
        });
        self.counter("messages_captured", "Captured messages", of(), totals.messages);
        self.counter("messages_captured_octets", "Octets of captured messages", of(), totals.octets);
        for (listener, count) in &totals.sessions {
            self.counter("sessions", "Sessions", with("listener", listener.name()), *count);
        }
        for (class, count) in &totals.refusals {
            self.counter("refusals", "Negative replies, by class of status", with("class", class), *count);
        }
        counters.into_iter().for_each(|(name, help, count)| self.counter(name, help, of(), count));
        gauges.into_iter().for_each(|(name, help, count)| self.gauge(name, help, of(), count));
        let help = "Requests that wait, streams, webhooks and clients in IDLE";
        self.gauge("waiting", help, of(), waiting as u64);
    }

    fn counter(&mut self, name: &'static str, help: &'static str, labels: Labels, count: u64) {
        let family = self.counters.entry(name).or_insert_with(|| {
            let family = Family::default();
            self.registry.register(name, help, family.clone());
            family
        });
        family.get_or_create(&labels).inc_by(count);
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, labels: Labels, count: u64) {
        let family = self.gauges.entry(name).or_insert_with(|| {
            let family = Family::default();
            self.registry.register(name, help, family.clone());
            family
        });
        family.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
