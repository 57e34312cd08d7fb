//! Reads the tables for the initial state: servers, TLS, variables, accounts and mail.

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use super::keys;
use super::{Announced, Loaded, MailboxGiven, MessageGiven, Pop3Settings, User};
use crate::base::{count, is_identifier};
use crate::document::{Data, Location, Node, Problem, Reader, Table, TableEntry};
use crate::expect::FailingKinds;
use crate::mail::{INBOX, Namespace};
use crate::protocol::pop3::{Expire, UniqueIds};
use crate::protocol::{CapabilityOverride, Leniency, Listener, Protocol, StartTls};
use crate::rule::profile::has_profile;
use crate::rule::{ProfileEntry, VariableValue};
use crate::sasl::{Mechanism, is_bearer_token};

/// The settings that only apply at the start of a server, as the errors of loading the scenario later.
pub(super) fn fixed(file: Table<'_>) -> Vec<Problem> {
    let imap = file.get("server").and_then(|its| Table(its.entries()?).get("imap"));
    let entries = imap.and_then(Node::entries).unwrap_or_default();
    let fixed = entries.iter().filter(|entry| matches!(entry.key.as_str(), "delimiter" | "namespace"));
    let problem = |entry: &TableEntry| {
        let message = format!("`server.imap.{}` cannot change while the server runs", entry.key);
        Problem::error(entry.place.clone(), message).help("start the server with this scenario")
    };
    fixed.map(problem).collect()
}

impl Reader {
    /// The findings that make the verification fail: true for all, or kinds.
    pub(super) fn failing_kinds(&mut self, node: &Node) -> Option<FailingKinds> {
        if let Data::Truth(is_any) = node.data {
            return is_any.then(FailingKinds::default);
        }
        let names = self.texts(node);
        if names.is_empty() {
            self.wrong_help(&node.place, "the list of kinds is empty", "write `true` for all kinds");
        }
        self.parsed(&node.place, FailingKinds::parse(names.iter().map(|(name, _)| name.as_str())))
    }

    /// Reads `[server.smtp]` and the other servers.
    pub(super) fn servers(&mut self, node: Option<&Node>, loaded: &mut Loaded) {
        let Some(node) = node else { return };
        let table = self.table(node, "`server`", keys::SERVER);
        if let Some(auth) = table.get("auth") {
            let mechanisms = Some(self.mechanisms(auth));
            let every = CapabilityOverride { mechanisms, ..CapabilityOverride::default() };
            let of = |protocol| Announced { protocol, clear: every.clone(), under_tls: every.clone() };
            loaded.capabilities.extend(Protocol::ALL.iter().copied().map(of));
        }
        for entry in table.0 {
            let Some(protocol) = Protocol::parse(&entry.key) else { continue };
            let its = self.table(&entry.value, &format!("`server.{}`", entry.key), keys::of_server(protocol));
            if let Some(limits) = its.get("limits") {
                let limits_of = self.table(limits, "`limits`", keys::SIZE);
                let size = self.need(limits_of, limits, "size", Self::size);
                match protocol {
                    Protocol::Smtp => loaded.server.smtp_size = size,
                    Protocol::Imap => loaded.server.imap_size = size,
                    Protocol::Lmtp | Protocol::Pop3 => {}
                }
            }
            if let Some(strict) = its.get("submission_strict") {
                loaded.server.submission_strict = self.truth(strict);
            }
            if let Some(strict) = its.get("strict") {
                loaded.server.imap_strict = self.truth(strict);
            }
            if let Some(delimiter) = its.get("delimiter") {
                let written = self.text(delimiter).unwrap_or_default();
                match written.chars().collect::<Vec<_>>().as_slice() {
                    [one] if Namespace::is_delimiter(*one) => loaded.server.delimiter = Some(*one),
                    _ => self.wrong(&delimiter.place, format!("`{written}` is not a valid delimiter")),
                }
            }
            if let Some(namespace) = its.get("namespace") {
                loaded.server.namespace = self.text(namespace);
                let delimiter = loaded.server.delimiter.unwrap_or('/');
                let below = Namespace::new(loaded.server.namespace.as_deref().unwrap_or_default(), delimiter);
                if let Some(why) = below.objection_to_prefix() {
                    self.wrong(&namespace.place, format!("this is not a valid namespace: {why}"));
                }
            }
            if protocol == Protocol::Pop3 {
                loaded.server.pop3 = self.pop3(its);
            }
            self.trust(its, protocol, loaded);
            let mut clear = its.get("caps").map(|caps| self.capabilities(caps, "`caps`")).unwrap_or_default();
            clear.mechanisms = its.get("auth").map(|auth| self.mechanisms(auth));
            let mut under_tls = clear.clone();
            if let Some(caps) = its.get("caps_tls") {
                under_tls.merge(&self.capabilities(caps, "`caps_tls`"));
            }
            clear.greeting = its.get("greeting").and_then(|text| self.text(text)).map(Into::into);
            under_tls.greeting.clone_from(&clear.greeting);
            loaded.capabilities.push(Announced { protocol, clear, under_tls });
        }
    }

