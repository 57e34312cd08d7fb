//! `mailjig audit-tls`: verdicts and exit statuses, with clients of a few lines.

use std::process::Output;

use serde_json::Value;

use super::clients::support::{is_there, output};
use super::mailjig;

/// The imports of each client, and what it sends.
const PYTHON: &str = "
import os, signal, smtplib, ssl, sys
host, checked = 'localhost', ssl.create_default_context(cafile=os.environ['MAILJIG_CA_FILE'])
unchecked = ssl._create_unverified_context()
port = lambda name: int(os.environ[f'MAILJIG_{name}_PORT'])
def send(client):
    client.login('bob@example.org', 'hunter2')
    client.sendmail('a@example.org', 'bob@example.org', 'Subject: x\\r\\n\\r\\nhello\\r\\n')
    client.quit()
";
const CAREFUL: &str =
    "send(smtplib.SMTP_SSL(host, port('SMTPS'), context=checked, timeout=1, local_hostname='client'))";
const BLIND: &str =
    "send(smtplib.SMTP_SSL(host, port('SMTPS'), context=unchecked, timeout=1, local_hostname='client'))";
/// STARTTLS if it is announced.
const OPPORTUNISTIC: &str = "
client = smtplib.SMTP(host, port('SUBMISSION'), timeout=5, local_hostname='client')
client.ehlo()
if client.has_extn('starttls'):
    client.starttls(context=checked)
send(client)";
/// Keeps what came before TLS, and takes it for a reply under TLS.
const VULNERABLE: &str = r"
import re, socket
wire, rest = socket.create_connection((host, port('SMTP')), timeout=5), b''
def reply():
    global rest
    while not (end := re.search(rb'(?m)^\d{3} .*\n', rest)): rest += wire.recv(4096)
    rest = rest[end.end():]
def say(line):
    wire.sendall(line + b'\r\n')
    reply()
reply()
say(b'EHLO client')
say(b'STARTTLS')
wire = checked.wrap_socket(wire, server_hostname=host)
for line in [b'EHLO client', b'MAIL FROM:<a@example.org>', b'QUIT']: say(line)";
/// Hides that it was refused, hangs or kills itself, as its server says.
const ODD: &str = "
try:
    send(smtplib.SMTP_SSL(host, port('SMTPS'), context=checked, timeout=1, local_hostname='client'))
except ssl.SSLCertVerificationError as error:
    if 'expired' in str(error): sys.exit(0)
    if 'self' in str(error): signal.pause()
    os.kill(os.getpid(), signal.SIGSEGV)";

/// What an audit of this client ends with; `None` without Python.
fn audit(options: &[&str], client: &str) -> Option<Output> {
    let script = format!("{PYTHON}{client}");
    let arguments = [&["audit-tls"], options, &["--", "python3", "-c", &script]].concat();
    is_there("python3").then(|| output(&mut mailjig(&arguments), ""))
}

fn profiles(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("--profile={name}")).collect()
}

/// The status and the output of an audit with these profiles.
fn audited(names: &[&str], client: &str) -> Option<(Option<i32>, String)> {
    let options = profiles(names);
    let output = audit(&options.iter().map(String::as_str).collect::<Vec<_>>(), client)?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    Some((output.status.code(), String::from_utf8(output.stdout).unwrap()))
}

#[test]
fn a_client_that_verifies_refuses() {
    let names = ["wrong-host", "expired", "plaintext-on-tls-port", "handshake-close", "starttls-stripped"];
    let Some((status, said)) = audited(&names, CAREFUL) else { return };

    assert_eq!(status, Some(0), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn a_client_that_does_not_verify_leaks_and_its_password_is_not_shown() {
    let Some((status, said)) = audited(&["expired", "self-signed", "handshake-alert"], BLIND) else { return };

    assert_eq!(status, Some(1), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("AGJvYkBleGFtcGxlLm9yZwBodW50ZXIy"), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn a_client_that_goes_on_without_starttls_accepts_its_removal_only() {
    let names = ["expired", "starttls-stripped", "starttls-refused", "starttls-response-injection", "imap-preauth"];
    let Some((status, said)) = audited(&names, OPPORTUNISTIC) else { return };

    assert_eq!(status, Some(1), "{said}");
    insta::assert_snapshot!(said.split("\n\n").next().unwrap());
}

#[test]
fn a_client_that_takes_cleartext_for_a_reply_under_tls_accepts() {
    let Some((status, said)) = audited(&["starttls-response-injection"], VULNERABLE) else { return };

    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("accepted     it used the reply that was forged before TLS on smtp"), "{said}");
}

#[test]
fn a_client_that_hides_failures_hangs_or_dies_is_told_apart() {
    let options = ["--timeout=2", "--json", "--profile=expired", "--profile=self-signed", "--profile=wrong-host"];
    let Some(output) = audit(&options, ODD) else { return };
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(output.status.code(), Some(1), "{said}");
    let profiles = said["profiles"].as_array().unwrap();
    let verdict = |name: &str| profiles.iter().find(|its| its["profile"] == name).unwrap();
    assert_eq!(verdict("expired")["verdict"], "refused");
    assert_eq!(verdict("expired")["note"], "it reports success all the same: the failure is silent");
    assert_eq!(
        (&verdict("self-signed")["verdict"], &verdict("self-signed")["end"]),
        (&"hung".into(), &"ended at the time limit".into())
    );
    assert_eq!(
        (&verdict("wrong-host")["verdict"], &verdict("wrong-host")["why"]),
        (&"crashed".into(), &"died of SIGSEGV".into())
    );
}

#[test]
fn an_audit_that_proves_nothing_says_so() {
    for (options, command, status, why) in [
        (&[][..], &["true"][..], 3, "the client sends no command under TLS, so the audit proves nothing"),
        (&[], &["sh", "-c", "echo no such host; exit 7"], 3, "no such host"),
        (&[], &["no-such-program"], 127, "cannot be executed"),
        (&["--env=A={smpt.port}"], &["true"], 125, "did you mean `smtp.port`?"),
        (&["--scenario=smtp-greylist"], &["true"], 2, "leave out `--scenario`"),
        (&["--profile=splendid"], &["true"], 2, "`mailjig audit-tls --list` lists the profiles"),
        (&["pytest"], &[], 2, "tip: write `--` before the command, as in `mailjig audit-tls -- pytest`"),
    ] {
        let dashes = if command.is_empty() { &[][..] } else { &["--"] };
        let output = output(&mut mailjig(&[&["audit-tls"], options, dashes, command].concat()), "");

        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn the_profiles_are_listed() {
    let listed = output(&mut mailjig(&["audit-tls", "--list"]), "");

    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("expired                      expired a week ago\n"), "{listed}");
    assert!(listed.contains("starttls-stripped            STARTTLS is not announced, and refused\n"), "{listed}");
}
