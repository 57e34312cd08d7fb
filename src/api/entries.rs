//! The entries of a mailbox: changing their flags, expunging them, and filters for them.

use axum::Json;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::accounts::{mailbox, refused};
use super::blocking::run_blocking;
use super::body::{JsonBody, NoBody};
use super::entry_json::{EntryJson, EntryList, FoundEntry};
use super::mailbox_path::{EntryPath, MailboxPath};
use super::params::{NoParams, Path, Value, query};
use super::problem::Problem;
use super::target::Target;
use crate::base::unknown;
use crate::mail::{Entry, Flags, Mailbox, Message};
use crate::server::Server;
use crate::world::{FlagChange, NotChanged, World};

/// The UIDs of expunged entries.
#[derive(Serialize, ToSchema)]
pub(super) struct Expunged {
    uids: Vec<u32>,
}

/// A change of flags: first `set`, then `add`, then `remove`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlagsJson {
    /// All flags of the entry, such as `\Seen`.
    #[schema(value_type = Option<Vec<String>>)]
    set: Option<Vec<Box<str>>>,
    /// Flags to add.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    add: Vec<Box<str>>,
    /// Flags to remove.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    remove: Vec<Box<str>>,
}

query! {
    /// Filters for entries, all of which must match.
    pub(super) struct EntryFilters {
        /// UIDs, such as `7`, `1,4:6` or `9:*`.
        uid: Option<UidSet>,
        /// A flag that the entries have, such as `\Deleted`, or `!` and a flag that they do not have.
        flag: Vec<FlagFilter>,
    }
}

/// A flag, or `!` and a flag.
pub(super) struct FlagFilter(String);

impl Value for FlagFilter {
    fn read(text: &str) -> Result<Self, String> {
        let flag = text.strip_prefix('!').unwrap_or(text);
        if flag.is_empty() {
            // Every entry is without it, and a shell variable that is not set would expunge all mail.
            return Err(format!("`{text}` names no flag; write one, such as `\\Seen` or `!\\Seen`"));
        }
        if flag.starts_with('\\') && Flags::system(flag).is_none() {
            let known: Vec<&str> = Flags::SYSTEM.iter().map(|(name, _)| *name).collect();
            return Err(unknown("flag", flag, &known));
        }
        Ok(Self(text.to_owned()))
    }

    fn schema() -> ObjectBuilder {
        String::schema()
    }
}

query! {
    /// The query of one entry.
    pub(super) struct EntryQuery {
        /// Whether the entry has `subject`, `from` and `captured`; default `false`.
        details: Option<bool>,
    }
}

/// Ranges of UIDs. `None` is `*`, the largest UID in use (RFC 9051 §9, `seq-number`).
pub(super) struct UidSet(Vec<(Option<u32>, Option<u32>)>);

impl Value for UidSet {
    fn read(text: &str) -> Result<Self, String> {
        let number = |text: &str| match text {
            "*" => Some(None),
            text => text.parse().ok().filter(|number| *number > 0).map(Some),
        };
        let range = |text: &str| match text.split_once(':') {
            Some((first, last)) => Some((number(first)?, number(last)?)),
            None => number(text).map(|number| (number, number)),
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Self).ok_or_else(|| format!("`{text}` is not a set of UIDs; write `7`, `1,4:6` or `9:*`"))
    }

    fn schema() -> ObjectBuilder {
        let range = "([0-9]+|\\*)(:([0-9]+|\\*))?";
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(format!("^{range}(,{range})*$")))
    }
}

impl EntryFilters {
    pub(super) fn accept(&self, mailbox: &Mailbox, entry: &Entry) -> bool {
        let largest = mailbox.entries().back().map_or(0, |entry| entry.uid);
        let is_in = |UidSet(ranges): &UidSet| {
            ranges.iter().any(|(first, last)| {
                let (first, last) = (first.unwrap_or(largest), last.unwrap_or(largest));
                (first.min(last)..=first.max(last)).contains(&entry.uid)
            })
        };
        let has = |flag: &str| entry.flags.names(&mailbox.keywords).any(|its| its.eq_ignore_ascii_case(flag));
        let fits = |FlagFilter(text): &FlagFilter| match text.strip_prefix('!') {
            Some(flag) => !has(flag),
            None => has(text),
        };
        self.uid.as_ref().is_none_or(is_in) && self.flag.iter().all(fits)
    }
}

