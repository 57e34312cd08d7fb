//! The OpenAPI document of `/v1`, made from the handlers: `GET /v1/openapi.json`.

use std::sync::OnceLock;

use axum::Json;
use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::server::{ServerBuilder, ServerVariableBuilder};
use utoipa::openapi::{ContentBuilder, InfoBuilder, License, OpenApi, Ref, RefOr, ResponseBuilder, Tag};

use super::asked_event;
use super::params::NoParams;
use super::problem::Problem;
use super::v1;

const ABOUT: &str = "\
Tests in any language use this API to read the captured mail, to wait for it, to make the server fail on purpose, and \
to verify what happened. Every path exists for the main server below `/v1`, and every path that does not begin with \
`/servers` for each further server below `/v1/servers/{id}`.";

/// The nouns of paths, and the tag of their operations.
const TAGS: &[(&str, &str, &[&str])] = &[
    ("Messages", "Captured mail: lists, waits, parts.", &["messages", "deliver"]),
    ("Accounts", "Accounts, mailboxes and their entries.", &["accounts", "mailboxes"]),
    (
        "Sessions",
        "Sessions, transcripts, the journal, updates and findings.",
        &["sessions", "transcript", "journal", "updates", "findings", "settled", "webhooks"],
    ),
    (
        "Rules",
        "Rules, scenarios, variables, expectations.",
        &["rules", "scenario", "scenarios", "state", "expectations", "verify"],
    ),
    (
        "OAuth 2.0",
        "A provider of access tokens for the accounts, its tokens and settings.",
        &["oauth", "oauth2", "well-known"],
    ),
    ("Servers", "Further servers in this process.", &["servers"]),
    ("Server", "Endpoints, health, clock, reset.", &[]),
];

/// This document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub(super) async fn openapi(_: NoParams) -> Json<&'static Value> {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    Json(DOCUMENT.get_or_init(|| {
        let document = complete(v1().into_openapi());
        let mut document = serde_json::to_value(document).expect("the document has only keys that are texts");
        asked_event::describe(&mut document);
        document
    }))
}

/// Completes what the handlers describe: servers, tags, identifiers, and the form of errors.
fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("mailjig")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(License::new(env!("CARGO_PKG_LICENSE"))))
        .build();
    let id = ServerVariableBuilder::new().default_value("1").description(Some("The number or the name of the server."));
    document.servers = Some(vec![
        ServerBuilder::new().url("/v1").description(Some("The main server.")).build(),
        ServerBuilder::new().url("/v1/servers/{id}").parameter("id", id).description(Some("A further server.")).build(),
    ]);
    document.tags = Some(
        TAGS.iter()
            .map(|(name, about, _)| {
                let mut tag = Tag::new(*name);
                tag.description = Some((*about).to_owned());
                tag
            })
            .collect(),
    );
    let schemas = &mut document.components.get_or_insert_default().schemas;
    schemas.insert(Problem::name().into_owned(), Problem::schema());
    for (path, item) in &mut document.paths.paths {
        let first = match path.contains("/mailboxes/") {
            true => "mailboxes",
            // `openapi` of `openapi.json`, `well-known` of `.well-known`
            false => path.split(['/', '.']).find(|word| !word.is_empty()).unwrap_or_default(),
        };
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            complete_operation(operation, first);
        }
    }
    document
}

/// `first` is the noun of the path: its first segment, or `mailboxes`.
fn complete_operation(operation: &mut Operation, first: &str) {
    let its = TAGS.iter().find(|(.., firsts)| firsts.contains(&first)).or(TAGS.last());
    operation.tags = its.map(|(tag, ..)| vec![(*tag).to_owned()]);
    let function = operation.operation_id.take().unwrap_or_default();
    let is_enough = first.is_empty() || function == first;
    operation.operation_id = Some(if is_enough { function } else { format!("{first}_{function}") });
    let problem = || {
        let schema = RefOr::Ref(Ref::from_schema_name(Problem::name()));
        ContentBuilder::new().schema(Some(schema)).build()
    };
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && !response.content.contains_key("application/json")
            && !response.content.contains_key("text/html")
            && (status.starts_with('4') || status.starts_with('5'))
        {
            response.content.insert("application/problem+json".to_owned(), problem().into());
        }
    }
    let other = ResponseBuilder::new()
        .description("Every other error: the request is wrong, refused, or cannot be answered.")
        .content("application/problem+json", problem());
    operation.responses.responses.insert("default".to_owned(), other.build().into());
}
