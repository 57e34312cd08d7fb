//! The variables that tell a command where the server is.

use std::path::Path;

use super::super::start::Started;
use super::template::filled;
use crate::api::Api;
use crate::protocol::Listener;

/// Values by the names of placeholders, and the variables made of them.
pub(in crate::cli) struct Environment {
    values: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    absent: Vec<String>,
}

impl Environment {
    pub(in crate::cli) fn of(started: &Started, ca_file: &Path, token: Option<&str>) -> Self {
        let mut its = Self { values: Vec::new(), variables: Vec::new(), absent: Vec::new() };
        for listener in Listener::ALL {
            let endpoint = started.server().endpoint(*listener);
            let place = endpoint.map(|its| Place { host: its.host(), port: its.port(), url: its.url() });
            its.add(listener.name(), is_usual(*listener), place);
        }
        let api = started.api.as_ref().map(|api| (api.address(), api.url()));
        let host = api.map(|(address, _)| address.ip().to_string()).unwrap_or_default();
        let place = api.map(|(address, url)| Place { host: &host, port: address.port(), url });
        its.add("http", false, place);
        match started.api.as_ref().map(Api::url) {
            Some(url) => its.set("url", "MAILJIG_URL", url),
            None => its.absent.push("MAILJIG_URL".to_owned()),
        }
        // A variable of this process is inherited, but not a flag.
        its.variables.extend(token.map(|token| ("MAILJIG_TOKEN".to_owned(), token.to_owned())));
        its.set("ca_file", "MAILJIG_CA_FILE", &ca_file.to_string_lossy());
        its
    }

    /// The variables that every command gets.
    pub(in crate::cli) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Variables that the command must not inherit: they would name another server.
    pub(in crate::cli) fn absent(&self) -> &[String] {
        &self.absent
    }

    /// Variables from templates. Fails if a name is not valid or a placeholder is unknown.
    pub(in crate::cli) fn further(&self, templates: &[(String, String)]) -> Result<Vec<(String, String)>, String> {
        let one = |(name, template): &(String, String)| {
            if name.is_empty() || name.contains('\0') || template.contains('\0') {
                return Err(format!(
                    "`--env {name}={template}`: write a name and a template, as in `MAIL_HOST={{smtp.host}}`"
                ));
            }
            let value = filled(template, &self.values).map_err(|why| format!("`--env {name}={template}`: {why}"))?;
            Ok((name.clone(), value))
        };
        templates.iter().map(one).collect()
    }

    fn add(&mut self, name: &str, is_usual: bool, place: Option<Place<'_>>) {
        let variable = name.to_uppercase();
        let parts = place.map(|Place { host, port, url }| [host.to_owned(), port.to_string(), url.to_owned()]);
        for (at, part) in ["host", "port", "url"].into_iter().enumerate() {
            let mut names = vec![format!("MAILJIG_{variable}_{}", part.to_uppercase())];
            names.extend(is_usual.then(|| format!("{variable}_{}", part.to_uppercase())));
            match &parts {
                Some(parts) => {
                    self.values.push((format!("{name}.{part}"), parts[at].clone()));
                    self.variables.extend(names.into_iter().map(|name| (name, parts[at].clone())));
                }
                None => self.absent.extend(names),
            }
        }
    }

    fn set(&mut self, placeholder: &str, variable: &str, value: &str) {
        self.values.push((placeholder.to_owned(), value.to_owned()));
        self.variables.push((variable.to_owned(), value.to_owned()));
    }
}

struct Place<'a> {
    host: &'a str,
    port: u16,
    url: &'a str,
}

/// Whether programs often read where this listener is from variables such as `SMTP_HOST`.
fn is_usual(listener: Listener) -> bool {
    match listener {
        Listener::Smtp | Listener::Imap | Listener::Pop3 => true,
        Listener::Submission | Listener::Smtps | Listener::Lmtp | Listener::Imaps | Listener::Pop3s => false,
    }
}
