//! Steps whose reply differs between protocols, and the mailboxes afterwards.

use super::clients::deadline::until;
use super::clients::wire::After::{self, Eof, Open, Refused};
use super::clients::wire::Wire;
use super::{PROTOCOLS, report};
use mailjig::{MailServer, Scenario};
use std::time::Duration;

/// The event, the steps, the client's lines with their replies, the content of INBOX and Junk afterwards, and how the
/// connection ends.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str, After);

/// INBOX has two messages, and the IMAP client has selected it.
#[rustfmt::skip]
const OWN: &[Row] = &[
    // Flow.
    ("smtp.noop", "[{ reply = '354 go' }, { await = '~^x' }, { reply = '250 done' }]", &[("NOOP", "354 go\r\n"), ("xyz", "250 done\r\n")], "INBOX 1 2", Open),
    ("lmtp.noop", "[{ reply = '354 go' }, { await = '~^x' }, { reply = '250 done' }]", &[("NOOP", "354 go\r\n"), ("xyz", "250 done\r\n")], "INBOX 1 2", Open),
    ("imap.noop", "[{ reply = '+ go' }, { await = '~^x' }, { reply = 'OK done' }]", &[("A3 NOOP", "+ go\r\n"), ("xyz", "A3 OK done\r\n")], "INBOX 1 2", Open),
    ("pop3.noop", "[{ reply = '+ go' }, { await = '~^x' }, { reply = '+OK done' }]", &[("NOOP", "+ go\r\n"), ("xyz", "+OK done\r\n")], "INBOX 1 2", Open),
    ("imap.literal", "[{ reply = 'NO too much' }]", &[("A3 APPEND INBOX {7}", "A3 NO too much\r\n"), ("A4 NOOP", "A4 OK Done\r\n")], "INBOX 1 2", Open),
    ("imap.literal", "[{ raw = '+ go\\r\\n' }]", &[("A3 RENAME {2}", "+ go\r\n"), ("ab c", "A3 NO [NONEXISTENT] there is no mailbox ab\r\n")], "INBOX 1 2", Open),
    // Data.
    ("imap.fetch", "[{ data = { item = 'FLAGS', value = '()' } }]", &[("A3 FETCH 2 (UID FLAGS)", "* 2 FETCH (UID 2 FLAGS ())\r\nA3 OK Fetched\r\n")], "INBOX 1 2", Open),
    ("imap.fetch.item", "[{ data = { item = 'UID', drop = true } }]", &[("A3 FETCH 2 (UID FLAGS)", "* 2 FETCH (FLAGS (\\Recent))\r\nA3 OK Fetched\r\n")], "INBOX 1 2", Open),
    ("imap.fetch.item", "[{ data = { literal = '+7' } }]", &[("A3 FETCH 2 (BODY.PEEK[HEADER.FIELDS (SUBJECT)])", "* 2 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {31}\r\nSubject: generated 2\r\n\r\n)\r\nA3 OK Fetched\r\n")], "INBOX 1 2", Open),
    ("imap.close", "[{ pass = true }, { raw = '* OK [ALERT] {verb}\\r\\n' }]", &[("A3 CLOSE", "A3 OK Closed\r\n* OK [ALERT] CLOSE\r\n")], "INBOX 1 2", Open),
    ("imap.noop", "[{ raw = '* 1 FETCH (BODY[] {2}\\r\\nhi)\\r\\n' }, { pass = true }]", &[("A3 NOOP", "* 1 FETCH (BODY[] {2}\r\nhi)\r\nA3 OK Done\r\n")], "INBOX 1 2", Open),
    ("imap.noop", "[{ data = { code = 'ALERT', drop = true } }, { reply = 'OK [ALERT] done' }]", &[("A3 NOOP", "A3 OK done\r\n")], "INBOX 1 2", Open),
    ("pop3.uidl", "[{ data = { listing = 2, uid = 'x' } }]", &[("UIDL 2", "+OK 2 x\r\n")], "INBOX 1 2", Open),
    ("pop3.list", "[{ data = { listing = 1, size = '=7' } }]", &[("LIST 1", "+OK 1 7\r\n")], "INBOX 1 2", Open),
    // World.
    ("smtp.message", "[{ deliver = { mailbox = 'Junk' } }]", SENT, "INBOX 1 2, Junk 1", Open),
    ("smtp.message", "[{ deliver = false }]", SENT, "INBOX 1 2", Open),
    ("lmtp.message", "[{ deliver = { mailbox = 'Junk' } }]", TO_TWO, "INBOX 1 2, Junk 1", Open),
    ("lmtp.message", "[{ deliver = false }]", TO_TWO, "INBOX 1 2", Open),
    ("lmtp.message", "[{ bounce = 'failed' }]", TO_TWO, "INBOX 1 2 3", Open),
    ("smtp.noop", "[{ deliver = { mailbox = 'Junk', message = 'm', user = 'me@example.org' } }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 1 2, Junk 1", Open),
    ("lmtp.noop", "[{ deliver = { mailbox = 'Junk', message = 'm', user = 'me@example.org' } }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 1 2, Junk 1", Open),
    ("imap.noop", "[{ deliver = { message = 'm' } }]", &[("A3 NOOP", "* 3 EXISTS\r\n* 3 RECENT\r\nA3 OK Done\r\n")], "INBOX 1 2 3", Open),
    ("pop3.noop", "[{ deliver = { message = 'm' } }]", &[("NOOP", "+OK\r\n")], "INBOX 1 2 3", Open),
    ("smtp.noop", "[{ expunge = { msn = 1, mailbox = 'INBOX', user = 'me@example.org' } }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 2", Open),
    ("lmtp.noop", "[{ expunge = { msn = 1, mailbox = 'INBOX', user = 'me@example.org' } }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 2", Open),
    ("imap.noop", "[{ expunge = { msn = 1 } }]", &[("A3 NOOP", "* 1 EXPUNGE\r\nA3 OK Done\r\n")], "INBOX 2", Open),
    ("pop3.noop", "[{ expunge = { uid = 2, mailbox = 'INBOX' } }]", &[("NOOP", "+OK\r\n")], "INBOX 1", Open),
    ("smtp.noop", "[{ flag = { msn = 1, mailbox = 'INBOX', user = 'me@example.org', add = ['\\Seen'] } }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 1\\Seen 2", Open),
    ("lmtp.noop", "[{ flag = { msn = 1, mailbox = 'INBOX', user = 'me@example.org', add = ['\\Seen'] } }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 1\\Seen 2", Open),
    ("imap.noop", "[{ flag = { msn = 2, add = ['\\Seen'] } }]", &[("A3 NOOP", "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\r\nA3 OK Done\r\n")], "INBOX 1 2\\Seen", Open),
    ("pop3.noop", "[{ flag = { all = true, mailbox = 'INBOX', add = ['\\Seen'] } }]", &[("NOOP", "+OK\r\n")], "INBOX 1\\Seen 2\\Seen", Open),
    ("smtp.noop", "[{ expunge = { msn = 1, mailbox = 'INBOX', user = 'me@example.org' } }, { mailbox = { name = 'INBOX', user = 'me@example.org', renumber = true } }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 1", Open),
    ("lmtp.noop", "[{ expunge = { msn = 1, mailbox = 'INBOX', user = 'me@example.org' } }, { mailbox = { name = 'INBOX', user = 'me@example.org', renumber = true } }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 1", Open),
    ("imap.noop", "[{ mailbox = { name = 'INBOX', uidvalidity = '+1', renumber = 'reverse' } }]", &[("A3 NOOP", "* BYE The UIDs of the mailbox changed\r\n")], "INBOX 1 2", Eof),
    ("pop3.noop", "[{ mailbox = { name = 'INBOX', uidvalidity = '+1' } }]", &[("NOOP", "+OK\r\n")], "INBOX 1 2", Open),
    ("smtp.noop", "[{ caps = { set = ['XYZZY'] } }]", &[("NOOP", "250 2.0.0 Ok\r\n"), ("EHLO me", "250-localhost\r\n250 XYZZY\r\n")], "INBOX 1 2", Open),
    ("lmtp.noop", "[{ caps = { set = ['XYZZY'] } }]", &[("NOOP", "250 2.0.0 Ok\r\n"), ("LHLO me", "250-localhost\r\n250 XYZZY\r\n")], "INBOX 1 2", Open),
    ("imap.noop", "[{ caps = { set = ['XYZZY'] } }]", &[("A3 NOOP", "A3 OK Done\r\n"), ("A4 CAPABILITY", "* CAPABILITY XYZZY\r\nA4 OK CAPABILITY is complete\r\n")], "INBOX 1 2", Open),
    ("pop3.noop", "[{ caps = { set = ['XYZZY'] } }]", &[("NOOP", "+OK\r\n"), ("CAPA", "+OK these are my capabilities\r\nXYZZY\r\n.\r\n")], "INBOX 1 2", Open),
    ("smtp.noop", "[{ kick = { proto = 'smtp', reply = '421 bye' } }]", &[("NOOP", "250 2.0.0 Ok\r\n421 bye\r\n")], "INBOX 1 2", Eof),
    ("lmtp.noop", "[{ kick = { proto = 'lmtp', reply = '421 bye' } }]", &[("NOOP", "250 2.0.0 Ok\r\n421 bye\r\n")], "INBOX 1 2", Eof),
    ("imap.noop", "[{ kick = { user = 'me@*', reply = '* BYE' } }]", &[("A3 NOOP", "A3 OK Done\r\n* BYE\r\n")], "INBOX 1 2", Eof),
    ("pop3.noop", "[{ kick = { proto = 'pop3' } }]", &[("NOOP", "+OK\r\n")], "INBOX 1 2", Eof),
    ("lmtp.auth", "[{ login = false }]", &[("AUTH PLAIN AGFubgBzZWNyZXQ=", "535 5.7.8 Authentication credentials invalid\r\n")], "INBOX 1 2", Open),
    ("lmtp.auth", "[{ token = 'revoked' }]", XOAUTH2, "INBOX 1 2", Open),
    ("pop3.auth", "[{ token = 'expired' }]", &[("AUTH OAUTHBEARER bixhPWFubiwBYXV0aD1CZWFyZXIgdG9rLTEBAQ==", "+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJtYWlsIn0=\r\n"), ("AQ==", "-ERR [AUTH] Authentication failed: the token has expired\r\n")], "INBOX 1 2", Open),
    // Observe.
    ("smtp.noop", "[{ fail = 'never {verb}' }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 1 2", Open),
    ("lmtp.noop", "[{ fail = 'never {verb}' }]", &[("NOOP", "250 2.0.0 Ok\r\n")], "INBOX 1 2", Open),
    ("imap.noop", "[{ fail = 'never {verb}' }]", &[("A3 NOOP", "A3 OK Done\r\n")], "INBOX 1 2", Open),
    ("pop3.noop", "[{ fail = 'never {verb}' }]", &[("NOOP", "+OK\r\n")], "INBOX 1 2", Open),
];