    /// The settings of listeners that trust their clients, and of vulnerable servers.
    fn trust(&mut self, table: Table<'_>, protocol: Protocol, loaded: &mut Loaded) {
        if let Some(node) = table.get("lenient") {
            let words: Vec<_> = Leniency::of(protocol).iter().map(|its| (its.name(), *its)).collect();
            let named: Vec<_> = node.items().iter().filter_map(|item| self.word(item, "leniency", &words)).collect();
            for leniency in named {
                let added = loaded.server.lenient.add(protocol, leniency);
                self.parsed(&node.place, added);
            }
        }
        if let Some(listeners) = table.get("xclient") {
            loaded.server.xclient.extend(self.listeners(listeners, protocol));
        }
        if let Some(listeners) = table.get("proxy_protocol") {
            loaded.server.proxy_protocol.extend(self.listeners(listeners, protocol));
        }
    }

    /// Listeners of this protocol.
    fn listeners(&mut self, node: &Node, protocol: Protocol) -> Vec<Listener> {
        let of_protocol = Listener::ALL.iter().filter(|its| its.protocol() == protocol);
        let names: Vec<_> = of_protocol.map(|its| (its.name(), *its)).collect();
        node.items().iter().filter_map(|item| self.word(item, "listener", &names)).collect()
    }

    /// The settings of `[server.pop3]` that apply at the start.
    fn pop3(&mut self, table: Table<'_>) -> Pop3Settings {
        let mut expire = |node: &Node| {
            let written = self.written(node)?;
            self.parsed(&node.place, Expire::parse(&written))
        };
        let of_users = table.get("expire_for").and_then(Node::entries).unwrap_or_default();
        let expire_for = of_users.iter().filter_map(|entry| Some((entry.key.clone(), expire(&entry.value)?))).collect();
        Pop3Settings {
            expire: table.get("expire").and_then(expire),
            expire_for,
            login_delay: table.get("login_delay").and_then(|its| self.duration(its)),
            unique_ids: table.get("unique_ids").and_then(|its| {
                let form = self.text(its)?;
                self.parsed(&its.place, UniqueIds::parse(&form))
            }),
        }
    }

