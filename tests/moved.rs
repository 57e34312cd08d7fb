//! Sessions that a rule moves on: other commands than the client's, and logins without credentials.

use clients::wire::Wire;
use mailjig::{MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

fn with(rules: &str) -> MailServer {
    let text = format!("mailjig = 1\n{rules}");
    MailServer::builder().scenario(Scenario::text("moved.toml", &text)).start()
}

/// Says each line, and reads until the server says a line that begins like this.
fn converse(server: &MailServer, protocol: &str, lines: &[(&str, &str)]) -> Wire {
    let mut wire = Wire::connect(server, protocol, false);
    for (line, wanted) in lines {
        if !line.is_empty() {
            wire.say(&format!("{line}\r\n"));
        }
        let mut said = String::new();
        while !said.lines().any(|line| line.starts_with(wanted)) {
            let octets = wire.read().unwrap_or_else(|end| panic!("{end:?} instead of {wanted} after {line}: {said}"));
            said.push_str(&String::from_utf8_lossy(&octets));
        }
    }
    wire
}

/// The report of a server that is dropped.
fn report(server: MailServer) -> String {
    let why = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server)));
    *why.expect_err("something is wrong").downcast::<String>().unwrap()
}

#[test]
fn another_command_is_performed_than_the_client_s() {
    for (protocol, rules, lines) in [
        (
            "smtp",
            "on = 'smtp.unknown'\nwhen = { verb = 'XFROM' }\ndo = { pass = { as = 'MAIL FROM:<{arg}>' } }",
            &[
                ("", "220"),
                ("HELO me", "250"),
                ("XFROM a@example.org", "250 2.1.0"),
                ("RCPT TO:<b@example.org>", "250 2.1.5"),
                ("DATA", "354"),
                ("Subject: x\r\n\r\n.", "250 2.0.0 Ok: queued as m1"),
            ][..],
        ),
        (
            "smtp",
            "on = 'smtp.mail'\nwhen = { arg = '~XFOO' }\ndo = { pass = { as = 'MAIL FROM:<{from}>' } }",
            &[("", "220"), ("EHLO me", "250 "), ("MAIL FROM:<a@example.org> XFOO=1", "250 2.1.0"), ("DATA", "503")],
        ),
        (
            "smtp",
            "on = 'smtp.auth'\ndo = { pass = { as = 'MAIL FROM:<a@example.org>', status = '250 {user}' } }",
            &[
                ("", "220"),
                ("EHLO me", "250 "),
                ("AUTH LOGIN", "334"),
                ("Ym9i", "334"),
                ("c2VjcmV0", "250 bob"),
                ("RCPT TO:<b@example.org>", "250 2.1.5"),
            ],
        ),
        (
            "lmtp",
            "on = 'lmtp.unknown'\ndo = { pass = { as = 'LHLO {arg}' } }",
            &[("", "220"), ("HELO me", "250 "), ("MAIL FROM:<>", "250 2.1.0")],
        ),
        (
            "imap",
            "on = 'imap.unknown'\ndo = { pass = { as = 'SELECT {arg}' } }",
            &[("", "* OK"), ("a LOGIN bob x", "a OK"), ("b XOPEN INBOX", "b OK [READ-WRITE]"), ("c EXPUNGE", "c OK")],
        ),
        (
            "imap",
            "on = 'imap.idle.done'\ndo = { pass = { as = 'CREATE News' } }",
            &[
                ("", "* OK"),
                ("a LOGIN bob x", "a OK"),
                ("b IDLE", "+"),
                ("DONE", "b OK Created"),
                ("c DELETE News", "c OK"),
            ],
        ),
        (
            "imap",
            "on = 'imap.auth'\ndo = { pass = { as = 'LOGIN ann x' } }",
            &[
                ("", "* OK"),
                ("a AUTHENTICATE LOGIN", "+"),
                ("Ym9i", "+"),
                ("c2VjcmV0", "a OK"),
                ("b SELECT INBOX", "b OK"),
            ],
        ),
        (
            "pop3",
            "on = 'pop3.pass'\ndo = { pass = { as = 'PASS right' } }\n[[user]]\nname = 'bob'\npassword = 'right'",
            &[("", "+OK"), ("USER bob", "+OK"), ("PASS wrong", "+OK 0 messages"), ("STAT", "+OK 0 0")],
        ),
        (
            "pop3",
            "on = 'pop3.auth'\nwhen = { mech = 'PLAIN' }\ndo = { pass = { as = 'USER ann' } }",
            &[("", "+OK"), ("AUTH PLAIN", "+ "), ("AGJvYgB4", "+OK now the password"), ("PASS x", "+OK 0 messages")],
        ),
    ] {
        let server = with(&format!("[[rule]]\nid = 'other'\n{rules}\n"));

        converse(&server, protocol, lines);

        let heard = lines.iter().filter(|(line, _)| !line.contains("\r\n") && !line.is_empty());
        let transcript = server.transcript().to_string();
        heard.for_each(|(line, _)| {
            assert!(line.starts_with("PASS") || transcript.contains(&format!("C: {line}\n")), "{line}\n{transcript}");
        });
        server.verify().block();
    }
}

