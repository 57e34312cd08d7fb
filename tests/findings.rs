//! Findings: what clients do that careful clients do not do.

use clients::api_client::ApiClient;
use clients::wire::Wire;
use mailjig::matchers::session;
use mailjig::{FindingKind, Listener, MailServer, Scenario, StartTls};

#[path = "clients/mod.rs"]
mod clients;

/// Sends each text, and reads until a line that contains the other one.
fn talk(wire: &mut Wire, steps: &[(&str, &str)]) {
    for (text, last) in steps {
        wire.say(text);
        while !String::from_utf8_lossy(&wire.line()).contains(last) {}
    }
}

/// A connection after its greeting. SMTP uses STARTTLS, because SMTPS requires a login.
fn connect(server: &MailServer, protocol: &str, is_tls: bool) -> Wire {
    if protocol != "smtp" || !is_tls {
        return Wire::greeted(server, protocol, is_tls);
    }
    let mut wire = Wire::greeted(server, protocol, false);
    talk(&mut wire, &[("STARTTLS\r\n", "220 ")]);
    wire.secure(server)
}

/// The findings after a session has ended, without their session.
fn found(server: &MailServer) -> Vec<String> {
    server.wait_for_no_session().block();
    server.findings().iter().map(|its| format!("{}: {}", its.kind(), its.text())).collect()
}

/// A session on each of these wires, and its findings.
fn findings_of(protocol: &str, wires: &[bool], steps: &[(&str, &str)]) -> Vec<Vec<String>> {
    let each = wires.iter().map(|is_tls| {
        let server = MailServer::start();
        server.account("bob@example.org").inbox().add("Subject: one\r\n\r\n");
        let mut wire = connect(&server, protocol, *is_tls);
        talk(&mut wire, steps);
        drop(wire);
        found(&server)
    });
    each.collect()
}

const CLEAR: &[bool] = &[false];
const TLS: &[bool] = &[true];
const BOTH: &[bool] = &[false, true];

const EHLO: (&str, &str) = ("EHLO client.example\r\n", "250 ");
const MAIL: (&str, &str) = ("MAIL FROM:<ann@example.org>\r\n", "250 ");
const RCPT: (&str, &str) = ("RCPT TO:<bob@example.org>\r\n", "250 ");
const DATA: (&str, &str) = ("DATA\r\n", "354 ");
const QUIT: (&str, &str) = ("QUIT\r\n", "221 ");

#[test]
fn each_violation_of_a_session_is_found() {
    let long = format!("NOOP {}\r\n", "x".repeat(3000));
    let imap_login = ("a LOGIN bob@example.org secret\r\n", "a OK");
    let imap_quit = ("z LOGOUT\r\n", "z OK");
    for (protocol, wires, steps, expected) in [
        ("smtp", BOTH, &[EHLO][..], &["ended-without-quit: the client closed the connection without QUIT"][..]),
        (
            "imap",
            BOTH,
            &[("a NOOP\r\n", "a OK")],
            &["ended-without-quit: the client closed the connection without LOGOUT"],
        ),
        ("pop3", BOTH, &[("CAPA\r\n", ".")], &["ended-without-quit: the client closed the connection without QUIT"]),
        (
            "smtp",
            BOTH,
            &[EHLO, ("MAIL FROM:<>\r\nRCPT TO:<", "250 ")],
            &[
                "incomplete-request: the client closed the connection after 9 octets of an incomplete command or message",
            ],
        ),
        (
            "smtp",
            CLEAR,
            &[EHLO, ("AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n", "235 "), QUIT],
            &["password-in-cleartext: the client sent a password in cleartext, but could use STARTTLS"],
        ),
        ("smtp", TLS, &[EHLO, ("AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n", "235 "), QUIT], &[]),
        (
            "pop3",
            CLEAR,
            &[("AUTH XOAUTH2 dXNlcj1ib2IBYXV0aD1CZWFyZXIgdAEB\r\n", "+OK"), ("QUIT\r\n", "+OK")],
            &["password-in-cleartext: the client sent an access token in cleartext, but could use STLS"],
        ),
        // The response is the user name and the digest of the challenge.
        (
            "pop3",
            CLEAR,
            &[
                ("AUTH CRAM-MD5\r\n", "+ "),
                ("Ym9iIDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\r\n", "+OK"),
                ("QUIT\r\n", "+OK"),
            ],
            &[],
        ),
        (
            "imap",
            CLEAR,
            &[imap_login, imap_quit],
            &["password-in-cleartext: the client sent a password in cleartext, but could use STARTTLS"],
        ),
        ("imap", TLS, &[imap_login, imap_quit], &[]),
        (
            "pop3",
            CLEAR,
            &[("USER bob@example.org\r\n", "+OK"), ("PASS secret\r\n", "+OK"), ("QUIT\r\n", "+OK")],
            &["password-in-cleartext: the client sent a password in cleartext, but could use STLS"],
        ),
        ("pop3", TLS, &[("USER bob@example.org\r\n", "+OK"), ("PASS secret\r\n", "+OK"), ("QUIT\r\n", "+OK")], &[]),
        ("lmtp", BOTH, &[("NOOP\n", "500 "), QUIT], &["bare-lf-in-command: the client ended a line with a bare LF"]),
        (
            "imap",
            BOTH,
            &[("a NOOP\n", "BAD"), imap_quit],
            &["bare-lf-in-command: the client ended a line with a bare LF"],
        ),
        (
            "smtp",
            BOTH,
            &[("NOOP\rRSET\r\n", "500 "), QUIT],
            &["bare-cr-in-command: the client sent a line with a CR that is not part of a CRLF"],
        ),
        (
            "smtp",
            BOTH,
            &[(&long, "500 "), QUIT],
            &["line-too-long: the client sent a line of 3007 octets, which is more than the server accepts"],
        ),
        (
            "smtp",
            BOTH,
            &[("XYZZY now\r\n", "500 "), ("and more\r\n", "500 "), QUIT],
            &["unknown-command: the client sent `XYZZY now`, which is not a command of SMTP"],
        ),
        (
            "imap",
            BOTH,
            &[("a XYZZY\r\n", "BAD"), imap_quit],
            &["unknown-command: the client sent `a XYZZY`, which is not a command of IMAP"],
        ),
        (
            "pop3",
            BOTH,
            &[("XYZZY\r\n", "-ERR"), ("QUIT\r\n", "+OK")],
            &["unknown-command: the client sent `XYZZY`, which is not a command of POP3"],
        ),
        (
            "smtp",
            BOTH,
            &[EHLO, ("DATA\r\n", "503 "), QUIT],
            &[
                "invalid-command: the client sent `DATA`, and the server replied `503 5.5.1 Bad sequence of commands: MAIL \
               and RCPT are required before DATA`",
            ],
        ),
        (
            "imap",
            BOTH,
            &[("a SELECT INBOX\r\n", "a BAD"), imap_quit],
            &["invalid-command: the client sent `a SELECT INBOX`, and the server replied `a BAD log in first`"],
        ),
        (
            "smtp",
            TLS,
            &[EHLO, ("AUTH PLAIN\r\n", "334"), ("AGJvYg\r\n", "501"), QUIT],
            &[
                "invalid-command: the client sent a response of AUTH PLAIN (masked), and the server replied `501 5.5.2 the \
               response is not base64`",
            ],
        ),
        (
            "smtp",
            TLS,
            &[EHLO, ("AUTH XOAUTH\r\n", "504"), ("AGJvYgBzZWNyZXQ=\r\n", "500"), QUIT],
            &[
                "capability-not-announced: the client used AUTH XOAUTH, which the server had not announced",
                "invalid-command: the client sent `AUTH XOAUTH`, and the server replied `504 5.5.4 Unrecognized authentication type`",
                "unknown-command: the client sent what may be a response of AUTH XOAUTH (masked), which is not a command of SMTP",
            ],
        ),
        (
            "imap",
            TLS,
            &[("a AUTHENTICATE PLAIN\r\n", "+"), ("AGJvYg\r\n", "a BAD"), imap_quit],
            &[
                "invalid-command: the client sent a response of AUTHENTICATE PLAIN (masked), and the server replied `a BAD \
               the response is not base64`",
            ],
        ),
    ] {
        let found = findings_of(protocol, wires, steps);

        assert!(found.iter().all(|its| its == expected), "{protocol} {steps:?}: {found:#?}");
    }
}

