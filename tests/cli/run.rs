//! `mailjig run`: environment, exit status, signals, verification.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use super::clients::running::Running;
use super::clients::support::{is_there, output};
use super::mailjig;
use super::terminal::in_terminal;

/// `mailjig run` with these options and this shell script.
fn run(options: &[&str], script: &str) -> Command {
    mailjig(&[&["run"], options, &["--", "sh", "-c", script, env!("CARGO_BIN_EXE_mailjig")]].concat())
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_command_gets_the_places_of_its_server() {
    let script = r#"
        "$0" ready >/dev/null && head -n1 "$MAILJIG_CA_FILE" &&
        [ "$MAILJIG_HTTP_URL" = "$MAILJIG_URL" ] && [ "$SMTP_URL" = "smtp://$SMTP_HOST:$SMTP_PORT" ] &&
        [ "$SMTP_URL $IMAP_URL $POP3_PORT" = "$MAILJIG_SMTP_URL $MAILJIG_IMAP_URL $MAILJIG_POP3_PORT" ] &&
        [ "$MAIL" = "$MAILJIG_SUBMISSION_HOST:$MAILJIG_SUBMISSION_PORT {$MAILJIG_CA_FILE}" ] &&
        echo "$IMAPS_HOST $MAILJIG_IMAPS_HOST $MAILJIG_TOKEN $GIVEN""#;
    let options =
        ["--env=MAIL={submission.host}:{submission.port} {{{ca_file}}}", "--env", "GIVEN=as it is", "--token=abcdefgh"];

    let said = said(&output(&mut run(&options, script), ""));
    assert_eq!(
        said,
        (Some(0), "-----BEGIN CERTIFICATE-----\n 127.0.0.1 abcdefgh as it is\n".to_owned(), String::new())
    );
}

#[test]
fn a_command_does_not_inherit_the_place_of_another_server() {
    let script = "echo ${POP3_HOST-none} ${MAILJIG_URL-none} ${MAILJIG_HTTP_PORT-none} ${IMAP_PORT+set}";
    let mut command = run(&["--pop3=off", "--http=off"], script);

    let others = [("POP3_HOST", "mail.example"), ("MAILJIG_URL", "http://mail.example"), ("IMAP_PORT", "143")];
    assert_eq!(said(&output(command.envs(others), "")).1, "none none none set\n");
}

#[test]
fn the_status_is_that_of_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "not a program").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("--imap={}", taken.local_addr().unwrap().port());

    for (options, command, status, why) in [
        (&[][..], &["sh", "-c", "exit 0"][..], 0, ""),
        (&[], &["sh", "-c", "exit 7"], 7, ""),
        (&[], &["sh", "-c", "kill -TERM $$"], 128 + 15, ""),
        (&[], &["sh", "-c", "kill -KILL $$"], 128 + 9, ""),
        (&[], &["no-such-program"], 127, "mailjig: the command `no-such-program` cannot be executed: No such file"),
        (&[], &[text.to_str().unwrap()], 126, "cannot be executed: Permission denied"),
        (&[taken.as_str()], &["true"], 125, "`--imap PORT` sets another port, `--imap off` turns the listener off"),
        (&["--env=A={smpt.port}"], &["true"], 125, "did you mean `smtp.port`? The placeholders are {smtp.host}, "),
        (&["--env=A={"], &["true"], 125, "`--env A={`: a brace that is not part of a placeholder is written twice"),
        (&["--env=A"], &["true"], 2, "write a name and a template, as in `MAIL_HOST={smtp.host}`"),
        (&[], &[], 2, "<COMMAND>"),
        (&["npm", "test"], &[], 2, "tip: write `--` before the command, as in `mailjig run -- npm`"),
    ] {
        let said = said(&output(&mut mailjig(&[&["run"], options, &["--"], command].concat()), ""));
        assert_eq!(said.0, Some(status), "{command:?}: {said:?}");
        assert!(if why.is_empty() { said.2.is_empty() } else { said.2.contains(why) }, "{command:?}: {said:?}");
    }
}

#[test]
fn signals_are_passed_to_the_command() {
    for name in ["INT", "TERM", "HUP"] {
        // A shell in the background, as here, ignores SIGINT unless it is told otherwise before it starts.
        let script = format!(
            "trap 'kill $!; echo got; exit 3' {name}; sleep 60 >/dev/null 2>&1 & echo ready; wait $!; echo not reached"
        );
        let mut command = run(&[], &script);
        if cfg!(target_os = "linux") {
            // The tests may have been started with these signals ignored.
            command = with_signals("--default-signal", &command);
        }
        let mut running = Running::start(&mut command);
        assert_eq!(running.line(), "ready");

        running.signal(name);

        let rest = running.rest();
        assert_eq!((running.end().code(), rest.as_str()), (Some(3), "got\n"), "{name}");
    }
}

