//! The value of each field of an event, in conditions and in texts.

use std::time::Duration;

use clients::wire::Wire;
use mailjig::{MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

/// An event, the fields that a rule notes there, and their values in the conversations below.
#[rustfmt::skip]
const ROWS: &[(&str, &str, &str)] = &[
    ("tls.done", "{age} {conn} {ip} {listener} {server_cert} {sni} {tls}", "0 2 127.0.0.1 smtps good localhost true"),
    ("tls.done", "{tls_version} {cipher} {group} {resumed}", "TLSv1.3 TLS_AES_256_GCM_SHA384 x25519 false"),
    ("smtp.auth", "{user} {mech} {verb} {conns}", "bob@example.org PLAIN AUTH 2"),
    ("smtp.mail", "{from} {size} {param.SIZE} {sent}", "ann@example.org 60 60 0"),
    ("smtp.mail", "{ret} {envid} {param.ENVID}", "hdrs a+b a+2Bb"),
    ("smtp.rcpt", "{rcpt} {rcpts}", "bob@example.org 0"),
    ("smtp.mail", "{by} {priority} {auth} {requiretls} {smtputf8}", "60000000 -3 c+d false true"),
    ("smtp.mail", "{holdfor}{holduntil}", "3000000"),
    ("smtp.rcpt", "{notify} {param.NOTIFY} {orcpt} {ret}", "success,delay DELAY,SUCCESS all+x@example.org hdrs"),
    ("smtp.message", "{notify} {orcpt} {ret} {envid}", "success,delay all+x@example.org hdrs a+b"),
    ("smtp.message", "{rcpt} {rcpts} {size} {bytes} {subject} {header.X-Kind} {body}", "bob@example.org 1 40 40 hi test some text"),
    ("mail.delivered", "{user} {mailbox} {uid} {size} {bytes} {rcpt} {subject} {header.X-Kind} {body}", "bob@example.org INBOX 1 40 40 bob@example.org hi test some text"),
    ("smtp.noop", "{age} {idle} {since.start} {seq} {sent} {failed} {early} {verb} {arg} {line} {user}", "8000000 5000000 8000000 8 1 1 false NOOP and more NOOP and more bob@example.org"),
    ("imap.auth", "{token} {mech} {user}", "tok-1 XOAUTH2 bob@example.org"),
    ("imap.fetch", "{exists} {mailbox} {uidvalidity} {tag} {msn} {uid} {uid_known} {items} {subject} {user} {failed}", "1 INBOX 1 c 1 1 true FLAGS hi bob@example.org 0"),
    ("imap.fetch.item", "{msn} {uid} {uid_known} {flags} {size} {items} {subject}", "1 1 true \\Recent 40 FLAGS hi"),
    ("imap.store", "{flags}", "\\Seen"),
    ("imap.copy", "{uid} {uid_known}", "7 false"),
    ("pop3.retr", "{exists} {msn} {uid} {subject} {user}", "1 1 1.1 hi bob@example.org"),
];

fn conversation(wire: &mut Wire, lines: &[&str], last: &str) {
    wire.say(&lines.iter().map(|line| format!("{line}\r\n")).collect::<String>());
    let mut came = String::new();
    while !came.lines().any(|line| line.starts_with(last)) {
        came += &String::from_utf8(wire.read().unwrap()).unwrap();
    }
}

#[test]
fn each_field_has_its_value() {
    let rule = |(at, (event, note, _)): (usize, &(&str, &str, &str))| {
        format!("[[rule]]\nid = 'row {at}'\non = '{event}'\ndo = {{ note = '{note}' }}\n")
    };
    let text = ROWS.iter().enumerate().map(rule).fold("mailjig = 1\n".to_owned(), |text, rule| text + &rule);
    let scenario = Scenario::text("fields.toml", text);
    let server = MailServer::builder().scenario(scenario).submission_requires_auth(false).manual_clock().start();
    let mut first = Wire::connect(&server, "smtp", false);
    first.line();

    let mut smtp = Wire::connect(&server, "smtp", true);
    smtp.line();
    conversation(&mut smtp, &["EHLO x", "XYZZY", "AUTH PLAIN AGJvYkBleGFtcGxlLm9yZwB4"], "235");
    let mail =
        "MAIL FROM:<ann@example.org> SIZE=60 RET=HDRS ENVID=a+2Bb BY=60;R MT-PRIORITY=-3 AUTH=c+2Bd SMTPUTF8 HOLDFOR=3";
    let rcpt = "RCPT TO:<bob@example.org> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;all+2Bx@example.org";
    let mail = [mail, rcpt, "DATA"];
    conversation(&mut smtp, &mail, "354");
    conversation(&mut smtp, &["Subject: hi", "X-Kind: test", "", "some text", "."], "250");
    server.settled().block();
    server.clock().advance(Duration::from_secs(3));
    server.clock().advance(Duration::from_secs(5));
    conversation(&mut smtp, &["NOOP and more"], "250");
    let mut imap = Wire::connect(&server, "imap", false);
    let login = "a AUTHENTICATE XOAUTH2 dXNlcj1ib2JAZXhhbXBsZS5vcmcBYXV0aD1CZWFyZXIgdG9rLTEBAQ==";
    conversation(&mut imap, &[login, "b SELECT INBOX"], "b OK");
    conversation(&mut imap, &["c FETCH 1 FLAGS", "d STORE 1 +FLAGS (\\Seen)", "e UID COPY 7 INBOX"], "e OK");
    let mut pop3 = Wire::connect(&server, "pop3", false);
    conversation(&mut pop3, &["USER bob@example.org", "PASS x", "RETR 1"], ".");

    let transcript = server.transcript().to_string();
    for (at, (event, note, wanted)) in ROWS.iter().enumerate() {
        let head = format!("-- rule `row {at}` notes: ");
        let said = transcript.lines().find_map(|line| line.strip_prefix(&head));
        assert_eq!(said, Some(*wanted), "{event}: {note}\n{transcript}");
    }
}

/// Commands that are refused by syntax or state: the protocol, the command, and what a rule notes of its fields.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, &str, &str, &str)] = &[
    ("smtp", "MAIL FROM:<a@b> SIZE=7 X-P=1", "smtp.mail", "{from} {size} {param.SIZE} {param.AUTH}", "a@b 7 7 "),
    ("smtp", "MAIL FROM: a@b size=x", "smtp.mail", "{from} {size} {param.SIZE}", "a@b  x"),
    ("smtp", "MAIL FROM:<a@b> RET=FULL ENVID=x X-P=1", "smtp.mail", "{ret} {envid} {param.RET}", "full x FULL"),
    ("smtp", "MAIL FROM:<a@b> HOLDUNTIL=2026-01-31T12:00:00+01:00", "smtp.mail", "{holduntil}", "2026-01-31T11:00:00.000000Z"),
    ("smtp", "RCPT TO:<c@d> NOTIFY=DELAY X-P=1", "smtp.rcpt", "{notify} {orcpt} {ret}", "delay  "),
    ("smtp", "MAIL FROM:<a@b", "smtp.mail", "{from}", "a@b"),
    ("smtp", "RCPT TO:<c@d e> NOTIFY=NEVER", "smtp.rcpt", "{rcpt} {from}", "c@d e "),
    ("smtp", "RCPT TO:<c@d>", "smtp.rcpt", "{rcpt}", "c@d"),
    ("smtp", "AUTH X-OWN", "smtp.auth.start", "{mech}", "X-OWN"),
    ("lmtp", "MAIL FROM:<a@b> X-P=1", "lmtp.mail", "{from}", "a@b"),
    ("imap", "a SELECT News", "imap.select", "{mailbox}", "News"),
    ("imap", "a SELECT inbox (CONDSTORE)", "imap.select", "{mailbox}", "INBOX"),
    ("imap", "a APPEND Drafts (\\Seen \\Draft) now", "imap.append", "{mailbox} {flags}", r"Drafts \Seen \Draft"),
    ("imap", "a FETCH 2:4,* (BOGUS)", "imap.fetch", "{msn} {uid} {items}", "2,4  (BOGUS)"),
    ("imap", "a UID FETCH 7 (BOGUS)", "imap.fetch", "{msn} {uid} {items}", " 7 (BOGUS)"),
    ("imap", "a STORE 3 +FLAGS.SILENT (\\Seen) x", "imap.store", "{msn} {flags}", r"3 \Seen"),
    ("imap", "a COPY 3 Archive x", "imap.copy", "{msn} {mailbox}", "3 Archive"),
    ("imap", "a LOGIN bob", "imap.login", "{user}", "bob"),
    ("imap", "a AUTHENTICATE X-OWN", "imap.auth.start", "{mech}", "X-OWN"),
    ("imap", "a FETCH", "imap.fetch", "{msn}{items}", ""),
    ("pop3", "RETR 4 5", "pop3.retr", "{msn}", "4"),
    ("pop3", "RETR 4", "pop3.retr", "{msn}", "4"),
    ("pop3", "TOP 4", "pop3.top", "{msn}", "4"),
    ("pop3", "APOP bob", "pop3.apop", "{user}", "bob"),
    ("pop3", "AUTH X-OWN", "pop3.auth.start", "{mech}", "X-OWN"),
];