#[test]
fn each_violation_of_a_message_is_found() {
    const HEAD: &str =
        "From: ann@example.org\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n";
    let long = "x".repeat(999);
    for (message, expected) in [
        (format!("{HEAD}\r\n.\r\n"), &[][..]),
        (
            format!("{HEAD}\r\n.one dot\r\n..two\r\n.\r\n"),
            &["dot-not-stuffed: the message has 1 line that begins with a single dot"],
        ),
        (
            format!("{HEAD}\r\nbare\nbare\r.\r\n.\r\n"),
            &["bare-line-end: the message has 2 CRs or LFs that are not part of a CRLF"],
        ),
        (
            format!("{HEAD}\r\n{long}\r\n.\r\n"),
            &["message-line-too-long: the message has 1 line of more than 998 octets"],
        ),
        (
            format!("{HEAD}\r\nGrüße\r\n.\r\n"),
            &["undeclared-8bit: the message has octets above 127, but MAIL has neither BODY=8BITMIME nor SMTPUTF8"],
        ),
        (
            "Subject: hi\r\n\r\nDate: no\r\n.\r\n".to_owned(),
            &[
                "missing-date: the message has no header field Date",
                "missing-from: the message has no header field From",
                "missing-message-id: the message has no header field Message-ID",
            ],
        ),
        (
            format!("{HEAD}Subject: one\r\nsubject: two\r\n\r\n.\r\n"),
            &["repeated-field: the message has the header field Subject 2 times"],
        ),
        (
            format!("{HEAD}Bcc: eve@example.org\r\n\r\n.\r\n"),
            &["bcc-disclosed: the header of the message names the Bcc recipients"],
        ),
        (format!("{HEAD}Bcc:\r\n\r\n.\r\n"), &[]),
    ] {
        let hello = ("LHLO client.example\r\n", "250 ");
        for (protocol, hello) in [("smtp", EHLO), ("lmtp", hello)] {
            let steps = [hello, MAIL, RCPT, DATA, (message.as_str(), "250 "), QUIT];
            let found = findings_of(protocol, BOTH, &steps);

            assert!(found.iter().all(|its| its == expected), "{protocol} {message:?}: {found:#?}");
        }
    }
}

