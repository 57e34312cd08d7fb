//! `/v1/accounts`: accounts, mailboxes and their entries, and putting messages into mailboxes.

use axum::Json;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::{MessageBody, octets};
use super::params::{NoParams, Params, Path};
use super::problem::Problem;
use super::target::Target;
use crate::base::{MessageNo, Timestamp};
use crate::mail::{Account, Entry, Flags, Mailbox, SpecialUse};
use crate::protocol::InvalidMailbox;
use crate::world::{Draft, World};

#[derive(Serialize)]
struct AccountJson {
    login: Box<str>,
    mailboxes: Vec<MailboxJson>,
    subscriptions: Vec<Box<str>>,
}

#[derive(Serialize)]
struct MailboxJson {
    name: Box<str>,
    special_use: Option<&'static str>,
    uid_validity: u32,
    uid_next: u32,
    highest_modseq: u64,
    entries: usize,
    unseen: usize,
}

#[derive(Serialize)]
struct EntryJson {
    uid: u32,
    flags: Vec<String>,
    date: Timestamp,
    modseq: u64,
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

/// A message to put into a mailbox.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Put {
    raw: Option<String>,
    raw_base64: Option<String>,
    #[serde(default)]
    flags: Vec<Box<str>>,
    date: Option<String>,
}

pub(super) async fn list(Target(server): Target, _: NoParams) -> Json<Value> {
    let accounts: Vec<AccountJson> =
        server.engine().read(|world| world.mail.accounts.iter().map(|(_, account)| account.into()).collect());
    Json(json!({ "accounts": accounts }))
}

pub(super) async fn one(
    Target(server): Target,
    Path(login): Path<String>,
    _: NoParams,
) -> Result<Json<Value>, Problem> {
    let account = server.engine().read(|world| account(world, &login).map(AccountJson::from));
    account.map(|account| Json(json!(account))).ok_or_else(|| Problem::none("account", &login))
}

pub(super) async fn entries(
    Target(server): Target,
    Path((login, name)): Path<(String, String)>,
    _: NoParams,
) -> Result<Json<Value>, Problem> {
    let entries: Option<Vec<EntryJson>> = server.engine().read(|world| {
        let mailbox = mailbox(world, &login, &name)?;
        Some(mailbox.entries().iter().map(|entry| EntryJson::of(mailbox, entry)).collect())
    });
    let entries = entries.ok_or_else(|| Problem::none("mailbox", &format!("{name} of {login}")))?;
    Ok(Json(json!({ "entries": entries })))
}

/// The octets of an entry's message.
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

/// Puts a message into a mailbox, which is created if it does not exist. The body is JSON, or the message itself with
/// its flags and date in the query.
pub(super) async fn put(
    Target(server): Target,
    Path((login, name)): Path<(String, String)>,
    mut params: Params,
    body: MessageBody<Put>,
) -> Result<Response, Problem> {
    let (raw, flags, date) = match body {
        MessageBody::Message(raw) => {
            let flags = params.take_all("flag").into_iter().map(Box::from).collect();
            (raw, flags, params.take("date")?)
        }
        MessageBody::Json(put) => (octets(put.raw, put.raw_base64)?, put.flags, put.date),
    };
    params.finish()?;
    let date = date.map(|date| timestamp(&date)).transpose()?;
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
    Ok((StatusCode::CREATED, Json(json!(entry))).into_response())
}

fn timestamp(text: &str) -> Result<Timestamp, Problem> {
    let wrong =
        || Problem::field("date", format!("`{text}` is not a date and time; write it as `2026-01-01T12:00:00Z`"));
    Timestamp::parse(text).ok_or_else(wrong)
}

fn account<'w>(world: &'w World, login: &str) -> Option<&'w Account> {
    let accounts = &world.mail.accounts;
    accounts.account(accounts.find(login)?)
}

fn mailbox<'w>(world: &'w World, login: &str, name: &str) -> Option<&'w Mailbox> {
    account(world, login)?.named(&world.mail.accounts.namespace().canonical(name))
}
