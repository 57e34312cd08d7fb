//! The limits of `mailjig serve` on further servers: open files, ports, their number.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use deadline::DEADLINE;
use serde_json::{Value, json};
use support::{Deadline, start};
use ureq::Agent;

#[path = "clients/deadline.rs"]
#[allow(dead_code)]
mod deadline;
#[path = "clients/support.rs"]
#[allow(dead_code)]
mod support;

/// A server under a limit on open files, such as `-Sn 64` for ulimit.
struct Limited {
    base: String,
    agent: Agent,
    process: Child,
    _deadline: Deadline,
}

impl Drop for Limited {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Limited {
    fn start(ulimit: &str, options: &str) -> Self {
        let serve = format!(
            "ulimit {ulimit} && exec {} serve --ports auto --json --quiet {options}",
            env!("CARGO_BIN_EXE_mailjig")
        );
        let (mut process, deadline) = start(Command::new("sh").args(["-c", &serve]).stdout(Stdio::piped())).unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let base = format!("{}/v1/servers", ready["endpoints"]["http"]["url"].as_str().unwrap());
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).build().into();
        Self { base, agent, process, _deadline: deadline }
    }

    fn add(&self, new: &Value) -> (u16, Value) {
        let mut response = self.agent.post(&self.base).send_json(new).unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap())
    }
}

#[test]
fn the_limit_on_open_files_is_raised_as_far_as_possible() {
    let server = Limited::start("-Sn 64", "");

    for n in 1..=20 {
        assert_eq!(server.add(&json!({})).0, 201, "server {n} has eight listeners");
    }
}

#[test]
fn who_reaches_the_limit_on_open_files_is_told_its_name() {
    let server = Limited::start("-n 64", "");

    let refused = (1..20).map(|_| server.add(&json!({}))).find(|(status, _)| *status != 201);

    let (status, problem) = refused.unwrap();
    assert_eq!(status, 503);
    assert!(problem["detail"].as_str().unwrap().contains("too many open files; raise the limit (`ulimit -n`)"));
    assert_eq!(server.agent.get(&server.base).call().unwrap().status(), 200, "it still answers");
}

#[test]
fn who_reaches_the_limit_on_servers_is_told_the_option() {
    let server = Limited::start("-n 1024", "--max-servers 1");
    assert_eq!(server.add(&json!({})).0, 201);

    let (status, problem) = server.add(&json!({}));

    assert_eq!(status, 503);
    assert!(problem["detail"].as_str().unwrap().contains("`--max-servers`"), "{problem}");
}
