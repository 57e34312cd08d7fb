//! The commands: their names, what they need, and their grammar (RFC 3501 §6).

use super::append::Append;
use super::fetch::Fetch;
use super::list::List;
use super::parser::{Parsed, Parser};
use super::search::Search;
use super::select::Select;
use super::set::Set;
use super::status::Item;
use super::store::Store;
use crate::mail::SpecialUse;
use crate::protocol::Event;

/// A command that follows the grammar.
#[derive(Debug)]
pub(super) enum ImapCommand {
    Append(Append),
    Authenticate { mechanism: String, initial: Option<Vec<u8>> },
    Capability,
    Check,
    Close,
    Copy { set: Set, by_uid: bool, mailbox: String, is_move: bool },
    Create { mailbox: String, special_use: Option<SpecialUse> },
    Delete(String),
    Enable,
    Expunge(Option<Set>),
    Fetch(Fetch),
    Id,
    Idle,
    List(List),
    Login { login: String, password: String },
    Logout,
    Namespace,
    Noop,
    Rename { from: String, to: String },
    Search(Search),
    Select(Select),
    Starttls,
    Status { mailbox: String, items: Vec<Item> },
    Store(Store),
    Subscribe { mailbox: String, subscribed: bool },
    Unselect,
}

impl ImapCommand {
    /// While these are answered, and only by sequence numbers, numbers must not change (RFC 3501 §7.4.1).
    pub(super) fn may_expunge(&self) -> bool {
        match self {
            Self::Fetch(fetch) => fetch.by_uid,
            Self::Search(search) => search.by_uid,
            Self::Store(store) => store.by_uid,
            _ => true,
        }
    }
}

/// In which state of the session a command may come (RFC 3501 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    NoLogin,
    Login,
    Mailbox,
}

pub(super) struct Verb {
    pub(super) name: &'static str,
    pub(super) event: Event,
    pub(super) needs: Needs,
    /// Whether it may come behind UID (RFC 3501 §6.4.8, RFC 4315 §2.1, RFC 6851 §3.2).
    by_uid: bool,
    /// The rest of the line; told whether it came behind UID.
    parse: fn(&mut Parser<'_>, bool) -> Parsed<ImapCommand>,
}

macro_rules! verbs {
    ($($name:literal, $event:ident, $needs:ident, $by_uid:literal, $parse:expr;)*) => {
        pub(super) const VERBS: &[Verb] = &[$(Verb {
            name: $name, event: Event::$event, needs: Needs::$needs, by_uid: $by_uid, parse: $parse,
        },)*];
    };
}

verbs! {
    "CAPABILITY", ImapCaps, Nothing, false, |_, _| Ok(ImapCommand::Capability);
    "NOOP", ImapNoop, Nothing, false, |_, _| Ok(ImapCommand::Noop);
    "LOGOUT", ImapQuit, Nothing, false, |_, _| Ok(ImapCommand::Logout);
    "ID", ImapId, Nothing, false, id;
    "STARTTLS", ImapStarttls, NoLogin, false, |_, _| Ok(ImapCommand::Starttls);
    "AUTHENTICATE", ImapAuthStart, NoLogin, false, super::login::authenticate;
    "LOGIN", ImapLogin, NoLogin, false, super::login::login;
    "ENABLE", ImapEnable, Login, false, enable;
    "SELECT", ImapSelect, Login, false, |p, _| super::select::parse(p, false);
    "EXAMINE", ImapExamine, Login, false, |p, _| super::select::parse(p, true);
    "CREATE", ImapCreate, Login, false, super::mailboxes::create;
    "DELETE", ImapDelete, Login, false, |p, _| Ok(ImapCommand::Delete(name(p)?));
    "RENAME", ImapRename, Login, false, |p, _| Ok(ImapCommand::Rename { from: name(p)?, to: name(p)? });
    "SUBSCRIBE", ImapSubscribe, Login, false, |p, _| Ok(ImapCommand::Subscribe { mailbox: name(p)?, subscribed: true });
    "UNSUBSCRIBE", ImapUnsubscribe, Login, false, |p, _| Ok(ImapCommand::Subscribe { mailbox: name(p)?, subscribed: false });
    "LIST", ImapList, Login, false, |p, _| super::list::parse(p, false);
    "LSUB", ImapLsub, Login, false, |p, _| super::list::parse(p, true);
    "NAMESPACE", ImapNamespace, Login, false, |_, _| Ok(ImapCommand::Namespace);
    "STATUS", ImapStatus, Login, false, super::status::parse;
    "APPEND", ImapAppend, Login, false, super::append::parse;
    "IDLE", ImapIdle, Login, false, |_, _| Ok(ImapCommand::Idle);
    "CHECK", ImapCheck, Mailbox, false, |_, _| Ok(ImapCommand::Check);
    "CLOSE", ImapClose, Mailbox, false, |_, _| Ok(ImapCommand::Close);
    "UNSELECT", ImapUnselect, Mailbox, false, |_, _| Ok(ImapCommand::Unselect);
    "EXPUNGE", ImapExpunge, Mailbox, true, super::expunge::parse;
    "SEARCH", ImapSearch, Mailbox, true, super::search::parse;
    "FETCH", ImapFetch, Mailbox, true, super::fetch::parse;
    "STORE", ImapStore, Mailbox, true, super::store::parse;
    "COPY", ImapCopy, Mailbox, true, |p, by_uid| super::copy::parse(p, by_uid, false);
    "MOVE", ImapMove, Mailbox, true, |p, by_uid| super::copy::parse(p, by_uid, true);
}

/// The verb that stands behind the tag, and whether UID stood before it; none if it is no command.
pub(super) fn verb(parser: &mut Parser<'_>) -> Parsed<(&'static Verb, bool)> {
    parser.space()?;
    let at = parser.at();
    let mut word = parser.word("a command")?;
    let by_uid = word == "UID";
    if by_uid {
        parser.space()?;
        word = parser.word("COPY, EXPUNGE, FETCH, MOVE, SEARCH or STORE")?;
    }
    let verb = VERBS.iter().find(|verb| verb.name == word && (verb.by_uid || !by_uid));
    verb.map(|verb| (verb, by_uid)).ok_or(super::parser::Wrong {
        at,
        what: format!("{}{word} is no command here", if by_uid { "UID " } else { "" }),
    })
}

impl Verb {
    /// The arguments, to the end of the command.
    pub(super) fn parse(&self, parser: &mut Parser<'_>, by_uid: bool) -> Parsed<ImapCommand> {
        let command = (self.parse)(parser, by_uid)?;
        parser.end()?;
        Ok(command)
    }
}

fn name(parser: &mut Parser<'_>) -> Parsed<String> {
    parser.space()?;
    parser.mailbox()
}

/// RFC 2971 §3.1: `ID (NIL / "(" [string SP nstring …] ")")`.
fn id(parser: &mut Parser<'_>, _by_uid: bool) -> Parsed<ImapCommand> {
    if parser.leniency().id_without_argument && parser.is_at_end() {
        return Ok(ImapCommand::Id);
    }
    parser.space()?;
    if !parser.eat_word("NIL") {
        parser.list(|parser| {
            parser.string("the name of a field")?;
            parser.space()?;
            parser.nstring("its value")
        })?;
    }
    Ok(ImapCommand::Id)
}

/// RFC 5161 §3.1. What is asked for does not matter: there is nothing here that needs to be enabled.
fn enable(parser: &mut Parser<'_>, _by_uid: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    parser.atom("a capability")?;
    while !parser.is_at_end() {
        parser.space()?;
        parser.atom("a capability")?;
    }
    Ok(ImapCommand::Enable)
}
