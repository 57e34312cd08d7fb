//! Where `send` delivers to.

use std::env;
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::status::{SmtpError, UNAVAILABLE};
use crate::cli::client::failure::Failure;
use crate::cli::client::target::{Base, Query, Target};
use crate::cli::peer::Peer;

const DEFAULT_PORT: u16 = 1025;
/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(super) struct SmtpServer {
    /// The server's SMTP listener, without TLS: `HOST:PORT` or `smtp://HOST:PORT`. Without this option and `--url`, that
    /// of MAILJIG_SMTP_URL; without the variable, that of MAILJIG_URL, as with `--url`.
    /// [default: 127.0.0.1:1025]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "url")]
    smtp: Option<Place>,
    /// URL of the server's HTTP API, which is asked for the SMTP listener.
    #[arg(long, value_name = "URL")]
    url: Option<Base>,
    /// Token for the HTTP API, if the server was started with `--token`.
    #[arg(long, value_name = "TOKEN", env = "MAILJIG_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Where an SMTP server listens.
#[derive(Debug, Clone, PartialEq)]
struct Place(Peer);

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.strip_prefix("smtp://").unwrap_or(text);
        let place = place.strip_suffix('/').unwrap_or(place);
        let peer = Peer::read(place, Some(DEFAULT_PORT));
        peer.map(Self).ok_or_else(|| "write `HOST:PORT` or `smtp://HOST:PORT`, as in `127.0.0.1:1025`".to_owned())
    }
}

impl SmtpServer {
    pub(super) fn connect(&self) -> Result<TcpStream, Failure> {
        let Place(peer) = self.place()?;
        let failed = |error: std::io::Error| {
            SmtpError::NoServer(format!(
                "no server answers at {peer}: {error}\n  start one with `mailjig serve`, or name another with \
                 `--smtp`, `--url`, MAILJIG_SMTP_URL or MAILJIG_URL"
            ))
        };
        let mut why = None;
        for address in (peer.host.as_str(), peer.port).to_socket_addrs().map_err(failed)? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(socket) => return Ok(socket),
                Err(error) => why = Some(error),
            }
        }
        Err(failed(why.unwrap_or_else(|| std::io::Error::other("the name has no address"))).into())
    }

    /// Options come before variables, and SMTP comes before HTTP.
    fn place(&self) -> Result<Place, Failure> {
        if let Some(place) = &self.smtp {
            return Ok(place.clone());
        }
        if let Some(url) = &self.url {
            return self.ask(url.clone());
        }
        if let Some(place) = variable("MAILJIG_SMTP_URL")? {
            return Ok(place);
        }
        match variable::<Base>("MAILJIG_URL")? {
            Some(url) => self.ask(url),
            None => Ok(Place(Peer { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT })),
        }
    }

    /// Asks the API for the SMTP listener.
    fn ask(&self, url: Base) -> Result<Place, Failure> {
        let target = Target::new(url, self.token.clone());
        let asked = target.json("/endpoints", Query::new());
        let endpoints = asked.map_err(|failure| Failure::Undelivered(failure.to_string(), UNAVAILABLE))?;
        let url = endpoints["endpoints"]["smtp"]["url"].as_str();
        url.and_then(|url| url.parse().ok()).ok_or_else(|| {
            let text = "the server has no listener `smtp`; name another one with `--smtp HOST:PORT`";
            Failure::Undelivered(text.to_owned(), UNAVAILABLE)
        })
    }
}

/// The value of a variable that is set and not empty.
fn variable<T: FromStr<Err = String>>(name: &str) -> Result<Option<T>, Failure> {
    let value = env::var(name).ok().filter(|value| !value.is_empty());
    let read = value.map(|value| value.parse().map_err(|right| Failure::unusable(format!("{name}={value}: {right}"))));
    read.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read() {
        for (text, read) in [
            ("127.0.0.1:2525", Some(("127.0.0.1", 2525))),
            ("mail.test", Some(("mail.test", 1025))),
            ("smtp://localhost:25", Some(("localhost", 25))),
            ("smtp://localhost:25/", Some(("localhost", 25))),
            ("[::1]:25", Some(("::1", 25))),
            ("::1", Some(("::1", 1025))),
            ("smtps://localhost:465", None),
            ("smtp://ann@localhost:25", None),
            ("localhost:smtp", None),
            (":25", None),
            ("", None),
        ] {
            let place = text.parse::<Place>().ok();
            assert_eq!(place.as_ref().map(|Place(peer)| (peer.host.as_str(), peer.port)), read, "{text}");
        }
    }
}