const SENT: &[(&str, &str)] = &[
    ("MAIL FROM:<a@example.org>", "250 2.1.0 Ok\r\n"),
    ("RCPT TO:<me@example.org>", "250 2.1.5 Ok\r\n"),
    ("DATA", "354 End data with <CR><LF>.<CR><LF>\r\n"),
    ("Subject: hi\r\n\r\n.", "250 2.0.0 Ok: queued as m3\r\n"),
];

const XOAUTH2: &[(&str, &str)] = &[
    (
        "AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rLTEBAQ==",
        "334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==\r\n",
    ),
    ("", "535 5.7.8 Authentication failed: the token is revoked\r\n"),
];

const TO_TWO: &[(&str, &str)] = &[
    ("MAIL FROM:<a@example.org>", "250 2.1.0 Ok\r\n"),
    ("RCPT TO:<you@example.org>", "250 2.1.5 Ok\r\n"),
    ("RCPT TO:<me@example.org>", "250 2.1.5 Ok\r\n"),
    ("DATA", "354 End data with <CR><LF>.<CR><LF>\r\n"),
    (
        "Subject: hi\r\n\r\n.",
        "250 2.0.0 <you@example.org> Ok: queued as m3\r\n250 2.0.0 <me@example.org> Ok: queued as m3\r\n",
    ),
];

