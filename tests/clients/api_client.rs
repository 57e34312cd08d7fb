//! A client of the HTTP API.

use mailjig::MailServer;
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use crate::line_client::deadline;

pub(crate) struct ApiClient {
    agent: Agent,
    base: String,
}

/// The status of an answer, and its body as JSON; `null` if it is empty.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl ApiClient {
    pub(crate) fn of(server: &MailServer) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(deadline::DEADLINE));
        // A DELETE may have a body.
        Self { agent: config.allow_non_standard_methods(true).build().into(), base: format!("{}/v1", server.api()) }
    }

    /// Sends a request such as `GET /messages`, with this body unless it is `null`.
    pub(crate) fn ask(&self, request: &str, body: &Value) -> Answer {
        let (method, path) = request.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut response = self.agent.run(request.body(body).unwrap()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        Answer { status: response.status().as_u16(), body }
    }

    /// The body of the answer, which has this status.
    pub(crate) fn expect(&self, status: u16, request: &str, body: &Value) -> Value {
        let answer = self.ask(request, body);
        assert_eq!(answer.status, status, "{request}: {}", answer.body);
        answer.body
    }

    /// The answer to a GET, which succeeds.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.expect(200, &format!("GET {path}"), &Value::Null)
    }

    /// The wrong field in the answer, which has this status.
    pub(crate) fn field(&self, status: u16, request: &str, body: &Value) -> String {
        let problem = self.expect(status, request, body);
        problem["field"].as_str().unwrap_or_default().to_owned()
    }
}
