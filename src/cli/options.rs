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
use crate::server::Settings;
use crate::world::Keep;

#[derive(Args)]
pub(super) struct Serve {
    /// Address that the listeners are bound to, unless they say otherwise.
    #[arg(long, value_name = "IP", env = "MAILJIG_BIND", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// `auto`: every listener without a port of its own takes a free one, and the output says which.
    #[arg(long, value_enum, env = "MAILJIG_PORTS", default_value_t = Ports::Default)]
    ports: Ports,
    /// SMTP, no login needed: `PORT`, `IP:PORT` or `off` [default: 1025].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_SMTP")]
    smtp: Option<Where>,
    /// Submission, login needed: `PORT`, `IP:PORT` or `off` [default: 1587].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_SUBMISSION")]
    submission: Option<Where>,
    /// Submission over TLS, login needed: `PORT`, `IP:PORT` or `off` [default: 1465].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_SMTPS")]
    smtps: Option<Where>,
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
    /// A name that HTTP requests may give as their host, besides localhost, IP addresses and the server's own; may be
    /// repeated.
    #[arg(long, value_name = "NAME", env = "MAILJIG_ALLOW_HOST", value_delimiter = ',')]
    allow_host: Vec<String>,
    /// The server's own name, in greetings and in its certificate.
    #[arg(long, value_name = "NAME", env = "MAILJIG_HOST", default_value = "localhost")]
    host: String,
    /// A name or address that the certificate is valid for, besides the host and the loopback names; may be repeated.
    #[arg(long, value_name = "NAME", env = "MAILJIG_SAN", value_delimiter = ',')]
    san: Vec<String>,
    /// An account; with one, nobody else can log in or get mail. May be repeated.
    #[arg(long, value_name = "LOGIN:PASSWORD", env = "MAILJIG_ACCOUNT", value_delimiter = ',')]
    account: Vec<Login>,
    /// What stands before a detail in an address of an account, as in `bob+news@example.org`; `off` for none.
    #[arg(long, value_name = "CHAR", env = "MAILJIG_SUBADDRESS_SEPARATOR", default_value = "+", value_parser = separator)]
    subaddress_separator: Separator,
    /// What stands between the levels of a mailbox name, as `/` or `.`.
    #[arg(long, value_name = "CHAR", default_value_t = '/', value_parser = delimiter)]
    delimiter: char,
    /// What every mailbox name but INBOX begins with, without the delimiter at its end, as `INBOX`.
    #[arg(long, value_name = "NAME", default_value = "")]
    namespace: String,
    /// STARTTLS on `smtp`: whether it is there, and what is refused before it.
    #[arg(long, value_name = "WHEN", env = "MAILJIG_SMTP_STARTTLS", default_value_t = StartTls::Offered)]
    smtp_starttls: StartTls,
    /// STARTTLS on `submission`.
    #[arg(long, value_name = "WHEN", env = "MAILJIG_SUBMISSION_STARTTLS", default_value_t = StartTls::BeforeLogin)]
    submission_starttls: StartTls,
    /// STARTTLS on `imap`.
    #[arg(long, value_name = "WHEN", env = "MAILJIG_IMAP_STARTTLS", default_value_t = StartTls::Offered)]
    imap_starttls: StartTls,
    /// STLS on `pop3`.
    #[arg(long, value_name = "WHEN", env = "MAILJIG_POP3_STARTTLS", default_value_t = StartTls::Offered)]
    pop3_starttls: StartTls,
    /// Let IMAP refuse what the grammar does not allow and real clients do: a bare LF behind a literal, blanks too many.
    #[arg(long, env = "MAILJIG_IMAP_STRICT")]
    imap_strict: bool,
    /// Take mail on submission and SMTPS without a login.
    #[arg(long)]
    no_require_auth: bool,
    /// Octets that a message may have, as `25MiB`.
    #[arg(long, value_name = "SIZE", env = "MAILJIG_MAX_SIZE", default_value = "25MiB")]
    max_size: Size,
    /// Octets that a command line may have, its CRLF included.
    #[arg(long, value_name = "N", default_value_t = 2048)]
    max_line: usize,
    /// Recipients that a message may have.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    max_recipients: usize,
    /// Sessions that may last at the same time.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_sessions: usize,
    /// How long a client may be silent, as `5m` [default: 5m on SMTP, 30m on IMAP, 10m on POP3].
    #[arg(long, value_name = "TIME")]
    idle_timeout: Option<Time>,
    /// How long a client may read nothing while an answer waits for it, as `5m`.
    #[arg(long, value_name = "TIME", default_value = "5m")]
    write_timeout: Time,
    /// How long a TLS handshake may take, as `30s`.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    handshake_timeout: Time,
    /// Messages that are kept at least, captured or put into mailboxes; beyond that the oldest go. Of records as many as 64
    /// times that.
    #[arg(long, value_name = "N", env = "MAILJIG_KEEP", default_value_t = 10_000)]
    keep: usize,
    /// Octets of messages that are kept at least, as `1GiB`, and as many of what was said; beyond that the oldest go.
    #[arg(long, value_name = "SIZE", env = "MAILJIG_KEEP_SIZE", default_value = "1GiB")]
    keep_size: Size,
    /// Accounts that are kept at least where everybody is welcome; beyond that the oldest go that no session uses.
    #[arg(long, value_name = "N", env = "MAILJIG_KEEP_ACCOUNTS", default_value_t = 10_000)]
    keep_accounts: usize,
    /// How the server misbehaves: a scenario that is shipped, as `smtp-greylist`, or a file.
    #[arg(long, value_name = "NAME|FILE", env = "MAILJIG_SCENARIO")]
    scenario: Option<String>,
    /// Gives a parameter of the scenario another value; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "scenario", value_parser = pair)]
    set: Vec<(String, String)>,
    /// What chance, jitter and generated values come from [default: what the scenario says, else 1].
    #[arg(long, value_name = "N", env = "MAILJIG_SEED")]
    seed: Option<u32>,
    /// Write the certificate of the server's own authority here, in PEM, for clients to trust.
    #[arg(long, value_name = "FILE", env = "MAILJIG_CA_FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Write the endpoints here as JSON, once everything is bound.
    #[arg(long, value_name = "FILE", env = "MAILJIG_READY_FILE")]
    pub(super) ready_file: Option<PathBuf>,
    /// Write JSON to standard output: the endpoints in the first line, then a line for each event.
    #[arg(long)]
    pub(super) json: bool,
    /// Write only the endpoints, and no line for each event.
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Ports {
    Default,
    Auto,
}

/// Where a listener is.
#[derive(Clone, Copy)]
enum Where {
    Off,
    Port(u16),
    Address(SocketAddr),
}

#[derive(Clone)]
struct Login(Member);

/// None: `off`.
#[derive(Clone, Copy)]
struct Separator(Option<char>);

#[derive(Clone, Copy)]
struct Size(u64);

#[derive(Clone, Copy)]
struct Time(Duration);

impl Serve {
    /// What the server is told; fails where the scenario or the namespace is wrong.
    pub(super) fn settings(&self) -> Result<Settings, Box<dyn Error>> {
        let mut settings = Settings::default();
        settings.host.clone_from(&self.host);
        settings.names.clone_from(&self.san);
        settings.allowed_hosts.clone_from(&self.allow_host);
        for (listener, its) in [
            (Listener::Smtp, self.smtp),
            (Listener::Submission, self.submission),
            (Listener::Smtps, self.smtps),
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
        settings.members = self.account.iter().map(|login| login.0.clone()).collect();
        settings.subaddress_separator = self.subaddress_separator.0;
        settings.set_starttls(Listener::Smtp, self.smtp_starttls);
        settings.set_starttls(Listener::Submission, self.submission_starttls);
        settings.set_starttls(Listener::Imap, self.imap_starttls);
        settings.set_starttls(Listener::Pop3, self.pop3_starttls);
        settings.submission_requires_auth = !self.no_require_auth;
        settings.namespace = Namespace::new(&self.namespace, self.delimiter);
        if let Some(why) = settings.namespace.objection_to_prefix() {
            return Err(format!("no mailbox can be below `--namespace {}`: {why}", self.namespace).into());
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
            let loaded = scenario.load().map_err(|error| format!("the scenario is wrong\n{error}"))?;
            settings.scenario = Some(Arc::new(loaded));
        }
        Ok(settings)
    }

    /// Where the HTTP API is, unless it is off.
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
        _ => Err("write one character that is a sign, as `/` or `.`, and neither * nor % nor \" nor \\".to_owned()),
    }
}

fn separator(text: &str) -> Result<Separator, String> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(separator), None) if is_subaddress_separator(separator) => Ok(Separator(Some(separator))),
        _ if text == "off" => Ok(Separator(None)),
        _ => Err("write one sign, as `+` or `-`, or `off`".to_owned()),
    }
}

impl ValueEnum for StartTls {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let what = match self {
            Self::Never => "neither announced nor accepted",
            Self::Offered => "announced; clients may go on without it",
            Self::BeforeLogin => "no login before it",
            Self::BeforeAnything => "nothing before it but what leads to it",
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
            .ok_or_else(|| "write a port, as `2525`; an address, as `0.0.0.0:2525`; or `off`".to_owned())
    }
}

impl FromStr for Login {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((login, password)) if is_identifier(login) => {
                Ok(Self(Member { login: login.into(), password: password.into(), addresses: Vec::new() }))
            }
            _ => Err("write a login and a password, as `bob@example.org:secret`".to_owned()),
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
        size.map(Self).ok_or_else(|| "write octets, as `1000000`, `25MiB` or `1GB`".to_owned())
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = span(text).map(Duration::from_micros).filter(|time| !time.is_zero());
        time.map(Self).ok_or_else(|| "write a time, as `30s` or `5m`".to_owned())
    }
}
