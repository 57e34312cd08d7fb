//! The harness: starting, sending, waiting, expecting, and the texts of its panics.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use clients::deadline::{connect, until};
use clients::line_client::talk;
use lettre::{AsyncSmtpTransport, AsyncTransport, SmtpTransport, Tokio1Executor, Transport};
use mailjig::matchers::{any, attachment, body, from, header, matching, session, subject, to};
use mailjig::rules::{on, smtp};
use mailjig::{Ending, Endpoint, Listener, MailServer, Message, Scenario, StartTls};
use socket2::SockRef;

#[path = "clients/mod.rs"]
mod clients;

fn letter(to: &str, subject: &str) -> lettre::Message {
    let builder = lettre::Message::builder().from("ann@example.org".parse().unwrap()).to(to.parse().unwrap());
    builder.subject(subject).body("Hello!".to_owned()).unwrap()
}

fn mailer(endpoint: &Endpoint) -> SmtpTransport {
    SmtpTransport::builder_dangerous(endpoint.host()).port(endpoint.port()).build()
}

/// The text of the panic of this call.
fn panic_of(act: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(act)).expect_err("it panics");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().expect("panics have a text").to_string(),
    }
}

#[test]
fn a_plain_test_can_block_on_a_wait() {
    let server = MailServer::start();

    mailer(server.smtp()).send(&letter("bob@example.org", "Welcome, Bob")).unwrap();

    let mail = server.wait_for(to("bob@example.org").and(subject("Welcome*"))).block();
    assert_eq!(mail.text().trim_end(), "Hello!");
    assert_eq!(mail.envelope().sender().address(), "ann@example.org");
}