#[test]
fn what_is_wrong_with_the_mime_of_a_message_is_found() {
    const HEAD: &str =
        "From: ann@example.org\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n";
    const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    const BASE64: &str = "Content-Transfer-Encoding: base64\r\n\r\n";
    const QUOTED: &str = "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
    for (message, expected) in [
        (
            "Content-Type: text/plain; charset=x-new\r\n\r\nhi\r\n".to_owned(),
            &["unknown-charset: part 1 has the charset `x-new`, which is not known"][..],
        ),
        (
            "Subject: =?utf-8?q?a?= =?x-new?q?b?=\r\n\r\n".to_owned(),
            &["unknown-charset: Subject has the charset `x-new`, which is not known"],
        ),
        (
            "To: =?X-one?q?b?= <bob@example.org>, =?x-two?b?Yg==?= <b@example.org>\r\nCc: =?x-2?q?c?=\r\n\r\n"
                .to_owned(),
            &["unknown-charset: To has the charset `x-one`, which is not known; likewise 1 other place"],
        ),
        (
            format!("{BASE64}aGVsbG8!\r\n"),
            &["invalid-base64: part 1 has the octet 0x21, which is not in the base64 alphabet"],
        ),
        (
            format!("{BASE64}aGVsbG8\r\n"),
            &["invalid-base64: part 1 has 7 characters of base64, which is not a multiple of 4"],
        ),
        (format!("{BASE64}aGk=aGk=\r\n"), &["invalid-base64: part 1 has base64 after its padding"]),
        (
            format!("{MIXED}--b\r\n{BASE64}aGk\r\n--b\r\n{BASE64}a\r\n--b\r\n{BASE64}aGk=\r\n--b--\r\n"),
            &["invalid-base64: part 1 has 3 characters of base64, which is not a multiple of 4; likewise 1 other \
                 place"],
        ),
        (
            format!("{QUOTED}1+1=2 or so\r\n"),
            &["invalid-quoted-printable: part 1 has `=2 `, which is not an encoded octet"],
        ),
        (
            format!("{QUOTED}gr=c3=bc\r\n"),
            &["invalid-quoted-printable: part 1 has `=c3`, which is not an encoded octet"],
        ),
        (
            format!("{QUOTED}a\u{7f}b\r\n"),
            &["invalid-quoted-printable: part 1 has the octet 0x7F, which is not encoded"],
        ),
        (
            "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\n--b--\r\n".to_owned(),
            &["broken-multipart: the message is a multipart without a boundary"],
        ),
        (
            format!("{MIXED}--c\r\n\r\nhi\r\n--c--\r\n"),
            &["broken-multipart: the boundary of the message, `b`, does not occur in it"],
        ),
        (
            format!("{MIXED}--b\r\n\r\nhi\r\n"),
            &["broken-multipart: the closing delimiter of the message, `--b--`, is missing"],
        ),
        (
            format!("{MIXED}--b\r\nContent-Type: multipart/related; boundary=c\r\n\r\n--c\r\n\r\nhi\r\n--b--\r\n"),
            &["broken-multipart: the closing delimiter of part 1, `--c--`, is missing"],
        ),
    ] {
        let message = format!("{HEAD}{message}.\r\n");
        for found in findings_of("smtp", CLEAR, &[EHLO, MAIL, RCPT, DATA, (message.as_str(), "250 "), QUIT]) {
            assert_eq!(found, expected, "{message:?}");
        }
    }
}

#[test]
fn correct_mime_is_not_a_finding() {
    let line = "aGVs".repeat(19);
    let parts = [
        format!("Content-Transfer-Encoding: base64\r\n\r\n{line}\r\n{line}\r\n \taGk=\r\n"),
        "Content-Type: image/png\r\nContent-Transfer-Encoding: BASE64\r\n\r\naA==".to_owned(),
        "Content-Transfer-Encoding: base64\r\n\r\n".to_owned(),
        "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n1+1=2\r\n".to_owned(),
        "Content-Type: text/plain; charset=\"UTF-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         Gr=C3=BC=C3=9Fe, =\r\nsoft= \t\r\n\tend=\r\n"
            .to_owned(),
        "Content-Type: text/html; charset*=us-ascii'en'iso-8859-15\r\n\r\n".to_owned(),
        "Content-Type: text/plain; charset=utf-7 (a comment)\r\n\r\n+AOQ-\r\n".to_owned(),
        "Content-Type: application/xml; charset=x-new\r\n\r\n<a/>\r\n".to_owned(),
        "Content-Type: multipart/alternative; boundary=\"a b\"\r\n\r\nno part\r\n--a b\r\n\r\nhi\r\n--a b-- \r\nend"
            .to_owned(),
        // Somebody else may have written an attached message.
        "Content-Type: message/rfc822\r\n\r\nSubject: =?x-new?q?a?=\r\nContent-Type: multipart/mixed\r\n\r\n"
            .to_owned(),
    ];
    let header = "From: =?utf-8?q?Ann?= <ann@example.org>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\
        Message-ID: <=?x-new?q?1?=@example.org>\r\nSubject: =?ISO-2022-JP*ja?B?GyRCRnxLXBsoQg==?= =?x-new\r\n";
    let parts = parts.join("\r\n--outer\r\n");
    let content =
        format!("Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n{parts}\r\n--outer--\r\n.\r\n");
    let message = format!("{header}{content}");

    let found = findings_of("smtp", CLEAR, &[EHLO, MAIL, RCPT, DATA, (message.as_str(), "250 "), QUIT]);

    assert_eq!(found, [[""; 0]]);
}

#[test]
fn a_client_that_pipelines_may_send_what_depends_on_a_refused_command() {
    let (mail, rcpt) = ("MAIL FROM:<ann@example.org> SIZE=99999999999\r\n", "RCPT TO:<bob@example.org>\r\n");
    for (steps, found) in [
        (&[EHLO, (mail, "552 "), (rcpt, "503 "), QUIT][..], 1),
        (&[EHLO, (&format!("{mail}{rcpt}DATA\r\n"), "RCPT are required"), QUIT], 0),
    ] {
        for findings in findings_of("smtp", BOTH, steps) {
            assert_eq!(findings.len(), found, "{steps:?}: {findings:#?}");
        }
    }
}

#[test]
fn what_a_client_sends_without_waiting_for_a_reply_is_found() {
    let imap_login = "a LOGIN {15}\r\nbob@example.org secret\r\n";
    let pipelined = "MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nRSET\r\nQUIT\r\n";
    for (protocol, steps, expected) in [
        (
            "smtp",
            &[("EHLO client.example\r\nQUIT\r\n", "221 ")][..],
            &["smtp.quit before it had the reply to smtp.caps"][..],
        ),
        ("smtp", &[EHLO, (pipelined, "221 ")], &[]),
        ("smtp", &[("HELO client.example\r\n", "250 "), ("RSET\r\nQUIT\r\n", "221 ")], &[]),
        ("smtp", &[EHLO, ("NOOP\r\nRSET\r\nQUIT\r\n", "221 ")], &["smtp.rset before it had the reply to smtp.noop"]),
        ("lmtp", &[("LHLO client.example\r\nQUIT\r\n", "221 ")], &["lmtp.quit before it had the reply to lmtp.caps"]),
        (
            "imap",
            &[(imap_login, "a OK"), ("b NOOP\r\nc LOGOUT\r\n", "c OK")],
            &["imap.login before it had the reply to imap.literal"],
        ),
        (
            "pop3",
            &[("AUTH PLAIN\r\nAGJvYgBzZWNyZXQ=\r\n", "+OK"), ("STAT\r\n", "+OK"), ("QUIT\r\n", "+OK")],
            &["pop3.auth before it had the reply to pop3.auth.start"],
        ),
    ] {
        let expected: Vec<_> = expected.iter().map(|text| format!("sent-too-early: the client sent {text}")).collect();
        for mut found in findings_of(protocol, BOTH, steps) {
            found.retain(|its| !its.starts_with("password-in-cleartext") && !its.starts_with("pipelining"));
            assert_eq!(found, expected, "{protocol} {steps:?}");
        }
    }
}