#[test]
fn the_transcript_says_which_command_was_performed() {
    let response = "AGFubgBzZWNyZXQ=";
    for (protocol, on, command, lines, shown) in [
        (
            "smtp",
            "smtp.unknown",
            "MAIL FROM:<{arg}>",
            &[("EHLO me", "250 "), ("XFROM a@b", "250")][..],
            "MAIL FROM:<a@b>",
        ),
        ("imap", "imap.unknown", "LOGIN {arg}", &[("a XLOGIN ann secret", "a OK")], "LOGIN ***"),
        ("pop3", "pop3.unknown", "USER {arg}", &[("XUSER ann", "+OK")], "USER ***"),
        ("smtp", "smtp.auth", "{line}", &[("EHLO me", "250 "), ("AUTH PLAIN", "334"), (response, "500")], "***"),
        ("smtp", "smtp.auth", "NOOP", &[("EHLO me", "250 "), ("AUTH PLAIN", "334"), (response, "250 2")], "NOOP"),
    ] {
        let server = with(&format!("[[rule]]\nid = 'r'\non = '{on}'\ndo = {{ pass = {{ as = '{command}' }} }}\n"));

        converse(&server, protocol, &[&[("", if protocol == "imap" { "* OK" } else { "" })], lines].concat());

        let transcript = server.transcript().to_string();
        let note = format!("-- rule `r` notes: \"{shown}\" is performed instead of the client's request\n");
        assert!(transcript.contains(&note), "{note}\n{transcript}");
    }
}

#[test]
fn a_report_says_which_command_was_performed() {
    let server =
        with("[[rule]]\nid = 'r'\non = 'smtp.unknown'\ndo = { pass = { as = 'AUTH PLAIN {arg}' } }\nexpect = '=2'\n");

    converse(&server, "smtp", &[("EHLO me", "250 "), ("XAUTH AGFubgBzZWNyZXQ=", "235")]);

    let report = report(server);
    assert!(report.contains("[\"AUTH ***\" performed by `r`]"), "{report}");
}

#[test]
fn an_inner_rule_decides_what_is_performed() {
    let rule = |name: &str, user: &str| {
        format!("[[rule]]\nid = '{name}'\non = 'pop3.unknown'\ndo = {{ pass = {{ as = 'USER {user}' }} }}\n")
    };
    let server = with(&(rule("outer", "ann") + &rule("inner", "bob")));

    converse(&server, "pop3", &[("", "+OK"), ("XUSER", "+OK"), ("PASS x", "+OK")]);

    assert_eq!(server.sessions()[0].user.as_deref(), Some("bob"));
}

#[test]
fn tls_begins_after_another_command_than_starttls() {
    let server = with("[[rule]]\non = 'smtp.unknown'\ndo = { pass = { as = 'STARTTLS' } }\n");
    let wire = converse(&server, "smtp", &[("", "220"), ("XTLS", "220 2.0.0")]);

    let mut wire = wire.secure(&server);

    wire.say("EHLO me\r\n");
    assert!(wire.line().starts_with(b"250-"));
}

#[test]
fn a_command_that_is_not_complete_is_reported_and_the_client_s_is_performed() {
    for (protocol, on, command, lines) in [
        ("smtp", "smtp.noop", "{param.two|b64}", &[("", "220"), ("NOOP", "250 2.0.0 Ok"), ("RSET", "250")][..]),
        ("smtp", "smtp.noop", "{line}{line}", &[("", "220"), ("NOOP", "500 5.5.2"), ("RSET", "250")]),
        ("smtp", "smtp.noop", "{repeat:3000:x}", &[("", "220"), ("NOOP", "250 2.0.0 Ok"), ("RSET", "250")]),
        ("imap", "imap.noop", "LOGIN bob {{1}}", &[("", "* OK"), ("a NOOP", "a OK"), ("b NOOP", "b OK")]),
        ("imap", "imap.noop", "APPEND INBOX {{1+}}", &[("", "* OK"), ("a NOOP", "a OK"), ("b NOOP", "b OK")]),
        ("imap", "imap.unknown", "NOOP", &[("", "* OK"), ("(", "* BAD"), ("b NOOP", "b OK")]),
        ("pop3", "pop3.noop", "{hex:0d0a}NOOP", &[("", "+OK"), ("NOOP", "-ERR log in first"), ("QUIT", "+OK")]),
        ("pop3", "pop3.*", "{repeat:9000:x}", &[("", "+OK"), ("NOOP", "-ERR log in first"), ("QUIT", "+OK")]),
    ] {
        let server = with(&format!(
            "[params]\ntwo = ''\n[[rule]]\nid = 'r'\non = '{on}'\ndo = {{ pass = {{ as = '{command}' }} }}\n"
        ));

        converse(&server, protocol, lines);

        if command == "{line}{line}" {
            server.verify().block();
        } else {
            let report = report(server);
            assert!(report.contains("not complete in one line"), "{command}: {report}");
        }
    }
}

