//! A process whose output is read by line.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use super::support::{Deadline, start};

/// A process that is killed when this is dropped.
pub(crate) struct Running {
    pub(crate) process: Child,
    output: BufReader<ChildStdout>,
    _deadline: Deadline,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (mut process, _deadline) = start(command.stdout(Stdio::piped())).unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output, _deadline }
    }

    /// The next line, without its end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next lines, up to one that contains this.
    pub(crate) fn lines_until(&mut self, text: &str) -> String {
        let mut lines = String::new();
        while !lines.lines().last().unwrap_or_default().contains(text) {
            assert!(self.output.read_line(&mut lines).unwrap() > 0, "no line has {text:?}: {lines}");
        }
        lines
    }

    /// The next line that contains this.
    pub(crate) fn until(&mut self, text: &str) -> String {
        self.lines_until(text).lines().last().unwrap().to_owned()
    }

    /// All that it still prints, until it ends or closes its output.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        rest
    }

    /// Types into its input, which is piped.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.process.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Sends a signal such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.process.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits until it ends.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _it_may_be_gone = self.process.kill();
        let _ = self.process.wait();
    }
}
