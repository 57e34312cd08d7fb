//! `mailjig send`: the options of sendmail, messages composed from options, and the exit statuses of sysexits.h.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::Output;
use std::thread;

use clients::api_client::NONE;
use clients::deadline::DEADLINE;
use clients::served::{Served, mailjig};
use clients::support::{output, succeeded};
use serde_json::Value;

#[path = "clients/mod.rs"]
mod clients;
#[path = "cli/programs.rs"]
mod programs;

/// Sends over the server's SMTP listener, as the user `ann`.
fn send(server: &Served, arguments: &[&str], input: &str) -> Output {
    let mut command = mailjig(&[&["send"], arguments].concat());
    command.env("MAILJIG_SMTP_URL", smtp(server)).env("LOGNAME", "ann");
    output(&mut command, input)
}

fn smtp(server: &Served) -> &str {
    server.ready["endpoints"]["smtp"]["url"].as_str().unwrap()
}

/// Sender, recipients and octets of the last message.
fn last(server: &Served) -> (String, Vec<String>, String) {
    let listed = server.told(&["messages", "--json"]);
    let message: Value = serde_json::from_str(listed.lines().last().unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let envelope = &message["envelope"];
    let recipients = envelope["recipients"].as_array().unwrap().iter().map(|its| text(&its["address"])).collect();
    (text(&envelope["from"]["address"]), recipients, server.told(&["show", &text(&message["id"]), "--raw"]))
}

/// The octets without the fields that differ in each run.
fn stable(raw: &str) -> String {
    let changes = |line: &&str| line.starts_with("Date: ") || line.starts_with("Message-ID: ");
    raw.split_inclusive("\r\n").filter(|line| !changes(line)).collect()
}

#[test]
fn the_options_of_sendmail_are_understood() {
    let server = Served::start(&[]);
    let to_bob = "To: Bob <bob@example.org>\nSubject: hi\n\ntext\n";
    let of_bob = "To: Bob <bob@example.org>\r\nSubject: hi\r\n";

    for (arguments, input, from, recipients, raw) in [
        // PHP, cron, git send-email, mutt, and mail transports of web frameworks.
        (
            &["-t", "-i", "-fapp@example.org"][..],
            "To: bob@example.org,\n carol@example.org\nBcc: eve@example.org\nFrom: app@example.org\n\n.\n",
            "app@example.org",
            &["bob@example.org", "carol@example.org", "eve@example.org"][..],
            "To: bob@example.org,\r\n carol@example.org\r\nFrom: app@example.org\r\n\r\n.\r\n".to_owned(),
        ),
        (
            &["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"],
            "From: root (Cron Daemon)\nSubject: Cron\n\ndone\n",
            "ann@localhost",
            &["root@localhost"],
            "From: root (Cron Daemon)\r\nSubject: Cron\r\n\r\ndone\r\n".to_owned(),
        ),
        (
            &["-f", "dev@example.org", "-i", "bob@example.org", "carol@example.org"],
            "From: dev@example.org\nSubject: [PATCH] x\n\n",
            "dev@example.org",
            &["bob@example.org", "carol@example.org"],
            "From: dev@example.org\r\nSubject: [PATCH] x\r\n\r\n".to_owned(),
        ),
        (
            &["-oem", "-oi", "-f", "ann@example.org", "--", "bob@example.org"],
            "From: ann@example.org\n\n.\n",
            "ann@example.org",
            &["bob@example.org"],
            "From: ann@example.org\r\n\r\n.\r\n".to_owned(),
        ),
        // The rest of the options, one by one.
        (&["-bm", "bob@example.org"], to_bob, "ann@localhost", &["bob@example.org"], {
            format!("{of_bob}From: <ann@localhost>\r\n\r\ntext\r\n")
        }),
        (
            &["-r", "app@example.org", "-F", "The App", "bob@example.org"],
            to_bob,
            "app@example.org",
            &["bob@example.org"],
            { format!("{of_bob}From: \"The App\" <app@example.org>\r\n\r\ntext\r\n") },
        ),
        (&["-f", "<>", "bob@example.org"], "From: x@y.example\n\n", "", &["bob@example.org"], {
            "From: x@y.example\r\n\r\n".to_owned()
        }),
        (
            &["-O", "DeliveryMode=b", "-odb", "-q", "bob@example.org"],
            "From: x@y.example\n\n",
            "ann@localhost",
            &["bob@example.org"],
            "From: x@y.example\r\n\r\n".to_owned(),
        ),
        // A line with a dot ends the message, and other lines that begin with a dot are kept.
        (&["bob@example.org"], "From: x@y.example\n\n..\n.\nnot sent\n", "ann@localhost", &["bob@example.org"], {
            "From: x@y.example\r\n\r\n..\r\n".to_owned()
        }),
        (
            &["bob@example.org,carol@example.org", "bob@example.org"],
            "no header",
            "ann@localhost",
            { &["bob@example.org", "carol@example.org"] },
            "From: <ann@localhost>\r\n\r\nno header\r\n".to_owned(),
        ),
        // Bcc is removed only if the recipients are taken from it.
        (&["bob@example.org"], "From: x@y.example\nBcc: eve@example.org\n\n", "ann@localhost", &["bob@example.org"], {
            "From: x@y.example\r\nBcc: eve@example.org\r\n\r\n".to_owned()
        }),
        (&["-t", "carol@example.org"], to_bob, "ann@localhost", &["bob@example.org", "carol@example.org"], {
            format!("{of_bob}From: <ann@localhost>\r\n\r\ntext\r\n")
        }),
        (&["jörg@example.org"], "From: x@y.example\n\nGrüße\n", "ann@localhost", &["jörg@example.org"], {
            "From: x@y.example\r\n\r\nGrüße\r\n".to_owned()
        }),
    ] {
        let sent = send(&server, arguments, input);

        let complaint = String::from_utf8_lossy(&sent.stderr);
        assert!(sent.status.success() && sent.stdout.is_empty() && complaint.is_empty(), "{arguments:?}: {complaint}");
        let (its_from, its_recipients, its_raw) = last(&server);
        assert_eq!((its_from.as_str(), its_recipients), (from, recipients.iter().map(|its| its.to_string()).collect()));
        assert_eq!(stable(&its_raw), raw, "{arguments:?}");
        assert!(its_raw.contains("\r\nDate: ") && its_raw.contains("\r\nMessage-ID: <"), "{its_raw}");
    }
}

#[test]
fn notifications_are_asked_for_if_the_server_announces_dsn() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.toml");
    fs::write(&old, "mailjig = 1\n[server.smtp]\ncaps.remove = ['DSN']\n").unwrap();
    let (server, old) = (Served::start(&[]), Served::start(&["--scenario", old.to_str().unwrap()]));
    let envelope = |server: &Served| {
        let listed = server.told(&["messages", "--json"]);
        serde_json::from_str::<Value>(listed.lines().last().unwrap()).unwrap()["envelope"].take()
    };

    for (options, ret, id, notify) in [
        (&["-Nsuccess,delay", "-R", "HDRS", "-V", "a+b=c d"][..], "HDRS", "a+2Bb+3Dc+20d", "SUCCESS,DELAY"),
        (&["-N", "never"], "", "", "NEVER"),
        (&["-R", "full"], "FULL", "", ""),
        (&["-Vx1", "-i"], "", "x1", ""),
    ] {
        let arguments = [options, &["bob@example.org", "eve@example.org"]].concat();
        let sent = send(&server, &arguments, "hello\n");

        assert!(sent.status.success() && sent.stderr.is_empty(), "{options:?}: {sent:?}");
        let its = envelope(&server);
        let mail = &its["from"]["parameters"];
        let sent_with = |keyword: &str| mail[keyword].as_str().unwrap_or_default();
        assert_eq!((sent_with("RET"), sent_with("ENVID")), (ret, id), "{options:?}");
        for recipient in its["recipients"].as_array().unwrap() {
            assert_eq!(recipient["parameters"]["NOTIFY"].as_str().unwrap_or_default(), notify, "{options:?}");
        }
        let sent = send(&old, &arguments, "hello\n");
        let said = String::from_utf8(sent.stderr).unwrap();
        assert!(sent.status.success(), "{options:?}: {said}");
        assert_eq!(said, "mailjig: the server does not announce DSN, so `-N`, `-R` and `-V` have no effect\n");
        assert!(envelope(&old)["from"]["parameters"].get("RET").is_none());
    }
    for (option, value, right) in [
        ("-N", "always", "NOTIFY must be NEVER, or SUCCESS, FAILURE and DELAY separated by commas"),
        ("-R", "some", "RET must be FULL or HDRS"),
        ("-V", "", "it must not be empty"),
        ("-V", "jürgen", "ENVID must be printable ASCII when decoded"),
    ] {
        let sent = send(&server, &[option, value, "bob@example.org"], "");
        assert_eq!(sent.status.code(), Some(2), "{option} {value}");
        assert!(String::from_utf8_lossy(&sent.stderr).contains(right), "{option} {value}: {sent:?}");
    }
}