    /// SASL mechanisms.
    fn mechanisms(&mut self, node: &Node) -> Vec<&'static Mechanism> {
        let known: Vec<&str> = Mechanism::all().map(Mechanism::name).collect();
        let mut mechanisms = Vec::new();
        for (name, place) in self.texts(node) {
            match Mechanism::all().find(|its| its.name().eq_ignore_ascii_case(&name)) {
                Some(mechanism) if mechanisms.contains(&mechanism) => {
                    self.wrong(&place, format!("`{name}` is written twice"));
                }
                Some(mechanism) => mechanisms.push(mechanism),
                None => {
                    let help = format!("the server speaks {}; `caps.add` announces others", known.join(", "));
                    self.wrong_help(&place, format!("the server does not speak the mechanism `{name}`"), help);
                }
            }
        }
        mechanisms
    }

    /// A size such as `10MB` or `1000`.
    fn size(&mut self, node: &Node) -> Option<u64> {
        let written = self.written(node)?;
        let size = count(&written);
        if size.is_none() {
            self.wrong_help(&node.place, format!("`{written}` is not a size"), "write `1000`, `10MB` or `1MiB`");
        }
        size
    }

    pub(super) fn tls(&mut self, node: &Node, loaded: &mut Loaded) {
        let table = self.table(node, "`tls`", keys::TLS);
        let names: Vec<_> = Listener::ALL.iter().map(|its| (its.name(), *its)).collect();
        let listener = table.get("listener").and_then(|its| self.word(its, "listener", &names));
        let sni = table.get("sni").and_then(|its| self.pattern(its));
        let is_of_listener = |key: &&str| table.get(key).is_some();
        let of_listener = ["implicit", "starttls"].into_iter().find(is_of_listener);
        if let Some(key) = of_listener.filter(|_| sni.is_some()) {
            let message =
                format!("`{key}` applies before the client can request a server name: write it without `sni`");
            self.wrong(&node.place, message);
        }
        if has_profile(table) {
            let profile = self.profile(table);
            loaded.profiles.push(ProfileEntry { listener, sni, profile });
        } else if of_listener.is_none() {
            self.wrong(&node.place, "`tls` needs a key such as `cert` or `starttls`");
        }
        let implicit = table.get("implicit").and_then(|its| self.truth(its));
        loaded.server.implicit_tls.extend(implicit.map(|implicit| (listener, implicit)));
        if let Some(its) = table.get("starttls") {
            if let Some(listener) = listener.filter(|its| its.implicit_tls()) {
                self.wrong(&its.place, format!("`{listener}` uses TLS from the start and has no STARTTLS"));
            }
            let words: Vec<_> = StartTls::ALL.iter().map(|its| (its.name(), *its)).collect();
            let starttls = self.word(its, "value of `starttls`", &words);
            loaded.server.starttls.extend(starttls.map(|starttls| (listener, starttls)));
        }
    }

    pub(super) fn state(&mut self, node: &Node) -> Option<VariableValue> {
        match &node.data {
            Data::Integer(number) => Some(VariableValue::Number(*number)),
            Data::Truth(truth) => Some(VariableValue::Truth(*truth)),
            Data::Text(_) => self.text(node).map(|text| VariableValue::Text(text.into())),
            Data::Float(_) | Data::List(_) | Data::Table(_) => {
                let message = format!("a variable must be a string, an integer, true or false, not {}", node.kind());
                self.wrong(&node.place, message);
                None
            }
        }
    }

    pub(super) fn user_given(&mut self, node: &Node) -> Option<User> {
        let table = self.table(node, "a user", keys::USER);
        let name = self.need(table, node, "name", Self::text)?;
        let addresses = table.get("addresses").map_or_else(Vec::new, |its| self.texts(its));
        for (address, place) in &addresses {
            self.identifier(address, place);
        }
        let tokens = table.get("tokens").map_or_else(Vec::new, |its| self.texts(its));
        for (token, place) in tokens.iter().filter(|(token, _)| !is_bearer_token(token)) {
            let help = "RFC 6750 allows ASCII letters, digits and - . _ ~ + /, with = at the end";
            self.wrong_help(place, format!("{token:?} is not an access token"), help);
        }
        if let Some(its) = table.get("name") {
            self.identifier(&name, &its.place);
        }
        Some(User {
            name,
            password: table.get("password").and_then(|its| self.text(its)).unwrap_or_default(),
            tokens: tokens.into_iter().map(|(token, _)| token).collect(),
            addresses: addresses.into_iter().map(|(address, _)| address).collect(),
        })
    }

    /// Checks that a text can be a login or an address.
    fn identifier(&mut self, text: &str, place: &Location) {
        if !is_identifier(text) {
            self.wrong(place, format!("{text:?} is empty or contains control characters"));
        }
    }

    pub(super) fn mailbox_given(&mut self, node: &Node) -> Option<MailboxGiven> {
        let table = self.table(node, "a mailbox", keys::MAILBOX);
        let name = self.need(table, node, "name", Self::text)?;
        if let Some(its) = table.get("name") {
            self.mailbox_name(&name, &its.place);
        }
        // RFC 3501 §9, nz-number.
        let what = "a UIDVALIDITY, which is a number from 1 to 4294967295";
        let uid_validity: Option<NonZeroU32> = table.get("uidvalidity").and_then(|its| self.number(its, what));
        Some(MailboxGiven {
            user: table.get("user").and_then(|its| self.text(its)),
            name,
            uid_validity: uid_validity.map(NonZeroU32::get),
            generate: table.get("generate").and_then(|its| self.number(its, "a count of messages")).unwrap_or(0),
        })
    }

    pub(super) fn message_given(&mut self, node: &Node, folder: Option<&Path>) -> Option<MessageGiven> {
        let table = self.table(node, "a message", keys::MESSAGE);
        let raw = match (table.get("text"), table.get("file"), table.get("generate")) {
            (Some(text), None, None) => Some(self.text(text)?.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()),
            (None, Some(file), None) => {
                let name = self.text(file)?;
                // A scenario that did not come from a file, for example over HTTP, must not read files.
                let Some(folder) = folder else {
                    self.wrong_help(
                        &file.place,
                        "only a scenario that is loaded from a file can name files",
                        "write the message into `text`",
                    );
                    return None;
                };
                let path = folder.join(&name);
                match fs::read(&path) {
                    Ok(octets) => Some(octets),
                    Err(error) => {
                        self.wrong(&file.place, format!("{} cannot be read: {error}", path.display()));
                        return None;
                    }
                }
            }
            (None, None, Some(generate)) => {
                self.truth(generate).filter(|generated| *generated)?;
                None
            }
            _ => {
                self.wrong(&node.place, "a message needs exactly one of `text`, `file` and `generate = true`");
                return None;
            }
        };
        let text = |reader: &mut Self, key| table.get(key).and_then(|its| reader.text(its));
        let mailbox = text(self, "mailbox").unwrap_or_else(|| INBOX.to_owned());
        if let Some(its) = table.get("mailbox") {
            self.mailbox_name(&mailbox, &its.place);
        }
        Some(MessageGiven {
            id: text(self, "id"),
            user: text(self, "user"),
            mailbox,
            raw,
            uidl: text(self, "uidl"),
            flags: table
                .get("flags")
                .map_or_else(Vec::new, |its| self.texts(its))
                .into_iter()
                .map(|its| its.0.into())
                .collect(),
            is_delivered: false,
        })
    }
}
