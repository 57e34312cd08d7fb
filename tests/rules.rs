//! Rules in Rust: mounting, counting, removing, verifying and reporting.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use clients::deadline::{DEADLINE, until};
use clients::wire::After::{Eof, Refused, Reset};
use clients::wire::Wire;
use mailjig::matchers::to;
use mailjig::rules::{any_protocol, imap, on, pop3, smtp, timer, tls};
use mailjig::{Certificate, Kept, MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

fn select(wire: &mut Wire) {
    answer(wire, "A2 SELECT INBOX", "A2 OK");
}

/// Sends a line, and reads until a line begins with `end`.
fn answer(wire: &mut Wire, line: &str, end: &str) {
    wire.say(&format!("{line}\r\n"));
    let (mut answer, end) = (b"\n".to_vec(), format!("\n{end}"));
    while !answer.ends_with(b"\r\n") || !answer.windows(end.len()).any(|its| its == end.as_bytes()) {
        answer.extend(wire.line());
    }
}

/// Disconnects the client, and waits until the server knows it.
fn gone(server: &MailServer, client: Wire) {
    drop(client);
    server.wait_for_session(mailjig::matchers::session::open().not()).block();
}

/// A report without the line numbers in this file, which change.
fn without_lines(report: &str) -> String {
    let mut parts = report.split("tests/rules.rs:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "tests/rules.rs:LINE" + part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':')
    })
}

fn text(why: Box<dyn std::any::Any + Send>) -> String {
    *why.downcast::<String>().unwrap()
}

#[test]
fn a_failure_is_marked_where_it_happened() {
    let server = MailServer::start();
    server.mount(on(smtp::noop()).fail("NOOP came"));
    let mut client = Wire::greeted(&server, "smtp", false);
    for line in ["HELO me", "NOOP", "RSET", "MAIL FROM:<a@example.org>", "RSET", "QUIT"] {
        client.ask(line);
    }
    gone(&server, client);

    let report = report(server);
    let marked = report.lines().position(|line| line.contains('←')).unwrap_or_else(|| panic!("no mark: {report}"));
    let lines: Vec<&str> = report.lines().collect();
    assert!(lines[marked - 1].contains("NOOP") && lines[marked].contains("NOOP came"), "{report}");
}

#[test]
fn each_failure_of_a_session_is_marked_where_it_happened() {
    let server = MailServer::start();
    server.mount(on(smtp::noop()).fail("NOOP came"));
    server.mount(on(smtp::data()).fail("DATA came"));
    server.mount(on(smtp::data()).fail("it came at all"));
    let mut client = Wire::greeted(&server, "smtp", false);
    let between = ["RSET"; 12];
    for line in ["HELO me", "NOOP"].iter().chain(&between).chain(&["NOOP", "DATA", "QUIT"]) {
        client.ask(line);
    }
    gone(&server, client);

    let report = report(server);
    let window: Vec<&str> = report.lines().skip_while(|line| !line.contains("127.0.0.1 → smtp")).collect();
    let marked: Vec<(&str, &str)> = (1..window.len())
        .filter_map(|at| Some((window[at - 1].split("  C  ").nth(1)?.trim_end(), window[at].split_once('←')?.1)))
        .collect();
    assert_eq!(
        marked,
        [("NOOP", " NOOP came"), ("NOOP", " NOOP came"), ("DATA", " it came at all; DATA came")],
        "{report}"
    );
    assert_eq!(window.iter().filter(|line| line.trim() == "…").count(), 1, "{report}");
    assert_eq!(window.iter().filter(|line| line.contains("C  RSET")).count(), 3, "{report}");
}

#[test]
fn the_groups_of_an_edit_are_in_its_replacement() {
    const TEXT: &str = r#"
        mailjig = 1
        [[rule]]
        on = "smtp.helo"
        do = { edit = { find = '~(?<code>\d+) (?<host>\S+)', replace = "{code} <{host|upper}> for {arg}{{" } }
        [[rule]]
        on = "smtp.rset"
        do = [ { edit = { find = "~ (?<rest>.+)$", replace = "   {rest}" } }, { raw = '250 \xff x\r\n' } ]
    "#;
    let server = MailServer::builder().scenario(Scenario::text("groups.toml", TEXT)).start();
    let mut client = Wire::greeted(&server, "smtp", false);

    assert_eq!(client.ask("HELO me"), "250 <LOCALHOST> for me{");
    client.say("RSET\r\n");
    assert_eq!(client.line(), b"250   \xff x\r\n");

    let other = "mailjig = 1\n[[rule]]\non = \"smtp.noop\"\ndo = [ { edit = { find = '~(?<a>.)', replace = '{a}' } }, { note = \"{a}\" } ]";
    let error = Scenario::text("other.toml", other).check().unwrap_err().to_string();
    assert!(error.contains("`{a}` is neither a field nor a named group"), "{error}");
}

#[test]
fn a_rule_applies_from_its_mounting_until_its_removal() {
    let server = MailServer::start();
    let mut client = Wire::greeted(&server, "smtp", false);
    let full = server.mount(on(smtp::rcpt()).to("*@full.example").reply("452 4.2.2 Mailbox full").times(2));

    client.ask("HELO me");
    client.ask("MAIL FROM:<a@example.org>");
    let mut rcpt = |to: &str| client.ask(&format!("RCPT TO:<{to}>"));
    assert_eq!(rcpt("x@FULL.example"), "452 4.2.2 Mailbox full");
    assert_eq!(rcpt("x@other.example"), "250 2.1.5 Ok");
    assert_eq!(rcpt("y@full.example"), "452 4.2.2 Mailbox full");
    assert_eq!(rcpt("z@full.example"), "250 2.1.5 Ok");
    assert_eq!(full.hits(), 2);

    {
        let _guard = server.mount(on(smtp::rcpt()).reply("550 5.1.1 nobody")).scoped();
        assert_eq!(rcpt("x@other.example"), "550 5.1.1 nobody");
    }
    assert_eq!(rcpt("x@other.example"), "250 2.1.5 Ok");
    let never = server.mount(on(smtp::rcpt()).reply("550 5.1.1 nobody"));
    assert!(never.unmount() && !never.unmount());
    assert_eq!(rcpt("x@other.example"), "250 2.1.5 Ok");
}

#[test]
fn matches_are_counted_by_per() {
    let server = MailServer::start();
    let each = server.mount(on(smtp::noop()).reply("451 4.3.0 later").per("conn").once());
    for _ in 0..2 {
        let mut client = Wire::greeted(&server, "smtp", false);
        assert_eq!(client.ask("NOOP"), "451 4.3.0 later");
        assert_eq!(client.ask("NOOP"), "250 2.0.0 Ok");
    }
    assert_eq!(each.hits(), 2);
}

#[test]
fn a_test_can_wait_until_a_rule_has_fired_several_times() {
    let server = MailServer::start();
    let busy = server.mount(on(smtp::noop()).named("busy").reply("451 4.3.0 later")).scoped();
    let mut client = Wire::greeted(&server, "smtp", false);
    client.say("NOOP\r\n");
    busy.wait(1).block();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| busy.wait(3).block());
        client.say("NOOP\r\nNOOP\r\n");
        waiting.join().unwrap();
    });
    assert_eq!((busy.hits(), server.fired("busy"), server.rule("busy").hits()), (3, 3, 3));

    // The timer's event makes no record if no session is kicked.
    let moment = server.mount(on(timer()).at(Duration::from_millis(1)).kick("nobody@example.org"));
    moment.wait(1).block();
}

#[test]
fn a_wait_for_a_rule_that_does_not_fire_ends_with_a_report() {
    let server = MailServer::start();
    let busy = server.mount(on(smtp::rcpt()).named("busy").to("bob@example.org").reply("450 4.2.1 busy"));
    let mut client = Wire::greeted(&server, "smtp", false);
    for line in ["HELO me", "MAIL FROM:<a@example.org>", "RCPT TO:<bob@example.org>", "RCPT TO:<rob@example.org>"] {
        client.ask(line);
    }
    let failed = |wait: &dyn Fn()| text(std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait)).unwrap_err());

    let report = failed(&|| busy.wait(2).within(Duration::from_millis(1)).block());
    insta::assert_snapshot!(without_lines(&report));
    assert!(busy.unmount());
    let report = failed(&|| assert!(pin!(busy.wait(2)).poll(&mut Context::from_waker(Waker::noop())).is_pending()));
    assert!(report.ends_with("the rule was removed before it fired that often"), "{report}");
}

