//! Who has an account, and how mailboxes are named.

use clap::Args;

use super::value::{Login, Separator, delimiter, separator};
use crate::mail::Namespace;
use crate::protocol::imap::Tolerance;
use crate::sasl::Mechanism;
use crate::server::Settings;

#[derive(Args)]
#[command(next_help_heading = "Accounts and mailboxes")]
pub(super) struct Accounts {
    /// An account. With at least one, all other logins and addresses are refused. May be repeated.
    #[arg(long, value_name = "LOGIN:PASSWORD", env = "MAILJIG_ACCOUNT", value_delimiter = ',')]
    account: Vec<Login>,
    /// Character before the detail in an account's address, as in `bob+news@example.org`; `off` for none.
    #[arg(long, value_name = "CHAR", env = "MAILJIG_SUBADDRESS_SEPARATOR", default_value = "+", value_parser = separator)]
    subaddress_separator: Separator,
    /// Accept mail on `submission` and `smtps` without a login.
    #[arg(long, env = "MAILJIG_NO_REQUIRE_AUTH")]
    no_require_auth: bool,
    /// Refuse senders and recipients whose domain is not fully qualified, on `submission` and `smtps` (RFC 6409 §4.2).
    #[arg(long, env = "MAILJIG_SUBMISSION_STRICT")]
    submission_strict: bool,
    /// SASL mechanisms that the server announces and accepts, as in `PLAIN SCRAM-SHA-256`; a scenario can name others for a
    /// protocol [default: those that the accounts can use].
    #[arg(long, value_name = "MECHANISMS", env = "MAILJIG_AUTH")]
    auth: Option<String>,
    /// Character between the levels of a mailbox name, such as `/` or `.`.
    #[arg(long, value_name = "CHAR", env = "MAILJIG_DELIMITER", default_value_t = '/', value_parser = delimiter)]
    delimiter: char,
    /// Name that all mailboxes but INBOX are below, such as `INBOX`, without a delimiter at its end.
    #[arg(long, value_name = "NAME", env = "MAILJIG_NAMESPACE", default_value = "")]
    namespace: String,
    /// Refuse deviations from the IMAP grammar that real clients make: a bare LF after a literal, superfluous blanks.
    #[arg(long, env = "MAILJIG_IMAP_STRICT")]
    imap_strict: bool,
}

impl Accounts {
    /// Fails if there are two accounts of a name, or if the namespace is not valid.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), String> {
        for Login(member) in &self.account {
            settings.add_member(member.clone()).map_err(|why| format!("`--account`: {why}"))?;
        }
        settings.subaddress_separator = self.subaddress_separator.0;
        settings.submission_requires_auth = !self.no_require_auth;
        settings.submission_strict = self.submission_strict;
        if let Some(names) = &self.auth {
            let mechanisms = Mechanism::parse_all(names.split([' ', ',']).filter(|name| !name.is_empty()));
            settings.mechanisms = Some(mechanisms.map_err(|why| format!("`--auth`: {why}"))?);
        }
        settings.namespace = Namespace::new(&self.namespace, self.delimiter);
        if let Some(why) = settings.namespace.objection_to_prefix() {
            return Err(format!("`--namespace {}` is not a valid namespace: {why}", self.namespace));
        }
        if self.imap_strict {
            settings.tolerance = Tolerance::STRICT;
        }
        Ok(())
    }
}
