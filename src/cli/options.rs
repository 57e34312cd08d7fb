//! The options of `mailjig serve`.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::scenarios::{find, pair};
use crate::base::{is_identifier, span};
use crate::mail::{Member, Namespace, is_subaddress_separator};
use crate::protocol::imap::Leniency;
use crate::protocol::{Listener, StartTls};
use crate::server::{HostLimits, Settings};
use crate::world::Keep;

#[derive(Args)]
pub(super) struct Serve {
    /// IP address of all listeners that have no address of their own.
    #[arg(long, value_name = "IP", env = "MAILJIG_BIND", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// `auto`: each listener without an explicit port takes a free port, and the output shows it.
    #[arg(long, value_enum, env = "MAILJIG_PORTS", default_value_t = Ports::Default)]
    ports: Ports,
    /// SMTP, login optional: `PORT`, `IP:PORT` or `off` [default: 1025].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_SMTP")]
    smtp: Option<Where>,
    /// Submission, login required: `PORT`, `IP:PORT` or `off` [default: 1587].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_SUBMISSION")]
    submission: Option<Where>,
    /// Submission over TLS, login required: `PORT`, `IP:PORT` or `off` [default: 1465].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_SMTPS")]
    smtps: Option<Where>,
    /// LMTP: `PORT`, `IP:PORT` or `off` [default: 1024].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_LMTP")]
    lmtp: Option<Where>,
    /// IMAP: `PORT`, `IP:PORT` or `off` [default: 1143].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_IMAP")]
    imap: Option<Where>,
    /// IMAP over TLS: `PORT`, `IP:PORT` or `off` [default: 1993].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_IMAPS")]
    imaps: Option<Where>,
    /// POP3: `PORT`, `IP:PORT` or `off` [default: 1110].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_POP3")]
    pop3: Option<Where>,
    /// POP3 over TLS: `PORT`, `IP:PORT` or `off` [default: 1995].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_POP3S")]
    pop3s: Option<Where>,
    /// The HTTP API: `PORT`, `IP:PORT` or `off` [default: 8025].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_HTTP")]
    http: Option<Where>,
    /// Host name that HTTP requests may use, besides localhost, IP addresses and the server's own names; may be
    /// repeated.
    #[arg(long, value_name = "NAME", env = "MAILJIG_ALLOW_HOST", value_delimiter = ',')]
    allow_host: Vec<String>,
    /// The server's host name, used in greetings and in its certificate.
    #[arg(long, value_name = "NAME", env = "MAILJIG_HOST", default_value = "localhost")]
    host: String,
    /// Further name or IP address for the certificate, besides the host name, the addresses of
    /// the listeners, `localhost`, `127.0.0.1`, `::1` and `host.docker.internal`; may be repeated.
    #[arg(long, value_name = "NAME", env = "MAILJIG_SAN", value_delimiter = ',')]
    san: Vec<String>,
    /// An account. With at least one, all other logins and addresses are refused. May be repeated.
    #[arg(long, value_name = "LOGIN:PASSWORD", env = "MAILJIG_ACCOUNT", value_delimiter = ',')]
    account: Vec<Login>,
    /// Character before the detail in an account's address, as in `bob+news@example.org`; `off` for none.
    #[arg(long, value_name = "CHAR", env = "MAILJIG_SUBADDRESS_SEPARATOR", default_value = "+", value_parser = separator)]
    subaddress_separator: Separator,
    /// Character between the levels of a mailbox name, such as `/` or `.`.
    #[arg(long, value_name = "CHAR", default_value_t = '/', value_parser = delimiter)]
    delimiter: char,
    /// Name that all mailboxes but INBOX are below, such as `INBOX`, without a delimiter at its end.
    #[arg(long, value_name = "NAME", default_value = "")]
    namespace: String,
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
    /// Refuse deviations from the IMAP grammar that real clients make: a bare LF after a literal, superfluous blanks.
    #[arg(long, env = "MAILJIG_IMAP_STRICT")]
    imap_strict: bool,
    /// Accept mail on `submission` and `smtps` without a login.
    #[arg(long)]
    no_require_auth: bool,
    /// Largest message, as in `25MiB`.
    #[arg(long, value_name = "SIZE", env = "MAILJIG_MAX_SIZE", default_value = "25MiB")]
    max_size: Size,
    /// Longest SMTP command line in octets, with its CRLF.
    #[arg(long, value_name = "N", default_value_t = 2048)]
    max_line: usize,
    /// Maximum number of recipients of a message.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    max_recipients: usize,
    /// Maximum number of sessions at the same time.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_sessions: usize,
    /// How long a client may send nothing, as in `5m` [default: 5m on SMTP, 30m on IMAP, 10m on POP3].
    #[arg(long, value_name = "TIME")]
    idle_timeout: Option<Time>,
    /// How long a client may read none of the pending output, as in `5m`.
    #[arg(long, value_name = "TIME", default_value = "5m")]
    write_timeout: Time,
    /// How long a TLS handshake may take, as in `30s`.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    handshake_timeout: Time,
    /// Number of messages to keep, captured or in mailboxes; beyond that the oldest are discarded. 64 times
    /// as many journal records are kept.
    #[arg(long, value_name = "N", env = "MAILJIG_KEEP", default_value_t = 10_000)]
    keep: usize,
    /// Total size of the messages to keep, as in `1GiB`, and of the transcripts; beyond that the oldest are discarded.
    #[arg(long, value_name = "SIZE", env = "MAILJIG_KEEP_SIZE", default_value = "1GiB")]
    keep_size: Size,
    /// Number of accounts to keep if there is no list of accounts; beyond that the oldest unused ones are discarded.
    #[arg(long, value_name = "N", env = "MAILJIG_KEEP_ACCOUNTS", default_value_t = 10_000)]
    keep_accounts: usize,
    /// Maximum number of further servers that clients may start with `POST /v1/servers`.
    #[arg(long, value_name = "N", env = "MAILJIG_MAX_SERVERS", default_value_t = HostLimits::default().servers)]
    max_servers: usize,
    /// Remove a further server that nobody has used for this long, as in `10m`.
    #[arg(long, value_name = "TIME", env = "MAILJIG_IDLE_EXPIRY", default_value = "30m")]
    idle_expiry: Time,
    /// A scenario: the name of one that comes with mailjig, such as `smtp-greylist`, or a file.
    #[arg(long, value_name = "NAME|FILE", env = "MAILJIG_SCENARIO")]
    scenario: Option<String>,
    /// Sets a parameter of the scenario; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "scenario", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Seed for `chance`, random waits and generated values [default: the scenario's seed, else 1].
    #[arg(long, value_name = "N", env = "MAILJIG_SEED")]
    seed: Option<u32>,
    /// Write the server's CA certificate to this file, in PEM.
    #[arg(long, value_name = "FILE", env = "MAILJIG_CA_FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Write the endpoints to this file as JSON, once all ports are bound.
    #[arg(long, value_name = "FILE", env = "MAILJIG_READY_FILE")]
    pub(super) ready_file: Option<PathBuf>,
    /// Write JSON to standard output: the endpoints in the first line, then one line for each login, captured
    /// message and the like.
    #[arg(long)]
    pub(super) json: bool,
    /// Write only the endpoints, not the lines that follow.
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Ports {
    Default,
    Auto,
}

/// The address of a listener, or none.
#[derive(Clone, Copy)]
enum Where {
    Off,
    Port(u16),
    Address(SocketAddr),
}

#[derive(Clone)]
struct Login(Member);

/// The sub-address separator; none for `off`.
#[derive(Clone, Copy)]
struct Separator(Option<char>);

#[derive(Clone, Copy)]
struct Size(u64);

#[derive(Clone, Copy)]
struct Time(Duration);

impl Serve {
    /// The settings for the server. Fails if the accounts, the scenario or the namespace are not valid.
    pub(super) fn settings(&self) -> Result<Settings, Box<dyn Error>> {
        let mut settings = Settings::default();
        settings.host.clone_from(&self.host);
        settings.names.clone_from(&self.san);
        settings.allowed_hosts.clone_from(&self.allow_host);
        for (listener, its) in [
            (Listener::Smtp, self.smtp),
            (Listener::Submission, self.submission),
            (Listener::Smtps, self.smtps),
            (Listener::Lmtp, self.lmtp),
            (Listener::Imap, self.imap),
            (Listener::Imaps, self.imaps),
            (Listener::Pop3, self.pop3),
            (Listener::Pop3s, self.pop3s),
        ] {
            match self.place(its, listener.default_port()) {
                Some(address) => settings.listen(listener, address),
                None => settings.silence(listener),
            }
        }
        for Login(member) in &self.account {
            settings.add_member(member.clone()).map_err(|why| format!("`--account`: {why}"))?;
        }
        settings.subaddress_separator = self.subaddress_separator.0;
        settings.set_starttls(Listener::Smtp, self.smtp_starttls);
        settings.set_starttls(Listener::Submission, self.submission_starttls);
        settings.set_starttls(Listener::Lmtp, self.lmtp_starttls);
        settings.set_starttls(Listener::Imap, self.imap_starttls);
        settings.set_starttls(Listener::Pop3, self.pop3_starttls);
        settings.submission_requires_auth = !self.no_require_auth;
        settings.namespace = Namespace::new(&self.namespace, self.delimiter);
        if let Some(why) = settings.namespace.objection_to_prefix() {
            return Err(format!("`--namespace {}` is not a valid namespace: {why}", self.namespace).into());
        }
        if self.imap_strict {
            settings.leniency = Leniency::STRICT;
        }
        settings.limits.smtp.message = self.max_size.0;
        settings.limits.imap.message = self.max_size.0;
        settings.limits.smtp.line = self.max_line;
        settings.limits.smtp.recipients = self.max_recipients;
        if let Some(Time(time)) = self.idle_timeout {
            settings.limits.idle(time);
        }
        settings.limits.sessions = self.max_sessions;
        settings.limits.write = self.write_timeout.0;
        settings.limits.handshake = self.handshake_timeout.0;
        settings.keep = Some(Keep { messages: self.keep, octets: self.keep_size.0, accounts: self.keep_accounts });
        settings.seed = self.seed.unwrap_or(1);
        if let Some(which) = &self.scenario {
            let mut scenario = self.set.iter().fold(find(which), |its, (name, value)| its.set(name, value));
            if let Some(seed) = self.seed {
                scenario = scenario.seed(seed.into());
            }
            let loaded = scenario.load().map_err(|error| format!("the scenario is not valid\n{error}"))?;
            settings.scenario = Some(Arc::new(loaded));
        }
        Ok(settings)
    }

