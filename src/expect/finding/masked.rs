//! Names lines of a client that are masked because they may be credentials, so that a finding says what was there.

use crate::protocol::{Event, Protocol};
use crate::sasl::Mechanism;

/// The last login command of a client, as reports show it.
#[derive(Default)]
pub(super) struct LastLogin(Option<Box<str>>);

impl LastLogin {
    /// Reads the line of a login, without its credentials.
    pub(super) fn read(&mut self, event: Event, line: &str) {
        let command = line.strip_suffix("***").unwrap_or(line).trim_end();
        let command = match event.protocol() {
            Some(Protocol::Imap) => command.split_once(' ').map_or("", |(_tag, command)| command),
            Some(Protocol::Smtp | Protocol::Lmtp | Protocol::Pop3) | None => command,
        };
        // Otherwise it is a response of the login before.
        if !command.is_empty() {
            self.0 = Some(command.into());
        }
    }

    /// The mechanism of the login.
    pub(super) fn mechanism(&self) -> Option<&'static Mechanism> {
        Mechanism::parse(self.0.as_deref()?.split_whitespace().nth(1)?.as_bytes())
    }

    /// A line as a finding names it.
    pub(super) fn name(&self, event: Event, line: &str) -> String {
        if line != "***" {
            return format!("`{line}`");
        }
        let may_be = if event.is_login() { "" } else { "what may be " };
        let command = self.0.as_deref().unwrap_or("a login");
        format!("{may_be}a response of {command} (masked)")
    }
}
