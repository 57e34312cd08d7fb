//! Programs that call `mailjig send` in place of sendmail.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use super::clients::served::Served;
use super::clients::support::{is_there, output, run, succeeded};
use super::{last, smtp};

/// A program that finds `mailjig` in PATH, and the SMTP server in the environment.
fn program(name: &str, server: &Served) -> Command {
    let folder = Path::new(env!("CARGO_BIN_EXE_mailjig")).parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.env("PATH", env::join_paths([folder].into_iter().chain(env::split_paths(&path))).unwrap());
    command.env("MAILJIG_SMTP_URL", smtp(server));
    command
}

#[test]
fn php() {
    if !is_there("php") {
        return;
    }
    let server = Served::start(&["--account", "bob@example.org:secret"]);
    let mail = |to: &str| {
        let script = "exit(mail($argv[1], 'Welcome', \"Hello\\n.\\n\", ['From' => 'app@example.org', 'Bcc' => $argv[2]]) ? 0 : 3);";
        let mut php = program("php", &server);
        php.args([
            "-n",
            "-d",
            "sendmail_path=mailjig send -t -i -fapp@example.org",
            "-r",
            script,
            "--",
            to,
            "bob@example.org",
        ]);
        output(&mut php, "")
    };

    succeeded(&Command::new("php"), &mail("Bob <bob@example.org>"));
    let (from, recipients, raw) = last(&server);
    assert_eq!((from.as_str(), recipients), ("app@example.org", vec!["bob@example.org".to_owned()]));
    assert!(
        raw.contains("Subject: Welcome\r\n") && !raw.contains("Bcc") && raw.contains("\r\n\r\nHello\r\n.\r\n"),
        "{raw}"
    );

    let refused = mail("eve@example.org");
    assert_eq!(refused.status.code(), Some(3), "mail() returns false");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("the server refuses the recipient <eve@example.org>: 550")
    );
}

#[test]
fn git_send_email() {
    if !is_there("git send-email") {
        return;
    }
    let server = Served::start(&["--account", "bob@example.org:secret"]);
    let folder = tempfile::tempdir().unwrap();
    let patch = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: Ann <ann@example.org>\n\
                 Date: Thu, 1 Jan 2026 12:00:00 +0000\nSubject: [PATCH] x\n\n---\n+.\n.\n";
    fs::write(folder.path().join("1.patch"), patch).unwrap();
    let send = |to: &str| {
        let mut git = program("git", &server);
        git.args([
            "send-email",
            "--sendmail-cmd",
            "mailjig send",
            "--from=Ann <ann@example.org>",
            "--confirm=never",
            "--quiet",
        ]);
        git.args(["--envelope-sender=bounce@example.org", "--no-validate", "--suppress-cc=all", "--to", to, "1.patch"]);
        for name in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{name}_NAME"), "Ann").env(format!("GIT_{name}_EMAIL"), "ann@example.org");
        }
        // Neither the settings of the machine nor a repository.
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        git.current_dir(folder.path())
            .env("GIT_CEILING_DIRECTORIES", folder.path())
            .env("MAILJIG_SMTP_URL", smtp(&server));
        git
    };

    run(&mut send("Bob <bob@example.org>"), "");
    let (from, recipients, raw) = last(&server);
    assert_eq!((from.as_str(), recipients), ("bounce@example.org", vec!["bob@example.org".to_owned()]));
    assert!(raw.contains("\r\nSubject: [PATCH] x\r\n") && raw.ends_with("\r\n\r\n---\r\n+.\r\n.\r\n"), "{raw}");

    let refused = output(&mut send("eve@example.org"), "");
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("the server refuses the recipient <eve@example.org>: 550"), "{said}");
}

#[test]
fn mutt() {
    if !is_there("mutt") {
        return;
    }
    let server = Served::start(&["--account", "bob@example.org:secret"]);
    let folder = tempfile::tempdir().unwrap();
    let send = |to: &str| {
        let mut mutt = program("mutt", &server);
        mutt.args(["-n", "-F", "/dev/null", "-e", "set sendmail='mailjig send -oem -oi'"]);
        mutt.args(["-e", "set copy=no use_from=yes use_envelope_from=yes from=ann@example.org", "-s", "Minutes", to]);
        mutt.args(["-e", "set dsn_notify='failure,delay' dsn_return=hdrs"]);
        mutt.env("HOME", folder.path());
        mutt
    };

    run(&mut send("bob@example.org"), "We met.\n.\n");
    let (from, recipients, raw) = last(&server);
    assert_eq!((from.as_str(), recipients), ("ann@example.org", vec!["bob@example.org".to_owned()]));
    assert!(raw.contains("\r\nSubject: Minutes\r\n") && raw.ends_with("\r\n\r\nWe met.\r\n.\r\n"), "{raw}");
    let shown = server.told(&["show", "latest"]);
    let wanted = "  MAIL <ann@example.org> RET=HDRS\n  RCPT <bob@example.org> NOTIFY=FAILURE,DELAY\n";
    assert!(shown.contains(wanted), "{shown}");

    assert!(!output(&mut send("eve@example.org"), "text").status.success());
}
