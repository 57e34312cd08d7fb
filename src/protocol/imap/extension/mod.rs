//! The IMAP extensions that the server supports, one file for each: the capabilities that it announces, and the
//! commands and items that it adds.
//!
//! [`EXTENSIONS`] is the only list of them. The capability line, the parser's dispatch and the table in the manual are
//! made from it.

mod binary;
mod children;
mod enable;
pub(super) mod esearch;
mod id;
mod idle;
mod imap4rev1;
mod literal_plus;
mod r#move;
mod multiappend;
mod namespace;
pub(super) mod sasl_ir;
pub(super) mod special_use;
mod status_size;
pub(super) mod uidplus;
mod unselect;

use std::borrow::Cow;

use super::Imap;
use super::command::CommandSpec;
use super::command::fetch::FetchItemSpec;
use super::command::status::StatusItem;
use crate::protocol::StartTls;

pub(super) use children::children_attribute;

/// All extensions, in the order of the capability line. The base protocol comes first.
pub(super) const EXTENSIONS: &[Extension] = &[
    imap4rev1::EXTENSION,
    literal_plus::EXTENSION,
    sasl_ir::EXTENSION,
    enable::EXTENSION,
    id::EXTENSION,
    imap4rev1::STARTTLS,
    imap4rev1::LOGIN_DISABLED,
    imap4rev1::AUTHENTICATE,
    idle::EXTENSION,
    namespace::EXTENSION,
    uidplus::EXTENSION,
    r#move::EXTENSION,
    unselect::EXTENSION,
    children::EXTENSION,
    special_use::EXTENSION,
    multiappend::EXTENSION,
    esearch::EXTENSION,
    status_size::EXTENSION,
    binary::EXTENSION,
];

/// What an extension announces and adds.
#[derive(Debug)]
pub(super) struct Extension {
    /// The standard that defines it.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test makes the table in the manual from it"))]
    standard: &'static str,
    /// What it adds, for the manual.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test makes the table in the manual from it"))]
    about: &'static str,
    pub(super) capabilities: &'static [Capability],
    pub(super) commands: &'static [CommandSpec],
    /// Items of STATUS.
    pub(super) status_items: &'static [StatusItem],
    /// Items of FETCH.
    pub(super) fetch_items: &'static [FetchItemSpec],
}

impl Extension {
    /// An extension that adds nothing.
    const fn of(standard: &'static str, about: &'static str) -> Self {
        Self { standard, about, capabilities: &[], commands: &[], status_items: &[], fetch_items: &[] }
    }
}

/// A name on the capability line.
#[derive(Debug)]
pub(super) struct Capability {
    name: &'static str,
    when: Announced,
}

impl Capability {
    /// Announced in every state.
    const fn always(name: &'static str) -> Self {
        Self { name, when: Announced::Always }
    }
}

/// When a capability is announced (RFC 3501 §7.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    Always,
    /// Before a login, while STARTTLS is possible.
    StartTlsPossible,
    /// Before a login, while LOGIN is refused: before TLS, or because the list of mechanisms closes it.
    LoginForbidden,
    /// Before a login, while it is possible: once for each SASL mechanism that is announced, with its name appended.
    LoginPossible,
}

impl Imap {
    /// The capabilities that are announced in this state before any are added or removed.
    pub(super) fn own_capabilities(&self) -> Vec<Cow<'static, str>> {
        let is_logged_in = self.account().is_some();
        let mut all = Vec::new();
        for Capability { name, when } in EXTENSIONS.iter().flat_map(|extension| extension.capabilities) {
            let is_announced = match when {
                Announced::Always => true,
                Announced::StartTlsPossible => !is_logged_in && self.tls.is_offered(),
                Announced::LoginForbidden => !is_logged_in && self.may_send_password().is_err(),
                Announced::LoginPossible => !is_logged_in && !self.tls.is_required(StartTls::BeforeLogin),
            };
            if is_announced && *when == Announced::LoginPossible {
                let mechanisms = self.capability_overrides.announced(&self.tls);
                all.extend(mechanisms.map(|mechanism| format!("{name}{}", mechanism.name()).into()));
            } else if is_announced {
                all.push(Cow::Borrowed(*name));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::sasl::Mechanism;

    /// The table of extensions in the manual.
    fn table() -> String {
        let mut table = String::from("| capability | announced | standard | what it adds |\n|---|---|---|---|\n");
        for Extension { standard, about, capabilities, .. } in EXTENSIONS {
            for Capability { name, when } in *capabilities {
                let (names, when) = match when {
                    Announced::Always => (format!("`{name}`"), "always"),
                    Announced::StartTlsPossible => (format!("`{name}`"), "before a login, while STARTTLS is possible"),
                    Announced::LoginForbidden => (
                        format!("`{name}`"),
                        "while no login is possible before TLS, or `auth` names neither PLAIN nor LOGIN",
                    ),
                    Announced::LoginPossible => {
                        let names = Mechanism::all().map(|its| format!("`{name}{}`", its.name()));
                        (names.collect::<Vec<_>>().join(", "), "while a login is possible")
                    }
                };
                table += &format!("| {names} | {when} | {standard} | {about} |\n");
            }
        }
        table
    }

    #[test]
    fn the_manual_lists_the_extensions() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/protocols.md");
        let manual = fs::read_to_string(&path).unwrap();
        let (begin, end) = ("<!-- extensions: begin -->\n", "<!-- extensions: end -->");
        let (from, to) = (manual.find(begin).unwrap() + begin.len(), manual.find(end).unwrap());
        let table = table();
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update != "no") {
            fs::write(&path, format!("{}{table}{}", &manual[..from], &manual[to..])).unwrap();
            return;
        }
        assert!(manual[from..to] == table, "the table of extensions in {} is out of date", path.display());
    }

    #[test]
    fn no_two_extensions_add_the_same_name() {
        let capabilities = EXTENSIONS.iter().flat_map(|its| its.capabilities).map(|its| its.name);
        let commands = EXTENSIONS.iter().flat_map(|its| its.commands).map(|its| its.name);
        let status_items = EXTENSIONS.iter().flat_map(|its| its.status_items).map(|its| its.name);
        let fetch_items = EXTENSIONS.iter().flat_map(|its| its.fetch_items).map(|its| its.name);
        for names in
            [capabilities.collect::<Vec<_>>(), commands.collect(), status_items.collect(), fetch_items.collect()]
        {
            let mut seen = HashSet::new();
            let doubled: Vec<_> = names.iter().filter(|name| !seen.insert(**name)).collect();
            assert!(doubled.is_empty(), "{doubled:?} occur twice in the table");
        }
    }
}
