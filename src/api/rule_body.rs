//! A rule in the body of a request.

use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde_json::Value;

use super::body::{octets_of, value};
use super::invalid::invalid;
use super::problem::Problem;
use crate::scenario::{NewRule, rule_from_json, rule_from_toml};
use crate::server::Server;
use crate::world::World;

/// Where a rule of a request comes from, as reports print it.
const ORIGIN: &str = "added over HTTP";

/// A rule in the body of a request.
pub(super) enum RuleBody {
    Json(Value),
    /// The text of one `[[rule]]`, with the content type `application/toml`.
    Toml(String),
}

impl RuleBody {
    pub(super) fn read(&self, server: &Server) -> Result<NewRule, Problem> {
        let in_force = &server.engine().read(World::in_force);
        match self {
            Self::Json(value) => rule_from_json(value, ORIGIN, in_force).map_err(invalid),
            Self::Toml(text) => rule_from_toml(text, ORIGIN, in_force).map_err(|why| invalid(why).of("body")),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for RuleBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|its| its.split(';').next()).unwrap_or_default().trim();
        let media_type = media_type.to_ascii_lowercase();
        let body = octets_of(request, state).await?;
        if media_type != "application/toml" {
            let is_json = media_type == "application/json" || media_type.ends_with("+json");
            let may_be_toml = !is_json || body.trim_ascii_start().starts_with(b"[[");
            let hint = "; to send a rule as TOML, set the header `Content-Type: application/toml`";
            return value(&body).map(Self::Json).map_err(|why| if may_be_toml { why.and(hint) } else { why });
        }
        let text = String::from_utf8(body.into());
        text.map(Self::Toml).map_err(|_| Problem::field("body", "the body is not valid UTF-8"))
    }
}
