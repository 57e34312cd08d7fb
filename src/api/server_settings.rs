//! Members of the body of `POST /v1/servers` that change settings, and what is wrong with them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

use super::params::duration;
use super::problem::Problem;
use crate::mail::{Namespace, is_subaddress_separator};
use crate::protocol::pop3::{Expire, UniqueIds};
use crate::protocol::{Leniencies, Leniency, Listener, Protocol, StartTls};
use crate::server::Settings;

/// Days, or `never`.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ExpireJson {
    Days(u64),
    Never(String),
}

/// Settings of POP3.
pub(super) struct Pop3Json {
    pub(super) expire: Option<ExpireJson>,
    pub(super) expire_for: BTreeMap<String, ExpireJson>,
    pub(super) login_delay: Option<String>,
    pub(super) unique_ids: Option<String>,
}

impl ExpireJson {
    fn read(self, field: &str) -> Result<Expire, Problem> {
        match self {
            Self::Days(days) => u32::try_from(days)
                .map(Expire::Days)
                .map_err(|_| Problem::field(field, format!("the days are at most {}, got {days}", u32::MAX))),
            Self::Never(text) => Expire::parse(&text).map_err(|why| Problem::field(field, why)),
        }
    }
}

impl Pop3Json {
    pub(super) fn apply(self, settings: &mut Settings) -> Result<(), Problem> {
        let policy = &mut settings.pop3;
        if let Some(expire) = self.expire {
            policy.expire = expire.read("pop3_expire")?;
        }
        for (login, expire) in self.expire_for {
            policy.set_expire_for(&login, expire.read(&format!("pop3_expire_for.{login}"))?);
        }
        if let Some(text) = self.login_delay {
            policy.login_delay = time("pop3_login_delay", &text)?;
        }
        if let Some(form) = self.unique_ids {
            policy.unique_ids = UniqueIds::parse(&form).map_err(|why| Problem::field("pop3_unique_ids", why))?;
        }
        Ok(())
    }
}

/// The listeners whose connections begin with a header of the PROXY protocol, the listeners that accept XCLIENT and
/// XFORWARD, and what a vulnerable server accepts, each in place of what the main server has.
pub(super) fn trust(
    settings: &mut Settings,
    proxy_protocol: Option<&[String]>,
    xclient: Option<&[String]>,
    lenient: Option<&BTreeMap<String, Vec<String>>>,
) -> Result<(), Problem> {
    if let Some(names) = proxy_protocol {
        settings.proxy_protocol = indexed("proxy_protocol", names, listener)?.into_iter().collect();
    }
    if let Some(names) = xclient {
        trust_xclient(settings, names)?;
    }
    if let Some(names) = lenient {
        be_lenient(settings, names)?;
    }
    Ok(())
}

fn trust_xclient(settings: &mut Settings, names: &[String]) -> Result<(), Problem> {
    settings.xclient.clear();
    let of_smtp = |field: &str, name: &str| {
        let listener = listener(field, name)?;
        let is_smtp = listener.protocol() == Protocol::Smtp;
        is_smtp.then_some(listener).ok_or_else(|| Problem::field(field, "write one of smtp, submission, smtps"))
    };
    indexed("xclient", names, of_smtp)?.into_iter().for_each(|listener| settings.trust_xclient(listener));
    Ok(())
}

fn be_lenient(settings: &mut Settings, names: &BTreeMap<String, Vec<String>>) -> Result<(), Problem> {
    settings.lenient = Leniencies::default();
    for (name, leniencies) in names {
        let field = format!("lenient.{name}");
        let unknown = || Problem::field(&field, "the protocols are smtp, lmtp, imap and pop3");
        let protocol = Protocol::parse(name).ok_or_else(unknown)?;
        let read = |field: &str, name: &str| Leniency::parse(protocol, name).map_err(|why| Problem::field(field, why));
        for leniency in indexed(&field, leniencies, read)? {
            settings.lenient.add(protocol, leniency).map_err(|why| Problem::field(&field, why))?;
        }
    }
    Ok(())
}

/// Reads each name in a list; the field of an error has its index.
fn indexed<T>(
    field: &str,
    names: &[String],
    read: impl Fn(&str, &str) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    names.iter().enumerate().map(|(at, name)| read(&format!("{field}[{at}]"), name)).collect()
}

/// Free ports at the addresses of the main server's listeners.
pub(super) fn listen(settings: &mut Settings, names: Option<Vec<String>>) -> Result<(), Problem> {
    let bound: Vec<(Listener, SocketAddr)> = settings.listeners().collect();
    let fallback = bound.first().map(|(_, address)| address.ip());
    let wanted: Vec<Listener> = match names {
        Some(names) => names.iter().map(|name| listener("listeners", name)).collect::<Result<_, _>>()?,
        None => bound.iter().map(|(listener, _)| *listener).collect(),
    };
    for listener in Listener::ALL {
        settings.silence(*listener);
    }
    for listener in wanted {
        let ip = bound.iter().find(|(its, _)| *its == listener).map(|(_, address)| address.ip()).or(fallback);
        settings.listen(listener, SocketAddr::new(ip.unwrap_or(Ipv4Addr::LOCALHOST.into()), 0));
    }
    Ok(())
}

fn listener(field: &str, name: &str) -> Result<Listener, Problem> {
    let unknown = || {
        let detail = format!("`{name}` is not a listener; there are {}", Listener::names().join(", "));
        Problem::field(field, detail)
    };
    Listener::parse(name).ok_or_else(unknown)
}

pub(super) fn starttls(settings: &mut Settings, name: &str, when: &str) -> Result<(), Problem> {
    let listener = listener("starttls", name)?;
    if listener.implicit_tls() {
        let detail = format!("{listener} uses TLS from the start and has no STARTTLS");
        return Err(Problem::field(&format!("starttls.{name}"), detail));
    }
    let known = || StartTls::ALL.iter().map(|its| its.name()).collect::<Vec<_>>().join(", ");
    let field = format!("starttls.{name}");
    let wrong = || Problem::field(&field, format!("`{when}` is not a setting of STARTTLS; there are {}", known()));
    let setting = StartTls::ALL.iter().find(|its| its.name() == when).ok_or_else(wrong)?;
    settings.set_starttls(listener, *setting);
    Ok(())
}

pub(super) fn namespace(
    settings: &mut Settings,
    delimiter: Option<char>,
    below: Option<String>,
) -> Result<(), Problem> {
    if delimiter.is_some_and(|delimiter| !Namespace::is_delimiter(delimiter)) {
        return Err(Problem::field("delimiter", "write one punctuation character, such as `/` or `.`"));
    }
    settings.change_namespace(delimiter, below.as_deref());
    match settings.namespace.objection_to_prefix() {
        Some(why) => Err(Problem::field("namespace", why.to_string())),
        None => Ok(()),
    }
}

pub(super) fn subaddress_separator(text: &str) -> Result<Option<char>, Problem> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (None, _) => Ok(None),
        (Some(separator), None) if is_subaddress_separator(separator) => Ok(Some(separator)),
        _ => Err(Problem::field("subaddress_separator", "write one punctuation character, such as `+`, or none")),
    }
}

pub(super) fn time(field: &str, text: &str) -> Result<Duration, Problem> {
    duration(text).map_err(|why| Problem::field(field, why))
}
