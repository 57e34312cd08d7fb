//! The binary: arguments, output, exit status and signals.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::process::{Command, Stdio};

use clients::api_client::ApiClient;
use clients::credentials::{assert_none, broken_logins};
use clients::deadline::connect;
use clients::line_client::{LineClient, talk};
use clients::running::Running;
use clients::support::{is_there, output, run, start};
use data_encoding::BASE64;
use serde_json::Value;

#[path = "clients/mod.rs"]
mod clients;

#[path = "cli/audit.rs"]
mod audit;
#[path = "cli/config.rs"]
mod config;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/parent.rs"]
mod parent;
#[path = "cli/run.rs"]
mod run_command;
#[path = "cli/terminal.rs"]
mod terminal;
#[path = "cli/webhook.rs"]
mod webhook;

fn mailjig(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailjig"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server that prints what happens.
fn serve(options: &[&str]) -> Running {
    Running::start(&mut mailjig(&[&["serve", "--ports", "auto"], options].concat()))
}

/// A server that prints JSON, and its endpoints.
fn serve_json(options: &[&str]) -> (Running, Value) {
    let mut server = serve(&[&["--json"], options].concat());
    let ready = serde_json::from_str(&server.line()).unwrap();
    (server, ready)
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn port(ready: &Value, name: &str) -> u16 {
    u16::try_from(ready["endpoints"][name]["port"].as_u64().unwrap()).unwrap()
}

#[test]
fn a_server_prints_endpoints_and_events_and_stops_at_a_signal() {
    let (mut server, ready) = serve_json(&[]);

    let mut client = connect(loopback(port(&ready, "smtp")));
    client
        .write_all(
            b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<>\r\nDATA\r\nSubject: hi\r\n.\r\n",
        )
        .unwrap();
    let captured: Value = serde_json::from_str(&server.until("captured")).unwrap();
    assert_eq!(captured["session"], "s1");
    assert_eq!(captured["text"], "m1 <a@b.example> → <c@d.example> \"hi\" (13 octets)");

    server.signal("TERM");
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(said.ends_with("421 4.3.2 I am shutting down\r\n"), "{said}");
    assert!(server.end().success());
}

#[test]
fn plain_output_has_endpoints_bounds_and_events() {
    let mut server = serve(&[]);

    assert!(server.line().starts_with("mailjig "));
    let smtp = server.until("smtp ");
    server.until("http ");
    assert!(server.until("CA certificate for TLS clients").ends_with("/v1/tls/ca.pem"));
    assert!(server.line().starts_with("web page: http://"));
    assert_eq!(server.line(), "keeps the last 10000 messages, at most 1073741824 octets");
    let port = smtp.rsplit(':').next().unwrap();
    talk(format!("127.0.0.1:{port}").parse().unwrap(), "XYZZY\nQUIT\n");
    assert!(server.until("refused").contains("XYZZY → 500 5.5.2"));
    server.signal("INT");
    assert!(server.end().success());
}

#[test]
fn each_event_is_a_line_and_no_line_has_a_credential() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("full.toml");
    let rule = "mailjig = 1\n[[rule]]\nid = \"full\"\non = \"smtp.rcpt\"\ndo = { reply = \"452 4.2.2 full\" }\n";
    fs::write(&scenario, rule).unwrap();
    let options = ["--account", "bob@example.org:hunter2", "--scenario", scenario.to_str().unwrap(), "--smtp", "0"];
    let mut server = serve(&options);
    let port: u16 = server.until("smtp ").rsplit(':').next().unwrap().parse().unwrap();
    server.until("keeps");

    let credentials = |password: &str| BASE64.encode(format!("\0bob@example.org\0{password}").as_bytes());
    let (wrong, right) = (credentials("hunter1"), credentials("hunter2"));
    let lines = format!(
        "EHLO x\nAUTH GSSAPI\n{wrong}\nAUTH PLAIN {wrong}\nAUTH PLAIN\n{right}\nMAIL FROM:<a@b.example>\n\
         RCPT TO:<bob@example.org>\nQUIT\n"
    );
    talk(loopback(port), &lines);

    let told = server.lines_until("ended");
    let told: Vec<&str> = told.lines().collect();
    assert!(told[0].starts_with("s1    opened    smtp from 127.0.0.1:"), "{told:?}");
    assert_eq!(
        told[1..],
        [
            "s1    refused   AUTH GSSAPI → 504 5.5.4 Unrecognized authentication type",
            "s1    refused   … → 500 5.5.2",
            "s1    login     bob@example.org refused: 535 5.7.8 Authentication credentials invalid",
            "s1    login     bob@example.org accepted",
            "s1    fired     full at smtp.rcpt, match 1",
            "s1    refused   RCPT TO:<bob@example.org> → 452 4.2.2 full",
            "s1    ended     normally",
        ]
    );
}

#[test]
fn an_interrupted_login_is_in_no_line() {
    let (mut server, ready) = serve_json(&[]);
    let logins = broken_logins();

    for (protocol, said) in &logins {
        let mut client = connect(loopback(port(&ready, protocol)));
        client.write_all(said.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let _reset = client.read_to_end(&mut Vec::new());
        assert_none(&server.lines_until("ended"), &said[..said.len().min(80)]);
    }
}

#[test]
fn unread_output_does_not_delay_mail() {
    let (_server, ready) = serve_json(&[]);
    let mut client = LineClient::greeted(loopback(port(&ready, "smtp")));

    client.ask("HELO x");
    // Each prints a line; a pipe holds 64 KiB.
    for _ in 0..2000 {
        client.say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA");
        (0..3).for_each(|_| drop(client.line()));
        assert!(client.ask("Subject: hi\r\n.").starts_with("250 "));
    }
}

#[test]
fn files_are_written_once_everything_is_bound() {
    let folder = tempfile::tempdir().unwrap();
    let (ready, ca) = (folder.path().join("ready.json"), folder.path().join("ca.pem"));
    let options = ["--ready-file", ready.to_str().unwrap(), "--ca-file", ca.to_str().unwrap(), "--smtps", "off"];
    let mut server = serve(&options);
    server.until("keeps");

    let ready: Value = serde_json::from_str(&fs::read_to_string(ready).unwrap()).unwrap();
    let names: Vec<_> = ready["endpoints"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["http", "imap", "imaps", "lmtp", "pop3", "pop3s", "smtp", "submission"]);
    assert!(fs::read_to_string(ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    ApiClient::at(ready["endpoints"]["http"]["url"].as_str().unwrap()).ok("/v1/health");
}

// Only Linux has all of 127.0.0.0/8 without any configuration.
#[cfg(target_os = "linux")]
#[test]
fn the_certificate_is_valid_for_the_addresses_of_the_listeners() {
    if !is_there("openssl") {
        return;
    }
    let ca = tempfile::NamedTempFile::new().unwrap();
    let options = ["--bind", "127.0.0.2", "--ca-file", ca.path().to_str().unwrap()];
    let (_server, ready) = serve_json(&options);

    let address = format!("127.0.0.2:{}", port(&ready, "smtps"));
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-quiet", "-verify_return_error", "-verify_ip", "127.0.0.2", "-CAfile"]);
    run(openssl.arg(ca.path()).args(["-connect", &address]), "QUIT\r\n");
}

#[test]
fn a_reader_of_the_list_of_scenarios_may_close_the_pipe() {
    let (mut list, _deadline) = start(&mut mailjig(&["scenarios"])).unwrap();
    drop(list.stdout.take());
    let ended = list.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn starttls_is_set_for_each_listener() {
    let options = ["--smtp-starttls", "never", "--imap-starttls=before-login", "--pop3-starttls=before-anything"];
    let (_server, ready) = serve_json(&options);

    let endpoints = ["smtp", "submission", "smtps", "lmtp", "imap", "pop3"].map(|name| &ready["endpoints"][name]);
    let starttls = endpoints.map(|endpoint| endpoint["starttls"].as_str());
    let wanted = ["never", "before-login", "", "offered", "before-login", "before-anything"];
    assert_eq!(starttls.map(Option::unwrap_or_default), wanted);
    let login = endpoints.map(|endpoint| endpoint["login_required"].as_bool().unwrap());
    assert_eq!(login, [false, true, true, false, true, true]);
}

#[test]
fn the_error_for_a_taken_port_names_its_listener() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    for listener in ["smtp", "submission", "smtps", "lmtp", "imap", "imaps", "pop3", "pop3s", "http"] {
        let output = output(&mut mailjig(&["serve", "--ports", "auto", &format!("--{listener}"), &address]), "");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            error.starts_with(&format!("mailjig: the {listener} listener cannot bind {address}: another")),
            "{error}"
        );
    }
}

#[test]
fn the_error_for_a_wrong_option_says_what_is_right() {
    for (option, right) in [
        ("--smtp=everywhere", "write a port such as `2525`, an address such as `0.0.0.0:2525`, or `off`"),
        ("--account=bob", "write a login and a password, as in `bob@example.org:secret`"),
        ("--max-size=big", "write a size such as `1000000`, `25MiB` or `1GB`"),
        ("--subaddress-separator=x", "write one punctuation character, such as `+` or `-`, or `off`"),
        ("--idle-timeout=0s", "write a time such as `30s` or `5m`"),
    ] {
        let output = output(&mut mailjig(&["serve", option]), "");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains(right), "{option}");
    }
}

#[test]
fn scenarios_are_listed_checked_and_served() {
    let listed = output(&mut mailjig(&["scenarios"]), "");
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("smtp-greylist") && listed.contains("a 451 is temporary"), "{listed}");
    let printed = output(&mut mailjig(&["scenarios", "smtp-greylist"]), "");
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (folder.path().join("smtp-greylist.toml"), folder.path().join("wrong.toml"));
    fs::write(&right, &printed.stdout).unwrap();
    fs::write(&wrong, "mailjig = 1\n[[rule]]\non = \"smtp.rcp\"\ndo = { close = \"fin\" }\n").unwrap();

    let checked = output(&mut mailjig(&["check", right.to_str().unwrap()]), "");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let checked = output(&mut mailjig(&["check", right.to_str().unwrap(), wrong.to_str().unwrap()]), "");
    let complaint = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(1));
    assert!(complaint.contains("wrong.toml:3:6: unknown event `smtp.rcp`"), "{complaint}");
    assert!(complaint.contains("^^^^^^^^^^ did you mean `smtp.rcpt`?"), "{complaint}");

    let refused = output(&mut mailjig(&["serve", "--ports", "auto", "--scenario", wrong.to_str().unwrap()]), "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("wrong.toml:3:6"));
    for (arguments, wanted) in [
        (["--scenario", "no/such.toml"], "no/such.toml: the file cannot be read"),
        (["--scenario", "smtp-greylst"], "did you mean `smtp-greylist`?"),
        (["--account=bob:secret", "--account=Bob:other"], "`--account`: there is already an account `Bob`"),
        (
            ["--ca-file", "/no/such/ca.pem"],
            "`--ca-file`: /no/such/ca.pem cannot be written: No such file or directory (os error 2)\n",
        ),
        (["--ready-file", "/no/such/file"], "`--ready-file`: /no/such/file cannot be written: No such file"),
        (
            ["--bind", "192.0.2.1"],
            "`--bind IP` sets the address of all listeners, and `--smtp IP:PORT` that of this one",
        ),
        (["--namespace", "a//b"], "`--namespace a//b` is not a valid namespace: a level of the name is empty"),
    ] {
        let refused = output(&mut mailjig(&[&["serve", "--ports", "auto"][..], &arguments].concat()), "");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(wanted), "{said}");
    }
    let mut running = serve(&["--scenario", "smtp-421-after-n", "--set", "n=0", "--seed", "7"]);
    let smtp = running.until("smtp ");
    let port: u16 = smtp.rsplit(':').next().unwrap().parse().unwrap();
    assert!(running.until("scenario:").contains("smtp-421-after-n"));
    let answers = talk(loopback(port), "HELO me\nMAIL FROM:<a@example.org>\n");
    assert!(answers.ends_with("421 4.7.0 Too many messages in this session, reconnect\r\n"), "{answers}");
}

#[test]
fn an_error_that_nobody_reads_has_its_status() {
    for (arguments, status) in [
        (&["ready", "--url", "http://127.0.0.1:1", "--timeout", "1ms"][..], 2),
        (&["serve", "--ports", "auto", "--scenario", "nothing"], 1),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (mut process, _deadline) = start(mailjig(arguments).stderr(writer)).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn a_host_name_has_no_port() {
    let refused = output(&mut mailjig(&["serve", "--ports", "auto", "--allow-host", "mail:8025"]), "");

    assert_eq!(refused.status.code(), Some(2));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("a name has no port: write `mail`"), "{text}");
    let mut running = serve(&["--json", "--quiet", "--allow-host", "::1"]);
    assert!(running.line().contains("endpoints"));
}
