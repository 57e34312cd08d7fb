//! A `mailjig serve` process, and commands of the program that ask it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use super::api_client::ApiClient;
use super::support::{Deadline, output, start};

const SERVE: [&str; 5] = ["serve", "--ports", "auto", "--json", "--quiet"];

/// A server process that is killed when this is dropped.
pub(crate) struct Served {
    process: Child,
    _deadline: Deadline,
    pub(crate) ready: Value,
}

impl Served {
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::of(&mut mailjig(&[&SERVE[..], options].concat()))
    }

    /// A server under a limit, such as `-Sn 64` for ulimit.
    pub(crate) fn under(ulimit: &str, options: &str) -> Self {
        let serve = format!("ulimit {ulimit} && exec {} {} {options}", env!("CARGO_BIN_EXE_mailjig"), SERVE.join(" "));
        Self::of(Command::new("sh").args(["-c", &serve]))
    }

    fn of(serve: &mut Command) -> Self {
        let (mut process, _deadline) = start(serve.stdout(Stdio::piped())).unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, _deadline, ready: serde_json::from_str(&line).unwrap() }
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

impl Drop for Served {
    fn drop(&mut self) {
        let _it_may_be_gone = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program without what the environment of the tests may set.
pub(crate) fn mailjig(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailjig"));
    command.args(arguments).env_remove("MAILJIG_URL").env_remove("MAILJIG_TOKEN").env_remove("MAILJIG_SMTP_URL");
    command
}
