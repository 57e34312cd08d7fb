//! `/v1/messages/{m}/entries`: the mailboxes that have a message.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::message::find;
use super::params::{NoParams, Path};
use super::problem::Problem;
use super::target::Target;
use crate::base::MessageNo;
use crate::world::World;

/// Where a message is.
#[derive(Serialize, ToSchema)]
pub(super) struct PlaceJson {
    /// The login of the account.
    account: String,
    mailbox: String,
    uid: u32,
}

/// List the entries of a message in mailboxes.
///
/// A message without entries was not delivered to a mailbox, or clients have expunged it from all of them.
#[utoipa::path(get, path = "/messages/{m}/entries", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")), responses(
    (status = 200, description = "The entries, by account and mailbox.", body = Vec<PlaceJson>), (status = 404, description = "There is no such message."),
))]
pub(super) async fn entries(
    Target(server): Target,
    Path(m): Path<String>,
    _: NoParams,
) -> Result<Json<Vec<PlaceJson>>, Problem> {
    let no = find(&server, &m)?.message.no();
    Ok(Json(server.engine().read(|world| places(world, no))))
}

fn places(world: &World, no: MessageNo) -> Vec<PlaceJson> {
    let mailboxes = world
        .mail
        .accounts
        .iter()
        .flat_map(|(_, account)| account.mailboxes().iter().map(|mailbox| (&account.login, mailbox)));
    let places = mailboxes.flat_map(|(login, mailbox)| {
        let entries = mailbox.entries().iter().filter(|entry| entry.message.no() == no);
        entries.map(|entry| PlaceJson { account: login.to_string(), mailbox: mailbox.name.to_string(), uid: entry.uid })
    });
    places.collect()
}
