//! Options for a server: ports, accounts, TLS, limits, scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use super::OwnCertificate;
use super::free_ports::FreePorts;
use crate::base::same_login;
use crate::drive::bind;
use crate::expect::FailingKinds;
use crate::mail::{Member, Namespace};
use crate::protocol::imap::Tolerance;
use crate::protocol::{Leniencies, Listener, Protocol, StartTls, imap, pop3, smtp};
use crate::rule::ProfileEntry;
use crate::sasl::Mechanism;
use crate::scenario::{Loaded, ServerSettings};
use crate::world::Keep;

/// Stands for every origin.
#[cfg(feature = "api")]
pub(crate) const ANY_ORIGIN: &str = "*";

/// Options for a server. The default is for tests: every listener on a free loopback port, no list of accounts, nothing
/// discarded.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The server's own name in greetings and in its certificate.
    pub(crate) host: String,
    /// Further names and addresses for the certificate, besides the host, the addresses of the listeners and the loopback names.
    pub(crate) names: Vec<String>,
    /// Host names that HTTP requests may use, besides the server's own.
    pub(crate) allowed_hosts: Vec<String>,
    #[cfg(feature = "api")]
    pub(crate) compat: Compat,
    /// Origins of web pages that may use the HTTP API, or [`ANY_ORIGIN`].
    #[cfg(feature = "api")]
    pub(crate) origins: Vec<String>,
    /// The token that HTTP requests must bring, if any.
    #[cfg(feature = "api")]
    pub(crate) token: Option<Box<str>>,
    addresses: Vec<(Listener, SocketAddr)>,
    /// Where listeners with port 0 take their ports from; `None` means from the system.
    pub(crate) free_ports: Option<Arc<FreePorts>>,
    /// Empty: there is no list of accounts, and every login succeeds.
    pub(crate) members: Arc<Vec<Member>>,
    /// The character before the detail in a sub-address (RFC 5233); none if sub-addresses are off.
    pub(crate) subaddress_separator: Option<char>,
    /// The STARTTLS setting of each listener that begins in cleartext.
    starttls: BTreeMap<Listener, StartTls>,
    /// Whether TLS begins with the first octet, of the listeners that do not behave as their name says.
    implicit_tls: BTreeMap<Listener, bool>,
    /// What the server presents in TLS, unless its scenario or a rule says otherwise.
    pub(crate) profiles: Arc<Vec<ProfileEntry>>,
    /// The server's own certificate, which all listeners then present by default.
    pub(crate) own_certificate: Option<OwnCertificate>,
    /// The listeners whose connections begin with a header of the PROXY protocol.
    pub(crate) proxy_protocol: BTreeSet<Listener>,
    pub(crate) lenient: Leniencies,
    /// The listeners whose clients may tell for whom they speak.
    pub(crate) xclient: BTreeSet<Listener>,
    pub(crate) submission_requires_auth: bool,
    /// Whether `submission` and `smtps` refuse domains that are not fully qualified.
    pub(crate) submission_strict: bool,
    /// The SASL mechanisms of all protocols, unless the scenario names others; `None` for the default.
    pub(crate) mechanisms: Option<Vec<&'static Mechanism>>,
    pub(crate) namespace: Namespace,
    /// The deviations from the IMAP grammar that are tolerated.
    pub(crate) tolerance: Tolerance,
    /// What POP3 promises about maildrops.
    pub(crate) pop3: pop3::Policy,
    pub(crate) limits: Limits,
    pub(crate) keep: Option<Keep>,
    /// The seed for generated values; also the first UIDVALIDITY.
    pub(crate) seed: u32,
    pub(crate) scenario: Option<Arc<Loaded>>,
    /// The findings that make a verification fail, besides those of the scenario.
    pub(crate) failing: Option<FailingKinds>,
    /// The clock is manual from the start, whatever the scenario says.
    pub(crate) is_clock_manual: bool,
}

/// The mail server whose API has the path `/api/v1/messages`: two products define it differently.
#[cfg(feature = "api")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compat {
    /// Mailpit: an object with summaries of messages.
    #[default]
    Mailpit,
    /// MailHog: an array of messages.
    Mailhog,
}

/// Limits for clients.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) smtp: smtp::Limits,
    pub(crate) imap: imap::Limits,
    pub(crate) pop3: pop3::Limits,
    /// Maximum number of sessions at the same time.
    pub(crate) sessions: usize,
    /// How long a TLS handshake may take.
    pub(crate) handshake: Duration,
    /// How long a client may leave pending output unread.
    pub(crate) write: Duration,
}

