//! `/v1/accounts`: accounts, and putting messages into their mailboxes.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::body::{JsonBody, MessageBody, NoBody, octets};
use super::entry_json::EntryJson;
use super::mailbox_path::MailboxPath;
use super::params::{NoParams, Path, Value, query};
use super::problem::Problem;
use super::target::Target;
use crate::base::{Timestamp, is_identifier, same_login};
use crate::mail::{Account, Accounts, Flags, Mailbox, Member, SpecialUse};
use crate::protocol::InvalidMailbox;
use crate::sasl::is_bearer_token;
use crate::world::{Draft, NotChanged, World};

#[derive(Serialize, ToSchema)]
pub(super) struct AccountJson {
    #[schema(value_type = String)]
    login: Box<str>,
    /// Further addresses whose mail it gets.
    #[schema(value_type = Vec<String>)]
    addresses: Vec<Box<str>>,
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

impl AccountJson {
    fn of(account: &Account, accounts: &Accounts) -> Self {
        Self {
            login: account.login.clone(),
            addresses: accounts.member(&account.login).map(|member| member.addresses.clone()).unwrap_or_default(),
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

#[derive(Serialize, ToSchema)]
pub(super) struct AccountList {
    accounts: Vec<AccountJson>,
    /// The character between the levels of a mailbox name.
    delimiter: char,
}

/// An account to make or change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    /// The password that its login needs. Without one, the login succeeds with any password, if the server accepts
    /// every login.
    #[schema(value_type = Option<String>)]
    password: Option<Box<str>>,
    /// The access tokens with which it may log in instead; they need a `password`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    tokens: Vec<Box<str>>,
    /// Further addresses whose mail it gets; they need a `password`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    addresses: Vec<Box<str>>,
}

/// How many entries were expunged.
#[derive(Serialize, ToSchema)]
pub(super) struct Cleared {
    entries: usize,
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

/// Why a text cannot be an access token.
pub(super) fn not_a_token(text: &str) -> String {
    format!("{text:?} is not an access token: RFC 6750 allows ASCII letters, digits and - . _ ~ + /, with = at the end")
}

/// The routes of accounts.
pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one, make, delete)).routes(routes!(clear))
}

/// List the accounts with their mailboxes.
#[utoipa::path(get, path = "/accounts", responses((status = 200, description = "The accounts.", body = AccountList)))]
async fn list(Target(server): Target, _: NoParams) -> Json<AccountList> {
    let list = |world: &World| {
        let accounts = &world.mail.accounts;
        let list = accounts.iter().map(|(_, account)| AccountJson::of(account, accounts)).collect();
        AccountList { accounts: list, delimiter: accounts.namespace().delimiter }
    };
    Json(server.engine().read(list))
}

/// Get one account with its mailboxes.
#[utoipa::path(get, path = "/accounts/{login}", params(("login" = String, Path, description = "The login of the account.")), responses(
    (status = 200, description = "The account.", body = AccountJson),
    (status = 404, description = "There is no such account."),
))]
async fn one(Target(server): Target, Path(login): Path<String>, _: NoParams) -> Result<Json<AccountJson>, Problem> {
    let account = server.engine().read(|world| shown(world, &login));
    account.map(Json).ok_or_else(|| Problem::none("account", &login))
}

