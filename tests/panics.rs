//! Every public call that panics names the line of the test, and says what would be right.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

use mailjig::matchers::{any, attachment, body, from, header, session, subject, to};
use mailjig::rules::{Messages, Place, Sessions, mail, on, pop3, smtp, steps};
use mailjig::{Listener, Mail, MailServer, Pattern, Scenario, Times};

/// The location and the text of the panic of this call.
fn panic_of(act: impl FnOnce()) -> (String, String) {
    static PLACE: Mutex<String> = Mutex::new(String::new());
    std::panic::set_hook(Box::new(|panic| {
        *PLACE.lock().unwrap() = panic.location().expect("a panic has a location").to_string();
    }));
    let ended = catch_unwind(AssertUnwindSafe(act));
    let _default = std::panic::take_hook();
    let text = match ended.expect_err("it panics").downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().expect("panics have a text").to_string(),
    };
    (PLACE.lock().unwrap().clone(), text)
}

/// A call and the text of its panic.
type Case<'c> = (&'c str, Box<dyn FnOnce() + 'c>);

/// A row of the table below.
fn case<'c, T>(says: &'c str, act: impl FnOnce() -> T + 'c) -> Case<'c> {
    (says, Box::new(move || drop(act())))
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "they panic, too")]
fn every_panic_is_at_the_line_of_the_test() {
    let server = MailServer::builder().account("bob@example.org", "secret").without(Listener::Smtps).start();
    let none = MailServer::builder()
        .without(Listener::Smtp)
        .without(Listener::Submission)
        .without(Listener::Imap)
        .without(Listener::Imaps)
        .without(Listener::Pop3)
        .without(Listener::Pop3s)
        .start();
    let taken = server.smtp().address();
    let now = Duration::ZERO;
    let bob = server.account("bob@example.org");
    let open = MailServer::start();
    let client = std::net::TcpStream::connect_timeout(&open.smtp().address(), Duration::from_secs(20)).unwrap();
    open.wait_for_session(session::open()).block();
    open.deliver("bob@example.org", "Subject: hi\r\n\r\n");

    let cases: Vec<Case<'_>> = vec![
        // Starting.
        case("the smtp listener cannot bind", || MailServer::builder().listen(Listener::Smtp, taken).start()),
        case("\"a//b\" is not a valid namespace: a level of the name is empty", || {
            MailServer::builder().namespace("a//b").start()
        }),
        case("\"two words\" is not a valid host name", || MailServer::builder().host("two words").start()),
        case("did you mean `smtp-greylist`?", || MailServer::builder().scenario(Scenario::named("smtp-graylist"))),
        case("did you mean `unknown`?", || {
            MailServer::builder().scenario(Scenario::named("smtp-partial-rcpt").set("unknwon", "x"))
        }),
        case("'a' is not a valid delimiter", || MailServer::builder().delimiter('a')),
        case("did you mean `smtp-greylist`?", || server.scenario(&Scenario::named("smtp-graylist"))),
        // Listeners that are switched off.
        case("the smtp listener of this server is off", || none.smtp().port()),
        case("the submission listener", || none.submission().port()),
        case("the smtps listener", || server.smtps().port()),
        case("the imap listener", || none.imap().port()),
        case("the imaps listener", || none.imaps().port()),
        case("the pop3 listener", || none.pop3().port()),
        case("the pop3s listener", || none.pop3s().port()),
        // Mail and accounts.
        case("did you mean `bob@example.org`?", || server.deliver("bbo@example.org", "")),
        case("<x@y.example> is not an address", || server.deliver_from("", "x@y.example", "")),
        case("did you mean `bob@example.org`?", || server.account("bob@example.com").mailbox("Work").create()),
        case("did you mean `\\Seen`?", || bob.inbox().add(Mail::new("").flag("\\Sen"))),
        case("no mailbox can have this name", || bob.mailbox("").generate(1)),
        case("0 messages matched, expected exactly 1", || server.only(any())),
        // Waiting.
        case("no message matched", || server.wait_for(any()).within(now).block()),
        case("no message matched", || server.wait_for(any()).count(2).within(now).block()),
        case("no session is", || server.wait_for_session(session::idling()).within(now).block()),
        case("1 session is still open", || open.wait_for_no_session().within(now).block()),
        case("1 message matched, expected none", || open.none_within(Duration::from_secs(20), any()).block()),
        case("1 of 1 expectations failed", || {
            server.expect(1, any());
            server.verify().block();
        }),
        // Matchers and counts.
        case("is not a pattern", || to("~(")),
        case("is not a pattern", || from("~(")),
        case("is not a pattern", || subject("~(")),
        case("is not a pattern", || body("~(")),
        case("is not a pattern", || header("x", "~(")),
        case("is not a pattern", || attachment("~(")),
        case("is not a pattern", || session::mailbox("~(")),
        case("is not a pattern", || session::user("~(")),
        case("is not a pattern", || session::helo("~(")),
        case("did you mean `smtp`?", || session::listener("smpt")),
        case("is not a pattern", || Pattern::from("~(".to_owned())),
        case("the range 3..1 contains no count", || Times::from(3..1)),
        case("the range 3..=1 contains no count", || Times::from(3..=1)),
        case("the range 0..0 contains no count", || server.expect(..0, any())),
        // Rules.
        case("unknown field `rctp`; did you mean `rcpt`?", || on(smtp::rcpt()).when("rctp", "x")),
        case("`many` is not a number", || on(smtp::message()).when("size", "many")),
        case("`often` is not a valid `nth`", || on(smtp::rcpt()).nth("often")),
        case("{", || on(smtp::rcpt()).per("{")),
        case("`~(` is not a pattern", || on(smtp::rcpt()).to("~(")),
        case("", || on(smtp::rcpt()).raw("\\q")),
        case("{", || on(smtp::rcpt()).reply("250 {")),
        case("is not a pattern", || on(pop3::event("noop")).await_line("~(")),
        case("is not a pattern", || on(smtp::rcpt()).cut_before("~(")),
        case("unknown event `smtp.rctp`; did you mean `smtp.rcpt`?", || smtp::event("rctp")),
        case("", || server.mount(on(smtp::rcpt()).reply("hello"))),
        case("is not a pattern", || on(smtp::noop()).kick("~(")),
        case("{", || on(smtp::noop()).kick_with(Sessions::all(), "{")),
        case("{", || on(smtp::noop()).expunge(Messages::uid(1).mailbox(Place::of("{", "INBOX")))),
        case("{", || on(smtp::noop()).flag(Messages::all().mailbox(Place::of("{", "INBOX")), &["x"], &[])),
        case("{", || on(smtp::noop()).deliver_message("m1", Place::of("{", "INBOX"))),
        case("{", || on(smtp::message()).deliver_into(Place::of("{", "INBOX"))),
        case("{", || on(smtp::noop()).renumber(Place::of("{", "INBOX"))),
        case("`x` is not a number or an offset", || on(smtp::noop()).uid_validity("INBOX", "x")),
        case("is not a pattern", || on(pop3::event("noop")).await_line_or("~(", steps())),
        case("no mailbox is selected at this event", || server.mount(on(smtp::noop()).expunge(1))),
        case("a closure cannot decide at `mail.delivered`", || {
            server.mount(on(mail::delivered()).when_fn(|_| true).note("x"))
        }),
    ];

    let mut wrong = Vec::new();
    for (says, act) in cases {
        let (place, text) = panic_of(act);
        if !place.starts_with("tests/panics.rs:") || !text.contains(says) {
            wrong.push(format!("{place}: {text}\n    (wanted {says:?})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    drop(client);
}
