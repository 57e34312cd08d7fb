//! What a session says of its TLS handshake, and of one that failed, in every protocol, over implicit TLS and after STARTTLS.

use std::fmt::Write as _;
use std::time::Duration;

use clients::tls_client::{TlsClient, WAYS, strict, with_certificate};
use mailjig::matchers::session;
use mailjig::prelude::*;
use mailjig::rules::tls;
use mailjig::{Certificate, Ending, Listener, Matcher, Protocol, Session, TlsProfile};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

#[path = "clients/mod.rs"]
mod clients;

/// Makes a handshake, and gets a reply, with which tickets for resumption come.
fn talk(server: &MailServer, listener: Listener, config: &ClientConfig) -> TlsClient {
    let mut client = TlsClient::connect(server, listener, config.clone(), "localhost").unwrap();
    match listener.protocol() {
        Protocol::Imap => client.say("a NOOP\r\n"),
        Protocol::Pop3 => client.say("CAPA\r\n"),
        _ => client.say("NOOP\r\n"),
    }
    client.line();
    client
}

/// The session that matches.
fn session_that(server: &MailServer, matcher: Matcher) -> Session {
    server.wait_for_session(matcher).block()
}

#[test]
fn a_session_has_the_facts_of_its_handshake() {
    for listener in WAYS {
        for (version, first, second) in [
            (
                "1.3",
                "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256 secp384r1, server name localhost, certificate good, ALPN mail",
                "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256 secp384r1, server name localhost, resumed, ALPN mail",
            ),
            (
                "1.2",
                "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 secp384r1, server name localhost, certificate good, ALPN mail",
                "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, server name localhost, resumed, ALPN mail",
            ),
        ] {
            let profile = TlsProfile::new()
                .max(version)
                .suites(["TLS_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])
                .groups(["secp384r1"])
                .alpn(["other", "mail"])
                .resumption(true);
            let server = MailServer::builder().tls(profile).start();
            let mut config = strict(&server);
            config.alpn_protocols = vec![b"mail".to_vec()];

            let _first = talk(&server, listener, &config);
            let _second = talk(&server, listener, &config);

            let facts = |matcher| session_that(&server, session::tls(true).and(matcher)).tls.clone().unwrap();
            assert_eq!(facts(session::resumed().not()).to_string(), first, "{listener}");
            assert_eq!(facts(session::resumed()).to_string(), second, "{listener}");
            assert_eq!(facts(session::certificate(Certificate::Good)).client_certificate, None);
        }
    }
}

#[test]
fn a_session_without_a_server_name_says_so() {
    let server = MailServer::start();

    let _client = TlsClient::connect(&server, Listener::Imaps, strict(&server), "127.0.0.1").unwrap();

    let tls = session_that(&server, session::tls(true)).tls.clone().unwrap();
    let wanted = "TLSv1.3 TLS_AES_256_GCM_SHA384 x25519, no server name, certificate good";
    assert_eq!((tls.to_string().as_str(), tls.alpn), (wanted, None));
    session_that(&server, session::sni(""));
}

#[test]
fn a_session_has_the_certificate_of_its_client() {
    let stranger = MailServer::start().client_certificate("eve@example.org");
    let refused = "the server refuses the client's certificate: ";
    for listener in WAYS {
        for (word, ca, is_own, wanted) in [
            ("required", "own", true, Ok("bob@example.org")),
            ("requested", "any", true, Ok("bob@example.org (not verified)")),
            ("required", "any", false, Ok("eve@example.org (not verified)")),
            ("requested", "own", false, Err(refused)),
            ("refused", "own", true, Err(refused)),
        ] {
            let profile = TlsProfile::new().client_cert(word).client_ca(ca).resumption(true);
            let server = MailServer::builder().tls(profile).start();
            let own = server.client_certificate("bob@example.org");
            let pem = if is_own { &own } else { &stranger };
            let config = with_certificate(&server, pem);

            let Ok(wanted) = wanted else {
                let mut client = TlsClient::before(&server, listener, config, "localhost");
                let _alert = client.handshake();
                let failed = session_that(&server, session::tls_failed());
                let failure = failed.tls_failure.as_ref().unwrap();
                assert!(failure.reason.starts_with(refused), "{listener} {word} {ca}: {failure}");
                assert_eq!((failure.certificate, &failure.alert), (Some(Certificate::Good), &None));
                continue;
            };
            let name = wanted.split(' ').next().unwrap();
            for is_resumed in [false, true] {
                let _client = talk(&server, listener, &config);
                let resumed = if is_resumed { session::resumed() } else { session::resumed().not() };
                let its = session_that(&server, session::client_certificate(name).and(resumed));
                let certificate = its.tls.as_ref().unwrap().client_certificate.as_ref().unwrap();
                assert_eq!(certificate.to_string(), wanted, "{listener} {word} {ca}");
                assert_eq!(certificate.der, CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().as_ref());
                let sha256 = ring::digest::digest(&ring::digest::SHA256, &certificate.der);
                assert_eq!(certificate.sha256, data_encoding::HEXLOWER.encode(sha256.as_ref()));
            }
        }
    }
}

#[test]
fn a_handshake_that_failed_says_why() {
    type Act = fn(TlsClient);
    let handshake: Act = |mut client| drop(client.handshake());
    let rows: [(&str, TlsProfile, bool, &str, Act); 8] = [
        ("it does not know the CA", TlsProfile::new(), false, "localhost", handshake),
        ("another name", TlsProfile::new().certificate(Certificate::WrongHost), true, "localhost", handshake),
        ("expired", TlsProfile::new().certificate(Certificate::Expired).max("1.2"), true, "localhost", handshake),
        ("an old version", TlsProfile::new().max("1.0"), true, "localhost", handshake),
        ("no common protocol", TlsProfile::new().alpn(["h2"]), true, "localhost", handshake),
        ("not TLS", TlsProfile::new(), true, "localhost", |mut client| client.octets(b"EHLO client.example\r\n")),
        ("closed", TlsProfile::new(), true, "127.0.0.1", |mut client| {
            client.hello();
            client.end();
        }),
        ("reset", TlsProfile::new(), true, "localhost", TlsClient::reset),
    ];
    let mut table = String::new();
    for (what, profile, is_trusted, name, act) in rows {
        let outcomes = WAYS.map(|listener| {
            let server = MailServer::builder().tls(profile.clone()).start();
            let mut config = if is_trusted { strict(&server) } else { strict(&MailServer::start()) };
            config.alpn_protocols = vec![b"mail".to_vec()];
            act(TlsClient::before(&server, listener, config, name));
            said(&server)
        });
        assert!(outcomes.iter().all(|its| its == &outcomes[0]), "{what}: {outcomes:#?}");
        let _infallible = writeln!(table, "{what}\n{}", outcomes[0]);
    }
    let server = MailServer::builder().handshake_timeout(Duration::from_millis(500)).start();
    let mut client = TlsClient::before(&server, Listener::Imaps, strict(&server), "localhost");
    client.hello();
    let _infallible = writeln!(table, "too slow\n{}", said(&server));
    insta::assert_snapshot!(table);
}

/// What a session says of its failure.
fn said(server: &MailServer) -> String {
    let failed = session_that(server, session::tls_failed().and(session::open().not()));
    assert_eq!(failed.ended.map(|(_, ending)| ending), Some(Ending::TlsFailed));
    let failure = failed.tls_failure.as_deref().unwrap();
    let text = failure.to_string();
    assert!(server.transcript().to_string().contains(&format!("-- {text}\n")), "{}", server.transcript());
    let offered = failure.offered.as_ref().map(|its| {
        assert!(its.ciphers.contains(&"TLS_AES_128_GCM_SHA256".to_owned()), "{its:?}");
        assert!(its.groups.contains(&"x25519".to_owned()), "{its:?}");
        assert_eq!(its.versions, ["TLSv1.3", "TLSv1.2"]);
        (its.sni.as_deref(), its.alpn.iter().map(String::as_str).collect::<Vec<_>>())
    });
    format!(
        "  {text}\n  alert: {:?}, certificate: {:?}, offered: {offered:?}",
        failure.alert.as_deref(),
        failure.certificate.map(Certificate::name)
    )
}

#[test]
fn a_client_that_offers_an_old_version_is_told() {
    // A ClientHello of TLS 1.0 without extensions (RFC 2246 §7.4.1.2), which the TLS library does not read.
    let mut message = vec![1, 0, 0, 41, 3, 1];
    message.extend([7; 32]);
    message.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let of_old_client = [&[22, 3, 1, 0, 45][..], &message].concat();
    // TLS 1.2 and 1.0, with the suites of the former.
    let server = MailServer::builder().tls(TlsProfile::new().max("1.0")).start();
    let mut tls = rustls::ClientConnection::new(strict(&server).into(), "localhost".try_into().unwrap()).unwrap();
    let mut of_both = Vec::new();
    tls.write_tls(&mut of_both).unwrap();
    let versions = [0, 43, 0, 5, 4, 3, 4, 3, 3];
    let at = of_both.windows(versions.len()).position(|its| its == versions).unwrap();
    of_both[at + 5..][..4].copy_from_slice(&[3, 3, 3, 1]);
    for (profile, hello, reason, offered) in [
        (
            TlsProfile::new(),
            &of_old_client,
            "the client's TLS version is too old: the server speaks TLS 1.2 and TLS 1.3",
            ["TLSv1.0"].as_slice(),
        ),
        (
            TlsProfile::new().max("1.0"),
            &of_both,
            "the client offers no cipher suite that the server has with TLS 1.0",
            &["TLSv1.2", "TLSv1.0"],
        ),
    ] {
        for listener in WAYS {
            let server = MailServer::builder().tls(profile.clone()).start();
            let failed = server.mount(on(tls::event("failed")).when("tls_version", "TLSv1.0").note("old"));
            let mut client = TlsClient::before(&server, listener, strict(&server), "localhost");
            client.octets(hello);

            let session = session_that(&server, session::tls_failed().and(session::open().not()));
            let failure = session.tls_failure.unwrap();
            assert_eq!((&*failure.reason, failure.certificate), (reason, None), "{listener}");
            assert_eq!(failure.offered.unwrap().versions, offered, "{listener}");
            assert_eq!(failed.hits(), 1, "{listener}");
            assert!(client.handshake().is_err(), "it gets an alert");
        }
    }
}

#[test]
fn an_alert_after_the_handshake_is_told() {
    for listener in WAYS {
        let server = MailServer::start();
        let failed = server
            .mount(on(tls::event("failed")).when("alert", "bad_record_mac").when("server_cert", "good").note("late"));
        let mut client = talk(&server, listener, &strict(&server));

        client.fail();

        let ended = session_that(&server, session::alert("bad_record_mac").and(session::open().not()));
        let failure = ended.tls_failure.as_ref().unwrap();
        let text = "TLS failed after the handshake: the client refused with the TLS alert bad_record_mac: a record could \
                    not be verified";
        assert_eq!((failure.to_string().as_str(), failure.certificate), (text, Some(Certificate::Good)), "{listener}");
        assert!(ended.tls.is_some());
        assert_eq!(ended.ended.map(|(_, ending)| ending), Some(Ending::TlsFailed));
        assert_eq!(failed.hits(), 1);
        assert!(server.transcript().to_string().contains(&format!("-- {text}\n")), "{}", server.transcript());
    }
}

#[test]
fn rules_test_what_is_offered_and_what_was_negotiated() {
    let text = r"
mailjig = 1

[tls]
alpn = ['other', 'mail']
client_cert = 'requested'
resumption = true

[[expect]]
event = 'tls.hello'
when = { tls_version = 'TLSv1.2', alpn = 'mail', cipher = 'TLS_CHACHA20_POLY1305_SHA256', group = 'secp384r1', sni = 'localhost' }
count = 3

[[expect]]
event = 'tls.done'
when = { alpn = 'mail', cipher = 'TLS_AES_256_GCM_SHA384', group = 'x25519', tls_version = 'TLSv1.3', resumed = false }
count = 1

[[expect]]
event = 'smtp.noop'
when = { cert = 'bob@example.org', server_cert = 'good', resumed = true }
count = 1

[[expect]]
event = 'tls.done'
when = { cipher = 'TLS_CHACHA20_POLY1305_SHA256' }
count = 0

[[expect]]
event = 'tls.failed'
when = { alert = 'unknown_ca', alpn = 'first', sni = 'localhost', server_cert = 'good' }
count = 1

[[rule]]
on = 'tls.failed'
do = { note = '{alert} {alpn} {server_cert}' }
";
    let server = MailServer::builder().scenario(Scenario::text("facts.toml", text)).start();
    let mut config = with_certificate(&server, &server.client_certificate("bob@example.org"));
    config.alpn_protocols = vec![b"mail".to_vec()];
    drop(talk(&server, Listener::Smtps, &config));
    drop(talk(&server, Listener::Smtps, &config));
    let mut distrusting = strict(&MailServer::start());
    distrusting.alpn_protocols = vec![b"first".to_vec(), b"mail".to_vec()];
    let _alert = TlsClient::before(&server, Listener::Smtps, distrusting, "localhost").handshake();

    server.settled().block();
    session_that(&server, session::alert("unknown_ca").and(session::open().not()));

    server.verify().block();
    let transcript = server.transcript().to_string();
    assert!(transcript.contains("notes: unknown_ca first,mail good\n"), "{transcript}");
}

#[test]
fn a_wait_in_vain_says_what_is_known_of_each_session() {
    let server = MailServer::start();
    let _alert = TlsClient::before(&server, Listener::Smtps, strict(&MailServer::start()), "localhost").handshake();
    session_that(&server, session::open().not());
    let matcher = session::tls_failed()
        .not()
        .or(session::alert("bad_certificate"))
        .and(session::sni("localhost"))
        .and(session::certificate(Certificate::Expired))
        .and(session::client_certificate("bob@example.org"))
        .and(session::resumed());

    let wait = server.wait_for_session(matcher).within(Duration::ZERO);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait.block())).unwrap_err();

    let text = panic.downcast_ref::<String>().unwrap();
    insta::assert_snapshot!(text.split_once(": ").unwrap().1);
}