    /// The limits for further servers.
    pub(super) fn host_limits(&self) -> HostLimits {
        HostLimits { servers: self.max_servers, expiry: self.idle_expiry.0 }
    }

    /// The address of the HTTP API; none if it is off.
    pub(super) fn http(&self) -> Option<SocketAddr> {
        self.place(self.http, 8025)
    }

    fn place(&self, its: Option<Where>, default: u16) -> Option<SocketAddr> {
        let default = if self.ports == Ports::Auto { 0 } else { default };
        match its {
            Some(Where::Off) => None,
            Some(Where::Port(port)) => Some(SocketAddr::new(self.bind, port)),
            Some(Where::Address(address)) => Some(address),
            None => Some(SocketAddr::new(self.bind, default)),
        }
    }
}

fn delimiter(text: &str) -> Result<char, String> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(delimiter), None) if Namespace::is_delimiter(delimiter) => Ok(delimiter),
        _ => Err("write one punctuation character, such as `/` or `.`, but not * % \" or \\".to_owned()),
    }
}

fn separator(text: &str) -> Result<Separator, String> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(separator), None) if is_subaddress_separator(separator) => Ok(Separator(Some(separator))),
        _ if text == "off" => Ok(Separator(None)),
        _ => Err("write one punctuation character, such as `+` or `-`, or `off`".to_owned()),
    }
}