/// The command with SIGINT, SIGTERM and SIGHUP as this option of `env` says.
fn with_signals(option: &str, command: &Command) -> Command {
    let mut env = Command::new("env");
    env.arg(format!("{option}=INT,TERM,HUP")).arg(command.get_program()).args(command.get_args());
    env.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    env
}

// Only Linux has /proc/self/status.
#[cfg(target_os = "linux")]
#[test]
fn signals_that_are_ignored_stay_ignored() {
    let script =
        "kill -HUP $PPID; kill -INT $PPID; kill -TERM $PPID; kill -HUP $$; kill -INT $$; kill -TERM $$; echo on";
    let ended = output(&mut with_signals("--ignore-signal", &run(&[], script)), "");
    assert_eq!(said(&ended), (Some(0), "on\n".to_owned(), String::new()));
}

#[test]
fn a_command_has_its_own_limit_of_open_files_and_the_server_has_more() {
    if !is_there("python3") {
        return;
    }
    // Each server listens on eight ports, so nine of them exceed the limit of the command.
    let add = "import os, urllib.error, urllib.request\n\
        servers = os.environ['MAILJIG_URL'] + '/v1/servers'\n\
        def add():\n\
        \x20 try: return urllib.request.urlopen(urllib.request.Request(servers, b'{}'), timeout=20)\n\
        \x20 except urllib.error.HTTPError: return None  # the limit has not been raised yet\n\
        for _ in range(9):\n\
        \x20 while not add(): pass";
    let script = format!("ulimit -Sn; python3 -c \"{add}\" && echo added");
    let limited = ["-c", "ulimit -Sn 64; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_mailjig"), "run", "--", "sh", "-c"];

    let ended = output(Command::new("sh").args(limited).arg(script), "");
    assert_eq!(said(&ended), (Some(0), "64\nadded\n".to_owned(), String::new()));
}

#[test]
fn findings_fail_the_verification_and_reports_are_written() {
    let session = "import socket, os\n\
        s = socket.create_connection((os.environ['SMTP_HOST'], int(os.environ['SMTP_PORT'])))\n\
        s.recv(99); s.sendall(b'XYZZY\\r\\n'); s.recv(99); s.sendall(b'QUIT\\r\\n')\n\
        while s.recv(99): pass";
    let reports = tempfile::tempdir().unwrap();
    for (options, status) in [
        (&["--fail-on-findings"][..], Some(1)),
        (&["--fail-on-findings=unknown-*,tag-reused"], Some(1)),
        (&["--fail-on-findings=!unknown-command"], Some(0)),
        (&[], Some(0)),
        (&["--fail-on-findings=unknwn"], Some(125)),
    ] {
        let folder = reports.path().join(format!("of{}", options.concat()));
        let mut command = mailjig(&[&["run"], options, &["--", "python3", "-c", session]].concat());
        let said = said(&output(command.env("MAILJIG_REPORTS", &folder), ""));
        let is_reported = said.2.contains("unknown-command: the client sent `XYZZY`");

        assert_eq!((said.0, is_reported), (status, status == Some(1)), "{options:?}: {said:?}");
        let files = fs::read_dir(&folder).map_or(0, Iterator::count);
        assert_eq!(files, if status == Some(1) { 3 } else { 0 }, "{options:?}");
    }
}

#[test]
fn what_the_scenario_expects_is_verified_after_the_command() {
    let scenario = &["--scenario=smtp-greylist"][..];
    let without = &["--scenario=smtp-greylist", "--verify=false"][..];
    for (options, script, status, is_reported) in [
        (scenario, "true", 1, true),
        (scenario, "echo out; exit 5", 5, true),
        (without, "true", 0, false),
        (&[], "true", 0, false),
    ] {
        let (code, out, complaint) = said(&output(&mut run(options, script), ""));
        assert_eq!(code, Some(status), "{options:?} {script}: {complaint}");
        assert_eq!(out, if script.contains("echo") { "out\n" } else { "" });
        let report = "mailjig: scenario smtp-greylist (seed 1): 2 of 2 expectations failed\n";
        assert_eq!(complaint.starts_with(report), is_reported, "{options:?}: {complaint}");
        assert_eq!(complaint.is_empty(), !is_reported);
    }
    let neither = said(&output(&mut mailjig(&["run", "--scenario=smtp-greylist", "--", "no-such-program"]), ""));
    assert!(neither.0 == Some(127) && !neither.2.contains("expectations"), "{neither:?}");
}