/// Change the flags of all entries that match.
#[utoipa::path(patch, path = "/accounts/{login}/mailboxes/{mailbox}/entries", params(MailboxPath, EntryFilters), request_body = FlagsJson, responses(
    (status = 200, description = "The entries that matched, with their new flags.", body = EntryList),
    (status = 404, description = "There is no such mailbox."),
    (status = 422, description = "A flag is not valid, or the mailbox has too many keywords."),
))]
pub(super) async fn flag_all(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
    filters: EntryFilters,
    JsonBody(flags): JsonBody<FlagsJson>,
) -> Result<Json<EntryList>, Problem> {
    let change = flags.change()?;
    let entries = server.engine().update(|world, now| {
        let place = world.find_mailbox(&login, &name)?;
        let uids = world.change_flags(place, |mailbox, entry| filters.accept(mailbox, entry), &change, now)?;
        let mailbox = world.mail.accounts.mailbox(place);
        let entry = |uid: &u32| mailbox.and_then(|mailbox| Some(EntryJson::of(mailbox, mailbox.entry(*uid)?)));
        Ok(uids.iter().filter_map(entry).collect())
    });
    Ok(Json(EntryList { entries: entries.map_err(refused)? }))
}

/// Expunge all entries that match; without filters, all.
#[utoipa::path(delete, path = "/accounts/{login}/mailboxes/{mailbox}/entries", params(MailboxPath, EntryFilters), responses(
    (status = 200, description = "The UIDs of the expunged entries.", body = Expunged),
    (status = 404, description = "There is no such mailbox."),
))]
pub(super) async fn expunge_all(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
    filters: EntryFilters,
    _: NoBody,
) -> Result<Json<Expunged>, Problem> {
    let uids = server.engine().update(|world, now| {
        let place = world.find_mailbox(&login, &name)?;
        Ok(world.expunge(place, |mailbox, entry| filters.accept(mailbox, entry), now))
    });
    Ok(Json(Expunged { uids: uids.map_err(refused)? }))
}

/// Get one entry.
#[utoipa::path(get, path = "/accounts/{login}/mailboxes/{mailbox}/{uid}", params(EntryPath, EntryQuery), responses(
    (status = 200, description = "The entry.", body = EntryJson),
    (status = 404, description = "There is no such entry."),
))]
pub(super) async fn one(
    Target(server): Target,
    Path(EntryPath { login, mailbox: name, uid }): Path<EntryPath>,
    EntryQuery { details }: EntryQuery,
) -> Result<Json<EntryJson>, Problem> {
    let uid = number(&uid)?;
    let found = server.engine().read(|world| {
        let (mailbox, entry) = entry(world, &login, &name, uid)?;
        let details = (details == Some(true)).then_some(&world.journal);
        Ok::<_, Problem>(FoundEntry::of(mailbox, entry, details))
    })?;
    Ok(Json(found.described()))
}

/// Get the bytes of an entry's message.
#[utoipa::path(get, path = "/accounts/{login}/mailboxes/{mailbox}/{uid}/raw", params(EntryPath), responses(
    (status = 200, description = "The bytes of its message.", body = String, content_type = "message/rfc822"),
    (status = 404, description = "There is no such entry."),
))]
pub(super) async fn raw(Target(server): Target, Path(path): Path<EntryPath>, _: NoParams) -> Result<Response, Problem> {
    let raw = message(&server, &path)?.raw().clone();
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], Body::from(raw)).into_response())
}

