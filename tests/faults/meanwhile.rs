//! Sessions of each protocol, in cleartext and over TLS, that end while a rule keeps them busy.

use std::io::Read;
use std::time::Duration;

use super::clients::deadline::connect;
use super::clients::wire::After::{Eof, Reset};
use super::clients::wire::Wire;
use super::{PROTOCOLS, Protocol};
use mailjig::matchers::session;
use mailjig::{Ending, MailServer, Scenario};

/// What keeps a session busy.
const BUSY: &[(&str, Left)] = &[
    ("{ stall = 'reply' }", Left::Heard(Ending::ClientClosed)),
    ("{ stall = 'conn' }", Left::Heard(Ending::Ruled)),
    ("{ wait = '1m' }", Left::HeardLater),
    ("{ pace = { chunk = 8, gap = '1m' } }", Left::HeardLater),
    ("{ read = 'stop' }", Left::NeverHeard),
];

/// What happens to a client that leaves meanwhile.
#[derive(Debug, Clone, Copy)]
enum Left {
    Heard(Ending),
    /// It is noticed when the rule's wait is over.
    HeardLater,
    /// It is treated as silent.
    NeverHeard,
}

/// A server with a paused clock, and a client that waits for these steps.
fn kept_waiting(protocol: &Protocol, is_tls: bool, steps: &str) -> (MailServer, Wire) {
    let text = format!("mailjig = 1\n[[rule]]\nid = \"busy\"\non = \"{}\"\ndo = {steps}\n", protocol.event);
    let server = MailServer::builder().scenario(Scenario::text("busy.toml", text)).manual_clock().start();
    let mut wire = Wire::greeted(&server, protocol.name, is_tls);
    wire.say(protocol.command);
    server.rule("busy").wait(1).block();
    (server, wire)
}

/// What the client receives after its command, until the end.
fn end(wire: &mut Wire) -> super::After {
    loop {
        if let Err(end) = wire.read() {
            return end;
        }
    }
}

fn ending(server: &MailServer) -> Ending {
    let ended = server.wait_for_session(session::open().not()).block();
    ended.ended.expect("it is not open").1
}

fn each(test: impl Fn(&Protocol, bool, &str, Left)) {
    for protocol in &PROTOCOLS {
        for is_tls in [false, true] {
            BUSY.iter().for_each(|(busy, left)| test(protocol, is_tls, busy, *left));
        }
    }
}

#[test]
fn a_busy_session_is_closed_later() {
    each(|protocol, is_tls, busy, _| {
        for (close, wanted) in [("fin", Eof), ("rst", Reset)] {
            let what = format!("{} {busy} {close}, tls: {is_tls}", protocol.name);
            let steps = format!("[ {{ close = '{close}', after = '2s' }}, {busy} ]");
            let (server, mut wire) = kept_waiting(protocol, is_tls, &steps);

            server.clock().advance(Duration::from_secs(2));

            assert_eq!(end(&mut wire), wanted, "{what}");
            assert_eq!(ending(&server), Ending::Ruled, "{what}");
        }
    });
}

#[test]
fn a_busy_session_is_kicked() {
    each(|protocol, is_tls, busy, _| {
        let what = format!("{} {busy}, tls: {is_tls}", protocol.name);
        let steps = format!("[ {{ kick = {{ proto = '{}' }}, after = '2s' }}, {busy} ]", protocol.name);
        let (server, mut wire) = kept_waiting(protocol, is_tls, &steps);

        server.clock().advance(Duration::from_secs(2));

        assert_eq!(end(&mut wire), Eof, "{what}");
        assert_eq!(ending(&server), Ending::Kicked, "{what}");
    });
}

#[test]
fn no_goodbye_is_sent_in_cleartext_to_a_client_of_implicit_tls() {
    let text = "mailjig = 1\n[[rule]]\non = 'smtp.noop'\ndo = { kick = { proto = 'imap', reply = '* BYE' } }\n";
    let server = MailServer::builder().scenario(Scenario::text("kick.toml", text)).start();
    let mut waits = connect(server.imaps().address());
    server.wait_for_session(session::listener("imaps")).block();
    let mut other = Wire::greeted(&server, "smtp", false);

    other.say("NOOP\r\n");

    let mut said = Vec::new();
    waits.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"");
}

#[test]
fn a_client_leaves_a_busy_session() {
    each(|protocol, is_tls, busy, left| {
        let what = format!("{} {busy}, tls: {is_tls}", protocol.name);
        let (server, wire) = kept_waiting(protocol, is_tls, &format!("[ {busy} ]"));

        drop(wire);
        match left {
            Left::Heard(_) => {}
            // The waits are over, but not the server's timeout.
            Left::HeardLater => server.clock().advance(Duration::from_secs(3 * 60)),
            Left::NeverHeard => server.clock().advance(Duration::from_secs(24 * 3600)),
        }

        let came = ending(&server);
        let is_right = match left {
            Left::Heard(ending) => came == ending,
            // Output to a client that has left may break the connection.
            Left::HeardLater => matches!(came, Ending::ClientClosed | Ending::Broken),
            Left::NeverHeard => matches!(came, Ending::Idle | Ending::Broken),
        };
        assert!(is_right, "{what}: {came:?}");
    });
}
