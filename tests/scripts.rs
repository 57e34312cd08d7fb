//! Scripts: every construct in every protocol, hostile clients, and printed sessions that play as they were.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use clients::deadline::until;
use clients::wire::After::{self, Eof, Open, Reset, Truncated};
use clients::wire::Wire;
use mailjig::prelude::*;
use mailjig::rules::{imap, on, smtp};

#[path = "clients/mod.rs"]
mod clients;

const PROTOCOLS: [&str; 4] = ["smtp", "lmtp", "imap", "pop3"];

/// The words of the table in SMTP, IMAP and POP3. In scripts, IMAP's tag is a variable.
const WORDS: [(&str, [&str; 3]); 8] = [
    ("<hi>", ["220 hi", "* OK hi", "+OK hi"]),
    ("<noop>", ["NOOP", "A1 NOOP", "USER bob"]),
    ("<other>", ["RSET", "A1 CHECK", "RSET"]),
    ("<ok>", ["250 ok", "A1 OK ok", "+OK ok"]),
    ("<no>", ["451 no", "A1 NO no", "-ERR no"]),
    ("<quit>", ["QUIT", "A1 LOGOUT", "QUIT"]),
    ("<bye>", ["221 bye", "A1 OK bye", "+OK bye"]),
    // What the conforming server replies to `<noop>`.
    ("<pass>", ["250 2.0.0 Ok", "A1 OK Done", "+OK now the password"]),
];

/// A script, its client's octets, the server's, how the connection ends, and a part of the failure, if there is one.
type Row = (&'static str, &'static str, &'static str, After, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Lines that must come.
    ("S: <hi>\nC: <noop>\nS: <ok>\nPASS", "<noop>\r\n<noop>\r\n", "<hi>\r\n<ok>\r\n<pass>\r\n", Open, ""),
    ("S: <hi>\nC| <noop!>\\n\nS: <ok>\nPASS", "<noop>\n<noop>\r\n", "<hi>\r\n<ok>\r\n<pass>\r\n", Open, ""),
    ("S: <hi>\nC~ (NOOP|USER)(?<rest>.*)$\nS: <ok>{rest}\nPASS", "<noop>\r\n", "<hi>\r\n<ok><REST>\r\n", Open, ""),
    ("S: <hi>\nC* line\nS: <ok> {line|len}\nPASS", "<noop>\r\n", "<hi>\r\n<ok> <len>\r\n", Open, ""),
    ("S: <hi>\nC*\nC*\nS: <ok>\nPASS", "<noop>\r\n<other>\r\n<noop>\r\n", "<hi>\r\n<ok>\r\n<pass>\r\n", Open, ""),
    // Lines that may come.
    ("S: <hi>\nC? <other>\nS: <no>\nC: <noop>\nS: <ok>\nPASS", "<other>\r\n<noop>\r\n", "<hi>\r\n<no>\r\n<ok>\r\n", Open, ""),
    ("S: <hi>\nC? <other>\nS: <no>\nC: <noop>\nS: <ok>\nPASS", "<noop>\r\n<noop>\r\n", "<hi>\r\n<ok>\r\n<pass>\r\n", Open, ""),
    ("S: <hi>\nC? <other>\nS: <no>\nPASS", "<noop>\r\n", "<hi>\r\n<pass>\r\n", Open, ""),
    ("S: <hi>\n@again\nC? <other>\nS: <no>\n=> again\nC: <noop>\nS: <ok>\nPASS", "<other>\r\n<other>\r\n<noop>\r\n", "<hi>\r\n<no>\r\n<no>\r\n<ok>\r\n", Open, ""),
    ("S: <hi>\nC? <other>\nX: rst\nC: <noop>\nS: <ok>\nPASS", "<noop>\r\n", "<hi>\r\n<ok>\r\n", Open, ""),
    // Lines that must not come.
    ("S: <hi>\nC! NOOP|USER\nC: <noop>\nS: <ok>\nPASS", "<noop>\r\n<noop>\r\n", "<hi>\r\n<ok>\r\n<pass>\r\n", Open, "line 2 forbids `NOOP|USER`"),
    ("S: <hi>\nC: <noop>\nS: <ok>\nC! NOOP|USER\nPASS", "<noop>\r\n<noop>\r\n", "<hi>\r\n<ok>\r\n<pass>\r\n", Open, ""),
    // The server's side.
    ("-- a comment\nS| <hi>\\r\\nmore\nW: 1ms\nS| \\xff\\r\\n\nPASS", "<noop>\r\n", "<hi>\r\nmore\u{ff}\r\n<pass>\r\n", Open, ""),
    ("S: <hi>\nC: <noop>\nS: <ok>\nX: fin", "<noop>\r\n", "<hi>\r\n<ok>\r\n", Eof, ""),
    ("S: <hi>\nC: <noop>\nS| <ok>\nX: rst", "<noop>\r\n", "<hi>\r\n<ok>", Reset, ""),
    ("S: <hi>\nX: half", "", "<hi>\r\n", Truncated, ""),
    ("S: <hi>\nX: tls-no-notify", "", "<hi>\r\n", Truncated, ""),
    ("S: <hi>\nC? <other>\n=> end\nC: <noop>\nS: <ok>\nX: fin\n@end\nS: end\nX: fin", "<other>\r\n", "<hi>\r\nend\r\n", Eof, ""),
    // The end of the script.
    ("S: <hi>\nC: <quit>\nS: <bye>", "<quit>\r\n", "<hi>\r\n<bye>\r\n", Eof, ""),
    ("S: <hi>\nC: <noop>\nS: <ok>", "<noop>\r\n<noop>\r\n", "<hi>\r\n<ok>\r\n", Eof, "script `row` is over"),
    // What does not fit.
    ("S: <hi>\nC: <noop>\nS: <ok>\nPASS", "<other>\r\n", "<hi>\r\n", Eof, "script `row`: line 2 expects `C: "),
    ("# on_divergence = pass\n---\nS: <hi>\nC: <other>\nS: <ok>\nPASS", "<noop>\r\n", "<hi>\r\n<pass>\r\n", Open, "line 4 expects `C: "),
    ("# on_divergence = reply <NO>\n---\nS: <hi>\nC: <noop>\nS: <ok>\nPASS", "<other>\r\n<noop>\r\n", "<hi>\r\n<no>\r\n<ok>\r\n", Open, "line 4 expects `C: "),
    ("S: <hi>\nC? <quit>\nS: <bye>\nC: <noop>\nS: <ok>\nPASS", "<other>\r\n", "<hi>\r\n", Eof, "or line 4 expects `C: "),
    ("S: <hi>\nC~ (noop|user)\nS: <ok>\nPASS", "<noop>\r\n", "<hi>\r\n", Eof, "expects `C~ (noop|user)` (it fits if case is ignored: write `(?i)` before the expression)"),
    ("S: <hi>\nC~ (noop|user)\nS: <ok>\nPASS", "<quit>\r\n", "<hi>\r\n", Eof, "expects `C~ (noop|user)`"),
    ("S: <hi>\nC| <noop!>\\r\\n\nS: <ok>\nPASS", "<other>\r\n", "<hi>\r\n", Eof, "line 2 expects `C| "),
    ("S: <hi>\nC? <quit>\nS: <bye>\n@next\n-- then\nC? <quit>\nS: <bye>\nC: <noop>\nS: <ok>\nPASS", "", "<hi>\r\n", Open, "line 2 expects `C? <quit>`, or line 6 expects `C? <quit>`, or line 8 expects `C: <noop>`"),
    ("S: <hi>\nC? <noop>\nS: <ok>", "<other>\r\n", "<hi>\r\n", Eof, ", or the end of the session"),
    ("# on_divergence = reply <NO>\n---\nS: <hi>\nC? <noop>\nS: <ok>\nC: <quit>\nS: <bye>\nX: fin", "<other>\r\n<noop>\r\n<quit>\r\n", "<hi>\r\n<no>\r\n<ok>\r\n<bye>\r\n", Eof, ", or line 6 expects `C: <quit>`"),
];