impl Limits {
    /// Sets how long a client of any protocol may be silent.
    pub(crate) fn idle(&mut self, time: Duration) {
        self.smtp.idle = time;
        self.imap.idle = time;
        self.pop3.idle = time;
    }
}

impl Default for Settings {
    fn default() -> Self {
        let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            host: "localhost".to_owned(),
            names: Vec::new(),
            allowed_hosts: Vec::new(),
            #[cfg(feature = "api")]
            compat: Compat::default(),
            #[cfg(feature = "api")]
            origins: Vec::new(),
            #[cfg(feature = "api")]
            token: None,
            addresses: Listener::ALL.iter().map(|listener| (*listener, free)).collect(),
            free_ports: None,
            members: Arc::default(),
            subaddress_separator: Some('+'),
            starttls: BTreeMap::from([
                (Listener::Smtp, StartTls::Offered),
                (Listener::Submission, StartTls::BeforeLogin),
                (Listener::Lmtp, StartTls::Offered),
                (Listener::Imap, StartTls::Offered),
                (Listener::Pop3, StartTls::Offered),
            ]),
            implicit_tls: BTreeMap::new(),
            profiles: Arc::default(),
            own_certificate: None,
            proxy_protocol: BTreeSet::new(),
            lenient: Leniencies::default(),
            xclient: BTreeSet::new(),
            submission_requires_auth: true,
            submission_strict: false,
            mechanisms: None,
            namespace: Namespace::default(),
            tolerance: Tolerance::default(),
            pop3: pop3::Policy::default(),
            limits: Limits {
                smtp: smtp::Limits::default(),
                imap: imap::Limits::default(),
                pop3: pop3::Limits::default(),
                sessions: 10_000,
                handshake: Duration::from_secs(30),
                write: Duration::from_secs(5 * 60),
            },
            keep: None,
            seed: 1,
            scenario: None,
            failing: None,
            is_clock_manual: false,
        }
    }
}

/// The setting for a listener: its own, or the one for all.
fn of_listener<T: Copy>(settings: &[(Option<Listener>, T)], listener: Listener) -> Option<T> {
    let of = |listener| settings.iter().find(|(its, _)| *its == listener).map(|(_, its)| *its);
    of(Some(listener)).or_else(|| of(None))
}

impl Settings {
    /// These settings with those of a scenario.
    pub(super) fn under(&self, scenario: Option<&Loaded>) -> Self {
        let mut settings = self.clone();
        let Some(scenario) = scenario else { return settings };
        let ServerSettings {
            smtp_size,
            submission_strict,
            imap_size,
            imap_strict,
            delimiter,
            namespace,
            starttls,
            implicit_tls,
            pop3,
            proxy_protocol,
            xclient,
            lenient,
        } = &scenario.server;
        for (listener, own) in &mut settings.starttls {
            *own = of_listener(starttls, *listener).unwrap_or(*own);
        }
        for listener in Listener::ALL {
            settings.implicit_tls.extend(of_listener(implicit_tls, *listener).map(|implicit| (*listener, implicit)));
        }
        settings.limits.smtp.message = smtp_size.unwrap_or(self.limits.smtp.message);
        settings.limits.imap.message = imap_size.unwrap_or(self.limits.imap.message);
        settings.submission_strict = submission_strict.unwrap_or(self.submission_strict);
        if let Some(is_strict) = imap_strict {
            settings.tolerance = if *is_strict { Tolerance::STRICT } else { Tolerance::default() };
        }
        settings.change_namespace(*delimiter, namespace.as_deref());
        pop3.apply(&mut settings.pop3);
        settings.proxy_protocol.extend(proxy_protocol);
        settings.xclient.extend(xclient);
        settings.lenient.extend(lenient);
        settings
    }

    /// Changes the delimiter, the name that mailboxes are below, or both.
    pub(crate) fn change_namespace(&mut self, delimiter: Option<char>, below: Option<&str>) {
        self.namespace = self.namespace.with(delimiter, below);
    }

    /// The listeners that are on and the addresses to bind, in the order of [`Listener::ALL`].
    pub(crate) fn listeners(&self) -> impl Iterator<Item = (Listener, SocketAddr)> {
        self.addresses.iter().copied()
    }

    /// A listening socket; with port 0 on a free port.
    pub(super) fn bind(&self, address: SocketAddr) -> io::Result<TcpListener> {
        match self.free_ports.as_ref().filter(|_| address.port() == 0) {
            Some(ports) => ports.bind(address),
            None => bind(address),
        }
    }

