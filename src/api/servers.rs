//! `/v1/servers`: further servers in this process, each with its own ports, mail, journal and rules.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Shared;
use super::body::{JsonBody, NoBody};
use super::endpoints::{EndpointsJson, Reached};
use super::new_server::NewServerJson;
use super::oauth::tell_discovery;
use super::params::{NoParams, Path, query};
use super::problem::Problem;
use super::server::SETTLE;
use super::target::find;
use super::verify::verified;
use crate::mail::Member;
use crate::server::{FurtherServer, NoServer, Server, StartError};

/// A further server, and what clients need to use it.
#[derive(Serialize, ToSchema)]
pub(super) struct ServerJson {
    /// Its number.
    id: String,
    #[schema(value_type = Option<String>)]
    name: Option<Box<str>>,
    #[serde(flatten)]
    facts: ServerFacts,
    accounts: Vec<AccountLogin>,
    /// The time after which it is removed if nobody uses it.
    idle_expiry: String,
}

/// What every server has, also the main one.
#[derive(Serialize, ToSchema)]
struct ServerFacts {
    /// The base URL of its API.
    url: String,
    #[serde(flatten)]
    endpoints: EndpointsJson,
    /// Its CA certificate, in PEM.
    ca: String,
    scenario: Option<String>,
    /// How many sessions are open.
    sessions_open: usize,
    /// How many captured messages it has.
    messages: usize,
}

#[derive(Serialize, ToSchema)]
struct AccountLogin {
    #[schema(value_type = String)]
    login: Box<str>,
    #[schema(value_type = String)]
    password: Box<str>,
    #[schema(value_type = Vec<String>)]
    tokens: Vec<Box<str>>,
}

/// The servers of this process.
#[derive(Serialize, ToSchema)]
pub(super) struct ServerList {
    /// The main server.
    #[schema(inline)]
    main: ServerFacts,
    servers: Vec<ServerJson>,
    /// The maximum number at the same time.
    max_servers: usize,
    /// How many have been removed because nobody used them.
    expired: u64,
}

/// A server that was removed.
#[derive(Serialize, ToSchema)]
pub(super) struct Removed {
    /// Always null: if an expectation is not met, the answer is 409 with the report.
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
    /// How many sessions were still open.
    open_sessions: usize,
}

query! {
    /// What to do before a server is removed.
    pub(super) struct RemoveQuery {
        /// Whether to verify rules and expectations; default `true`.
        verify: Option<bool>,
        /// How long to wait for the server to settle before that; default 5 s.
        wait: Option<Duration>,
    }
}

impl ServerJson {
    fn of(further: &FurtherServer, reached: &Reached) -> Self {
        let base = format!("/v1/servers/{}", further.no);
        let accounts = further.server.settings().members.iter();
        Self {
            id: further.no.to_string(),
            name: further.name.clone(),
            facts: ServerFacts::of(&further.server, reached, &base, &base),
            accounts: accounts
                .map(|Member { login, password, tokens, .. }| AccountLogin {
                    login: login.clone(),
                    password: password.clone(),
                    tokens: tokens.clone(),
                })
                .collect(),
            idle_expiry: format!("{:?}", further.expiry),
        }
    }
}

impl ServerFacts {
    /// `api` is the path of its API, and `http` that of its endpoint `http`.
    fn of(server: &Server, reached: &Reached, api: &str, http: &str) -> Self {
        let (scenario, sessions_open, messages) = server.engine().read(|world| {
            let scenario = world.scenario.as_ref().map(|loaded| loaded.name.clone());
            (scenario, world.sessions(), world.journal.messages().len())
        });
        Self {
            url: format!("{}{api}", reached.url()),
            endpoints: EndpointsJson::reached(server, reached, http),
            ca: server.ca().to_owned(),
            scenario,
            sessions_open,
            messages,
        }
    }
}

/// List the further servers, in the order in which they were added, and the main server.
#[utoipa::path(get, path = "/servers", responses((status = 200, description = "The servers.", body = ServerList)))]
pub(super) async fn list(State(shared): State<Shared>, reached: Reached, _: NoParams) -> Json<ServerList> {
    Json(ServerList {
        main: ServerFacts::of(shared.host.main(), &reached, "/v1", ""),
        servers: shared.host.further().iter().map(|further| ServerJson::of(further, &reached)).collect(),
        max_servers: shared.host.limits().servers,
        expired: shared.host.expired(),
    })
}

/// Start a further server on free ports.
#[utoipa::path(post, path = "/servers", request_body = Option<NewServerJson>, responses(
    (status = 201, description = "The server accepts connections.", body = ServerJson),
    (status = 409, description = "A server has this name."),
    (status = 422, description = "The body is wrong, or the scenario is not valid."),
    (status = 503, description = "There are too many servers, or the system has no more ports or files."),
))]
pub(super) async fn add(
    State(shared): State<Shared>,
    reached: Reached,
    _: NoParams,
    JsonBody(new): JsonBody<NewServerJson>,
) -> Result<Response, Problem> {
    let new = new.read(shared.host.main().settings())?;
    let added = shared.host.add(new).map_err(refusal)?;
    tell_discovery(&added.server, &format!("{}/v1/servers/{}", reached.url(), added.no));
    let location = [(header::LOCATION, format!("/v1/servers/{}", added.no))];
    Ok((StatusCode::CREATED, location, Json(ServerJson::of(&added, &reached))).into_response())
}

/// Get a further server.
#[utoipa::path(get, path = "/servers/{id}", params(("id" = String, Path, description = "The number or the name of the server.")), responses(
    (status = 200, description = "The server.", body = ServerJson),
    (status = 404, description = "There is no such server."),
    (status = 410, description = "It was unused and has been removed."),
))]
pub(super) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    reached: Reached,
    _: NoParams,
) -> Result<Json<ServerJson>, Problem> {
    Ok(Json(ServerJson::of(&*find(&shared.host, &id)?, &reached)))
}

/// Verify rules and expectations, then remove the server.
#[utoipa::path(delete, path = "/servers/{id}", params(("id" = String, Path, description = "The number or the name of the server."), RemoveQuery), responses(
    (status = 200, description = "Every expectation was met. The server is gone.", body = Removed),
    (status = 404, description = "There is no such server."),
    (status = 410, description = "It was unused and has been removed."),
    (status = 409, description = "An expectation was not met; with the report. The server is gone."),
))]
pub(super) async fn remove(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    RemoveQuery { verify, wait }: RemoveQuery,
    _: NoBody,
) -> Result<Json<Removed>, Problem> {
    let further = find(&shared.host, &id)?;
    // A server that somebody holds does not expire.
    let server = Arc::clone(&further.server);
    let verified = match verify {
        Some(false) => Ok(()),
        Some(true) | None => verified(&server, wait.unwrap_or(SETTLE)).await,
    };
    let open_sessions = server.engine().read(|world| world.sessions());
    if !shared.host.remove(further.no) {
        return Err(Problem::none("server", &id));
    }
    server.stop();
    verified.map(|()| Json(Removed { report: None, open_sessions }))
}

fn refusal(why: NoServer) -> Problem {
    match &why {
        NoServer::TooMany(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string()),
        NoServer::NameTaken(_) => Problem::field("name", why.to_string()).status(StatusCode::CONFLICT),
        NoServer::Name(_) => Problem::field("name", why.to_string()),
        NoServer::Start(StartError::Name(_)) => Problem::field("host", why.to_string()),
        NoServer::Start(StartError::Address { .. } | StartError::Certificate(_)) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string())
        }
    }
}
