//! A reset restores the initial state; unloading a scenario removes what it added.

use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clients::deadline::{DEADLINE, until};
use clients::wire::{After, Wire};
use mailjig::matchers::any;
use mailjig::rules::{on, smtp};
use mailjig::{Kept, MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

const FIRST: &str = r#"
mailjig = 1
name = "first"
[state]
phase = "up"
[server.smtp]
caps.set = ["FIRST"]
[[user]]
name = "me@example.org"
password = "secret"
[[message]]
user = "me@example.org"
text = "Subject: first\r\n\r\n"
[[rule]]
id = "trip"
on = "smtp.noop"
times = 1
do = [ { set = { phase = "down" } }, { reply = "250 tripped" } ]
[[rule]]
id = "outage"
on = "smtp.vrfy"
do = [ { listen = { down = "1h" } }, { pass = true } ]
"#;

const SECOND: &str = r#"
mailjig = 1
name = "second"
clock = "manual"
[server.smtp]
caps.set = ["SECOND"]
[tls]
cert = "expired"
[[user]]
name = "you@example.org"
password = "secret"
[[message]]
mailbox = "News"
text = "Subject: second\r\n\r\n"
[[rule]]
id = "other"
on = "smtp.noop"
do = { reply = "250 other" }
"#;

fn scenario(text: &str) -> Scenario {
    Scenario::text("scenario.toml", text)
}

fn first() -> MailServer {
    MailServer::builder().scenario(scenario(FIRST)).start()
}

fn connect(server: &MailServer) -> Wire {
    let mut wire = Wire::connect(server, "smtp", false);
    wire.line();
    wire
}

fn ask(wire: &mut Wire, line: &str) -> String {
    wire.say(&format!("{line}\r\n"));
    String::from_utf8(wire.line()).unwrap().trim_end().to_owned()
}

fn capabilities(server: &MailServer) -> String {
    let mut wire = connect(server);
    wire.say("EHLO me\r\n");
    let (mut answer, mut last) = (String::new(), String::new());
    while !last.contains("250 ") {
        last = String::from_utf8(wire.line()).unwrap();
        answer += &last;
    }
    answer
}

/// The subjects in a mailbox.
fn subjects(server: &MailServer, login: &str, mailbox: &str) -> Vec<String> {
    server.account(login).mailbox(mailbox).entries().iter().map(|entry| entry.message.subject()).collect()
}

/// Changes everything that a test can change.
fn disturb(server: &MailServer) {
    let mut client = connect(server);
    assert_eq!(ask(&mut client, "NOOP"), "250 tripped");
    server.deliver("me@example.org", "Subject: mine\r\n\r\n");
    server.account("me@example.org").mailbox("Made").create();
    server.scenario(&scenario(SECOND));
    server.mount(on(smtp::noop()).reply("250 mounted"));
    server.expect(7, any());
    assert!(server.clock().is_paused());
    server.clock().advance(Duration::from_secs(3600));
}

#[test]
fn a_reset_restores_the_initial_state() {
    let server = first();
    disturb(&server);

    server.reset();

    assert!(capabilities(&server).contains("FIRST"));
    assert_eq!(subjects(&server, "me@example.org", "INBOX"), ["first"]);
    assert_eq!(server.account("me@example.org").mailboxes(), ["INBOX"]);
    let refused = catch_unwind(AssertUnwindSafe(|| server.deliver("you@example.org", "")));
    assert!(refused.is_err(), "the list is closed again");
    assert!(!server.clock().is_paused());
    let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ahead = server.clock().now().as_micros() - real.as_micros() as i64;
    assert!(ahead < 60_000_000, "{ahead}");
    let mut client = connect(&server);
    assert_eq!(ask(&mut client, "NOOP"), "250 tripped");
    assert_eq!(ask(&mut client, "NOOP"), "250 2.0.0 Ok");
    assert_eq!(server.deliver("me@example.org", "").no().number(), 2, "after the mail of the scenario");
}

#[test]
fn a_reset_keeps_what_is_named() {
    let server = first();
    disturb(&server);

    server.reset_keeping(&[Kept::Rules, Kept::Scenario, Kept::Clock]);

    assert!(server.clock().is_paused());
    assert!(capabilities(&server).contains("SECOND"));
    assert_eq!(ask(&mut connect(&server), "NOOP"), "250 mounted");
    server.reset_keeping(&[Kept::Scenario]);
    assert_eq!(ask(&mut connect(&server), "NOOP"), "250 other");
    assert!(server.clock().is_paused(), "the scenario pauses the clock");
    server.reset_keeping(&[Kept::Clock]);
    assert_eq!(ask(&mut connect(&server), "NOOP"), "250 tripped");
    assert!(server.clock().is_paused());
}

#[test]
fn an_open_session_keeps_the_certificate_that_a_rule_chose() {
    let rules = "mailjig = 1\n[tls]\ncert = 'expired'\n[[rule]]\nid = 'good'\non = 'tls.hello'\ndo = { tls = { cert = 'good' } }\n\
                 [[rule]]\nid = 'tell'\non = 'smtp.noop'\ndo = { reply = '250 {server_cert}' }\n";
    let server = MailServer::builder().scenario(scenario(rules)).start();
    let mut wire = Wire::greeted(&server, "smtp", true);
    assert_eq!(ask(&mut wire, "NOOP"), "250 good");

    server.reset_keeping(&[Kept::Sessions]);

    assert_eq!(ask(&mut wire, "NOOP"), "250 good");
}

#[test]
fn session_numbers_restart_after_those_of_open_sessions() {
    let server = MailServer::start();
    let last = |server: &MailServer| server.sessions().last().unwrap().no.number();
    drop(connect(&server));
    let mut lasts = connect(&server);
    assert_eq!(ask(&mut lasts, "NOOP"), "250 2.0.0 Ok");

    server.reset_keeping(&[Kept::Sessions]);
    let next = connect(&server);
    assert_eq!(last(&server), 3);
    drop((lasts, next));
    let are_over = || server.sessions().iter().all(|session| session.ended.is_some());
    until("both sessions are over", are_over);
    server.reset();

    let _first = connect(&server);
    assert_eq!(last(&server), 1);
}

#[test]
fn deferred_steps_are_dropped_by_a_reset_and_by_another_scenario() {
    let late = "mailjig = 1\nclock = \"manual\"\n[[rule]]\non = \"smtp.noop\"\n\
                do = [ { reply = \"250 late\", after = \"1s\" }, { reply = \"250 now\" } ]\n";
    for is_reset in [true, false] {
        let server = MailServer::builder().scenario(scenario(late)).start();
        let mut client = connect(&server);
        assert_eq!(ask(&mut client, "NOOP"), "250 now");

        match is_reset {
            true => drop(server.reset_keeping(&[Kept::Sessions])),
            false => server.scenario(&scenario("mailjig = 1\nclock = \"manual\"")),
        }
        server.clock().advance(Duration::from_secs(2));

        assert!(ask(&mut client, "VRFY bob").starts_with("252 "), "{is_reset}");
    }
}

#[test]
fn a_reset_reopens_closed_listeners() {
    let server = first();
    ask(&mut connect(&server), "VRFY bob");
    let address = server.smtp().address();
    until("nobody listens", || TcpStream::connect_timeout(&address, DEADLINE).is_err());

    server.reset();

    assert_eq!(ask(&mut connect(&server), "NOOP"), "250 tripped");
}

#[test]
fn a_reset_does_not_change_the_remaining_time_of_open_sessions() {
    let server = MailServer::builder().idle_timeout(Duration::from_secs(60)).start();
    server.clock().pause();
    let mut silent = connect(&server);
    let mut waits = connect(&server);
    server.clock().advance(Duration::from_secs(50));
    assert_eq!(ask(&mut silent, "NOOP"), "250 2.0.0 Ok");
    server.mount(on(smtp::rset()).wait(Duration::from_secs(40)));
    waits.say("RSET\r\n");
    until("the server waits", || server.transcript().to_string().contains("RSET"));
    server.clock().advance(Duration::from_secs(30));

    server.reset_keeping(&[Kept::Sessions]);
    server.clock().pause();

    server.clock().advance(Duration::from_secs(9));
    assert!(waits.is_silent());
    server.clock().advance(Duration::from_secs(1));
    assert_eq!(waits.line(), b"250 2.0.0 Ok\r\n");
    server.clock().advance(Duration::from_secs(19));
    assert!(silent.is_silent());
    server.clock().advance(Duration::from_secs(1));
    assert!(String::from_utf8(silent.line()).unwrap().starts_with("421 "));
}

#[test]
fn a_clock_paused_by_a_scenario_resumes_with_another_one() {
    let server = MailServer::builder().scenario(scenario(SECOND)).start();
    assert!(server.clock().is_paused());
    server.scenario(&scenario(FIRST));
    assert!(!server.clock().is_paused());
    server.clock().pause();
    server.scenario(&scenario("mailjig = 1"));
    assert!(server.clock().is_paused(), "the test paused it, not a scenario");
    server.scenario(&scenario(SECOND));
    server.scenario(&scenario(SECOND));
    assert!(server.clock().is_paused());

    let server = MailServer::builder().manual_clock().scenario(scenario(SECOND)).start();
    server.scenario(&scenario(FIRST));
    assert!(server.clock().is_paused(), "the server started with a paused clock");
}

#[test]
fn unloading_a_scenario_removes_its_mail_and_accounts() {
    let server = MailServer::start();
    server.deliver("bob@example.org", "Subject: mine\r\n\r\n");
    server.scenario(&scenario(FIRST));
    assert_eq!(subjects(&server, "me@example.org", "INBOX"), ["first"]);

    server.scenario(&scenario(
        "mailjig = 1\n[[message]]\nmailbox = 'News'\ntext = 'Subject: second'\n[[mailbox]]\nname = 'Empty'\n",
    ));

    assert!(server.account("me@example.org").mailboxes().is_empty(), "the account was removed with its scenario");
    assert_eq!(subjects(&server, "bob@example.org", "News"), ["second"], "earlier accounts have it");
    server.deliver("late@example.org", "");
    assert_eq!(subjects(&server, "late@example.org", "News"), ["second"], "later accounts have it too");
    server.account("late@example.org").mailbox("News").add("Subject: own\r\n\r\n");

    server.scenario(&scenario("mailjig = 1"));

    assert_eq!(server.account("bob@example.org").mailboxes(), ["INBOX"]);
    assert_eq!(subjects(&server, "bob@example.org", "INBOX"), ["mine"]);
    assert_eq!(subjects(&server, "late@example.org", "News"), ["own"], "mail from elsewhere is kept");
    server.deliver("later@example.org", "");
    assert_eq!(server.account("later@example.org").mailboxes(), ["INBOX"]);
}

#[test]
fn a_client_is_told_that_its_account_was_removed_with_the_scenario() {
    let empty = "mailjig = 1\n[[user]]\nname = 'me@example.org'\npassword = 'secret'\n";
    for before in [FIRST, empty] {
        goes_with_its_scenario(&MailServer::builder().scenario(scenario(before)).start());
    }
}

#[test]
fn a_client_is_told_that_its_account_was_removed_by_a_reset() {
    let server = MailServer::start();
    let mut client = idling(&server);

    server.reset_keeping(&[Kept::Sessions]);

    hears_that_its_account_is_gone(&mut client);
}

#[test]
fn a_reset_tells_connected_clients_and_returns_their_sessions() {
    let server = MailServer::start();
    let mut smtp = connect(&server);
    let mut imap = idling(&server);
    let mut pop3 = Wire::connect(&server, "pop3", false);
    pop3.line();

    let open = server.reset();

    let open: Vec<_> = open.iter().map(|session| (session.listener.name(), session.user.as_deref())).collect();
    assert_eq!(open, [("smtp", None), ("imap", Some("me@example.org")), ("pop3", None)]);
    for (client, says) in [
        (&mut smtp, "421 4.3.2 The server was reset\r\n"),
        (&mut imap, "* BYE The server was reset\r\n"),
        (&mut pop3, "-ERR [SYS/TEMP] The server was reset\r\n"),
    ] {
        assert_eq!(String::from_utf8(client.line()).unwrap(), says);
        assert_eq!(client.read(), Err(After::Eof), "{says}");
    }
    assert!(server.sessions().is_empty());
    let _first = connect(&server);
    assert_eq!(server.sessions()[0].no.number(), 1);
}

#[test]
fn a_reset_does_not_wait_for_a_client_that_a_rule_stalls() {
    let server = MailServer::start();
    server.mount(on(smtp::noop()).stall());
    let mut client = connect(&server);
    client.say("NOOP\r\n");
    until("the session is stalled", || server.transcript().to_string().contains("NOOP"));

    assert_eq!(server.reset().len(), 1);

    assert!(server.sessions().is_empty());
}

fn goes_with_its_scenario(server: &MailServer) {
    let mut client = idling(server);

    server.scenario(&scenario(SECOND));

    hears_that_its_account_is_gone(&mut client);
}

/// A client in IDLE.
fn idling(server: &MailServer) -> Wire {
    let mut client = Wire::connect(server, "imap", false);
    client.line();
    ask(&mut client, "a LOGIN me@example.org secret");
    client.say("b SELECT INBOX\r\n");
    while !String::from_utf8(client.line()).unwrap().contains("b OK") {}
    assert_eq!(ask(&mut client, "c IDLE"), "+ idling");
    client
}

fn hears_that_its_account_is_gone(client: &mut Wire) {
    let line = String::from_utf8(client.line()).unwrap();
    assert!(line.contains("* BYE The account is gone"), "{line}");
}

#[test]
fn a_session_keeps_its_age_across_a_reset() {
    let server = MailServer::builder().manual_clock().start();
    server.clock().advance(Duration::from_secs(24 * 3600));
    let mut client = connect(&server);
    server.clock().advance(Duration::from_secs(3));

    server.reset_keeping(&[Kept::Sessions]);

    let [session] = &server.sessions()[..] else { panic!("there must be one session") };
    assert!(session.opened < server.clock().now());
    server.mount(on(smtp::noop()).note("{age} {idle}"));
    server.clock().advance(Duration::from_secs(4));
    assert_eq!(ask(&mut client, "NOOP"), "250 2.0.0 Ok");
    let transcript = server.transcript().to_string();
    assert!(transcript.contains("notes: 7000000 7000000\n"), "{transcript}");
}