#[test]
fn the_panic_for_an_unknown_rule_lists_the_known_rules() {
    let server = with(&rule("smtp.rcpt", "{ reply = '452 4.2.2 full' }"));
    server.mount(on(smtp::noop()).named("busy").reply("451 4.3.0 later"));
    let failed = |id: &str| {
        let look = std::panic::AssertUnwindSafe(|| server.fired(id));
        text(std::panic::catch_unwind(look).unwrap_err())
    };

    assert_eq!(failed("bussy"), "unknown rule `bussy`; did you mean `busy`?");
    assert_eq!(failed("x"), "unknown rule `x`; there are: busy, rule-1");
}

#[test]
fn rules_wrap_each_other_the_newest_outside() {
    let server = MailServer::start();
    server.mount(on(smtp::noop()).pass_with("250 inner"));
    server.mount(on(smtp::noop()).edit("inner", "outer {verb}"));
    server.mount(on(any_protocol::command()).note("{line}"));

    assert_eq!(Wire::greeted(&server, "smtp", false).ask("NOOP"), "250 outer NOOP");
    assert!(server.transcript().to_string().contains("notes: NOOP"), "{}", server.transcript());
}

#[test]
fn a_reply_may_differ_from_what_was_done() {
    let server = MailServer::start();
    server.mount(on(imap::store()).pass_silently().reply("NO never"));
    let inbox = server.account("me@example.org").inbox();
    inbox.generate(1);
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("A1 LOGIN me@example.org secret");
    select(&mut client);

    assert_eq!(client.ask(r"A3 STORE 1 +FLAGS (\Flagged)"), "A3 NO never");
    assert_eq!(inbox.entries()[0].flags, [r"\Flagged"]);

    let lost = server.mount(on(smtp::message()).lose());
    let mut client = Wire::greeted(&server, "smtp", false);
    for line in ["HELO me", "MAIL FROM:<a@example.org>", "RCPT TO:<me@example.org>", "DATA"] {
        client.ask(line);
    }
    assert!(client.ask("Subject: lost\r\n\r\n.").starts_with("250 "));
    assert_eq!((lost.hits(), server.messages().len(), inbox.entries().len()), (1, 1, 1));
}

#[test]
fn an_await_reads_the_line_that_follows() {
    let server = MailServer::start();
    let challenge =
        on(pop3::event("noop")).reply("+ prove it").await_line("~^(?<answer>[a-z]+)$").reply("-ERR {answer} is wrong");
    server.mount(challenge);
    let mut client = Wire::greeted(&server, "pop3", false);

    assert_eq!(client.ask("NOOP"), "+ prove it");
    assert_eq!(client.ask("secret"), "-ERR secret is wrong");
    assert!(client.ask("CAPA").starts_with("+OK"));
}

#[test]
fn an_awaited_line_that_does_not_match_has_steps_of_its_own() {
    let server = MailServer::builder()
        .scenario(Scenario::text(
            "else.toml",
            r#"
        mailjig = 1
        [[rule]]
        id = "challenge"
        on = "*.noop"
        do = [
          { raw = "+ one\r\n" },
          { await = { line = '~^(?<first>yes)$', else = [
            { raw = "+ two\r\n" },
            { await = { line = '~^(?<second>perhaps) .*$', else = [{ raw = "+ neither\r\n" }] } },
            { note = "{line} {second}" },
            { raw = "+ {second}\r\n" },
          ] } },
          { wait = "0s" },
          { raw = "+ {first}\r\n" },
        ]
        expect = "=3"
    "#,
        ))
        .start();
    let mut client = Wire::greeted(&server, "smtp", false);

    assert_eq!((client.ask("NOOP"), client.ask("yes")), ("+ one".into(), "+ yes".into()));
    assert_eq!((client.ask("NOOP"), client.ask("no")), ("+ one".into(), "+ two".into()));
    assert_eq!(client.ask("perhaps not"), "+ perhaps");
    assert_eq!((client.ask("NOOP"), client.ask("no")), ("+ one".into(), "+ two".into()));
    assert_eq!(client.ask("no"), "+ neither");
    server.verify().block();
}

#[test]
fn a_test_controls_server_time() {
    let server = MailServer::builder().manual_clock().start();
    server.mount(on(smtp::noop()).wait(Duration::from_secs(3600)));
    server.mount(on(smtp::rset()).pass().reply("421 late").after(Duration::from_secs(60)));
    let mut client = Wire::greeted(&server, "smtp", false);

    client.say("NOOP\r\n");
    until("the server has read it", || server.transcript().to_string().contains("NOOP"));
    server.clock().advance(Duration::from_secs(3599));
    assert!(client.is_silent());
    server.clock().advance(Duration::from_secs(1));
    assert_eq!(client.line(), b"250 2.0.0 Ok\r\n");

    assert_eq!(client.ask("RSET"), "250 2.0.0 Ok");
    server.clock().advance(Duration::from_secs(60));
    assert_eq!(client.line(), b"421 late\r\n");
}

#[test]
fn a_deferred_increment_uses_the_value_when_it_is_due() {
    let server = MailServer::builder().manual_clock().start();
    server.mount(on(smtp::noop()).set("tries", "+1").after(Duration::from_secs(1)));
    server.mount(on(smtp::rset()).reply("250 {state.tries}"));
    let mut client = Wire::greeted(&server, "smtp", false);
    for _ in 0..2 {
        assert_eq!(client.ask("NOOP"), "250 2.0.0 Ok");
    }

    server.clock().advance(Duration::from_secs(1));

    assert_eq!(client.ask("RSET"), "250 2");
}

#[test]
fn a_rule_knows_how_long_ago_it_matched_first() {
    let server = MailServer::builder()
        .scenario(Scenario::text(
            "test.toml",
            "mailjig = 1\n[[rule]]\non = 'smtp.noop'\nwhen = { since.first = '<5m' }\ndo = { reply = '451 {since.first}' }\n",
        ))
        .manual_clock()
        .start();
    let mut client = Wire::greeted(&server, "smtp", false);
    server.clock().advance(Duration::from_secs(60));

    assert_eq!(client.ask("NOOP"), "451 0");
    server.clock().advance(Duration::from_secs(299));
    assert_eq!(client.ask("NOOP"), "451 299000000");
    server.clock().advance(Duration::from_secs(1));
    assert_eq!(client.ask("NOOP"), "250 2.0.0 Ok");
}

#[test]
fn a_connection_ends_as_a_rule_says() {
    let server = MailServer::start();
    server.mount(on(imap::push()).cut(4).reset().once());
    server.account("me@example.org").inbox().generate(1);
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("A1 LOGIN me@example.org secret");
    select(&mut client);
    assert_eq!(client.ask("A3 IDLE"), "+ idling");
    server.account("me@example.org").inbox().generate(1);
    assert_eq!(client.octets(4).unwrap().concat(), b"* 2 ");
    assert_eq!(client.read(), Err(Reset));

    server.mount(on(mailjig::rules::tcp::accept()).close().once());
    assert_eq!(Wire::connect(&server, "smtp", false).read(), Err(Eof));
    server.mount(on(tls::hello()).alert("handshake_failure").once());
    assert_eq!(Wire::connect(&server, "smtp", true).read(), Err(Refused));
    let mut good = Wire::connect(&server, "smtp", true);
    assert!(good.line().starts_with(b"220 "));
}

#[test]
fn an_impossible_rule_is_refused_when_it_is_mounted() {
    let server = MailServer::start();
    let refused = |mount: &dyn Fn()| text(std::panic::catch_unwind(std::panic::AssertUnwindSafe(mount)).unwrap_err());

    let why = refused(&|| drop(server.mount(on(smtp::noop()).to("bob@example.org").pass())));
    assert!(why.contains("the field `rcpt` does not exist at `smtp.noop`"), "{why}");
    let why = refused(&|| drop(server.mount(on(smtp::noop()).reply("later"))));
    assert!(why.contains("`later` does not begin with a reply code of three digits"), "{why}");
}

