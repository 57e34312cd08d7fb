//! What clients may do, and how much the server keeps.

use std::sync::Arc;

use clap::Args;

use super::value::{PortRange, Size, Time, number};
use crate::server::{FreePorts, HostLimits, Settings};
use crate::world::Keep;

#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct Limits {
    /// Largest message, as in `25MiB`.
    #[arg(long, value_name = "SIZE", env = "MAILJIG_MAX_SIZE", default_value = "25MiB")]
    max_size: Size,
    /// Longest SMTP command line in octets, with its CRLF; a login may have 12288.
    #[arg(long, value_name = "N", env = "MAILJIG_MAX_LINE", value_parser = number::<usize>, default_value_t = 2048)]
    max_line: usize,
    /// Maximum number of recipients of a message.
    #[arg(long, value_name = "N", env = "MAILJIG_MAX_RECIPIENTS", value_parser = number::<usize>, default_value_t = 1000)]
    max_recipients: usize,
    /// Maximum number of sessions at the same time.
    #[arg(long, value_name = "N", env = "MAILJIG_MAX_SESSIONS", value_parser = number::<usize>, default_value_t = 10_000)]
    max_sessions: usize,
    /// How long a client may send nothing, as in `5m` [default: 5m on SMTP, 30m on IMAP, 10m on POP3].
    #[arg(long, value_name = "TIME", env = "MAILJIG_IDLE_TIMEOUT")]
    idle_timeout: Option<Time>,
    /// How long a client may read none of the pending output, as in `5m`.
    #[arg(long, value_name = "TIME", env = "MAILJIG_WRITE_TIMEOUT", default_value = "5m")]
    write_timeout: Time,
    /// How long a TLS handshake may take, as in `30s`.
    #[arg(long, value_name = "TIME", env = "MAILJIG_HANDSHAKE_TIMEOUT", default_value = "30s")]
    handshake_timeout: Time,
    /// Number of messages to keep, captured or in mailboxes; beyond that the oldest are discarded. 64 times
    /// as many journal records are kept.
    #[arg(long, value_name = "N", env = "MAILJIG_KEEP", value_parser = number::<usize>, default_value_t = 10_000)]
    keep: usize,
    /// Total size of the messages to keep, as in `1GiB`, and of the transcripts; beyond that the oldest are discarded.
    #[arg(long, value_name = "SIZE", env = "MAILJIG_KEEP_SIZE", default_value = "1GiB")]
    keep_size: Size,
    /// Number of accounts to keep if there is no list of accounts; beyond that the oldest unused ones are discarded.
    #[arg(long, value_name = "N", env = "MAILJIG_KEEP_ACCOUNTS", value_parser = number::<usize>, default_value_t = 10_000)]
    keep_accounts: usize,
    /// Maximum number of further servers that clients may start with `POST /v1/servers`.
    #[arg(long, value_name = "N", env = "MAILJIG_MAX_SERVERS", value_parser = number::<usize>, default_value_t = HostLimits::default().servers)]
    max_servers: usize,
    /// Remove a further server that nobody has used for this long, as in `10m`.
    #[arg(long, value_name = "TIME", env = "MAILJIG_IDLE_EXPIRY", default_value = "30m")]
    idle_expiry: Time,
    /// Ports for further servers, as in `20000-20999`, where a container publishes only known ports
    /// [default: any that are free].
    #[arg(long, value_name = "FROM-TO", env = "MAILJIG_SERVER_PORTS")]
    server_ports: Option<PortRange>,
}

impl Limits {
    pub(super) fn apply(&self, settings: &mut Settings) {
        let limits = &mut settings.limits;
        limits.smtp.message = self.max_size.0;
        limits.imap.message = self.max_size.0;
        limits.smtp.line = self.max_line;
        limits.smtp.recipients = self.max_recipients;
        if let Some(Time(time)) = self.idle_timeout {
            limits.idle(time);
        }
        limits.sessions = self.max_sessions;
        limits.write = self.write_timeout.0;
        limits.handshake = self.handshake_timeout.0;
        settings.keep = Some(Keep { messages: self.keep, octets: self.keep_size.0, accounts: self.keep_accounts });
    }

    /// The limits for further servers.
    pub(super) fn of_host(&self) -> HostLimits {
        let ports = self.server_ports.map(|PortRange(first, last)| Arc::new(FreePorts::new(first..=last)));
        HostLimits { servers: self.max_servers, expiry: self.idle_expiry.0, ports }
    }
}
