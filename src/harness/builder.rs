//! Options for a server in Rust.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{MailServer, or_panic};
use crate::mail::{Member, Namespace, is_identifier, is_subaddress_separator};
use crate::protocol::Listener;
use crate::protocol::StartTls;
use crate::protocol::imap::Leniency;
use crate::scenario::Scenario;
use crate::server::{Server, Settings, StartError};

/// Options for a server: ports, accounts, TLS, limits, scenario. See [`MailServer::builder`].
///
/// ```
/// use mailjig::{Listener, MailServer};
///
/// let server = MailServer::builder()
///     .without(Listener::Smtp)
///     .account("ann@example.org", "secret")
///     .max_message_size(1_000_000)
///     .start();
/// assert!(server.submission().url().starts_with("smtp://127.0.0.1:"));
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "nothing listens before `start`"]
pub struct MailServerBuilder(Settings);

impl MailServerBuilder {
    /// Starts the server: when this returns, a client can connect to each listener.
    ///
    /// # Panics
    /// If a listener cannot have its address. [`try_start`](Self::try_start) returns the error.
    #[track_caller]
    pub fn start(self) -> MailServer {
        or_panic(self.try_start())
    }

    /// Starts the server, or says which listener cannot have its address.
    pub fn try_start(self) -> Result<MailServer, StartError> {
        Server::start(self.0).map(MailServer::of)
    }

    /// Binds a listener to this address; port 0 is a free one. By default each is on a free port of 127.0.0.1.
    pub fn listen(mut self, listener: Listener, address: impl Into<SocketAddr>) -> Self {
        self.0.listen(listener, address.into());
        self
    }

    /// Switches a listener off.
    pub fn without(mut self, listener: Listener) -> Self {
        self.0.silence(listener);
        self
    }

