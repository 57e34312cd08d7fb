//! Closures in rules: as conditions, as replies, and as steps. They run outside of the lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clients::deadline::DEADLINE;
use clients::wire::After::Eof;
use clients::wire::Wire;
use mailjig::rules::{Mounted, any_protocol, imap, lmtp, mail, on, pop3, smtp, steps, tcp};
use mailjig::{Event, Kept, Listener, MailServer};

#[path = "clients/mod.rs"]
mod clients;

/// The report of a server whose verification fails.
fn report(server: MailServer) -> String {
    let why = catch_unwind(AssertUnwindSafe(|| drop(server))).unwrap_err();
    *why.downcast::<String>().unwrap()
}

/// A closure that waits until the sender is dropped or sends, at most as long as a test may.
fn gate() -> (Sender<()>, impl Fn() + Send + Sync) {
    let (open, opened): (_, Receiver<()>) = channel();
    let opened = Mutex::new(opened);
    (open, move || {
        let _opened_or_late = opened.lock().unwrap().recv_timeout(DEADLINE);
    })
}

#[test]
fn a_closure_gives_the_steps_in_every_protocol() {
    let server = MailServer::start();
    server.mount(on(any_protocol::event("noop")).run(|event| match event.event() {
        Event::SmtpNoop => steps().reply("250 from SMTP"),
        Event::ImapNoop => steps().reply_lines(["* 3 EXISTS", "OK from IMAP"]),
        Event::Pop3Noop => steps().pace(1, Duration::from_millis(1)).reply("+OK from POP3"),
        _ => steps(),
    }));

    assert_eq!(Wire::greeted(&server, "smtp", false).ask("NOOP"), "250 from SMTP");
    assert_eq!(Wire::greeted(&server, "imap", false).ask("a NOOP"), "* 3 EXISTS\r\na OK from IMAP");
    let mut wire = Wire::greeted(&server, "pop3", false);
    wire.ask("USER bob@example.org");
    wire.ask("PASS x");
    assert_eq!(wire.ask("NOOP"), "+OK from POP3");
}

#[test]
fn a_closure_knows_the_fields_the_transcript_and_the_message() {
    let server = MailServer::start();
    server.mount(on(smtp::rcpt()).once().when("rcpt", "~^(?<local>[^@]+)@").set("session.n", "+1").reply_with(
        |event| {
            assert_eq!(event.listener(), Some(Listener::Smtp));
            assert_eq!(event.field("nothing"), None);
            let field = |name: &str| event.field(name).unwrap_or_default();
            let last = event.transcript().lines().last().unwrap_or_default();
            format!("250 {} {} {} {{x}} {last}", field("from"), field("local"), field("session.n"))
        },
    ));
    // The request is performed before the closure is called, which still knows it.
    server.mount(on(smtp::message()).pass().run(|event| {
        let mail = event.message().unwrap();
        steps().note(&format!("{} from {}", mail.subject(), event.field("from").unwrap_or_default()))
    }));
    let mut wire = Wire::greeted(&server, "smtp", false);
    wire.ask("HELO c");
    wire.ask("MAIL FROM:<ann@example.org>");

    let rcpt = "RCPT TO:<bob@example.org>";
    assert_eq!(wire.ask(rcpt), format!("250 ann@example.org bob 1 {{x}} C: {rcpt}"));
    assert_eq!(wire.ask(rcpt), "250 2.1.5 Ok");
    wire.ask("DATA");
    wire.ask("Subject: hello\r\n\r\n.");
    wire.ask("NOOP");
    let transcript = server.transcript().to_string();
    assert!(transcript.contains(" notes: hello from ann@example.org\n"), "{transcript}");
}