/// Steps below the protocols, tested for each protocol.
const BELOW: [&str; 3] = [ALERT, EXPIRED, LISTEN];
const ALERT: &str = "[{ tls = { alert = 'handshake_failure' } }]";
const EXPIRED: &str = "[{ tls = { cert = 'expired' } }]";
const LISTEN: &str = "[{ listen = { down = '1h' } }]";

/// The events and steps of these tests.
pub(super) fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let below = PROTOCOLS.into_iter().flat_map(|protocol| BELOW.map(|steps| (protocol.name, steps)));
    OWN.iter().map(|(event, steps, ..)| (*event, *steps)).chain(below)
}

pub(super) fn server(on: &str, steps: &str, expect: &str) -> MailServer {
    let message = if steps.contains("message =") { "[[message]]\nid = \"m\"\ngenerate = true\n" } else { "" };
    let text = format!(
        "mailjig = 1\n{message}[[mailbox]]\nname = \"INBOX\"\nuser = \"me@example.org\"\ngenerate = 2\n\
         [[rule]]\nid = \"row\"\non = \"{on}\"\ndo = {steps}\nexpect = \"{expect}\"\n"
    );
    MailServer::builder().scenario(Scenario::text("row.toml", text)).submission_requires_auth(false).start()
}

/// A client in a state in which it can send the commands of the rows at this event.
pub(super) fn ready(server: &MailServer, on: &str, is_tls: bool) -> Wire {
    let protocol = on.split('.').next().unwrap();
    let mut wire = Wire::greeted(server, protocol, is_tls);
    if matches!(on, "imap.auth" | "pop3.auth") {
        return wire;
    }
    let (lines, first_of_last) = match protocol {
        "smtp" => ("HELO me\r\n", "250 "),
        "lmtp" => ("LHLO me\r\n", "250 "),
        "imap" => ("A1 LOGIN me@example.org secret\r\nA2 SELECT INBOX\r\n", "\r\nA2 OK"),
        _ => ("USER me@example.org\r\nPASS secret\r\n", "\r\n+OK"),
    };
    wire.say(lines);
    let mut answer = String::new();
    while !answer.contains(first_of_last) || !answer.ends_with("\r\n") {
        answer += &String::from_utf8(wire.read().unwrap()).unwrap();
    }
    wire
}

