//! `/v1/servers`: further servers in this process, each with its own ports, mail, journal and rules.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::Shared;
use super::body::JsonBody;
use super::new_server::NewServerJson;
use super::params::{NoParams, Params, Path};
use super::problem::Problem;
use super::rules::verified;
use super::server::endpoints_of;
use super::target::find;
use crate::server::{FurtherServer, NoServer, StartError};

/// A further server, and what clients need to use it.
#[derive(Serialize)]
pub(super) struct ServerJson {
    id: String,
    name: Option<Box<str>>,
    /// The base URL of its API.
    url: String,
    endpoints: Value,
    /// Its CA certificate, in PEM.
    ca: String,
    accounts: Vec<AccountLogin>,
    scenario: Option<String>,
    /// The time after which it is removed if nobody uses it.
    idle_expiry: String,
}

#[derive(Serialize)]
struct AccountLogin {
    login: Box<str>,
    password: Box<str>,
}

impl Shared {
    fn describe(&self, further: &FurtherServer) -> ServerJson {
        let server = &further.server;
        let base = format!("/v1/servers/{}", further.no);
        let accounts = server.settings().members.iter();
        let mut endpoints = endpoints_of(server, Some(self.address), &base);
        ServerJson {
            id: further.no.to_string(),
            name: further.name.clone(),
            url: format!("http://{}{base}", self.address),
            endpoints: endpoints["endpoints"].take(),
            ca: server.ca().to_owned(),
            accounts: accounts
                .map(|member| AccountLogin { login: member.login.clone(), password: member.password.clone() })
                .collect(),
            scenario: server.engine().read(|world| world.scenario.as_ref().map(|loaded| loaded.name.clone())),
            idle_expiry: format!("{:?}", further.expiry),
        }
    }
}

/// The further servers, in the order in which they were added.
pub(super) async fn list(State(shared): State<Shared>, _: NoParams) -> Json<Value> {
    let servers: Vec<ServerJson> = shared.host.further().iter().map(|further| shared.describe(further)).collect();
    let limits = shared.host.limits();
    Json(json!({ "servers": servers, "max_servers": limits.servers, "expired": shared.host.expired() }))
}

/// Starts a further server on free ports.
pub(super) async fn add(
    State(shared): State<Shared>,
    _: NoParams,
    JsonBody(new): JsonBody<NewServerJson>,
) -> Result<Response, Problem> {
    let new = new.read(shared.host.main().settings())?;
    let added = shared.host.add(new).map_err(refusal)?;
    let location = [(header::LOCATION, format!("/v1/servers/{}", added.no))];
    Ok((StatusCode::CREATED, location, Json(shared.describe(&added))).into_response())
}

/// A further server.
pub(super) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    _: NoParams,
) -> Result<Json<ServerJson>, Problem> {
    Ok(Json(shared.describe(&*find(&shared.host, &id)?)))
}

/// Verifies rules and expectations, then stops the server and removes it.
pub(super) async fn remove(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, Problem> {
    let verify = params.choice("verify")?.unwrap_or(true);
    let wait = params.duration("wait")?.unwrap_or(Duration::from_secs(5));
    params.finish()?;
    let further = find(&shared.host, &id)?;
    let verified = if verify { verified(&further.server, wait).await } else { Ok(()) };
    let sessions = further.server.engine().read(|world| world.sessions());
    if !shared.host.remove(further.no) {
        return Err(Problem::none("server", &id));
    }
    further.server.stop();
    verified.map(|()| Json(json!({ "report": null, "open_sessions": sessions })))
}

fn refusal(why: NoServer) -> Problem {
    match &why {
        NoServer::TooMany(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string()),
        NoServer::NameTaken(_) => Problem::field("name", why.to_string()).status(StatusCode::CONFLICT),
        NoServer::Name(_) => Problem::field("name", why.to_string()),
        NoServer::Start(StartError::Name(_)) => Problem::field("host", why.to_string()),
        NoServer::Start(StartError::Address { .. }) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string()),
    }
}
