//! The commands of RFC 3501 §6, one file for each, and the trait that every command implements. The commands of an
//! extension are in the extension's file.

mod append;
mod authenticate;
mod capability;
mod check;
mod close;
mod copy;
mod create;
mod delete;
mod expunge;
pub(super) mod fetch;
mod list;
mod list_pattern;
mod login;
mod logout;
mod noop;
mod rename;
pub(super) mod search;
mod select;
mod starttls;
pub(super) mod status;
mod store;
mod subscribe;

use std::fmt;

use bytes::Bytes;

pub(super) use copy::Copy;

use super::extension::EXTENSIONS;
use super::parser::{Parsed, Parser, SyntaxError};
use super::sequence_set::SequenceSet;
use super::{Answer, Imap, Refusal};
use crate::protocol::{Event, MailTxn, Reply, Value};
use crate::sasl::Channel;

/// The commands of the base protocol.
pub(super) const RFC3501: &[CommandSpec] = &[
    capability::CAPABILITY,
    noop::NOOP,
    logout::LOGOUT,
    starttls::STARTTLS,
    authenticate::AUTHENTICATE,
    login::LOGIN,
    select::SELECT,
    select::EXAMINE,
    create::CREATE,
    delete::DELETE,
    rename::RENAME,
    subscribe::SUBSCRIBE,
    subscribe::UNSUBSCRIBE,
    list::LIST,
    list::LSUB,
    status::STATUS,
    append::APPEND,
    check::CHECK,
    close::CLOSE,
    expunge::EXPUNGE,
    search::SEARCH,
    fetch::FETCH,
    store::STORE,
    copy::COPY,
];

/// A command that follows the grammar, with its arguments.
pub(super) trait Command: fmt::Debug + Send {
    /// Performs the command and writes untagged responses to `out`. The tagged response is made from the answer.
    fn perform(self: Box<Self>, imap: &mut Imap, tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer;

    /// Whether the server may announce expunges in the reply. It must not during FETCH, STORE or SEARCH by sequence
    /// number, because expunges change these numbers (RFC 3501 §7.4.1).
    fn may_expunge(&self) -> bool {
        true
    }

    /// Whether it is allowed before TLS if the settings require TLS before anything else.
    fn leads_to_tls(&self) -> bool {
        false
    }

    /// Whether it contains complete SASL credentials.
    fn has_credentials(&self) -> bool {
        false
    }

    /// The mailbox that it names.
    fn mailbox(&self) -> Option<&str> {
        None
    }

    /// The messages that it names, and whether by UID.
    fn messages(&self) -> Option<(&SequenceSet, bool)> {
        None
    }

    /// The first message that it appends.
    fn appended(&self) -> Option<&Bytes> {
        None
    }

    /// The items of FETCH, as written.
    fn items(&self) -> Option<&str> {
        None
    }

    /// The flags of STORE, or those of each message of APPEND, as written.
    fn flags(&self) -> Option<Value<'_>> {
        None
    }

    /// The SASL mechanism of a login, or the name of the command that logs in.
    fn mechanism(&self) -> Option<&str> {
        None
    }

    /// The user who logs in over this TLS connection, if it is one.
    fn user(&self, _channel: Option<&Channel>) -> Option<String> {
        None
    }

    /// The access token of a login.
    fn token(&self) -> Option<String> {
        None
    }

    /// Why the command will fail whatever its next literal contains.
    fn objection(&self, _imap: &Imap, _txn: &MailTxn<'_>) -> Option<Refusal> {
        None
    }
}

/// In which states of the session a command is allowed (RFC 3501 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AllowedIn {
    AnyState,
    NotAuthenticated,
    /// The authenticated and the selected state.
    Authenticated,
    Selected,
}

/// What is checked before the client may send a literal, besides the state of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BeforeLiteral {
    Nothing,
    /// Whether a login is possible.
    Login,
    /// All arguments before the literal.
    Arguments,
}

/// Parses the arguments. The second parameter is true if UID came before the command's name.
type ParseArguments = fn(&mut Parser<'_>, bool) -> Parsed<Box<dyn Command>>;

/// A command as the parser knows it.
#[derive(Debug)]
pub(super) struct CommandSpec {
    pub(super) name: &'static str,
    pub(super) event: Event,
    pub(super) allowed_in: AllowedIn,
    pub(super) before_literal: BeforeLiteral,
    /// Whether it also exists with UID before its name (RFC 3501 §6.4.8).
    has_uid_form: bool,
    parse: ParseArguments,
}

impl CommandSpec {
    pub(super) const fn new(name: &'static str, event: Event, allowed_in: AllowedIn, parse: ParseArguments) -> Self {
        Self { name, event, allowed_in, before_literal: BeforeLiteral::Nothing, has_uid_form: false, parse }
    }

    /// The same command, also with UID before its name.
    pub(super) const fn with_uid_form(self) -> Self {
        Self { has_uid_form: true, ..self }
    }

    const fn checked_before_literal(self, before_literal: BeforeLiteral) -> Self {
        Self { before_literal, ..self }
    }

    /// Parses the arguments, to the end of the command.
    pub(super) fn parse(&self, parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Box<dyn Command>> {
        let command = (self.parse)(parser, by_uid)?;
        parser.end()?;
        Ok(command)
    }
}

/// All commands, including those of extensions.
pub(super) fn all() -> impl Iterator<Item = &'static CommandSpec> {
    EXTENSIONS.iter().flat_map(|extension| extension.commands)
}

/// The command whose name follows the tag, and whether UID comes before the name.
pub(super) fn find(parser: &mut Parser<'_>) -> Parsed<(&'static CommandSpec, bool)> {
    parser.space()?;
    let at = parser.at();
    let mut name = parser.atom("a command")?;
    let by_uid = name.eq_ignore_ascii_case("UID");
    if by_uid {
        parser.space()?;
        name = parser.atom("COPY, EXPUNGE, FETCH, MOVE, SEARCH or STORE")?;
    }
    let found = all().find(|spec| spec.name.eq_ignore_ascii_case(name) && (spec.has_uid_form || !by_uid));
    found.map(|spec| (spec, by_uid)).ok_or_else(|| {
        let uid = if by_uid { "UID " } else { "" };
        SyntaxError { at, what: format!("unknown command {uid}{}", name.to_ascii_uppercase()) }
    })
}

/// Takes a space and the name of a mailbox.
pub(super) fn mailbox_argument(parser: &mut Parser<'_>) -> Parsed<String> {
    parser.space()?;
    parser.mailbox()
}