#[test]
fn a_response_of_fetch_can_be_written_by_hand() {
    const TEXT: &str = r#"
        mailjig = 1
        [[mailbox]]
        name = "INBOX"
        generate = 2
        [[rule]]
        on = "imap.fetch.item"
        when = { flags = '~\\Seen' }
        do = { reply = '* {msn} FETCH (RFC822.SIZE {size} FLAGS ({flags}) INTERNALDATE "{internaldate}" UID {uid})' }
        [[rule]]
        on = "imap.fetch.item"
        do = { data = { order = ["RFC822.SIZE", "FLAGS", "INTERNALDATE"] } }
    "#;
    let server = MailServer::builder().scenario(Scenario::text("fetch.toml", TEXT)).start();
    let mut imap = Wire::connect(&server, "imap", false);
    conversation(&mut imap, &["a LOGIN bob@example.org x", "b SELECT INBOX", "c STORE 2 FLAGS (\\Seen $Old)"], "c OK");

    imap.say("d UID FETCH 1:2 FAST\r\n");

    let mut said = String::new();
    while !said.contains("d OK") {
        said += &String::from_utf8(imap.line()).unwrap();
    }
    let (first, rest) = said.split_once("\r\n").unwrap();
    let (second, _) = rest.split_once("\r\n").unwrap();
    let date = first.split('"').nth(1).unwrap();
    let size = first.split(' ').nth(4).unwrap();
    assert_eq!(date.len(), 26);
    let wanted =
        |n, flags: &str| format!("* {n} FETCH (RFC822.SIZE {size} FLAGS ({flags}) INTERNALDATE \"{date}\" UID {n})");
    assert_eq!([first, second], [&*wanted(1, "\\Recent"), &*wanted(2, "\\Seen $Old \\Recent")]);
}

