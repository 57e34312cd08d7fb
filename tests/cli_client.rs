//! The commands that talk to a running server: what they print, for people and for scripts, and their exit statuses.

use std::net::TcpListener;
use std::process::Stdio;

use clients::line_client::{LineClient, talk};
use clients::running::Running;
use clients::served::{Served, mailjig};
use clients::support::{folder, interpreter, is_there, output, run, start, succeeded};
use clients::unused_port::unused_port;
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

/// A message with a text, an HTML text and an attachment.
const MAIL: &str = "From: Ann <ann@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
                    X-Campaign: 7\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                    --b\r\nContent-Type: text/plain\r\n\r\nconfirm at https://example.org/c?code=1234\r\n\
                    --b\r\nContent-Type: text/html\r\n\r\n<b>confirm</b>\r\n\
                    --b\r\nContent-Disposition: attachment; filename=notes.txt\r\n\r\nWe met.\r\n--b--\r\n";

/// JSON without times.
fn stable(text: &str) -> Vec<Value> {
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &mut lines {
        if line.get("received").is_some() {
            line["received"] = "…".into();
        }
    }
    lines
}

#[test]
fn messages_are_listed_for_people_and_for_scripts() {
    let server = Served::start(&[]);
    server.deliver(&["bob@example.org"], MAIL);
    server.deliver(&["carol@example.org", "dave@example.org"], "Subject: \u{1b}[31mminutes\r\n\r\n");

    let table = server.told(&["messages"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["id", "received", "from", "to", "subject", "size"]);
    assert_eq!((lines[1][0], &lines[1][2..]), ("m1", &["ann@example.org", "bob@example.org", "Grüße", "355"][..]));
    let second = ["ann@example.org", "carol@example.org", "dave@example.org", "\\u{1b}[31mminutes", "25"];
    assert_eq!((lines[2][0], &lines[2][2..]), ("m2", &second[..]));
    assert!(lines[1][1].len() == "2026-01-01T12:00:00Z".len() && lines[1][1].ends_with('Z'), "{table}");

    for (filters, found) in [
        (&["--limit", "1"][..], &["m1"][..]),
        (&["--to", "carol@*"], &["m2"]),
        (&["--from=ann@example.org", "--subject=~^Gr"], &["m1"]),
        (&["--header", "x-campaign: 7"], &["m1"]),
        (&["--body", "code=1234"], &["m1"]),
        (&["--attachment", "*.txt"], &["m1"]),
        (&["--link", "https://example.org/c?*"], &["m1"]),
        (&["--code", "1234"], &["m1"]),
        (&["--code", "4321"], &[]),
        (&["--to", "eve@example.org"], &[]),
    ] {
        let listed = stable(&server.told(&[&["messages", "--json"], filters].concat()));
        let ids: Vec<&str> = listed.iter().map(|message| message["id"].as_str().unwrap()).collect();
        assert_eq!(ids, found, "{filters:?}");
    }
    let listed = stable(&server.told(&["messages", "--json"]));
    let after = server.told(&["messages", "--json", "--after", &listed[0]["seq"].to_string()]);
    assert_eq!(stable(&after), listed[1..]);
    insta::assert_json_snapshot!(listed[0]);
}

#[test]
fn the_parameters_of_the_envelope_are_shown() {
    let server = Served::start(&["--xclient", "smtp"]);
    let port = server.ready["endpoints"]["smtp"]["port"].as_u64().unwrap() as u16;
    talk(
        ([127, 0, 0, 1], port).into(),
        "EHLO c\nXFORWARD NAME=mx.example.net ADDR=192.0.2.7 PROTO=ESMTP\n\
         MAIL FROM:<app@example.org> SIZE=30 RET=HDRS ENVID=Q+2B1 BY=60;R SMTPUTF8\n\
         RCPT TO:<bob@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;all@example.org\nDATA\n\n.\n\
         MAIL FROM:<app@example.org> SIZE=30\nRCPT TO:<bob@example.org>\nDATA\n\n.\nQUIT\n",
    );

    let mut lines = [server.told(&["show", "m1"]), server.told(&["show", "m2"])];

    lines.iter_mut().for_each(|shown| *shown = shown.trim_end().to_owned());
    assert_eq!(
        lines,
        [
            "m1: from <app@example.org> to bob@example.org, 2 octets\n  \
             MAIL <app@example.org> BY=60;R ENVID=Q+2B1 RET=HDRS SMTPUTF8\n  \
             RCPT <bob@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;all@example.org\n  \
             XFORWARD NAME=mx.example.net ADDR=192.0.2.7 PROTO=ESMTP",
            "m2: from <app@example.org> to bob@example.org, 2 octets",
        ]
    );
}

#[test]
fn a_message_is_shown_in_each_form() {
    let server = Served::start(&[]);
    server.deliver(&["bob@example.org"], MAIL);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part");

    insta::assert_snapshot!(server.told(&["show", "m1"]));
    assert_eq!(server.told(&["show", "m1", "--raw"]), MAIL);
    assert_eq!(server.told(&["show", "latest", "--raw"]), MAIL);
    assert_eq!(server.told(&["show", "1", "--html"]), "<b>confirm</b>");
    assert_eq!(server.told(&["show", "m1", "--links"]), "https://example.org/c?code=1234\n");
    assert_eq!(server.told(&["show", "m1", "--codes"]), "1234\n");
    insta::assert_snapshot!(server.told(&["show", "m1", "--headers"]));
    insta::assert_snapshot!(server.told(&["show", "m1", "--parts"]));
    assert_eq!(server.told(&["show", "m1", "--part", "3"]), "We met.");
    assert_eq!(server.told(&["show", "m1", "--part", "3", "--output", file.to_str().unwrap()]), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "We met.");
    assert_eq!(stable(&server.told(&["show", "m1", "--json"])), stable(&server.told(&["messages", "--json"])));
    assert_eq!(
        stable(&server.told(&["show", "m1", "--links", "--json"])),
        [json!(["https://example.org/c?code=1234"])]
    );
    assert_eq!(stable(&server.told(&["show", "m1", "--parts", "--json"]))[0][2]["filename"], "notes.txt");
    assert_eq!(stable(&server.told(&["show", "m1", "--headers", "--json"]))[0][3]["name"], "X-Campaign");
}

#[test]
fn findings_are_listed_for_people_and_for_scripts() {
    let server = Served::start(&[]);
    let smtp = server.ready["endpoints"]["smtp"]["url"].as_str().unwrap().strip_prefix("smtp://").unwrap();
    let sent = output(&mut mailjig(&["send", "--smtp", smtp, "bob@example.org"]), "\r\nhi\r\n");
    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(server.told(&["findings", "--none"]), "session  listener  message  kind  text  reference\n");

    let mut client = LineClient::greeted(smtp.parse().unwrap());
    client.ask("XYZZY");
    client.ask("QUIT");
    insta::assert_snapshot!(server.told(&["findings"]));
    assert_eq!(server.told(&["findings", "--kind", "!unknown-*"]).lines().count(), 1);
    let json = stable(&server.told(&["findings", "--json", "--session", "s2", "--listener", "smtp"]));
    assert_eq!((json.len(), &json[0]["kind"]), (1, &json!("unknown-command")));
    let failed = server.ask(&["findings", "--none"]);
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(String::from_utf8(failed.stderr).unwrap(), "mailjig: there is 1 finding\n");
}

#[test]
fn signatures_are_verified_of_captured_messages_and_of_files() {
    let record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    // RFC 8463 appendix A.3, with the lines of a file.
    let signed = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n d=football.example.com; \
        i=@football.example.com;\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n subject : date : message-id : \
        from : subject : date;\n bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n \
        b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n\
        From: Joe SixPack <joe@football.example.com>\nTo: Suzie Q <suzie@shopping.example.net>\n\
        Subject: Is dinner ready?\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n\
        Message-ID: <20030712040037.46341.5F8J@football.example.com>\n\n\
        Hi.\n\nWe lost the game.  Are you hungry yet?\n\nJoe.\n";
    let named = format!("brisbane._domainkey.football.example.com={record}");
    let server = Served::start(&[]);
    server.deliver(&["bob@example.org"], &signed.replace('\n', "\r\n").replace("dinner", "lunch"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signed.eml");
    std::fs::write(&file, signed).unwrap();
    let file = file.to_str().unwrap();

    assert_eq!(
        server.told(&["dkim", file, "--key", &named]),
        "domain                selector  algorithm       result  reason\n\
         football.example.com  brisbane  ed25519-sha256  valid\n"
    );
    let json = stable(&server.told(&["dkim", file, "--key", record, "--json"])).remove(0);
    assert_eq!((&json["valid"], &json["signatures"][0]["failure"]), (&json!(true), &Value::Null));
    let changed = server.ask(&["dkim", "latest", "--key", &named]);
    assert_eq!(changed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&changed.stdout).contains("ed25519-sha256  signature  the signature does not fit"));
    assert_eq!(String::from_utf8_lossy(&changed.stderr), "mailjig: no DKIM signature is valid\n");
    server.deliver(&["bob@example.org"], "Subject: not signed\r\n\r\n");
    let unsigned = server.ask(&["dkim", "latest", "--key", &named]);
    assert_eq!((unsigned.status.code(), &*unsigned.stdout), (Some(1), &b""[..]));
    assert_eq!(String::from_utf8_lossy(&unsigned.stderr), "mailjig: the message has no DKIM signature\n");
    for (arguments, complaint) in [
        (&["dkim", "m1", "--key", "p=!"][..], "mailjig: the key is wrong: `p=` is not base64: invalid length at 0\n"),
        (
            &["dkim", file, "--key", "p=!"],
            "mailjig: `--key`: the key is wrong: `p=` is not base64: invalid length at 0\n",
        ),
        (&["dkim", file, "--key", record, "--key", record], "mailjig: `--key`: only one key may be without a name\n"),
    ] {
        assert_eq!(server.refused(arguments), (2, complaint.to_owned()), "{arguments:?}");
    }
}

#[test]
fn captured_messages_and_files_are_checked() {
    let server = Served::start(&[]);
    let right = "From: a@b\nSubject: hi\nDate: 1 Jan 2026 12:00:00 +0000\n\nhi\n";
    server.deliver(&["bob@example.org"], &right.replace('\n', "\r\n").replace("a@b", "Ann B. <a@b>"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("right.eml");
    std::fs::write(&file, right).unwrap();
    let file = file.to_str().unwrap();
    let what = "warning: missing-message-id: the message has no header field Message-ID, which it should have";
    let warned = format!("{file}:5:1: {what} (RFC 5322 §3.6.4)\n");
    assert_eq!(server.told(&["lint", file]), warned);
    let strict = server.ask(&["lint", "--strict", file]);
    assert_eq!(
        (strict.status.code(), String::from_utf8_lossy(&strict.stderr)),
        (Some(1), "mailjig: 0 errors and 1 warning\n".into())
    );
    let wrong = server.ask(&["lint", file, "m1"]);
    let error = "m1:1:12: error: obsolete-address: a dot in a display name: write the name in quotes (RFC 5322 §4.4)\n";
    let told = String::from_utf8_lossy(&wrong.stdout).into_owned();
    assert!(told.starts_with(&format!("{warned}{error}m1:")), "{told}");
    assert_eq!(
        (wrong.status.code(), String::from_utf8_lossy(&wrong.stderr)),
        (Some(1), "mailjig: 1 error and 2 warnings\n".into())
    );
    let json = server.ask(&["lint", "m1", "--json"]);
    assert_eq!(stable(&String::from_utf8(json.stdout).unwrap())[0]["errors"], 1);
    let (status, complaint) = server.refused(&["lint", "missing.eml"]);
    assert_eq!(status, 2);
    assert!(complaint.starts_with("mailjig: cannot read missing.eml: "), "{complaint}");
}

#[test]
fn a_terminal_gets_no_long_lines_and_no_control_characters() {
    if !is_there("python3") {
        return;
    }
    let server = Served::start(&[]);
    let subject = "a subject that is much longer than the terminal is wide";
    server.deliver(&["bob@example.org", "carol@example.org"], &format!("Subject: {subject}\r\n\r\n\u{1b}[2Jgone?"));
    let shown = |arguments: &[&str]| {
        let mut terminal = interpreter("python3");
        terminal.arg(folder().join("screen.py")).args(["70", env!("CARGO_BIN_EXE_mailjig")]).args(arguments);
        run(terminal.env("MAILJIG_URL", server.url()), "")
    };

    let table = shown(&["messages"]);
    assert!(table.lines().all(|line| line.chars().count() <= 70) && table.contains("…"), "{table}");
    assert!(table.contains("ann@ex") && table.contains("a subject"), "{table}");
    let message = shown(&["show", "m1"]);
    assert!(message.contains(subject) && message.ends_with("\\u{1b}[2Jgone?\r\n"), "{message}");
    assert!(server.told(&["messages"]).contains(subject), "all of it if the output is not a terminal");
}

#[test]
fn a_token_is_sent() {
    let server = Served::start(&["--token", "open-sesame"]);

    let (status, without) = server.refused(&["messages"]);
    assert_eq!(
        (status, without.contains("the request has no token; give it with `--token` or MAILJIG_TOKEN")),
        (2, true)
    );
    let (status, wrong) = server.refused(&["ready", "--wait", "20s", "--token", "sesame"]);
    assert_eq!((status, wrong.contains("the token of the request is wrong")), (2, true), "it does not try again");
    assert_eq!(server.told(&["messages", "--json", "--token", "open-sesame"]), "");
}

#[test]
fn a_wait_prints_messages_or_a_report() {
    let server = Served::start(&[]);
    server.deliver(&["bob@example.org"], "Subject: Wellcome, Bob\r\n\r\n");
    server.deliver(&["carol@example.org"], "Subject: Welcome, Carol\r\n\r\n");

    let waited = server.told(&["wait", "--to", "carol@example.org", "--timeout", "20s"]);
    assert_eq!(waited.lines().count(), 2);
    assert!(waited.lines().last().unwrap().contains("Welcome, Carol"), "{waited}");
    let both = server.told(&["wait", "--subject", "*come, *", "--count", "2", "--json"]);
    assert_eq!(stable(&both).len(), 2);

    assert_eq!(server.told(&["wait", "--to", "eve@example.org", "--none-within", "1ms"]), "");
    let (status, report) = server.refused(&["wait", "--to", "carol@example.org", "--none-within", "20s"]);
    assert_eq!(status, 1, "{report}");
    assert!(report.contains("carol@example.org"), "{report}");

    let miss = ["wait", "--to", "bob@example.org", "--subject", "Welcome*", "--timeout", "1ms"];
    let (status, report) = server.refused(&miss);
    assert_eq!(status, 1);
    insta::assert_snapshot!(report);
    let (status, problem) = server.refused(&[&miss[..], &["--json"]].concat());
    assert_eq!((status, &stable(&problem)[0]["status"]), (1, &json!(409)));
    assert_eq!(stable(&problem)[0]["report"]["failure"], "no message matched within 1ms");
}

#[test]
fn transcripts_and_the_certificate_are_printed() {
    let server = Served::start(&[]);
    server.deliver(&["bob@example.org"], MAIL);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");

    let ca = server.told(&["ca"]);
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"), "{ca}");
    assert_eq!(server.told(&["ca", "--output", file.to_str().unwrap()]), "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), ca);
    assert_eq!(server.told(&["transcript"]), "");
}

#[test]
fn a_server_is_ready_when_every_listener_accepts() {
    let port = unused_port();
    let url = format!("http://127.0.0.1:{port}");

    let early = output(&mut mailjig(&["ready", "--url", &url]), "");
    assert_eq!(early.status.code(), Some(1));
    let (waiting, _deadline) =
        start(mailjig(&["ready", "--url", &url, "--wait", "100s", "--json"]).stdout(Stdio::piped())).unwrap();
    let server = Served::start(&["--http", &port.to_string(), "--imaps", "off"]);
    let waited = waiting.wait_with_output().unwrap();

    assert!(waited.status.success());
    assert_eq!(stable(&String::from_utf8(waited.stdout).unwrap())[0]["status"], "ok");
    assert_eq!(server.told(&["ready"]), "ready: smtp, submission, smtps, lmtp, imap, pop3, pop3s\n");
}

fn follow(url: &str, options: &[&str]) -> Running {
    Running::start(mailjig(&[&["follow", "--url", url], options].concat()).stderr(Stdio::null()))
}

fn send(server: &Served, to: &str) {
    let smtp = server.ready["endpoints"]["smtp"]["url"].as_str().unwrap();
    let mut send = mailjig(&["send", "--smtp", smtp, "-f", "ann@example.org", to]);
    // A generated Message-ID has no fixed length.
    let mail = "Date: Thu, 1 Jan 2026 12:00:00 +0000\nMessage-ID: <1@example.org>\nSubject: hi\n\n";
    succeeded(&mailjig(&[]), &output(&mut send, mail));
}

#[test]
fn what_happens_is_followed() {
    let server = Served::start(&["--scenario", "smtp-partial-rcpt"]);
    send(&server, "bob@example.org");

    let mut follower = follow(server.url(), &[]);
    let first = follower.lines_until("ended");
    assert!(first.starts_with("s1    opened          smtp from 127.0.0.1:"), "{first}");
    let (_, rest) = first.split_once('\n').unwrap();
    let rest: String = rest.lines().map(|line| line.split(" SIZE=").next().unwrap().to_owned() + "\n").collect();
    insta::assert_snapshot!(rest);
    let mut recipients = follow(server.url(), &["--event", "smtp.rcpt", "--json"]);
    assert_eq!(stable(&recipients.lines_until("smtp.rcpt"))[0]["heard"], "RCPT TO:<bob@example.org>");

    let ended = follow(server.url(), &["--kind", "ended"]).lines_until("ended");
    assert_eq!(ended, "s1    ended           normally\n");

    let refused = mailjig(&["send", "--url", server.url(), "nobody@example.org"]).stdin(Stdio::null()).status();
    assert_eq!(refused.unwrap().code(), Some(67));
    let second = follower.lines_until("ended");
    assert!(
        second.contains("RCPT TO:<nobody@example.org> → 550 5.1.1 <nobody@example.org>: user unknown [rule unknown]")
    );
    let records = stable(&recipients.lines_until("smtp.rcpt"));
    assert_eq!(records.last().unwrap()["session"], "s2");
    assert_eq!(server.told(&["transcript", "latest"]), server.told(&["transcript", "s2"]));
    assert!(server.told(&["show", "latest"]).starts_with("m1: from <ann@example.org> to bob@example.org"));
}

#[test]
fn what_comes_after_a_record_is_followed() {
    let server = Served::start(&[]);
    server.deliver(&["bob@example.org"], "Subject: old\r\n\r\n");
    let mut all = follow(server.url(), &["--json"]);
    let seq = stable(&all.lines_until("outside"))[0]["seq"].clone();

    let mut later = follow(server.url(), &["--after", &seq.to_string()]);
    server.deliver(&["bob@example.org"], "Subject: new\r\n\r\n");

    assert_eq!(later.lines_until("delivered"), "      delivered       m2\n");
}

#[test]
fn a_follower_outlives_the_server() {
    let port = unused_port();
    let (url, options) = (format!("http://127.0.0.1:{port}"), ["--http", &port.to_string()]);
    let server = Served::start(&options);
    server.deliver(&["bob@example.org"], "\r\n");
    server.deliver(&["bob@example.org"], "\r\n");
    let mut follower = follow(&url, &[]);
    assert_eq!(follower.lines_until("m2").lines().count(), 2);

    drop(server);
    let server = Served::start(&options);
    server.deliver(&["bob@example.org"], "\r\n");

    assert_eq!(follower.lines_until("delivered"), "      delivered       m1\n", "the first record of the new server");
}

#[test]
fn an_error_says_what_would_help() {
    let server = Served::start(&[]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let nobody = format!("http://{silent}");
    let elsewhere = format!("{}/elsewhere", server.url());

    for (arguments, status, right) in [
        (&["messages", "--url", &nobody][..], 2, "start one with `mailjig serve`, name another with `--url`"),
        (&["ready", "--url", &nobody], 1, "`mailjig ready --wait 10s`"),
        (&["messages", "--url", "localhost:8025"], 2, "write a URL such as `http://127.0.0.1:8025`"),
        (&["messages", "--url", &elsewhere], 1, "there is no such resource"),
        (&["messages", "--listener", "smpt"], 2, "`--listener`: unknown listener `smpt`"),
        (&["messages", "--subject", "~("], 2, "`--subject`: "),
        (&["messages", "--header", "X-Campaign"], 2, "write a name and a pattern, as in `X-Campaign: 7`"),
        (&["messages", "--token", "a\nb"], 2, "`--token` cannot be sent"),
        (&["wait", "--timeout", "soon"], 2, "write a time such as `500ms`, `5s` or `2m`"),
        (&["wait", "--count", "0"], 2, "'--count <N>': write 1 or more; `--none-within 2s`"),
        (&["wait", "--after", "next"], 2, "'--after <SEQ>': write a whole number"),
        (&["wait", "--none-within", "1s", "--timeout", "1s"], 2, "cannot be used with"),
        (&["show", "m9"], 1, "there is no message m9"),
        (&["show", "../rules"], 2, "mailjig: `../rules` is not a message; write `m1`"),
        (&["transcript", "s9"], 1, "there is no session s9"),
        (&["follow", "--url", &nobody], 2, "`--url`"),
        (&["follow", "--event", "smtp.rctp"], 2, "`--event`: unknown event `smtp.rctp`"),
        (&["follow", "--kind", "end"], 2, "'ended'"),
        (&["show", "latest"], 1, "there is no message"),
        (&["transcript", "latest"], 1, "there is no session"),
        (&["transcript", "nine"], 2, "write `s1`"),
        (&["ca", "--output", "/no/such/folder/ca.pem"], 1, "cannot write /no/such/folder/ca.pem"),
    ] {
        let (code, error) = server.refused(arguments);
        assert_eq!(code, status, "{arguments:?}: {error}");
        assert!(error.contains(right), "{arguments:?}: {error}");
    }
}
