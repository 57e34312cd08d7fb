//! `/v1/accounts/{login}/mailboxes/{mailbox}` and subscriptions: changes of mailboxes while clients are connected.

use std::num::NonZeroU32;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::accounts::{MailboxJson, refused};
use super::body::{JsonBody, NoBody};
use super::mailbox_path::MailboxPath;
use super::params::{NoParams, Path};
use super::problem::Problem;
use super::target::Target;
use crate::mail::{MailboxId, SpecialUse};
use crate::server::Server;
use crate::world::{NotChanged, UidChange, World};

/// A mailbox to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMailbox {
    /// Such as `\Sent` (RFC 6154). By default, a customary name such as `Sent` decides.
    special_use: Option<String>,
}

/// A change of a mailbox.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MailboxChange {
    /// The new name. The mailboxes below it are renamed too.
    name: Option<String>,
    /// Such as `\Sent` (RFC 6154); `null` removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    special_use: Option<Option<String>>,
}

/// A change of UIDVALIDITY.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UidValidityChange {
    /// The new UIDVALIDITY; default: one more than now.
    #[schema(value_type = Option<usize>, minimum = 1, maximum = 4294967295_u64)]
    uid_validity: Option<NonZeroU32>,
    /// Whether UIDs are assigned from 1 again, and in which order; default: they stay.
    renumber: Option<Order>,
}

/// An order in which UIDs are assigned.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// The order of the entries.
    Forward,
    /// The last entry gets UID 1.
    Reverse,
}

/// Deserializes a member that is present, even if it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// Create a mailbox, and its account, if they do not exist.
#[utoipa::path(put, path = "/accounts/{login}/mailboxes/{mailbox}", params(MailboxPath), request_body = Option<NewMailbox>, responses(
    (status = 200, description = "The mailbox existed before.", body = MailboxJson),
    (status = 201, description = "The new mailbox.", body = MailboxJson),
    (status = 422, description = "The name or the login is not possible."),
))]
pub(super) async fn create(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
    _: NoParams,
    JsonBody(new): JsonBody<NewMailbox>,
) -> Result<Response, Problem> {
    let special_use = new.special_use.map(|name| special_use(&name)).transpose()?;
    let (mailbox, is_new) = server.engine().update(|world, now| {
        let (place, is_new) = world.create_mailbox((&login, &name), special_use, now).map_err(refused)?;
        Ok::<_, Problem>((shown(world, place)?, is_new))
    })?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(mailbox)).into_response())
}

/// Rename a mailbox, or change its special use.
#[utoipa::path(patch, path = "/accounts/{login}/mailboxes/{mailbox}", params(MailboxPath), request_body = Option<MailboxChange>, responses(
    (status = 200, description = "The mailbox.", body = MailboxJson),
    (status = 404, description = "There is no such mailbox."),
    (status = 409, description = "The new name is taken or below the old one, or the mailbox is INBOX."),
    (status = 422, description = "The new name is not possible."),
))]
pub(super) async fn change(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
    _: NoParams,
    JsonBody(change): JsonBody<MailboxChange>,
) -> Result<Json<MailboxJson>, Problem> {
    let special_use = change.special_use.map(|name| name.map(|name| special_use(&name)).transpose()).transpose()?;
    let mailbox = server.engine().update(|world, now| {
        let place = world.find_mailbox(&login, &name).map_err(refused)?;
        if let Some(to) = &change.name {
            world.rename_mailbox(&login, (&name, to), now).map_err(|why| match why {
                NotChanged::Taken(_) | NotChanged::Below | NotChanged::Invalid(_) => refused(why).of("name"),
                NotChanged::NoAccount(_) | NotChanged::NoMailbox(_) | NotChanged::NoEntry(_) | NotChanged::Inbox => {
                    refused(why)
                }
            })?;
        }
        if let Some(special_use) = special_use {
            world.set_special_use(place, special_use, now);
        }
        shown(world, place)
    })?;
    Ok(Json(mailbox))
}

/// Delete a mailbox with its entries. Clients that have selected it get BYE.
#[utoipa::path(delete, path = "/accounts/{login}/mailboxes/{mailbox}", params(MailboxPath), responses(
    (status = 204, description = "The mailbox is deleted."),
    (status = 404, description = "There is no such mailbox."),
    (status = 409, description = "INBOX cannot be deleted."),
))]
pub(super) async fn delete(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    server.engine().update(|world, now| world.delete_mailbox(&login, &name, now)).map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change the UIDVALIDITY of a mailbox, as a server does that has lost its UIDs.
///
/// IMAP clients that have selected the mailbox get BYE (RFC 3501 §2.3.1.1); a POP3 session goes on, and removes nothing at
/// QUIT.
#[utoipa::path(put, path = "/accounts/{login}/mailboxes/{mailbox}/uidvalidity", params(MailboxPath), request_body = Option<UidValidityChange>, responses(
    (status = 200, description = "The mailbox.", body = MailboxJson),
    (status = 404, description = "There is no such mailbox."),
))]
pub(super) async fn change_uid_validity(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
    _: NoParams,
    JsonBody(change): JsonBody<UidValidityChange>,
) -> Result<Json<MailboxJson>, Problem> {
    let reversed = change.renumber.map(|order| match order {
        Order::Forward => false,
        Order::Reverse => true,
    });
    let change = UidChange { uid_validity: change.uid_validity.map(NonZeroU32::get), reversed };
    let mailbox = server.engine().update(|world, now| {
        let place = world.find_mailbox(&login, &name).map_err(refused)?;
        world.change_uids(place, change, now);
        shown(world, place)
    })?;
    Ok(Json(mailbox))
}

/// Subscribe an account to a name, whether there is such a mailbox or not.
#[utoipa::path(put, path = "/accounts/{login}/subscriptions/{mailbox}", params(MailboxPath), responses(
    (status = 204, description = "The account is subscribed to the name."),
    (status = 422, description = "The name or the login is not possible."),
))]
pub(super) async fn subscribe(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    set_subscribed(&server, &login, &name, true)
}

/// Unsubscribe an account from a name.
#[utoipa::path(delete, path = "/accounts/{login}/subscriptions/{mailbox}", params(MailboxPath), responses(
    (status = 204, description = "The account is not subscribed to the name."),
    (status = 422, description = "The name or the login is not possible."),
))]
pub(super) async fn unsubscribe(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    set_subscribed(&server, &login, &name, false)
}

fn set_subscribed(server: &Server, login: &str, name: &str, subscribed: bool) -> Result<StatusCode, Problem> {
    server.engine().update(|world, now| world.subscribe(login, name, subscribed, now)).map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn special_use(name: &str) -> Result<SpecialUse, Problem> {
    let unknown = || format!("`{name}` is not a special use; there are {}", SpecialUse::names());
    SpecialUse::parse(name).ok_or_else(|| Problem::field("special_use", unknown()))
}

fn shown(world: &World, place: MailboxId) -> Result<MailboxJson, Problem> {
    world.mail.accounts.mailbox(place).map(MailboxJson::from).ok_or_else(Problem::bug)
}
