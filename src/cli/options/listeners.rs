//! Where the server listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

use super::value::{Ports, Where};
use crate::protocol::{Leniency, Listener, Protocol};
use crate::server::Settings;

/// The port of the HTTP API, unless it is set.
const HTTP_PORT: u16 = 8025;

#[derive(Args)]
#[command(next_help_heading = "Listeners")]
pub(super) struct Listeners {
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
    /// Listener whose connections begin with a header of the PROXY protocol, as in `smtp`; may be repeated.
    #[arg(long, value_name = "LISTENER", env = "MAILJIG_PROXY_PROTOCOL", value_delimiter = ',', value_parser = listener)]
    proxy_protocol: Vec<Listener>,
    /// Listener of SMTP that accepts XCLIENT and XFORWARD, as in `submission`; may be repeated.
    #[arg(long, value_name = "LISTENER", env = "MAILJIG_XCLIENT", value_delimiter = ',', value_parser = smtp_listener)]
    xclient: Vec<Listener>,
    /// Accept what a vulnerable server accepts, as in `smtp=lf-dot-lf` or `imap=starttls-injection`; may be repeated.
    #[arg(long, value_name = "PROTOCOL=NAME", env = "MAILJIG_LENIENT", value_delimiter = ',', value_parser = leniency)]
    lenient: Vec<(Protocol, Leniency)>,
    /// The HTTP API: `PORT`, `IP:PORT` or `off` [default: 8025].
    #[arg(long, value_name = "WHERE", env = "MAILJIG_HTTP")]
    http: Option<Where>,
}

fn listener(name: &str) -> Result<Listener, String> {
    Listener::parse(name).ok_or_else(|| format!("write one of {}", Listener::names().join(", ")))
}

fn smtp_listener(name: &str) -> Result<Listener, String> {
    let found = Listener::parse(name).filter(|its| its.protocol() == Protocol::Smtp);
    found.ok_or_else(|| "write one of smtp, submission, smtps".to_owned())
}

fn leniency(text: &str) -> Result<(Protocol, Leniency), String> {
    let (protocol, name) = text.split_once('=').ok_or("write a protocol and a name, as in `smtp=bare-lf`")?;
    let protocol = Protocol::parse(protocol).ok_or("the protocols are smtp, lmtp, imap and pop3")?;
    Ok((protocol, Leniency::parse(protocol, name)?))
}

impl Listeners {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.proxy_protocol.extend(&self.proxy_protocol);
        for (protocol, leniency) in &self.lenient {
            settings.lenient.add(*protocol, *leniency).expect("the option was parsed");
        }
        self.xclient.iter().for_each(|listener| settings.trust_xclient(*listener));
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
    }

    /// The address of the HTTP API; none if it is off.
    pub(super) fn http(&self) -> Option<SocketAddr> {
        self.place(self.http, HTTP_PORT)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leniency_that_a_protocol_cannot_have_is_refused() {
        assert_eq!(leniency("smtp=bare-lf"), Ok((Protocol::Smtp, Leniency::BareLf)));
        for (text, why) in [
            ("imap=bare-lf", "`bare-lf` is not a leniency of imap: write starttls-injection"),
            ("pop3=x", "`x` is not a leniency of pop3: write starttls-injection"),
        ] {
            assert_eq!(leniency(text), Err(why.to_owned()));
        }
    }
}