#[test]
fn the_panic_for_an_unknown_word_suggests_the_nearest_and_names_the_tests_line() {
    let lines = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let failed = |build: fn()| {
        let lines = std::sync::Arc::clone(&lines);
        let before = std::panic::take_hook();
        let me = std::thread::current().id();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == me {
                lines.lock().unwrap().push(info.location().unwrap().file().to_owned());
            }
        }));
        let why = std::panic::catch_unwind(build).unwrap_err();
        std::panic::set_hook(before);
        why.downcast_ref::<String>()
            .cloned()
            .or_else(|| why.downcast_ref::<&str>().map(|why| (*why).to_owned()))
            .unwrap()
    };

    for (build, wanted) in [
        (|| drop(on(smtp::noop()).when("rctp", "x")), "unknown field `rctp`; did you mean `rcpt`?"),
        (
            || drop(on(smtp::mail()).when("sent", "many")),
            "`many` is not a number; write `3`, `>=3`, `<10`, or a size such as `>10MB`",
        ),
        (|| drop(on(smtp::mail()).per("rcpt")), "unknown `per` value `rcpt`; did you mean `{rcpt}`?"),
        (
            || drop(on(smtp::mail()).nth("third")),
            "`third` is not a valid `nth`; write `2`, `2-4`, `3+`, `every 5` or `1,4,9`, or one of these after `not`",
        ),
        (|| drop(on(smtp::event("nop"))), "unknown event `smtp.nop`; did you mean `smtp.noop`?"),
        (
            || drop(on(tls::hello()).alert("handshake_fail")),
            "unknown alert `handshake_fail`; did you mean `handshake_failure`?",
        ),
        (|| drop(on(smtp::mail()).times(0)), "with `times(0)` the rule never fires"),
        (|| drop(on(smtp::mail()).chance(2.0)), "`2` is not a probability between 0 and 1"),
        (|| drop(on(smtp::mail()).reply("250 {")), "250 {: unmatched `{`; write `{{` for a brace"),
        (|| drop(on(smtp::mail()).reply_lines(["250 {"])), "250 {: unmatched `{`; write `{{` for a brace"),
        (
            || drop(on(smtp::mail()).raw("\\q")),
            "\\q: a backslash must be followed by r, n, t, 0, x with two digits, or a backslash",
        ),
    ] as [(fn(), &str); 11]
    {
        assert_eq!(failed(build), wanted);
    }
    assert_eq!(*lines.lock().unwrap(), [file!(); 11]);
}

#[test]
fn the_same_rule_is_written_in_a_file() {
    let rule = on(smtp::rcpt()).named("full").to("*@full.example").times(2).reply("452 4.2.2 Mailbox full").expect(1..);
    insta::assert_snapshot!(rule.to_toml(), @r#"
    [[rule]]
    id = "full"
    on = "smtp.rcpt"
    when = { rcpt = "*@full.example" }
    times = 2
    do = [{ reply = "452 4.2.2 Mailbox full" }]
    expect = ">=1"
    "#);
    let text = format!("mailjig = 1\n{}", rule.to_toml());
    Scenario::text("again.toml", text).check().unwrap();
}

/// The report of a server that is dropped.
fn report(server: MailServer) -> String {
    text(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server))).unwrap_err())
}

#[test]
fn a_rule_that_was_not_met_says_why() {
    let server = MailServer::builder()
        .scenario(Scenario::named("smtp-partial-rcpt").set("unknown", "~^nobody@").seed(7))
        .start();
    let line = line!() + 1;
    server.mount(on(smtp::rcpt()).named("shadow").to("nobody@example.org").reply("451 4.3.0 later"));
    let mut client = Wire::greeted(&server, "smtp", false);
    client.ask("HELO me");
    client.ask("MAIL FROM:<a@example.org>");
    client.ask("RCPT TO:<Nobody.Else@example.org>");
    client.ask("RCPT TO:<nobody@example.org>");
    assert_eq!(client.ask("QUIT"), "221 2.0.0 Bye");
    assert_eq!(client.read(), Err(Eof));
    gone(&server, client);

    insta::assert_snapshot!(report(server).replace(&format!("tests/rules.rs:{line}"), "tests/rules.rs:LINE"));
}

#[test]
fn a_fail_step_is_reported_at_once() {
    let server = MailServer::builder().scenario(Scenario::named("starttls-stripped")).start();
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("A1 LOGIN me@example.org secret");
    gone(&server, client);

    insta::assert_snapshot!(report(server));
}

#[test]
fn an_expectation_for_each_value_reports_an_event_that_never_came() {
    let server = with(
        "[[expect]]\nid = 'once each'\nevent = 'smtp.message'\nsame = 'header.Message-ID'\ncount = '=1'\n\
         [[expect]]\nid = 'never twice'\nevent = 'smtp.message'\nsame = 'header.Message-ID'\ncount = '<=1'\n",
    );

    let report = report(server);

    assert!(report.contains("✗ expect `once each`  expected =1, got 0"), "{report}");
    assert!(report.contains("1. smtp.message\n         `smtp.message` never came\n"), "{report}");
    assert!(report.contains("✓ expect `never twice`   <=1 each, got none"), "{report}");
}

#[test]
fn a_uidvalidity_that_cannot_be_is_a_failure() {
    let server = with(&format!(
        "[[mailbox]]\nname = 'INBOX'\nuidvalidity = 1\n{}",
        rule("imap.noop", "{ mailbox = { user = 'me@example.org', uidvalidity = '-1' } }")
    ));
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("a LOGIN me@example.org secret");
    client.ask("b NOOP");
    client.ask("c STATUS INBOX (UIDVALIDITY)");
    assert!(server.transcript().to_string().contains("STATUS INBOX (UIDVALIDITY 1)"), "{}", server.transcript());
    gone(&server, client);

    let report = report(server);

    assert!(report.contains("a step could not be executed: UIDVALIDITY cannot become 0"), "{report}");
}

#[test]
fn no_report_has_a_password() {
    let same = "mailjig = 1\n[[expect]]\nevent = 'imap.login'\nsame = 'line'\ncount = '=2'\n\
                [[expect]]\nid = 'met'\nevent = 'imap.login'\nsame = 'line'\ncount = '=1'\n";
    let server = MailServer::builder().account("bob", "hunter2").scenario(Scenario::text("same.toml", same)).start();
    server.mount(on(imap::login()).named("third").nth("3").reply("NO later").expect(1));
    for field in ["line", "arg"] {
        server.mount(on(imap::login()).named(field).when(field, "~nobody").reply("NO").expect(1));
    }
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("a LOGIN bob \"hunter2 hunter2\"");
    client.ask("b LOGIN bob hunter2 ");
    let wait = server.wait_for(to("bob")).within(Duration::ZERO);
    let waited = text(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait.block())).unwrap_err());
    gone(&server, client);
    let report = report(server);

    assert!(waited.contains("s1 a LOGIN bob *** → a NO"), "{waited}");
    assert!(report.contains("C  b LOGIN bob ***\n"), "{report}");
    assert!(report.contains("line  wanted ~nobody  got \"b LOGIN bob ***\""), "{report}");
    assert!(report.contains("arg  wanted ~nobody  got ***"), "{report}");
    assert!(report.contains("1. a LOGIN bob ***\n         once\n"), "{report}");
    assert!(report.contains("expect `met`   =1 each, got 1 of \"b LOGIN bob ***\""), "{report}");
    assert!(!waited.contains("hunter2") && !report.contains("hunter2"), "{waited}\n{report}");
}

#[test]
fn a_report_mentions_a_client_that_waits() {
    let server = MailServer::start();
    server.mount(on(smtp::noop()).named("dead").stall_connection().expect(2));
    let mut client = Wire::greeted(&server, "smtp", false);
    client.say("NOOP\r\n");
    until("the server has read it", || server.transcript().to_string().contains("NOOP"));
    server.settled().block();
    let report = report(server);

    assert!(report.contains("s1 waits for the server, which is stalled by rule `dead`"), "{report}");
}

#[test]
fn a_report_does_not_mention_a_client_that_has_quit() {
    let server = MailServer::start();
    server.mount(on(smtp::quit()).pass().wait(Duration::from_millis(50)));
    server.mount(on(smtp::noop()).named("never").reply("450 later").expect(1));
    let mut client = Wire::greeted(&server, "smtp", false);
    assert_eq!(client.ask("QUIT"), "221 2.0.0 Bye");
    let report = report(server);

    assert!(report.contains("`never`"), "{report}");
    assert!(!report.contains("waits for"), "{report}");
    assert!(!report.contains("still open"), "{report}");
}

/// A server with this scenario.
fn with(text: &str) -> MailServer {
    MailServer::builder().scenario(Scenario::text("test.toml", format!("mailjig = 1\n{text}"))).start()
}

fn rule(on: &str, steps: &str) -> String {
    format!("[[rule]]\non = \"{on}\"\ndo = {steps}\n")
}

