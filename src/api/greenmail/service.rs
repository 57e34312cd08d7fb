//! The server as a whole: its configuration, purge, reset and readiness.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::blocking::run_blocking;
use super::super::problem::Problem;
use super::super::target::Target;
use super::message;
use crate::protocol::Listener;
use crate::server::{Endpoint, Server};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    server_setups: Vec<ServerSetup>,
    /// Whether every login succeeds.
    authentication_disabled: bool,
    /// Whether mail to `user+detail@domain` goes to `user@domain`.
    sieve_ignore_detail: bool,
    /// The folder of messages that are loaded at the start; none.
    preload_directory: Option<String>,
}

/// A listener. Times are in milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServerSetup {
    port: u16,
    address: String,
    protocol: &'static str,
    is_secure: bool,
    read_timeout: u64,
    write_timeout: u64,
    connection_timeout: u64,
    /// 0, because every listener is bound before the API answers.
    server_startup_timeout: u64,
    is_dynamic_port: bool,
}

pub(super) async fn configuration(Target(server): Target) -> Response {
    let configuration = Configuration {
        server_setups: server.endpoints().iter().filter_map(|endpoint| ServerSetup::of(endpoint, &server)).collect(),
        authentication_disabled: server.engine().read(|world| world.mail.accounts.is_open()),
        sieve_ignore_detail: server.settings().subaddress_separator.is_some(),
        preload_directory: None,
    };
    Json(configuration).into_response()
}

impl ServerSetup {
    /// `None` for LMTP, which GreenMail does not have.
    fn of(endpoint: &Endpoint, server: &Server) -> Option<Self> {
        let listener = endpoint.listener();
        let limits = &server.settings().limits;
        let (protocol, idle) = match listener {
            Listener::Lmtp => return None,
            Listener::Smtp | Listener::Submission => ("smtp", limits.smtp.idle),
            Listener::Smtps => ("smtps", limits.smtp.idle),
            Listener::Imap => ("imap", limits.imap.idle),
            Listener::Imaps => ("imaps", limits.imap.idle),
            Listener::Pop3 => ("pop3", limits.pop3.idle),
            Listener::Pop3s => ("pop3s", limits.pop3.idle),
        };
        let configured = server.settings().listeners().find(|(its, _)| *its == listener);
        Some(Self {
            port: endpoint.port(),
            address: endpoint.host().to_owned(),
            protocol,
            is_secure: listener.implicit_tls(),
            read_timeout: millis(idle),
            write_timeout: millis(limits.write),
            connection_timeout: millis(limits.handshake),
            server_startup_timeout: 0,
            is_dynamic_port: configured.is_some_and(|(_, address)| address.port() == 0),
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Removes all mail.
pub(super) async fn purge(Target(server): Target) -> Result<Response, Problem> {
    // Freed without the lock.
    run_blocking(move || drop(server.engine().update(|world, now| world.purge(now)))).await?;
    Ok(message(StatusCode::OK, "Purged mails"))
}

/// Restores the state at the start.
pub(super) async fn reset(Target(server): Target) -> Result<Response, Problem> {
    server.reset(&[]).await.map_err(|_| Problem::bug())?;
    Ok(message(StatusCode::OK, "Performed reset"))
}

/// Whether every listener accepts connections.
pub(super) async fn readiness(Target(server): Target) -> Response {
    match server.not_accepting().is_empty() {
        true => message(StatusCode::OK, "Service running"),
        false => message(StatusCode::SERVICE_UNAVAILABLE, "Service not running"),
    }
}
