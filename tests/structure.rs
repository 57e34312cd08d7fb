//! ENVELOPE and BODYSTRUCTURE of every fixture, compared with what Python's email package parses from the same octets.

use std::fs;
use std::path::Path;
use std::process::Command;

use clients::support::{is_there, output};
use mailjig::MailServer;

#[path = "clients/mod.rs"]
mod clients;

/// Fixtures that Python parses differently: for Python, a header ends at the first line without a colon.
const OWN_MIND: &[&str] = &["broken-mime.eml"];

#[test]
fn python_reads_the_same_structure() {
    if !is_there("python3") {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let server = MailServer::start();
    let inbox = server.account("bob@example.org").inbox();
    let mut files: Vec<_> =
        fs::read_dir(root.join("fixtures/mail")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| !OWN_MIND.iter().any(|name| file.ends_with(name)));
    files.sort();
    for file in &files {
        inbox.add(fs::read(file).unwrap());
    }

    let mut python = Command::new("python3");
    python.arg(root.join("tests/clients/structure.py")).env("MAIL_PORT", server.imap().port().to_string());
    let output = output(&mut python, "");

    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), server.transcript().verbatim());
    assert!(files.len() > 10);
}
