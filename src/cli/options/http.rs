//! Who may use the HTTP API.

use clap::Args;

use crate::server::{Compat, Settings};

#[derive(Args)]
#[command(next_help_heading = "HTTP API")]
pub(super) struct Http {
    /// Host name that HTTP requests may use, besides localhost, IP addresses and the server's own names; may be
    /// repeated.
    #[arg(long, value_name = "NAME", env = "MAILJIG_ALLOW_HOST", value_delimiter = ',')]
    allow_host: Vec<String>,
    /// The mail server whose API has the path `/api/v1/messages`. All other paths of both are always there, and below
    /// `/mailpit` and `/mailhog` also this one.
    #[arg(long, value_enum, env = "MAILJIG_COMPAT", default_value_t = Compat::Mailpit)]
    compat: Compat,
}

impl Http {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.allowed_hosts.clone_from(&self.allow_host);
        settings.compat = self.compat;
    }
}
