//! Handshakes that fail as told, over implicit TLS and after STARTTLS, in every protocol, with a client that verifies.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use clients::tls_client::{TlsClient, WAYS, strict};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Message, SmtpTransport, Tokio1Executor, Transport};
use mailjig::audit::{Leak, TlsAuditor, TlsVerdict};
use mailjig::matchers::session;
use mailjig::prelude::*;
use mailjig::{Ending, Listener, TlsProfile};

#[path = "clients/mod.rs"]
mod clients;

/// A rule at `tls.hello` that does this.
fn with(steps: &str) -> MailServer {
    let text = format!("mailjig = 1\n[[rule]]\nid = 'fault'\non = 'tls.hello'\ndo = {steps}\nexpect = '=1'\n");
    MailServer::builder().scenario(Scenario::text("fault.toml", text)).start()
}

/// What the server says about its only session after that has ended.
fn reason(server: &MailServer) -> String {
    server.wait_for_session(session::open().not()).block();
    let transcript = server.transcript().to_string();
    let failed = transcript.lines().find_map(|line| line.split_once("the TLS handshake failed: "));
    let Some((_, reason)) = failed else { return "the handshake succeeded".to_owned() };
    reason.to_owned()
}

#[test]
fn a_handshake_fails_as_told_whatever_the_way_to_it() {
    let faults = [
        ("alert", "{ tls = { alert = 'handshake_failure' } }"),
        ("another alert", "{ tls = { alert = 'unrecognized_name' } }"),
        ("close", "{ close = 'fin' }"),
        ("reset", "{ close = 'rst' }"),
        ("plaintext", r"{ raw = '220 mail.example.org ESMTP\r\n' }"),
        ("garbage", r"{ raw = '\x16\x03\x03\xff\xffgarbage' }"),
        ("cut before the flight", "{ cut = { at = 0 } }"),
        ("cut in the header of a record", "{ cut = { at = 3, close = 'rst' } }"),
        ("cut in a record", "{ cut = { at = 60 } }"),
        ("TLS 1.0", "{ tls = { max = '1.0' } }"),
        ("TLS 1.1", "{ tls = { max = '1.1' } }"),
        ("no common suite", "{ tls = { suites = ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'], max = '1.2' } }"),
        ("no common protocol", "{ tls = { alpn = ['h2'] } }"),
        ("a required certificate", "{ tls = { client_cert = 'required' } }"),
        ("paced", "{ pace = { chunk = 40, gap = '1us' } }"),
        ("late", "[{ wait = '1ms' }, { pass = true }]"),
        ("in TLS 1.2", "{ tls = { max = '1.2' } }"),
        ("in TLS 1.2, paced", "[{ tls = { max = '1.2' } }, { pace = { chunk = 100, gap = '1us' } }]"),
    ];
    let mut table = String::new();
    for (name, steps) in faults {
        let outcomes = WAYS.map(|listener| {
            let server = with(steps);
            let mut config = strict(&server);
            config.alpn_protocols = vec![b"imap".to_vec()];
            let mut client = TlsClient::before(&server, listener, config, "localhost");
            let client_says = client.handshake().err().unwrap_or_else(|| "accepted".to_owned());
            drop(client);
            let outcome = format!("client: {client_says}\n  server: {}", reason(&server));
            server.verify().block();
            outcome
        });
        assert!(outcomes.iter().all(|its| its == &outcomes[0]), "{name}: {outcomes:#?}");
        let _infallible = writeln!(table, "{name}\n  {}", outcomes[0]);
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_cut_counts_the_octets_of_all_flights() {
    for listener in WAYS {
        // The server says nothing after the handshake, so that its octets can be counted.
        let server = with("{ tls = { max = '1.2' } }");
        server.mount(on(rules::tls::done()).stall_connection());
        let mut whole = TlsClient::before(&server, listener, strict(&server), "localhost");
        whole.handshake().unwrap();
        whole.end();
        // In the last record, which is Finished: the length of signatures differs by some octets.
        let at = whole.heard - 20;

        let server = with(&format!("[{{ tls = {{ max = '1.2' }} }}, {{ cut = {{ at = {at} }} }}]"));
        let mut cut = TlsClient::before(&server, listener, strict(&server), "localhost");

        assert_eq!(cut.handshake(), Err("the server closed the connection".to_owned()), "{listener}");
        assert_eq!(cut.heard, at);
        assert_eq!(reason(&server), "a rule ended the connection during the handshake", "{listener}");
        server.verify().block();
    }
}

#[test]
fn every_certificate_is_accepted_or_refused_over_every_way() {
    use mailjig::Certificate;
    for certificate in Certificate::ALL.iter().filter(|its| **its != Certificate::Own) {
        let server = MailServer::builder().tls(TlsProfile::new().certificate(*certificate)).start();
        let outcomes = WAYS.map(|listener| {
            let outcome = TlsClient::connect(&server, listener, strict(&server), "localhost");
            outcome.map(drop).map_err(|error| error.split([':', ';', '(']).nth(1).unwrap_or_default().to_owned())
        });
        assert!(outcomes.iter().all(|its| its.is_err() == outcomes[0].is_err()), "{certificate}: {outcomes:?}");
        assert!(certificate.must_be_refused() <= outcomes[0].is_err(), "{certificate} must be refused");
        assert!(certificate.must_be_accepted() <= outcomes[0].is_ok(), "{certificate}: {outcomes:?}");
        server.wait_for_no_session().block();
        for session in server.sessions() {
            let shown = session.tls.map(|tls| tls.certificate).or(session.tls_failure.and_then(|its| its.certificate));
            assert_eq!(shown, Some(*certificate));
        }
    }
}

#[test]
fn a_rule_that_holds_output_back_sends_it_before_the_server_waits() {
    for version in ["1.2", "1.3"] {
        let server = MailServer::builder().tls(TlsProfile::new().max(version)).start();
        let held = server.mount(on(rules::tls::hello()).hold().pass());
        let mut client = TlsClient::before(&server, Listener::Imaps, strict(&server), "localhost");

        assert_eq!(client.handshake(), Ok(()), "{version}");
        assert_eq!(held.hits(), 1);
    }
}

#[test]
fn a_stalled_handshake_ends_when_the_client_gives_up() {
    for steps in ["{ stall = 'conn' }", "{ stall = 'reply' }", "{ pass = 'silent' }"] {
        for listener in WAYS {
            let server = with(steps);
            let mut client = TlsClient::before(&server, listener, strict(&server), "localhost");
            client.hello();
            client.end();

            assert_eq!(client.handshake(), Err("the server closed the connection".to_owned()), "{steps} {listener}");

            let wanted = match steps {
                "{ stall = 'conn' }" => "a rule kept the handshake from going on; the client closed the connection",
                "{ stall = 'reply' }" => {
                    "a rule answered the ClientHello without a handshake; the client closed the connection"
                }
                _ => "the client closed the connection",
            };
            assert_eq!(reason(&server), wanted, "{steps} {listener}");
        }
    }
}

#[test]
fn a_client_that_goes_on_in_cleartext_is_told() {
    for (listener, login, command) in [
        (Listener::Smtp, "AUTH PLAIN AGJvYgBzZWNyZXQ=", "AUTH"),
        (Listener::Imap, "b LOGIN bob@example.org secret", "LOGIN"),
        (Listener::Pop3, "PASS secret", "PASS"),
    ] {
        let server = with(r"{ raw = '220 mail.example.org ESMTP\r\n' }");
        let mut client = TlsClient::before(&server, listener, strict(&server), "localhost");
        client.hello();
        // The client takes the plaintext for the reply to a command.
        client.octets(format!("{login}\r\n").as_bytes());

        let told =
            format!("a rule answered the ClientHello without a handshake; the client went on in cleartext: {command}");
        assert_eq!(reason(&server), told);
        assert_eq!(server.sessions()[0].ended.map(|(_, ending)| ending), Some(Ending::TlsFailed));
    }
}

#[test]
fn a_client_that_leaves_while_the_server_still_sends_is_a_failed_handshake() {
    let server = with("[{ pace = { chunk = 1, gap = '1ms' } }, { pass = true }]");
    let mut client = TlsClient::before(&server, Listener::Imaps, strict(&server), "localhost");
    client.hello();
    client.first_octet();
    drop(client);

    assert_eq!(reason(&server), "the client closed the connection");
    assert_eq!(server.sessions()[0].ended.map(|(_, ending)| ending), Some(Ending::TlsFailed));
}

#[test]
fn a_client_that_leaves_while_the_server_sends_its_last_flight_is_a_failed_handshake_too() {
    let server = with("[{ tls = { max = '1.2' } }, { pace = { chunk = 1, gap = '1ms' } }]");
    let mut client = TlsClient::before(&server, Listener::Imaps, strict(&server), "localhost");
    client.flights(2);
    client.first_octet();
    client.reset();

    assert_eq!(reason(&server), "the client closed the connection");
    let session = &server.sessions()[0];
    assert_eq!((&session.tls, session.ended.map(|(_, ending)| ending)), (&None, Some(Ending::TlsFailed)));
    server.verify().block();
}

#[test]
fn a_certificate_is_presented_if_the_flight_with_it_was_sent() {
    use mailjig::Certificate::Good;
    let by_profile = || {
        // The client's first ClientHello has no share of this group (RFC 8446 §4.1.4).
        MailServer::builder().tls(TlsProfile::new().groups(["secp384r1"])).start()
    };
    let by_rule = || with("{ tls = { groups = ['secp384r1'] } }");
    for (row, (server, flights, presented)) in [
        (by_profile(), 1, None),
        (by_profile(), 2, Some(Good)),
        (by_rule(), 1, None),
        (by_rule(), 2, Some(Good)),
        (with("{ pass = true }"), 1, Some(Good)),
        (with("{ pass = 'silent' }"), 1, None),
        (with("{ cut = { at = 0 } }"), 1, None),
        (with("{ cut = { at = 100 } }"), 1, None),
        (with("[{ tls = { max = '1.2' } }, { cut = { at = 100 } }]"), 1, None),
        (with("{ tls = { max = '1.0' } }"), 1, Some(mailjig::Certificate::Rsa)),
        (with("[{ tls = { max = '1.0' } }, { cut = { at = 100 } }]"), 1, None),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = TlsClient::before(&server, Listener::Imaps, strict(&server), "localhost");
        client.flights(flights);
        client.end();

        let reason = reason(&server);
        let failure = server.sessions()[0].tls_failure.clone().unwrap();
        assert_eq!(failure.certificate, presented, "row {row}: {reason}");
    }
}

#[test]
fn a_client_that_is_silent_in_a_handshake_that_a_rule_changes_has_as_much_time_as_in_others() {
    let text = "mailjig = 1\n[[rule]]\nid = 'paced'\non = 'tls.hello'\n\
                do = [{ pace = { chunk = 400, gap = '1us' } }, { pass = true }]\nexpect = '=1'\n";
    let server = MailServer::builder().handshake_timeout(Duration::from_secs(1));
    let server = server.scenario(Scenario::text("paced.toml", text)).start();
    let mut client = TlsClient::before(&server, Listener::Imaps, strict(&server), "localhost");
    client.hello();
    client.first_octet();

    assert_eq!(reason(&server), "not finished within 1 s");
    server.verify().block();
}

#[test]
fn a_command_that_comes_while_a_rule_still_sends_the_last_flight_is_answered() {
    for (listener, command, reply) in [
        (Listener::Smtp, "NOOP\r\n", "250 "),
        (Listener::Imap, "b NOOP\r\n", "b OK "),
        (Listener::Pop3, "CAPA\r\n", "+OK "),
    ] {
        // The last flight has tickets, for which the client does not wait.
        let server = with("[{ tls = { resumption = true } }, { pace = { chunk = 10, gap = '1ms' } }]");
        let mut client = TlsClient::connect(&server, listener, strict(&server), "localhost").unwrap();
        client.say(command);

        let said = client.line();
        assert!(said.starts_with(reply), "{listener}: {said:?}");
        server.verify().block();
    }
}

#[test]
fn a_rule_for_every_event_awaits_a_line_only_where_the_client_can_send_one() {
    let text = "mailjig = 1\n[[rule]]\nid = 'all'\non = '*.*'\nwhen = { age = '>=0s' }\nper = 'conn'\nnth = '1-2'\n\
                do = [{ await = '*' }, { pass = true }]\n";
    let server = MailServer::builder().scenario(Scenario::text("all.toml", text)).start();
    let mut client = TlsClient::before(&server, Listener::Smtps, strict(&server), "localhost");

    // The first two events are `tcp.accept` and `tls.hello`.
    assert_eq!(client.handshake(), Ok(()));
    assert!(client.line().starts_with("220 "));
    assert_eq!(server.fired("all"), 2);
}

#[test]
fn a_rule_may_reset_the_connection_after_the_handshake() {
    let text = "mailjig = 1\n[[rule]]\nid = 'r'\non = 'tls.done'\ndo = { close = 'rst' }\nexpect = '=1'\n";
    for listener in WAYS {
        let server = MailServer::builder().scenario(Scenario::text("reset.toml", text)).start();
        let mut client = TlsClient::before(&server, listener, strict(&server), "localhost");
        let _ok_or_reset = client.handshake();

        assert_eq!(reason(&server), "the handshake succeeded", "{listener}");
        server.verify().block();
    }
}

#[test]
fn a_tls_port_may_speak_in_cleartext_and_a_cleartext_port_expect_tls() {
    for (tls_port, cleartext_port) in
        [(Listener::Smtps, Listener::Smtp), (Listener::Imaps, Listener::Imap), (Listener::Pop3s, Listener::Pop3)]
    {
        let text = format!(
            "mailjig = 1\n[[tls]]\nlistener = '{tls_port}'\nimplicit = false\n\
             [[tls]]\nlistener = '{cleartext_port}'\nimplicit = true\n"
        );
        let by_file = MailServer::builder().scenario(Scenario::text("ports.toml", text)).start();
        let by_builder = MailServer::builder().implicit_tls(tls_port, false).implicit_tls(cleartext_port, true).start();
        for server in [by_file, by_builder] {
            let mut client = TlsClient::before_command(&server, tls_port, strict(&server), "localhost");
            let refused = client.handshake().unwrap_err();
            assert!(refused.contains("corrupt message"), "{tls_port}: {refused}");

            let mut client = TlsClient::before_command(&server, cleartext_port, strict(&server), "localhost");
            client.handshake().unwrap();
            let greeting = client.line();
            assert!(["220 ", "* OK ", "+OK "].iter().any(|its| greeting.starts_with(its)), "{greeting}");
            client.say(if cleartext_port == Listener::Imap { "a CAPABILITY\r\n" } else { "NOOP\r\n" });
            assert!(!client.line().contains("STARTTLS"), "TLS is established");
        }
    }
}

#[test]
fn a_profile_is_taken_from_the_rule_then_the_scenario_then_the_server() {
    use mailjig::Certificate::{Expired, Good};
    let text =
        "mailjig = 1\n[[tls]]\nlistener = 'imaps'\ncert = 'good'\n[[tls]]\nsni = '*.localhost'\ncert = 'expired'\n";
    let server = MailServer::builder()
        .tls(TlsProfile::new().certificate(Expired).max("1.2"))
        .scenario(Scenario::text("by_name.toml", text))
        .start();
    let presented = |listener, name: &str| {
        let came = TlsClient::connect(&server, listener, strict(&server), name);
        came.map(|client| format!("{:?}", client.tls.protocol_version().unwrap())).map_err(|_| ())
    };

    assert_eq!(presented(Listener::Smtps, "localhost"), Err(()), "the server's");
    assert_eq!(presented(Listener::Imaps, "localhost"), Ok("TLSv1_2".to_owned()), "the scenario's for the listener");
    assert_eq!(presented(Listener::Imaps, "a.localhost"), Err(()), "the scenario's for the name");
    let rule = server.mount(on(rules::tls::hello()).certificate(Good).tls(TlsProfile::new().min("1.3").max("1.3")));
    assert_eq!(presented(Listener::Smtps, "localhost"), Ok("TLSv1_3".to_owned()), "the rule's");
    rule.unmount();
    assert_eq!(presented(Listener::Smtps, "localhost"), Err(()), "the server's again");
}

/// Sends a message after STARTTLS, and verifies or not.
fn send(server: &MailServer, verifies: bool) -> Result<(), lettre::transport::smtp::Error> {
    let ca = lettre::transport::smtp::client::Certificate::from_pem(server.ca().as_bytes())?;
    let tls = TlsParameters::builder("localhost".to_owned()).add_root_certificate(ca);
    let tls = tls.dangerous_accept_invalid_certs(!verifies).build()?;
    let mailer =
        SmtpTransport::builder_dangerous("localhost").port(server.smtp().port()).tls(Tls::Required(tls)).build();
    let mail = Message::builder().from("app@example.org".parse().unwrap()).to("bob@example.org".parse().unwrap());
    mailer.send(&mail.body("Hello".to_owned()).unwrap()).map(drop)
}

#[test]
fn an_audit_explains_what_a_client_accepts() {
    let audit =
        TlsAuditor::new().only(["expired", "handshake-close", "imap-preauth"]).audit(|server| send(server, false));

    assert_eq!(audit.verdict("expired"), TlsVerdict::Accepted);
    assert_eq!(audit.leaks("expired"), [Leak::Envelope, Leak::Body]);
    assert_eq!(audit.verdict("handshake-close"), TlsVerdict::Refused);
    assert_eq!(audit.verdict("imap-preauth"), TlsVerdict::Skipped);
    let report = audit.to_string();
    assert!(report.contains("accepted     it went on over TLS on smtp; it leaked envelope, body\n"), "{report}");
    assert!(report.contains("\n\nexpired: the server saw\n    -- s1 smtp\n"), "{report}");
    assert!(panic_of(move || audit.assert_refused()).starts_with("control "));
}

#[tokio::test]
async fn an_async_client_can_be_audited_in_a_test_that_is_async() {
    let client = async |server: &MailServer| {
        let ca = lettre::transport::smtp::client::Certificate::from_pem(server.ca().as_bytes())?;
        let tls = TlsParameters::builder("localhost".to_owned()).add_root_certificate(ca).build()?;
        let mailer = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("localhost");
        let mailer = mailer.port(server.smtp().port()).tls(Tls::Required(tls));
        mailer.build::<Tokio1Executor>().test_connection().await.map(drop)
    };
    let audit = TlsAuditor::new().only(["expired", "starttls-stripped"]).audit_async(client);

    assert_eq!(audit.verdict("expired"), TlsVerdict::Refused);
    assert_eq!(audit.verdict("starttls-stripped"), TlsVerdict::Refused);
}

/// Logs in over POP3 after STLS. Forgets what it has read before TLS, or takes it for the beginning of what comes under TLS.
fn log_in_over_pop3(server: &MailServer, forgets: bool) -> std::io::Result<()> {
    fn line(kept: &mut Vec<u8>, stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
        while !kept.contains(&b'\n') {
            let mut octets = [0; 4096];
            match stream.read(&mut octets)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                came => kept.extend_from_slice(&octets[..came]),
            }
        }
        let end = kept.iter().position(|octet| *octet == b'\n').unwrap();
        Ok(kept.drain(..=end).collect())
    }
    let (mut socket, mut kept) = (clients::deadline::connect(server.pop3().address()), Vec::new());
    line(&mut kept, &mut socket)?;
    socket.write_all(b"STLS\r\n")?;
    line(&mut kept, &mut socket)?;
    if forgets {
        kept.clear();
    }
    let mut tls = rustls::ClientConnection::new(strict(server).into(), "localhost".try_into().unwrap()).unwrap();
    let mut stream = rustls::Stream::new(&mut tls, &mut socket);
    stream.write_all(b"CAPA\r\n")?;
    while line(&mut kept, &mut stream)? != b".\r\n" {}
    for command in ["USER bob@example.org\r\n", "PASS secret\r\n", "QUIT\r\n"] {
        stream.write_all(command.as_bytes())?;
        line(&mut kept, &mut stream)?;
    }
    Ok(())
}

#[test]
fn an_audit_tells_a_pop3_client_that_uses_a_forged_list_of_capabilities() {
    for (forgets, verdict) in [(true, TlsVerdict::Refused), (false, TlsVerdict::Accepted)] {
        let auditor = TlsAuditor::new().only(["starttls-response-injection"]);
        let audit = auditor.audit(move |server| log_in_over_pop3(server, forgets));

        assert_eq!(audit.verdict("starttls-response-injection"), verdict, "{audit}");
    }
}

#[test]
fn an_audit_ends_the_sessions_of_a_client_that_hangs() {
    let stalled = TlsAuditor::new().only(["handshake-stall"]).timeout(Duration::from_millis(500));
    let audit = stalled.audit(|server| send(server, true));

    assert_eq!(audit.verdict("handshake-stall"), TlsVerdict::Hung);
}

#[test]
fn an_audit_of_a_client_without_tls_proves_nothing() {
    let said = panic_of(|| drop(mailjig::audit::tls(|_| Ok::<(), ()>(()))));

    assert!(said.starts_with("the client sends no command under TLS, so the audit proves nothing"), "{said}");
}

fn panic_of(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(run).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}
