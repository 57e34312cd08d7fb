//! `--exit-with-parent`.

use std::io::Read;
use std::process::{Command, Stdio};

use super::clients::running::Running;
use super::clients::support::{output, start};
use super::mailjig;

const SERVE: &str = "\"$0\" serve --ports=auto --json --exit-with-parent";

#[test]
fn a_server_ends_with_the_process_that_started_it() {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{SERVE} & wait"), env!("CARGO_BIN_EXE_mailjig")]);
    let mut shell = Running::start(shell.stderr(Stdio::piped()));
    let line = shell.line();
    assert!(line.starts_with("{\"endpoints\""), "{line}");
    let parent = shell.process.id();

    shell.process.kill().unwrap();
    let (rest, mut said) = (shell.rest(), String::new());
    shell.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((rest.as_str(), said), ("", format!("mailjig: process {parent} has ended, so the server stops\n")));
}

#[test]
fn a_server_ends_with_the_process_that_is_named() {
    let mut other = Command::new("cat");
    let (mut other, _its_deadline) = start(other.stdin(Stdio::piped())).unwrap();
    let parent = format!("--exit-with-parent={}", other.id());
    let mut server = Running::start(&mut mailjig(&["serve", "--ports=auto", "--json", &parent]));
    server.line();

    // Nobody has waited for it yet.
    other.kill().unwrap();
    server.rest();
    assert!(server.end().success());
    other.wait().unwrap();

    let said = output(&mut mailjig(&["serve", "--ports=auto", &parent]), "");
    let complaint = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(complaint.contains("cannot be observed: No such process"), "{complaint}");
    let wrong = output(&mut mailjig(&["serve", "--exit-with-parent=init"]), "");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("write `true`, `false` or the number of a process"));
}
