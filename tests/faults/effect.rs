//! Steps without effect: such a firing is counted separately.

use std::time::Duration;

use super::clients::wire::After::Eof;
use super::clients::wire::Wire;
use super::{PROTOCOLS, ROWS, octets, report, scenario};
use mailjig::rules::{on, smtp};
use mailjig::{MailServer, Scenario};

/// Steps that find nothing to change. The client gets the same reply as without them.
const NOTHING: &[&str] = &[
    "[{ cut = { at = 999, close = 'rst' } }]",
    "[{ cut = { before = 'nowhere' } }]",
    "[{ edit = { find = '~^9', replace = '4' } }]",
    "[{ edit = { find = 'nowhere', drop = true } }]",
    "[{ edit = { line = 7, drop = true } }]",
    "[{ edit = { line = 7, dup = true } }]",
    "[{ edit = { below = 7, insert = 'more' } }]",
    "[{ pad = { line = 7, to = 100 } }]",
    "[{ pad = { line = 1, to = 3 } }]",
    "[{ split = [500] }]",
    "[{ pace = { chunk = 500, gap = '1ms' } }]",
    "[{ hold = true }]",
    "[{ kick = { user = 'nobody@example.org' } }]",
    // Several steps, none of which finds anything.
    "[{ edit = { line = 7, drop = true } }, { note = 'here' }, { cut = { at = 999 } }]",
];

#[test]
fn a_firing_that_finds_nothing_has_no_effect() {
    for steps in NOTHING {
        for protocol in &PROTOCOLS {
            let what = format!("{} {steps}", protocol.name);
            let server = MailServer::builder().scenario(scenario(steps, protocol)).start();
            let mut wire = Wire::greeted(&server, protocol.name, false);
            wire.say(&format!("{0}{0}", protocol.command));
            let conforming = ROWS[0].1[protocol.column];
            assert_eq!(wire.octets(2 * conforming.len()).unwrap().concat(), octets(&conforming.repeat(2)), "{what}");

            let report = report(server);
            assert!(report.contains("rule `row`  expected =1, fired 2 times, changed nothing"), "{what}: {report}");
        }
    }
}

/// Several steps, and how often their rule fired without effect: some find nothing, some do, now and later.
const SEVERAL: &[(&str, u64)] = &[
    ("[{ kick = { proto = 'pop3' } }, { kick = { proto = 'smtp' }, after = '2s' }]", 0),
    ("[{ kick = { proto = 'pop3' }, after = '1s' }, { kick = { proto = 'smtp' }, after = '2s' }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { kick = { proto = 'pop3' }, after = '1s' }]", 1),
    ("[{ kick = { proto = 'pop3' }, after = '1s' }, { kick = { proto = 'pop3' }, after = '2s' }]", 1),
    ("[{ kick = { proto = 'pop3' }, after = '1s' }, { note = 'here' }, { pass = true }]", 1),
    ("[{ kick = { proto = 'pop3' }, after = '1s' }, { reply = '250 late', after = '2s' }]", 0),
    ("[{ kick = { proto = 'smtp' }, after = '1s' }, { reply = '250 late', after = '2s' }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { set = { phase = 'down' } }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { set = { phase = 'down' }, after = '1s' }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { reply = '421 4.3.2 down' }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { raw = 'what' }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { stall = 'reply' }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { caps = { add = ['X'] } }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { pass = 'silent' }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { mailbox = { user = 'me', name = 'INBOX', uidvalidity = '+1' } }]", 0),
    ("[{ kick = { proto = 'pop3' } }, { flag = { user = 'me', mailbox = 'INBOX', all = true, add = ['X'] } }]", 1),
];