#[test]
fn what_the_announced_capabilities_do_not_allow_is_found() {
    let not_read = |rest: &str| {
        vec![format!("pipelining-not-offered: the client sent {rest}, but had not read that the server can pipeline")]
    };
    let unannounced = |what: &str| {
        vec![format!("capability-not-announced: the client used {what}, which the server had not announced")]
    };
    let login = ("a LOGIN bob@example.org secret\r\n", "a OK");
    let logout = ("z LOGOUT\r\n", "z OK");
    let quit = ("QUIT\r\n", "+OK");
    let (user, pass) = (("USER bob@example.org\r\n", "+OK"), ("PASS secret\r\n", "+OK"));
    for (settings, protocol, steps, expected) in [
        ("", "smtp", &[("HELO client.example\r\n", "250 "), ("RSET\r\nQUIT\r\n", "221 ")][..], not_read("smtp.quit before it had the reply to smtp.rset")),
        ("caps.remove = ['PIPELINING']", "smtp", &[EHLO, ("RSET\r\nQUIT\r\n", "221 ")], not_read("smtp.quit before it had the reply to smtp.rset")),
        ("", "lmtp", &[("LHLO client.example\r\n", "250 "), ("RSET\r\nQUIT\r\n", "221 ")], Vec::new()),
        ("", "pop3", &[user, pass, ("STAT\r\nQUIT\r\n", "goodbye")], not_read("pop3.quit before it had the reply to pop3.stat")),
        ("", "pop3", &[user, pass, ("CAPA\r\n", "."), ("STAT\r\nQUIT\r\n", "goodbye")], Vec::new()),
        ("caps.remove = ['8BITMIME']", "smtp", &[EHLO, ("MAIL FROM:<a@example.org> BODY=8BITMIME\r\n", "250 "), QUIT], unannounced("8BITMIME")),
        ("caps.remove = ['AUTH']", "smtp", &[EHLO, ("AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n", "235 "), QUIT], unannounced("AUTH PLAIN")),
        ("caps.remove = ['MOVE', 'IDLE']", "imap", &[login, ("b SELECT INBOX\r\n", "b OK"), ("c IDLE\r\n", "+ "), ("DONE\r\n", "c OK"), logout], unannounced("IDLE")),
        ("caps.remove = ['UIDL']", "pop3", &[("CAPA\r\n", "."), user, pass, ("UIDL\r\n", "."), quit], unannounced("UIDL")),
        ("caps.add = ['LOGINDISABLED']", "imap", &[login, logout], vec!["capability-not-announced: the client sent LOGIN, but the server had announced LOGINDISABLED".to_owned()]),
        ("caps.remove = ['LITERAL+']", "imap", &[("a LOGIN {15+}\r\nbob@example.org secret\r\n", "a OK"), logout], vec!["literal-not-announced: the client sent a literal of 15 octets without waiting, which the server did not offer".to_owned()]),
        ("", "imap", &[("a LOGIN {15+}\r\nbob@example.org secret\r\n", "a OK"), logout], Vec::new()),
    ] {
        let scenario = Scenario::text("caps.toml", format!("mailjig = 1\n[server.{protocol}]\n{settings}\n"));
        let server = MailServer::builder().scenario(scenario).start();
        let mut wire = connect(&server, protocol, true);
        talk(&mut wire, steps);
        drop(wire);

        assert_eq!(found(&server), expected, "{settings} {protocol} {steps:?}");
    }
}

#[test]
fn literals_that_are_announced_wrongly_are_found() {
    let size = |octets: u64| {
        vec![format!("wrong-literal-size: the client announced a literal of {octets} octets, but sent more or fewer")]
    };
    let login = ("a LOGIN bob@example.org secret\r\n", "a OK");
    let logout = ("z LOGOUT\r\n", "z OK");
    for (removed, steps, expected) in [
        ("", &[("a LOGIN {3}\r\n", "+ "), ("bob@example.org secret\r\n", "BAD"), logout][..], size(3)),
        ("", &[("a LOGIN {3+}\r\nbob@example.org secret\r\n", "BAD"), logout], size(3)),
        ("", &[login, ("b APPEND INBOX {3}\r\n", "+ "), ("A: b\r\n\r\nc\r\nd\r\n\r\n", "b BAD"), logout], size(3)),
        ("", &[login, ("b APPEND INBOX {5+}\r\nA: b cd\r\n", "b BAD"), logout], size(5)),
        // Too large: it swallows the next command.
        ("", &[login, ("b APPEND INBOX {13+}\r\nA: b\r\n\r\n\r\nc NOOP\r\n", "b BAD"), logout], size(13)),
        (
            "",
            &[
                login,
                ("b APPEND INBOX (\\Seen) {8}\r\n", "+ "),
                ("A: b\r\n\r\n {8+}\r\nA: c\r\n\r\n\r\n", "b OK"),
                logout,
            ],
            Vec::new(),
        ),
        (
            "'BINARY'",
            &[login, ("b APPEND INBOX ~{8}\r\n", "+ "), ("A: b\r\n\r\n\r\n", "b OK"), logout],
            vec!["capability-not-announced: the client used BINARY, which the server had not announced".to_owned()],
        ),
        ("", &[login, ("b APPEND INBOX ~{8}\r\n", "+ "), ("A: b\r\n\r\n\r\n", "b OK"), logout], Vec::new()),
    ] {
        let scenario = Scenario::text("caps.toml", format!("mailjig = 1\n[server.imap]\ncaps.remove = [{removed}]\n"));
        let server = MailServer::builder().scenario(scenario).start();
        let mut wire = connect(&server, "imap", true);
        talk(&mut wire, steps);
        drop(wire);

        assert_eq!(found(&server), expected, "{removed} {steps:?}");
    }
}

