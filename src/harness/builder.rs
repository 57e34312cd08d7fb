//! The builder for servers in Rust.

use std::net::SocketAddr;
use std::sync::Arc;

use super::account::assert_tokens;
use super::{MailServer, or_panic};
use crate::base::is_identifier;
use crate::expect::{FailingKinds, FindingKind};
use crate::mail::{Member, Namespace, is_subaddress_separator};
use crate::protocol::Listener;
use crate::protocol::StartTls;
use crate::protocol::imap::Tolerance;
use crate::sasl::Mechanism;
use crate::scenario::Scenario;
use crate::server::{Server, Settings, StartError};

/// Options for a server: ports, accounts, TLS, limits, scenario. Made by [`MailServer::builder`].
///
/// ```
/// use mailjig::Listener;
/// use mailjig::prelude::*;
///
/// let server = MailServer::builder()
///     .without(Listener::Smtp)
///     .account("ann@example.org", "secret")
///     .max_message_size(1_000_000)
///     .start();
/// assert!(server.submission().url().starts_with("smtp://127.0.0.1:"));
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "the server starts only with `start`"]
pub struct MailServerBuilder(pub(super) Settings);

impl MailServerBuilder {
    /// Starts the server. When this returns, a client can connect to each listener.
    ///
    /// # Panics
    /// If a listener cannot bind its address. [`try_start`](Self::try_start) returns the error.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().seed(7).start();
    /// assert!(server.imap().port() > 0);
    /// ```
    #[track_caller]
    pub fn start(self) -> MailServer {
        or_panic(self.try_start())
    }

    /// Like [`start`](Self::start), but returns the error.
    ///
    /// # Errors
    /// [`StartError`] with the listener that cannot bind its address, or the invalid host name.
    ///
    /// ```
    /// use mailjig::Listener;
    /// use mailjig::prelude::*;
    ///
    /// let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let builder = MailServer::builder().listen(Listener::Smtp, taken.local_addr().unwrap());
    /// let error = builder.try_start().unwrap_err();
    /// assert!(error.to_string().starts_with("the smtp listener cannot bind 127.0.0.1:"));
    /// ```
    pub fn try_start(self) -> Result<MailServer, StartError> {
        Server::start(self.0).map(MailServer::of)
    }

    /// Binds a listener to this address; port 0 is a free one. Default: a free port of 127.0.0.1 for each.
    ///
    /// ```
    /// use mailjig::Listener;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().listen(Listener::Smtp, ([127, 0, 0, 1], 0)).start();
    /// assert_eq!(server.smtp().host(), "127.0.0.1");
    /// ```
    pub fn listen(mut self, listener: Listener, address: impl Into<SocketAddr>) -> Self {
        self.0.listen(listener, address.into());
        self
    }

    /// Switches a listener off. Default: all are on.
    ///
    /// ```
    /// use mailjig::Listener;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().without(Listener::Pop3).without(Listener::Pop3s).start();
    /// assert!(server.imap().port() > 0);
    /// ```
    pub fn without(mut self, listener: Listener) -> Self {
        self.0.silence(listener);
        self
    }

