//! Listeners that expect the PROXY protocol, with a small proxy of the test in front of them.

use std::io::{Read, Write};
use std::time::Duration;

use clients::deadline::connect;
use clients::wire::Wire;
use mailjig::rules::{on, pop3};
use mailjig::{Ending, Listener, MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

/// Version 2 for 192.0.2.1:4242, with the authority `mx.example`.
const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x19\xc0\0\x02\x01\xc0\0\x02\x09\x10\x92\0\x6e\x02\0\x0amx.example";

fn server() -> MailServer {
    let all = Listener::ALL.iter().fold(MailServer::builder(), |builder, listener| builder.proxy_protocol(*listener));
    all.handshake_timeout(Duration::from_millis(300)).start()
}

#[test]
fn every_listener_reads_the_header_before_everything_else() {
    let server = server();
    for (at, (protocol, is_tls)) in [
        ("smtp", false),
        ("smtp", true),
        ("imap", false),
        ("imap", true),
        ("pop3", false),
        ("pop3", true),
        ("lmtp", false),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wire = Wire::connect_through(&server, protocol, is_tls, BINARY);
        wire.say(if protocol == "imap" { "a LOGOUT\r\n" } else { "QUIT\r\n" });
        while wire.read().is_ok() {}
        server.settled().block();
        let session = &server.sessions()[at];
        assert_eq!(
            (session.peer.to_string().as_str(), session.tls.is_some()),
            ("192.0.2.1:4242", is_tls),
            "{protocol}"
        );
        assert!(session.proxy.is_some_and(|its| its.ip().is_loopback()));
        let told = session.proxied.as_ref().expect("it has a destination");
        assert_eq!((told.destination, told.destination_port), (Some([192, 0, 2, 9].into()), Some(110)));
        assert_eq!((told.authority.as_deref(), &told.tls), (Some("mx.example"), &None));
    }
    let transcript = server.transcript().to_string();
    let line =
        "-- PROXY protocol 2: the client is 192.0.2.1:4242, connected to 192.0.2.9:110, authority \"mx.example\"\n";
    assert_eq!(transcript.matches(line).count(), 7, "{transcript}");
}

#[test]
fn a_rule_sees_the_address_that_the_proxy_tells() {
    let scenario = Scenario::text("proxied.toml", "mailjig = 1\n[server.pop3]\nproxy_protocol = 'pop3'\n");
    let server = MailServer::builder().scenario(scenario).start();
    server.mount(on(pop3::greeting()).when("ip", "192.0.2.1").reply("-ERR [SYS/PERM] go away").close());
    let greeting = |header: &[u8]| {
        let mut client = connect(server.pop3().address());
        // One octet in each segment.
        client.set_nodelay(true).unwrap();
        header.iter().chain(b"QUIT\r\n").for_each(|octet| client.write_all(&[*octet]).unwrap());
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();
        said
    };

    assert_eq!(greeting(b"PROXY TCP4 192.0.2.1 192.0.2.9 4242 110\r\n"), "-ERR [SYS/PERM] go away\r\n");
    assert!(greeting(b"PROXY TCP6 2001:db8::1 ::1 4242 110\r\n").starts_with("+OK"));
    assert!(greeting(b"PROXY UNKNOWN\r\n").starts_with("+OK"));
    let peers: Vec<bool> = server.sessions().iter().map(|its| its.proxy.is_some()).collect();
    assert_eq!(peers, [true, true, false]);
}

#[test]
fn a_connection_without_a_valid_header_is_closed() {
    let server = server();
    for (octets, why) in [
        (&b"EHLO client.example\r\n"[..], "does not begin with a header"),
        (b"PROXY TCP4 1.2.3.4\r\n", "the PROXY line is not valid: PROXY TCP4 1.2.3.4"),
        (&BINARY[..20], "not finished within 0.3 s"),
    ] {
        let mut client = connect(server.smtp().address());
        client.write_all(octets).unwrap();
        let mut said = Vec::new();
        // Unread octets turn the end into a reset.
        let _closed_or_reset = client.read_to_end(&mut said);
        assert!(said.is_empty(), "{}", said.escape_ascii());
        server.settled().block();

        let session = server.sessions().pop().unwrap();
        assert_eq!(session.ended.map(|(_, ending)| ending), Some(Ending::ProxyFailed));
        let transcript = server.transcript().to_string();
        assert!(transcript.contains(why), "{transcript}");
    }
}
