//! `/api/v1/swagger.json`: a description of the routes that are there, made from their handlers.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use super::super::target::{Base, Target};
use super::view;

/// The API of Mailpit, as far as mailjig has it.
#[derive(OpenApi)]
#[openapi(info(title = "Mailpit API of mailjig"), paths(view::html, view::text))]
struct Begin;

/// The document before the routes are added.
pub(super) fn begin() -> Document {
    Begin::openapi()
}

/// This description.
#[utoipa::path(get, path = "/api/v1/swagger.json", tag = "application", operation_id = "Swagger",
    responses((status = 200, body = Object)))]
pub(super) async fn swagger(_: Target, Base(base): Base) -> Json<Document> {
    let mut document = super::described().into_openapi();
    let base = base.strip_suffix("/v1").unwrap_or(&base).to_owned();
    document.servers = Some(vec![utoipa::openapi::Server::new(if base.is_empty() { "/".to_owned() } else { base })]);
    Json(document)
}