#[test]
fn a_literal_that_is_not_sent_completely_is_measured() {
    let server = MailServer::start();
    let mut wire = connect(&server, "imap", true);
    talk(&mut wire, &[("a LOGIN {15}\r\n", "+ ")]);
    wire.say("bob\r\n");
    drop(wire);

    let text = "incomplete-request: the client closed the connection after 5 of the 15 octets of a literal";
    assert_eq!(found(&server), [text]);
}

#[test]
fn a_client_that_talks_outside_of_its_session_or_uses_a_tag_twice_is_found() {
    let after = |event: &str| vec![format!("talked-after-end: the client sent {event} after the end of the session")];
    let octets = |text: &str| vec![format!("talked-after-end: the client sent {text}")];
    let reused = vec!["tag-reused: the client used the tag `a` for a second command".to_owned()];
    let literal = &[
        ("a LOGIN {15}\r\n", "+ "),
        ("bob@example.org {6}\r\n", "+ "),
        ("secret\r\n", "a OK"),
        ("z LOGOUT\r\n", "z OK"),
    ][..];
    for (rule, protocol, steps, expected) in [
        (
            "on = 'smtp.rset'\ndo = { reply = '421 4.3.2 Closing' }",
            "smtp",
            &[EHLO, ("RSET\r\n", "421 "), ("NOOP\r\n", "250 "), QUIT][..],
            after("smtp.noop"),
        ),
        (
            "on = 'smtp.rset'\ndo = { reply = '421 4.3.2 Closing' }",
            "smtp",
            &[EHLO, ("RSET\r\n", "421 "), QUIT],
            Vec::new(),
        ),
        (
            "on = 'imap.check'\ndo = { reply = '* BYE later' }",
            "imap",
            &[("a CHECK\r\n", "BYE"), ("b NOOP\r\n", "b OK"), ("c LOGOUT\r\n", "c OK")],
            after("imap.noop"),
        ),
        (
            "on = 'pop3.quit'\ndo = { reply = '+OK' }",
            "pop3",
            &[("QUIT\r\n", "+OK"), ("CAPA\r\n", "."), ("QUIT\r\n", "+OK")],
            after("pop3.caps"),
        ),
        (
            "on = 'smtp.rset'\ndo = { note = 'x' }",
            "smtp",
            &[EHLO, ("QUIT\r\nNOOP\r\n", "221 ")],
            octets("6 octets after smtp.quit"),
        ),
        (
            "on = 'imap.noop'\ndo = { note = 'x' }",
            "imap",
            &[("a NOOP\r\n", "a OK"), ("a CAPABILITY\r\n", "a OK"), ("z LOGOUT\r\n", "z OK")],
            reused,
        ),
        ("on = 'imap.noop'\ndo = { note = 'x' }", "imap", literal, Vec::new()),
        (
            "on = 'imap.noop'\ndo = { note = 'x' }",
            "imap",
            &[("a AUTHENTICATE PLAIN\r\n", "+ "), ("AGJvYgBzZWNyZXQ=\r\n", "a OK"), ("z LOGOUT\r\n", "z OK")],
            Vec::new(),
        ),
    ] {
        let scenario = Scenario::text("rule.toml", format!("mailjig = 1\n[[rule]]\n{rule}\n"));
        let server = MailServer::builder().scenario(scenario).start();
        let mut wire = connect(&server, protocol, true);
        talk(&mut wire, steps);
        drop(wire);

        assert_eq!(found(&server), expected, "{rule} {steps:?}");
    }
}

#[test]
fn a_client_that_speaks_before_a_late_greeting_is_found() {
    for (protocol, noop, quit, end) in [
        ("smtp", "HELO me", "QUIT", "221 "),
        ("imap", "a NOOP", "b LOGOUT", "b OK"),
        ("pop3", "CAPA", "QUIT", "goodbye"),
    ] {
        for (is_early, expected) in [(true, 1), (false, 0)] {
            let rule = format!("[[rule]]\non = '{protocol}.greeting'\ndo = {{ wait = '1h' }}\n");
            let scenario = Scenario::text("late.toml", format!("mailjig = 1\nclock = 'manual'\n{rule}"));
            let server = MailServer::builder().scenario(scenario).start();
            let mut wire = Wire::connect(&server, protocol, false);
            if is_early {
                wire.say(&format!("{noop}\r\n"));
            }
            server.rule("rule-1").wait(1).block();
            server.clock().advance(std::time::Duration::from_secs(3600));
            wire.line();
            if !is_early {
                wire.say(&format!("{noop}\r\n"));
            }
            talk(&mut wire, &[(&format!("{quit}\r\n"), end)]);
            drop(wire);

            let mut found = found(&server);
            found.retain(|its| its.starts_with("spoke-before-greeting: the client sent "));
            assert_eq!(found.len(), expected, "{protocol}: {found:?}");
        }
    }
}

#[test]
fn a_finding_about_a_message_names_it() {
    let server = MailServer::start();
    let mut wire = Wire::greeted(&server, "smtp", false);
    let bare = ("From: ann@example.org\r\nMessage-ID: <1@example.org>\r\n\r\n.\r\n", "250 ");
    talk(&mut wire, &[EHLO, MAIL, RCPT, DATA, bare, QUIT]);

    let findings = server.findings();

    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].message(), Some(server.messages()[0].no()));
    assert_eq!(
        findings[0].to_string(),
        "s1 smtp m1: missing-date: the message has no header field Date (RFC 5322 §3.6)"
    );
}

#[test]
fn eight_bits_may_be_declared() {
    for parameters in ["BODY=8BITMIME", "body=8bitmime", "SMTPUTF8"] {
        let mail = format!("MAIL FROM:<ann@example.org> {parameters}\r\n");
        let message = "From: a@example.org\r\nDate: x\r\nMessage-ID: <1@b>\r\n\r\nGrüße\r\n.\r\n";
        let steps = [EHLO, (mail.as_str(), "250 "), RCPT, DATA, (message, "250 "), QUIT];

        assert_eq!(findings_of("smtp", CLEAR, &steps), [[""; 0]], "{parameters}");
    }
}

