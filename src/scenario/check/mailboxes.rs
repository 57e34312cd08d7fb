//! Checks the mailboxes and logins that a file names.

use super::located;
use crate::base::same_login;
use crate::document::{Location, Node, Reader};
use crate::mail::Namespace;
use crate::rule::Rule;
use crate::scenario::User;

impl Reader {
    /// Records an error if no mailbox can have this name.
    pub(in crate::scenario) fn mailbox_name(&mut self, name: &str, place: &Location) {
        let objection = match &self.namespace {
            Some(namespace) => namespace.objection(&namespace.canonical(name)),
            None => Namespace::general_objection(name),
        };
        if let Some(objection) = objection {
            self.wrong_help(place, format!("{name:?} is not a valid mailbox name"), objection);
        }
    }
}

/// Checks the mailboxes that the steps of a rule name.
pub(super) fn names(reader: &mut Reader, rule: &Rule, node: &Node) {
    for (timed, at) in located(rule, node) {
        if let (Some(name), _) = timed.step.mailbox() {
            reader.mailbox_name(name, &at);
        }
    }
}

/// With a closed list of accounts, checks the logins that rules, mailboxes and messages name.
pub(in crate::scenario) fn logins<'n>(
    reader: &mut Reader,
    rules: &[(Rule, Node)],
    given: impl Iterator<Item = &'n Node>,
    users: &[User],
) {
    let mut named: Vec<(String, Location)> = Vec::new();
    for (rule, node) in rules {
        for (timed, at) in located(rule, node) {
            let logins = timed.step.logins().into_iter();
            named.extend(logins.map(|login| (String::from_utf8_lossy(login).into_owned(), at.clone())));
        }
    }
    for node in given {
        let user = node.entries().unwrap_or_default().iter().find(|entry| entry.key == "user");
        named.extend(user.and_then(|user| Some((reader.text(&user.value)?, user.value.place.clone()))));
    }
    let known: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
    for (login, place) in named {
        if !known.is_empty() && !known.iter().any(|its| same_login(its, &login)) {
            reader.unknown(&place, "user", &login, &known);
        }
    }
}
