//! Messages that are held until a time (RFC 4865).

use std::time::Duration;

use clients::deadline::connect;
use clients::wire::Wire;
use mailjig::prelude::*;
use mailjig::{FindingKind, Timestamp};

#[path = "clients/mod.rs"]
mod clients;

const HOUR: Duration = Duration::from_secs(3600);

fn with(rules: &str) -> MailServer {
    let scenario = Scenario::text("hold.toml", format!("mailjig = 1\n{rules}"));
    MailServer::builder().scenario(scenario).manual_clock().submission_requires_auth(false).start()
}

/// Sends a message over the listener for submission, or over SMTPS.
fn send(server: &MailServer, is_tls: bool, parameters: &str) -> Wire {
    let mut wire = match is_tls {
        true => Wire::connect(server, "smtp", true),
        false => Wire::Bare(connect(server.submission().address())),
    };
    wire.line();
    wire.ask("EHLO me");
    for line in [&format!("MAIL FROM:<ann@example.org>{parameters}"), "RCPT TO:<bob@example.org>"] {
        assert!(wire.ask(line).starts_with("250"), "{line}");
    }
    wire.ask("DATA");
    let queued = wire.ask("Subject: later\r\n\r\n.");
    assert!(queued.starts_with("250 2.0.0 Ok: queued as "), "{queued}");
    wire
}

fn entries(server: &MailServer, mailbox: &str) -> usize {
    server.account("bob@example.org").mailbox(mailbox).entries().len()
}

/// This time of the server's clock, after so much time, as a client writes it.
fn after(server: &MailServer, span: Duration) -> String {
    Timestamp::from_micros(server.clock().now().as_micros() + span.as_micros() as i64).to_string()
}

#[test]
fn a_message_comes_when_the_clock_reaches_its_time() {
    let until = |server: &MailServer| format!(" HOLDUNTIL={}", after(server, HOUR));
    let interval = |_: &MailServer| " holdfor=3600".to_owned();
    for (is_tls, parameters) in [(false, &interval as &dyn Fn(&MailServer) -> String), (true, &until)] {
        let server = with("[[rule]]\non = 'mail.delivered'\ndo = { note = '{mailbox} of {user}' }\n");
        let parameters = parameters(&server);
        send(&server, is_tls, &parameters);

        server.settled().block();
        assert_eq!((server.messages().len(), entries(&server, "INBOX")), (1, 0), "{parameters}");
        server.clock().advance(HOUR - Duration::from_millis(1));
        assert_eq!(entries(&server, "INBOX"), 0, "{parameters}");
        server.clock().advance(Duration::from_millis(1));

        assert_eq!((server.messages().len(), entries(&server, "INBOX")), (1, 1), "{parameters}");
        let transcript = server.transcript().to_string();
        assert!(transcript.contains("notes: INBOX of bob@example.org"), "{transcript}");
    }
}

#[test]
fn an_idle_client_is_told_of_it() {
    let server = with("");
    send(&server, false, " HOLDFOR=60");
    let mut imap = Wire::greeted(&server, "imap", false);
    imap.say("a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc IDLE\r\n");
    while !String::from_utf8(imap.line()).unwrap().contains("+ idling") {}

    server.clock().advance(Duration::from_secs(60));

    assert!(imap.line().starts_with(b"* 1 EXISTS\r\n"));
}

#[test]
fn rules_say_where_it_comes_to() {
    for (step, at_once, then, later) in [
        ("{ deliver = { mailbox = 'Junk' } }", 0, 1, 1),
        ("{ deliver = { mailbox = 'Junk' }, after = '2h' }", 0, 0, 1),
        ("{ deliver = false }", 0, 0, 0),
    ] {
        let rule = format!("[[rule]]\non = 'smtp.message'\nwhen = {{ holdfor = '>=1h' }}\ndo = {step}\n");
        let server = with(&rule);
        send(&server, false, " HOLDFOR=3600");

        server.settled().block();
        let mut came = vec![entries(&server, "Junk")];
        for _ in 0..2 {
            server.clock().advance(HOUR);
            came.push(entries(&server, "Junk"));
        }

        assert_eq!((came, entries(&server, "INBOX")), (vec![at_once, then, later], 0), "{step}");
    }
}

#[test]
fn a_message_that_was_deleted_does_not_come() {
    let server = with("");
    send(&server, false, " HOLDFOR=3600");
    server.settled().block();
    server.clear();

    server.clock().advance(HOUR);

    assert_eq!(entries(&server, "INBOX"), 0);
    let transcript = server.transcript().to_string();
    assert!(transcript.contains("m1 is not filed: it was deleted"), "{transcript}");
}

#[test]
fn another_scenario_keeps_it_and_a_reset_forgets_it() {
    for (is_reset, came) in [(false, 1), (true, 0)] {
        let server = with("");
        drop(send(&server, false, " HOLDFOR=3600"));
        server.settled().block();
        match is_reset {
            true => drop(server.reset()),
            false => server.scenario(&Scenario::text("other.toml", "mailjig = 1\n")),
        }

        server.clock().advance(HOUR);

        assert_eq!(entries(&server, "INBOX"), came, "reset: {is_reset}");
    }
}

#[test]
fn it_is_a_finding_where_it_was_not_announced() {
    let server = with("[server.smtp]\ncaps.remove = ['FUTURERELEASE']\n");
    send(&server, false, " HOLDFOR=3600").ask("QUIT");
    server.settled().block();

    let findings = server.findings();

    let unannounced = findings.iter().find(|finding| finding.kind() == FindingKind::CapabilityNotAnnounced);
    assert_eq!(
        unannounced.map(|finding| finding.text()),
        Some("the client used FUTURERELEASE, which the server had not announced")
    );
}

#[test]
fn the_listener_smtp_has_no_futurerelease() {
    let server = with("");
    let mut wire = Wire::greeted(&server, "smtp", false);
    wire.say("EHLO me\r\nMAIL FROM:<ann@example.org> HOLDFOR=3600\r\n");

    let mut said = String::new();
    while !said.contains("HOLDFOR") {
        said += &String::from_utf8(wire.line()).unwrap();
    }

    assert!(!said.contains("FUTURERELEASE"), "{said}");
    assert!(said.ends_with("555 5.5.4 MAIL FROM/RCPT TO parameters not recognized or not implemented: HOLDFOR\r\n"));
}