/// Sends a mail on a connection after the greeting; returns the last reply.
fn send(client: &mut Wire, subject: &str) -> String {
    for line in ["HELO me", "MAIL FROM:<a@example.org>", "RCPT TO:<me@example.org>", "DATA"] {
        client.ask(line);
    }
    client.ask(&format!("Subject: {subject}\r\n\r\n."))
}

#[test]
fn listeners_close_and_reopen() {
    let server = with(&rule("smtp.noop", "[ { listen = { down = '1h' } }, { pass = true } ]"));
    server.clock().pause();
    let mut client = Wire::greeted(&server, "smtp", false);
    assert_eq!(client.ask("NOOP"), "250 2.0.0 Ok");
    let is_open = |port: u16| std::net::TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), DEADLINE).is_ok();
    until("both are closed", || !is_open(server.imap().port()) && !is_open(server.smtp().port()));
    assert_eq!(client.ask("RSET"), "250 2.0.0 Ok");
    server.clock().advance(Duration::from_secs(3600));
    assert!(is_open(server.imap().port()) && is_open(server.smtp().port()));
    Wire::greeted(&server, "smtp", false);
}

#[test]
fn accepted_mail_is_delivered_where_and_when_a_rule_says() {
    let server = with(&rule("smtp.message", "[ { deliver = { mailbox = 'Junk' }, after = '2s' } ]"));
    server.clock().pause();
    assert!(send(&mut Wire::greeted(&server, "smtp", false), "late").starts_with("250 "));
    let account = server.account("me@example.org");
    assert_eq!((server.messages().len(), account.inbox().entries().len()), (1, 0));
    assert!(!account.mailbox("Junk").exists());
    server.clock().advance(Duration::from_secs(2));
    assert_eq!(account.mailbox("Junk").entries().len(), 1);
    assert_eq!(account.inbox().entries().len(), 0);
}

#[test]
fn an_expunge_can_be_concealed_or_announced_later() {
    let mailbox = "[[mailbox]]\nname = \"INBOX\"\ngenerate = 3\n";
    let steps = "[ { expunge = { msn = 1, tell = 'never' } } ]";
    let server = with(&format!("{mailbox}{}", rule("imap.check", steps)));
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("A1 LOGIN me@example.org secret");
    select(&mut client);
    assert_eq!(client.ask("A3 CHECK"), "A3 OK Checked");
    assert_eq!(client.ask("A4 NOOP"), "A4 OK Done");
    assert_eq!(server.account("me@example.org").inbox().entries().len(), 2);

    let server = with(&format!("{mailbox}{}", rule("imap.fetch", "[ { expunge = { msn = 1 } }, { pass = true } ]")));
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("A1 LOGIN me@example.org secret");
    select(&mut client);
    client.say("A3 FETCH 2 UID\r\nA4 NOOP\r\n");
    let wanted = "* 2 FETCH (UID 2)\r\nA3 OK Fetched\r\n* 1 EXPUNGE\r\nA4 OK Done\r\n";
    assert_eq!(String::from_utf8(client.octets(wanted.len()).unwrap().concat()).unwrap(), wanted);
}

#[test]
fn sessions_are_kicked_and_events_cause_events() {
    let text = [
        rule("smtp.noop", "[ { kick = { proto = 'imap', reply = '* BYE {verb}' } }, { set = { n = '+1' } } ]"),
        // This would loop forever.
        rule("state.changed", "[ { set = { n = '+1' } } ]"),
    ];
    let server = with(&format!("[state]\nn = 1\n{}", text.concat()));
    let mut imap = Wire::greeted(&server, "imap", false);
    assert_eq!(Wire::greeted(&server, "smtp", false).ask("NOOP"), "250 2.0.0 Ok");
    assert_eq!(imap.line(), b"* BYE NOOP\r\n");
    assert_eq!(imap.read(), Err(Eof));
    let report = report(server);
    assert!(report.contains("events caused each other more than 8 levels deep"), "{report}");
}

#[test]
fn steps_at_a_delivery_apply_to_the_mailbox_of_the_delivery() {
    let server = with(&[
        "[[message]]\nid = 'notice'\ntext = 'Subject: notice'\n",
        "[[rule]]\non = 'mail.delivered'\nwhen = { mailbox = 'Junk', subject = 'gone' }\ndo = { expunge = { uid = 1 } }\n",
        "[[rule]]\non = 'mail.delivered'\nwhen = { mailbox = 'Junk', subject = 'seen' }\ndo = { flag = { all = true, add = ['\\Seen'] } }\n",
        "[[rule]]\non = 'mail.delivered'\nwhen = { mailbox = 'Junk', subject = 'told' }\ndo = { deliver = { mailbox = 'Notices', message = 'notice' } }\n",
        "[[rule]]\non = 'smtp.message'\ndo = [{ deliver = { mailbox = 'Junk' } }, { pass = true }]\n",
    ]
    .concat());
    let mut client = Wire::greeted(&server, "smtp", false);

    for subject in ["gone", "seen", "told"] {
        assert!(send(&mut client, subject).starts_with("250"));
    }

    let account = server.account("me@example.org");
    let subjects =
        |name: &str| account.mailbox(name).entries().iter().map(|its| its.message.subject()).collect::<Vec<_>>();
    assert_eq!(subjects("Junk"), ["seen", "told"]);
    assert_eq!(subjects("Notices"), ["notice"]);
    let flags: Vec<Vec<String>> = account.mailbox("Junk").entries().iter().map(|its| its.flags.clone()).collect();
    assert_eq!(flags, [vec!["\\Seen".to_owned()], vec![]]);
}

#[test]
fn a_rule_at_fetch_continues_after_the_items() {
    let rules = [
        rule("imap.fetch", "[{ pass = true }, { raw = '* OK behind it\\r\\n' }]"),
        rule("imap.fetch.item", "[{ edit = { find = 'UID', replace = 'ID' } }, { pass = true }]"),
    ];
    let server = with(&rules.concat());
    server.account("me@example.org").inbox().generate(2);
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("A1 LOGIN me@example.org secret");
    select(&mut client);

    client.say("A3 FETCH 1:2 UID\r\n");

    let wanted = "* 1 FETCH (ID 1)\r\n* 2 FETCH (ID 2)\r\nA3 OK Fetched\r\n* OK behind it\r\n";
    let said = client.octets(wanted.len()).unwrap().concat();
    assert_eq!(String::from_utf8(said).unwrap(), wanted);
}

#[test]
fn a_listener_presents_its_own_certificate() {
    let expired = "[[tls]]\nlistener = 'pop3s'\ncert = 'expired'\n[[tls]]\nlistener = 'imaps'\ncert = 'good'\n";
    let server = with(expired);
    let greeting = |protocol| Wire::connect(&server, protocol, true).read();

    assert_eq!(greeting("pop3"), Err(Refused));
    for protocol in ["imap", "smtp"] {
        assert!(greeting(protocol).is_ok(), "{protocol}");
    }
}

#[test]
fn of_several_rules_the_outermost_chooses_the_certificate() {
    let server = MailServer::start();
    let expired = server.mount(on(tls::hello()).certificate(Certificate::Expired));
    server.mount(on(tls::hello()).nth("2+").certificate(Certificate::Good));
    let alert = server.mount(on(tls::hello()).nth("4").alert("handshake_failure"));
    server.mount(on(tls::hello()).nth("4+").certificate(Certificate::Good));

    let handshakes: Vec<bool> = (0..5).map(|_| Wire::connect(&server, "smtp", true).read().is_ok()).collect();

    assert_eq!(handshakes, [false, true, true, false, true]);
    assert_eq!(alert.hits(), 1);
    assert_eq!((expired.hits(), expired.without_effect()), (4, 3));
}

#[test]
fn a_timer_counts_from_the_mounting_of_its_rule() {
    let text = r#"
        clock = "manual"
        [[message]]
        id = "late"
        generate = true
        [[rule]]
        id = "late-mail"
        on = "timer"
        when = { at = { any = ["10s", "20s"] } }
        do = { deliver = { user = "bob@example.org", message = "late" } }
        expect = "=2"
        [[rule]]
        id = "seen"
        on = "mail.delivered"
        when = { uid = 2 }
        do = [ { flag = { all = true, add = ["\\Seen"] } }, { set = { at = "{user}" } } ]
        [[expect]]
        event = "timer"
        when = { at = "20s" }
        count = "=1"
    "#;
    let server = with(text);
    let seconds = |seconds| server.clock().advance(Duration::from_secs(seconds));
    let mail = || server.account("bob@example.org").mailbox("INBOX").entries();

    seconds(5);
    let late = server.mount(on(timer()).at(Duration::from_secs(7)).note("seven more").expect(1));
    seconds(4);
    assert_eq!(mail().len(), 0);
    seconds(1);
    assert_eq!((mail().len(), late.hits()), (1, 0));
    seconds(2);
    assert_eq!(late.hits(), 1);
    seconds(3600);
    assert_eq!((mail().len(), late.hits()), (2, 1));
    assert!(mail().iter().all(|entry| entry.flags.iter().any(|flag| **flag == *"\\Seen")));

    // Restart everything, including timers.
    server.reset_keeping(&[Kept::Rules]);
    assert_eq!(mail().len(), 0);
    seconds(10);
    assert_eq!((mail().len(), late.hits()), (1, 1));
    seconds(10);
    server.verify().block();
}

