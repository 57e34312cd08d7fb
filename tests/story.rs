//! One message over three protocols: sent over submission, seen by two clients in IDLE, flagged by one, deleted over
//! POP3, and still captured.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use clients::deadline::connect;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};
use mailjig::matchers::{session, subject, to};
use mailjig::{Endpoint, Kept, Mail, MailServer, Scenario, Timestamp};

#[path = "clients/mod.rs"]
mod clients;

/// A line-based client.
struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects, and reads the greeting.
    fn new(endpoint: &Endpoint) -> Self {
        let socket = connect(endpoint.address());
        let mut client = Self(BufReader::new(socket));
        client.line();
        client
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.ends_with("\r\n"), "the server closed the connection after {line:?}");
        line.trim_end().to_owned()
    }

    /// Sends a line, and reads up to a line that begins with `until`.
    fn say(&mut self, line: &str, until: &str) -> Vec<String> {
        write!(self.0.get_mut(), "{line}\r\n").unwrap();
        let mut said = Vec::new();
        loop {
            said.push(self.line());
            if said.last().is_some_and(|line| line.starts_with(until)) {
                return said;
            }
        }
    }

    /// An IMAP client with the INBOX selected.
    fn imap(server: &MailServer) -> Self {
        let mut client = Self::new(server.imap());
        client.say("a LOGIN bob@example.org secret", "a OK");
        client.say("b SELECT INBOX", "b OK");
        client
    }
}

fn send(server: &MailServer) {
    let ca = Certificate::from_pem(server.ca().as_bytes()).unwrap();
    let tls = TlsParameters::builder("localhost".to_owned()).add_root_certificate(ca).build().unwrap();
    let transport = SmtpTransport::builder_dangerous("localhost")
        .port(server.submission().port())
        .tls(Tls::Required(tls))
        .credentials(Credentials::new("ann@example.org".into(), "secret".into()))
        .build();
    let letter = lettre::Message::builder().from("ann@example.org".parse().unwrap());
    let letter = letter.to("bob@example.org".parse().unwrap()).subject("Dinner").body("At eight?\r\n".to_owned());
    transport.send(&letter.unwrap()).unwrap();
}

#[test]
fn a_message_is_seen_flagged_deleted_and_still_captured() {
    let server =
        MailServer::builder().account("ann@example.org", "secret").account("bob@example.org", "secret").start();
    let (mut one, mut two) = (Client::imap(&server), Client::imap(&server));
    one.say("c IDLE", "+");
    two.say("c IDLE", "+");

    send(&server);

    // Both are told at once, without a command.
    assert_eq!([one.line(), two.line()], ["* 1 EXISTS", "* 1 EXISTS"]);
    // It is recent in the session that was told first.
    let mut recent = [one.line(), two.line()];
    recent.sort();
    assert_eq!(recent, ["* 0 RECENT", "* 1 RECENT"]);
    one.say("DONE", "c OK");
    assert_eq!(one.say("d FETCH 1 ENVELOPE", "d OK")[0].matches("\"Dinner\"").count(), 1);
    assert!(one.say("e STORE 1 +FLAGS (\\Flagged)", "e OK")[0].starts_with("* 1 FETCH (FLAGS (\\Flagged"));
    assert!(two.line().starts_with("* 1 FETCH (UID 1 FLAGS (\\Flagged"));
    assert_eq!(server.account("bob@example.org").inbox().entries()[0].flags, ["\\Flagged"]);

    let mut pop3 = Client::new(server.pop3());
    pop3.say("USER bob@example.org", "+OK");
    assert_eq!(pop3.say("PASS secret", "+OK").len(), 1);
    let retrieved = pop3.say("RETR 1", ".");
    assert!(retrieved.contains(&"At eight?".to_owned()), "{retrieved:?}");
    pop3.say("DELE 1", "+OK");
    assert_eq!(server.account("bob@example.org").inbox().entries().len(), 1, "it is deleted at QUIT, not before");
    pop3.say("QUIT", "+OK");

    assert_eq!(two.line(), "* 1 EXPUNGE");
    assert_eq!(one.say("f NOOP", "f OK")[0], "* 1 EXPUNGE");
    assert!(server.account("bob@example.org").inbox().entries().is_empty());
    let captured = server.only(to("bob@example.org").and(subject("Dinner")).and(session::user("ann@example.org")));
    assert!(captured.text().starts_with("At eight?"));
    let sessions = server.sessions();
    assert_eq!(sessions.iter().filter(|session| session.tls.is_some()).count(), 1);
}

