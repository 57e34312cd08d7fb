//! `/v1/accounts`: accounts, mailboxes and their entries, and putting messages into mailboxes.

use axum::Json;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{MessageBody, octets};
use super::params::{NoParams, Path, Value, query};
use super::problem::Problem;
use super::target::Target;
use crate::base::{MessageNo, Timestamp};
use crate::mail::{Account, Entry, Flags, Mailbox, SpecialUse};
use crate::protocol::InvalidMailbox;
use crate::world::{Draft, World};

#[derive(Serialize, ToSchema)]
pub(super) struct AccountJson {
    #[schema(value_type = String)]
    login: Box<str>,
    mailboxes: Vec<MailboxJson>,
    /// The names of the mailboxes that it has subscribed to.
    #[schema(value_type = Vec<String>)]
    subscriptions: Vec<Box<str>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct MailboxJson {
    #[schema(value_type = String)]
    name: Box<str>,
    /// Such as `\Sent` (RFC 6154).
    #[schema(value_type = Option<String>)]
    special_use: Option<&'static str>,
    uid_validity: u32,
    uid_next: u32,
    highest_modseq: u64,
    entries: usize,
    unseen: usize,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EntryJson {
    uid: u32,
    flags: Vec<String>,
    /// The internal date (RFC 3501 §2.3.3).
    #[schema(value_type = String, format = DateTime)]
    date: Timestamp,
    modseq: u64,
    /// The message, such as `m1`.
    #[schema(value_type = String)]
    message: MessageNo,
    size: usize,
}

impl From<&Account> for AccountJson {
    fn from(account: &Account) -> Self {
        Self {
            login: account.login.clone(),
            mailboxes: account.mailboxes().iter().map(MailboxJson::from).collect(),
            subscriptions: account.subscriptions.iter().map(|name| (&**name).into()).collect(),
        }
    }
}

impl From<&Mailbox> for MailboxJson {
    fn from(mailbox: &Mailbox) -> Self {
        let unseen = mailbox.entries().iter().filter(|entry| !entry.flags.contains(Flags::SEEN));
        Self {
            name: (&*mailbox.name).into(),
            special_use: mailbox.special_use.map(SpecialUse::attribute),
            uid_validity: mailbox.uid_validity,
            uid_next: mailbox.uid_next,
            highest_modseq: mailbox.highest_modseq,
            entries: mailbox.entries().len(),
            unseen: unseen.count(),
        }
    }
}

impl EntryJson {
    fn of(mailbox: &Mailbox, entry: &Entry) -> Self {
        Self {
            uid: entry.uid,
            flags: entry.flags.names(&mailbox.keywords).map(str::to_owned).collect(),
            date: entry.date.at,
            modseq: entry.modseq,
            message: entry.message.no(),
            size: entry.message.raw().len(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct AccountList {
    accounts: Vec<AccountJson>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EntryList {
    entries: Vec<EntryJson>,
}

query! {
    /// The query with which a message is put into a mailbox as it is.
    pub(super) struct PutQuery {
        /// A flag such as `\Seen`.
        flag: Vec<String>,
        /// The internal date; default: now.
        date: Option<Timestamp>,
    }
}

/// A message to put into a mailbox, in `raw` or `raw_base64`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Put {
    raw: Option<String>,
    raw_base64: Option<String>,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    flags: Vec<Box<str>>,
    /// The internal date; default: now.
    #[schema(format = DateTime)]
    date: Option<String>,
}

/// List the accounts with their mailboxes.
#[utoipa::path(get, path = "/accounts", responses((status = 200, description = "The accounts.", body = AccountList)))]
pub(super) async fn list(Target(server): Target, _: NoParams) -> Json<AccountList> {
    let list = |world: &World| world.mail.accounts.iter().map(|(_, account)| account.into()).collect();
    Json(AccountList { accounts: server.engine().read(list) })
}

/// Get one account with its mailboxes.
#[utoipa::path(get, path = "/accounts/{login}", params(("login" = String, Path, description = "The login of the account.")), responses(
    (status = 200, description = "The account.", body = AccountJson),
    (status = 404, description = "There is no such account."),
))]
pub(super) async fn one(
    Target(server): Target,
    Path(login): Path<String>,
    _: NoParams,
) -> Result<Json<AccountJson>, Problem> {
    let account = server.engine().read(|world| account(world, &login).map(AccountJson::from));
    account.map(Json).ok_or_else(|| Problem::none("account", &login))
}

/// List the entries of a mailbox.
#[utoipa::path(get, path = "/accounts/{login}/mailboxes/{mailbox}", params(
    ("login" = String, Path, description = "The login of the account."),
    ("mailbox" = String, Path, description = "The name of the mailbox, with `%2F` for a `/`."),
), responses(
    (status = 200, description = "The entries, in the order of their UIDs.", body = EntryList),
    (status = 404, description = "There is no such mailbox."),
))]
pub(super) async fn entries(
    Target(server): Target,
    Path((login, name)): Path<(String, String)>,
    _: NoParams,
) -> Result<Json<EntryList>, Problem> {
    let entries: Option<Vec<EntryJson>> = server.engine().read(|world| {
        let mailbox = mailbox(world, &login, &name)?;
        Some(mailbox.entries().iter().map(|entry| EntryJson::of(mailbox, entry)).collect())
    });
    let entries = entries.ok_or_else(|| Problem::none("mailbox", &format!("{name} of {login}")))?;
    Ok(Json(EntryList { entries }))
}