#[test]
fn a_rule_logs_a_session_in() {
    for (protocol, rules, lines) in [
        (
            "smtp",
            "on = 'smtp.auth.start'\ndo = [{ reply = '334 Zm9v' }, { await = { line = 'YmFy', else = [{ reply = '501 5.5.2 no' }] } }, { login = 'ann' }, { reply = '235 2.7.0 hello {user}' }]",
            &[
                ("", "220"),
                ("EHLO me", "250 "),
                ("AUTH XFOO", "334 Zm9v"),
                ("foo", "501"),
                ("AUTH XFOO", "334 Zm9v"),
                ("YmFy", "235 2.7.0 hello ann"),
                ("MAIL FROM:<a@example.org>", "250"),
                ("RCPT TO:<b@example.org>", "250"),
            ][..],
        ),
        (
            "smtp",
            "on = 'smtp.greeting'\ndo = { login = 'ann' }",
            &[("", "220"), ("EHLO me", "250 "), ("AUTH PLAIN", "503")],
        ),
        ("lmtp", "on = 'lmtp.unknown'\ndo = { login = 'ann' }", &[("", "220"), ("X", "500"), ("LHLO me", "250 ")]),
        (
            "imap",
            "on = 'imap.greeting'\ndo = { login = 'ann' }",
            &[("", "* PREAUTH ["), ("a SELECT INBOX", "a OK"), ("b LOGIN x y", "b BAD")],
        ),
        (
            "imap",
            "on = 'imap.auth.start'\ndo = [{ login = '{arg}' }, { pass = { as = 'SELECT INBOX', status = 'OK in' } }]\n[server.imap]\ngreeting = 'hi'",
            &[("", "* OK hi"), ("a AUTHENTICATE ann", "a OK in"), ("b EXPUNGE", "b OK")],
        ),
        (
            "imap",
            "on = 'imap.auth'\ndo = [{ login = 'ann' }, { reply = 'OK in' }]",
            &[("", "* OK"), ("a AUTHENTICATE PLAIN", "+"), ("AGJvYgB4", "a OK in"), ("b SELECT INBOX", "b OK")],
        ),
        (
            "pop3",
            "on = 'pop3.greeting'\ndo = { login = 'ann' }",
            &[("", "+OK"), ("STAT", "+OK 0 0"), ("USER bob", "-ERR you are logged in")],
        ),
        (
            "pop3",
            "on = 'pop3.unknown'\ndo = [{ reply = '+OK' }, { login = '{arg}' }]",
            &[("", "+OK"), ("X bob", "+OK"), ("STAT", "+OK"), ("X bob", "+OK"), ("X ann", "+OK"), ("STAT", "+OK 0 0")],
        ),
    ] {
        let server = with(&format!("[[rule]]\nid = 'login'\n{rules}\n"));

        let _session = converse(&server, protocol, lines);

        assert_eq!(server.sessions()[0].user.as_deref(), Some("ann"), "{protocol}: {rules}");
        server.verify().block();
    }
}

#[test]
fn an_impossible_login_is_a_failure() {
    let rule = "[[rule]]\nid = 'login'\non = 'pop3.unknown'\ndo = [{ login = '{arg}' }, { reply = '+OK' }]\n";
    let server = with(&format!("{rule}[[user]]\nname = 'ann'\n"));

    let _first = converse(&server, "pop3", &[("", "+OK"), ("X ann", "+OK"), ("STAT", "+OK 0 0")]);
    converse(&server, "pop3", &[("", "+OK"), ("X ann", "+OK"), ("STAT", "-ERR"), ("X bob", "+OK"), ("STAT", "-ERR")]);
    converse(&server, "pop3", &[("", "+OK"), ("X", "+OK"), ("STAT", "-ERR log in first")]);

    assert_eq!(server.sessions().iter().filter(|session| session.user.is_some()).count(), 1);
    let report = report(server);
    for failure in
        ["another session has locked the maildrop", "there is no user `bob`", "a user name must not be empty"]
    {
        assert!(report.contains(failure), "{report}");
    }
}

#[test]
fn submission_goes_on_after_a_login_by_a_rule() {
    let server = with("[[rule]]\non = 'smtp.auth.start'\ndo = [{ login = 'ann' }, { reply = '235 2.7.0 in' }]\n");
    let socket = clients::deadline::connect(server.submission().address());
    let mut wire = Wire::Bare(socket);
    for (line, wanted) in
        [("", "220"), ("NOOP", "250"), ("AUTH XFOO", "235"), ("HELO me", "250"), ("MAIL FROM:<>", "250")]
    {
        if !line.is_empty() {
            wire.say(&format!("{line}\r\n"));
        }
        assert!(wire.line().starts_with(wanted.as_bytes()), "{line}");
    }
}