#[test]
fn a_maildrop_is_locked_by_one_session() {
    let server = MailServer::start();
    server.account("bob@example.org").inbox().generate(2);
    let (mut one, mut two) = (Client::new(server.pop3()), Client::new(server.pop3()));
    one.say("USER bob@example.org", "+OK");
    one.say("PASS x", "+OK 2 messages");
    two.say("USER bob@example.org", "+OK");

    assert_eq!(two.say("PASS x", "-ERR"), ["-ERR [IN-USE] another session has locked the maildrop"]);
    // Later changes do not affect the maildrop: it is as it was at the login.
    server.deliver("bob@example.org", "Subject: later\r\n\r\n");
    let mut imap = Client::imap(&server);
    imap.say("c STORE 1 +FLAGS (\\Deleted)", "c OK");
    imap.say("d EXPUNGE", "d OK");
    assert!(one.say("STAT", "+OK")[0].starts_with("+OK 2 "));
    assert!(one.say("RETR 1", ".").contains(&"Subject: generated 1".to_owned()));
    one.say("DELE 1", "+OK");
    one.say("QUIT", "+OK");

    // The maildrop is free as soon as QUIT is answered.
    two.say("USER bob@example.org", "+OK");
    assert!(two.say("PASS x", "+OK")[0].starts_with("+OK 2 messages"));
    assert_eq!(two.say("UIDL", ".")[1..3], ["1 1.2", "2 1.3"]);
    drop(two);
    server.wait_for_session(session::listener("pop3").and(session::open().not())).block();
}

/// RFC 6856 §2.1. Only the sender's SMTPUTF8 makes a message internationalized.
#[test]
fn a_declared_utf8_header_needs_utf8_over_pop3() {
    let server = MailServer::start();
    let mut sender = Client::new(server.smtp());
    sender.say("EHLO client", "250 ");
    for parameters in ["", " SMTPUTF8"] {
        sender.say(&format!("MAIL FROM:<ann@example.org>{parameters}"), "250 ");
        sender.say("RCPT TO:<bob@example.org>", "250 ");
        sender.say("DATA", "354 ");
        sender.say("Subject: Gr\u{fc}\u{df}e\r\n\r\n.", "250 ");
    }
    let reader = |is_utf8: bool| {
        let mut reader = Client::new(server.pop3());
        if is_utf8 {
            reader.say("UTF8", "+OK");
        }
        reader.say("USER bob@example.org", "+OK");
        reader.say("PASS secret", "+OK");
        reader
    };

    let mut plain = reader(false);
    assert_eq!(plain.say("RETR 1", ".")[1], "Subject: Gr\u{fc}\u{df}e");
    assert!(plain.say("RETR 2", "")[0].starts_with("-ERR [UTF8]"));
    plain.say("QUIT", "+OK");
    assert_eq!(reader(true).say("RETR 2", ".")[1], "Subject: Gr\u{fc}\u{df}e");
}

#[test]
fn deleting_a_mailbox_ends_its_sessions_but_renaming_does_not() {
    let server = MailServer::start();
    server.account("bob@example.org").mailbox("Work").add("Subject: x\r\n\r\n");
    let (mut one, mut two, mut three) = (Client::imap(&server), Client::imap(&server), Client::imap(&server));
    one.say("c SELECT Work", "c OK");
    two.say("c SELECT Work", "c OK");
    two.say("d IDLE", "+");

    three.say("d RENAME Work Play", "d OK");
    assert_eq!(one.say("d FETCH 1 FLAGS", "d OK")[0], "* 1 FETCH (FLAGS (\\Recent))");
    assert_eq!(server.account("bob@example.org").mailboxes(), ["INBOX", "Play"]);

    three.say("e DELETE Play", "e OK");
    assert_eq!(two.line(), "* BYE The mailbox was deleted");
    write!(one.0.get_mut(), "e FETCH 1 FLAGS\r\n").unwrap();
    assert_eq!(one.line(), "* BYE The mailbox was deleted");
    three.say("f CREATE Play", "f OK");
    assert!(three.say("g STATUS Play (UIDVALIDITY)", "g OK")[0].ends_with("(UIDVALIDITY 3)"));
}

#[test]
fn a_reset_ends_sessions_of_removed_accounts() {
    let server = MailServer::start();
    server.account("bob@example.org").inbox().generate(1);
    let mut imap = Client::imap(&server);
    let mut idle = Client::imap(&server);
    idle.say("c IDLE", "+");
    let mut pop3 = Client::new(server.pop3());
    pop3.say("USER bob@example.org", "+OK");
    pop3.say("PASS x", "+OK");

    server.reset_keeping(&[Kept::Sessions]);

    while idle.line() != "* BYE The account is gone" {}

    write!(imap.0.get_mut(), "c FETCH 1 FLAGS\r\n").unwrap();
    assert_eq!(imap.line(), "* BYE The account is gone");
    assert_eq!(pop3.say("RETR 1", "-ERR"), ["-ERR [SYS/TEMP] the account is gone"]);
    let mut imap = Client::imap(&server);
    assert_eq!(
        imap.say("c STATUS INBOX (MESSAGES UIDVALIDITY)", "c OK")[0],
        "* STATUS INBOX (MESSAGES 0 UIDVALIDITY 1)"
    );
}