#[test]
fn a_rule_has_an_effect_if_one_of_its_steps_has_one() {
    for (steps, without_effect) in SEVERAL {
        let text = format!("mailjig = 1\n[[rule]]\nid = \"row\"\non = \"smtp.noop\"\ndo = {steps}\n");
        let server = MailServer::builder().scenario(Scenario::text("row.toml", text)).manual_clock().start();
        let mut wire = Wire::greeted(&server, "smtp", false);
        wire.say("NOOP\r\n");
        server.rule("row").wait(1).block();
        for _ in 0..2 {
            server.clock().advance(Duration::from_secs(1));
        }

        assert_eq!(server.rule("row").without_effect(), *without_effect, "{steps}");
    }
}

#[test]
fn firings_before_a_reset_do_not_count_after_it() {
    let server = MailServer::builder().manual_clock().start();
    let rule = on(smtp::rset()).pass().await_line("~^$").kick("nobody@example.org").expect(0);
    let awaiting = server.mount(rule);
    let mut wire = Wire::greeted(&server, "smtp", false);
    wire.say("RSET\r\n");
    wire.line();

    server.reset_keeping(&[mailjig::Kept::Rules]);
    wire.say("\r\nQUIT\r\n");
    while wire.read().is_ok() {}

    assert_eq!((awaiting.hits(), awaiting.without_effect()), (0, 0));
    server.verify().block();
}

