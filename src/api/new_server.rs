//! The body of `POST /v1/servers`: options for a further server.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;

use super::accounts::not_a_token;
use super::problem::Problem;
use super::scenario::ScenarioSource;
use super::server_settings::{ExpireJson, Pop3Json, listen, namespace, starttls, subaddress_separator, time, trust};
use crate::base::is_identifier;
use crate::expect::FailingKinds;
use crate::mail::Member;
use crate::protocol::imap::Tolerance;
use crate::sasl::{Mechanism, is_bearer_token};
use crate::server::{Compat, NewServer, Settings};
use crate::world::Keep;

/// Options for a further server. What is absent is as for the main server, except that ports are free ones, and that
/// the accounts, the scenario and the seed of the main server are not taken over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewServerJson {
    /// A name, which can be used in place of the number.
    #[schema(value_type = Option<String>)]
    name: Option<Box<str>>,
    /// A scenario that comes with mailjig, or one as in `PUT /v1/scenario`.
    scenario: Option<ScenarioChoice>,
    /// With at least one account, other logins and addresses are refused.
    #[serde(default)]
    accounts: Vec<ServerAccount>,
    /// The listeners; all if absent.
    listeners: Option<Vec<String>>,
    /// The server's host name.
    host: Option<String>,
    /// Further names and addresses for its certificate.
    names: Option<Vec<String>>,
    /// For each listener `never`, `offered`, `before-login` or `before-anything`.
    #[serde(default)]
    starttls: BTreeMap<String, String>,
    /// Whether `submission` and `smtps` require a login.
    require_auth: Option<bool>,
    /// The SASL mechanisms that the server announces and accepts; those that the accounts can use if absent.
    auth: Option<Vec<String>>,
    /// The character between the levels of a mailbox name.
    delimiter: Option<char>,
    /// The name that all mailboxes but INBOX are below.
    namespace: Option<String>,
    /// The character before the detail in an address; an empty text turns it off.
    subaddress_separator: Option<String>,
    /// Refuse deviations from the IMAP grammar.
    imap_strict: Option<bool>,
    /// Whether `submission` and `smtps` refuse domains that are not fully qualified.
    submission_strict: Option<bool>,
    /// The listeners whose connections begin with a header of the PROXY protocol.
    proxy_protocol: Option<Vec<String>>,
    /// The listeners of SMTP that announce and accept XCLIENT and XFORWARD.
    xclient: Option<Vec<String>>,
    /// For each protocol, such as `smtp`, what a vulnerable server accepts, such as `lf-dot-lf`.
    lenient: Option<BTreeMap<String, Vec<String>>>,
    /// The days after which a login over POP3 deletes messages, or `never`. With 0, QUIT deletes what was retrieved.
    pop3_expire: Option<ExpireJson>,
    /// The same for single users, by login.
    #[serde(default)]
    pop3_expire_for: BTreeMap<String, ExpireJson>,
    /// The time between two logins of a user over POP3, such as `60s`.
    pop3_login_delay: Option<String>,
    /// The form of the ids that UIDL reports: `validity.uid`, `hex`, `hash`, `long`, or a template.
    pop3_unique_ids: Option<String>,
    /// The kinds of findings that make the verification fail: all (`true`), or those with these names; `*` stands for any
    /// characters, and a kind after `!` is left out.
    fail_on_findings: Option<FailOnFindings>,
    /// The clock is paused from the start.
    #[serde(default)]
    manual_clock: bool,
    #[serde(default)]
    limits: LimitsJson,
    /// The mail server whose API has the path `/api/v1/messages`: `mailpit` or `mailhog`.
    #[schema(value_type = Option<String>)]
    compat: Option<Compat>,
    #[schema(value_type = Option<usize>, maximum = 4294967295_u64)]
    seed: Option<u32>,
    /// The time after which the server is removed if nobody uses it, such as `10m`.
    idle_expiry: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum ScenarioChoice {
    Name(String),
    Source(Box<ScenarioSource>),
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum FailOnFindings {
    All(bool),
    Kind(String),
    Kinds(Vec<String>),
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ServerAccount {
    #[schema(value_type = String)]
    login: Box<str>,
    #[schema(value_type = String)]
    password: Box<str>,
    /// The access tokens with which it may log in instead.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    tokens: Vec<Box<str>>,
    /// Further addresses whose mail it gets.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    addresses: Vec<Box<str>>,
}

/// Limits, named like the options of `mailjig serve`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LimitsJson {
    /// The largest message, in octets.
    #[schema(value_type = Option<usize>)]
    max_size: Option<u64>,
    /// The longest SMTP command line, in octets.
    max_line: Option<usize>,
    /// The maximum number of recipients of a message.
    max_recipients: Option<usize>,
    /// The maximum number of sessions at the same time.
    max_sessions: Option<usize>,
    /// How long a client may send nothing.
    idle_timeout: Option<String>,
    /// How long a client may read nothing.
    write_timeout: Option<String>,
    /// How long a TLS handshake may take.
    handshake_timeout: Option<String>,
    /// The number of messages to keep.
    keep: Option<usize>,
    /// The total size of the messages to keep, in octets.
    #[schema(value_type = Option<usize>)]
    keep_size: Option<u64>,
    /// The number of accounts to keep.
    keep_accounts: Option<usize>,
}

impl NewServerJson {
    /// The settings for the new server. `main` are those of the main server.
    pub(super) fn read(self, main: &Settings) -> Result<NewServer, Problem> {
        let mut settings = main.clone();
        settings.members = Arc::default();
        settings.scenario = None;
        settings.seed = self.seed.unwrap_or(1);
        settings.is_clock_manual = self.manual_clock;
        settings.host = self.host.unwrap_or(settings.host);
        settings.compat = self.compat.unwrap_or(settings.compat);
        settings.names = self.names.unwrap_or(settings.names);
        settings.submission_requires_auth = self.require_auth.unwrap_or(settings.submission_requires_auth);
        if let Some(names) = &self.auth {
            let mechanisms = Mechanism::parse_all(names.iter().map(String::as_str));
            settings.mechanisms = Some(mechanisms.map_err(|why| Problem::field("auth", why))?);
        }
        if let Some(is_strict) = self.imap_strict {
            settings.tolerance = if is_strict { Tolerance::STRICT } else { Tolerance::default() };
        }
        settings.submission_strict = self.submission_strict.unwrap_or(settings.submission_strict);
        trust(&mut settings, self.proxy_protocol.as_deref(), self.xclient.as_deref(), self.lenient.as_ref())?;
        let pop3 = Pop3Json {
            expire: self.pop3_expire,
            expire_for: self.pop3_expire_for,
            login_delay: self.pop3_login_delay,
            unique_ids: self.pop3_unique_ids,
        };
        pop3.apply(&mut settings)?;
        if let Some(kinds) = self.fail_on_findings {
            settings.failing = kinds.read()?;
        }
        listen(&mut settings, self.listeners)?;
        for (at, account) in self.accounts.into_iter().enumerate() {
            let member = account.read().map_err(|problem| problem.below(&format!("accounts[{at}]")))?;
            settings.add_member(member).map_err(|why| Problem::field(&format!("accounts[{at}]"), why))?;
        }
        for (name, when) in self.starttls {
            starttls(&mut settings, &name, &when)?;
        }
        namespace(&mut settings, self.delimiter, self.namespace)?;
        if let Some(separator) = self.subaddress_separator {
            settings.subaddress_separator = subaddress_separator(&separator)?;
        }
        self.limits.apply(&mut settings)?;
        if let Some(scenario) = self.scenario {
            let loaded = match scenario {
                ScenarioChoice::Name(name) => ScenarioSource::named(name).load().map_err(|why| why.of("scenario")),
                ScenarioChoice::Source(source) => source.load().map_err(|why| why.below("scenario")),
            };
            settings.scenario = Some(loaded?);
        }
        let expiry = self.idle_expiry.map(|text| time("idle_expiry", &text)).transpose()?;
        if expiry.is_some_and(|expiry| expiry.is_zero()) {
            return Err(Problem::field(
                "idle_expiry",
                "the server would be removed at once: write a time, such as `10m`",
            ));
        }
        Ok(NewServer { name: self.name, settings, expiry })
    }
}

impl FailOnFindings {
    fn read(self) -> Result<Option<FailingKinds>, Problem> {
        const FIELD: &str = "fail_on_findings";
        let names = match self {
            Self::All(is_any) => return Ok(is_any.then(FailingKinds::default)),
            Self::Kind(name) => return kinds(FIELD, [&name]).map(Some),
            Self::Kinds(names) => names,
        };
        if names.is_empty() {
            return Err(Problem::field(FIELD, "the list of kinds is empty: write `true` for all kinds"));
        }
        for (at, name) in names.iter().enumerate() {
            kinds(&format!("{FIELD}[{at}]"), [name])?;
        }
        kinds(FIELD, &names).map(Some)
    }
}

fn kinds<'n>(field: &str, names: impl IntoIterator<Item = &'n String>) -> Result<FailingKinds, Problem> {
    FailingKinds::parse(names.into_iter().map(String::as_str)).map_err(|why| Problem::field(field, why))
}

