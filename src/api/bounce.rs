//! `/v1/messages/{m}/bounce`: a report about a message to its sender.

use std::net::SocketAddr;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::blocking::run_blocking;
use super::body::JsonBody;
use super::json::MessageJson;
use super::message::find;
use super::params::{NoParams, Path};
use super::problem::Problem;
use super::target::Target;
use crate::base::Pattern;
use crate::mail::{Bounce, BounceKind};

/// The report to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBounce {
    /// `failed` (the default), `delayed`, `delivered`, `relayed`, `expanded`, `complaint`, `displayed` or `deleted`.
    action: Option<String>,
    /// Only about the recipients that match this pattern; default: all that were accepted.
    recipients: Option<String>,
    /// Such as `5.1.1`; default: that in `diagnostic`.
    status: Option<String>,
    /// What the other server said, such as `550 5.1.1 User unknown`.
    diagnostic: Option<String>,
    /// The name of the other server.
    remote_mta: Option<String>,
    /// The type of a complaint: `abuse` (the default), `fraud`, `virus`, `not-spam` or `other`.
    feedback_type: Option<String>,
    /// The address and port of an SMTP server to send the report to, such as `127.0.0.1:2525`; default: it is delivered
    /// here.
    smtp: Option<String>,
}

/// Send a report about a message to its sender: a bounce, a delay, a complaint or a receipt.
///
/// The report is delivered here, and captured as a message with the null sender; with `smtp`, it is sent to that server.
#[utoipa::path(
    post, path = "/messages/{m}/bounce",
    params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")),
    request_body = Option<NewBounce>,
    responses(
        (status = 201, description = "The report, delivered here.", body = MessageJson),
        (status = 204, description = "The other server took the report."),
        (status = 404, description = "There is no such message."),
        (status = 409, description = "No report was made or sent, and `detail` says why: for example, the message has the null sender, its NOTIFY asks for no report, or the other server refused the report."),
    ),
)]
pub(super) async fn bounce(
    Target(server): Target,
    Path(m): Path<String>,
    _: NoParams,
    JsonBody(new): JsonBody<NewBounce>,
) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    let smtp = new.smtp.as_deref().map(|text| {
        let wrong = || Problem::field("smtp", format!("`{text}` is not an address; write `127.0.0.1:2525`"));
        text.parse::<SocketAddr>().map_err(|_| wrong())
    });
    let (smtp, bounce) = (smtp.transpose()?, new.read()?);
    run_blocking(move || {
        let conflict = |why: &dyn std::fmt::Display| Problem::new(StatusCode::CONFLICT, why.to_string());
        if let Some(to) = smtp {
            server.bounce_to(to, &message, &bounce).map_err(|why| conflict(&why))?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let report = server.bounce(&message, &bounce).map_err(|why| conflict(&why))?;
        let captured = find(&server, &report.no().to_string())?;
        Ok((StatusCode::CREATED, Json(MessageJson::from(&captured))).into_response())
    })
    .await?
}

impl NewBounce {
    fn read(self) -> Result<Bounce, Problem> {
        let action = self.action.as_deref().unwrap_or("failed");
        let kind = BounceKind::parse(action);
        let kind = kind.ok_or_else(|| Problem::field("action", BounceKind::unknown(action)))?;
        let mut bounce = Bounce::new(kind);
        for (name, text, set) in [
            ("status", &self.status, Bounce::set_status as fn(&mut Bounce, &str) -> Result<(), &'static str>),
            ("diagnostic", &self.diagnostic, Bounce::set_diagnostic),
            ("remote_mta", &self.remote_mta, Bounce::set_remote_mta),
            ("feedback_type", &self.feedback_type, Bounce::set_feedback_type),
        ] {
            if let Some(text) = text {
                set(&mut bounce, text).map_err(|why| Problem::field(name, why))?;
            }
        }
        if let Some(text) = self.recipients {
            bounce.set_recipients(Pattern::parse(&text).map_err(|why| Problem::field("recipients", why.to_string()))?);
        }
        Ok(bounce)
    }
}