/// A text of the table in a protocol.
fn words(text: &str, protocol: &str, is_script: bool) -> String {
    let column = PROTOCOLS.iter().position(|its| *its == protocol).unwrap().saturating_sub(1);
    let refusal = ["451 no", "NO no", "-ERR no"][column];
    let rest = ["", "", " bob"][column];
    let length = ["4", "7", "8"][column];
    let text = text.replace("<NO>", refusal).replace("<REST>", rest).replace("<len>", length);
    let text = text.replace("<noop!>", WORDS[1].1[column]);
    WORDS.iter().fold(text, |text, (word, forms)| {
        let form = forms[column];
        text.replace(word, &if is_script { form.replace("A1 ", "{tag} ") } else { form.to_owned() })
    })
}

fn octets(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// A server with a script at the greeting of this protocol.
fn scripted(protocol: &str, script: &str) -> MailServer {
    server(&format!("mailjig = 1\n[[script]]\nid = \"row\"\non = \"{protocol}.greeting\"\ntext = '''\n{script}\n'''\n"))
}

fn server(scenario: &str) -> MailServer {
    MailServer::builder().scenario(Scenario::text("row.toml", scenario)).start()
}

/// The report of a server that is dropped; empty if all is well.
fn report(server: MailServer) -> String {
    let why = catch_unwind(AssertUnwindSafe(|| drop(server)));
    why.err().map(|why| *why.downcast::<String>().unwrap()).unwrap_or_default()
}

#[test]
fn every_construct_in_every_protocol() {
    std::thread::scope(|scope| ROWS.iter().for_each(|row| drop(scope.spawn(|| everywhere(row)))));
}

fn everywhere((script, client, wanted, after, failure): &Row) {
    for (protocol, is_tls) in PROTOCOLS.into_iter().flat_map(|protocol| [(protocol, false), (protocol, true)]) {
        // LMTP has no listener with implicit TLS.
        if is_tls && protocol == "lmtp" {
            continue;
        }
        let what = format!("{script:?} in {protocol}, TLS: {is_tls}");
        let server = scripted(protocol, &words(script, protocol, true));
        let mut wire = Wire::connect(&server, protocol, is_tls);

        wire.say(&words(client, protocol, false));
        let wanted = octets(&words(wanted, protocol, false));
        let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{what}: {end:?}\n{}", server.transcript()));
        assert_eq!(String::from_utf8_lossy(&came.concat()), String::from_utf8_lossy(&wanted), "{what}");

        match after {
            Open => wire.fin(),
            Truncated if !is_tls => assert_eq!(wire.read(), Err(Eof), "{what}"),
            end => assert_eq!(wire.read(), Err(*end), "{what}"),
        }
        drop(wire);
        server.wait_for_no_session().block();
        let report = report(server);
        assert_eq!(failure.is_empty(), !report.contains("failed"), "{what}: {report}");
        assert!(report.contains(&words(failure, protocol, true)), "{what}: {report}");
    }
}

#[test]
fn a_script_is_cut_wherever_the_client_cuts_its_octets() {
    let script = "S: 220 hi\nC: EHLO {host}\nS: 250 {host}\nC| NOOP\\nNOOP\\r\\n\nS: 250 two\nC: DATA\nS: 354 go\nC. body\nS: 250 {body|len}\nX: fin";
    let client = "EHLO there\r\nNOOP\nNOOP\r\nDATA\r\nSubject: x\r\n\r\n.\r\n";
    for piece in [1, 2, 3, 7, 1000] {
        let server = scripted("smtp", script);
        let mut wire = Wire::connect(&server, "smtp", false);

        client.as_bytes().chunks(piece).for_each(|piece| wire.bytes(piece));

        let wanted = "220 hi\r\n250 there\r\n250 two\r\n354 go\r\n250 14\r\n";
        let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{piece}: {end:?}\n{}", server.transcript()));
        assert_eq!(String::from_utf8_lossy(&came.concat()), wanted, "{piece}");
        assert_eq!(wire.read(), Err(Eof));
        assert_eq!(report(server), "");
    }
}

#[test]
fn failures_show_octets_around_the_first_difference() {
    for (script, client, wanted) in [
        (
            &format!("S: 220 hi\nC: NOOP {}b\nS: 250 ok", "a".repeat(900))[..],
            &[b"NOOP ".as_slice(), &[b'a'; 900], b"\xff\0", &[b'c'; 300], b"\r\n"].concat()[..],
            &format!(
                "the client sent \"…{a}\\xff\\x00{c}…\" (octets 826 to 1065 of 1207); script `row`: line 2 expects C: `…{b}b` \
                 (octets 667 to 906 of 906) (octet 906 differs)",
                a = "a".repeat(80),
                b = "a".repeat(239),
                c = "c".repeat(158),
            )[..],
        ),
        (
            "S: 220 hi\nC? NOOP x\nS: 250 ok\nC| RSET\\x00yes\\r\\n\nS: 250 ok",
            b"RSET\0no\r\n",
            "the client sent \"RSET\\x00no\"; script `row`: line 2 expects `C? NOOP x`, or line 4 expects `C| RSET\\x00yes\\r\\n` (octet 6 differs)",
        ),
        (
            "S: 220 hi\nC: EHLO {host}\nS: 250 ok\nC: EHLO {host}\nS: 250 ok",
            b"EHLO me\r\nEHLO my\r\n",
            "the client sent \"EHLO my\"; script `row`: line 4 expects `C: EHLO {host}` with the same {host} as before (octet 7 differs)",
        ),
        (
            "S: 220 hi\nC: EHLO there\nS: 250 ok",
            b"ehlo the\r\n",
            "the client sent \"ehlo the\"; script `row`: line 2 expects `C: EHLO there` (octet 9 differs)",
        ),
        (
            "S: 220 hi\nC: RSET\nS: 250 ok\nC: AUTH PLAIN {secret}\nS: 250 ok",
            b"RSET\r\nAUTH LOGIN c2VjcmV0\r\n",
            "the client sent \"AUTH LOGIN ***\"; script `row`: line 4 expects `C: AUTH PLAIN {secret}` (octet 6 differs)",
        ),
    ] {
        let server = scripted("smtp", script);
        let mut wire = Wire::connect(&server, "smtp", false);
        wire.bytes(client);
        while wire.read().is_ok() {}
        drop(wire);
        server.wait_for_no_session().block();

        let report = report(server);

        assert!(report.contains(wanted), "{report}\n{wanted}");
    }
}

#[test]
fn a_failure_does_not_show_what_may_be_the_rest_of_a_login() {
    for divergence in ["close", "pass", "reply 500 what?"] {
        let script = "S: 220 hi\nC: AUTH XFOO\nS: 334 go\nC: YmFy\nS: 235 ok";
        let server = scripted("smtp", &format!("# on_divergence = {divergence}\n---\n{script}"));
        let mut wire = Wire::greeted(&server, "smtp", false);
        wire.say("AUTH XFOO\r\n");
        assert_eq!(wire.line(), b"334 go\r\n");
        wire.say("c2VjcmV0\r\n");
        wire.fin();
        while wire.read().is_ok() {}
        drop(wire);
        server.wait_for_no_session().block();

        let report = report(server);

        assert!(report.contains("the client sent \"***\"; script `row`: line 6 expects `C: YmFy`"), "{report}");
        assert!(!report.contains("c2VjcmV0"), "{report}");
    }
}

#[test]
fn each_pass_of_a_loop_gives_variables_new_values() {
    for (protocol, script, client, wanted, failure) in [
        (
            "smtp",
            "S: 220 hi\nC: EHLO {host}\nS: 250 hi\n@again\nC? RSET {to}\nS: 250 reset {to}\nC: RCPT TO:<{to}>\nS: 250 {to} of {host}\n\
             C: RCPT TO:<{to}>\nS: 250 twice {to}\n=> again",
            "EHLO me\r\nRCPT TO:<a>\r\nRCPT TO:<a>\r\nRSET b\r\nRCPT TO:<b>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nRCPT TO:<d>\r\n",
            "220 hi\r\n250 hi\r\n250 a of me\r\n250 twice a\r\n250 reset b\r\n250 b of me\r\n250 twice b\r\n250 c of me\r\n",
            "line 9 expects `C: RCPT TO:<{to}>` with the same {to} as before (octet 10 differs)",
        ),
        (
            "imap",
            "S: * OK hi\nC: {tag} LOGIN {user} x\nS: {tag} OK in\n@again\nC: {tag} SELECT {box}\nS: {tag} OK {box}\n\
             C: {tag} STATUS {box} (MESSAGES)\nS: {tag} OK {box} of {user}\n=> again",
            "a LOGIN bob x\r\nb SELECT one\r\nc STATUS one (MESSAGES)\r\nd SELECT two\r\ne STATUS two (MESSAGES)\r\nf SELECT three\r\n\
             g STATUS two (MESSAGES)\r\n",
            "* OK hi\r\na OK in\r\nb OK one\r\nc OK one of bob\r\nd OK two\r\ne OK two of bob\r\nf OK three\r\n",
            "line 7 expects `C: {tag} STATUS {box} (MESSAGES)` with the same {box} as before",
        ),
        (
            "pop3",
            "S: +OK hi\nC: USER {user}\nS: +OK\n@again\nC: PASS {pass}\nS: -ERR {user} {pass}\nC: USER {user}\nS: +OK\n=> again",
            "USER bob\r\nPASS a\r\nUSER bob\r\nPASS b\r\nUSER ann\r\n",
            "+OK hi\r\n+OK\r\n-ERR bob a\r\n+OK\r\n-ERR bob b\r\n",
            "line 7 expects `C: USER {user}` with the same {user} as before (octet 6 differs)",
        ),
    ] {
        let server = scripted(protocol, script);
        let mut wire = Wire::connect(&server, protocol, false);
        wire.say(client);
        let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{end:?}\n{}", server.transcript()));
        assert_eq!(String::from_utf8_lossy(&came.concat()), wanted);
        while wire.read().is_ok() {}
        drop(wire);
        server.wait_for_no_session().block();
        let report = report(server);
        assert!(report.contains(failure), "{report}");
    }
}

#[test]
fn the_conforming_server_is_in_step_when_a_script_hands_over() {
    let server = scripted(
        "smtp",
        "S: 220 hi\nC: EHLO {host}\nS: 250 AUTH PLAIN\nC: AUTH PLAIN\nS: 334 \nC* secret\nS: 235 ok\n\
         C~ (?i)^MAIL FROM:<(?<from>.*)>\nS: 250 ok\nC: RCPT TO:<refused@example.org>\nS: 550 no\n\
         C: RCPT TO:<{to}>\nS: 250 ok\nC: DATA\nS: 354 go\nC. body\nS: 250 taken {body|len}\nPASS",
    );
    let mut wire = Wire::connect(&server, "smtp", false);
    let lines = [
        ("EHLO me", "220 hi\r\n250 AUTH PLAIN\r\n"),
        ("AUTH PLAIN", "334 \r\n"),
        ("AGJvYkBleGFtcGxlLm9yZwB4", "235 ok\r\n"),
        ("MAIL FROM:<a@example.org>", "250 ok\r\n"),
        ("RCPT TO:<refused@example.org>", "550 no\r\n"),
        ("RCPT TO:<b@example.org>", "250 ok\r\n"),
        ("DATA", "354 go\r\n"),
        ("Subject: one\r\n\r\n..dot\r\n.", "250 taken 23\r\n"),
        ("DATA", "503 5.5.1 Bad sequence of commands: MAIL and RCPT are required before DATA\r\n"),
        ("AUTH PLAIN", "503 5.5.1 Bad sequence of commands: you are logged in already\r\n"),
    ];

    for (line, wanted) in lines {
        wire.say(&format!("{line}\r\n"));
        let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{line}: {end:?}\n{}", server.transcript()));
        assert_eq!(String::from_utf8_lossy(&came.concat()), wanted, "{line}");
    }

    let mail = server.messages().remove(0);
    assert_eq!(&mail.raw()[..], b"Subject: one\r\n\r\n.dot\r\n");
    assert_eq!(mail.envelope().accepted().collect::<Vec<_>>(), ["b@example.org"]);
    let transcript = server.transcript().to_string();
    assert!(transcript.contains("C: DATA\nS: 354 go\nC: <m1>\nS: 250 taken 23\n"), "{transcript}");
}

#[test]
fn imap_and_pop3_are_in_step_too() {
    let server = scripted(
        "imap",
        "S: * OK hi\nC: {tag} LOGIN {user} {8}\nS: + go\nC. password\nS: {tag} OK in\nC: {tag} CREATE Box\nS: {tag} NO never\n\
         C: {tag} APPEND INBOX {n}\nS: + go\nC. mail\nS: {tag} OK kept {mail|len}\nC: {tag} IDLE\nS: + idling\nC: DONE\nS: {tag} OK idled\nPASS",
    );
    let mut wire = Wire::connect(&server, "imap", false);
    let lines = [
        ("a LOGIN bob@example.org {8}\r\n", "* OK hi\r\n+ go\r\n"),
        ("password\r\n", "a OK in\r\n"),
        ("b create Box\r\n", "b NO never\r\n"),
        ("c APPEND INBOX {14}\r\n", "+ go\r\n"),
        ("Subject: x\r\n\r\n\r\n", "c OK kept 14\r\n"),
        ("d IDLE\r\n", "+ idling\r\n"),
        ("DONE\r\n", "d OK idled\r\n"),
        ("e STATUS INBOX (MESSAGES)\r\n", "* STATUS INBOX (MESSAGES 1)\r\ne OK STATUS is complete\r\n"),
        ("f SELECT Box\r\n", "f NO "),
    ];
    for (line, wanted) in lines {
        wire.say(line);
        let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{line}: {end:?}\n{}", server.transcript()));
        assert!(came.concat().starts_with(wanted.as_bytes()), "{line}: {}", String::from_utf8_lossy(&came.concat()));
    }

    let server = scripted("pop3", "S: +OK hi\nC: USER {user}\nS: +OK\nC* pass\nS: +OK in\nPASS");
    server.account("bob@example.org").inbox().add("Subject: x\r\n\r\n");
    let mut wire = Wire::connect(&server, "pop3", false);
    wire.say("USER bob@example.org\r\nPASS x\r\nSTAT\r\n");
    let wanted = "+OK hi\r\n+OK\r\n+OK in\r\n+OK 1 14\r\n";
    assert_eq!(String::from_utf8_lossy(&wire.octets(wanted.len()).unwrap().concat()), wanted);
}

/// Says each of these to a server, and reads what it must answer.
fn converse(server: &MailServer, protocol: &str, lines: &[(&str, &str)]) -> Wire {
    let mut wire = Wire::connect(server, protocol, false);
    for (line, wanted) in lines {
        wire.say(line);
        let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{line}: {end:?}\n{}", server.transcript()));
        assert_eq!(String::from_utf8_lossy(&came.concat()), *wanted, "{line}");
    }
    wire
}

#[test]
fn a_script_logs_the_session_in_whatever_the_client_said() {
    for (protocol, script, lines) in [
        (
            "smtp",
            "S: 220 hi\nC: EHLO {host}\nS: 250 AUTH XFOO\nC: AUTH XFOO\nS: 334 Zm9v\nC* token\nS: 235 in\nLOGIN ann\nPASS",
            &[
                ("EHLO me\r\n", "220 hi\r\n250 AUTH XFOO\r\n"),
                ("AUTH XFOO\r\n", "334 Zm9v\r\n"),
                ("YmFy\r\n", "235 in\r\n"),
                ("AUTH PLAIN\r\n", "503 5.5.1 Bad sequence of commands: you are logged in already\r\n"),
                ("MAIL FROM:<a@example.org>\r\n", "250 2.1.0 Ok\r\n"),
            ][..],
        ),
        (
            "smtp",
            "S: 220 hi\nC: EHLO {host}\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 name?\nC* name\nS: 334 secret?\nC* secret\n\
             S: 235 in\nLOGIN {host}\nPASS",
            &[
                ("EHLO ann\r\n", "220 hi\r\n250 AUTH LOGIN\r\n"),
                ("AUTH LOGIN\r\n", "334 name?\r\n"),
                ("not base64!\r\n", "334 secret?\r\n"),
                ("neither!\r\n", "235 in\r\n"),
                ("RSET\r\n", "250 2.0.0 Ok\r\n"),
            ],
        ),
        ("lmtp", "S: 220 hi\nLOGIN ann\nPASS", &[("NOOP\r\n", "220 hi\r\n250 2.0.0 Ok\r\n")]),
        (
            "imap",
            "S: * OK hi\nC: {tag} AUTHENTICATE XFOO {user}\nS: {tag} OK in\nLOGIN {user}\nPASS",
            &[
                ("a AUTHENTICATE XFOO ann\r\n", "* OK hi\r\na OK in\r\n"),
                ("b STATUS INBOX (MESSAGES)\r\n", "* STATUS INBOX (MESSAGES 1)\r\nb OK STATUS is complete\r\n"),
            ],
        ),
        (
            "imap",
            "LOGIN ann\nS: * PREAUTH hi\nPASS",
            &[(
                "b STATUS INBOX (MESSAGES)\r\n",
                "* PREAUTH hi\r\n* STATUS INBOX (MESSAGES 1)\r\nb OK STATUS is complete\r\n",
            )],
        ),
        (
            "pop3",
            "S: +OK hi\nC: AUTH XFOO {token}\nS: +OK in\nLOGIN ann\nPASS",
            &[("AUTH XFOO bar\r\n", "+OK hi\r\n+OK in\r\n"), ("STAT\r\n", "+OK 1 14\r\n")],
        ),
    ] {
        let server = scripted(protocol, script);
        server.account("ann").inbox().add("Subject: x\r\n\r\n");

        let wire = converse(&server, protocol, lines);

        assert_eq!(server.sessions()[0].user.as_deref(), Some("ann"), "{protocol}: {script}");
        let transcript = server.transcript().to_string();
        assert!(!transcript.contains("not in step"), "{transcript}");
        drop(wire);
        server.wait_for_no_session().block();
        assert_eq!(report(server), "");
    }
}

#[test]
fn an_impossible_login_of_a_script_is_a_failure() {
    let server = server(
        "mailjig = 1\n[[user]]\nname = 'ann'\n[[script]]\nid = 'row'\non = 'pop3.greeting'\ntext = '''\nS: +OK hi\nC: AUTH X {user}\nS: +OK in\nLOGIN {user}\nPASS\n'''\n",
    );
    drop(converse(
        &server,
        "pop3",
        &[("AUTH X bob\r\n", "+OK hi\r\n+OK in\r\n"), ("STAT\r\n", "-ERR log in first\r\n")],
    ));
    server.wait_for_no_session().block();

    let report = report(server);

    assert!(report.contains("rule `row` failed") && report.contains("there is no user `bob`"), "{report}");
}

#[test]
fn a_login_of_a_script_names_a_user_of_the_closed_list() {
    let script = "[[script]]\nid = 'row'\non = 'pop3.greeting'\ntext = '''\nS: +OK hi\nLOGIN bob\nPASS\n'''\n";
    let step = "[[rule]]\non = 'pop3.noop'\ndo = { script = { text = 'LOGIN bob' } }\n";
    for rules in [script, step, "[[rule]]\non = 'pop3.noop'\ndo = { login = 'bob' }\n"] {
        let text = format!("mailjig = 1\n[[user]]\nname = 'ann'\n{rules}");
        let error = Scenario::text("x.toml", &text).check().unwrap_err().to_string();
        assert!(error.starts_with("x.toml:") && error.contains("unknown user `bob`\n"), "{error}");
        Scenario::text("x.toml", text.replace("bob", "Ann")).check().unwrap_or_else(|error| panic!("{error}"));
        Scenario::text("x.toml", format!("mailjig = 1\n{rules}")).check().unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_divergence_says_how_to_allow_a_harmless_command() {
    for (protocol, line, sent, hint) in [
        ("smtp", "EHLO me", "RSET", "; to allow it, write `C? RSET` above, or `on_divergence = \"pass\"`"),
        ("imap", "{tag} LOGOUT", "a capability", "; to allow it, write `C? {tag} CAPABILITY` above, or `on_divergence"),
        ("pop3", "QUIT", "CAPA", "; to allow it, write `C? CAPA` above, or `on_divergence"),
        ("pop3", "QUIT", "DELE 1", ""),
    ] {
        let server = scripted(protocol, &format!("S: hi\nC: {line}\nS: ok"));
        let mut wire = converse(&server, protocol, &[(&format!("{sent}\r\n"), "hi\r\n")]);
        assert_eq!(wire.read(), Err(Eof));
        drop(wire);
        server.wait_for_no_session().block();
        let report = report(server);
        assert!(report.contains(hint) && report.contains("to allow it") != hint.is_empty(), "{report}");
    }
}

#[test]
fn a_server_that_is_not_in_step_is_noted_when_a_script_hands_over() {
    for (protocol, script, lines, wanted) in [
        (
            "smtp",
            "S: 220 hi\nC: EHLO {host}\nS: 250 XFOO\nC: MAIL FROM:<{from}> XFOO=1\nS: 250 ok\nC: RCPT TO:<{to}>\nS: 250 ok\nPASS",
            &[
                ("EHLO me\r\n", "220 hi\r\n250 XFOO\r\n"),
                ("MAIL FROM:<a@example.org> XFOO=1\r\n", "250 ok\r\n"),
                ("RCPT TO:<b@example.org>\r\n", "250 ok\r\n"),
            ][..],
            "-- rule `row` notes: the conforming server is not in step with the script: it refused \"MAIL FROM:<a@example.org> XFOO=1\" with \"555 5.5.4 MAIL FROM/RCPT TO \
             parameters not recognized or not implemented: XFOO\", and 1 more",
        ),
        (
            "imap",
            "S: * OK hi\nC: {tag} AUTHENTICATE XFOO {token}\nS: {tag} OK in\nPASS",
            &[("a AUTHENTICATE XFOO c2VjcmV0\r\n", "* OK hi\r\na OK in\r\n")],
            "it refused \"a AUTHENTICATE XFOO ***\" with \"a NO",
        ),
        (
            "pop3",
            "S: +OK hi\nC: STAT\nS: +OK 1 2\nC: XYZZY\nS: -ERR no\nPASS",
            &[("STAT\r\n", "+OK hi\r\n+OK 1 2\r\n"), ("XYZZY\r\n", "-ERR no\r\n")],
            "it refused \"STAT\" with \"-ERR log in first\"\n",
        ),
        (
            "smtp",
            "S: 220 hi\nC: EHLO {host}\nS: 250 XFOO\nC: MAIL FROM:<a@example.org> XFOO=1\nS: 250 ok\nC: RCPT TO:<b@example.org>\nS: 250 ok\nC: DATA\n\
             S: 354 go\nC. mail\nS: 250 {mail|len} octets\nPASS",
            &[
                ("EHLO me\r\n", "220 hi\r\n250 XFOO\r\n"),
                ("MAIL FROM:<a@example.org> XFOO=1\r\n", "250 ok\r\n"),
                ("RCPT TO:<b@example.org>\r\n", "250 ok\r\n"),
                ("DATA\r\n", "354 go\r\n"),
                ("12\r\n.\r\n", "250 4 octets\r\n"),
            ],
            "-- rule `row` notes: the conforming server does not expect these 7 octets of data\n",
        ),
    ] {
        let server = scripted(protocol, script);

        drop(converse(&server, protocol, lines));
        server.wait_for_no_session().block();

        let transcript = server.transcript().to_string();
        assert!(transcript.contains(wanted), "{transcript}");
        assert_eq!(report(server), "");
    }
}

#[test]
fn changes_by_others_are_announced_after_the_script() {
    let server = scripted(
        "imap",
        "S: * OK hi\nC: {tag} LOGIN {user} x\nS: {tag} OK in\nC: {tag} SELECT INBOX\nS: {tag} OK open\nC: {tag} NOOP\nS: {tag} OK none\n\
         C: {tag} IDLE\nS: + idling\nC: DONE\nS: {tag} OK idled\nC: {tag} UID STORE 3 +FLAGS.SILENT (\\Deleted)\nS: {tag} OK stored\n\
         C: {tag} UID EXPUNGE 3\nS: * 3 EXPUNGE\nS: {tag} OK gone\nC: {tag} CHECK\nS: {tag} OK checked\nPASS",
    );
    let inbox = server.account("bob").inbox();
    (1..=4).for_each(|_| drop(inbox.add("Subject: x\r\n\r\n")));
    let mut wire = Wire::connect(&server, "imap", false);
    let mut says = |line: &str, wanted: &str| {
        wire.say(line);
        let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{line}: {end:?}\n{}", server.transcript()));
        assert_eq!(String::from_utf8_lossy(&came.concat()), wanted, "{line}");
    };
    says("a LOGIN bob x\r\n", "* OK hi\r\na OK in\r\n");
    says("b SELECT INBOX\r\n", "b OK open\r\n");
    // The client deletes a message itself, as the script says.
    says("c NOOP\r\n", "c OK none\r\n");
    says("d IDLE\r\n", "+ idling\r\n");
    says("DONE\r\n", "d OK idled\r\n");
    says("e UID STORE 3 +FLAGS.SILENT (\\Deleted)\r\n", "e OK stored\r\n");
    says("f UID EXPUNGE 3\r\n", "* 3 EXPUNGE\r\nf OK gone\r\n");

    inbox.add("Subject: y\r\n\r\n");
    inbox.expunge(1);
    inbox.flag(2, &["\\Flagged"], &[]);
    says("g CHECK\r\n", "g OK checked\r\n");

    says(
        "h NOOP\r\n",
        "* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\n* 1 FETCH (UID 2 FLAGS (\\Flagged \\Recent))\r\nh OK Done\r\n",
    );
    says("i IDLE\r\n", "+ idling\r\n");
    inbox.add("Subject: z\r\n\r\n");
    says("", "* 4 EXISTS\r\n* 4 RECENT\r\n");
}

#[test]
fn changes_by_others_do_not_disturb_a_script() {
    let server = scripted(
        "imap",
        "S: * OK hi\nC: {tag} LOGIN {user} x\nS: {tag} OK in\nC: {tag} SELECT INBOX\nS: {tag} OK open\n@again\nC? {tag} NOOP\nS: {tag} OK none\n\
         => again\nC? {tag} IDLE\nS: + idling\nC? DONE\nS: {tag} OK idled\n=> again\nPASS",
    );
    let inbox = server.account("bob").inbox();
    inbox.add("Subject: x\r\n\r\n");
    let mut wire = Wire::connect(&server, "imap", false);
    let mut says = |line: &str, wanted: &str| {
        wire.say(line);
        let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{line}: {end:?}\n{}", server.transcript()));
        assert_eq!(String::from_utf8_lossy(&came.concat()), wanted, "{line}");
    };
    says("a LOGIN bob x\r\nb SELECT INBOX\r\n", "* OK hi\r\na OK in\r\nb OK open\r\n");
    inbox.add("Subject: y\r\n\r\n");
    says("c NOOP\r\n", "c OK none\r\n");
    says("d IDLE\r\n", "+ idling\r\n");
    inbox.add("Subject: z\r\n\r\n");
    inbox.expunge(1);
    says("DONE\r\n", "d OK idled\r\n");
    says("e NOOP\r\n", "e OK none\r\n");

    says("f CHECK\r\n", "* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 2 RECENT\r\nf OK Checked\r\n");
}

#[test]
fn a_client_in_idle_is_told_at_once_when_a_script_hands_over() {
    let server = scripted(
        "imap",
        "S: * OK hi\nC: {tag} LOGIN {user} x\nS: {tag} OK in\nC: {tag} SELECT INBOX\nS: {tag} OK open\nC: {tag} NOOP\nS: {tag} OK none\n\
         C: {tag} IDLE\nS: + idling\nPASS",
    );
    let inbox = server.account("bob").inbox();
    let mut wire = Wire::connect(&server, "imap", false);
    wire.say("a LOGIN bob x\r\nb SELECT INBOX\r\n");
    let wanted = "* OK hi\r\na OK in\r\nb OK open\r\n";
    assert_eq!(String::from_utf8_lossy(&wire.octets(wanted.len()).unwrap().concat()), wanted);
    inbox.add("Subject: y\r\n\r\n");

    wire.say("c NOOP\r\nd IDLE\r\n");

    let wanted = "c OK none\r\n+ idling\r\n* 1 EXISTS\r\n* 1 RECENT\r\n";
    let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{end:?}\n{}", server.transcript()));
    assert_eq!(String::from_utf8_lossy(&came.concat()), wanted);
}

#[test]
fn the_server_s_lines_contain_messages_of_the_scenario() {
    let messages = "[[message]]\nid = 'one'\ntext = '''\nSubject: one\n\n.dot\n'''\n";
    let one = "Subject: one\r\n\r\n.dot\r\n";
    for (protocol, script, lines) in [
        (
            "imap",
            "S: * OK hi\nC: {tag} X {n}\nS: * {n} FETCH (BODY[] {literal:one})\nS: {tag} OK {message:one|len}\nC: {tag} Y\nS: * BODY {literal:one}\n\
             S: {tag} NO y\nPASS",
            &[
                ("a X 3\r\n", format!("* OK hi\r\n* 3 FETCH (BODY[] {{22}}\r\n{one})\r\na OK 22\r\n")),
                ("b Y\r\n", format!("* BODY {{22}}\r\n{one}\r\nb NO y\r\n")),
            ][..],
        ),
        (
            "pop3",
            "S: +OK hi\nC: RETR 1\nS: +OK {message:one|len} octets\nS| .{message:one}.\\r\\n\nPASS",
            &[("RETR 1\r\n", format!("+OK hi\r\n+OK 22 octets\r\n.{one}.\r\n"))],
        ),
        (
            "smtp",
            "S: 220 hi\nC: VRFY {user}\nS| 250-{message:one|b64}\\r\\n{message:one}250 ok\\r\\n\nPASS",
            &[("VRFY x\r\n", format!("220 hi\r\n250-U3ViamVjdDogb25lDQoNCi5kb3QNCg==\r\n{one}250 ok\r\n"))],
        ),
    ] {
        let script = format!("[[script]]\nid = 'row'\non = '{protocol}.greeting'\ntext = '''\n{script}\n'''\n");
        let server = server(&format!("mailjig = 1\n{messages}{script}"));
        let lines: Vec<(&str, &str)> = lines.iter().map(|(line, wanted)| (*line, &wanted[..])).collect();

        drop(converse(&server, protocol, &lines));

        let transcript = server.transcript().to_string();
        assert!(transcript.contains("<message one>"), "{transcript}");
        assert!(server.account("bob").inbox().entries().is_empty(), "a message in a script is in no mailbox");
        assert_eq!(report(server), "");
    }
}

#[test]
fn cleartext_behind_the_handshake_of_a_script_is_dropped() {
    for (protocol, hi, ask, go, next) in [
        ("smtp", "220 hi", "STARTTLS", "220 go\\r\\n250 forged", "RSET"),
        ("imap", "* OK hi", "a STARTTLS", "a OK go\\r\\n* forged", "b NOOP"),
        ("pop3", "+OK hi", "STLS", "+OK go\\r\\n+OK forged", "CAPA"),
    ] {
        let script = format!("S: {hi}\nC: {ask}\nS| {go}\\r\\n\nTLS\nC: {next}\nS: secret\nPASS");
        let server = scripted(protocol, &script);
        let mut wire = Wire::connect(&server, protocol, false);

        wire.say(&format!("{ask}\r\nDELE everything\r\n"));
        let clear = format!("{hi}\r\n{}\r\n", go.replace("\\r\\n", "\r\n"));
        assert_eq!(String::from_utf8_lossy(&wire.octets(clear.len()).unwrap().concat()), clear);
        let mut wire = wire.secure(&server);
        wire.say(&format!("{next}\r\n"));

        assert_eq!(String::from_utf8_lossy(&wire.line()), "secret\r\n", "{}", server.transcript());
        let transcript = server.transcript().to_string();
        let dropped = "-- 17 octets were sent in cleartext after STARTTLS and discarded\nTLS\n";
        assert!(transcript.contains(dropped), "{transcript}");
        assert!(!transcript.contains("everything"), "{transcript}");
    }
}

#[test]
fn rules_outside_of_a_script_apply_to_its_exchanges_and_those_inside_do_not() {
    let server = server(
        r#"
        mailjig = 1
        [[rule]]
        id = "outer"
        on = "smtp.noop"
        nth = "2"
        do = { reply = "451 outer" }
        expect = "=1"
        [[script]]
        id = "row"
        on = "smtp.greeting"
        text = '''
        S: 220 hi
        @again
        C: NOOP
        S: 250 script
        => again
        '''
        [[rule]]
        id = "inner"
        on = "smtp.noop"
        do = { reply = "451 inner" }
        expect = "=0"
        "#,
    );
    let mut wire = Wire::connect(&server, "smtp", false);
    let _late = server.mount(on(smtp::noop()).times(1).named("late").reply("452 late"));

    wire.say("NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n");

    let wanted = "220 hi\r\n452 late\r\n250 script\r\n451 outer\r\n250 script\r\n";
    let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{end:?}\n{}", server.transcript()));
    assert_eq!(String::from_utf8_lossy(&came.concat()), wanted);
    wire.fin();
    assert_eq!(wire.read(), Err(Eof));
    let report = report(server);
    assert!(report.contains("the client closed the connection; script `row`: line 3 expects `C: NOOP`"), "{report}");
    assert!(report.contains("✓ rule `outer`   =1, fired 1\n✓ rule `inner`   =0, fired 0\n"), "{report}");
}

#[test]
fn a_script_is_a_step_of_a_rule_at_any_command() {
    let server = MailServer::start();
    let lines = "S: {tag} OK [CAPABILITY X] in\nC: {tag} X\nS: {tag} NO x\nPASS";
    server.mount(on(imap::login()).script(lines).named("x"));
    let mut wire = Wire::greeted(&server, "imap", false);

    wire.say("a LOGIN bob@example.org x\r\nb X\r\nc STATUS INBOX (MESSAGES)\r\n");

    let wanted = "a OK [CAPABILITY X] in\r\nb NO x\r\n* STATUS INBOX (MESSAGES 0)\r\nc OK STATUS is complete\r\n";
    let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{end:?}\n{}", server.transcript()));
    assert_eq!(String::from_utf8_lossy(&came.concat()), wanted);
}

#[test]
fn a_client_that_ends_floods_or_is_silent_ends_a_script() {
    for (script, client, wanted) in [
        ("S: 220 hi\nC: NOOP\nS: 250 ok\nPASS", "NO", "the client closed the connection; script `row`: line 2"),
        (
            "S: 220 hi\nC: DATA\nS: 354 go\nC. x\nS: 250 ok\nPASS",
            "DATA\r\nhalf",
            "closed the connection; script `row`: line 4",
        ),
        ("S: 220 hi\nC: NOOP\nS: 250 ok\nPASS", &"x".repeat(2 << 20), "a line has at most 1048576 octets"),
        (
            "S: 220 hi\nC: DATA\nS: 354 go\nC. x\nS: 250 ok",
            &format!("DATA\r\n{}", "xxxxxx\r\n".repeat(8000)),
            "data has at most 50000",
        ),
    ] {
        let text = format!("mailjig = 1\n[[script]]\nid = \"row\"\non = \"smtp.greeting\"\ntext = '''\n{script}'''\n");
        let server = MailServer::builder().max_message_size(50_000).scenario(Scenario::text("row", text)).start();
        let mut wire = Wire::connect(&server, "smtp", false);
        std::thread::scope(|scope| {
            scope.spawn(|| wire.say(client));
            until("the end", || server.transcript().to_string().contains("-- ") || client.len() < 20);
        });
        if client.len() < 20 {
            wire.fin();
        }
        while wire.read().is_ok() {}
        drop(wire);
        server.wait_for_no_session().block();
        let report = report(server);
        assert!(report.contains(wanted), "{wanted}: {report}");
    }

    let server = scripted("smtp", "S: 220 hi\nC: NOOP\nW: 1h\nS: 250 ok\nC: NOOP\nS: 250 ok\nPASS");
    server.clock().pause();
    let mut wire = Wire::greeted(&server, "smtp", false);
    wire.say("NOOP\r\n");
    until("it waits", || server.transcript().to_string().contains("C: NOOP"));
    server.clock().advance(Duration::from_secs(3600));
    assert_eq!(wire.line(), b"250 ok\r\n");
    server.clock().advance(Duration::from_secs(24 * 3600));
    assert_eq!(wire.read(), Err(Eof));
    drop(wire);
    server.wait_for_no_session().block();
    let report = report(server);
    assert!(report.contains("the client was silent for too long; script `row`: line 5 expects `C: NOOP`"), "{report}");
}

#[test]
fn data_that_were_announced_too_large_are_answered_when_they_come() {
    for (protocol, script, client, last) in [
        ("imap", "S: * OK hi\nC~ APPEND\nS: + go\nC.\nS: {tag} OK", "A1 APPEND INBOX {60000}\r\n", &b"+ go\r\n"[..]),
        ("smtp", "S: 220 hi\nC~ BDAT\nS: 250 go\nC.\nS: 250 ok", "BDAT 60000\r\n", b"250 go\r\n"),
    ] {
        let head = "# on_divergence = reply 552 too large";
        let text = format!(
            "mailjig = 1\n[[script]]\nid = \"row\"\non = \"{protocol}.greeting\"\ntext = '''\n{head}\n---\n{script}\n'''\n"
        );
        let server = MailServer::builder().max_message_size(50_000).scenario(Scenario::text("row", text)).start();
        let mut wire = Wire::greeted(&server, protocol, false);
        wire.say(client);
        assert_eq!(wire.line(), last);
        wire.say("x\r\n");
        assert!(wire.line().ends_with(b"552 too large\r\n"), "{protocol}");
        wire.fin();
        assert_eq!(wire.read(), Err(Eof), "{protocol}");
        drop(wire);
        let report = report(server);
        assert!(report.contains("data has at most 50000 octets"), "{report}");
    }
}

/// What a client sends, and how the server's answer to it ends; without an answer, the handshake follows.
type Talk = &'static [(&'static str, &'static str)];

const TALKS: [(&str, Talk); 4] = [
    (
        "smtp",
        &[
            ("EHLO me\r\n", "250 HELP\r\n"),
            ("STARTTLS\r\n", "TLS\r\n"),
            ("", ""),
            ("EHLO me\r\nNOOP\n", "bare LF\r\n"),
            ("AUTH PLAIN\r\n", "334 \r\n"),
            ("AGJvYkBleGFtcGxlLm9yZwB4\r\n", "235 2.7.0 Authentication successful\r\n"),
            (
                "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n",
                "354 End data with <CR><LF>.<CR><LF>\r\n",
            ),
            ("Subject: {name} {{12}} \\r\r\n\r\n..dot\r\n.odd\r\n\u{e9}\n\ttab\r\n.\r\n", "queued as m2\r\n"),
            ("QUIT\r\n", "221 2.0.0 Bye\r\n"),
        ],
    ),
    (
        "lmtp",
        &[
            (
                "LHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n",
                "<CR><LF>.<CR><LF>\r\n",
            ),
            ("Subject: x\r\n\r\n.\r\n", "m2\r\n"),
            ("QUIT\r\n", "221 2.0.0 Bye\r\n"),
        ],
    ),
    (
        "imap",
        &[
            ("a STARTTLS\r\n", "\r\n"),
            ("", ""),
            ("b LOGIN {15}\r\n", "+ go ahead\r\n"),
            ("bob@example.org {3}\r\n", "+ go ahead\r\n"),
            ("{x}\r\n", "You are logged in\r\n"),
            ("c APPEND INBOX (\\Seen) {27}\r\n", "+ go ahead\r\n"),
            ("Subject: {a}}\r\n\r\n{b} x\r\ny\r\n\r\n", "\r\n"),
            ("d APPEND INBOX {15+}\r\nSubject: y\r\n\r\nz\r\ne SELECT INBOX\r\n", "\r\n"),
            ("f FETCH 1:2 (FLAGS INTERNALDATE BODY[])\r\n", "\r\n"),
            ("g IDLE\r\n", "+ idling\r\n"),
            ("DONE\r\n", "\r\n"),
            ("h XYZZY \u{e9}\r\n", "\r\n"),
            ("i LOGOUT\r\n", "i OK Logged out\r\n"),
        ],
    ),
    (
        "pop3",
        &[
            ("CAPA\r\n", "\r\n.\r\n"),
            ("STLS\r\n", "\r\n"),
            ("", ""),
            ("USER bob@example.org\r\nPASS {x}\r\nUIDL\r\n", "\r\n.\r\n"),
            ("RETR 1\r\n", "\r\n.\r\n"),
            ("DELE 1\r\nQUIT\r\n", "goodbye\r\n"),
        ],
    ),
];

/// Talks to a server; returns what it sent.
fn talk(server: &MailServer, protocol: &str, talk: Talk) -> String {
    let mut wire = Wire::connect(server, protocol, false);
    let mut all = String::from_utf8(wire.line()).unwrap();
    for (client, end) in talk {
        if client.is_empty() {
            wire = wire.secure(server);
            continue;
        }
        wire.say(client);
        let mut answer = Vec::new();
        while !answer.ends_with(end.as_bytes()) {
            let so_far = String::from_utf8_lossy(&answer).into_owned();
            answer.extend(
                wire.read()
                    .unwrap_or_else(|why| panic!("{client:?}: {why:?} after {so_far:?}\n{}", server.transcript())),
            );
        }
        all += &String::from_utf8_lossy(&answer);
    }
    assert_eq!(wire.read(), Err(Eof), "{protocol}");
    all
}

#[test]
fn a_printed_session_plays_as_it_was() {
    for (protocol, lines) in TALKS {
        let first = MailServer::start();
        first.account("bob@example.org").inbox().add("Subject: one\r\n\r\n.dot {name}\r\n");
        let said = talk(&first, protocol, lines);
        first.wait_for_no_session().block();
        let text = first.transcript().verbatim();

        let second = MailServer::builder().scenario(Scenario::session("again.session", text.clone())).start();
        let again = talk(&second, protocol, lines);
        second.wait_for_no_session().block();

        assert_eq!(again, said, "{text}");
        assert_eq!(second.transcript().verbatim(), text);
        let captured = |server: &MailServer| server.messages().iter().filter(|mail| mail.session().is_some()).count();
        assert_eq!(captured(&second), captured(&first));
        assert_eq!(report(second), "", "{text}");
    }
}

#[test]
fn a_printed_session_ends_as_it_did() {
    for (step, end) in [("close = \"fin\"", Eof), ("close = \"rst\"", Reset)] {
        let first = server(&format!(
            "mailjig = 1\n[[rule]]\non = \"smtp.noop\"\ndo = [{{ reply = \"250 ok\" }}, {{ {step} }}]\n"
        ));
        let mut wire = Wire::greeted(&first, "smtp", false);
        wire.say("NOOP\r\n");
        assert_eq!(wire.line(), b"250 ok\r\n");
        assert_eq!(wire.read(), Err(end));
        drop(wire);
        first.wait_for_no_session().block();
        let text = first.transcript().verbatim();

        let second = MailServer::builder().scenario(Scenario::session("again", text.clone())).start();
        let mut wire = Wire::greeted(&second, "smtp", false);
        wire.say("NOOP\r\n");

        assert_eq!(wire.line(), b"250 ok\r\n");
        assert_eq!(wire.read(), Err(end), "{text}");
    }
}

#[test]
fn recorded_sessions_are_scripts() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sessions");
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "session") {
            Scenario::file(&file).check().unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn errors_of_scripts_are_at_their_lines() {
    for (text, wanted) in [
        (
            "[[script]]\nid = \"a\"\ntext = '''\nS: x\nQ: y\n'''\n",
            "x.toml:6:1: this is not a line of a script\n 6 | Q: y\n",
        ),
        (
            "[[script]]\nid = \"a\"\ntext = \'\'\'\nS: x\nPASS\n-- but\nC: NOOP\n\'\'\'\n",
            "x.toml:8:1: never played: the script ends at its line 2, `PASS`\n 8 | C: NOOP\n",
        ),
        ("[[script]]\ntext = \"S: x\\nQ: y\"\n", "x.toml:3:8: line 2 of the script: this is not a line of a script"),
        ("[[script]]\non = \"smtp.greeting\"\n", "a script needs either `text` or `file`"),
        ("[[script]]\nfile = \"none.session\"\n", "the file `none.session` cannot be read"),
        ("[[script]]\non_divergence = \"stop\"\ntext = \"S: x\"\n", "x.toml:3:17: `stop` is not a way to continue"),
        (
            "[[script]]\nid = \"a\"\ntext = \"S: x\"\n[[rule]]\non = \"smtp.noop\"\ndo = { script = \"b\" }\n",
            "unknown script `b`\n",
        ),
        (
            "[[script]]\nid = \"a\"\ntext = \"S: x\"\n[[rule]]\non = \"smtp.noop\"\ndo = [{ script = \"a\" }, { note = \"x\" }]\n",
            "`script` takes the connection, so `note` is never reached",
        ),
        (
            "[[script]]\non = \"smtp.greeting\"\ntext = \"# protocol = imap\\n---\\nS: x\"\n",
            "the head of the script names another protocol",
        ),
        ("[[script]]\non = \"tcp.accept\"\ntext = \"S: x\"\n", "a script begins at a greeting or at a command"),
        (
            "[[rule]]\non = \"imap.fetch.item\"\ndo = { script = { text = \"S: x\" } }\n",
            "a script begins at a greeting or at a command",
        ),
    ] {
        let error = Scenario::text("x.toml", format!("mailjig = 1\n{text}")).check().unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    let unknown = "[[message]]\nid = 'one'\ngenerate = true\n[[script]]\nid = 'a'\ntext = '''\nS: {message:one} {literal:won}\n'''\n";
    let error = Scenario::text("x.toml", format!("mailjig = 1\n{unknown}")).check().unwrap_err().to_string();
    assert!(error.starts_with("x.toml:8:18: unknown message `won`\n") && error.contains("there are: one"), "{error}");
    let inline = "[[rule]]\non = 'smtp.noop'\ndo = { script = { text = 'S: {message:one}' } }\n";
    let error = Scenario::text("x.toml", format!("mailjig = 1\n{inline}")).check().unwrap_err().to_string();
    assert!(error.contains("unknown message `one`"), "{error}");
    let error = Scenario::session("x.session", "# protocol = smtp\n---\nS: 220 hi\nS| 250 {message:one}\n").check();
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("x.session:4:8: there is no message `one`: a `.session` file has no messages\n"),
        "{error}"
    );
    let error = Scenario::session("x.session", "S: 220 hi\n").check().unwrap_err().to_string();
    assert!(error.starts_with("x.session:1:1: the head does not name a protocol\n"), "{error}");
    let error = Scenario::session("x.session", "# protocol = smtp\n---\nS 220\n").check().unwrap_err().to_string();
    assert!(error.starts_with("x.session:3:1: this is not a line of a script\n"), "{error}");
}

#[test]
fn a_session_is_a_scenario_in_a_file_and_as_text() {
    let text = "# protocol = pop3\n---\nS: +OK hi\nC: QUIT\nS: +OK bye\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bye.session");
    std::fs::write(&path, text).unwrap();
    for scenario in
        [Scenario::file(&path), Scenario::text("scenario.toml", text), Scenario::session("bye.session", text)]
    {
        let server = MailServer::builder().scenario(scenario).start();
        let mut wire = Wire::connect(&server, "pop3", false);
        wire.say("QUIT\r\n");
        let came = wire.octets("+OK hi\r\n+OK bye\r\n".len()).unwrap().concat();
        assert_eq!(String::from_utf8_lossy(&came), "+OK hi\r\n+OK bye\r\n");
        assert_eq!(wire.read(), Err(Eof));
        assert_eq!(report(server), "");
    }
    // A session that never begins fails.
    let report = report(MailServer::builder().scenario(Scenario::session("bye.session", text)).start());
    assert!(report.contains("✗ rule `bye`  expected >=1, got 0"), "{report}");
}

/// The script in the manual behind these words.
fn in_manual(words: &str) -> &'static str {
    let (_, behind) = include_str!("../src/manual/scenarios.md").split_once(words).unwrap();
    behind.split_once("```text\n").and_then(|(_, script)| script.split_once("```")).unwrap().0
}

#[test]
fn the_loops_of_the_manual_jump_in_each_pass() {
    let senders = in_manual("so the same must come in every pass:");
    let lines = in_manual("jump to a `PASS` at the end:");
    for (script, talk, failure) in [
        (
            format!("S: 220 hi\n{senders}"),
            &[
                ("MAIL FROM:<a@x.example>\r\n", "220 hi\r\n250 ok\r\n"),
                ("RCPT TO:<b@x.example>\r\n", "250 b@x.example from a@x.example\r\n"),
                ("RCPT TO:<c@x.example>\r\n", "250 c@x.example from a@x.example\r\n"),
                ("VRFY c@x.example\r\n", "252 perhaps\r\n"),
                ("RCPT TO:<d@x.example>\r\n", "250 d@x.example from a@x.example\r\n"),
                ("VRFY a@x.example\r\n", "252 perhaps\r\n"),
                ("RCPT TO:<e@x.example>\r\n", "250 e@x.example from a@x.example\r\n"),
            ][..],
            "the client closed the connection",
        ),
        (
            format!("S: 220 hi\n{lines}"),
            &[("one\r\ntwo\r\n.\r\n", "220 hi\r\n250 ok\r\n"), ("NOOP\r\n", "250 2.0.0 Ok\r\n")],
            "",
        ),
    ] {
        let server = scripted("smtp", &script);

        drop(converse(&server, "smtp", talk));

        server.wait_for_no_session().block();
        let report = report(server);
        assert_eq!(report.is_empty(), failure.is_empty(), "{report}");
        assert!(report.contains(failure), "{report}");
    }
}

#[test]
fn a_client_that_uses_a_forged_reply_behind_starttls_is_found() {
    let manual = include_str!("../src/manual/scenarios.md");
    let (_, example) = manual.split_once("```toml\nmailjig = 1\nname = \"forged-behind-starttls\"").unwrap();
    let text = format!("mailjig = 1\n{}", example.split("```").next().unwrap());
    for (line, failure) in [("RSET", ""), ("auth PLAIN", "script `inject`: line 12 forbids `(?i)^AUTH`")] {
        let server = MailServer::builder().scenario(Scenario::text("forged", text.clone())).start();
        let mut wire = Wire::connect(&server, "smtp", false);
        let clear = "220 mx.example.org ESMTP\r\n250-mx.example.org hello me\r\n250-SIZE 10485760\r\n250 STARTTLS\r\n";
        let forged = "220 2.0.0 ready\r\n250-mx.example.org\r\n250 AUTH PLAIN\r\n";

        wire.say("EHLO me\r\nSTARTTLS\r\n");
        let came = wire.octets(clear.len() + forged.len()).unwrap().concat();
        assert_eq!(String::from_utf8_lossy(&came), format!("{clear}{forged}"));
        let mut wire = wire.secure(&server);
        if failure.is_empty() {
            wire.say("EHLO me\r\nMAIL FROM:<a@example.org>\r\n");
            let wanted = "250-mx.example.org\r\n250 SIZE 10485760\r\n250 2.1.0 Ok\r\n";
            assert_eq!(String::from_utf8_lossy(&wire.octets(wanted.len()).unwrap().concat()), wanted);
        } else {
            wire.say(&format!("{line}\r\n"));
            assert_eq!(wire.read(), Err(Eof));
        }
        drop(wire);
        server.wait_for_no_session().block();
        let report = report(server);
        assert_eq!(report.is_empty(), failure.is_empty(), "{report}");
        assert!(report.contains(failure), "{report}");
    }
}