    /// The scenario with which the server starts: its rules, accounts and mail. Default: none.
    ///
    /// # Panics
    /// If the scenario is not valid; [`Scenario::check`] returns the errors.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().scenario(Scenario::text("busy.toml", r#"
    ///     mailjig = 1
    ///     [[rule]]
    ///     id = "busy"
    ///     on = "smtp.rcpt"
    ///     do = { reply = "450 4.2.1 Mailbox busy" }
    /// "#)).start();
    /// assert_eq!(server.fired("busy"), 0);
    /// ```
    #[track_caller]
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.0.scenario = Some(Arc::new(or_panic(scenario.load())));
        self
    }

    /// Makes the verification fail if there are [findings](crate::manual::findings) of these kinds: things that a client
    /// did and a careful client does not do. Default: none.
    ///
    /// # Panics
    /// Without kinds.
    ///
    /// ```
    /// use mailjig::FindingKind;
    /// use mailjig::prelude::*;
    ///
    /// let all_but_one = FindingKind::ALL.iter().copied().filter(|kind| *kind != FindingKind::MissingMessageId);
    /// let server = MailServer::builder().fail_on_findings(all_but_one).start();
    /// server.verify().block();
    /// ```
    #[track_caller]
    pub fn fail_on_findings(mut self, kinds: impl IntoIterator<Item = FindingKind>) -> Self {
        self.0.failing = Some(or_panic(FailingKinds::of(kinds)));
        self
    }

    /// The seed of `chance`, of random waits and of generated values. Default: 1. A scenario may set its own.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().seed(42).start();
    /// # assert!(server.messages().is_empty());
    /// ```
    pub fn seed(mut self, seed: u32) -> Self {
        self.0.seed = seed;
        self
    }

    /// Starts the server with its clock paused; [`MailServer::clock`] advances it. Default: real time.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().manual_clock().start();
    /// assert!(server.clock().is_paused());
    /// ```
    pub fn manual_clock(mut self) -> Self {
        self.0.is_clock_manual = true;
        self
    }

    /// The server's host name, in its greeting and its certificate. Default: `localhost`.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().host("mail.example").start();
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"QUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.starts_with("220 mail.example "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn host(mut self, name: &str) -> Self {
        self.0.host = name.to_owned();
        self
    }

    /// Adds a name or an IP address to the certificate. Default: the [`host`](Self::host), `localhost`,
    /// `127.0.0.1`, `::1` and `host.docker.internal`.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().certificate_name("imap.example").start();
    /// # assert!(server.imaps().port() > 0);
    /// ```
    pub fn certificate_name(mut self, name: &str) -> Self {
        self.0.names.push(name.to_owned());
        self
    }

    /// Adds a host name that requests to [`MailServer::api`] may use. Default: `localhost`, IP addresses, the server's
    /// own name and the names of its certificate. Requests for other hosts get 421, because a web page could have
    /// pointed its own name at this address (DNS rebinding).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().allow_host("mailjig.internal").start();
    /// # assert!(server.api().starts_with("http://127.0.0.1:"));
    /// ```
    #[cfg(feature = "api")]
    pub fn allow_host(mut self, name: &str) -> Self {
        self.0.allowed_hosts.push(name.to_owned());
        self
    }

    /// Requires this token in requests to [`MailServer::api`], as `Authorization: Bearer TOKEN` or as the password of
    /// Basic authentication. Other requests get 401. Default: no token.
    ///
    /// # Panics
    /// If the token is empty or has characters other than visible ASCII characters.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().token("s3cret").start();
    ///
    /// let messages = ureq::get(format!("{}/v1/messages", server.api()));
    /// assert_eq!(messages.header("Authorization", "Bearer s3cret").call().unwrap().status(), 200);
    /// ```
    #[cfg(feature = "api")]
    #[track_caller]
    pub fn token(mut self, token: &str) -> Self {
        if let Err(why) = self.0.require_token(token) {
            panic!("{why}");
        }
        self
    }

    /// Lets web pages of this origin, such as `http://localhost:3000`, use [`MailServer::api`]; `*` stands for every
    /// origin. Default: none, so that a page of another origin cannot read the mail.
    ///
    /// # Panics
    /// If it is not an origin.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().cors("http://localhost:3000").start();
    ///
    /// let messages = ureq::get(format!("{}/v1/messages", server.api()));
    /// let messages = messages.header("Origin", "http://localhost:3000").call().unwrap();
    /// assert_eq!(messages.headers()["access-control-allow-origin"], "http://localhost:3000");
    /// ```
    #[cfg(feature = "api")]
    #[track_caller]
    pub fn cors(mut self, origin: &str) -> Self {
        if let Err(why) = self.0.allow_origin(origin) {
            panic!("{why}");
        }
        self
    }

    /// Adds an account with its password; it gets the mail to its login. This closes the list of accounts: other logins
    /// are refused, and so is mail to other addresses. Default: no list; every login works, with any password.
    ///
    /// # Panics
    /// If the login is empty or has control characters, or if there is already such an account.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("bob@example.org", "secret").start();
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<eve@example.org>\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("550 5.1.1"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn account(self, login: &str, password: &str) -> Self {
        self.account_of(login, password, &[])
    }

    /// Adds an account that also gets the mail to these addresses.
    ///
    /// # Panics
    /// If the login or an address is empty or has control characters, if there is already such an account, or
    /// if another account has the address.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account_of("bob", "secret", &["bob@example.org", "info@example.org"]).start();
    /// server.deliver("info@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(server.account("bob").inbox().entries().len(), 1);
    /// ```
    #[track_caller]
    pub fn account_of(mut self, login: &str, password: &str, addresses: &[&str]) -> Self {
        for name in [&login].into_iter().chain(addresses) {
            assert!(
                is_identifier(name),
                "{name:?} is not a valid login or address: it must not be empty or contain control characters"
            );
        }
        let addresses = addresses.iter().map(|address| Box::from(*address)).collect();
        let (login, password) = (login.into(), password.into());
        or_panic(self.0.add_member(Member { login, password, tokens: Vec::new(), addresses }));
        self
    }

    /// The access tokens with which an account may log in in place of its password, with the SASL mechanism XOAUTH2 or
    /// OAUTHBEARER.
    /// The server announces the mechanism if an account has tokens. Without a list of accounts, every token is accepted.
    ///
    /// # Panics
    /// If the account was not added before, or if RFC 6750 does not allow a token.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("bob@example.org", "").access_tokens("bob@example.org", &["tok-1"]).start();
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// let response = "dXNlcj1ib2JAZXhhbXBsZS5vcmcBYXV0aD1CZWFyZXIgdG9rLTEBAQ==";
    /// client.write_all(format!("a AUTHENTICATE XOAUTH2 {response}\r\nb LOGOUT\r\n").as_bytes())?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("AUTH=XOAUTH2") && said.contains("a OK"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn access_tokens(mut self, login: &str, tokens: &[&str]) -> Self {
        assert_tokens(tokens);
        or_panic(self.0.set_tokens(login, tokens));
        self
    }

    /// The character before the detail of an address (RFC 5233): on a closed list, mail to `bob+news@example.org` goes
    /// to bob. Default: `+`. `None` turns it off. Without a list each address is an account of its own.
    ///
    /// # Panics
    /// If the character is not allowed: a letter, a digit, or a character that must be quoted in an address.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("bob@example.org", "secret").subaddress_separator('-').start();
    /// server.deliver("bob-news@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(server.account("bob@example.org").inbox().entries().len(), 1);
    /// ```
    #[track_caller]
    pub fn subaddress_separator(mut self, separator: impl Into<Option<char>>) -> Self {
        let separator = separator.into();
        let wrong = separator.filter(|its| !is_subaddress_separator(*its));
        if let Some(wrong) = wrong {
            panic!("{wrong:?} is not a valid sub-address separator");
        }
        self.0.subaddress_separator = separator;
        self
    }

    /// How a listener that begins in cleartext treats STARTTLS. Default: `smtp`, `lmtp`, `imap` and `pop3` offer it;
    /// `submission` requires it before a login, and a login before mail.
    ///
    /// # Panics
    /// If the listener has implicit TLS, as `smtps`, `imaps` and `pop3s` do.
    ///
    /// ```
    /// use mailjig::{Listener, StartTls};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().starttls(Listener::Imap, StartTls::BeforeLogin).start();
    /// assert_eq!(server.imap().starttls(), Some(StartTls::BeforeLogin));
    /// assert_eq!(server.imaps().starttls(), None);
    /// ```
    #[track_caller]
    pub fn starttls(mut self, listener: Listener, starttls: StartTls) -> Self {
        self.0.set_starttls(listener, starttls);
        self
    }

    /// The SASL mechanisms that the server announces, in this order, and accepts. LOGIN of IMAP, and USER and PASS of POP3,
    /// are accepted if it names PLAIN or LOGIN, and APOP if it names CRAM-MD5; an empty list turns SASL off and leaves
    /// these commands. `auth` in a scenario names others for a protocol. Default: those that the accounts can use; see the table of
    /// [mechanisms](crate::manual::protocols#sasl-mechanisms).
    ///
    /// # Panics
    /// If the server does not speak one of them.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("bob@example.org", "secret").auth(["SCRAM-SHA-256", "PLAIN"]).start();
    /// assert!(server.imap().port() > 0);
    /// ```
    #[track_caller]
    pub fn auth<'n>(mut self, mechanisms: impl IntoIterator<Item = &'n str>) -> Self {
        self.0.mechanisms = Some(or_panic(Mechanism::parse_all(mechanisms)));
        self
    }

    /// Whether `submission` and `smtps` require a login before mail (RFC 6409 §4.3). Default: true.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().submission_requires_auth(false).start();
    /// assert!(!server.submission().requires_login());
    /// ```
    pub fn submission_requires_auth(mut self, required: bool) -> Self {
        self.0.submission_requires_auth = required;
        self
    }

    /// The character between the levels of a mailbox name. Default: `/`.
    ///
    /// # Panics
    /// If the character is not allowed: a letter, a digit, or a character with a special meaning in IMAP.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().delimiter('.').start();
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb LIST \"\" \"\"\r\nc LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains(r#"* LIST (\Noselect) ".""#));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn delimiter(mut self, delimiter: char) -> Self {
        assert!(Namespace::is_delimiter(delimiter), "{delimiter:?} is not a valid delimiter");
        let below = self.0.namespace.prefix.trim_end_matches(self.0.namespace.delimiter).to_owned();
        self.0.namespace = Namespace::new(&below, delimiter);
        self
    }

    /// The prefix of every mailbox name except INBOX, without a delimiter at its end (RFC 2342). Default: empty.
    ///
    /// # Panics
    /// If no mailbox name can begin with this prefix.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().namespace("INBOX").start();
    /// server.account("bob@example.org").mailbox("INBOX/Archive").create();
    /// ```
    #[track_caller]
    pub fn namespace(mut self, below: &str) -> Self {
        self.0.namespace = Namespace::new(below, self.0.namespace.delimiter);
        if let Some(why) = self.0.namespace.objection_to_prefix() {
            panic!("{below:?} is not a valid namespace: {why}");
        }
        self
    }

    /// Whether IMAP refuses common deviations of real clients from its grammar: a bare LF after a literal or after
    /// DONE, superfluous blanks, `ID` without an argument. Default: false.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().imap_strict(true).start();
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a  NOOP\r\nb LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("BAD"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn imap_strict(mut self, strict: bool) -> Self {
        self.0.tolerance = if strict { Tolerance::STRICT } else { Tolerance::default() };
        self
    }
}