#[test]
fn what_was_sent_after_starttls_in_cleartext_is_found() {
    for (protocol, line, last, name) in [
        ("smtp", "STARTTLS\r\nNOOP\r\n", "220 ", "STARTTLS"),
        ("imap", "a STARTTLS\r\nNOOP\r\n", "a OK", "STARTTLS"),
        ("pop3", "STLS\r\nNOOP\r\n", "+OK", "STLS"),
    ] {
        let server = MailServer::start();
        let mut wire = Wire::greeted(&server, protocol, false);
        talk(&mut wire, &[(line, last)]);
        let mut wire = wire.secure(&server);
        let quit = if protocol == "imap" { "b LOGOUT\r\n" } else { "QUIT\r\n" };
        talk(&mut wire, &[(quit, if protocol == "smtp" { "221 " } else { "OK" })]);

        let text = format!("cleartext-after-starttls: the client sent 6 octets in cleartext after {name}");
        assert_eq!(found(&server), [text]);
    }
}

#[test]
fn a_password_in_cleartext_is_not_a_finding_where_there_is_no_starttls() {
    const PASSWORD: &str = "password-in-cleartext";
    const FORBIDDEN: &str = "capability-not-announced";
    for (starttls, expected) in
        [(StartTls::Never, &[][..]), (StartTls::Offered, &[PASSWORD]), (StartTls::BeforeLogin, &[FORBIDDEN, PASSWORD])]
    {
        let server = MailServer::builder().starttls(Listener::Imap, starttls).start();
        let mut wire = Wire::greeted(&server, "imap", false);
        talk(&mut wire, &[("a LOGIN bob@example.org secret\r\n", "a "), ("b LOGOUT\r\n", "b OK")]);

        let kinds: Vec<String> =
            found(&server).iter().map(|its| its.split(':').next().unwrap_or_default().to_owned()).collect();
        assert_eq!(kinds, expected, "{starttls}");
    }
}

#[test]
fn a_client_may_close_the_connection_if_the_server_failed() {
    for rule in [
        "on = \"smtp.noop\"\ndo = { reply = \"421 4.3.2 Closing\" }",
        "on = \"smtp.noop\"\ndo = [{ cut = { at = 3 } }, { pass = true }]",
        "on = \"smtp.noop\"\ndo = { stall = \"reply\" }",
        "on = \"smtp.noop\"\ndo = [{ wait = \"200ms\" }, { pass = true }]",
        "on = \"smtp.noop\"\ndo = { close = \"fin\" }",
    ] {
        let text = format!("mailjig = 1\n[[rule]]\nid = \"failing\"\n{rule}\n");
        let server = MailServer::builder().scenario(Scenario::text("failing.toml", text)).start();
        let mut wire = Wire::greeted(&server, "smtp", false);
        wire.say("NOOP\r\n");
        server.rule("failing").wait(1).block();
        drop(wire);

        assert_eq!(found(&server), [""; 0], "{rule}");
    }
}

#[test]
fn a_connection_without_a_request_is_not_a_finding() {
    let server = MailServer::start();
    drop(Wire::greeted(&server, "smtp", false));
    server.wait_for_session(session::open().not()).block();

    assert_eq!(server.findings(), []);
}

#[test]
fn what_a_rule_accepts_is_not_a_finding() {
    let rule = "mailjig = 1\n[[rule]]\non = \"smtp.unknown\"\ndo = { reply = \"250 2.0.0 Ok\" }\n";
    let server = MailServer::builder().scenario(Scenario::text("xyzzy.toml", rule)).start();
    let mut wire = Wire::greeted(&server, "smtp", false);
    talk(&mut wire, &[("XYZZY\r\n", "250 "), QUIT]);

    assert_eq!(found(&server), [""; 0]);
}

#[test]
fn findings_vanish_with_the_journal() {
    let server = MailServer::start();
    let mut wire = Wire::greeted(&server, "smtp", false);
    talk(&mut wire, &[("XYZZY\r\n", "500 ")]);
    assert_eq!(server.findings().len(), 1);
    server.clear();
    assert_eq!(server.findings(), []);

    // TLS is remembered, although its record is gone.
    let mut wire = Wire::greeted(&server, "imap", true);
    talk(&mut wire, &[("a NOOP\r\n", "a OK")]);
    server.clear();
    talk(&mut wire, &[("b LOGIN bob@example.org secret\r\n", "b OK")]);
    assert_eq!(server.findings(), []);

    talk(&mut wire, &[("c XYZZY\r\n", "c BAD")]);
    assert_eq!(server.findings().len(), 1);
    server.reset();
    assert_eq!(server.findings(), []);
}

#[test]
fn the_list_has_filters_and_a_cursor() {
    let server = MailServer::builder().manual_clock().start();
    let mut smtp = Wire::greeted(&server, "smtp", false);
    talk(&mut smtp, &[("XYZZY\r\n", "500 "), QUIT]);
    let mut imap = Wire::greeted(&server, "imap", false);
    talk(&mut imap, &[("a LOGIN bob@example.org secret\r\n", "a OK")]);

    let api = ApiClient::of(&server);
    let all = api.ok("/findings");
    let finding = &server.findings()[0];
    let mut first = all["findings"][0].clone();
    assert_eq!(first["at"].take(), finding.at().to_string());
    assert_eq!(first["seq"].take().to_string(), finding.seq().to_string());
    insta::assert_json_snapshot!(first);

    for (query, kinds) in [
        ("", &["unknown-command", "password-in-cleartext"][..]),
        ("?kind=unknown-command", &["unknown-command"]),
        ("?kind=!unknown-*", &["password-in-cleartext"]),
        ("?session=s1", &["unknown-command"]),
        ("?listener=imap*", &["password-in-cleartext"]),
        ("?listener=pop3", &[]),
        (&format!("?after={}", finding.seq()), &["password-in-cleartext"]),
        (&format!("?after={}", all["next"]), &[]),
        ("?limit=0", &[]),
        ("?limit=1", &["unknown-command"]),
        ("?limit=1&listener=imap", &["password-in-cleartext"]),
        ("?limit=2", &["unknown-command", "password-in-cleartext"]),
    ] {
        let list = api.ok(format!("/findings{query}"));
        let list = list["findings"].as_array().unwrap();
        let found: Vec<_> = list.iter().map(|its| its["kind"].as_str().unwrap()).collect();
        assert_eq!(found, kinds, "{query}");
    }
}