/// Get the plain text of an entry's message, decoded.
#[utoipa::path(get, path = "/accounts/{login}/mailboxes/{mailbox}/{uid}/text", params(EntryPath), responses(
    (status = 200, description = "The text.", body = String),
    (status = 404, description = "There is no such entry."),
))]
pub(super) async fn text(
    Target(server): Target,
    Path(path): Path<EntryPath>,
    _: NoParams,
) -> Result<Response, Problem> {
    let message = message(&server, &path)?;
    run_blocking(move || message.text().into_response()).await
}

/// Change the flags of one entry.
#[utoipa::path(patch, path = "/accounts/{login}/mailboxes/{mailbox}/{uid}", params(EntryPath), request_body = FlagsJson, responses(
    (status = 200, description = "The entry with its new flags.", body = EntryJson),
    (status = 404, description = "There is no such entry."),
    (status = 422, description = "A flag is not valid, or the mailbox has too many keywords."),
))]
pub(super) async fn flag(
    Target(server): Target,
    Path(EntryPath { login, mailbox: name, uid }): Path<EntryPath>,
    _: NoParams,
    JsonBody(flags): JsonBody<FlagsJson>,
) -> Result<Json<EntryJson>, Problem> {
    let (uid, change) = (number(&uid)?, flags.change()?);
    let entry = server.engine().update(|world, now| {
        let place = world.find_mailbox(&login, &name)?;
        world.change_flags(place, |_, entry| entry.uid == uid, &change, now)?;
        let entry = world.mail.accounts.mailbox(place).and_then(|its| Some(EntryJson::of(its, its.entry(uid)?)));
        entry.ok_or(NotChanged::NoEntry(uid))
    });
    entry.map(Json).map_err(refused)
}

/// Expunge one entry.
#[utoipa::path(delete, path = "/accounts/{login}/mailboxes/{mailbox}/{uid}", params(EntryPath), responses(
    (status = 204, description = "The entry is expunged."),
    (status = 404, description = "There is no such entry."),
))]
pub(super) async fn expunge(
    Target(server): Target,
    Path(EntryPath { login, mailbox: name, uid }): Path<EntryPath>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    let uid = number(&uid)?;
    let expunged = server.engine().update(|world, now| {
        let place = world.find_mailbox(&login, &name)?;
        let uids = world.expunge(place, |_, entry| entry.uid == uid, now);
        uids.first().map(|_| ()).ok_or(NotChanged::NoEntry(uid))
    });
    expunged.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}

/// The message of an entry. Its octets are shared, so nothing is copied under the lock.
fn message(server: &Server, path: &EntryPath) -> Result<Message, Problem> {
    let uid = number(&path.uid)?;
    server.engine().read(|world| entry(world, &path.login, &path.mailbox, uid).map(|(_, entry)| entry.message.clone()))
}

fn entry<'w>(world: &'w World, login: &str, name: &str, uid: u32) -> Result<(&'w Mailbox, &'w Entry), Problem> {
    let Some(mailbox) = mailbox(world, login, name) else {
        let detail = format!("{login} has no mailbox {name}; write a `/` in the name of a mailbox as `%2F`");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    mailbox.entry(uid).map(|entry| (mailbox, entry)).ok_or_else(|| refused(NotChanged::NoEntry(uid)))
}

impl FlagsJson {
    fn change(self) -> Result<FlagChange, Problem> {
        let Self { set, add, remove } = self;
        if set.is_none() && add.is_empty() && remove.is_empty() {
            return Err(Problem::field(
                "body",
                r#"write flags into `set`, `add` or `remove`, as in {"add": ["\\Seen"]}"#,
            ));
        }
        Ok(FlagChange { set, add, remove })
    }
}

fn number(uid: &str) -> Result<u32, Problem> {
    uid.parse().map_err(|_| Problem::field("uid", format!("`{uid}` is not a UID; write `1`")))
}

pub(super) fn no_mailbox(login: &str, name: &str) -> Problem {
    Problem::none("mailbox", &format!("{name} of {login}"))
}
