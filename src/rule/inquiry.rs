//! What a rule asks outside of the lock: a closure of the test, or an HTTP server.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::clause::{Rule, Timed};
use super::occurrence::Occurrence;
use crate::protocol::Event;

/// How long an answer may take in real time, unless the step says otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A question about an event. The rule continues when it is answered.
#[derive(Debug, Clone)]
pub(crate) struct Inquiry {
    pub(crate) occurrence: Occurrence,
    pub(crate) to: Respondent,
    pub(crate) timeout: Duration,
    /// The rule that asks.
    pub(crate) rule: Arc<Rule>,
    pub(crate) event: Event,
    /// The rule has already run what is inside of it.
    pub(crate) has_passed: bool,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Respondent {
    /// Whether the rule fires.
    Holds(Closure<bool>),
    /// The next steps.
    Steps(Closure<Vec<Timed>>),
    /// The next steps, in JSON.
    Url(HttpUrl),
}

/// The answer to an [`Inquiry`].
#[derive(Debug)]
pub(crate) enum Answer {
    Holds(bool),
    Steps(Arc<[Timed]>),
    /// There is no valid answer to this rule, for this reason.
    Failed {
        by: Arc<str>,
        why: String,
    },
}

/// A closure of the test, and where it was written.
pub(crate) struct Closure<T> {
    pub(crate) origin: Arc<str>,
    pub(crate) call: Arc<dyn Fn(Occurrence) -> T + Send + Sync>,
}

impl<T> Clone for Closure<T> {
    fn clone(&self) -> Self {
        Self { origin: Arc::clone(&self.origin), call: Arc::clone(&self.call) }
    }
}

impl<T> fmt::Debug for Closure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Closure").field(&self.origin).finish()
    }
}

impl<T> PartialEq for Closure<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.call, &other.call)
    }
}

impl fmt::Display for Respondent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds(closure) => write!(f, "the closure at {}", closure.origin),
            Self::Steps(closure) => write!(f, "the closure at {}", closure.origin),
            Self::Url(url) => f.write_str(&url.written),
        }
    }
}

/// The URL of an HTTP server whose address is known without a DNS lookup.
#[cfg_attr(not(feature = "api"), allow(dead_code))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    pub(crate) written: Box<str>,
    /// The addresses to connect to, in this order.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The host and the port, as written.
    pub(crate) authority: Box<str>,
    /// The path and the query.
    pub(crate) path: Box<str>,
}

impl HttpUrl {
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        let form = "write `http://127.0.0.1:9000/hook`";
        let wrong = || format!("`{written}` is not the URL of a server without TLS: {form}");
        let rest = written.strip_prefix("http://").ok_or_else(wrong)?;
        if rest.chars().any(|c| c.is_ascii_control() || c == ' ' || !c.is_ascii()) || rest.contains(['@', '#']) {
            return Err(wrong());
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            Some(_) | None => (authority, 80),
        };
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let hosts: Vec<IpAddr> = match (bracketed, host.eq_ignore_ascii_case("localhost")) {
            (Some(host), _) => vec![host.parse::<Ipv6Addr>().map_err(|_| wrong())?.into()],
            (None, true) => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            (None, false) => match host.parse::<Ipv4Addr>() {
                Ok(host) => vec![host.into()],
                Err(_) => {
                    return Err(format!(
                        "`{host}` is not an IP address or `localhost`, and mailjig looks up no names: {form}"
                    ));
                }
            },
        };
        Ok(Self {
            written: written.into(),
            addresses: hosts.into_iter().map(|host| SocketAddr::new(host, port)).collect(),
            authority: authority.into(),
            path: if path.starts_with('/') { path.into() } else { format!("/{path}").into() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_url_is_known_without_a_lookup() {
        for (written, addresses, path) in [
            ("http://127.0.0.1:9000/hook", &["127.0.0.1:9000"][..], "/hook"),
            ("http://[::1]:9000", &["[::1]:9000"], "/"),
            ("http://[::1]?a=b", &["[::1]:80"], "/?a=b"),
            ("http://localhost:1/a/b?c", &["127.0.0.1:1", "[::1]:1"], "/a/b?c"),
            ("http://10.0.0.7", &["10.0.0.7:80"], "/"),
        ] {
            let url = HttpUrl::parse(written).unwrap();
            let found: Vec<String> = url.addresses.iter().map(SocketAddr::to_string).collect();
            assert_eq!(
                (found.as_slice(), &*url.path),
                (&addresses.iter().map(ToString::to_string).collect::<Vec<_>>()[..], path),
                "{written}"
            );
        }
    }

    #[test]
    fn a_url_that_needs_a_lookup_or_tls_is_refused() {
        for (written, why) in [
            ("http://hook.example/", "mailjig looks up no names"),
            ("https://127.0.0.1/", "without TLS"),
            ("127.0.0.1:9000", "without TLS"),
            ("http://user@127.0.0.1/", "is not the URL"),
            ("http://127.0.0.1:99999/", "is not the URL"),
            ("http://127.0.0.1/a b", "is not the URL"),
            ("http://[::1/", "looks up no names"),
            ("http://", "looks up no names"),
        ] {
            let error = HttpUrl::parse(written).unwrap_err();
            assert!(error.contains(why), "{written}: {error}");
        }
    }
}