#[test]
fn a_condition_is_asked_last_and_before_matches_count() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = MailServer::start();
    let even = server.mount(
        on(smtp::noop())
            .when("tls", "false")
            .when_fn(move |_| (count.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(2))
            .times(1)
            .reply("450 the second"),
    );
    server.mount(on(smtp::noop()).when("tls", "true").when_fn(|_| panic!("it is not asked")).reply("450 never"));
    let mut wire = Wire::greeted(&server, "smtp", false);

    let said: Vec<String> = (0..4).map(|_| wire.ask("NOOP")).collect();

    assert_eq!(said, ["250 2.0.0 Ok", "450 the second", "250 2.0.0 Ok", "250 2.0.0 Ok"]);
    assert_eq!((even.hits(), even.asked(), asked.load(Ordering::SeqCst)), (1, 4, 4));
    // Other events and other sessions do not ask.
    wire.ask("RSET");
    Wire::greeted(&server, "imap", false).ask("a NOOP");
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[test]
fn conditions_of_several_rules_are_asked_from_the_outermost_inwards() {
    let server = MailServer::start();
    server.mount(on(smtp::noop()).when_fn(|_| true).reply("250 inner"));
    server.mount(on(smtp::noop()).when_fn(|_| false).reply("250 middle"));
    server.mount(
        on(smtp::noop()).when_fn(|_| true).when_fn(|event| event.rule() == "outer").edit("250", "251").named("outer"),
    );

    assert_eq!(Wire::greeted(&server, "smtp", false).ask("NOOP"), "251 inner");
}

#[test]
fn a_panic_is_a_failure_and_the_server_works_on() {
    for is_condition in [true, false] {
        let server = MailServer::start();
        let rule = on(smtp::noop()).named("breaks");
        server.mount(match is_condition {
            true => rule.when_fn(|_| panic!("a mistake in the condition")).reply("450 no"),
            false => rule.run(|_| panic!("a mistake in the closure")).reply("450 no"),
        });
        let mut wire = Wire::greeted(&server, "smtp", false);

        assert_eq!(wire.ask("NOOP"), "250 2.0.0 Ok");

        assert_eq!(wire.ask("RSET"), "250 2.0.0 Ok");
        assert_eq!(Wire::greeted(&server, "smtp", false).ask("RSET"), "250 2.0.0 Ok");
        let report = report(server);
        let what = if is_condition { "condition" } else { "closure" };
        assert!(report.contains("rule `breaks`"), "{report}");
        assert!(report.contains(&format!("it panicked: a mistake in the {what}")), "{report}");
        assert!(report.contains("asked the closure at tests/closures.rs:"), "{report}");
    }
}

#[test]
fn an_invalid_answer_is_a_failure() {
    for (answer, why) in [
        (steps().reply("later"), "`later` does not begin with a reply code"),
        (steps().pass(), "the rule has passed before"),
        (steps().reply("450 no").cut(3), "sends nothing after `cut`"),
        (steps().reply("250 {unknown}"), "`{unknown}` is neither a field nor a named group"),
    ] {
        let server = MailServer::start();
        server.mount(on(smtp::noop()).pass().run(move |_| answer.clone()));

        let mut wire = Wire::greeted(&server, "smtp", false);
        assert_eq!(wire.ask("NOOP"), "250 2.0.0 Ok");
        assert_eq!(wire.ask("RSET"), "250 2.0.0 Ok");

        let report = report(server);
        assert!(report.contains(why), "{why}: {report}");
    }
}

#[test]
fn a_closure_that_takes_too_long_is_left_alone() {
    let (open, wait) = gate();
    let server = MailServer::start();
    let limit = Duration::from_millis(20);
    server.mount(on(smtp::noop()).run_within(limit, move |_| {
        wait();
        steps().reply("450 too late")
    }));
    let mut wire = Wire::greeted(&server, "smtp", false);

    assert_eq!(wire.ask("NOOP"), "250 2.0.0 Ok");

    assert_eq!(wire.ask("RSET"), "250 2.0.0 Ok");
    drop(open);
    let report = report(server);
    assert!(report.contains("there was no answer within 20ms"), "{report}");
}

#[test]
fn a_closure_may_use_the_server() {
    let server = Arc::new(MailServer::start());
    server.clock().pause();
    let inner = Arc::downgrade(&server);
    server.mount(on(imap::noop()).once().run(move |_| {
        let server = inner.upgrade().unwrap();
        server.clock().advance(Duration::from_secs(60));
        server.mount(on(imap::noop()).reply("NO a rule of the closure"));
        let mut other = Wire::greeted(&server, "imap", false);
        let said = other.ask("b NOOP");
        steps().reply(&format!("OK {said}"))
    }));

    assert_eq!(Wire::greeted(&server, "imap", false).ask("a NOOP"), "a OK b NO a rule of the closure");
}

#[test]
fn the_server_works_while_a_closure_runs() {
    let (open, wait) = gate();
    let server = MailServer::start();
    server.clock().pause();
    let slow = server.mount(on(smtp::noop()).run_within(DEADLINE, move |_| {
        wait();
        steps().reply("250 at last")
    }));
    let mut waiting = Wire::greeted(&server, "smtp", false);
    waiting.say("NOOP\r\nRSET\r\n");
    slow.wait(1).block();

    assert_eq!(Wire::greeted(&server, "smtp", false).ask("RSET"), "250 2.0.0 Ok");
    server.clock().advance(Duration::from_secs(60));
    open.send(()).unwrap();

    let said = waiting.octets("250 at last\r\n250 2.0.0 Ok\r\n".len()).unwrap().concat();
    assert_eq!(String::from_utf8_lossy(&said), "250 at last\r\n250 2.0.0 Ok\r\n");
}

#[test]
fn the_answer_to_a_rule_that_is_gone_is_not_used() {
    type Change = fn(&MailServer, &Mounted);
    let changes: [(&str, Change); 3] = [
        ("removed", |_, slow| assert!(slow.unmount())),
        ("reset without it", |server, _| drop(server.reset_keeping(&[Kept::Sessions]))),
        ("reset with it", |server, _| drop(server.reset_keeping(&[Kept::Sessions, Kept::Rules]))),
    ];
    for (how, change) in changes {
        for is_condition in [false, true] {
            let (open, wait) = gate();
            let (asked, began) = channel();
            let server = MailServer::start();
            let inner = server.mount(on(smtp::noop()).reply("250 inner"));
            let answer = move || {
                asked.send(()).unwrap();
                wait();
            };
            let rule = on(smtp::noop()).named("slow");
            let slow = server.mount(match is_condition {
                true => rule
                    .when_fn(move |_| {
                        answer();
                        true
                    })
                    .reply("450 too late"),
                false => rule.run_within(DEADLINE, move |_| {
                    answer();
                    steps().reply("450 too late")
                }),
            });
            let mut waiting = Wire::greeted(&server, "smtp", false);
            waiting.say("NOOP\r\n");
            began.recv_timeout(DEADLINE).unwrap();

            change(&server, &slow);
            open.send(()).unwrap();

            assert_eq!(waiting.line(), b"250 2.0.0 Ok\r\n", "{how}");
            let note =
                "-- rule `slow` notes: it was removed, replaced or reset before the answer came, which is not used\n";
            let transcript = server.transcript().to_string();
            assert!(transcript.contains(note), "{how}\n{transcript}");
            match how {
                "removed" => assert_eq!(inner.hits(), 0),
                "reset with it" => assert_eq!((inner.hits(), slow.hits(), slow.asked()), (0, 0, 0)),
                _ => {}
            }
            server.verify().block();
        }
    }
}

#[test]
fn the_steps_of_an_answer_are_those_of_a_rule() {
    let server = MailServer::start();
    server.clock().pause();
    server.account("bob@example.org").inbox().generate(1);
    // A line is awaited, a variable is set, output is shaped, and a step comes later.
    server.mount(on(smtp::noop()).run(|event| {
        let name = event.field("line").unwrap_or_default();
        let answer =
            steps().set("asked", &name).reply("354 go").await_line_or("~^(?<said>y.*)$", steps().reply("550 no"));
        answer
            .reply("250 {said} {state.asked}")
            .eol_lf()
            .raw(r"!\r\n")
            .reply("421 later")
            .after(Duration::from_secs(60))
    }));
    server.mount(on(smtp::message()).run(|_| steps().deliver_into("Archive")));
    server.mount(on(imap::fetch()).run(|_| steps().drop_item("FLAGS").pass()));

    let mut wire = Wire::greeted(&server, "smtp", false);
    assert_eq!(wire.ask("NOOP"), "354 go");
    assert_eq!(wire.ask("yes"), "250 yes NOOP\r\n!");
    server.clock().advance(Duration::from_secs(60));
    assert_eq!(wire.line(), b"421 later\r\n");
    assert_eq!(wire.ask("NOOP"), "354 go");
    assert_eq!(wire.ask("no"), "550 no");
    for line in ["HELO c", "MAIL FROM:<>", "RCPT TO:<bob@example.org>", "DATA", "Subject: x\r\n\r\n."] {
        assert!(wire.ask(line).starts_with(['2', '3']));
    }
    let bob = server.account("bob@example.org");
    assert_eq!((bob.inbox().entries().len(), bob.mailbox("Archive").entries().len()), (1, 1));

    let mut wire = Wire::greeted(&server, "imap", false);
    wire.ask("a LOGIN bob@example.org x");
    wire.say("b SELECT INBOX\r\nc FETCH 1 (UID FLAGS)\r\n");
    let mut said = String::new();
    while !said.contains("c OK ") {
        said += &String::from_utf8(wire.line()).unwrap();
    }
    assert!(said.contains("* 1 FETCH (UID 1)\r\n"), "{said}");
}

#[test]
fn a_server_stops_although_a_closure_runs() {
    let (open, wait) = gate();
    let server = MailServer::start();
    let slow = server.mount(on(smtp::noop()).run_within(DEADLINE, move |_| {
        wait();
        steps()
    }));
    let mut waiting = Wire::greeted(&server, "smtp", false);
    waiting.say("NOOP\r\n");
    slow.wait(1).block();

    drop(server);

    assert_eq!(waiting.read(), Err(Eof));
    drop(open);
}

#[test]
fn what_follows_the_reply_is_kept_while_a_closure_runs() {
    let server = MailServer::start();
    server.account("bob@example.org").inbox().generate(2);
    server.mount(on(smtp::quit()).pass().run(|_| steps()));
    server.mount(on(imap::fetch_item()).pass().run(|_| steps()));
    let mut wire = Wire::greeted(&server, "smtp", false);
    assert!(wire.ask("QUIT").starts_with("221 "));
    assert_eq!(wire.read(), Err(Eof));

    let mut wire = Wire::greeted(&server, "imap", false);
    wire.ask("a LOGIN bob@example.org x");
    wire.say("b SELECT INBOX\r\nc FETCH 1:2 UID\r\n");
    let mut said = Vec::new();
    while !said.windows(5).any(|its| its == b"c OK ") {
        said.extend(wire.line());
    }
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\nc OK"), "{said}");
}

#[test]
fn a_closure_decides_about_a_connection() {
    let server = MailServer::start();
    server.mount(
        on(tcp::accept()).when_fn(|event| event.field("conn").as_deref() == Some("2")).raw(r"554 no\r\n").close(),
    );

    assert_eq!(Wire::greeted(&server, "smtp", false).ask("NOOP"), "250 2.0.0 Ok");

    let mut refused = Wire::connect(&server, "smtp", false);
    assert_eq!(refused.line(), b"554 no\r\n");
    assert_eq!(refused.read(), Err(Eof));
    server.mount(on(tcp::accept()).run(|_| steps().raw(r"220 early\r\n")));
    assert!(Wire::connect(&server, "smtp", false).line().starts_with(b"220 early\r\n"));
}

#[test]
fn a_closure_decides_about_a_greeting_and_about_news() {
    let server = MailServer::start();
    server.mount(on(pop3::greeting()).run(|_| steps().reply("+OK <1@closure.example>")));
    server.mount(on(imap::push()).run(|event| steps().raw(r"* OK [ALERT] news\r\n").note(event.event().name())));

    assert_eq!(Wire::connect(&server, "pop3", false).line(), b"+OK <1@closure.example>\r\n");
    let mut wire = Wire::greeted(&server, "imap", false);
    wire.ask("a LOGIN bob@example.org x");
    wire.say("b SELECT INBOX\r\nc IDLE\r\n");
    let mut said = String::new();
    while !said.ends_with("+ idling\r\n") {
        said += &String::from_utf8(wire.line()).unwrap();
    }
    server.deliver("bob@example.org", "Subject: x\r\n\r\n");
    assert_eq!(wire.line(), b"* OK [ALERT] news\r\n");
}

#[test]
fn lmtp_asks_for_each_recipient() {
    let server = MailServer::start();
    server.mount(on(lmtp::delivery()).run(|event| match event.field("rcpt").as_deref() {
        Some("ann@example.org") => steps().reply("452 4.2.2 Full"),
        _ => steps().pass(),
    }));
    let mut wire = Wire::greeted(&server, "lmtp", false);
    wire.ask("LHLO c");
    wire.ask("MAIL FROM:<>");
    wire.ask("RCPT TO:<ann@example.org>");
    wire.ask("RCPT TO:<bob@example.org>");
    wire.ask("DATA");
    let mut said = wire.ask("Subject: x\r\n\r\n.");
    while said.matches(" 2").count() + said.matches("\n2").count() == 0 {
        said += &String::from_utf8(wire.line()).unwrap();
    }
    assert!(said.starts_with("452 4.2.2 Full"), "{said}");
}

#[test]
fn a_closure_cannot_decide_where_no_client_waits() {
    let server = MailServer::start();
    let refused = |mount: &dyn Fn()| *catch_unwind(AssertUnwindSafe(mount)).unwrap_err().downcast::<String>().unwrap();

    let why = refused(&|| drop(server.mount(on(mail::delivered()).when_fn(|_| true).note("x"))));
    assert!(why.contains("a closure cannot decide at `mail.delivered`"), "{why}");
    let why = refused(&|| drop(server.mount(on(mail::delivered()).run(|_| steps()))));
    assert!(why.contains("`ask` is not possible at `mail.delivered`"), "{why}");
}

#[test]
fn a_report_says_that_a_closure_declined() {
    let server = MailServer::start();
    server.mount(on(pop3::user()).when_fn(|_| false).reply("-ERR no").expect(1).named("declines"));
    Wire::greeted(&server, "pop3", false).ask("USER bob@example.org");

    let report = report(server);

    assert!(report.contains("the closure in its conditions did not return true"), "{report}");
}