    /// How the server shall misbehave; with its accounts and its mail.
    ///
    /// # Panics
    /// If something is wrong with it; [`Scenario::check`] returns what.
    #[track_caller]
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.0.scenario = Some(Arc::new(or_panic(scenario.load())));
        self
    }

    /// What chance, jitter and generated values come from; 1 by default. A scenario may have its own.
    pub fn seed(mut self, seed: u32) -> Self {
        self.0.seed = seed;
        self
    }

    /// The server's clock stands still from the start; [`MailServer::clock`] moves it.
    pub fn manual_clock(mut self) -> Self {
        self.0.is_clock_manual = true;
        self
    }

    /// The server's own name, in its greeting and its certificate; `localhost` by default.
    pub fn host(mut self, name: &str) -> Self {
        self.0.host = name.to_owned();
        self
    }

    /// A name or IP address that the certificate is valid for, besides the host, `localhost`, `127.0.0.1`, `::1` and
    /// `host.docker.internal`.
    pub fn certificate_name(mut self, name: &str) -> Self {
        self.0.names.push(name.to_owned());
        self
    }

    /// A name that requests to [`MailServer::api`] may give as their host, besides `localhost`, IP addresses, the server's
    /// own name and those of its certificate; others get 421, because a page could have given its own name to this
    /// address (DNS rebinding).
    #[cfg(feature = "api")]
    pub fn allow_host(mut self, name: &str) -> Self {
        self.0.allowed_hosts.push(name.to_owned());
        self
    }

    /// An account with its password; mail to its login, as an address, is its mail. With one account the list is
    /// closed: nobody else can log in or get mail. Without any, everybody can, with any password.
    ///
    /// # Panics
    /// If the login is empty or has control characters.
    #[track_caller]
    pub fn account(self, login: &str, password: &str) -> Self {
        self.account_of(login, password, &[])
    }

    /// An account that gets the mail of these addresses too.
    ///
    /// # Panics
    /// If the login or an address is empty or has control characters.
    #[track_caller]
    pub fn account_of(mut self, login: &str, password: &str, addresses: &[&str]) -> Self {
        for name in [&login].into_iter().chain(addresses) {
            assert!(
                is_identifier(name),
                "{name:?} cannot be a login or an address: it must not be empty, nor have control characters"
            );
        }
        let addresses = addresses.iter().map(|address| Box::from(*address)).collect();
        self.0.members.push(Member { login: login.into(), password: password.into(), addresses });
        self
    }

    /// What stands before a detail in an address: mail to `bob+news@example.org` is then bob's on a closed list
    /// (sub-addressing, RFC 5233). `+` by default; `None` switches it off. Without a list each address is an account of
    /// its own.
    ///
    /// # Panics
    /// If the character cannot be one: a letter, a digit, or what must be quoted in an address.
    #[track_caller]
    pub fn subaddress_separator(mut self, separator: impl Into<Option<char>>) -> Self {
        let separator = separator.into();
        let wrong = separator.filter(|its| !is_subaddress_separator(*its));
        if let Some(wrong) = wrong {
            panic!("{wrong:?} cannot stand before a detail of an address");
        }
        self.0.subaddress_separator = separator;
        self
    }

    /// What a listener that begins in the clear says about STARTTLS. By default `smtp`, `imap` and `pop3` offer it, and
    /// `submission` takes no login, and so no mail, before it.
    ///
    /// ```
    /// use mailjig::{Listener, MailServer, StartTls};
    ///
    /// let server = MailServer::builder()
    ///     .starttls(Listener::Imap, StartTls::BeforeLogin)
    ///     .starttls(Listener::Smtp, StartTls::Never)
    ///     .start();
    /// assert_eq!(server.imap().starttls(), Some(StartTls::BeforeLogin));
    /// assert_eq!(server.imaps().starttls(), None);
    /// ```
    ///
    /// # Panics
    /// If the listener begins with TLS, as `smtps`, `imaps` and `pop3s` do.
    #[track_caller]
    pub fn starttls(mut self, listener: Listener, starttls: StartTls) -> Self {
        self.0.set_starttls(listener, starttls);
        self
    }

    /// Whether `submission` and `smtps` take no mail before a login (RFC 6409 §4.3); so by default.
    pub fn submission_requires_auth(mut self, required: bool) -> Self {
        self.0.submission_requires_auth = required;
        self
    }

    /// What stands between the levels of a mailbox name; `/` by default.
    ///
    /// # Panics
    /// If the character cannot be one: a letter, a digit, or a sign that IMAP reads otherwise.
    #[track_caller]
    pub fn delimiter(mut self, delimiter: char) -> Self {
        assert!(Namespace::is_delimiter(delimiter), "{delimiter:?} cannot stand between the levels of a name");
        let below = self.0.namespace.prefix.trim_end_matches(self.0.namespace.delimiter).to_owned();
        self.0.namespace = Namespace::new(&below, delimiter);
        self
    }

    /// What every mailbox name but INBOX begins with, the delimiter at its end not included; nothing by default
    /// (RFC 2342).
    ///
    /// # Panics
    /// If no mailbox can be below this name.
    #[track_caller]
    pub fn namespace(mut self, below: &str) -> Self {
        self.0.namespace = Namespace::new(below, self.0.namespace.delimiter);
        if let Some(why) = self.0.namespace.objection_to_prefix() {
            panic!("no mailbox can be below {below:?}: {why}");
        }
        self
    }

    /// Whether IMAP refuses what the grammar does not allow and real clients do all the same: a bare LF behind a literal
    /// or behind DONE, blanks too many, `ID` alone. By default it is forgiven.
    ///
    /// ```
    /// let server = mailjig::MailServer::builder().imap_strict(true).start();
    /// ```
    pub fn imap_strict(mut self, strict: bool) -> Self {
        self.0.leniency = if strict { Leniency::STRICT } else { Leniency::default() };
        self
    }

    /// Octets of a message, announced as SIZE (RFC 1870), over IMAP too; 26,214,400 by default.
    pub fn max_message_size(mut self, octets: u64) -> Self {
        self.0.limits.smtp.message = octets;
        self.0.limits.imap.message = octets;
        self
    }

    /// Recipients of a message; 1,000 by default.
    pub fn max_recipients(mut self, count: usize) -> Self {
        self.0.limits.smtp.recipients = count;
        self
    }

    /// Octets of a command line, its CRLF included; 2,048 by default.
    pub fn max_line_length(mut self, octets: usize) -> Self {
        self.0.limits.smtp.line = octets;
        self
    }

    /// Octets of an IMAP command with its literals, a message that it appends not counted; 65,536 by default.
    pub fn max_command_size(mut self, octets: usize) -> Self {
        self.0.limits.imap.command = octets;
        self
    }

    /// Sessions at the same time; 10,000 by default. One more is greeted with 421.
    pub fn max_sessions(mut self, count: usize) -> Self {
        self.0.limits.sessions = count;
        self
    }

    /// How long a client may be silent before the server ends the session; by default 5 minutes on SMTP
    /// (RFC 5321 §4.5.3.2.7), 30 on IMAP (RFC 3501 §5.4), 10 on POP3 (RFC 1939 §3).
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.0.limits.idle(time);
        self
    }

    /// How long a client may read nothing while an answer waits for it, before the server ends the session; by default
    /// 5 minutes. Whenever some of it leaves, that time begins anew.
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.0.limits.write = time;
        self
    }

    /// How long a TLS handshake may take; 30 seconds by default.
    pub fn handshake_timeout(mut self, time: Duration) -> Self {
        self.0.limits.handshake = time;
        self
    }
}
