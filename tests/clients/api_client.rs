//! A client of the HTTP API.

use std::io::BufReader;

use mailjig::MailServer;
use serde_json::Value;
use ureq::http::{HeaderMap, Request};
use ureq::{Agent, BodyReader};

use super::deadline::DEADLINE;

/// No body.
pub(crate) const NONE: Value = Value::Null;

#[derive(Clone)]
pub(crate) struct ApiClient {
    agent: Agent,
    base: String,
    headers: HeaderMap,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    request: String,
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) octets: Vec<u8>,
}

/// A server with default settings, and a client of its API.
pub(crate) fn start() -> (MailServer, ApiClient) {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    (server, api)
}

impl ApiClient {
    /// A client of `/v1`.
    pub(crate) fn of(server: &MailServer) -> Self {
        Self::at(format!("{}/v1", server.api()))
    }

    /// A client whose paths continue this URL.
    pub(crate) fn at(base: impl Into<String>) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE));
        Self {
            agent: config.allow_non_standard_methods(true).build().into(),
            base: base.into(),
            headers: HeaderMap::new(),
        }
    }

    /// The same client, whose requests have these headers too.
    pub(crate) fn with(&self, headers: &[(&'static str, &str)]) -> Self {
        let mut client = self.clone();
        for (name, value) in headers {
            client.headers.insert(*name, value.parse().unwrap());
        }
        client
    }

    /// The body of the answer to a GET, which succeeds.
    #[track_caller]
    pub(crate) fn ok(&self, path: impl AsRef<str>) -> Value {
        self.get(path).expect(200)
    }

    pub(crate) fn get(&self, path: impl AsRef<str>) -> Answer {
        self.ask("GET", path, &NONE)
    }

    pub(crate) fn delete(&self, path: impl AsRef<str>) -> Answer {
        self.ask("DELETE", path, &NONE)
    }

    pub(crate) fn post(&self, path: impl AsRef<str>, body: &Value) -> Answer {
        self.ask("POST", path, body)
    }

    pub(crate) fn put(&self, path: impl AsRef<str>, body: &Value) -> Answer {
        self.ask("PUT", path, body)
    }

    pub(crate) fn patch(&self, path: impl AsRef<str>, body: &Value) -> Answer {
        self.ask("PATCH", path, body)
    }

    /// Sends this body as JSON, unless it is `NONE`.
    pub(crate) fn ask(&self, method: &str, path: impl AsRef<str>, body: &Value) -> Answer {
        match body {
            Value::Null => self.send(method, path, ""),
            body => self.with(&[("content-type", "application/json")]).send(method, path, body.to_string()),
        }
    }

    pub(crate) fn send(&self, method: &str, path: impl AsRef<str>, body: impl Into<Vec<u8>>) -> Answer {
        let path = path.as_ref();
        let mut response = self.agent.run(self.request(method, path, body.into())).unwrap();
        let octets = response.body_mut().read_to_vec().unwrap();
        let (head, _) = response.into_parts();
        Answer { request: format!("{method} {path}"), status: head.status.as_u16(), headers: head.headers, octets }
    }

    /// The events of a path, as they come.
    pub(crate) fn stream(&self, path: &str) -> BufReader<BodyReader<'static>> {
        let request = self.agent.configure_request(self.request("GET", path, ()));
        let response = self.agent.run(request.timeout_global(Some(2 * DEADLINE)).build()).unwrap();
        let (status, kind) = (response.status().as_u16(), response.body().mime_type());
        assert_eq!((status, kind), (200, Some("text/event-stream")), "{path}");
        BufReader::new(response.into_body().into_reader())
    }

    fn request<B>(&self, method: &str, path: &str, body: B) -> Request<B> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        request.headers_mut().unwrap().extend(self.headers.clone());
        request.body(body).unwrap()
    }
}

impl Answer {
    /// The body if it is JSON, and `null` otherwise.
    pub(crate) fn json(&self) -> Value {
        if !self.header("content-type").concat().contains("json") {
            return NONE;
        }
        serde_json::from_slice(&self.octets).unwrap_or_else(|error| panic!("{}: {error}: {self}", self.request))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.octets.clone()).unwrap()
    }

    /// The values of this header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The body of an answer that has this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        self.json()
    }

    /// The problem in an answer that has this status.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), ["application/problem+json"], "{self}");
        assert_eq!(problem["status"], status, "{self}");
        problem
    }

    /// The wrong field that the problem names; empty if it names none.
    #[track_caller]
    pub(crate) fn field(&self, status: u16) -> String {
        self.problem(status)["field"].as_str().unwrap_or_default().to_owned()
    }

    /// What is wrong.
    #[track_caller]
    pub(crate) fn detail(&self, status: u16) -> String {
        self.problem(status)["detail"].as_str().unwrap().to_owned()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(&self.octets);
        write!(f, "{} answered {}: {text}", self.request, self.status)
    }
}
