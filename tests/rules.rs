//! Rules in Rust: mounted, counted, taken out; judged, and reported.

use std::time::Duration;

use mailjig::{MailServer, Scenario, any, imap, on, pop3, smtp, tls};
use wire::After::{Eof, Refused, Reset};
use wire::Wire;

#[path = "clients/wire.rs"]
#[allow(dead_code)]
mod wire;

fn connect(server: &MailServer, protocol: &str) -> Wire {
    let mut wire = Wire::connect(server, protocol, false);
    wire.line();
    wire
}

/// Says a line, and gives the line that answers it.
fn ask(wire: &mut Wire, line: &str) -> String {
    wire.say(&format!("{line}\r\n"));
    String::from_utf8(wire.line()).unwrap().trim_end().to_owned()
}

fn select(wire: &mut Wire) {
    wire.say("A2 SELECT INBOX\r\n");
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("\r\nA2 OK") {
        answer.extend(wire.line());
    }
}

/// The client is gone, and the server knows it.
fn gone(server: &MailServer, client: Wire) {
    drop(client);
    server.wait_for_session(mailjig::session::open().not()).block();
}

fn text(why: Box<dyn std::any::Any + Send>) -> String {
    *why.downcast::<String>().unwrap()
}

#[test]
fn a_rule_is_in_force_when_it_is_mounted_and_until_it_is_taken_out() {
    let server = MailServer::start();
    let mut client = connect(&server, "smtp");
    let full = server.mount(on(smtp::rcpt()).to("*@full.example").reply("452 4.2.2 Mailbox full").times(2));

    ask(&mut client, "HELO me");
    ask(&mut client, "MAIL FROM:<a@example.org>");
    let mut rcpt = |to: &str| ask(&mut client, &format!("RCPT TO:<{to}>"));
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
fn rules_wrap_each_other_the_newest_outside() {
    let server = MailServer::start();
    let _ = server.mount(on(smtp::noop()).pass_with("250 inner"));
    let _ = server.mount(on(smtp::noop()).edit("inner", "outer {verb}"));
    let _ = server.mount(on(any::command()).note("{line}"));

    assert_eq!(ask(&mut connect(&server, "smtp"), "NOOP"), "250 outer NOOP");
    assert!(server.transcript().to_string().contains("notes: NOOP"), "{}", server.transcript());
}

#[test]
fn what_happened_and_what_is_said_are_two_things() {
    let server = MailServer::start();
    let _ = server.mount(on(imap::store()).pass_silently().reply("NO never"));
    let inbox = server.account("me@example.org").inbox();
    inbox.generate(1);
    let mut client = connect(&server, "imap");
    ask(&mut client, "A1 LOGIN me@example.org secret");
    select(&mut client);

    assert_eq!(ask(&mut client, r"A3 STORE 1 +FLAGS (\Flagged)"), "A3 NO never");
    assert_eq!(inbox.entries()[0].flags, [r"\Flagged"]);

    let lost = server.mount(on(smtp::message()).lose());
    let mut client = connect(&server, "smtp");
    for line in ["HELO me", "MAIL FROM:<a@example.org>", "RCPT TO:<me@example.org>", "DATA"] {
        ask(&mut client, line);
    }
    assert!(ask(&mut client, "Subject: lost\r\n\r\n.").starts_with("250 "));
    assert_eq!((lost.hits(), server.messages().len(), inbox.entries().len()), (1, 1, 1));
}

#[test]
fn an_await_reads_the_line_that_follows() {
    let server = MailServer::start();
    let challenge =
        on(pop3::event("noop")).reply("+ prove it").await_line("~^(?<answer>[a-z]+)$").reply("-ERR {answer} is wrong");
    let _ = server.mount(challenge);
    let mut client = connect(&server, "pop3");

    assert_eq!(ask(&mut client, "NOOP"), "+ prove it");
    assert_eq!(ask(&mut client, "secret"), "-ERR secret is wrong");
    assert!(ask(&mut client, "CAPA").starts_with("+OK"));
}

#[test]
fn time_is_the_tests_own() {
    let server = MailServer::builder().manual_clock().start();
    let _ = server.mount(on(smtp::noop()).wait(Duration::from_secs(3600)));
    let _ = server.mount(on(smtp::rset()).pass().reply("421 late").after(Duration::from_secs(60)));
    let mut client = connect(&server, "smtp");

    client.say("NOOP\r\n");
    while !server.transcript().to_string().contains("NOOP") {
        std::thread::yield_now();
    }
    client.wait_at_most(Duration::from_millis(50));
    assert!(client.read().is_err());
    server.clock().advance(Duration::from_secs(3599));
    assert!(client.read().is_err());
    server.clock().advance(Duration::from_secs(1));
    client.wait_at_most(Duration::from_secs(10));
    assert_eq!(client.line(), b"250 2.0.0 Ok\r\n");

    assert_eq!(ask(&mut client, "RSET"), "250 2.0.0 Ok");
    server.clock().advance(Duration::from_secs(60));
    assert_eq!(client.line(), b"421 late\r\n");
}

#[test]
fn a_connection_ends_as_told() {
    let server = MailServer::start();
    let _ = server.mount(on(imap::push()).cut(4).reset().once());
    server.account("me@example.org").inbox().generate(1);
    let mut client = connect(&server, "imap");
    ask(&mut client, "A1 LOGIN me@example.org secret");
    select(&mut client);
    assert_eq!(ask(&mut client, "A3 IDLE"), "+ idling");
    server.account("me@example.org").inbox().generate(1);
    assert_eq!(client.octets(4).unwrap().concat(), b"* 2 ");
    assert_eq!(client.read(), Err(Reset));

    let _ = server.mount(on(mailjig::tcp::accept()).close().once());
    assert_eq!(Wire::connect(&server, "smtp", false).read(), Err(Eof));
    let _ = server.mount(on(tls::hello()).alert("handshake_failure").once());
    assert_eq!(Wire::connect(&server, "smtp", true).read(), Err(Refused));
    let mut good = Wire::connect(&server, "smtp", true);
    assert!(good.line().starts_with(b"220 "));
}

#[test]
fn a_rule_that_cannot_be_is_refused_when_it_is_mounted() {
    let server = MailServer::start();
    let refused = |mount: &dyn Fn()| text(std::panic::catch_unwind(std::panic::AssertUnwindSafe(mount)).unwrap_err());

    let why = refused(&|| drop(server.mount(on(smtp::noop()).to("bob@example.org").pass())));
    assert!(why.contains("there is no `rcpt` at `smtp.noop`"), "{why}");
    let why = refused(&|| drop(server.mount(on(smtp::noop()).reply("later"))));
    assert!(why.contains("`later` begins with no code of three digits"), "{why}");
}

#[test]
fn the_same_rule_is_written_in_a_file() {
    let rule = on(smtp::rcpt()).named("full").to("*@full.example").times(2).reply("452 4.2.2 Mailbox full").expect(1..);
    insta::assert_snapshot!(rule.to_toml(), @r#"
    [[rule]]
    id = "full"
    on = "smtp.rcpt"
    when = { rcpt = "*@full.example" }
    nth = "1-2"
    do = [{ reply = "452 4.2.2 Mailbox full" }]
    expect = ">=1"
    "#);
    let text = format!("mailjig = 1\n{}", rule.to_toml());
    Scenario::text("again.toml", text).check().unwrap();
}

/// What a server says when it is dropped.
fn report(server: MailServer) -> String {
    text(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server))).unwrap_err())
}

