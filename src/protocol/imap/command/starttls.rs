//! STARTTLS (RFC 3501 §6.2.1).

use super::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::{Answer, Imap, Progress, Refusal};
use crate::protocol::{Event, MailTxn, NoStartTls, Reply};

pub(super) const STARTTLS: CommandSpec =
    CommandSpec::new("STARTTLS", Event::ImapStarttls, AllowedIn::NotAuthenticated, |_, _| Ok(Box::new(Starttls)));

#[derive(Debug)]
struct Starttls;

impl Command for Starttls {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, _txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        imap.tls.may_begin().map_err(|why| match why {
            NoStartTls::Active => Refusal::bad("TLS is active already"),
            NoStartTls::Never => Refusal::bad("STARTTLS is not implemented"),
        })?;
        Ok(Progress::Secure("Begin the TLS handshake"))
    }

    fn leads_to_tls(&self) -> bool {
        true
    }
}