/// A report without the line numbers in this file, which change.
fn without_lines(report: &str) -> String {
    let lines = report.lines().map(|line| match line.split_once("(tests/faults/effect.rs:") {
        Some((head, _)) => format!("{head}(tests/faults/effect.rs)\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// Steps of one protocol that find nothing: the event, the steps, and the client's lines.
const NOTHING_THERE: &[(&str, &str, &str)] = &[
    ("imap.fetch", "{ data = { item = 'ENVELOPE', drop = true } }", "A3 FETCH 1 FLAGS"),
    ("imap.fetch.item", "{ data = { literal = '+7' } }", "A3 FETCH 1 FLAGS"),
    ("imap.fetch", "{ data = { code = 'UIDNEXT', drop = true } }", "A3 FETCH 1 FLAGS"),
    ("imap.check", "{ expunge = { msn = 2 } }", "A3 CHECK"),
    ("imap.check", "{ expunge = { uid = 7, tell = 'now' } }", "A3 CHECK"),
    ("imap.check", "{ expunge = { mailbox = 'Empty', all = true } }", "A3 CHECK"),
    ("imap.check", "{ flag = { msn = 2, add = ['\\Seen'] } }", "A3 CHECK"),
    ("imap.check", "{ kick = { proto = 'pop3' }, after = '1s' }", "A3 CHECK"),
    // The session has ended by then.
    ("imap.check", "{ reply = '* OK late', after = '1s' }", "A3 CHECK"),
    ("imap.check", "{ caps = { add = ['LATE'] }, after = '1s' }", "A3 CHECK"),
    ("imap.check", "[{ kick = { proto = 'pop3' }, after = '1s' }, { raw = 'late', after = '1s' }]", "A3 CHECK"),
    ("pop3.list", "{ raw = 'late', after = '1s' }", "LIST"),
    ("pop3.list", "{ close = 'rst', after = '1s' }", "LIST"),
    ("pop3.list", "{ data = { listing = 2, size = '+1' } }", "LIST"),
    ("pop3.list", "{ data = { listing = 2, drop = true } }", "LIST 1"),
    ("pop3.uidl", "{ data = { listing = 2, uid = 'x' } }", "UIDL"),
];

#[test]
fn a_step_on_missing_mail_has_no_effect() {
    for (event, step, line) in NOTHING_THERE {
        let text = format!(
            "mailjig = 1\n[[mailbox]]\nname = \"INBOX\"\ngenerate = 1\n\
             [[rule]]\nid = \"row\"\non = \"{event}\"\ndo = {step}\nexpect = \">=1\"\n"
        );
        let server = MailServer::builder().scenario(Scenario::text("row.toml", text)).manual_clock().start();
        let protocol = event.split('.').next().unwrap();
        let mut wire = Wire::greeted(&server, protocol, false);
        let (login, bye) = match protocol {
            "imap" => (&["A1 LOGIN me@example.org secret", "A2 SELECT INBOX"][..], "A4 LOGOUT"),
            _ => (&["USER me@example.org", "PASS secret"][..], "QUIT"),
        };
        let lines: String = login.iter().chain([line, &bye]).map(|line| format!("{line}\r\n")).collect();
        wire.say(&lines);
        while wire.read().is_ok() {}
        server.clock().advance(Duration::from_secs(1));

        let report = report(server);
        assert!(report.contains("fired once, changed nothing"), "{event} {step}: {report}");
        let is_named = report.contains("fired, and `data` found nothing to change");
        assert_eq!(is_named, step.starts_with("{ data"), "{event} {step}: {report}");
    }
}

#[test]
fn a_report_shows_where_a_rule_had_no_effect() {
    let server = MailServer::start();
    let edited = server.mount(on(smtp::noop()).named("typo").edit("Okay", "No").expect(1..));
    let twice = on(smtp::noop()).named("twice").edit("~2", "4").edit("~9", "8").pass().expect(1..);
    let twice = server.mount(twice);
    let padded = server.mount(on(smtp::any()).named("padded").pad(1, 20).expect(4));
    server.mount(on(smtp::noop()).named("unexpected").cut(500));
    let mut wire = Wire::greeted(&server, "smtp", false);
    for line in ["NOOP", "HELO somebody.with.a.long.name.example.org", "QUIT"] {
        wire.say(&format!("{line}\r\n"));
        wire.line();
    }
    assert_eq!(wire.read(), Err(Eof));
    server.settled().block();
    assert_eq!([&edited, &twice, &padded].map(|rule| (rule.hits(), rule.without_effect())), [(1, 1), (1, 0), (4, 1)]);

    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, { insta::assert_snapshot!("a_rule_that_changed_nothing", without_lines(&report(server))); });
}

#[test]
fn a_rule_that_can_never_have_an_effect_is_not_mounted() {
    let server = MailServer::start();
    let refused = |mount: &dyn Fn()| {
        let why = std::panic::catch_unwind(std::panic::AssertUnwindSafe(mount)).unwrap_err();
        why.downcast::<String>().unwrap().replace(&format!("{}:", file!()), "faults.rs:")
    };

    let line = line!() + 1;
    let why = refused(&|| drop(server.mount(on(smtp::rcpt()).pass().cut(3))));
    let wanted = "the rule sends nothing after `cut`, so `cut` has no effect; move `cut` before `pass`";
    assert_eq!(why, format!("faults.rs:{line}: {wanted}"));
    let why = refused(&|| drop(server.mount(on(smtp::rcpt()).close().reply("451 later"))));
    assert!(
        why.contains("after `close` nothing is sent, so `reply` has no effect; move `reply` before `close`"),
        "{why}"
    );
    let why = refused(&|| drop(server.mount(on(smtp::rcpt()).pass().after(Duration::from_secs(1)))));
    assert!(why.contains("`pass` acts on the current request and cannot have `after`; remove `after`"), "{why}");
    let why = refused(&|| drop(server.mount(on(smtp::rcpt()).edit("2*", "4"))));
    assert!(why.contains("`2*` can never be found in a line"), "{why}");
    let why = refused(&|| drop(server.mount(on(smtp::message()).deliver_into("a//b").pass())));
    assert!(why.contains("\"a//b\" is not a valid mailbox name; a level of the name is empty"), "{why}");
}

#[test]
fn a_deferred_step_for_its_session_has_no_effect_once_that_has_ended() {
    for (steps, without_effect) in [
        ("{ raw = '250 late', after = '1h' }", 1),
        ("{ reply = '250 late', after = '1h' }", 1),
        ("{ close = 'rst', after = '1h' }", 1),
        ("[{ caps = { add = ['LATE'] }, after = '1h' }, { pass = true }]", 1),
        ("[{ set = { session = { phase = 'late' } }, after = '1h' }, { pass = true }]", 1),
        // These may still have an effect.
        ("[{ raw = '250 late', after = '1h' }, { set = { phase = 'late' }, after = '1h' }]", 0),
        ("[{ raw = '250 late', after = '1h' }, { kick = { proto = 'pop3' }, after = '1h' }]", 0),
    ] {
        let text = format!("mailjig = 1\n[[rule]]\nid = 'row'\non = 'smtp.helo'\ndo = {steps}\n");
        let server = MailServer::builder().scenario(Scenario::text("row.toml", text)).manual_clock().start();
        let mut staying = Wire::greeted(&server, "smtp", false);
        staying.say("HELO me\r\n");
        server.rule("row").wait(1).block();
        let mut leaving = Wire::greeted(&server, "smtp", false);
        leaving.say("HELO me\r\nQUIT\r\n");
        while leaving.read().is_ok() {}
        server.wait_for_session(mailjig::matchers::session::open().not()).block();

        assert_eq!(server.rule("row").without_effect(), without_effect, "{steps}");
    }
}

#[test]
fn a_deferred_reply_to_a_stalled_client_has_no_effect() {
    let server = MailServer::builder().manual_clock().start();
    let late = on(smtp::noop()).named("late").reply("250 late").after(Duration::from_secs(1)).pass().expect(1);
    let late = server.mount(late);
    server.mount(on(smtp::noop()).pass().stall_connection());
    let mut wire = Wire::greeted(&server, "smtp", false);
    wire.say("NOOP\r\n");
    assert_eq!(wire.line(), b"250 2.0.0 Ok\r\n");

    server.clock().advance(Duration::from_secs(1));

    assert_eq!((late.hits(), late.without_effect()), (1, 1));
    let report = report(server);
    assert!(report.contains("rule `late`  expected =1, fired once, changed nothing"), "{report}");
}

#[test]
fn a_report_names_a_deferred_step_without_effect() {
    let text = "mailjig = 1\n[[rule]]\nid = 'row'\non = 'smtp.noop'\n\
                do = [{ reply = '250 now' }, { kick = { proto = 'pop3' }, after = '1s' }]\n\
                [[rule]]\nid = 'never'\non = 'smtp.vrfy'\ndo = { note = 'here' }\nexpect = '=1'\n";
    let server = MailServer::builder().scenario(Scenario::text("row.toml", text)).manual_clock().start();
    let mut wire = Wire::greeted(&server, "smtp", false);
    for _ in 0..2 {
        wire.say("NOOP\r\n");
        assert_eq!(wire.line(), b"250 now\r\n");
    }

    server.clock().advance(Duration::from_secs(1));

    assert_eq!((server.rule("row").hits(), server.rule("row").without_effect()), (2, 0));
    let report = report(server);
    assert!(report.contains("hints: rule `row`: its `kick` never changed anything"), "{report}");
}

/// Sends a mail to two recipients, and QUIT.
fn send(server: &MailServer) {
    let mut wire = Wire::connect(server, "smtp", false);
    wire.say(
        "HELO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n",
    );
    wire.say("Subject: hi\r\n\r\n.\r\nQUIT\r\n");
    while wire.read().is_ok() {}
}

#[test]
fn mail_for_an_impossible_mailbox_goes_to_the_inbox_and_fails_verification() {
    for (deliver, why) in [
        ("{ mailbox = 'a//b' }", "no mailbox can have this name: a level of the name is empty"),
        (
            "{ mailbox = 'Junk', user = '{subject}@example.org' }",
            "the list of accounts is closed and does not contain this login",
        ),
        ("{ mailbox = 'Junk', user = '{header.X-None}' }", "a login must not be empty"),
    ] {
        for after in ["", ", after = '1s'"] {
            let text = format!(
                "mailjig = 1\n[[user]]\nname = 'ann@example.org'\n[[user]]\nname = 'bob@example.org'\n\
                 [[rule]]\nid = 'lost'\non = 'smtp.message'\n\
                 do = [ {{ deliver = {deliver}{after} }}, {{ pass = true }} ]\nexpect = '=1'\n"
            );
            let server = MailServer::builder().scenario(Scenario::text("row.toml", text)).start();

            send(&server);

            for login in ["ann@example.org", "bob@example.org"] {
                let account = server.account(login);
                assert_eq!(
                    (account.mailboxes(), account.inbox().entries().len()),
                    (vec!["INBOX".to_owned()], 1),
                    "{deliver}"
                );
            }
            let report = report(server);
            assert!(report.contains("rule `lost` failed in s1: a step could not be executed: "), "{report}");
            assert!(report.contains(why), "{report}");
            assert!(report.contains("rule `lost`  expected =1, fired once, changed nothing"), "{report}");
        }
    }
}

#[test]
fn a_rule_on_every_event_delivers_at_the_event_that_accepts_the_message() {
    for after in ["", ", after = '1s'"] {
        let text = format!(
            "mailjig = 1\n[[rule]]\nid = 'junk'\non = 'smtp.*'\n\
             do = [ {{ deliver = {{ mailbox = 'Junk' }}{after} }}, {{ pass = true }} ]\n"
        );
        let server = MailServer::builder().scenario(Scenario::text("row.toml", text)).manual_clock().start();

        send(&server);
        server.clock().advance(Duration::from_secs(1));

        for login in ["ann@example.org", "bob@example.org"] {
            let entries = |name| server.account(login).mailbox(name).entries().len();
            assert_eq!((entries("INBOX"), entries("Junk")), (0, 1), "{after}");
        }
        let junk = server.rule("junk");
        assert_eq!((junk.hits(), junk.without_effect()), (8, 7), "{after}");
        server.verify().block();
    }
}

#[test]
fn deferred_mail_does_not_recreate_a_removed_account() {
    let text = "mailjig = 1\n[[user]]\nname = 'ann@example.org'\n[[user]]\nname = 'bob@example.org'\n";
    let scenario = |text| Scenario::text("row.toml", text);
    let server = MailServer::builder().scenario(scenario(text)).manual_clock().start();
    let later = on(smtp::message()).deliver_into("Junk").after(Duration::from_secs(1)).pass();
    let later = server.mount(later);
    send(&server);

    server.scenario(&scenario("mailjig = 1\n[[user]]\nname = 'bob@example.org'\n"));
    server.clock().advance(Duration::from_secs(1));

    assert_eq!(server.account("bob@example.org").mailbox("Junk").entries().len(), 1);
    assert!(server.account("ann@example.org").mailboxes().is_empty());
    // Loading a scenario resets the counts.
    assert_eq!((later.hits(), later.without_effect()), (0, 0));
    let transcript = server.transcript().to_string();
    assert!(transcript.contains("m1 is not filed for ann@example.org: the account no longer exists"), "{transcript}");
    server.verify().block();
}

#[test]
fn a_delivery_has_an_effect_only_if_the_message_is_accepted_and_delivered_so() {
    let refusing = "[[rule]]\non = 'smtp.message'\ndo = { reply = '451 4.3.0 later' }\n";
    let elsewhere = "[[rule]]\non = 'smtp.message'\ndo = { deliver = { mailbox = 'Other' } }\n";
    for deliver in ["{ mailbox = 'Junk' }", "{ mailbox = 'Junk' }, after = '1s'", "false"] {
        for (what, most, inside, without_effect) in [
            ("accepted", 1000, "", 0),
            ("too large", 4, "", 1),
            ("refused by a rule", 1000, refusing, 1),
            ("sent elsewhere by a rule", 1000, elsewhere, 1),
        ] {
            let text = format!(
                "mailjig = 1\n[[rule]]\nid = 'row'\non = 'smtp.message'\ndo = {{ deliver = {deliver} }}\n{inside}"
            );
            let scenario = Scenario::text("row.toml", text);
            let server = MailServer::builder().scenario(scenario).max_message_size(most).manual_clock().start();

            send(&server);
            server.clock().advance(Duration::from_secs(1));

            let rule = server.rule("row");
            assert_eq!((rule.hits(), rule.without_effect()), (1, without_effect), "{deliver}, {what}");
        }
    }
}

#[test]
fn a_delivery_is_kept_while_a_line_is_awaited() {
    let server = MailServer::start();
    let rule = server.mount(on(smtp::message()).deliver_into("Junk").await_line("NOOP").pass().expect(1));
    let mut wire = Wire::connect(&server, "smtp", false);
    wire.say("HELO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\nSubject: hi\r\n\r\n.\r\n");
    wire.say("NOOP\r\nQUIT\r\n");
    while wire.read().is_ok() {}

    let account = server.account("ann@example.org");
    assert_eq!((account.mailbox("Junk").entries().len(), account.inbox().entries().len()), (1, 0));
    assert_eq!((rule.hits(), rule.without_effect()), (1, 0));
}

#[test]
fn dropped_commands_have_no_effect() {
    const MANY: usize = 1001;
    let text = "mailjig = 1\n[[rule]]\nid = 'late'\non = 'smtp.noop'\n\
                do = [{ raw = '250 late\\r\\n', after = '1s' }, { pass = true }]\n\
                [[rule]]\nid = 'busy'\non = 'smtp.rset'\ndo = [{ wait = '1h' }, { pass = true }]\n";
    let server = MailServer::builder().scenario(Scenario::text("row.toml", text)).manual_clock().start();
    let mut wire = Wire::greeted(&server, "smtp", false);
    wire.say(&format!("{}RSET\r\n", "NOOP\r\n".repeat(MANY)));
    server.rule("busy").wait(1).block();

    server.clock().advance(Duration::from_secs(1));

    server.wait_for_no_session().block();
    let late = server.rule("late");
    assert_eq!((late.hits(), late.without_effect()), (MANY as u64, MANY as u64));
    assert!(report(server).contains("rules sent more commands to this session than it could take"));
}

#[test]
fn mail_that_is_deleted_before_it_is_filed_is_reported() {
    let server = MailServer::builder().manual_clock().start();
    let later = server.mount(on(smtp::message()).deliver_into("Junk").after(Duration::from_secs(1)).pass());
    send(&server);
    server.clear();

    server.clock().advance(Duration::from_secs(1));

    assert_eq!((later.hits(), later.without_effect()), (1, 1));
}

#[test]
fn a_variable_of_an_ended_session_does_not_cancel_earlier_effects() {
    let text = "mailjig = 1\n[[rule]]\nid = 'both'\non = 'smtp.noop'\n\
                do = [{ reply = '451 later' }, { set = { session.x = 1 }, after = '5s' }]\n\
                [[rule]]\nid = 'late'\non = 'smtp.rset'\ndo = [{ set = { session.x = 1 }, after = '5s' }, { pass = true }]\n";
    let server = MailServer::builder().scenario(Scenario::text("row.toml", text)).manual_clock().start();
    let mut wire = Wire::connect(&server, "smtp", false);
    wire.say("NOOP\r\nRSET\r\nQUIT\r\n");
    while wire.read().is_ok() {}
    server.wait_for_no_session().block();

    server.clock().advance(Duration::from_secs(5));

    let counts = ["both", "late"].map(|rule| (server.rule(rule).hits(), server.rule(rule).without_effect()));
    assert_eq!(counts, [(1, 0), (1, 1)]);
}
