//! A `mailjig serve` process, and commands of the program that ask it.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::api_client::ApiClient;
use super::running::Running;
use super::support::output;

/// A server process that is killed when this is dropped.
pub(crate) struct Served {
    process: Running,
    /// What it printed first: its endpoints.
    pub(crate) ready: Value,
}

impl Served {
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::of(mailjig(&[&["serve"], options].concat()))
    }

    /// A server under a limit, such as `-Sn 64` for ulimit.
    pub(crate) fn under(ulimit: &str, options: &[&str]) -> Self {
        let mut serve = Command::new("sh");
        serve.args(["-c", &format!("ulimit {ulimit} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_mailjig"), "serve"]);
        serve.args(options);
        Self::of(serve)
    }

    /// A server by this command, to which options can be added.
    pub(crate) fn of(mut serve: Command) -> Self {
        let mut process = Running::start(serve.args(["--ports", "auto", "--json", "--quiet"]));
        let ready = serde_json::from_str(&process.line()).unwrap_or_else(|_| panic!("{serve:?} does not start"));
        Self { process, ready }
    }

    /// Ends the server as a user does.
    pub(crate) fn terminate(&mut self) {
        self.process.signal("TERM");
        assert!(self.process.end().success(), "it does not end normally at SIGTERM");
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["endpoints"]["http"]["url"].as_str().unwrap()
    }

    /// A client of `/v1`.
    pub(crate) fn api(&self) -> ApiClient {
        ApiClient::at(format!("{}/v1", self.url()))
    }

    /// Delivers a message to these recipients.
    pub(crate) fn deliver(&self, to: &[&str], raw: &str) {
        self.api().post("/deliver", &json!({ "from": "ann@example.org", "to": to, "raw": raw })).expect(201);
    }

    /// Runs a command that asks this server.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Output {
        output(mailjig(arguments).env("MAILJIG_URL", self.url()), "")
    }

    /// The output of a command that succeeds and prints nothing to stderr.
    pub(crate) fn told(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        let told = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && complaint.is_empty(), "{arguments:?}: {complaint}");
        told
    }

    /// The exit status and the error of a command that fails and prints nothing to stdout.
    pub(crate) fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.ask(arguments);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

/// The program without what the environment of the tests may set.
pub(crate) fn mailjig(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailjig"));
    command.args(arguments).env_remove("MAILJIG_URL").env_remove("MAILJIG_TOKEN").env_remove("MAILJIG_SMTP_URL");
    command
}
