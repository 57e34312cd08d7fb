//! The scenarios that another one includes with the key `use`.

use super::file::{Source, path_used_by, read};
use super::shipped::{self, SHIPPED};
use super::{Loaded, Pop3Settings, ServerSettings};
use crate::base::same_login;
use crate::document::{Location, Reader};
use crate::rule::VariableValue;

impl Reader {
    /// Loads a scenario that this one uses: a file beside it, or one that comes with mailjig. It does not get the parameters
    /// that are given to this one.
    pub(super) fn used(&mut self, name: &str, place: &Location, source: &Source<'_>) -> Option<Loaded> {
        let mut users = source.users.clone();
        users.push(source.name.clone());
        let beside = source.folder.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file());
        let found = shipped::find(name);
        let file = match (&beside, found) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(found)) => found.file(),
            (None, None) => {
                let known: Vec<&str> = SHIPPED.iter().map(|its| its.name).collect();
                self.unknown(place, "scenario", name, &known);
                return None;
            }
        };
        if users.contains(&file) {
            self.wrong(place, format!("`{name}` uses itself, directly or through another file"));
            return None;
        }
        let loaded = match beside {
            Some(path) => path_used_by(&path, &[], users),
            None => read(Source::shipped(found?, users), &[]),
        };
        loaded.map_err(|error| self.wrong(place, format!("`{name}` cannot be used:\n{error}"))).ok()
    }
}

impl Loaded {
    /// Adds the contents of another file, whose rules are inside the rules of this one.
    pub(super) fn take_in(&mut self, inner: Loaded) {
        let Loaded {
            capabilities,
            server,
            fixed,
            failing,
            profiles,
            state,
            users,
            mailboxes,
            messages,
            rules,
            expects,
            warnings,
            ..
        } = inner;
        self.server.take_in(server);
        self.fixed = self.fixed.take().or(fixed);
        self.failing = self.failing.take().or(failing);
        for announced in capabilities {
            match self.capabilities.iter_mut().find(|its| its.protocol == announced.protocol) {
                Some(own) => {
                    let (mut clear, mut under_tls) = (announced.clear, announced.under_tls);
                    clear.merge(&own.clear);
                    under_tls.merge(&own.under_tls);
                    (own.clear, own.under_tls) = (clear, under_tls);
                }
                None => self.capabilities.push(announced),
            }
        }
        self.profiles.extend(profiles);
        let is_new = |(name, _): &(Box<str>, VariableValue), own: &[(Box<str>, VariableValue)]| {
            !own.iter().any(|(its, _)| its == name)
        };
        let state: Vec<_> = state.into_iter().filter(|its| is_new(its, &self.state)).collect();
        self.state.extend(state);
        self.users.extend(users);
        self.mailboxes.extend(mailboxes);
        self.messages.extend(messages);
        self.rules.extend(rules);
        self.expects.extend(expects);
        self.warnings.extend(warnings);
    }
}

impl ServerSettings {
    /// Adds the settings of another file, except those that this file has.
    fn take_in(&mut self, inner: ServerSettings) {
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
        } = inner;
        self.smtp_size = self.smtp_size.or(smtp_size);
        self.imap_size = self.imap_size.or(imap_size);
        self.submission_strict = self.submission_strict.or(submission_strict);
        self.imap_strict = self.imap_strict.or(imap_strict);
        self.delimiter = self.delimiter.or(delimiter);
        self.namespace = self.namespace.take().or(namespace);
        self.starttls.extend(starttls);
        self.implicit_tls.extend(implicit_tls);
        self.proxy_protocol.extend(proxy_protocol);
        self.xclient.extend(xclient);
        self.lenient.extend(&lenient);
        let Pop3Settings { expire, expire_for, login_delay, unique_ids } = pop3;
        let own = &mut self.pop3;
        own.expire = own.expire.or(expire);
        let is_new = |(login, _): &(String, _)| !own.expire_for.iter().any(|(its, _)| same_login(its, login));
        let others: Vec<_> = expire_for.into_iter().filter(is_new).collect();
        own.expire_for.extend(others);
        own.login_delay = own.login_delay.or(login_delay);
        own.unique_ids = own.unique_ids.take().or(unique_ids);
    }
}