#[test]
fn an_expected_outcome_is_checked_when_it_is_known() {
    let expect = |outcome: &str, count: &str| {
        format!(
            "[[expect]]\nid = '{outcome}'\nevent = 'smtp.*'\nwhen = {{ outcome = '{outcome}' }}\ncount = '={count}'\n"
        )
    };
    let rules = [
        rule("smtp.noop", "{ stall = 'reply' }"),
        rule("smtp.rset", "{ cut = { at = 4, close = 'fin' } }"),
        expect("ok", "2"),
        expect("refused", "1"),
        expect("cut", "1"),
        expect("silent", "1"),
        "[[expect]]\nid = 'other'\nevent = 'smtp.helo'\nwhen = { arg = 'me', outcome = '!ok' }\n".to_owned(),
    ];
    let server = with(&rules.concat());
    let mut client = Wire::greeted(&server, "smtp", false);
    assert!(client.ask("HELO me").starts_with("250 "));
    assert!(client.ask("DATA").starts_with("503 "));
    client.say("NOOP\r\nRSET\r\n");
    assert_eq!(client.octets(4).unwrap().concat(), b"250 ");
    gone(&server, client);

    insta::assert_snapshot!(report(server));
}

#[test]
fn changes_after_an_awaited_line_wake_other_sessions() {
    let server = with(&rule("imap.append", "[{ raw = '+ go on\\r\\n' }, { await = '*' }, { pass = true }]"));
    let [mut idles, mut appends] = [(); 2].map(|()| {
        let mut wire = Wire::greeted(&server, "imap", false);
        wire.ask("a LOGIN me@example.org secret");
        wire
    });
    idles.say("b SELECT INBOX\r\n");
    while !String::from_utf8(idles.line()).unwrap().contains("b OK") {}
    assert_eq!(idles.ask("c IDLE"), "+ idling");

    assert_eq!(appends.ask("b APPEND INBOX {7+}\r\nSubject"), "+ go on");
    assert!(appends.ask("a line").starts_with("b OK"));

    assert!(idles.line().starts_with(b"* 1 EXISTS\r\n"));
}

#[test]
fn a_reply_that_is_held_back_forever_has_the_outcome_silent() {
    let expected = "[[expect]]\nevent = 'smtp.noop'\nwhen = { outcome = 'silent' }\ncount = '=1'\n";
    let server = with(&(rule("smtp.noop", "{ stall = 'conn' }") + expected));
    let mut client = Wire::greeted(&server, "smtp", false);

    client.say("NOOP\r\n");
    until("the server stalls", || {
        server.transcript().to_string().contains("-- the server sends nothing from here on\n")
    });

    server.verify().block();
}

#[test]
fn a_transcript_shows_where_a_rule_stalls() {
    let of_reply = "-- the server never answers this\n";
    let more_of_reply = "-- the server sends nothing more in answer to this\n";
    let of_connection = "-- the server sends nothing from here on\n";
    for (steps, wanted) in [
        ("{ stall = 'reply' }", format!("C: NOOP\n{of_reply}")),
        ("[{ pass = 'silent' }, { stall = 'reply' }]", format!("C: NOOP\n{of_reply}")),
        ("[{ pass = true }, { stall = 'reply' }]", format!("C: NOOP\nS: 250 2.0.0 Ok\n{more_of_reply}")),
        ("[{ reply = '250-more' }, { stall = 'reply' }]", format!("C: NOOP\nS: 250-more\n{more_of_reply}")),
        ("{ stall = 'conn' }", format!("C: NOOP\n{of_connection}")),
        ("[{ wait = '1ms' }, { stall = 'conn' }]", format!("C: NOOP\n{of_connection}")),
        ("[{ pass = true }, { stall = 'conn' }]", format!("C: NOOP\nS: 250 2.0.0 Ok\n{of_connection}")),
        ("[{ await = '*' }, { stall = 'conn' }]", format!("C: NOOP\nC: a line\n{of_connection}")),
    ] {
        let is_connection = steps.contains("conn");
        let unmet = if is_connection { "expect = '=2'\n" } else { "" };
        let server = with(&(rule("smtp.noop", steps) + unmet));
        let mut client = Wire::greeted(&server, "smtp", false);

        client.say("NOOP\r\na line\r\n");
        until("it stalls", || server.transcript().to_string().contains("-- "));

        let transcript = server.transcript().to_string();
        assert!(transcript.contains(&wanted), "{steps}: {transcript}");
        assert_eq!(transcript.matches("-- ").count(), 1, "{steps}: {transcript}");
        if is_connection {
            let report = report(server);
            assert!(report.contains("s1 waits for the server, which is stalled by rule `rule-1`"), "{steps}: {report}");
        }
    }
}

#[test]
fn replies_sent_together_have_their_own_outcomes() {
    // The first reply follows a line that arrives with the request, and is sent with the second.
    let rules = [
        rule("imap.noop", "[{ reply = 'NO not now' }]"),
        rule("imap.check", "[{ hold = true }, { await = '*' }, { pass = true }]"),
        "[[expect]]\nevent = 'imap.noop'\nwhen = { outcome = 'refused' }\ncount = '=1'\n".to_owned(),
        "[[expect]]\nevent = 'imap.check'\nwhen = { outcome = 'ok' }\ncount = '=1'\n".to_owned(),
    ];
    let server = with(&rules.concat());
    server.account("me@example.org").inbox().generate(1);
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("a LOGIN me@example.org secret");
    client.say("b SELECT INBOX\r\n");
    while !String::from_utf8(client.line()).unwrap().contains("b OK") {}

    client.say("c NOOP\r\nd CHECK\r\na line\r\n");
    while !String::from_utf8(client.line()).unwrap().contains("d OK") {}

    server.settled().block();
    server.verify().block();
}

#[test]
fn a_caused_event_does_not_affect_its_exchange() {
    let rules = [
        // Evaluated first, so that its near miss is known before the next rule sets the variable.
        "[[rule]]\nid = 'near'\non = 'smtp.mail'\nwhen = { from = 'b@example.org' }\ndo = { note = 'b' }\nexpect = '=1'\n",
        &rule("smtp.mail", "{ set = { phase = 'up' } }"),
        &rule("state.changed", "{ note = 'x' }"),
        "[[expect]]\nid = 'mail'\nevent = 'smtp.mail'\nwhen = { outcome = 'ok' }\ncount = '=1'\n",
        "[[expect]]\nid = 'order'\nsequence = [ 'smtp.helo', 'smtp.rcpt', 'smtp.mail' ]\n",
    ];
    let server = with(&rules.concat());
    let mut client = Wire::greeted(&server, "smtp", false);
    for line in ["HELO me", "MAIL FROM:<a@example.org>"] {
        assert!(client.ask(line).starts_with("250 "));
    }
    gone(&server, client);

    insta::assert_snapshot!(report(server));
}

#[test]
fn an_unexpected_login_response_is_not_shown() {
    let rules = rule("smtp.auth.start", "[{ reply = '334 ' }, { await = '~^x$' }, { reply = '535 5.7.8 no' }]");
    let server = with(&rules);
    let mut client = Wire::greeted(&server, "smtp", false);
    for line in ["HELO me", "AUTH LOGIN", "c2VjcmV0"] {
        client.ask(line);
    }
    gone(&server, client);

    let report = report(server);
    assert!(report.contains("the client sent \"***\", but ~^x$ was expected"), "{report}");
    assert!(!report.contains("c2VjcmV0"), "{report}");
}