#[test]
fn a_delivery_over_lmtp_has_the_parameters_of_its_recipient() {
    const TEXT: &str = r#"
        mailjig = 1
        [[rule]]
        on = "lmtp.delivery"
        when = { notify = "never", envid = "a+b" }
        do = { reply = "452 4.2.2 {rcpt} wants no notification" }
        [[rule]]
        on = "lmtp.delivery"
        when = { orcpt = "all@example.org" }
        do = { reply = "452 4.2.2 {rcpt} is one of all" }
    "#;
    let scenario = Scenario::text("lmtp.toml", TEXT);
    let server =
        MailServer::builder().scenario(scenario).account("ann@example.org", "x").account("bob@example.org", "x");
    let server = server.account("cem@example.org", "x").start();
    let mut lmtp = Wire::connect(&server, "lmtp", false);
    let rcpt = [
        "RCPT TO:<ann@example.org>",
        "RCPT TO:<eve@example.org> NOTIFY=NEVER",
        "RCPT TO:<bob@example.org> NOTIFY=NEVER",
        "RCPT TO:<cem@example.org> NOTIFY=SUCCESS ORCPT=rfc822;all@EXAMPLE.org",
    ];
    conversation(&mut lmtp, &[&["LHLO x", "MAIL FROM:<> ENVID=a+2Bb"], &rcpt[..], &["DATA"]].concat(), "354");

    lmtp.say("Subject: hi\r\n\r\n.\r\n");

    let mut said = String::new();
    while said.lines().count() < 3 || !said.ends_with('\n') {
        said += &String::from_utf8(lmtp.read().unwrap()).unwrap();
    }
    let wanted = "250 2.0.0 <ann@example.org> Ok: queued as m1\r\n\
                  452 4.2.2 bob@example.org wants no notification\r\n\
                  452 4.2.2 cem@example.org is one of all\r\n";
    assert_eq!(said, wanted);
}

#[test]
fn a_refused_command_has_its_fields() {
    for (protocol, command, event, note, wanted) in REFUSED {
        let rule = format!("mailjig = 1\n[[rule]]\nid = 'row'\non = '{event}'\ndo = {{ note = '{note}.' }}\n");
        let server = MailServer::builder().scenario(Scenario::text("refused.toml", rule)).start();
        let mut wire = Wire::connect(&server, protocol, false);
        wire.line();
        wire.say(&format!("{command}\r\n"));
        let reply = String::from_utf8(wire.line()).unwrap();
        assert!(
            reply.starts_with(['5', '-']) || reply.starts_with("a BAD") || reply.starts_with("a NO"),
            "{command}: {reply}"
        );

        let transcript = server.transcript().to_string();
        assert!(transcript.contains(&format!("-- rule `row` notes: {wanted}.\n")), "{command}\n{transcript}");
    }
}