#[tokio::test]
async fn a_blocking_client_on_a_current_thread_runtime_does_not_starve_the_server() {
    let server = MailServer::start();

    mailer(server.smtp()).send(&letter("bob@example.org", "blocking")).unwrap();

    let mail = server.wait_for(to("bob@example.org")).await;
    assert_eq!(mail.subject(), "blocking");
    server.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_multi_thread_runtime_can_wait() {
    let server = MailServer::start();
    let endpoint = server.smtp();
    let mailer = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(endpoint.host()).port(endpoint.port()).build();

    let (mail, sent) = tokio::join!(server.wait_for(subject("later")), mailer.send(letter("bob@example.org", "later")));

    sent.unwrap();
    assert_eq!(mail.no().to_string(), "m1");
}

#[test]
fn another_executor_can_wait() {
    smol::block_on(async {
        let server = MailServer::start();
        let wait = smol::spawn(server.wait_for(to("bob@example.org")));

        server.deliver("bob@example.org", "Subject: hello\r\n\r\n");

        assert_eq!(wait.await.subject(), "hello");
    });
}

#[test]
fn a_wait_sees_earlier_mail_and_mail_after_a_message() {
    let server = MailServer::start();
    let first = server.deliver("bob@example.org", "Subject: code 1\r\n\r\n");

    assert_eq!(server.wait_for(to("bob@example.org")).block().no(), first.no());
    let second = server.wait_for(to("bob@example.org")).after(&first);
    server.deliver("bob@example.org", "Subject: code 2\r\n\r\n");

    assert_eq!(second.block().subject(), "code 2");
}

#[test]
fn mail_captured_before_a_message_but_answered_later_is_after_it() {
    let server = MailServer::start();
    server.clock().pause();
    server.mount(on(smtp::message()).wait(Duration::from_secs(60)).pass().once());
    let mail = "EHLO x\nMAIL FROM:<a@example.org>\nRCPT TO:<bob@example.org>\nDATA\nSubject: x\n\n.\nQUIT\n";
    let mut held = connect(server.smtp().address());
    held.write_all(mail.replace('\n', "\r\n").as_bytes()).unwrap();
    until("the first is captured", || server.messages().len() == 1);
    talk(server.smtp().address(), mail);

    let answered_first = server.wait_for(any()).block();
    let answered_later = server.wait_for(any()).after(&answered_first);
    server.clock().advance(Duration::from_secs(60));

    assert_eq!(answered_first.no(), server.messages()[1].no());
    assert_eq!(answered_later.block().no(), server.messages()[0].no());
}

#[test]
fn a_wait_for_three_messages_returns_three_or_reports_two() {
    let server = MailServer::start();
    server.deliver("bob@example.org", "Subject: 1\r\n\r\n");
    let three = server.wait_for(to("bob@example.org")).count(3);
    server.deliver("bob@example.org", "Subject: 2\r\n\r\n");
    server.deliver("eve@example.org", "Subject: for another\r\n\r\n");

    let line = line!() + 1;
    let text = panic_of(|| drop(server.wait_for(to("bob@example.org")).count(3).within(Duration::ZERO).block()));
    assert!(text.starts_with(&format!("tests/harness.rs:{line}:")), "{text}");
    assert!(text.contains(": 2 messages matched within 0ns, expected at least 3\n"), "{text}");

    server.deliver("bob@example.org", "Subject: 3\r\n\r\n");
    let three = three.block();
    assert_eq!(three.iter().map(Message::subject).collect::<Vec<_>>(), ["1", "2", "3"]);
    let later = server.wait_for(to("bob@example.org")).after(&three[0]).count(2);
    assert_eq!(smol::block_on(later.outcome()).unwrap().len(), 2);
}

#[test]
fn a_wait_for_no_session_ends_when_the_last_session_ends() {
    let server = MailServer::start();
    server.wait_for_no_session().block();
    let mut client = connect(server.imap().address());
    client.read_exact(&mut [0; 4]).unwrap();
    server.settled().block();

    let line = line!() + 1;
    let text = panic_of(|| server.wait_for_no_session().within(Duration::ZERO).block());
    assert_eq!(
        text,
        format!(
            "tests/harness.rs:{line}:35: within 0ns, 1 session is still open\n  s1 imap, 0 messages; the server waits for the client"
        )
    );

    let gone = server.wait_for_no_session();
    drop(client);
    smol::block_on(gone);
    assert!(server.sessions()[0].ended.is_some());
}

#[test]
fn each_of_a_thousand_waits_gets_its_message() {
    let server = MailServer::start();
    let waits: Vec<_> = (0..1000).map(|n| server.wait_for(to(format!("user{n}@example.org")))).collect();

    std::thread::scope(|scope| {
        let waiting: Vec<_> = waits.into_iter().map(|wait| scope.spawn(|| wait.block())).collect();
        for n in 0..1000 {
            server.deliver(&format!("user{n}@example.org"), format!("Subject: {n}\r\n\r\n"));
        }
        for (n, wait) in waiting.into_iter().enumerate() {
            assert_eq!(wait.join().unwrap().subject(), n.to_string());
        }
    });
}

#[test]
fn every_matcher_matches() {
    let server = MailServer::start();
    server.deliver_from(
        "ann@example.org",
        "bob@example.org",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Kind: test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\n\r\nconfirm your address\r\n--b\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n%PDF\r\n--b--\r\n",
    );

    for (holds, matcher) in [
        (true, any()),
        (true, to("BOB@example.org").not().and(to("bob@EXAMPLE.org"))),
        (true, from("*@example.org")),
        (true, subject("Grüße")),
        (false, subject("Grüs*")),
        (true, body("your address")),
        (true, body("confirm*")),
        (false, body("~^address")),
        (true, header("x-kind", "test")),
        (false, header("x-other", "*")),
        (true, attachment("*.pdf")),
        (false, attachment("*.png")),
        (true, (|mail: &Message| mail.attachments().len() == 1).into()),
        (false, matching("is large", |mail| mail.raw().len() > 1_000_000)),
        (true, subject("no").or(subject("Grüße"))),
        (false, session::tls(true)),
    ] {
        let text = matcher.to_string();
        assert_eq!(server.find(matcher).len(), usize::from(holds), "{text}");
    }
}

#[test]
fn bcc_is_in_the_envelope_and_the_body_is_stored_once() {
    let server = MailServer::start();

    let said = talk(
        server.smtp().address(),
        "EHLO client.example\nMAIL FROM:<ann@example.org> SIZE=20\nRCPT TO:<bob@example.org>\n\
         RCPT TO:<carol@example.org>\nRCPT TO:<>\nDATA\nTo: bob@example.org\n\nhi\n.\nQUIT\n",
    );

    assert!(said.contains("250 2.0.0 Ok: queued as m1"), "{said}");
    let mail = server.only(to("carol@example.org"));
    assert_eq!(mail.no(), server.only(to("bob@example.org")).no());
    assert_eq!(mail.raw().as_ref(), b"To: bob@example.org\r\n\r\nhi\r\n");
    assert_eq!(mail.envelope().sender().parameters().size(), Some(20));
    assert_eq!(mail.to().len(), 1);
    assert_eq!(mail.raw().as_ptr(), server.messages()[0].raw().as_ptr());
}

#[test]
fn a_transcript_is_usable_as_a_snapshot() {
    let server = MailServer::start();

    talk(
        server.smtp().address(),
        "HELO client.example\nMAIL FROM:<ann@example.org>\nRCPT TO:<bob@example.org>\nDATA\n.hidden\n..dot\n.\nQUIT\n",
    );
    server.settled().block();

    insta::assert_snapshot!(server.transcript(), @r"
    S: 220 localhost ESMTP mailjig
    C: HELO client.example
    S: 250 localhost
    C: MAIL FROM:<ann@example.org>
    S: 250 2.1.0 Ok
    C: RCPT TO:<bob@example.org>
    S: 250 2.1.5 Ok
    C: DATA
    S: 354 End data with <CR><LF>.<CR><LF>
    C: <m1>
    S: 250 2.0.0 Ok: queued as m1
    C: QUIT
    S: 221 2.0.0 Bye
    ");
    assert!(server.transcript().verbatim().contains("\nC: .hidden\nC: ..dot\nC: .\n"));
    assert_eq!(server.sessions()[0].ended.map(|(_, ending)| ending), Some(Ending::Clean));
}

#[test]
fn a_message_prints_the_same_in_every_run() {
    let server = MailServer::start();
    let mail = server.deliver_from(
        "ann@example.org",
        "bob@example.org",
        "From: Ann <ann@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\
         \r\n--b\r\n\r\nHello!\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF\r\n--b--\r\n",
    );

    insta::assert_snapshot!(mail, @r"
    m1 from <ann@example.org> to <bob@example.org>
    From: Ann <ann@example.org>
    Subject: Grüße
    Content-Type: multipart/mixed; boundary=b

    Hello!
    [2 application/pdf, 4 octets, a.pdf]
    ");
}

#[test]
fn clear_returns_the_mail_and_reset_restarts_numbering() {
    let server = MailServer::start();
    server.deliver("bob@example.org", "Subject: one\r\n\r\n");

    let taken = server.clear();
    assert_eq!(taken.len(), 1);
    assert!(server.messages().is_empty());
    assert_eq!(server.deliver("bob@example.org", "Subject: two\r\n\r\n").no().number(), 2);
    assert_eq!(server.wait_for(any()).after(&taken[0]).block().subject(), "two");

    server.reset();
    assert!(server.messages().is_empty());
    assert_eq!(server.deliver("bob@example.org", "Subject: three\r\n\r\n").no().number(), 1);
}

#[test]
fn a_closed_list_accepts_only_its_accounts() {
    let server = MailServer::builder().account_of("ann", "secret", &["ann@example.org"]).start();

    let said = talk(
        server.smtp().address(),
        "EHLO x\nMAIL FROM:<>\nRCPT TO:<eve@example.org>\nRCPT TO:<Ann@Example.org>\nRSET\n\
         AUTH PLAIN AGFubgB3cm9uZw==\nAUTH PLAIN AGFubgBzZWNyZXQ=\nQUIT\n",
    );

    for line in ["550 5.1.1 <eve@example.org>:", "250 2.1.5", "535 5.7.8", "235 2.7.0"] {
        assert!(said.contains(&format!("\r\n{line} ")), "{line} in {said}");
    }
    assert!(panic_of(|| drop(server.deliver("eve@example.org", ""))).contains("<eve@example.org> is not an address"));
    assert_eq!(server.sessions()[0].user.as_deref(), Some("ann"));
}

#[test]
fn expectations_are_verified_when_the_server_is_dropped() {
    let server = MailServer::start();
    server.expect(1, to("ann@example.org"));
    server.expect(0, to("eve@example.org"));
    server.expect(1..=2, subject("digest"));
    server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
    drop(server);

    let server = MailServer::start();
    let line = line!() + 1;
    server.expect(2, to("ann@example.org"));
    let text = panic_of(|| drop(server));

    assert!(text.contains(&format!("tests/harness.rs:{line}:12: 0 messages matched, expected exactly 2")), "{text}");
}

#[test]
fn verify_checks_expectations_after_the_server_has_settled() {
    let server = MailServer::start();
    server.expect(1, to("ann@example.org"));
    assert!(panic_of(|| server.verify().block()).contains("0 messages matched, expected exactly 1"));

    server.expect(1, to("ann@example.org"));
    talk(server.smtp().address(), "HELO x\nMAIL FROM:<>\nRCPT TO:<ann@example.org>\nDATA\n.\nQUIT\n");
    server.verify().block();
}

#[test]
fn a_server_is_verified_when_dropped_with_an_open_session() {
    let server = MailServer::builder().start();
    server.expect(1, any());
    let mut client = connect(server.smtp().address());
    client.read_exact(&mut [0; 4]).unwrap();
    client.write_all(b"HELO x\r\n").unwrap();

    let text = panic_of(|| drop(server));

    assert!(text.contains("0 messages matched, expected exactly 1"), "{text}");
}

#[test]
fn none_within_passes_without_mail_and_fails_with_mail() {
    let server = MailServer::start();
    server.none_within(Duration::from_millis(1), any()).block();

    server.deliver("eve@example.org", "");
    let text = panic_of(|| server.none_within(Duration::from_secs(60), to("eve@example.org")).block());

    assert!(text.contains("1 message matched, expected none"), "{text}");
}

#[test]
fn a_wait_that_fails_names_its_line() {
    let server = MailServer::start();

    let line = line!() + 1;
    let text = panic_of(|| drop(server.wait_for(to("bob@example.org")).within(Duration::from_millis(1)).block()));

    assert!(text.starts_with(&format!("tests/harness.rs:{line}:")), "{text}");
    let outcome = server.wait_for(to("bob@example.org")).within(Duration::ZERO).outcome();
    assert!(smol::block_on(outcome).unwrap_err().to_string().contains("nothing was captured"));
}

#[test]
fn a_taken_port_is_named_with_its_listener() {
    let server = MailServer::start();
    let taken = server.smtp().address();

    let error = MailServer::builder().listen(Listener::Submission, taken).try_start().unwrap_err();

    let expected = format!("the submission listener cannot bind {taken}: another program, or another");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[test]
fn a_session_beyond_the_limit_is_refused() {
    let server = MailServer::builder().max_sessions(2).start();
    let mut clients = [(); 2].map(|()| connect(server.smtp().address()));
    for client in &mut clients {
        let mut code = [0; 3];
        client.read_exact(&mut code).unwrap();
        assert_eq!(&code, b"220");
    }

    assert_eq!(talk(server.smtp().address(), ""), "421 4.3.2 localhost has too many sessions; come back later\r\n");
}

#[test]
fn a_silent_client_gets_a_timeout_reply() {
    let server = MailServer::builder().idle_timeout(Duration::from_millis(1)).start();
    let mut client = connect(server.smtp().address());

    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();

    assert!(said.ends_with("421 4.4.2 I have waited too long for you\r\n"), "{said}");
}

#[test]
fn the_panic_names_a_listener_that_is_off() {
    let server = MailServer::builder().without(Listener::Smtps).start();

    assert!(panic_of(|| drop(server.smtps().url().to_owned())).contains("the smtps listener of this server is off"));
}

#[test]
fn the_error_names_an_invalid_host_name() {
    for name in ["", "two words", "büro.example", "a\r\n250 b"] {
        let error = MailServer::builder().certificate_name(name).try_start().unwrap_err();
        assert!(error.to_string().starts_with(&format!("{name:?} is not a valid host name")), "{error}");
        assert!(MailServer::builder().host(name).try_start().is_err());
    }
}

#[test]
fn a_scenario_sets_what_starttls_must_precede() {
    let text =
        "mailjig = 1\n[[tls]]\nlistener = \"pop3\"\nstarttls = \"never\"\n[[tls]]\nstarttls = \"before-anything\"\n";
    let server = MailServer::builder()
        .starttls(Listener::Imap, StartTls::Offered)
        .scenario(Scenario::text("tls.toml", text))
        .start();

    let starttls = [server.smtp(), server.submission(), server.imap(), server.pop3(), server.imaps()];
    assert_eq!(
        starttls.map(|endpoint| endpoint.starttls().map(StartTls::name)),
        [Some("before-anything"), Some("before-anything"), Some("before-anything"), Some("never"), None]
    );
}

#[test]
fn a_listener_that_begins_with_tls_has_no_starttls() {
    let wrong = catch_unwind(|| MailServer::builder().starttls(Listener::Imaps, StartTls::Offered));

    let message = *wrong.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(message, "imaps uses TLS from the start and has no STARTTLS");
}

#[test]
fn a_failed_handshake_has_a_reason_in_plain_words() {
    let too_old = "the client's TLS version is too old: the server speaks TLS 1.2 and TLS 1.3";
    let group = "the client offers no key exchange group that the server supports";
    // Cipher suites: the server has 0xc02b (with ECDSA) and 0x1301 (of TLS 1.3). Extensions by number: 10 groups
    // x25519 or secp521r1, 11 the point formats, 13 the signature algorithms with ECDSA or RSA, 20 a certificate
    // that is a bare key (RFC 7250), 43 the versions.
    let (x25519, secp521r1) = ((10, &[0, 2, 0, 29][..]), (10, &[0, 2, 0, 25][..]));
    let (ecdsa, rsa) = ((13, &[0, 2, 4, 3][..]), (13, &[0, 2, 4, 1][..]));
    let (tls11, tls13) = ((43, &[2, 3, 2][..]), (43, &[2, 3, 4][..]));
    for (said, why) in [
        (client_hello([3, 1], 0x2f, 0, &[]), too_old),
        (client_hello([3, 2], 0xc02b, 0, &[x25519, ecdsa]), too_old),
        (client_hello([3, 3], 0xc02b, 0, &[x25519, ecdsa, tls11]), too_old),
        (client_hello([3, 3], 0x2f, 0, &[x25519, ecdsa]), "the client offers no cipher suite that the server supports"),
        (client_hello([3, 3], 0xc02b, 0, &[secp521r1, ecdsa]), group),
        (client_hello([3, 3], 0x1301, 0, &[x25519, ecdsa, tls13]), group),
        (
            client_hello([3, 3], 0xc02b, 0, &[x25519, rsa]),
            "the client offers no signature algorithm that fits the server's certificate",
        ),
        (
            client_hello([3, 3], 0xc02b, 0, &[x25519, (11, &[1, 1]), ecdsa]),
            "the client offers no point format that the server supports",
        ),
        (client_hello([3, 3], 0xc02b, 1, &[x25519, ecdsa]), "the client insists on TLS compression"),
        (
            client_hello([3, 3], 0xc02b, 0, &[x25519, ecdsa, (20, &[1, 2])]),
            "the client and the server support no common TLS parameters",
        ),
        (b"EHLO x\r\n".to_vec(), "the client sent something that is not TLS"),
    ] {
        let server = MailServer::start();
        let mut client = connect(server.imaps().address());
        client.write_all(&said).unwrap();
        let _an_alert_or_nothing = client.read_to_end(&mut Vec::new());
        assert_eq!(failed_handshake(&server), why, "{said:?}");
    }

    for (is_reset, why) in [(false, "the client closed the connection"), (true, "the client reset the connection")] {
        let server = MailServer::start();
        let mut client = connect(server.imaps().address());
        client.write_all(&[22, 3]).unwrap();
        if is_reset {
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(client);
        assert_eq!(failed_handshake(&server), why);
    }

    let server = MailServer::start();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let trusts_nobody = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(trusts_nobody), name).unwrap();
    client.complete_io(&mut connect(server.imaps().address())).unwrap_err();
    assert_eq!(
        failed_handshake(&server),
        "the client refused with the TLS alert unknown_ca: it does not trust the authority of the server's certificate"
    );
}

/// A ClientHello (RFC 5246 §7.4.1.2) of a version, with one cipher suite, one compression method, and extensions.
fn client_hello(version: [u8; 2], suite: u16, compression: u8, extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let sized = |octets: &[u8]| [&(octets.len() as u16).to_be_bytes(), octets].concat();
    let extensions = extensions.iter().map(|(number, octets)| [&number.to_be_bytes()[..], &sized(octets)].concat());
    let extensions: Vec<u8> = extensions.flatten().collect();
    // No session is resumed.
    let mut hello = [&version[..], &[7; 32], &[0], &sized(&suite.to_be_bytes()), &[1, compression]].concat();
    if !extensions.is_empty() {
        hello.extend(sized(&extensions));
    }
    [&[22, 3, 1][..], &sized(&[&[1, 0][..], &sized(&hello)].concat())].concat()
}

fn failed_handshake(server: &MailServer) -> String {
    server.wait_for_session(session::listener("imaps").and(session::open().not())).block();
    let transcript = server.transcript().to_string();
    let why = transcript.strip_prefix("-- the TLS handshake failed: ").unwrap_or_else(|| panic!("{transcript}"));
    why.trim_end().to_owned()
}

#[test]
fn a_subaddress_reaches_its_account_on_a_closed_list() {
    let told = |separator: Option<char>| {
        let server = MailServer::builder().account("bob@example.org", "secret").subaddress_separator(separator).start();
        let rcpt = |to: &str| format!("RCPT TO:<{to}>\n");
        let all = ["bob+news@Example.org", "bob-news@example.org", "+news@example.org", "\"bob+news\"@example.org"];
        let said = talk(server.smtp().address(), &format!("EHLO x\nMAIL FROM:<>\n{}QUIT\n", all.map(rcpt).concat()));
        let codes = said.lines().skip_while(|line| !line.starts_with("250 2.1.0")).skip(1).take(4);
        codes.map(|line| line[..3].to_owned()).collect::<Vec<_>>()
    };

    assert_eq!(told(Some('+')), ["250", "550", "550", "550"]);
    assert_eq!(told(Some('-')), ["550", "250", "550", "550"]);
    assert_eq!(told(None), ["550", "550", "550", "550"]);

    let server = MailServer::builder().account("bob@example.org", "secret").start();
    let mail = server.deliver("bob+news@example.org", "Subject: news\r\n\r\n");
    assert_eq!(server.account("bob@example.org").inbox().entries()[0].message.no(), mail.no());
    assert_eq!(mail.envelope().recipients()[0].address(), "bob+news@example.org");
    let wrong = panic_of(|| drop(MailServer::builder().account("bob", "secret").account("Bob", "other")));
    assert_eq!(wrong, "there is already an account `Bob`");
    let wrong = panic_of(|| drop(MailServer::builder().subaddress_separator('x')));
    assert_eq!(wrong, "'x' is not a valid sub-address separator");
}

#[test]
fn addresses_and_logins_cannot_contain_line_ends() {
    let server = MailServer::builder().max_message_size(10).start();
    for wrong in ["", "bob\r\nQUIT", "bob\0"] {
        let said = panic_of(|| drop(server.account(wrong)));
        assert!(said.ends_with("is not a valid login: it must not be empty or contain control characters"), "{said}");
        let said = panic_of(|| drop(MailServer::builder().account(wrong, "secret")));
        assert!(said.contains("must not be empty or contain control characters"), "{said}");
        let said = panic_of(|| drop(server.deliver(wrong, "x")));
        assert!(said.contains("is not a valid address"), "{said}");
    }
    let said = panic_of(|| drop(server.deliver("bob@example.org", "more than ten octets")));
    assert_eq!(said, "the message has 20 octets; the limit is 10");
    assert!(server.messages().is_empty());
}