#[test]
fn the_outcome_comes_from_the_tagged_line_of_the_reply() {
    let rules = "
        [[rule]]
        id = 'reply'
        on = 'imap.check'
        do = { reply = 'NO not now' }

        [[rule]]
        id = 'another-tag'
        on = 'imap.namespace'
        do = [{ raw = \"X OK this answers something else\\r\\n\" }, { raw = \"4a NO this is the answer\\r\\n\" }]

        [[rule]]
        id = 'no-answer'
        on = 'imap.id'
        do = [{ raw = \"* ID NIL\\r\\n\" }, { pass = true }]

        [[rule]]
        id = 'edited'
        on = 'imap.unselect'
        do = [{ edit = { find = 'OK', replace = 'BAD' } }, { pass = true }]

        [[rule]]
        id = 'dropped'
        on = 'imap.noop'
        nth = '2'
        do = [{ edit = { find = '~^5B ', drop = true } }, { pass = true }]

        [[rule]]
        id = 'not-passed-on'
        on = 'imap.caps'
        do = [{ pass = 'silent' }, { raw = \"* CAPABILITY IMAP4rev1\\r\\n\" }]

        [[expect]]
        event = ['imap.noop', 'imap.caps']
        when = { outcome = 'silent' }
        count = '=2'

        [[expect]]
        event = 'imap.*'
        when = { outcome = 'refused', verb = '~^(CREATE|CHECK|NAMESPACE|UNSELECT)$' }
        count = '=4'

        [[expect]]
        event = 'imap.*'
        when = { outcome = 'ok', verb = '~^(LOGIN|NOOP|ID|SELECT|FETCH|IDLE)$' }
        count = '=6'

        [[expect]]
        event = 'imap.noop'
        when = { outcome = 'refused' }
        count = '=0'
    ";
    let server = with(rules);
    server.account("me@example.org").inbox().add("Subject: 4 NO BAD\r\n\r\nA1 BAD\r\n");
    let mut client = Wire::greeted(&server, "imap", false);
    let mut answer = |line: &str, last: &str| {
        client.say(&format!("{line}\r\n"));
        let mut said = "\n".to_owned();
        while !said.contains(&format!("\n{last}")) {
            said += &String::from_utf8_lossy(&client.line());
        }
    };
    answer("4 LOGIN me@example.org secret", "4 OK");
    answer("5 NOOP", "5 OK");
    answer("5A CREATE INBOX", "5A NO");
    answer("2 CHECK", "2 NO not now");
    answer("4a NAMESPACE", "4a NO this is");
    answer("4b ID NIL", "4b OK");
    answer("NO SELECT INBOX", "NO OK");
    answer("BAD FETCH 1 BODY.PEEK[]", "BAD OK");
    server.account("me@example.org").inbox().add("Subject: more\r\n\r\n");
    answer("5B NOOP", "* 2 EXISTS");
    answer("5C CAPABILITY", "* CAPABILITY");
    answer("U UNSELECT", "U BAD");
    answer("4c IDLE", "+ ");

    server.verify().block();
}

#[test]
fn two_protocols_go_down_and_come_back() {
    let text = include_str!("../fixtures/scenarios/right/outage-then-delayed-delivery.toml");
    let server = MailServer::builder().scenario(Scenario::text("outage-then-delayed-delivery.toml", text)).start();
    let mut imap = Wire::greeted(&server, "imap", false);
    assert!(imap.ask("A1 LOGIN me@example.org secret").starts_with("A1 OK"));
    assert!(send(&mut Wire::greeted(&server, "smtp", false), "one").starts_with("250 "));
    assert_eq!(imap.line(), b"* BYE Server shutting down\r\n");
    assert_eq!(Wire::connect(&server, "smtp", false).line(), b"421 4.3.2 Service shutting down\r\n");
    assert_eq!(Wire::connect(&server, "imap", false).line(), b"* BYE Server shutting down\r\n");

    server.clock().advance(Duration::from_secs(1));
    assert!(send(&mut Wire::greeted(&server, "smtp", false), "two").starts_with("250 "));
    let inbox = server.account("me@example.org").inbox();
    assert_eq!(inbox.entries().len(), 1);
    server.clock().advance(Duration::from_secs(2));
    assert_eq!(inbox.entries().len(), 2);
    let mut imap = Wire::greeted(&server, "imap", false);
    imap.ask("A1 LOGIN me@example.org secret");
    select(&mut imap);
    imap.ask("A3 FETCH 1 UID");
    server.verify().block();
}

#[test]
fn three_independent_rules_compose() {
    let text = include_str!("../fixtures/scenarios/right/composed.toml");
    let server = MailServer::builder().scenario(Scenario::text("composed.toml", text)).start();
    let mut client = Wire::greeted(&server, "smtp", false);
    client.ask("HELO me");
    client.ask("MAIL FROM:<a@example.org>");
    assert_eq!(client.ask("RCPT TO:<b@example.org>"), "451 4.7.1 Greylisted, try again later");
    assert_eq!(client.ask("RCPT TO:<b@example.org>"), "250 2.1.5 Ok");
    client.say("NOOP\r\n");
    assert_eq!(client.read().unwrap(), b"250 2.0.0 Ok\r\n421 4.4.2 idle timeout, closing\r\n");
    assert_eq!(client.read(), Err(Eof));
    let _it_never_delivered = report(server);
}

#[test]
fn chaos_is_the_same_for_a_seed() {
    let text = include_str!("../fixtures/scenarios/right/chaos-light.toml").replace("0.05", "0.5");
    let talk = || {
        let server = MailServer::builder().scenario(Scenario::text("chaos-light.toml", &text)).start();
        let mut client = Wire::greeted(&server, "smtp", false);
        client.ask("HELO me");
        for i in 0..20 {
            client.ask("MAIL FROM:<a@example.org>");
            client.ask(&format!("RCPT TO:<b{i}@example.org>"));
            client.ask("RSET");
        }
        server.transcript().to_string()
    };
    let one = talk();
    assert!(one.contains("451 4.3.0 Temporary failure") && one.contains("450 4.2.1 Mailbox busy"), "{one}");
    assert_eq!(talk(), one);
}

#[test]
fn an_indexed_rule_fires_and_reports_like_a_single_rule() {
    let server = MailServer::start();
    let many = (0..100).map(|i| on(smtp::rcpt()).to(&format!("user{i}@other.example")).reply("550 5.1.1 no"));
    many.for_each(|rule| drop(server.mount(rule)));
    server.mount(on(smtp::rcpt()).named("outer").to("user7@other.example").reply("452 4.2.2 full").once());
    let wanted = server.mount(on(smtp::rcpt()).named("bob").to("bob@example.org").reply("550 5.1.1 no").expect(1));
    let mut client = Wire::greeted(&server, "smtp", false);
    client.ask("HELO me");
    client.ask("MAIL FROM:<a@example.org>");
    assert_eq!(client.ask("RCPT TO:<user7@OTHER.example>"), "452 4.2.2 full");
    assert_eq!(client.ask("RCPT TO:<user7@other.example>"), "550 5.1.1 no");
    assert_eq!(client.ask("RCPT TO:<bobby@example.org>"), "250 2.1.5 Ok");
    assert_eq!((wanted.hits(), wanted.asked()), (0, 3));
    let report = report(server);
    assert!(
        report.contains("1. s1 · line 10 · smtp.rcpt\n         rcpt  wanted bob@example.org  got \"bobby@"),
        "{report}"
    );
}

#[test]
fn a_scenario_changes_the_settings_of_the_conforming_server() {
    let server = with(
        "[server.smtp]\ngreeting = \"mx.example.org ESMTP\"\nlimits.size = \"1kB\"\ncaps.set = [\"SIZE 1000\", \"XYZZY\"]\n\
         [server.imap]\ndelimiter = \".\"\nnamespace = \"INBOX\"\n\
         [[user]]\nname = \"me@example.org\"\npassword = \"secret\"\n\
         [[message]]\nuser = \"me@example.org\"\nmailbox = \"INBOX.Work\"\nflags = [\"\\\\Seen\"]\ntext = \"Subject: hi\"\n",
    );
    let mut client = Wire::connect(&server, "smtp", false);
    assert_eq!(client.line(), b"220 mx.example.org ESMTP\r\n");
    client.say("EHLO me\r\n");
    let wanted = "250-localhost\r\n250-SIZE 1000\r\n250 XYZZY\r\n";
    assert_eq!(client.octets(wanted.len()).unwrap().concat(), wanted.as_bytes());
    assert_eq!(
        client.ask("MAIL FROM:<a@example.org> SIZE=1001"),
        "552 5.3.4 Message size exceeds fixed maximum message size of 1000 octets"
    );

    let mut client = Wire::greeted(&server, "imap", false);
    assert!(client.ask("A1 LOGIN you@example.org secret").starts_with("A1 NO"));
    assert!(client.ask("A2 LOGIN me@example.org secret").starts_with("A2 OK"));
    assert_eq!(
        client.ask("A3 STATUS INBOX.Work (MESSAGES UNSEEN)"),
        "* STATUS INBOX.Work (MESSAGES 1 UNSEEN 0)\r\nA3 OK STATUS is complete"
    );
    server.reset();
    assert_eq!(server.account("me@example.org").mailbox("INBOX.Work").entries().len(), 1);
}

#[test]
fn a_scenario_sets_whether_imap_is_strict() {
    for (strict, answer) in [("true", "A1 BAD at octet 6: the command is incomplete"), ("false", "* ID ")] {
        let server = with(&format!("[server.imap]\nstrict = {strict}\n"));
        let said = Wire::greeted(&server, "imap", false).ask("A1 ID");
        assert!(said.starts_with(answer), "{said}");
    }
}

#[test]
fn pop3_uses_the_announced_capabilities_and_timestamp() {
    let server = with(
        "[server.pop3]\ngreeting = \"ready <7.8@pop.example>\"\ncaps.remove = [\"SASL\"]\n\
         caps.add = [\"SASL CRAM-MD5 LOGIN\"]\n[[user]]\nname = \"me@example.org\"\npassword = \"secret\"\n",
    );
    let mut client = Wire::connect(&server, "pop3", false);
    assert_eq!(client.line(), b"+OK ready <7.8@pop.example>\r\n");

    client.say("AUTH\r\n");
    let wanted = "+OK these are the mechanisms\r\nCRAM-MD5\r\nLOGIN\r\n.\r\n";
    assert_eq!(client.octets(wanted.len()).unwrap().concat(), wanted.as_bytes());
    // md5("<7.8@pop.example>secret")
    let digest = "9d31bb1e102f02e78ac63ac520a08618";
    assert_eq!(client.ask(&format!("APOP me@example.org {digest}")), "+OK 0 messages, 0 octets");
}

#[test]
fn auth_events_distinguish_initial_from_later_credentials() {
    let text = "[state]\nphase = \"up\"\n[[rule]]\non = \"smtp.rset\"\ndo = { set = { phase = \"down\" } }\n\
        [[rule]]\nid = \"start\"\non = \"smtp.auth.start\"\nwhen = { state.phase = \"down\" }\ndo = { reply = \"454 later\" }\n\
        [[rule]]\nid = \"credentials\"\non = \"smtp.auth\"\nwhen = { state.phase = \"down\" }\ndo = { reply = \"535 never\" }\n";
    let server = with(text);
    let mut client = Wire::greeted(&server, "smtp", false);
    client.ask("HELO me");

    assert_eq!(client.ask("AUTH PLAIN"), "334");
    Wire::greeted(&server, "smtp", false).ask("RSET");
    assert_eq!(client.ask("AGJvYgBz"), "535 never", "the login began with an earlier command");
    assert_eq!(client.ask("AUTH PLAIN AGJvYgBz"), "454 later", "the command has the credentials");
}

#[test]
fn apop_uses_the_timestamp_of_a_rules_greeting() {
    // md5("<7.8@pop.example>secret")
    let digest = "9d31bb1e102f02e78ac63ac520a08618";
    for (steps, answer) in [
        ("{ reply = \"+OK ready <7.8@pop.example>\" }", "+OK 0 messages, 0 octets"),
        ("[ { pass = \"silent\" }, { reply = \"+OK ready <7.8@pop.example>\" } ]", "+OK 0 messages, 0 octets"),
        ("{ edit = { find = '~<.*>', replace = \"<7.8@pop.example>\" } }", "+OK 0 messages, 0 octets"),
        ("{ note = \"as it is\" }", "-ERR [AUTH] Authentication failed: the user name or the password is wrong"),
        ("{ raw = '+OK <hello> <7.8@pop.example>\\r\\n' }", "+OK 0 messages, 0 octets"),
        ("[ { raw = '+OK ' }, { raw = '<7.8@pop.example>\\r\\n' } ]", "+OK 0 messages, 0 octets"),
        ("{ pass = { status = \"+OK <7.8@pop.example>\" } }", "+OK 0 messages, 0 octets"),
        ("{ reply = \"+OK ready\" }", "-ERR there is no timestamp in the greeting"),
        ("[ { pass = \"silent\" }, { reply = \"+OK ready\" } ]", "-ERR there is no timestamp in the greeting"),
        ("{ edit = { find = \"<\", replace = \"(\" } }", "-ERR there is no timestamp in the greeting"),
    ] {
        let account = "[[user]]\nname = \"me@example.org\"\npassword = \"secret\"\n";
        let server = with(&format!("{account}{}", rule("pop3.greeting", steps)));
        let mut client = Wire::greeted(&server, "pop3", false);
        assert_eq!(client.ask(&format!("APOP me@example.org {digest}")), answer, "{steps}");
    }
}

#[test]
fn rules_see_unsupported_mechanisms() {
    for (event, command, reply) in [
        ("smtp.auth.start", "AUTH X-TOKEN dG9rZW4=", "454 4.7.0 later"),
        ("imap.auth", "a AUTHENTICATE X-TOKEN dG9rZW4=", "NO later"),
        ("imap.auth.start", "a AUTHENTICATE x-token no-base64", "NO later"),
        ("pop3.auth.start", "AUTH X-TOKEN", "-ERR later"),
    ] {
        let protocol = &event[..4];
        let server = with(&format!(
            "[[rule]]\non = \"{event}\"\nwhen = {{ mech = \"X-TOKEN\" }}\ndo = {{ reply = \"{reply}\" }}\nexpect = \"=1\"\n"
        ));
        let mut client = Wire::greeted(&server, protocol, false);
        if protocol == "smtp" {
            client.ask("EHLO me");
        }
        assert!(client.ask(command).ends_with(reply), "{command}");
    }
}

#[test]
fn the_refusal_of_a_command_announced_by_a_rule_does_not_deny_the_announcement() {
    let server = with("[server.smtp]\ncaps.set = [\"DSN\", \"STARTTLS\", \"AUTH GSSAPI\"]\n");
    let mut client = Wire::greeted(&server, "smtp", false);
    client.ask("EHLO me");
    for line in
        ["MAIL FROM:<a@example.org> RET=HDRS", "MAIL FROM:<>", "RCPT TO:<a@example.org> NOTIFY=NEVER", "AUTH GSSAPI"]
    {
        let reply = client.ask(line);
        assert!(!reply.contains("announced") && !reply.contains("offered"), "{reply}");
    }
}

#[test]
fn rules_read_mail_of_any_size_in_any_place() {
    let read = |id: &str, on: &str, when: &str, note: &str| {
        format!("[[rule]]\nid = \"{id}\"\non = \"{on}\"\nwhen = {{ {when} }}\ndo = [ {{ note = \"{note}\" }} ]\n")
    };
    let of_body = "body = '~(?<word>wo.d) at the end'";
    let text = [
        read("message", "smtp.message", of_body, "message: {word}, {subject}, {header.X-Two}"),
        read("delivered", "mail.delivered", "'header.X-Two' = 'two'", "delivered: {subject}"),
        read("append", "imap.append", of_body, "append: {word}, {bytes}"),
        read("fetch", "imap.fetch.item", "subject = 'long *'", "fetch: {subject}, {header.X-Two}"),
        read("store", "imap.store", "subject = '*mail'", "store: {subject}"),
        read("retr", "pop3.retr", "subject = 'long *'", "retr: {subject}, {size}"),
        read("top", "pop3.top", of_body, "top: {word}"),
        read("never", "*.*", "body = '~word at the end.*word at the end'", "never"),
    ];
    for octets in [100, 100_000] {
        let server = with(&text.concat());
        let mail = format!(
            "Subject: long mail\r\nX-Two: one\r\nX-Two: two\r\n\r\n{}word at the end\r\n",
            "a\r\n".repeat(octets / 3)
        );
        let mut client = Wire::greeted(&server, "smtp", false);
        for line in ["HELO me", "MAIL FROM:<a@example.org>", "RCPT TO:<me@example.org>", "DATA"] {
            client.ask(line);
        }
        client.bytes(format!("{mail}.\r\n").as_bytes());
        assert!(client.line().starts_with(b"250 "));
        let mut client = Wire::greeted(&server, "imap", false);
        client.ask("A1 LOGIN me@example.org secret");
        answer(&mut client, &format!("A2 APPEND INBOX {{{}+}}\r\n{mail}", mail.len()), "A2 OK");
        select(&mut client);
        answer(&mut client, "A3 FETCH 1 UID", "A3 OK");
        answer(&mut client, "A4 STORE 1:2 FLAGS.SILENT (\\Seen)", "A4 OK");
        let mut client = Wire::greeted(&server, "pop3", false);
        for line in ["USER me@example.org", "PASS secret"] {
            client.ask(line);
        }
        answer(&mut client, "RETR 1", ".\r\n");
        answer(&mut client, "TOP 1 0", ".\r\n");

        let text = server.transcript().to_string();
        let notes: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(" notes: ")?.1)).collect();
        let size = mail.len();
        let wanted = [
            "delivered: long mail",
            "message: word, long mail, one,two",
            &format!("append: word, {size}"),
            "fetch: long mail, one,two",
            "store: long mail,long mail",
            &format!("retr: long mail, {size}"),
            "top: word",
        ];
        assert_eq!(notes, wanted, "{text}");
        assert_eq!(server.rule("never").hits(), 0);
    }
}

#[test]
fn a_client_in_idle_is_told_that_uidvalidity_changed() {
    let steps = "[ { mailbox = { name = 'INBOX', user = 'me@example.org', uidvalidity = '+1', renumber = true } } ]";
    let server = with(&rule("smtp.noop", steps));
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("A1 LOGIN me@example.org secret");
    select(&mut client);
    assert_eq!(client.ask("A3 IDLE"), "+ idling");
    Wire::greeted(&server, "smtp", false).ask("NOOP");
    assert_eq!(client.line(), b"* BYE The UIDs of the mailbox changed\r\n");
    assert_eq!(client.read(), Err(Eof));
}

#[test]
fn each_reason_has_its_text() {
    let server = with(
        "name = \"reasons\"\n[state]\nphase = \"up\"\n\
         [[rule]]\nid = \"used-up\"\non = \"smtp.noop\"\ntimes = 1\ndo = { note = \"once\" }\nexpect = \"=2\"\n\
         [[rule]]\nid = \"unlucky\"\non = \"smtp.noop\"\nchance = 0.0\ndo = { note = \"never\" }\nexpect = \">=1\"\n\
         [[rule]]\nid = \"down\"\non = \"smtp.noop\"\nwhen = { state.phase = \"down\" }\ndo = { reply = \"421 down\" }\nexpect = \"=1\"\n\
         [[rule]]\nid = \"two-wrong\"\non = \"smtp.noop\"\nwhen = { tls = true, conn = \">5\" }\ndo = { reply = \"421 no\" }\nexpect = \"=1\"\n\
         [[rule]]\nid = \"never-came\"\non = \"smtp.data\"\ndo = { reply = \"451 no\" }\nexpect = \">=1\"\n\
         [[rule]]\nid = \"other-protocol\"\non = \"pop3.retr\"\ndo = { close = \"rst\" }\nexpect = \">=1\"\n\
         [[rule]]\nid = \"set\"\non = \"smtp.rset\"\ndo = [ { pace = { chunk = 7, gap = \"0ms\" } }, { set = { phase = \"broken\" } } ]\nexpect = \"1-9\"\n\
         [[rule]]\nid = \"unused\"\non = \"imap.*\"\ndo = { pass = true }\n\
         [[expect]]\nid = \"in order\"\nsequence = [\"smtp.noop\", \"smtp.quit\", \"smtp.data\"]\n\
         [[expect]]\nid = \"never twice\"\nevent = \"smtp.noop\"\nsame = \"line\"\ncount = \"=1\"\n\
         [[expect]]\nid = \"by tls\"\nevent = \"smtp.noop\"\nwhen = { tls = true }\ncount = \">=1\"\n\
         [[expect]]\nid = \"greeted\"\nevent = \"smtp.greeting\"\ncount = \"=1\"\n",
    );
    let mut client = Wire::greeted(&server, "smtp", false);
    for line in ["HELO me", "RSET", "NOOP", "NOOP \u{1}", "QUIT"] {
        client.ask(line);
    }
    gone(&server, client);
    insta::assert_snapshot!(report(server));
}

#[test]
fn a_sequence_in_another_order_says_what_came_too_early() {
    let server = with(
        "clock = \"manual\"\n\
         [[expect]]\nid = \"logs out last\"\nsequence = [\"imap.auth\", \"imap.select\", \"imap.noop\", \"imap.quit\"]\n\
         [[expect]]\nid = \"in time\"\nsequence = [\"imap.greeting\", \"imap.auth\"]\nwithin = \"10s\"\n\
         [[expect]]\nid = \"met\"\nsequence = [\"imap.auth\", \"imap.noop\"]\n",
    );
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("A1 NOOP");
    server.clock().advance(Duration::from_secs(11));
    client.ask("A2 LOGIN me@example.org secret");
    client.ask("A3 NOOP");
    client.ask("A4 LOGOUT");
    gone(&server, client);

    insta::assert_snapshot!(report(server));
}

#[test]
fn a_wrong_count_shows_the_events_that_counted() {
    let server = with(
        "[[expect]]\nid = \"too few\"\nevent = \"smtp.rset\"\nwhen = { outcome = \"ok\" }\ncount = \"=2\"\n\
         [[expect]]\nid = \"none\"\nevent = \"smtp.noop\"\nwhen = { conn = 1 }\ncount = \"=0\"\n\
         [[expect]]\nid = \"too many\"\nevent = \"smtp.noop\"\ncount = \"=1\"\n\
         [[expect]]\nid = \"each once\"\nevent = \"smtp.noop\"\nsame = \"arg\"\ncount = \"=1\"\n",
    );
    let mut client = Wire::greeted(&server, "smtp", false);
    for line in ["HELO me", "NOOP one", "NOOP two", "RSET", "NOOP", "NOOP two", "QUIT"] {
        client.ask(line);
    }
    gone(&server, client);
    let mut client = Wire::greeted(&server, "smtp", false);
    client.ask("NOOP three");
    client.ask("QUIT");
    gone(&server, client);

    insta::assert_snapshot!(report(server));
}

#[test]
fn an_event_that_nearly_counted_is_shown_at_its_line_and_with_the_time_limit() {
    let server = with(
        "clock = \"manual\"\n\
         [[rule]]\nid = \"start\"\non = \"imap.greeting\"\ndo = { note = \"began\" }\n\
         [[expect]]\nid = \"in time\"\nevent = \"imap.noop\"\nwithin = \"10s\"\n\
         [[expect]]\nid = \"tls\"\nevent = \"imap.login\"\nwhen = { tls = true }\n\
         [[expect]]\nid = \"refused\"\nevent = \"imap.login\"\nwhen = { outcome = \"refused\" }\n",
    );
    let mut client = Wire::greeted(&server, "imap", false);
    client.ask("A1 LOGIN me@example.org secret");
    server.clock().advance(Duration::from_millis(12_500));
    client.ask("A2 NOOP");
    client.ask("A3 CHECK");
    client.ask("A4 LOGOUT");
    gone(&server, client);

    insta::assert_snapshot!(report(server));
}

#[test]
fn a_failure_comes_first_if_all_expectations_are_met() {
    let fails = "[[rule]]\nid = \"failing\"\non = \"smtp.noop\"\ndo = [{ fail = \"no\" }, { pass = true }]\n";
    let expects = |count| format!("[[expect]]\nid = \"one\"\nevent = \"smtp.noop\"\ncount = \"={count}\"\n");
    for (expects, headline) in [
        (String::new(), "1 failure reported\n"),
        (expects(1), "1 failure reported, 0 of 1 expectation failed\n"),
        (expects(2), "1 of 1 expectation failed, 1 failure reported\n"),
    ] {
        let server = with(&format!("{fails}{expects}"));
        let mut client = Wire::greeted(&server, "smtp", false);
        client.ask("NOOP");
        gone(&server, client);

        let report = report(server);
        assert!(report.contains(&format!("(seed 1): {headline}")), "{report}");
    }
}

#[test]
fn a_report_shows_a_captured_message_by_its_number() {
    let server = with(
        "name = \"twice\"\n[[rule]]\nid = \"kept\"\non = \"smtp.message\"\ndo = [ { pass = true }, { note = \"kept\" } ]\nexpect = \"=2\"\n",
    );
    let mut client = Wire::greeted(&server, "smtp", false);
    for line in ["HELO me", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA", "hi\r\n."] {
        client.ask(line);
    }
    gone(&server, client);

    let report = report(server);
    assert!(report.contains("C  <m1>"), "{report}");
}