#[test]
fn a_refusal_after_an_awaited_line_refuses_its_request() {
    let rules = "mailjig = 1\n[[rule]]\non = 'pop3.user'\ndo = [{ raw = '+ go on\\r\\n' }, { await = '*' }, { pass = { status = '-ERR later' } }]\n\
                 [[rule]]\nid = 'counted'\non = 'pop3.quit'\ndo = { note = '{failed}' }\n";
    let server = MailServer::builder().scenario(Scenario::text("failed.toml", rules)).start();
    let mut pop3 = Wire::connect(&server, "pop3", false);

    conversation(&mut pop3, &["CAPA", "USER bob@example.org", "a line"], "-ERR");
    conversation(&mut pop3, &["CAPA", "QUIT"], "+OK goodbye");

    let transcript = server.transcript().to_string();
    assert!(transcript.contains("-- rule `counted` notes: 1\n"), "{transcript}");
}

#[test]
fn a_deleted_selected_mailbox_keeps_its_name() {
    let rule = "mailjig = 1\n[[rule]]\nid = 'gone'\non = 'imap.noop'\ndo = { note = '{mailbox}' }\n";
    let server = MailServer::builder().scenario(Scenario::text("gone.toml", rule)).start();
    let mut imap = Wire::connect(&server, "imap", false);
    conversation(&mut imap, &["a LOGIN bob@example.org x", "b CREATE News", "c SELECT News"], "c OK");
    let mut other = Wire::connect(&server, "imap", false);
    conversation(&mut other, &["a LOGIN bob@example.org x", "b DELETE News"], "b OK");

    conversation(&mut imap, &["d NOOP"], "* BYE");

    let transcript = server.transcript().to_string();
    assert!(transcript.contains("-- rule `gone` notes: News\n"), "{transcript}");
}

#[test]
fn every_field_has_a_row() {
    let manual = include_str!("../src/manual/scenarios.md");
    let (_, table) = manual.split_once("### Fields\n").unwrap();
    let (table, _) = table.split_once("### Steps\n").unwrap();
    let fields: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(fields.len() > 30, "{fields:?}");

    // The outcome is known later; only timers have `at`; the internal date is that of the test; other tests make handshakes
    // that fail, or have certificates of clients and application protocols.
    let elsewhere = ["outcome", "at", "internaldate", "session.…", "state.…", "alert", "alpn", "cert"];
    for field in fields.into_iter().filter(|field| !elsewhere.contains(field)) {
        let name = field.trim_end_matches('…');
        let is_there = ROWS.iter().any(|(_, note, _)| {
            note.contains(&format!("{{{name}")) && (name != field || note.contains(&format!("{{{name}}}")))
        });
        assert!(is_there, "no row notes `{field}`");
    }
    for (event, note, wanted) in ROWS {
        assert!(!format!(" {wanted} ").contains("  "), "{event}: a field of `{note}` is never set");
    }
}

#[test]
fn counting_by_user_uses_the_logged_in_user() {
    let rule = "mailjig = 1\n[[rule]]\nid = \"gone\"\non = \"tcp.close\"\nper = \"user\"\ntimes = 1\ndo = { note = \"gone\" }\n";
    let server = MailServer::builder().scenario(Scenario::text("gone.toml", rule)).start();

    for login in ["bob@example.org", "bob@example.org", "carol@example.org"] {
        let mut imap = Wire::connect(&server, "imap", false);
        conversation(&mut imap, &[&format!("a LOGIN {login} x"), "b LOGOUT"], "b OK");
    }
    server.settled().block();

    assert_eq!(server.fired("gone"), 2);
}

#[test]
fn a_session_keeps_its_counts_when_its_records_are_evicted() {
    let rule = "mailjig = 1\n[[rule]]\nid = 'row'\non = 'smtp.quit'\ndo = { note = '{seq} {failed} {idle}' }\n";
    let server = MailServer::builder().scenario(Scenario::text("row.toml", rule)).manual_clock().start();
    let mut smtp = Wire::connect(&server, "smtp", false);
    conversation(&mut smtp, &["EHLO x", "XYZZY"], "500");
    server.settled().block();

    server.clear();
    server.clock().advance(Duration::from_secs(5));
    conversation(&mut smtp, &["QUIT"], "221");

    let transcript = server.transcript().to_string();
    assert!(transcript.contains("-- rule `row` notes: 3 1 5000000\n"), "{transcript}");
}
