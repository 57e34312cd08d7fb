//! `/api/v1/tags`: tags of messages. A message brings along those of its header field X-Tags, and the details of its
//! addresses: `news` of `bob+news@example.org`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::blocking::run_blocking;
use super::super::target::Target;
use super::{Refusal, body, numbers, ok, summary};
use crate::base::MessageNo;
use crate::mail::Message;
use crate::server::{MarkChange, Server};

/// Characters in a tag.
const MOST: usize = 100;

/// Gives the messages that have come since the last time the tags that they bring along.
pub(super) fn tag_new(server: &Server) {
    let since = server.marks().with(|marks| marks.tagged_to());
    let new: Vec<Message> = server.engine().read(|world| {
        let messages = world.journal.messages().iter().rev().map(|captured| &captured.message);
        messages.take_while(|message| Some(message.no()) > since.message).cloned().collect()
    });
    let new: Vec<(MessageNo, BTreeSet<String>)> =
        new.iter().map(|message| (message.no(), brought_along(message))).collect();
    server.marks().with(|marks| marks.tag_new(since, new));
}

/// Forgets the marks of messages that are gone.
pub(super) fn forget_gone(server: &Server) {
    server.engine().read(|world| {
        server.marks().with(|marks| marks.retain(|no| world.journal.message(no).is_some()));
    });
}

fn brought_along(message: &Message) -> BTreeSet<String> {
    let listed = message.header("x-tags").unwrap_or_default();
    let mut tags: Vec<String> = listed.split(',').map(str::to_owned).collect();
    let addresses = ["to", "cc", "from"].into_iter().flat_map(|field| message.addresses(field));
    for address in addresses.map(|its| its.address).chain(summary::bcc(message).into_iter().map(|its| its.address)) {
        let local = address.rsplit_once('@').map_or("", |(local, _)| local);
        tags.extend(local.split('+').skip(1).map(str::to_owned));
    }
    cleaned(&tags)
}

/// Tags with the characters that Mailpit allows, each once in whatever case of letters.
fn cleaned(tags: &[String]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let tags = tags.iter().map(|tag| clean(tag)).filter(|tag| !tag.is_empty());
    tags.filter(|tag| seen.insert(tag.to_ascii_lowercase())).collect()
}

fn clean(tag: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    let words: Vec<&str> = tag.split(|c| !is_allowed(c)).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(MOST).collect()
}

/// The tags of all messages.
#[utoipa::path(get, path = "/api/v1/tags", tag = "tags", operation_id = "GetAllTags",
    responses((status = 200, body = Vec<String>)))]
pub(super) async fn list(Target(server): Target) -> Result<Json<Vec<String>>, Refusal> {
    run_blocking(move || {
        tag_new(&server);
        forget_gone(&server);
        Json(server.marks().with(|marks| marks.all_tags().into_keys().map(str::to_owned).collect()))
    })
    .await
    .map_err(Refusal::from)
}

/// Which messages get which tags, instead of those that they have.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(rename_all = "PascalCase")]
pub(super) struct Tagging {
    #[schema(rename = "IDs")]
    ids: Vec<String>,
    tags: Vec<String>,
}

/// Sets the tags of messages.
#[utoipa::path(put, path = "/api/v1/tags", tag = "tags", operation_id = "SetTags",
    request_body = Tagging, responses((status = 200, body = String), (status = 400, body = String)))]
pub(super) async fn set(Target(server): Target, octets: Bytes) -> Result<Response, Refusal> {
    let Tagging { ids, tags } = body::read(&octets)?;
    let tags = cleaned(&tags);
    run_blocking(move || {
        tag_new(&server);
        let mut chosen: Vec<MessageNo> = numbers(&ids).into_iter().collect();
        server.engine().read(|world| chosen.retain(|no| world.journal.message(*no).is_some()));
        server.marks().tag(&chosen, &tags);
    })
    .await?;
    Ok(ok())
}

/// The new name of a tag.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(rename_all = "PascalCase")]
pub(super) struct NewName {
    name: String,
}

/// Renames a tag.
#[utoipa::path(put, path = "/api/v1/tags/{tag}", tag = "tags", operation_id = "RenameTag",
    params(("tag" = String, Path)), request_body = NewName,
    responses((status = 200, body = String), (status = 400, body = String)))]
pub(super) async fn rename(
    Target(server): Target,
    Path(tag): Path<String>,
    octets: Bytes,
) -> Result<Response, Refusal> {
    let NewName { name } = body::read(&octets)?;
    let name = clean(&name);
    if name.is_empty() {
        return Err(Refusal::wrong("Name: a tag needs letters or digits"));
    }
    if !replace(server, tag.clone(), Some(name)).await? {
        return Err(Refusal::wrong(format!("there is no tag {tag:?}")));
    }
    Ok(ok())
}

/// Removes a tag from all messages.
#[utoipa::path(delete, path = "/api/v1/tags/{tag}", tag = "tags", operation_id = "DeleteTag",
    params(("tag" = String, Path)), responses((status = 200, body = String)))]
pub(super) async fn delete(Target(server): Target, Path(tag): Path<String>) -> Result<Response, Refusal> {
    replace(server, tag, None).await?;
    Ok(ok())
}

/// Replaces or removes a tag. Returns false if no message has it.
async fn replace(server: Arc<Server>, tag: String, by: Option<String>) -> Result<bool, Refusal> {
    let is_found = run_blocking(move || {
        tag_new(&server);
        let is_found = server.marks().with(|marks| marks.replace_tag(&tag, by.as_deref()));
        server.marks().report(MarkChange::Tags);
        is_found
    });
    is_found.await.map_err(Refusal::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_only_some_characters() {
        for (tag, cleaned) in [(" a  b ", "a b"), ("größe", "gr e"), ("x<y>_1.2@z", "x y _1.2@z"), ("!", "")] {
            assert_eq!(clean(tag), cleaned, "{tag}");
        }
    }
}