#[test]
fn a_list_with_a_limit_goes_on_where_it_ended() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let mut wire = Wire::greeted(&server, "smtp", false);
    let steps = [EHLO, MAIL, RCPT, DATA, ("Subject: hi\r\n\r\nHello\r\n.\r\n", "250 "), ("XYZZY\r\n", "500 ")];
    talk(&mut wire, &[&steps[..], &[EHLO, ("XYZZY\r\n", "500 "), QUIT]].concat());
    server.wait_for_no_session().block();

    let (mut pages, mut next, mut found) = (Vec::new(), 0, Vec::new());
    loop {
        let page = api.ok(format!("/findings?limit=2&after={next}"));
        next = page["next"].as_u64().unwrap();
        let list = page["findings"].as_array().unwrap().clone();
        if list.is_empty() {
            break;
        }
        pages.push(list.len());
        found.extend(list);
    }

    let all = api.ok("/findings");
    assert_eq!(all["findings"], serde_json::Value::from(found));
    assert_eq!(pages, [3, 2], "the message has three, which stay together");
    assert_eq!(all["next"], next);
}

#[test]
fn the_findings_about_one_message_are_those_of_the_list() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let mut smtp = Wire::greeted(&server, "smtp", false);
    // The second one is captured in parts: the reply says for each recipient.
    let mut lmtp = Wire::greeted(&server, "lmtp", false);
    talk(&mut smtp, &[EHLO, ("XYZZY\r\n", "500 ")]);
    talk(&mut lmtp, &[("LHLO client.example\r\n", "250 ")]);
    for wire in [&mut smtp, &mut lmtp] {
        talk(wire, &[MAIL, RCPT, DATA, ("Subject: hi\r\nSubject: hi\r\n\r\nHello\r\n.\r\n", "250 ")]);
    }

    let all = api.ok("/findings");
    for message in ["m1", "m2"] {
        let of_message = api.ok(format!("/findings?message={message}"));
        let listed = all["findings"].as_array().unwrap().iter().filter(|its| its["message"] == message);
        let listed: Vec<_> = listed.cloned().collect();
        assert_eq!(of_message["findings"], serde_json::Value::from(listed.clone()));
        assert!(listed.iter().any(|its| its["kind"] == "repeated-field") && listed.len() > 3, "{all}");
        assert!(of_message["next"].as_u64() >= all["next"].as_u64());
    }
    let kinds = |query: &str| {
        let list = api.ok(format!("/findings?message=m1{query}"));
        list["findings"].as_array().unwrap().iter().map(|its| its["kind"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(kinds("&kind=missing-date"), [r#""missing-date""#]);
    assert_eq!(api.ok("/findings?message=latest"), api.ok("/findings?message=m2"));
    assert_eq!(kinds("&session=s2"), [""; 0]);
    assert_eq!(kinds(&format!("&after={}", all["next"])), [""; 0]);
    api.delete("/messages/m1").expect(204);
    assert_eq!(kinds(""), [""; 0]);
}

#[test]
fn the_list_explains_what_is_wrong_with_a_request() {
    let server = MailServer::start();
    let mut smtp = Wire::greeted(&server, "smtp", false);
    talk(&mut smtp, &[QUIT]);
    server.wait_for_no_session().block();
    server.clear();

    for (query, status, detail) in [
        ("?kind=missing-dat", 400, "unknown finding `missing-dat`; did you mean `missing-date`?"),
        ("?listener=http", 400, "unknown listener `http`"),
        ("?session=first", 400, "`first` is not a session; write `s1`"),
        ("?message=last", 400, "`last` is not a message; write `m1` or `latest`"),
        ("?message=latest", 404, "there is no message"),
        ("?after=1", 410, "the records after 1 were discarded"),
        ("?after=99999", 410, "the journal ends at "),
    ] {
        let answered = ApiClient::of(&server).get(format!("/findings{query}")).detail(status);
        assert!(answered.starts_with(detail), "{query}: {answered}");
    }
}

#[test]
fn every_kind_is_in_the_manual() {
    let manual = include_str!("../src/manual/findings.md");
    for kind in FindingKind::ALL {
        assert!(manual.contains(&format!("| `{kind}` |")), "{kind}");
    }
}

/// A session with three findings: two about the message in line 9, and the end without QUIT.
fn careless(server: &MailServer) {
    let message = "From: ann@example.org\r\n\r\nhi\r\n.\r\n";
    let mut wire = connect(server, "smtp", false);
    talk(&mut wire, &[EHLO, MAIL, RCPT, DATA, (message, "250 ")]);
    drop(wire);
    server.wait_for_no_session().block();
}

fn report_of(act: impl FnOnce()) -> String {
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).expect_err("it panics");
    *failed.downcast::<String>().expect("it has a text")
}

#[test]
fn findings_make_a_verification_fail_where_that_is_asked_for() {
    const ALL: &[&str] = &["missing-date", "missing-message-id", "ended-without-quit"];
    for (value, failing) in [
        ("false", &[][..]),
        ("true", ALL),
        ("'*'", ALL),
        ("['missing-*', 'tag-reused']", &ALL[..2]),
        ("'!missing-*'", &ALL[2..]),
        ("['tag-reused']", &[]),
    ] {
        let scenario = Scenario::text("strict.toml", format!("mailjig = 1\nfail_on_findings = {value}\n"));
        let server = MailServer::builder().scenario(scenario).start();
        careless(&server);
        if failing.is_empty() {
            server.verify().block();
            continue;
        }

        let report = report_of(|| server.verify().block());

        let verified = ApiClient::of(&server).post("/verify", &clients::api_client::NONE).problem(409);
        let kinds = |kind: &serde_json::Value| kind["kind"].as_str().unwrap().to_owned();
        let of_api: Vec<String> = verified["report"]["findings"].as_array().unwrap().iter().map(kinds).collect();
        assert_eq!(of_api, failing, "{value}");
        assert_eq!(verified["detail"], report);
        assert_eq!(report_of(|| drop(server)), report, "a drop verifies too");
        assert!(report.starts_with(&format!("mailjig: {} finding", failing.len())), "{report}");
        assert!(failing.iter().all(|kind| report.contains(&format!(": {kind}: "))), "{report}");
    }
}

#[test]
fn a_failing_finding_is_shown_with_its_line() {
    let server = MailServer::builder().fail_on_findings([FindingKind::MissingDate]).start();
    careless(&server);

    let report = report_of(|| server.verify().block());

    assert_eq!(
        report,
        "mailjig: 1 finding that must not be\n\n✗ s1 smtp m1: missing-date: the message has no header field Date \
         (RFC 5322 §3.6)\n     11  C: <m1>\n"
    );
    server.clear();
}

#[test]
fn a_connection_that_is_open_at_the_verification_fails_it() {
    let server = MailServer::builder().fail_on_findings([FindingKind::LeftOpen]).start();
    let mut wire = connect(&server, "imap", false);
    talk(&mut wire, &[("a NOOP\r\n", "a OK")]);

    let report = report_of(|| server.verify().block());

    assert!(report.contains("s1 imap: left-open: the client left its connection open (RFC 3501 §3.4)"), "{report}");
    assert_eq!(server.findings(), [], "only a verification knows that nothing else comes");
    talk(&mut wire, &[("b LOGOUT\r\n", "b OK")]);
    server.wait_for_no_session().block();
    server.verify().block();
}

#[test]
fn unknown_kinds_of_findings_are_refused() {
    let text = "mailjig = 1\nfail_on_findings = ['missing-dat']\n";

    let error = Scenario::text("strict.toml", text).check().unwrap_err().to_string();

    assert!(error.starts_with("strict.toml:2:20: unknown kind of finding `missing-dat`"), "{error}");
}

/// The findings of the kinds that hold a command against a client that talks to a script.
fn blamed(protocol: &str, script: &str, steps: &[(&str, &str)]) -> Vec<String> {
    let text = format!("mailjig = 1\n[[script]]\non = \"{protocol}.greeting\"\ntext = '''\n{script}'''\n");
    let server = MailServer::builder().scenario(Scenario::text("script.toml", text)).start();
    let mut wire = Wire::greeted(&server, protocol, false);
    talk(&mut wire, steps);
    drop(wire);
    let found = found(&server);
    server.clear();
    found.into_iter().filter(|its| its.starts_with("unknown-") || its.starts_with("invalid-")).collect()
}

#[test]
fn a_line_that_a_script_expects_is_not_held_against_the_client() {
    let imap = "S: * OK hi\nC: {tag} AUTHENTICATE XFOO\nS: + go\nC* answer\nS: {tag} OK in\nLOGIN ann\nPASS\n";
    let imap_client = [("a AUTHENTICATE XFOO\r\n", "+ go"), ("c2VjcmV0\r\n", "a OK"), ("b LOGOUT\r\n", "b OK")];
    let smtp = "S: 220 hi\nC: AUTH XFOO\nS: 334 go\nC~ .*\nS: 235 in\nC? XMORE\nS: 500 what\nPASS\n";
    let smtp_client = [("AUTH XFOO\r\n", "334"), ("c2VjcmV0\r\n", "235"), ("XMORE\r\n", "500"), QUIT];
    let pop3 = "S: +OK hi\nC: XFOO\nC: XBAR\nS: +OK go\nC.\nS: +OK in\nPASS\n";
    let pop3_client = [("XFOO\r\nXBAR\r\n", "+OK go"), ("line\r\n.\r\n", "+OK in"), ("QUIT\r\n", "+OK")];
    for (protocol, script, steps) in
        [("imap", imap, &imap_client[..]), ("smtp", smtp, &smtp_client), ("pop3", pop3, &pop3_client)]
    {
        assert_eq!(blamed(protocol, script, steps), [""; 0], "{protocol}");
    }
}

#[test]
fn a_line_that_a_script_does_not_expect_is_held_against_the_client() {
    let script = "# on_divergence = reply 500 what\n---\nS: 220 hi\nC: XFOO\nS: 250 ok\nPASS\n";

    let found = blamed("smtp", script, &[("XBAR\r\n", "500 what"), ("XFOO\r\n", "250"), ("XBAZ\r\n", "500"), QUIT]);

    assert_eq!(
        found,
        [
            "unknown-command: the client sent `XBAR`, which is not a command of SMTP",
            "unknown-command: the client sent `XBAZ`, which is not a command of SMTP"
        ]
    );
}

#[test]
fn a_command_with_a_bare_lf_is_not_masked_as_credentials() {
    for (protocol, steps, line) in [
        ("pop3", &[("USER bob\r\n", "+OK"), ("CAPA\n", "-ERR"), ("CAPA\r\n", ".")][..], "CAPA\\n"),
        ("pop3", &[("AUTH XYZZY\r\n", "-ERR"), ("RETR 1\n", "-ERR"), ("STAT\r\n", "-ERR")], "RETR 1\\n"),
        ("smtp", &[("AUTH XYZZY\r\n", "5"), ("NOOP\n", "500 "), QUIT], "NOOP\\n"),
        ("imap", &[("a LOGIN bob\r\n", "BAD"), ("b NOOP\n", "BAD"), ("c LOGOUT\r\n", "c OK")], "b NOOP\\n"),
    ] {
        for (steps, is_shown) in [
            (steps.to_vec(), true),
            // What may be a response is masked, and so is what follows it.
            ([&steps[..1], &[("hunter2\n", " "), ("hunter3\r\n", " ")]].concat(), false),
        ] {
            let server = MailServer::builder().fail_on_findings([FindingKind::BareLfInCommand]).start();
            let mut wire = Wire::greeted(&server, protocol, false);
            talk(&mut wire, &steps);
            drop(wire);
            server.wait_for_no_session().block();

            let report = report_of(|| drop(server));

            let shown = line.replace("\\n", "\u{240a}");
            assert_eq!(report.contains(&format!("C: {shown}")), is_shown, "{protocol} {steps:?}: {report}");
            assert!(!report.contains("hunter"), "{protocol} {steps:?}: {report}");
        }
    }
}