impl ValueEnum for StartTls {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let what = match self {
            Self::Never => "neither announced nor accepted",
            Self::Offered => "announced; optional for clients",
            Self::BeforeLogin => "login is refused before it",
            Self::BeforeAnything => "everything that is not needed for STARTTLS is refused before it",
        };
        Some(PossibleValue::new(self.name()).help(what))
    }
}

impl FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let port = text.parse().map(Self::Port).ok();
        let address = || text.parse().map(Self::Address).ok();
        port.or_else(address)
            .ok_or_else(|| "write a port such as `2525`, an address such as `0.0.0.0:2525`, or `off`".to_owned())
    }
}

impl FromStr for Login {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((login, password)) if is_identifier(login) => {
                Ok(Self(Member { login: login.into(), password: password.into(), addresses: Vec::new() }))
            }
            _ => Err("write a login and a password, as in `bob@example.org:secret`".to_owned()),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
            "" | "b" => Some(1),
            "kb" => Some(1000),
            "mb" => Some(1000 * 1000),
            "gb" => Some(1000 * 1000 * 1000),
            "k" | "kib" => Some(1 << 10),
            "m" | "mib" => Some(1 << 20),
            "g" | "gib" => Some(1 << 30),
            _ => None,
        };
        let size = unit.and_then(|unit: u64| digits.parse::<u64>().ok()?.checked_mul(unit));
        size.map(Self).ok_or_else(|| "write a size such as `1000000`, `25MiB` or `1GB`".to_owned())
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = span(text).map(Duration::from_micros).filter(|time| !time.is_zero());
        time.map(Self).ok_or_else(|| "write a time such as `30s` or `5m`".to_owned())
    }
}
