//! Tests that need a whole server and its internals: attacks on STARTTLS, TLS profiles, expectations.

mod bounds;
#[cfg(feature = "serde")]
mod fold;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{FindingFilters, Listener, Server, Settings, Until, reports};
use crate::base::{Seq, SessionNo};
use crate::drive::{Interest, Topic};
use crate::expect::FindingLines;
use crate::journal::{RecordKind, Transcript};
use crate::protocol::Event;
use crate::rule::step::tests::step;
use crate::rule::{On, Rule};
use crate::scenario::Scenario;
use crate::world::World;

fn server() -> Server {
    Server::start(Settings::default()).unwrap()
}

fn connect(server: &Server, listener: Listener) -> BufReader<TcpStream> {
    let socket = TcpStream::connect(server.endpoint(listener).unwrap().address()).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut client = BufReader::new(socket);
    reply(&mut client);
    client
}

/// The last line of a reply.
fn reply(client: &mut impl BufRead) -> String {
    loop {
        let mut line = String::new();
        client.read_line(&mut line).unwrap();
        assert!(line.ends_with("\r\n"), "the server closed the connection after {line:?}");
        if line.as_bytes()[3] != b'-' {
            return line.trim_end().to_owned();
        }
    }
}

/// Reads up to the answer to the command with the tag `z`.
fn tagged(client: &mut impl BufRead) {
    let mut line = String::new();
    while !line.starts_with("z ") {
        line.clear();
        assert!(client.read_line(&mut line).unwrap() > 0, "the server closed the connection");
    }
}

fn trusting(server: &Server) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(versions.with_root_certificates(roots).with_no_client_auth())
}

fn secure(
    client: BufReader<TcpStream>,
    config: &Arc<ClientConfig>,
) -> BufReader<StreamOwned<ClientConnection, TcpStream>> {
    assert!(client.buffer().is_empty(), "the server spoke between its reply and the handshake");
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    BufReader::new(StreamOwned::new(connection, client.into_inner()))
}

#[test]
fn input_pipelined_after_starttls_is_counted_and_discarded() {
    let server = server();
    let config = trusting(&server);
    let smuggled = "EHLO evil.example\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<bob@example.org>\r\n";
    let mut client = connect(&server, Listener::Smtp);

    client.get_mut().write_all(format!("EHLO x\r\nSTARTTLS\r\n{smuggled}").as_bytes()).unwrap();
    reply(&mut client);
    assert_eq!(reply(&mut client), "220 2.0.0 Ready to start TLS");
    let mut client = secure(client, &config);
    client.get_mut().write_all(b"RCPT TO:<bob@example.org>\r\nEHLO x\r\nDATA\r\nQUIT\r\n").unwrap();

    assert_eq!(reply(&mut client), "503 5.5.1 Bad sequence of commands: EHLO or HELO is required first");
    assert!(reply(&mut client).starts_with("250 "));
    assert_eq!(reply(&mut client), "503 5.5.1 Bad sequence of commands: MAIL and RCPT are required before DATA");
    assert!(reply(&mut client).starts_with("221 "));
    let text = server.engine().read(|world| Transcript::of(&world.journal, world.journal.sessions()).to_string());
    let expected = format!("-- {} octets were sent in cleartext after STARTTLS and discarded\nTLS\n", smuggled.len());
    assert!(text.contains(&expected), "{text}");
    assert!(!text.contains("evil"), "{text}");
}

#[test]
fn reports_read_long_sessions_in_portions() {
    let server = server();
    let mut client = connect(&server, Listener::Smtp);
    for _ in 0..600 {
        write!(client.get_mut(), "NOOP\r\n").unwrap();
        reply(&mut client);
    }
    write!(client.get_mut(), "XYZZY\r\nQUIT\r\n").unwrap();
    (0..2).for_each(|_| drop(reply(&mut client)));
    let until = Until::new(server.engine(), Interest::of([Topic::Quiet]), Duration::from_secs(20), |engine| {
        engine.read(|world| world.sessions() == 0).then_some(())
    });
    until.block().unwrap();

    let mut findings = FindingLines::of(server.findings(&FindingFilters::default(), usize::MAX).unwrap().0);
    let mut portions = 1;
    while !server.engine().read(|world| findings.read(&world.journal)) {
        portions += 1;
    }

    // Each exchange has two records, and its lines are those of the client and of the server.
    assert!(portions > 3, "the lock is released in between: {portions}");
    let report = findings.report().unwrap().to_string();
    assert!(report.contains("s1 smtp: unknown-command") && report.contains("\n    1202  C: XYZZY\n"), "{report}");
    let whole = server.engine().read(|world| Transcript::of(&world.journal, world.journal.sessions()).verbatim());
    assert_eq!(reports::sessions(server.engine()).verbatim(), whole);

    // Records that are discarded between two portions are left out, and no others.
    let (mut part, mut from) = (Transcript::default(), Some(Seq::default()));
    while let Some(at) = from {
        from = server.engine().read(|world| reports::extend(&mut part, &world.journal, SessionNo(1), at));
        server.engine().update(|world, _| world.journal.raise_floor(Seq(600)));
    }
    let text = part.verbatim();
    assert!(text.contains("C: XYZZY\n") && text.matches("C: NOOP\n").count() < 600, "{text}");
}

