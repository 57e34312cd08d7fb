//! `/v1/accounts`: who has mail, and in which mailboxes.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};

use super::Shared;
use super::params::{NoParams, Path};
use super::problem::Problem;
use crate::base::{MessageNo, Timestamp};

#[derive(Serialize)]
struct AccountJson {
    login: Box<str>,
    mailboxes: Vec<MailboxJson>,
}

#[derive(Serialize)]
struct MailboxJson {
    name: Box<str>,
    uid_validity: u32,
    uid_next: u32,
    entries: usize,
}

#[derive(Serialize)]
struct EntryJson {
    uid: u32,
    modseq: u64,
    received: Timestamp,
    message: MessageNo,
}

pub(super) async fn list(State(server): Shared, _: NoParams) -> Json<Value> {
    let accounts: Vec<AccountJson> = server.engine().look(|world| {
        let accounts = world.mail.accounts.iter().map(|(_, account)| AccountJson {
            login: account.login.clone(),
            mailboxes: account
                .mailboxes
                .iter()
                .map(|mailbox| MailboxJson {
                    name: mailbox.name.clone(),
                    uid_validity: mailbox.uid_validity,
                    uid_next: mailbox.uid_next,
                    entries: mailbox.entries().len(),
                })
                .collect(),
        });
        accounts.collect()
    });
    Json(json!({ "accounts": accounts }))
}

pub(super) async fn entries(
    State(server): Shared,
    Path((login, name)): Path<(String, String)>,
    _: NoParams,
) -> Result<Json<Value>, Problem> {
    let entries: Option<Vec<EntryJson>> = server.engine().look(|world| {
        let account = world.mail.accounts.account(world.mail.accounts.find(&login)?)?;
        let mailbox = account.named(&name)?;
        let entries = mailbox.entries().iter().map(|entry| EntryJson {
            uid: entry.uid,
            modseq: entry.modseq,
            received: entry.date.at,
            message: entry.message.no(),
        });
        Some(entries.collect())
    });
    let entries = entries.ok_or_else(|| Problem::none("mailbox", &format!("{name} of {login}")))?;
    Ok(Json(json!({ "entries": entries })))
}