/// The content of INBOX and Junk.
fn left(server: &MailServer) -> String {
    let account = server.account("me@example.org");
    let there = ["INBOX", "Junk"].into_iter().filter(|name| account.mailbox(name).exists());
    let shown = there.map(|name| {
        let entries = account.mailbox(name).entries();
        let entries = entries.iter().map(|entry| format!(" {}{}", entry.uid, entry.flags.concat()));
        format!("{name}{}", entries.collect::<String>())
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[test]
fn each_protocol_has_its_own_form_of_reply() {
    for (event, steps, dialogue, after_all, end) in OWN {
        for is_tls in [false, true] {
            let what = format!("{event} {steps}, tls: {is_tls}");
            let server = server(event, steps, "=1");
            let mut wire = ready(&server, event, is_tls);
            for (said, answer) in *dialogue {
                wire.say(&format!("{said}\r\n"));
                let came = wire.octets(answer.len()).unwrap_or_else(|end| panic!("{what}: {end:?}")).concat();
                assert_eq!(String::from_utf8_lossy(&came), *answer, "{what}");
            }
            if *end != Open {
                assert_eq!(wire.read(), Err(*end), "{what}");
            }
            assert_eq!(left(&server), *after_all, "{what}");
            if steps.contains("{ fail =") {
                let report = report(server);
                assert!(report.contains("rule `row` failed in s1: never NOOP"), "{what}: {report}");
            }
        }
    }
}

#[test]
fn a_rule_answers_a_client_hello() {
    for protocol in PROTOCOLS {
        for steps in [ALERT, EXPIRED] {
            let server = server("tls.hello", steps, "=1");
            assert_eq!(Wire::connect(&server, protocol.name, true).read(), Err(Refused), "{} {steps}", protocol.name);
            // In cleartext there is no ClientHello.
            ready(&server, protocol.name, false);
        }
    }
}

#[test]
fn a_rule_closes_every_listener_for_a_time() {
    for protocol in PROTOCOLS {
        for is_tls in [false, true] {
            let server = server(protocol.event, LISTEN, ">=1");
            server.clock().pause();
            let mut wire = Wire::greeted(&server, protocol.name, is_tls);
            wire.say(protocol.command);
            wire.line();
            let address = server.imaps().address();
            let refused = || std::net::TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_err();
            until("the listener is closed", refused);

            // The session continues.
            wire.say(protocol.next);
            assert_eq!(wire.octets(protocol.answer.len()).unwrap().concat(), protocol.answer.as_bytes());
            server.clock().advance(Duration::from_secs(3600));
            ready(&server, protocol.name, is_tls);
        }
    }
}