impl ServerAccount {
    fn read(self) -> Result<Member, Problem> {
        let check = |field: &str, name: &str| {
            let detail = || format!("{name:?} is not valid: it must not be empty or contain control characters");
            if is_identifier(name) { Ok(()) } else { Err(Problem::field(field, detail())) }
        };
        let Self { login, password, tokens, addresses } = self;
        check("login", &login)?;
        if let Some((at, wrong)) = tokens.iter().enumerate().find(|(_, token)| !is_bearer_token(token)) {
            return Err(Problem::field(&format!("tokens[{at}]"), not_a_token(wrong)));
        }
        for (at, address) in addresses.iter().enumerate() {
            check(&format!("addresses[{at}]"), address)?;
        }
        Ok(Member { login, password, tokens, addresses })
    }
}

impl LimitsJson {
    fn apply(self, settings: &mut Settings) -> Result<(), Problem> {
        let limits = &mut settings.limits;
        if let Some(size) = self.max_size {
            limits.smtp.message = size;
            limits.imap.message = size;
        }
        limits.smtp.line = self.max_line.unwrap_or(limits.smtp.line);
        limits.smtp.recipients = self.max_recipients.unwrap_or(limits.smtp.recipients);
        limits.sessions = self.max_sessions.unwrap_or(limits.sessions);
        if let Some(text) = self.idle_timeout {
            limits.idle(time("limits.idle_timeout", &text)?);
        }
        if let Some(text) = self.write_timeout {
            limits.write = time("limits.write_timeout", &text)?;
        }
        if let Some(text) = self.handshake_timeout {
            limits.handshake = time("limits.handshake_timeout", &text)?;
        }
        if self.keep.is_some() || self.keep_size.is_some() || self.keep_accounts.is_some() {
            let keep = settings.keep.get_or_insert(Keep::ALL);
            keep.messages = self.keep.unwrap_or(keep.messages);
            keep.octets = self.keep_size.unwrap_or(keep.octets);
            keep.accounts = self.keep_accounts.unwrap_or(keep.accounts);
        }
        Ok(())
    }
}
