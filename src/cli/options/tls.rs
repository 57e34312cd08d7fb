//! The server's names, its certificate, and STARTTLS.

use std::path::PathBuf;

use clap::Args;

use crate::protocol::{Listener, StartTls};
use crate::server::{OwnCertificate, Settings};

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
    /// File with a certificate and its chain in PEM, which all listeners then present by default. SIGHUP and
    /// `POST /v1/tls/reload` read it again. Needs `--tls-key`.
    #[arg(long, value_name = "FILE", env = "MAILJIG_TLS_CERT")]
    pub(super) tls_cert: Option<PathBuf>,
    /// File with the private key of `--tls-cert`, in PEM.
    #[arg(long, value_name = "FILE", env = "MAILJIG_TLS_KEY")]
    tls_key: Option<PathBuf>,
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
    /// Fails if a certificate or a key is given alone.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), String> {
        // Not by the parser, which does not count values of the configuration file.
        settings.own_certificate = match (&self.tls_cert, &self.tls_key) {
            (Some(chain), Some(key)) => Some(OwnCertificate::Files { chain: chain.clone(), key: key.clone() }),
            (None, None) => None,
            (Some(_), None) => return Err("`--tls-cert` needs `--tls-key`".to_owned()),
            (None, Some(_)) => return Err("`--tls-key` needs `--tls-cert`".to_owned()),
        };
        settings.host.clone_from(&self.host);
        settings.names.clone_from(&self.san);
        settings.set_starttls(Listener::Smtp, self.smtp_starttls);
        settings.set_starttls(Listener::Submission, self.submission_starttls);
        settings.set_starttls(Listener::Lmtp, self.lmtp_starttls);
        settings.set_starttls(Listener::Imap, self.imap_starttls);
        settings.set_starttls(Listener::Pop3, self.pop3_starttls);
        Ok(())
    }
}