/// Get the bytes of an entry's message.
#[utoipa::path(get, path = "/accounts/{login}/mailboxes/{mailbox}/{uid}/raw", params(
    ("login" = String, Path, description = "The login of the account."),
    ("mailbox" = String, Path, description = "The name of the mailbox, with `%2F` for a `/`."),
    ("uid" = u32, Path, description = "The UID of the entry."),
), responses(
    (status = 200, description = "The bytes of its message.", body = String, content_type = "message/rfc822"),
    (status = 404, description = "There is no such entry."),
))]
pub(super) async fn raw(
    Target(server): Target,
    Path((login, name, uid)): Path<(String, String, String)>,
    _: NoParams,
) -> Result<Response, Problem> {
    let number: u32 = uid.parse().map_err(|_| Problem::field("uid", format!("`{uid}` is not a UID; write `1`")))?;
    let message = server
        .engine()
        .read(|world| mailbox(world, &login, &name)?.entry(number).map(|entry| entry.message.raw().clone()));
    let raw = message.ok_or_else(|| Problem::none("entry", &format!("{uid} of {name} of {login}")))?;
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], Body::from(raw)).into_response())
}

/// Put a message into a mailbox, which is created if it does not exist.
///
/// The body is JSON, or the message itself with its flags and date in the query.
#[utoipa::path(post, path = "/accounts/{login}/mailboxes/{mailbox}", params(
    ("login" = String, Path, description = "The login of the account."),
    ("mailbox" = String, Path, description = "The name of the mailbox, with `%2F` for a `/`."),
    PutQuery,
), request_body(content((Put = "application/json"), (String = "message/rfc822"))), responses(
    (status = 201, description = "The entry.", body = EntryJson),
    (status = 422, description = "The name of the mailbox or a flag is not valid."),
))]
pub(super) async fn put(
    Target(server): Target,
    Path((login, name)): Path<(String, String)>,
    query: PutQuery,
    body: MessageBody<Put>,
) -> Result<Response, Problem> {
    let (raw, flags, date) = match body {
        MessageBody::Message(raw) => (raw, query.flag.into_iter().map(Box::from).collect(), query.date),
        MessageBody::Json(put) => {
            if !query.flag.is_empty() || query.date.is_some() {
                let detail = "with a body of JSON, put `flags` and `date` into the body";
                return Err(Problem::field(if query.date.is_some() { "date" } else { "flag" }, detail));
            }
            let date = put.date.map(|date| Timestamp::read(&date)).transpose();
            let date = date.map_err(|wrong| Problem::field("date", wrong))?;
            (octets(put.raw, put.raw_base64)?, put.flags, date)
        }
    };
    let draft = Draft { raw, flags: flags.into(), date };
    let entry = server.engine().update(|world, now| {
        let (place, uid) = world.put(&login, &name, draft, now)?;
        let mailbox = world.mail.accounts.mailbox(place);
        Ok(mailbox.and_then(|mailbox| Some(EntryJson::of(mailbox, mailbox.entry(uid)?))))
    });
    let entry = entry.map_err(|unfit: InvalidMailbox| {
        let field = if matches!(unfit, InvalidMailbox::Flag(_) | InvalidMailbox::Keywords) { "flags" } else { "path" };
        Problem::field(field, format!("{name} of {login}: {unfit}")).status(StatusCode::UNPROCESSABLE_ENTITY)
    })?;
    Ok((StatusCode::CREATED, Json(entry)).into_response())
}

fn account<'w>(world: &'w World, login: &str) -> Option<&'w Account> {
    let accounts = &world.mail.accounts;
    accounts.account(accounts.find(login)?)
}

fn mailbox<'w>(world: &'w World, login: &str, name: &str) -> Option<&'w Mailbox> {
    account(world, login)?.named(&world.mail.accounts.namespace().canonical(name))
}