#[test]
fn mailboxes_can_be_seeded_and_inspected() {
    let server = MailServer::builder().account("bob@example.org", "secret").start();
    let bob = server.account("bob@example.org");
    let date = Timestamp::from_micros(1_577_880_000_000_000);
    bob.mailbox("Archive/2020").add(Mail::new("Subject: old\r\n\r\n").seen().flag("$Work").dated(date));
    bob.mailbox("Empty").create();

    assert_eq!(bob.mailboxes(), ["INBOX", "Archive/2020", "Empty"]);
    let entry = bob.mailbox("Archive/2020").entries().remove(0);
    assert_eq!((entry.uid, entry.date, entry.has("\\seen"), entry.has("$play")), (1, date, true, false));
    assert_eq!(entry.message.envelope().accepted().count(), 0);
    assert!(bob.mailbox("Empty").exists() && !bob.mailbox("Other").exists());
    assert_eq!(bob.mailbox("Empty").uid_validity(), Some(3));
    assert!(server.messages().is_empty(), "no client sent it");
    let mut imap = Client::imap(&server);
    imap.say("c SELECT Archive/2020", "c OK");
    let fetched = imap.say("d FETCH 1 (FLAGS INTERNALDATE)", "d OK").remove(0);
    assert_eq!(fetched, "* 1 FETCH (FLAGS (\\Seen $Work \\Recent) INTERNALDATE \" 1-Jan-2020 12:00:00 +0000\")");

    for (unfit, why) in [
        (bob.mailbox("a//b"), "a//b of bob@example.org: no mailbox can have this name: a level of the name is empty"),
        (
            server.account("eve@example.org").inbox(),
            "INBOX of eve@example.org: the list of accounts is closed and does not contain this login; did you mean `bob@example.org`?",
        ),
    ] {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| unfit.create())).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), why);
    }
}

#[test]
fn a_failed_wait_for_a_session_reports_each_session() {
    let server = MailServer::start();
    let _imap = Client::imap(&server);
    let idling = session::user("bob@example.org").and(session::idling());

    let wait = server.wait_for_session(idling).within(Duration::from_millis(10));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait.block())).unwrap_err();

    let text = panic.downcast_ref::<String>().unwrap();
    let (place, text) = text.split_once(": ").unwrap();
    assert_eq!(
        text,
        "within 10ms, no session is user \"bob@example.org\" and idling\n  s1 imap: idling wanted true, got false"
    );
    assert!(place.starts_with("tests/story.rs:"), "{place}");
}

#[test]
fn a_large_mailbox_is_searched_and_fetched_concurrently() {
    let server = MailServer::start();
    server.account("bob@example.org").inbox().generate(10_000);
    let mut searcher = Client::imap(&server);
    let mut other = Client::imap(&server);
    write!(searcher.0.get_mut(), "c SEARCH TEXT nowhere\r\nd FETCH 1:* (FLAGS ENVELOPE)\r\n").unwrap();

    other.say("c NOOP", "c OK");

    assert_eq!(searcher.line(), "* SEARCH");
    let mut fetched = 0;
    while !searcher.line().starts_with("d OK") {
        fetched += 1;
    }
    assert_eq!(fetched, 10_001);
}

#[test]
fn maildrops_expire_by_the_clock_of_the_server() {
    let day = Duration::from_secs(86_400);
    let scenario = Scenario::text(
        "expire.toml",
        "mailjig = 1\n[server.pop3]\nexpire = 30\nexpire_for = { 'ann@example.org' = 0, 'eve@example.org' = 'never' }\n\
         login_delay = '60s'\nunique_ids = 'hex'\n",
    );
    let server = MailServer::builder().manual_clock().scenario(scenario).start();
    let log_in = |login: &str| {
        let mut client = Client::new(server.pop3());
        client.say(&format!("USER {login}"), "+OK");
        client
    };
    let logins = ["ann@example.org", "bob@example.org", "eve@example.org"];
    logins.iter().for_each(|login| drop(server.deliver(login, "Subject: old\r\n\r\n")));
    server.clock().advance(day * 29);
    logins.iter().for_each(|login| drop(server.deliver(login, "Subject: new\r\n\r\n")));
    server.clock().advance(day);

    for (login, stat, left) in [(logins[0], "+OK 2 ", 1), (logins[1], "+OK 1 ", 1), (logins[2], "+OK 2 ", 2)] {
        let mut client = log_in(login);
        client.say("PASS x", "+OK");
        assert!(client.say("STAT", "+OK")[0].starts_with(stat), "{login}");
        client.say("RETR 1", ".");
        assert!(client.say("UIDL 1", "+OK")[0].starts_with("+OK 1 0000000"), "{login}");
        client.say("QUIT", "+OK");
        assert_eq!(server.account(login).inbox().entries().len(), left, "{login}");
    }
    let transcript = server.transcript().to_string();
    let told: Vec<_> = transcript.lines().filter(|line| line.contains("EXPIRE")).collect();
    assert_eq!(
        told,
        ["-- mailjig notes: EXPIRE 0 deleted 1 message", "-- mailjig notes: EXPIRE 30 deleted 1 message"],
        "{transcript}"
    );

    let mut early = log_in(logins[0]);
    assert_eq!(early.say("PASS x", "-ERR"), ["-ERR [LOGIN-DELAY] you may log in again in 60 s"]);
    log_in("carl@example.org").say("PASS x", "+OK");
    server.clock().advance(Duration::from_secs(60));
    log_in(logins[0]).say("PASS x", "+OK");
}
