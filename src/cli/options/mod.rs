//! The options of a server, one file for each heading of `--help`. Each is a flag, a variable `MAILJIG_…` and a key of
//! the configuration file.

mod accounts;
mod failing;
mod http;
mod limits;
mod listeners;
mod pop3;
mod tls;
mod value;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::color::Color;
use super::parent::{ExitWithParent, exit_with_parent};
use crate::server::{HostLimits, Settings};
pub(super) use value::{number, truth};

/// The options of a server, whoever starts it.
#[derive(Args)]
pub(super) struct ServerOptions {
    #[command(flatten)]
    listeners: listeners::Listeners,
    #[command(flatten)]
    tls: tls::Tls,
    #[command(flatten)]
    accounts: accounts::Accounts,
    #[command(flatten)]
    failing: failing::Failing,
    #[command(flatten)]
    pop3: pop3::Pop3,
    #[command(flatten)]
    limits: limits::Limits,
    #[command(flatten)]
    http: http::Http,
    /// Colours in the lines for events, and in reports.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        env = "MAILJIG_COLOR",
        default_value = "auto",
        help_heading = "Output"
    )]
    color: Color,
}

/// The options of `mailjig serve`.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) server: ServerOptions,
    /// Write the endpoints to this file as JSON, once all ports are bound.
    #[arg(long, value_name = "FILE", env = "MAILJIG_READY_FILE", help_heading = "Output")]
    pub(super) ready_file: Option<PathBuf>,
    /// Write JSON to standard output: the endpoints in the first line, then one line for each login, captured
    /// message and the like.
    #[arg(long, env = "MAILJIG_JSON", help_heading = "Output")]
    pub(super) json: bool,
    /// Write only the endpoints, not the lines that follow.
    #[arg(long, short, env = "MAILJIG_QUIET", help_heading = "Output")]
    pub(super) quiet: bool,
    /// Stop when the process that started this one ends, or the process with this number.
    #[arg(long, value_name = "PID", env = "MAILJIG_EXIT_WITH_PARENT", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", hide_default_value = true,
        value_parser = exit_with_parent, help_heading = "Lifetime")]
    pub(super) exit_with_parent: ExitWithParent,
}

impl ServerOptions {
    /// The settings for the server. Fails if the accounts, the scenario or the namespace are not valid.
    pub(super) fn settings(&self) -> Result<Settings, String> {
        let mut settings = Settings::default();
        self.listeners.apply(&mut settings);
        self.tls.apply(&mut settings)?;
        self.accounts.apply(&mut settings)?;
        self.failing.apply(&mut settings)?;
        self.pop3.apply(&mut settings);
        self.limits.apply(&mut settings);
        self.http.apply(&mut settings)?;
        Ok(settings)
    }

    /// The limits for further servers.
    pub(super) fn host_limits(&self) -> HostLimits {
        self.limits.of_host()
    }

    /// The address of the HTTP API; none if it is off.
    pub(super) fn http(&self) -> Option<SocketAddr> {
        self.listeners.http()
    }

    /// The token of the HTTP API.
    pub(super) fn token(&self) -> Option<&str> {
        self.http.token.as_deref()
    }

    pub(super) fn color(&self) -> Color {
        self.color
    }

    /// The URLs that get every message.
    pub(super) fn webhooks(&self) -> &[String] {
        &self.http.webhook
    }

    /// Whether the server has a certificate from files.
    pub(super) fn has_certificate_files(&self) -> bool {
        self.tls.tls_cert.is_some()
    }

    /// The file for the CA certificate.
    pub(super) fn ca_file(&self) -> Option<&Path> {
        self.tls.ca_file.as_deref()
    }
}
