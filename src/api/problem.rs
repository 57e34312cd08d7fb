//! Errors as `application/problem+json` (RFC 9457).

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use utoipa::ToSchema;

/// An error in a request, and its location.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The name of the status.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, and what would be right.
    detail: String,
    /// The wrong parameter or member of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Further members, such as the report of a failed wait.
    #[serde(flatten)]
    #[schema(value_type = Object, additional_properties)]
    more: serde_json::Map<String, Value>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let more = serde_json::Map::new();
        Self { title, status: status.as_u16(), detail: detail.into(), field: None, more }
    }

    /// An error in a parameter or a member.
    pub(super) fn field(field: &str, detail: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// An error in the JSON of the body.
    pub(super) fn body(rejection: &JsonRejection, body: &[u8]) -> Self {
        let text = rejection.body_text();
        let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
        // serde_json calls it an error of syntax, too, when another type stands where the name of a variant is expected.
        let why = text.split_once(": ").filter(|_| is_json).map(|(_, why)| why);
        let Some(why) = why else { return Self::field("body", text).status(rejection.status()) };
        // The message begins with the path of the member, except for a missing member at the top level.
        let (path, message) = why.split_once(": ").filter(|(path, _)| !path.contains(' ')).unwrap_or(("", why));
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let field = match (path, missing) {
            ("", None) => "body".to_owned(),
            (path, None) => path.to_owned(),
            ("", Some(member)) => member.to_owned(),
            (path, Some(member)) => format!("{path}.{member}"),
        };
        let detail = format!("the body is wrong: {}", in_plain_words(why));
        Self::field(&field, detail).status(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// The same error in another parameter or member.
    pub(super) fn of(self, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..self }
    }

    /// The same error with more to say about it.
    pub(super) fn and(mut self, detail: &str) -> Self {
        self.detail.push_str(detail);
        self
    }

    /// The resource does not exist, or no longer exists.
    pub(super) fn none(what: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} {name}"))
    }

    /// The same error in a body that is a member of another one.
    pub(super) fn below(mut self, member: &str) -> Self {
        self.field =
            self.field.map(|field| if field == "body" { member.to_owned() } else { format!("{member}.{field}") });
        self
    }

    /// An error that only a bug can cause.
    pub(super) fn bug() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "a bug in mailjig; please report it")
    }

    pub(super) fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.more.insert(key.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// What is wrong, and what would be right.
    #[cfg(feature = "page")]
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    #[cfg(feature = "page")]
    pub(super) fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.title = status.canonical_reason().unwrap_or("Error");
        self.status = status.as_u16();
        self
    }
}

/// A message of serde, which names types of Rust, in the words of JSON.
fn in_plain_words(why: &str) -> String {
    let Some((before, rest)) = why.split_once("expected ") else {
        return why.replace(", there are no fields", ": this resource takes no body");
    };
    let (wanted, position) = rest.split_once(" at line ").unwrap_or((rest, ""));
    let is_number =
        |word: &str| word.strip_prefix(['u', 'i']).is_some_and(|bits| bits == "size" || bits.parse::<u8>().is_ok());
    let last = wanted.rsplit(' ').next().unwrap_or_default();
    let plain = match wanted.split(' ').next() {
        Some("struct" | "map") => "an object",
        Some("a") if wanted == "a sequence" => "an array",
        _ if wanted.starts_with("untagged") || wanted.starts_with("enum") => "another type",
        _ if is_number(last) && wanted.contains("nonzero") => "a whole number above 0",
        _ if is_number(last) => "a whole number",
        _ => wanted,
    };
    let at = if position.is_empty() { "" } else { " at line " };
    format!("{before}expected {plain}{at}{position}")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        response
    }
}
