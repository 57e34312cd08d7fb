//! Who may use the HTTP API.

use clap::Args;

use crate::server::Settings;

#[derive(Args)]
#[command(next_help_heading = "HTTP API")]
pub(super) struct Http {
    /// Host name that HTTP requests may use, besides localhost, IP addresses and the server's own names; may be
    /// repeated.
    #[arg(long, value_name = "NAME", env = "MAILJIG_ALLOW_HOST", value_delimiter = ',')]
    allow_host: Vec<String>,
}

impl Http {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.allowed_hosts.clone_from(&self.allow_host);
    }
}
