//! The program `mailjig serve`, started by a test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::support::{Deadline, start};

/// A server process on free ports, which is killed when this is dropped.
pub(crate) struct Program {
    process: Child,
    /// What the program printed first: its endpoints.
    pub(crate) ready: Value,
    _deadline: Deadline,
}

impl Program {
    /// Starts `serve`, a command that ends with the name of the subcommand.
    pub(crate) fn start(mut serve: Command) -> Self {
        serve.args(["--ports", "auto", "--json", "--quiet"]).stdout(Stdio::piped());
        let (mut process, _deadline) = start(&mut serve).expect("it starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut line).expect("it prints text");
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{serve:?} does not start"));
        Self { process, ready, _deadline }
    }

    /// Ends the program as a user does.
    pub(crate) fn terminate(&mut self) {
        let status =
            Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().expect("it is there");
        assert!(status.success());
        assert!(self.process.wait().expect("it ends").success(), "it does not end normally at SIGTERM");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _it_may_be_gone = self.process.kill();
        let _ = self.process.wait();
    }
}
