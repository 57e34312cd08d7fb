//! The server that a command asks, and requests to its HTTP API.

use std::error::Error;
use std::io::{BufReader, Read};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body, BodyReader};

use super::failure::Failure;

/// How long a connection may take, and how long the server may send nothing of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Query parameters.
pub(super) type Query = Vec<(&'static str, String)>;

#[derive(Args)]
pub(super) struct Target {
    /// URL of the server's HTTP API. Add `/v1/servers/ID` for a further server of the process.
    #[arg(long, value_name = "URL", env = "MAILJIG_URL", default_value = "http://127.0.0.1:8025")]
    url: Base,
    /// Token for a server that was started with `--token`.
    #[arg(long, value_name = "TOKEN", env = "MAILJIG_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// The URL below which the resources of one server are, such as `http://127.0.0.1:8025/v1`.
#[derive(Clone)]
pub(super) struct Base(String);

impl FromStr for Base {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write a URL such as `http://127.0.0.1:8025` or `http://127.0.0.1:8025/v1/servers/2`".to_owned();
        let url: Uri = text.parse().map_err(|_| wrong())?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.query().is_some() {
            return Err(wrong());
        }
        let text = text.trim_end_matches('/');
        let path = url.path().trim_end_matches('/');
        let is_complete =
            path.ends_with("/v1") || path.rsplit_once('/').is_some_and(|(of, _)| of.ends_with("/v1/servers"));
        Ok(Base(if is_complete { text.to_owned() } else { format!("{text}/v1") }))
    }
}

impl Target {
    pub(super) fn new(url: Base, token: Option<String>) -> Self {
        Self { url, token }
    }

    /// A document of the API.
    pub(super) fn json(&self, path: &str, query: Query) -> Result<Value, Failure> {
        let reader = self.get(path, query, Duration::ZERO)?;
        serde_json::from_reader(BufReader::new(reader)).map_err(|error| self.broken(&error))
    }

    /// Like `json`, of a request that the server answers within `wait`.
    pub(super) fn json_within(&self, path: &str, query: Query, wait: Duration) -> Result<Value, Failure> {
        let reader = self.get(path, query, wait)?;
        serde_json::from_reader(BufReader::new(reader)).map_err(|error| self.broken(&error))
    }

    /// A document of the API that answers this JSON.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let mut request = self.agent(Some(PATIENCE)).post(format!("{}{path}", self.url.0));
        if let Some(token) = self.authorization() {
            request = request.header("Authorization", token);
        }
        let response = request.send_json(body).map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(self.refusal(response, &[]));
        }
        let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        serde_json::from_reader(BufReader::new(reader)).map_err(|error| self.broken(&error))
    }

    /// The body of an answer, as it arrives.
    pub(super) fn body(&self, path: &str, query: Query) -> Result<impl Read + use<>, Failure> {
        self.get(path, query, Duration::ZERO)
    }

    /// An answer as text.
    pub(super) fn text(&self, path: &str) -> Result<String, Failure> {
        let mut octets = Vec::new();
        self.body(path, Query::new())?.read_to_end(&mut octets).map_err(|error| self.broken(&error))?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    fn get(&self, path: &str, query: Query, wait: Duration) -> Result<BodyReader<'static>, Failure> {
        let names: Vec<&str> = query.iter().map(|(name, _)| *name).collect();
        let response = self.send(path, query, &[], Some(wait.saturating_add(PATIENCE)))?;
        match response.status().is_success() {
            true => Ok(response.into_body().into_with_config().limit(u64::MAX).reader()),
            false => Err(self.refusal(response, &names)),
        }
    }

    /// Sends a request with these header fields; `silence` limits how long the server may send nothing.
    pub(super) fn send(
        &self,
        path: &str,
        query: Query,
        fields: &[(&str, String)],
        silence: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = self.agent(silence).get(format!("{}{path}", self.url.0)).query_pairs(query);
        for (name, value) in fields {
            request = request.header(*name, value);
        }
        if let Some(token) = self.authorization() {
            request = request.header("Authorization", token);
        }
        request.call().map_err(|error| self.unreachable(&error))
    }

    fn agent(&self, silence: Option<Duration>) -> Agent {
        // Without the proxy of the environment, which is for other hosts than that of a server for tests.
        let config = Agent::config_builder().proxy(None).http_status_as_error(false).timeout_connect(Some(PATIENCE));
        config.timeout_per_read(silence).build().new_agent()
    }

    fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }

    /// The URL as `--url` takes it.
    fn shown(&self) -> &str {
        self.url.0.strip_suffix("/v1").unwrap_or(&self.url.0)
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let url = self.shown();
        if let ureq::Error::Http(error) = error {
            return Failure::unusable(format!("`--token` cannot be sent: {error}"));
        }
        let why = if let ureq::Error::Io(error) = error { error.to_string() } else { error.to_string() };
        Failure::Unreachable(format!(
            "no server answers at {url}: {why}\n  start one with `mailjig serve`, name another with `--url` or \
             MAILJIG_URL, or wait for it with `mailjig ready --wait 10s`"
        ))
    }

    /// The answer broke off, or is not what the API answers.
    pub(super) fn broken(&self, error: &dyn Error) -> Failure {
        Failure::Unreachable(format!("the answer of {} is incomplete or wrong: {error}", self.shown()))
    }

    /// What an answer with an error status says. The parameters of the query are named like the options.
    pub(super) fn refusal(&self, response: Response<Body>, parameters: &[&str]) -> Failure {
        let (status, url) = (response.status(), self.shown());
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind != "application/problem+json" {
            return Failure::unusable(format!(
                "{url} answers {status}, and not as the API of mailjig does: give its URL with `--url` or MAILJIG_URL"
            ));
        }
        let body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let problem: Value = match serde_json::from_reader(BufReader::new(body)) {
            Ok(problem) => problem,
            Err(error) => return self.broken(&error),
        };
        let detail = problem["detail"].as_str().unwrap_or_default();
        let text = match (status, problem["field"].as_str().filter(|field| parameters.contains(field))) {
            (StatusCode::UNAUTHORIZED, _) => {
                let why = detail.split(':').next().unwrap_or_default();
                format!("{why}; give it with `--token` or MAILJIG_TOKEN")
            }
            (_, Some(field)) => format!("`--{}`: {detail}", field.replace('_', "-")),
            (_, None) => detail.to_owned(),
        };
        let no = [StatusCode::CONFLICT, StatusCode::NOT_FOUND, StatusCode::GONE, StatusCode::SERVICE_UNAVAILABLE];
        match no.contains(&status) {
            true => Failure::Unmet(text, Some(problem)),
            false => Failure::Unusable(text, Some(problem)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_main_server_or_a_further_one() {
        for (text, below) in [
            ("http://127.0.0.1:8025", "http://127.0.0.1:8025/v1"),
            ("http://127.0.0.1:8025/", "http://127.0.0.1:8025/v1"),
            ("http://localhost:8025/v1/", "http://localhost:8025/v1"),
            ("http://localhost:8025/v1/servers/7", "http://localhost:8025/v1/servers/7"),
            ("https://test.example/mail", "https://test.example/mail/v1"),
            ("http://[::1]:8025/mail/v1/servers/a", "http://[::1]:8025/mail/v1/servers/a"),
        ] {
            assert_eq!(text.parse().map(|Base(url)| url).as_deref(), Ok(below), "{text}");
        }
        for wrong in ["", "localhost:8025", "127.0.0.1", "ftp://localhost", "http://", "http://localhost/?a=b", "a b"] {
            assert!(wrong.parse::<Base>().is_err(), "{wrong}");
        }
    }
}