#[test]
fn a_message_is_composed_from_options() {
    let server = Served::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.bin");
    fs::write(&file, b"\0\xff").unwrap();
    let options = [
        "--from=Ann <ann@example.org>",
        "--to=Bob <bob@example.org>, carol@example.org",
        "--subject=Grüße",
        "--body=-",
        "--html=<b>hi</b>",
        "--attach",
        file.to_str().unwrap(),
        "--json",
        "eve@example.org",
    ];

    let sent = send(&server, &options, "We met.\n");

    let printed: Value = serde_json::from_str(&succeeded(&mailjig(&[]), &sent)).unwrap();
    insta::assert_json_snapshot!(printed);
    let shown = server.told(&["show", "m1"]);
    let lines = shown.lines().filter(|line| !line.starts_with("Date: ") && !line.starts_with("Message-ID: "));
    insta::assert_snapshot!(lines.skip(1).collect::<Vec<_>>().join("\n"));
    assert_eq!(server.told(&["show", "m1", "--html"]), "<b>hi</b>");
    assert_eq!(server.ask(&["show", "m1", "--part", "2"]).stdout, b"\0\xff");
}

#[test]
fn a_refusal_has_the_exit_status_of_sysexits() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("refusals.toml");
    let rule = |event: &str, field: &str, value: &str, step: &str| {
        format!("[[rule]]\non = \"{event}\"\nwhen = {{ {field} = \"{value}\" }}\ndo = {step}\n")
    };
    let rules = [
        rule("smtp.mail", "from", "early@*", r#"{ reply = "451 4.7.1 later" }"#),
        rule("smtp.mail", "from", "login@*", r#"{ reply = "530 5.7.0 Must issue STARTTLS first" }"#),
        rule("smtp.rcpt", "rcpt", "unknown@*", r#"{ reply = "550 5.1.1 no such user" }"#),
        rule("smtp.rcpt", "rcpt", "full@*", r#"{ reply = "452 4.2.2 full" }"#),
        rule("smtp.rcpt", "rcpt", "denied@*", r#"{ reply = "550 5.7.1 not for you" }"#),
        rule("smtp.rcpt", "rcpt", "odd@*", r#"{ raw = 'ok\r\n' }"#),
        rule("smtp.rcpt", "rcpt", "reset@*", r#"{ close = "rst" }"#),
        rule("smtp.rcpt", "rcpt", "leave@*", r#"[{ reply = "421 4.3.2 down" }, { close = "fin" }]"#),
        rule("smtp.rcpt", "rcpt", "stall@*", r#"{ stall = "conn" }"#),
        rule("smtp.message", "from", "spam@*", r#"{ reply = "554 5.6.0 spam" }"#),
    ];
    fs::write(&scenario, format!("mailjig = 1\n{}", rules.concat())).unwrap();
    let server = Served::start(&["--scenario", scenario.to_str().unwrap()]);

    for (from, to, status, error) in [
        (
            "early@a.example",
            &["bob@b.example"][..],
            75,
            "the server refuses the sender <early@a.example>: 451 4.7.1 later",
        ),
        ("login@a.example", &["bob@b.example"], 77, "530 5.7.0 Must issue STARTTLS first"),
        ("ann@a.example", &["unknown@b.example"], 67, "the recipient <unknown@b.example>: 550 5.1.1 no such user"),
        ("ann@a.example", &["bob@b.example", "unknown@b.example", "full@b.example"], 67, "<full@b.example>: 452 4.2.2"),
        ("ann@a.example", &["full@b.example"], 75, "452 4.2.2 full"),
        ("ann@a.example", &["denied@b.example"], 77, "550 5.7.1 not for you"),
        ("ann@a.example", &["odd@b.example"], 76, "the server's reply is not SMTP: ok"),
        ("ann@a.example", &["reset@b.example"], 75, "the connection to the server was lost: "),
        ("ann@a.example", &["leave@b.example"], 75, "421 4.3.2 down"),
        ("spam@a.example", &["bob@b.example"], 69, "the server refuses the message: 554 5.6.0 spam"),
        ("ann@a.example", &["@"], 65, "no recipient"),
        ("ann@a.example", &[], 65, "write recipients as arguments, with `--to`, or with `-t` in the header"),
    ] {
        let sent = send(&server, &[&["-f", from], to].concat(), "hello\n");
        let said = String::from_utf8_lossy(&sent.stderr);
        assert_eq!(sent.status.code(), Some(status), "{from} {to:?}: {said}");
        assert!(said.contains(error), "{from} {to:?}: {said}");
    }
    let stalled = send(&server, &["--timeout", "200ms", "stall@b.example"], "hello\n");
    assert_eq!(stalled.status.code(), Some(75));
    assert!(String::from_utf8_lossy(&stalled.stderr).contains("`--timeout` says how long to wait"));
    let (_, recipients, _) = last(&server);
    assert_eq!(recipients, ["bob@b.example"], "a recipient that is refused does not keep the others from the mail");
}

#[test]
fn an_error_of_send_says_what_would_help() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let api = format!("http://{silent}");
    for (arguments, status, right) in [
        (&["--smtp", &silent, "bob@b.example"][..], 69, "or name another with `--smtp`, `--url`"),
        (&["--url", &api, "bob@b.example"], 69, "name another with `--url`"),
        (&["--smtp", "smtps://localhost:465"], 2, "write `HOST:PORT` or `smtp://HOST:PORT`"),
        (&["--smtp", &silent, "--url", &api], 2, "cannot be used with"),
        (&["-bp"], 2, "write `-bm` or `-bs`"),
        (&["-t", "--to", "bob@b.example"], 2, "cannot be used with"),
        (&["-f", "a@b.example,c@d.example"], 2, "write an address such as"),
        (&["--to", "bob@b.example", "--attach", "/no/such/file"], 74, "`--attach /no/such/file`: "),
    ] {
        let sent = output(&mut mailjig(&[&["send"], arguments].concat()), "hello\n");
        let said = String::from_utf8_lossy(&sent.stderr);
        assert_eq!(sent.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(right), "{arguments:?}: {said}");
    }
    let server = Served::start(&["--smtp", "off"]);
    let without = server.ask(&["send", "bob@b.example"]);
    assert_eq!(without.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&without.stderr).contains("the server has no listener `smtp`"));
    let mut wrong = mailjig(&["send", "bob@b.example"]);
    let sent = output(wrong.env("MAILJIG_SMTP_URL", "everywhere:x"), "hello\n");
    assert_eq!(sent.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&sent.stderr).contains("MAILJIG_SMTP_URL=everywhere:x: write `HOST:PORT`"));
}

#[test]
fn the_server_is_found_by_option_or_variable() {
    let server = Served::start(&[]);
    let other = Served::start(&[]);
    let place = smtp(&server).strip_prefix("smtp://").unwrap();

    for (arguments, variables) in [
        (&["--smtp", place][..], &[("MAILJIG_SMTP_URL", smtp(&other))][..]),
        (&["--smtp", smtp(&server)], &[("MAILJIG_URL", other.url())]),
        (&["--url", server.url()], &[("MAILJIG_SMTP_URL", smtp(&other)), ("MAILJIG_URL", other.url())]),
        (&[], &[("MAILJIG_SMTP_URL", smtp(&server)), ("MAILJIG_URL", other.url())]),
        (&[], &[("MAILJIG_SMTP_URL", ""), ("MAILJIG_URL", server.url())]),
    ] {
        let mut command = mailjig(&[&["send", "bob@example.org"], arguments].concat());
        let sent = output(command.envs(variables.iter().copied()), "hello\n");
        succeeded(&command, &sent);
    }
    assert_eq!(server.told(&["messages", "--json"]).lines().count(), 5);
}

#[test]
fn each_further_server_is_reached_below_its_url() {
    let server = Served::start(&[]);
    let further = server.api().post("/servers", &NONE).expect(201);
    let url = further["url"].as_str().unwrap();

    let mut command = mailjig(&["send", "--url", url, "bob@example.org"]);
    let sent = output(&mut command, "hello\n");

    succeeded(&command, &sent);
    let waited = server.told(&["wait", "--url", url, "--to", "bob@example.org", "--json"]);
    assert_eq!(waited.lines().count(), 1);
    assert_eq!(server.told(&["messages", "--json"]), "", "the main server did not get it");
    assert!(server.told(&["ready", "--url", url]).starts_with("ready: "));
}

#[test]
fn the_session_is_printed_with_v() {
    let server = Served::start(&[]);

    let sent =
        send(&server, &["-v", "bob@example.org"], "From: x@y.example\nDate: x\nMessage-ID: <x@y.example>\n\nhi\n");

    assert!(sent.status.success());
    let session = String::from_utf8(sent.stderr).unwrap();
    let lines = session.split_inclusive('\n').filter(|line| !line.starts_with("S: 250-"));
    insta::assert_snapshot!(lines.collect::<String>());
}

#[test]
fn a_server_without_extensions_gets_helo_and_plain_commands() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client.write_all(b"220 old\r\n").unwrap();
        let mut heard = String::new();
        for reply in ["502 what", "250 old", "250 ok", "250 ok", "354 go", "250-a\r\n250 b", "221 bye"] {
            let wanted = if reply.starts_with("250-") { "\r\n.\r\n" } else { "\r\n" };
            let begin = heard.len();
            while !heard[begin..].ends_with(wanted) {
                let mut octet = [0];
                std::io::Read::read_exact(&mut client, &mut octet).unwrap();
                heard.push(octet[0].into());
            }
            client.write_all(format!("{reply}\r\n").as_bytes()).unwrap();
        }
        heard
    });

    let options = ["send", "--smtp", &place, "-f", "a@b.example", "--json", "c@d.example"];
    let sent = output(&mut mailjig(&options), "From: x@y.example\nDate: x\nMessage-ID: <x@y.example>\n\n.x\n");

    let printed = succeeded(&mailjig(&options), &sent);
    assert_eq!(printed, "{\"accepted\":[\"c@d.example\"],\"refused\":[],\"reply\":\"250 a / b\"}\n");
    assert_eq!(
        serving.join().unwrap(),
        "EHLO localhost\r\nHELO localhost\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n\
         From: x@y.example\r\nDate: x\r\nMessage-ID: <x@y.example>\r\n\r\n..x\r\n.\r\nQUIT\r\n"
    );
}

#[test]
fn an_error_says_which_listener_is_right() {
    let server = Served::start(&[]);
    for (listener, timeout, status, why) in [
        ("submission", "100s", 77, "530 5.7.0 Must issue a STARTTLS command first"),
        ("lmtp", "100s", 69, "the server refuses the session: 500 5.5.2"),
        ("imap", "100s", 76, "the server's reply is not SMTP: * OK"),
        ("smtps", "200ms", 75, "the server did not reply in time; `--timeout` says how long to wait"),
    ] {
        let place = format!("127.0.0.1:{}", server.ready["endpoints"][listener]["port"]);
        let sent = output(&mut mailjig(&["send", "--smtp", &place, "--timeout", timeout, "bob@example.org"]), "");
        let said = String::from_utf8(sent.stderr).unwrap();
        assert_eq!(sent.status.code(), Some(status), "{listener}: {said}");
        assert!(said.contains(why) && said.contains("`--smtp` must name a listener"), "{listener}: {said}");
    }
}

#[test]
fn bs_speaks_smtp_on_standard_input_and_output() {
    let server = Served::start(&[]);
    let lines = "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: hi\r\n.\r\nQUIT\r\n";

    let spoken = send(&server, &["-bs"], lines);

    let said = succeeded(&mailjig(&[]), &spoken);
    assert!(said.starts_with("220 localhost ESMTP mailjig\r\n"), "{said}");
    assert!(said.ends_with("250 2.0.0 Ok: queued as m1\r\n221 2.0.0 Bye\r\n"), "{said}");
    // Without QUIT, the session ends with the input.
    assert!(send(&server, &["-bs"], "NOOP\r\n").status.success());
}