/// Make an account, or change its password, tokens and addresses.
///
/// If the server accepts every login, that stays so for other logins.
#[utoipa::path(put, path = "/accounts/{login}", params(("login" = String, Path, description = "The login of the account.")),
    request_body = Option<NewAccount>, responses(
    (status = 200, description = "The account existed before.", body = AccountJson),
    (status = 201, description = "The new account.", body = AccountJson),
    (status = 409, description = "Another account has this login or one of the addresses."),
    (status = 422, description = "The login, a token or an address is not valid, or the list of accounts is closed and there is no password."),
))]
async fn make(
    Target(server): Target,
    Path(login): Path<String>,
    _: NoParams,
    JsonBody(new): JsonBody<NewAccount>,
) -> Result<Response, Problem> {
    let NewAccount { password, tokens, addresses } = new;
    for (field, values) in [("tokens", &tokens), ("addresses", &addresses)] {
        if password.is_none() && !values.is_empty() {
            return Err(Problem::field("password", format!("an account with `{field}` needs a `password`")));
        }
    }
    if let Some(wrong) = tokens.iter().find(|token| !is_bearer_token(token)) {
        return Err(Problem::field("tokens", not_a_token(wrong)).status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    if let Some(wrong) = addresses.iter().find(|address| !is_identifier(address)) {
        let detail = format!("{wrong:?} is not a valid address: it must not be empty or contain control characters");
        return Err(Problem::field("addresses", detail).status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    let member = password.map(|password| Member { login: login.as_str().into(), password, tokens, addresses });
    let (account, is_new) = server.engine().update(|world, now| {
        let conflict = member.as_ref().and_then(|member| member.conflict(world.mail.accounts.members()));
        if let Some((address, other)) = conflict {
            let detail = format!("`{address}` belongs to the account `{other}`");
            let field = if same_login(address, &login) { "login" } else { "addresses" };
            return Err(Problem::field(field, detail).status(StatusCode::CONFLICT));
        }
        let is_new = world.make_account(&login, member, now).map_err(|why| match why {
            NotChanged::Invalid(InvalidMailbox::Stranger) => {
                let detail = "the list of accounts is closed; give the account a `password`";
                Problem::field("password", detail).status(StatusCode::UNPROCESSABLE_ENTITY)
            }
            why @ (NotChanged::Invalid(_)
            | NotChanged::NoAccount(_)
            | NotChanged::NoMailbox(_)
            | NotChanged::NoEntry(_)
            | NotChanged::Taken(_)
            | NotChanged::Below
            | NotChanged::Inbox) => refused(why),
        })?;
        Ok::<_, Problem>((shown(world, &login), is_new))
    })?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(account)).into_response())
}

/// Delete an account with its mail, and end its sessions with 421, BYE or -ERR.
///
/// If the server accepts every login, the next login or message creates it again.
#[utoipa::path(delete, path = "/accounts/{login}", params(("login" = String, Path, description = "The login of the account.")), responses(
    (status = 204, description = "The account is deleted."),
    (status = 404, description = "There is no such account."),
))]
async fn delete(
    Target(server): Target,
    Path(login): Path<String>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    match server.delete_account(&login) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::none("account", &login)),
    }
}

/// Expunge all mail of an account. Its mailboxes stay, and captured messages too.
#[utoipa::path(delete, path = "/accounts/{login}/entries", params(("login" = String, Path, description = "The login of the account.")), responses(
    (status = 200, description = "The number of entries.", body = Cleared),
    (status = 404, description = "There is no such account."),
))]
async fn clear(
    Target(server): Target,
    Path(login): Path<String>,
    _: NoParams,
    _: NoBody,
) -> Result<Json<Cleared>, Problem> {
    let entries = server.engine().update(|world, now| world.clear_account(&login, now)).map_err(refused)?;
    Ok(Json(Cleared { entries }))
}

/// Put a message into a mailbox, which is created if it does not exist.
///
/// The body is JSON, or the message itself with its flags and date in the query.
#[utoipa::path(post, path = "/accounts/{login}/mailboxes/{mailbox}", params(MailboxPath, PutQuery), request_body(content((Put = "application/json"), (String = "message/rfc822"))), responses(
    (status = 201, description = "The entry.", body = EntryJson),
    (status = 422, description = "The name of the mailbox or a flag is not valid."),
))]
pub(super) async fn put(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
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
    let entry = entry.map_err(|unfit| refused(NotChanged::Invalid(unfit)))?;
    Ok((StatusCode::CREATED, Json(entry)).into_response())
}

/// Why a change was refused, with the status that fits.
pub(super) fn refused(why: NotChanged) -> Problem {
    let detail = why.to_string();
    let (status, field) = match why {
        NotChanged::NoAccount(_) | NotChanged::NoMailbox(_) | NotChanged::NoEntry(_) => (StatusCode::NOT_FOUND, None),
        NotChanged::Taken(_) | NotChanged::Below | NotChanged::Inbox => (StatusCode::CONFLICT, Some("path")),
        NotChanged::Invalid(InvalidMailbox::Flag(_) | InvalidMailbox::Keywords) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Some("flags"))
        }
        NotChanged::Invalid(InvalidMailbox::Stranger | InvalidMailbox::Login | InvalidMailbox::Name(_)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Some("path"))
        }
    };
    match field {
        Some(field) => Problem::field(field, detail).status(status),
        None => Problem::new(status, detail),
    }
}

fn shown(world: &World, login: &str) -> Option<AccountJson> {
    account(world, login).map(|account| AccountJson::of(account, &world.mail.accounts))
}

fn account<'w>(world: &'w World, login: &str) -> Option<&'w Account> {
    let accounts = &world.mail.accounts;
    accounts.account(accounts.find(login)?)
}

pub(super) fn mailbox<'w>(world: &'w World, login: &str, name: &str) -> Option<&'w Mailbox> {
    account(world, login)?.named(&world.mail.accounts.namespace().canonical(name))
}
