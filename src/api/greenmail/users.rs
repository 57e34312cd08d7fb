//! Accounts, which GreenMail calls users, and the messages in their mailboxes, which it calls folders.

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::super::blocking::run_blocking;
use super::super::params::Path;
use super::super::problem::Problem;
use super::super::target::Target;
use super::message;
use crate::base::{is_identifier, same_login};
use crate::mail::{INBOX, Member, Message};
use crate::world::World;

#[derive(Serialize)]
struct User {
    login: Box<str>,
    email: Box<str>,
}

#[derive(Deserialize)]
struct NewUser {
    email: Box<str>,
    login: Box<str>,
    password: Box<str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageInFolder {
    uid: String,
    #[serde(rename = "Message-ID")]
    message_id: Option<String>,
    subject: Option<String>,
    content_type: String,
    /// The message as it was received.
    mime_message: String,
}

impl User {
    /// The accounts on the list, and those that were opened by a login or a message.
    fn all(world: &World) -> Vec<Self> {
        let accounts = &world.mail.accounts;
        let listed: Vec<Self> = accounts.members().iter().map(Self::from).collect();
        let opened = accounts.iter().map(|(_, account)| &account.login);
        let opened = opened.filter(|login| !listed.iter().any(|user| same_login(&user.login, login)));
        let opened: Vec<Self> = opened.map(|login| Self { login: login.clone(), email: login.clone() }).collect();
        listed.into_iter().chain(opened).collect()
    }

    /// The user with this login or, if there is none, this address.
    fn find(world: &World, login_or_email: &str) -> Option<Self> {
        let mut users = Self::all(world);
        let is = |text: &str| same_login(text, login_or_email);
        let at =
            users.iter().position(|user| is(&user.login)).or_else(|| users.iter().position(|user| is(&user.email)));
        at.map(|at| users.swap_remove(at))
    }
}

impl From<&Member> for User {
    fn from(member: &Member) -> Self {
        let email = member.addresses.first().unwrap_or(&member.login);
        Self { login: member.login.clone(), email: email.clone() }
    }
}

pub(super) async fn list(Target(server): Target) -> Response {
    Json(server.engine().read(User::all)).into_response()
}

/// Adds an account to the list.
pub(super) async fn create(Target(server): Target, body: Bytes) -> Response {
    let refused = |why: String| message(StatusCode::BAD_REQUEST, format!("Can not create user : {why}"));
    let NewUser { email, login, password } = match serde_json::from_slice(&body) {
        Ok(new) => new,
        Err(error) => return refused(format!("the body is wrong: {error}")),
    };
    if !is_identifier(&email) {
        return refused(format!("{email:?} is not a valid address"));
    }
    let created = server.engine().update(|world, now| {
        if let Some(user) = User::find(world, &login).or_else(|| User::find(world, &email)) {
            return Err(format!("there is already a user {} with the address {}", user.login, user.email));
        }
        let member = Member { login: login.clone(), password, tokens: Vec::new(), addresses: vec![email.clone()] };
        if let Some((address, other)) = member.conflict(world.mail.accounts.members()) {
            return Err(format!("there is already a user {other} with the address {address}"));
        }
        world.make_account(&login, Some(member), now).map_err(|why| why.to_string())
    });
    match created {
        Ok(_) => Json(User { login, email }).into_response(),
        Err(why) => refused(why),
    }
}

/// Removes an account with its mail, and ends its sessions.
pub(super) async fn remove(Target(server): Target, Path(id): Path<String>) -> Response {
    let user = server.engine().read(|world| User::find(world, &id));
    match user.is_some_and(|user| server.delete_account(&user.login)) {
        true => message(StatusCode::OK, format!("User '{id}' deleted")),
        false => unknown(&id),
    }
}

/// The messages in a user's INBOX.
pub(super) async fn inbox(Target(server): Target, Path(id): Path<String>) -> Result<Response, Problem> {
    folder(Target(server), Path((id, INBOX.to_owned()))).await
}

/// The messages in a user's mailbox.
pub(super) async fn folder(
    Target(server): Target,
    Path((id, folder)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found: Result<Vec<(u32, Message)>, Box<Response>> = server.engine().read(|world| {
        let user = User::find(world, &id).ok_or_else(|| Box::new(unknown(&id)))?;
        let accounts = &world.mail.accounts;
        // An account on the list is opened when it is first used.
        let Some(account) = accounts.find(&user.login).and_then(|no| accounts.account(no)) else {
            return Ok(Vec::new());
        };
        let mailbox = account.named(&accounts.namespace().canonical(&folder)).ok_or_else(|| {
            Box::new(message(StatusCode::BAD_REQUEST, format!("User '{id}' has no folder '{folder}'")))
        })?;
        Ok(mailbox.entries().iter().map(|entry| (entry.uid, entry.message.clone())).collect())
    });
    let messages = match found {
        Ok(messages) => messages,
        Err(refused) => return Ok(*refused),
    };
    run_blocking(move || {
        let list: Vec<MessageInFolder> =
            messages.iter().map(|(uid, message)| MessageInFolder::of(*uid, message)).collect();
        Json(list).into_response()
    })
    .await
}

impl MessageInFolder {
    fn of(uid: u32, message: &Message) -> Self {
        Self {
            uid: uid.to_string(),
            message_id: message.header("message-id"),
            subject: message.header("subject"),
            content_type: message.header("content-type").unwrap_or_else(|| "text/plain".to_owned()),
            mime_message: String::from_utf8_lossy(message.raw()).into_owned(),
        }
    }
}

fn unknown(id: &str) -> Response {
    message(StatusCode::BAD_REQUEST, format!("User '{id}' not found"))
}