    /// Adds an account to the list. Fails if it is already on the list, or if another account has one of its addresses.
    pub(crate) fn add_member(&mut self, member: Member) -> Result<(), String> {
        if self.members.iter().any(|its| same_login(&its.login, &member.login)) {
            return Err(format!("there is already an account `{}`", member.login));
        }
        if let Some((address, login)) = member.conflict(&self.members) {
            return Err(format!("the address `{address}` of `{}` belongs to the account `{login}`", member.login));
        }
        Arc::make_mut(&mut self.members).push(member);
        Ok(())
    }

    /// Sets the access tokens of an account. Fails if there is no such account.
    pub(crate) fn set_tokens(&mut self, login: &str, tokens: &[&str]) -> Result<(), String> {
        let mut members = Arc::make_mut(&mut self.members).iter_mut();
        let member = members.find(|its| same_login(&its.login, login));
        let member = member.ok_or_else(|| format!("there is no account `{login}`; add it before its tokens"))?;
        member.tokens = tokens.iter().map(|token| Box::from(*token)).collect();
        Ok(())
    }

    /// Lets web pages of this origin use the HTTP API. Fails if it is not an origin.
    #[cfg(feature = "api")]
    pub(crate) fn allow_origin(&mut self, origin: &str) -> Result<(), String> {
        let is_valid =
            |host: &str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@*".contains(&b));
        if origin != ANY_ORIGIN && origin != "null" && !origin.split_once("://").is_some_and(|(_, host)| is_valid(host))
        {
            return Err(format!(
                "{origin:?} is not an origin: write `http://localhost:3000`, without a path, or `*` for every origin"
            ));
        }
        self.origins.push(origin.to_owned());
        Ok(())
    }

    /// Requires this token in HTTP requests. Fails if a header cannot carry it.
    #[cfg(feature = "api")]
    pub(crate) fn require_token(&mut self, token: &str) -> Result<(), String> {
        if token.is_empty() || !token.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err("a token consists of visible ASCII characters, without blanks, and is not empty".to_owned());
        }
        self.token = Some(token.into());
        Ok(())
    }

    /// Trusts the clients of a listener with XCLIENT and XFORWARD.
    ///
    /// # Panics
    /// If the listener does not speak SMTP.
    #[track_caller]
    pub(crate) fn trust_xclient(&mut self, listener: Listener) {
        assert!(listener.protocol() == Protocol::Smtp, "{listener} does not speak SMTP and has no XCLIENT");
        self.xclient.insert(listener);
    }

    /// Whether TLS begins with the first octet on this listener.
    pub(super) fn implicit_tls(&self, listener: Listener) -> bool {
        self.implicit_tls.get(&listener).copied().unwrap_or(listener.implicit_tls())
    }

    /// Sets whether TLS begins with the first octet on a listener.
    pub(crate) fn set_implicit_tls(&mut self, listener: Listener, is_implicit: bool) {
        self.implicit_tls.insert(listener, is_implicit);
    }

    /// The STARTTLS setting of a listener; `None` if TLS begins with the first octet.
    pub(crate) fn starttls(&self, listener: Listener) -> Option<StartTls> {
        self.starttls.get(&listener).copied()
    }

    /// Sets the STARTTLS setting of a listener.
    ///
    /// # Panics
    /// If TLS begins with the first octet on this listener.
    #[track_caller]
    pub(crate) fn set_starttls(&mut self, listener: Listener, starttls: StartTls) {
        assert!(!listener.implicit_tls(), "{listener} uses TLS from the start and has no STARTTLS");
        self.starttls.insert(listener, starttls);
    }

    /// Whether a listener requires a login before mail.
    pub(crate) fn requires_login(&self, listener: Listener) -> bool {
        match listener {
            Listener::Smtp | Listener::Lmtp => false,
            Listener::Submission | Listener::Smtps => self.submission_requires_auth,
            Listener::Imap | Listener::Imaps | Listener::Pop3 | Listener::Pop3s => true,
        }
    }

    /// Turns a listener on, at this address.
    pub(crate) fn listen(&mut self, listener: Listener, address: SocketAddr) {
        self.silence(listener);
        self.addresses.push((listener, address));
        self.addresses.sort_by_key(|(listener, _)| *listener);
    }

    /// Turns a listener off.
    pub(crate) fn silence(&mut self, listener: Listener) {
        self.addresses.retain(|(its, _)| *its != listener);
    }
}