#[test]
fn a_rule_that_was_not_met_says_why() {
    let server = MailServer::builder()
        .scenario(Scenario::named("smtp-partial-rcpt").set("unknown", "~^nobody@").seed(7))
        .start();
    let _ = server.mount(on(smtp::rcpt()).named("shadow").to("nobody@example.org").reply("451 4.3.0 later"));
    let mut client = connect(&server, "smtp");
    ask(&mut client, "HELO me");
    ask(&mut client, "MAIL FROM:<a@example.org>");
    ask(&mut client, "RCPT TO:<Nobody.Else@example.org>");
    ask(&mut client, "RCPT TO:<nobody@example.org>");
    assert_eq!(ask(&mut client, "QUIT"), "221 2.0.0 Bye");
    assert_eq!(client.read(), Err(Eof));
    gone(&server, client);

    insta::assert_snapshot!(report(server).replace(env!("CARGO_MANIFEST_DIR"), ""));
}

#[test]
fn a_client_that_did_what_it_must_not_is_reported_at_once() {
    let server = MailServer::builder().scenario(Scenario::named("starttls-stripped")).start();
    let mut client = connect(&server, "imap");
    ask(&mut client, "A1 LOGIN me@example.org secret");
    gone(&server, client);

    insta::assert_snapshot!(report(server));
}

#[test]
fn a_client_that_hangs_is_told_of() {
    let server = MailServer::start();
    let _ = server.mount(on(smtp::noop()).named("dead").stall_connection().expect(2));
    let mut client = connect(&server, "smtp");
    client.say("NOOP\r\n");
    while !server.transcript().to_string().contains("NOOP") {
        std::thread::yield_now();
    }
    server.settled().block();
    let report = report(server);

    assert!(report.contains("s1 waits for the server, which is stalled by rule `dead`"), "{report}");
}
