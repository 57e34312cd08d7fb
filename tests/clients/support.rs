//! Shared code of the tests with real clients: the ways to connect, and how to find and run a client program.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// How a client connects to the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Road {
    Plain,
    Starttls,
    Implicit,
}

pub(crate) const ROADS: [Road; 3] = [Road::Plain, Road::Starttls, Road::Implicit];

impl Road {
    /// Its name, for scripts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Road::Plain => "plain",
            Road::Starttls => "starttls",
            Road::Implicit => "implicit",
        }
    }
}

/// Every real client: its name, and a command that succeeds if it is installed.
const CLIENTS: &[(&str, &[&str])] = &[
    ("Authlib", &["target/clients/venv/bin/python", "-c", "import authlib, requests"]),
    ("certtool", &["certtool", "--version"]),
    ("chromium with playwright-core", &["node", "-e", CHROMIUM]),
    ("crate mailhog-rs", &["test", "-x", "target/clients/mailhog-rust/debug/mailhog-client"]),
    ("crate mailpit_client", &["test", "-x", "target/clients/mailpit-rust/debug/mailpit-rust"]),
    ("curl", &["curl", "--version"]),
    ("fetchmail", &["fetchmail", "--version"]),
    ("gnutls-cli", &["gnutls-cli", "--version"]),
    ("go", &["go", "version"]),
    ("gsasl", &["gsasl", "--version"]),
    ("git send-email", &["sh", "-c", "test -x \"$(git --exec-path)/git-send-email\""]),
    ("imapflow", &["node", "-e", "require('imapflow')"]),
    ("java with JUnit and Jakarta Mail", &["javap", "-cp", JARS, "jakarta.mail.Session", "org.junit.jupiter.api.Test"]),
    ("mbsync", &["mbsync", "--version"]),
    ("mpop", &["mpop", "--version"]),
    ("msmtp", &["msmtp", "--version"]),
    ("mutt", &["mutt", "-v"]),
    ("node-imap", &["node", "-e", "require('imap')"]),
    ("npm cypress-mailhog", &["node", "-e", "require.resolve('cypress-mailhog')"]),
    ("npm cypress-mailpit", &["node", "-e", "require.resolve('cypress-mailpit')"]),
    ("npm mailhog", &["node", "-e", "require('mailhog')"]),
    ("npm mailpit-api", &["node", "-e", "require('mailpit-api')"]),
    ("nodemailer", &["node", "-e", "require('nodemailer')"]),
    ("openssl", &["openssl", "version"]),
    ("perl", &["perl", "-MNet::SMTP", "-e1"]),
    ("perl Mail::IMAPClient", &["perl", "-MMail::IMAPClient", "-MIO::Socket::SSL", "-e1"]),
    ("perl Sisimai", &["perl", "-MSisimai", "-MNet::POP3", "-e1"]),
    ("php", &["php", "--version"]),
    ("PyPI aiosmtplib", &["venv", "-c", "import aiosmtplib"]),
    ("PyPI dkimpy", &["venv", "-c", "import dkim, nacl"]),
    ("PyPI flufl.bounce", &["venv", "-c", "import flufl.bounce"]),
    ("PyPI jsonschema", &["venv", "-c", "import jsonschema"]),
    ("PyPI mailhog", &["venv", "-c", "import mailhog.main"]),
    ("PyPI mailpit-api-client", &["venv", "-c", "import mailpit.client.api"]),
    ("PyPI pytest-mailpit", &["venv", "-c", "import pytest_mailpit"]),
    ("pytest", &["venv", "-c", "import pytest, xdist"]),
    ("python3", &["python3", "--version"]),
    ("ruby minitest", &["ruby", "-rminitest", "-rnet/smtp", "-e0"]),
    ("ruby net-imap", &["ruby", "-rnet/imap", "-e0"]),
    ("swaks", &["swaks", "--version"]),
];

const CHROMIUM: &str = "require('playwright-core'); require('axe-core'); require('nodemailer'); \
                        require('fs').accessSync('/usr/bin/chromium')";

/// Where Debian has the libraries of the example in Java.
const JARS: &str = "/usr/share/java/jakarta-mail.jar:/usr/share/java/junit-platform-console-standalone.jar";

/// Runs a program of the folder in Java, with Jakarta Mail.
pub(crate) fn jakarta(program: &str) -> Command {
    let mut java = interpreter("java");
    java.args(["-cp", "/usr/share/java/jakarta-mail.jar:/usr/share/java/jakarta-activation.jar"]);
    // Compiled quickly, because it runs once.
    java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]).arg(folder().join(program));
    java
}

/// Whether this client is installed. With `MAILJIG_ALL_CLIENTS` set, it must be.
pub(crate) fn is_there(client: &str) -> bool {
    let (_, probe) = CLIENTS.iter().find(|(name, _)| *name == client).expect("it is in the table");
    let mut command = interpreter(probe[0]);
    command.args(&probe[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = start(&mut command).and_then(|(mut child, _deadline)| child.wait());
    let found = status.is_ok_and(|status| status.success());
    assert!(found || std::env::var_os("MAILJIG_ALL_CLIENTS").is_none(), "{client} is not installed");
    found
}

/// The clients that are not installed: the tests that need them are skipped.
pub(crate) fn missing() -> Vec<&'static str> {
    CLIENTS.iter().map(|(name, _)| *name).filter(|name| !is_there(name)).collect()
}

/// The folder of the scripts.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// An interpreter that finds the modules that scripts import. `venv` is Python with packages from PyPI.
pub(crate) fn interpreter(language: &str) -> Command {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients");
    let mut command = match language {
        "venv" => Command::new(packages.join("venv/bin/python")),
        language => Command::new(language),
    };
    command
        .env("NODE_PATH", packages.join("node_modules"))
        .env("PYTHONPATH", folder())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs a command that must succeed; returns its output.
pub(crate) fn run(command: &mut Command, input: &str) -> String {
    let output = output(command, input);
    succeeded(command, &output)
}

/// Runs a command to its end.
pub(crate) fn output(command: &mut Command, input: &str) -> Output {
    output_within(TWO_MINUTES, command, input)
}

/// Runs a command to its end, which must come within this time.
pub(crate) fn output_within(time: Duration, command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = start_within(time, command);
    let (mut child, _deadline) = started.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    // A client that fails early does not read all of it; its exit status shows that.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// While this lives, a command that takes too long is killed, with all its child processes.
pub(crate) struct Deadline {
    _over: Sender<()>,
}

const TWO_MINUTES: Duration = Duration::from_secs(120);

/// Starts a command that may take two minutes: a client that hangs fails the test.
pub(crate) fn start(command: &mut Command) -> std::io::Result<(Child, Deadline)> {
    start_within(TWO_MINUTES, command)
}

fn start_within(time: Duration, command: &mut Command) -> std::io::Result<(Child, Deadline)> {
    let child = command.process_group(0).spawn()?;
    let group = format!("-{}", child.id());
    let (over, is_over) = mpsc::channel::<()>();
    thread::spawn(move || {
        if is_over.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
    });
    Ok((child, Deadline { _over: over }))
}

/// The output of a command, which must have succeeded.
pub(crate) fn succeeded(command: &Command, output: &Output) -> String {
    let (printed, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed: {}\n{printed}\n{complaint}", output.status);
    printed.into_owned()
}
