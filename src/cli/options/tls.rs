//! The server's names, its certificate, and STARTTLS.

use std::path::PathBuf;

use clap::Args;

use crate::protocol::{Listener, StartTls};
use crate::server::Settings;

#[derive(Args)]
#[command(next_help_heading = "Names and TLS")]
pub(super) struct Tls {
    /// The server's host name, used in greetings and in its certificate.
    #[arg(long, value_name = "NAME", env = "MAILJIG_HOST", default_value = "localhost")]
    host: String,
    /// Further name or IP address for the certificate, besides the host name, the addresses of
    /// the listeners, `localhost`, `127.0.0.1`, `::1` and `host.docker.internal`; may be repeated.
    #[arg(long, value_name = "NAME", env = "MAILJIG_SAN", value_delimiter = ',')]
    san: Vec<String>,
    /// Write the server's CA certificate to this file, in PEM.
    #[arg(long, value_name = "FILE", env = "MAILJIG_CA_FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// STARTTLS on `smtp`: whether it is offered, and what is refused before it.
    #[arg(long, value_name = "WHEN", env = "MAILJIG_SMTP_STARTTLS", default_value_t = StartTls::Offered)]
    smtp_starttls: StartTls,
    /// STARTTLS on `submission`.
    #[arg(long, value_name = "WHEN", env = "MAILJIG_SUBMISSION_STARTTLS", default_value_t = StartTls::BeforeLogin)]
    submission_starttls: StartTls,
    /// STARTTLS on `lmtp`.
    #[arg(long, value_name = "WHEN", env = "MAILJIG_LMTP_STARTTLS", default_value_t = StartTls::Offered)]
    lmtp_starttls: StartTls,
    /// STARTTLS on `imap`.
    #[arg(long, value_name = "WHEN", env = "MAILJIG_IMAP_STARTTLS", default_value_t = StartTls::Offered)]
    imap_starttls: StartTls,
    /// STLS on `pop3`.
    #[arg(long, value_name = "WHEN", env = "MAILJIG_POP3_STARTTLS", default_value_t = StartTls::Offered)]
    pop3_starttls: StartTls,
}

impl Tls {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.host.clone_from(&self.host);
        settings.names.clone_from(&self.san);
        settings.set_starttls(Listener::Smtp, self.smtp_starttls);
        settings.set_starttls(Listener::Submission, self.submission_starttls);
        settings.set_starttls(Listener::Lmtp, self.lmtp_starttls);
        settings.set_starttls(Listener::Imap, self.imap_starttls);
        settings.set_starttls(Listener::Pop3, self.pop3_starttls);
    }
}