#[test]
fn no_command_is_injected_across_starttls_in_imap_or_stls_in_pop3() {
    let server = server();
    let config = trusting(&server);
    for (listener, begin, ready, smuggled, probe, answer) in [
        (
            Listener::Imap,
            "a STARTTLS\r\n",
            "a OK Begin the TLS handshake",
            "b LOGIN evil@example.org x\r\nc CREATE evil\r\nd APPEND INBOX {4",
            "e SELECT INBOX\r\nf LOGOUT\r\n",
            "e BAD log in first",
        ),
        (
            Listener::Pop3,
            "STLS\r\n",
            "+OK begin the TLS handshake",
            "USER evil@example.org\r\nPASS x\r\nSTA",
            "STAT\r\nQUIT\r\n",
            "-ERR log in first",
        ),
    ] {
        let mut client = connect(&server, listener);
        client.get_mut().write_all(format!("{begin}{smuggled}").as_bytes()).unwrap();
        assert_eq!(reply(&mut client), ready);
        let mut client = secure(client, &config);
        client.get_mut().write_all(probe.as_bytes()).unwrap();
        assert_eq!(reply(&mut client), answer);
        let _goodbye = client.read_to_end(&mut Vec::new());

        let text = server.engine().read(|world| Transcript::of(&world.journal, world.journal.sessions()).to_string());
        let dropped =
            format!("-- {} octets were sent in cleartext after STARTTLS and discarded\nTLS\n", smuggled.len());
        assert!(text.contains(&dropped), "{text}");
        assert!(!text.contains("evil"), "{text}");
    }
    assert_eq!(server.engine().read(|world| world.mail.accounts.iter().count()), 0);
}

#[test]
fn handshakes_after_a_slowly_sent_reply_never_hang() {
    const HANDSHAKES: usize = 10_000;
    let server = server();
    server.engine().update(|world, now| {
        let pace = step("pace = { chunk = 1, gap = '0' }");
        world.mount(Arc::new(Rule::new("drip", vec![On::from(Event::SmtpStarttls)], vec![pace], "here")), now);
    });
    let config = trusting(&server);
    let done = AtomicUsize::new(0);

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while done.fetch_add(1, Ordering::Relaxed) < HANDSHAKES {
                    let mut client = connect(&server, Listener::Smtp);
                    client.get_mut().write_all(b"STARTTLS\r\n").unwrap();
                    // The client is as early as possible: its ClientHello follows the last octet of the reply at once.
                    assert_eq!(reply(&mut client), "220 2.0.0 Ready to start TLS");
                    let mut client = secure(client, &config);
                    client.get_mut().write_all(b"QUIT\r\n").unwrap();
                    assert!(reply(&mut client).starts_with("221 "));
                }
            });
        }
    });

    let secured = server.engine().read(|world| {
        let records = world.journal.since(Seq(0)).unwrap();
        records.filter(|(_, record)| matches!(record.kind, RecordKind::Secured(_))).count()
    });
    assert_eq!(secured, HANDSHAKES);
}

#[test]
fn input_that_is_not_tls_is_recorded_as_a_failed_handshake() {
    let server = server();
    let mut client = TcpStream::connect(server.endpoint(Listener::Smtps).unwrap().address()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();

    client.write_all(b"EHLO in the clear\r\n").unwrap();
    let _alert_or_reset = client.read_to_end(&mut Vec::new());

    // It is recorded before the connection is closed.
    let text = server.engine().read(|world| Transcript::of(&world.journal, world.journal.sessions()).to_string());
    assert!(text.starts_with("-- the TLS handshake failed: the client sent something that is not TLS"), "{text}");
}

#[test]
fn the_certificate_of_a_listener_can_change_while_the_server_runs() {
    let server = server();
    let config = trusting(&server);
    let handshake = || {
        let socket = TcpStream::connect(server.endpoint(Listener::Smtps).unwrap().address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut client = secure(BufReader::new(socket), &config);
        client.read_exact(&mut [0; 4]).map_err(|error| error.to_string())
    };
    let text = "mailjig = 1\n[[tls]]\nlistener = 'smtps'\ncert = 'expired'\n";

    assert_eq!(handshake(), Ok(()));
    server.load(Arc::new(Scenario::text("expired.toml", text).load().unwrap())).unwrap();
    let expired = handshake().unwrap_err();
    server.unload();
    assert_eq!(handshake(), Ok(()));

    assert!(expired.starts_with("invalid peer certificate: certificate expired"), "{expired}");
}

#[test]
fn expectations_are_verified_after_the_longest_settle_time() {
    let server = server();
    let text = "mailjig = 1\n[[expect]]\nevent = 'smtp.mail'\nsettle = '3s'\ncount = '=0'\n\
                [[expect]]\nevent = 'smtp.rcpt'\nsettle = '200ms'\ncount = '=0'\n";
    server.load(Arc::new(Scenario::text("settle.toml", text).load().unwrap())).unwrap();

    assert_eq!(server.engine().read(World::settle_time), Duration::from_secs(3));
}

#[test]
fn journal_and_mailboxes_hold_the_same_bytes() {
    let server = server();
    let mut client = connect(&server, Listener::Smtp);

    for line in ["EHLO x", "MAIL FROM:<>", "RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>", "DATA", "hi\r\n."] {
        write!(client.get_mut(), "{line}\r\n").unwrap();
        reply(&mut client);
    }

    server.engine().read(|world| {
        let captured = world.journal.messages()[0].message.raw().as_ptr();
        let filed: Vec<_> = world
            .mail
            .accounts
            .iter()
            .flat_map(|(_, account)| account.inbox().entries())
            .map(|entry| entry.message.raw().as_ptr())
            .collect();
        assert_eq!(filed, [captured, captured]);
    });
}