#[test]
fn servers_that_the_command_added_are_verified() {
    if !is_there("python3") {
        return;
    }
    // The second server is deleted, so it was verified and is not there any more.
    let add = "import json, os, urllib.request\n\
        def call(method, path, body=None):\n\
        \x20 request = urllib.request.Request(os.environ['MAILJIG_URL'] + path, body, method=method)\n\
        \x20 return json.load(urllib.request.urlopen(request, timeout=20))\n\
        unmet = json.dumps({'id': 'full', 'on': 'smtp.rcpt', 'do': {'reply': '452 4.2.2 full'}, 'expect': 1})\n\
        for verify in ['true', 'false']:\n\
        \x20 its = '/v1/servers/' + str(call('POST', '/v1/servers', b'{}')['id'])\n\
        \x20 call('POST', its + '/rules', unmet.encode())\n\
        call('DELETE', its + '?verify=false')\n\
        print('added')";
    let with = |options: &[&str]| {
        said(&output(&mut mailjig(&[&["run"], options, &["--", "python3", "-c", add]].concat()), ""))
    };

    let (code, out, report) = with(&["--verify"]);
    assert_eq!((code, out.as_str()), (Some(1), "added\n"), "{report}");
    insta::assert_snapshot!(report);
    assert_eq!(with(&["--verify=false"]), (Some(0), "added\n".to_owned(), String::new()));
}

/// A client that sends one message to `$SMTP_HOST`.
const SEND: &str = "import os, smtplib\n\
    with smtplib.SMTP(os.environ['SMTP_HOST'], int(os.environ['SMTP_PORT']), timeout=20) as smtp:\n\
    \x20 smtp.sendmail('ann@example.org', ['bob@example.org'], 'Subject: hi\\n\\nHello')\nprint('sent')";

#[test]
fn events_are_printed_if_asked_and_coloured_on_a_terminal_only() {
    if !is_there("python3") {
        return;
    }
    let sending = |options: &[&str]| {
        let mut command = mailjig(&[&["run"], options, &["--", "python3", "-c", SEND]].concat());
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        command
    };
    let captured = "m1 <ann@example.org> → <bob@example.org> \"hi\"";
    assert_eq!(said(&output(&mut sending(&[]), "")), (Some(0), "sent\n".to_owned(), String::new()));

    let (code, out, events) = said(&output(&mut sending(&["--verbose"]), ""));
    assert_eq!((code, out.as_str()), (Some(0), "sent\n"));
    assert!(events.contains(&format!("captured  {captured}")) && !events.contains('\x1b'), "{events}");
    assert!(events.trim_end().ends_with("ended     normally"), "{events}");

    let (_, _, events) = said(&output(&mut sending(&["--verbose", "--color=always"]), ""));
    assert!(events.contains(&format!("\x1b[32mcaptured \x1b[0m {captured}")), "{events}");

    for (variable, is_coloured) in [(None, true), (Some(("NO_COLOR", "1")), false), (Some(("TERM", "dumb")), false)] {
        let mut script = in_terminal(&sending(&["--verbose"]));
        script.envs(variable);
        let (code, shown, _) = said(&output(&mut script, ""));
        assert_eq!(code, Some(0));
        assert!(shown.contains(captured) && shown.contains('\x1b') == is_coloured, "{variable:?}: {shown:?}");
    }
}

#[test]
fn an_interrupt_from_the_terminal_reaches_the_command_once() {
    if !is_there("python3") {
        return;
    }
    let count = "import signal, sys\nseen = []\n\
        signal.signal(signal.SIGINT, lambda *_: (seen.append(1), print('interrupted', flush=True)))\n\
        print('ready', flush=True)\nsys.stdin.readline()\nprint('in all', len(seen), flush=True)";
    let mut running = Running::start(&mut in_terminal(&mailjig(&["run", "--", "python3", "-c", count])));

    running.until("ready");
    running.type_in("\x03");
    running.until("interrupted");
    running.type_in("go\n");
    assert!(running.until("in all").contains("in all 1"));
    assert!(running.end().success());
}
