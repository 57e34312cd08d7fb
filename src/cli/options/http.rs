//! Who may use the HTTP API.

use clap::Args;

use crate::server::{Compat, Settings};

#[derive(Args)]
#[command(next_help_heading = "HTTP API")]
pub(super) struct Http {
    /// Host name that HTTP requests may use, besides localhost, IP addresses and the server's own names; may be
    /// repeated.
    #[arg(long, value_name = "NAME", env = "MAILJIG_ALLOW_HOST", value_delimiter = ',', value_parser = host_name)]
    allow_host: Vec<String>,
    /// The mail server whose API has the path `/api/v1/messages`. All other paths of both are always there, and below
    /// `/mailpit` and `/mailhog` also this one.
    #[arg(long, value_enum, env = "MAILJIG_COMPAT", default_value_t = Compat::Mailpit)]
    compat: Compat,
    /// Token that HTTP requests must bring, as `Authorization: Bearer TOKEN` or as the password of Basic
    /// authentication. Better given in the variable: other users of the machine can read the command line.
    #[arg(long, value_name = "TOKEN", env = "MAILJIG_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
    /// Origin whose web pages may use the API, such as `http://localhost:3000`; `*` for every origin; may be repeated.
    #[arg(long, value_name = "ORIGIN", env = "MAILJIG_CORS", value_delimiter = ',')]
    cors: Vec<String>,
    /// URL that gets each captured message as JSON, with POST, until it answers with 2xx; may be repeated. The variable
    /// has one in each line.
    #[arg(long, value_name = "URL", env = "MAILJIG_WEBHOOK", value_delimiter = '\n')]
    pub(super) webhook: Vec<String>,
}

/// Host names are compared without their ports.
fn host_name(name: &str) -> Result<String, String> {
    match name.split_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => Err(format!("a name has no port: write `{name}`")),
        _ => Ok(name.to_owned()),
    }
}

impl Http {
    /// Fails if the token or an origin is not valid.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), String> {
        settings.allowed_hosts.clone_from(&self.allow_host);
        settings.compat = self.compat;
        if let Some(token) = &self.token {
            settings.require_token(token).map_err(|why| format!("`--token`: {why}"))?;
        }
        self.cors.iter().try_for_each(|origin| settings.allow_origin(origin)).map_err(|why| format!("`--cors`: {why}"))
    }
}
