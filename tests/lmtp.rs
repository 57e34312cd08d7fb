//! LMTP (RFC 2033): a reply for each recipient, and rules that shape one of them.

use std::time::Duration;

use clients::wire::After::{self, Eof, Open, Reset, Silence};
use clients::wire::Wire;
use mailjig::matchers::subject;
use mailjig::rules::{lmtp, on};
use mailjig::{Kept, MailServer, Protocol, Scenario};

#[path = "clients/mod.rs"]
mod clients;

const RECIPIENTS: [&str; 3] = ["pat@example.org", "jones@example.org", "green@example.org"];

/// A client, and what it has read beyond the expected lines.
struct Client {
    wire: Wire,
    read: Vec<u8>,
}

/// A client that has sent LHLO.
fn connect(server: &MailServer) -> Client {
    connect_by(server, false)
}

fn connect_by(server: &MailServer, is_tls: bool) -> Client {
    let mut client = Client { wire: Wire::greeted(server, "lmtp", is_tls), read: Vec::new() };
    client.wire.say("LHLO me\r\n");
    while line(&mut client).as_bytes()[3] == b'-' {}
    client
}

fn line(client: &mut Client) -> String {
    loop {
        if let Some(end) = client.read.windows(2).position(|pair| pair == b"\r\n") {
            let line = client.read.drain(..end + 2).take(end).collect();
            return String::from_utf8(line).unwrap();
        }
        client.read.extend(client.wire.read().expect("a line"));
    }
}

/// This many octets, each as a character.
fn octets(client: &mut Client, count: usize, what: &str) -> String {
    while client.read.len() < count {
        let more = client.wire.read().unwrap_or_else(|end| panic!("{what}: {end:?} behind {:?}", client.read));
        client.read.extend(more);
    }
    client.read.drain(..count).map(char::from).collect()
}

/// Sends a message to these recipients, without reading the replies to it.
fn say_message(client: &mut Client, recipients: &[&str]) {
    client.wire.say("MAIL FROM:<ann@example.org>\r\n");
    assert_eq!(line(client), "250 2.1.0 Ok");
    say_recipients(client, recipients);
    client.wire.say("Subject: one\r\n\r\n.\r\n");
}

/// Sends the recipients, and begins the message.
fn say_recipients(client: &mut Client, recipients: &[&str]) {
    for recipient in recipients {
        client.wire.say(&format!("RCPT TO:<{recipient}>\r\n"));
        assert_eq!(line(client), "250 2.1.5 Ok");
    }
    client.wire.say("DATA\r\n");
    assert!(line(client).starts_with("354 "));
}

/// The replies to a message to these recipients.
fn send(client: &mut Client, recipients: &[&str]) -> Vec<String> {
    say_message(client, recipients);
    recipients.iter().map(|_| line(client)).collect()
}

fn accepted(recipient: &str, message: &str) -> String {
    format!("250 2.0.0 <{recipient}> Ok: queued as {message}")
}

/// How many messages each of the recipients has.
fn counts(server: &MailServer) -> [usize; 3] {
    RECIPIENTS.map(|login| server.account(login).inbox().entries().len())
}

const PAT: &str = "250 2.0.0 <pat@example.org> Ok: queued as m1\r\n";
const JONES: &str = "250 2.0.0 <jones@example.org> Ok: queued as m1\r\n";
const GREEN: &str = "250 2.0.0 <green@example.org> Ok: queued as m1\r\n";

/// Steps of a rule for jones, the second of three recipients: what the client reads after the message, how many
/// messages each recipient has, and how the connection ends.
#[rustfmt::skip]
const STEPS: &[(&str, &[&str], [usize; 3], After)] = &[
    ("{ pass = true }", &[PAT, JONES, GREEN], [1, 1, 1], Open),
    ("[{ pass = 'silent' }, { reply = '451 4.3.0 later' }]", &[PAT, "451 4.3.0 later\r\n", GREEN], [1, 1, 1], Open),
    ("{ pass = { status = '451 4.3.0 later' } }", &[PAT, "451 4.3.0 later\r\n", GREEN], [1, 1, 1], Open),
    ("{ reply = ['452 4.2.2 full', '452 come back'] }", &[PAT, "452-4.2.2 full\r\n452 come back\r\n", GREEN], [1, 0, 1], Open),
    ("[{ reply = '354 go' }, { await = '~^x' }, { reply = '250 done' }]", &[PAT, "354 go\r\n", "250 done\r\n", GREEN], [1, 0, 1], Open),
    ("{ stall = 'reply' }", &[PAT], [1, 0, 1], Open),
    ("{ stall = 'conn' }", &[PAT], [1, 0, 0], Silence),
    ("{ raw = '250-\\xff\\r\\n' }", &[PAT, "250-\u{ff}\r\n", GREEN], [1, 0, 1], Open),
    ("{ wait = '1ms' }", &[PAT, JONES, GREEN], [1, 1, 1], Open),
    ("{ pace = { chunk = 20, gap = '1ms' } }", &[PAT, JONES, GREEN], [1, 1, 1], Open),
    ("{ split = [4] }", &[PAT, JONES, GREEN], [1, 1, 1], Open),
    ("[{ hold = true }, { pass = true }, { raw = 'x' }]", &[PAT, JONES, "x", GREEN], [1, 1, 1], Open),
    ("{ cut = { at = 4, close = 'fin' } }", &[PAT, "250 "], [1, 1, 0], Eof),
    ("{ eol = 'lf' }", &[PAT, "250 2.0.0 <jones@example.org> Ok: queued as m1\n", GREEN], [1, 1, 1], Open),
    ("{ edit = { line = 1, drop = true } }", &[PAT, GREEN], [1, 1, 1], Open),
    ("{ edit = { line = 1, dup = true } }", &[PAT, JONES, JONES, GREEN], [1, 1, 1], Open),
    ("{ pad = { line = 1, to = 52 } }", &[PAT, "250 2.0.0 <jones@example.org> Ok: queued as m1xxxxxx\r\n", GREEN], [1, 1, 1], Open),
    ("{ close = 'rst' }", &[PAT], [1, 0, 0], Reset),
    ("[{ pass = true }, { read = 'stop' }]", &[PAT, JONES, GREEN], [1, 1, 1], Silence),
    ("{ flag = { user = 'pat@example.org', mailbox = 'INBOX', all = true, add = ['\\Seen'] } }", &[PAT, JONES, GREEN], [1, 1, 1], Open),
    ("{ expunge = { user = 'pat@example.org', mailbox = 'INBOX', msn = 1 } }", &[PAT, JONES, GREEN], [0, 1, 1], Open),
    ("{ kick = { proto = 'lmtp', reply = '421 4.3.2 bye' } }", &[PAT, JONES, GREEN, "421 4.3.2 bye\r\n"], [1, 1, 1], Eof),
    ("{ set = { phase = 'down' } }", &[PAT, JONES, GREEN], [1, 1, 1], Open),
];

#[test]
fn a_step_at_one_recipient_does_not_affect_the_others() {
    for (steps, said, wanted, end) in STEPS {
        for is_tls in [false, true] {
            let what = format!("{steps}, tls: {is_tls}");
            let rule = format!(
                "mailjig = 1\n[[rule]]\non = 'lmtp.delivery'\nwhen = {{ rcpt = 'jones@*' }}\ndo = {steps}\nexpect = '=1'\n"
            );
            let server = MailServer::builder().scenario(Scenario::text("step.toml", rule)).start();
            let mut client = connect_by(&server, is_tls);

            say_message(&mut client, &RECIPIENTS);
            for part in *said {
                assert_eq!(octets(&mut client, part.chars().count(), &what), *part, "{what}");
                if part.starts_with("354") {
                    client.wire.say("x\r\n");
                }
            }

            match end {
                Open => {
                    client.wire.say("NOOP\r\n");
                    assert_eq!(line(&mut client), "250 2.0.0 Ok", "{what}");
                }
                Silence => {
                    client.wire.say("NOOP\r\n");
                    server.settled().block();
                    assert!(client.wire.is_silent(), "{what}");
                }
                end => assert_eq!(client.wire.read(), Err(*end), "{what}"),
            }
            assert_eq!(counts(&server), *wanted, "{what}");
        }
    }
}

#[test]
fn each_recipient_gets_a_reply_and_the_message_once() {
    let server = MailServer::start();
    let mut client = connect(&server);
    let [pat, jones, _] = RECIPIENTS;

    assert_eq!(send(&mut client, &[pat, jones, pat]), [pat, jones, pat].map(|to| accepted(to, "m1")));

    assert_eq!(counts(&server), [1, 1, 0]);
    assert_eq!(server.messages().len(), 1);
    let session = server.sessions().remove(0);
    assert_eq!((session.listener.name(), session.listener.protocol()), ("lmtp", Protocol::Lmtp));
    assert_eq!(server.lmtp().url(), format!("lmtp://127.0.0.1:{}", server.lmtp().port()));
    assert!(!server.lmtp().requires_login());
}

#[test]
fn a_rule_refuses_one_recipient_and_the_others_get_the_message() {
    let server = MailServer::start();
    server.mount(on(lmtp::delivery()).to("jones@*").reply("452 4.2.2 {rcpt} is over quota").once());
    let mut client = connect(&server);
    let [pat, jones, green] = RECIPIENTS;

    let replies = send(&mut client, &RECIPIENTS);

    let full = "452 4.2.2 jones@example.org is over quota".to_owned();
    assert_eq!(replies, [accepted(pat, "m1"), full, accepted(green, "m1")]);
    assert_eq!(counts(&server), [1, 0, 1]);
    let message = server.only(subject("one"));
    assert_eq!(message.envelope().accepted().collect::<Vec<_>>(), RECIPIENTS);
    assert_eq!(send(&mut client, &[jones]), [accepted(jones, "m2")]);
}

#[test]
fn a_rules_reply_to_the_message_is_sent_for_each_recipient_and_nobody_gets_it() {
    let server = MailServer::start();
    server.mount(on(lmtp::message()).reply("451 4.3.0 later").once());
    let mut client = connect(&server);

    assert_eq!(send(&mut client, &RECIPIENTS), ["451 4.3.0 later"; 3]);

    assert_eq!((counts(&server), server.messages().len()), ([0; 3], 0));
    client.wire.say("NOOP\r\n");
    assert_eq!(line(&mut client), "250 2.0.0 Ok");
}

#[test]
fn a_rule_redirects_the_message() {
    let server = MailServer::start();
    server.mount(on(lmtp::message()).lose().once());
    let mut client = connect(&server);
    let [pat, ..] = RECIPIENTS;

    assert_eq!(send(&mut client, &[pat]), [accepted(pat, "m1")]);
    assert_eq!((counts(&server), server.messages().len()), ([0; 3], 1));

    server.mount(on(lmtp::message()).deliver_into("Junk"));
    assert_eq!(send(&mut client, &[pat]), [accepted(pat, "m2")]);
    assert_eq!(counts(&server), [0; 3]);
    assert_eq!(server.account(pat).mailbox("Junk").entries().len(), 1);
}

#[test]
fn rules_around_the_message_and_around_a_recipient_work_together() {
    let rules = "mailjig = 1\n\
        [[rule]]\nid = 'outer'\non = 'lmtp.message'\ndo = [{ pass = true }, { raw = '250 done\\r\\n' }]\n\
        [[rule]]\nid = 'inner'\non = 'lmtp.delivery'\nwhen = { rcpt = 'green@*', rcpts = '>=3', subject = 'one' }\n\
        do = { pass = { status = '550 5.2.1 off' } }\n";
    let server = MailServer::builder().scenario(Scenario::text("lmtp.toml", rules)).start();
    let mut client = connect(&server);
    let [pat, jones, _] = RECIPIENTS;

    let replies = send(&mut client, &RECIPIENTS);

    assert_eq!(replies, [accepted(pat, "m1"), accepted(jones, "m1"), "550 5.2.1 off".to_owned()]);
    assert_eq!(line(&mut client), "250 done");
    assert_eq!(counts(&server), [1; 3], "the reply differs, but the message is delivered");
    assert_eq!((server.fired("outer"), server.fired("inner")), (1, 1));
}

#[test]
fn there_is_a_reply_for_each_recipient_that_the_server_accepted() {
    let server = MailServer::start();
    server.mount(on(lmtp::rcpt()).to("pat@*").reply("250 2.1.5 not accepted"));
    server.mount(on(lmtp::rcpt()).to("jones@*").pass_silently().reply("550 5.1.1 accepted"));
    let mut client = connect(&server);
    let [pat, jones, green] = RECIPIENTS;

    client.wire.say("MAIL FROM:<ann@example.org>\r\n");
    line(&mut client);
    let told = [(pat, "250 2.1.5 not accepted"), (jones, "550 5.1.1 accepted"), (green, "250 2.1.5 Ok")];
    for (recipient, reply) in told {
        client.wire.say(&format!("RCPT TO:<{recipient}>\r\n"));
        assert_eq!(line(&mut client), reply);
    }
    client.wire.say("DATA\r\n");
    line(&mut client);
    client.wire.say("Subject: one\r\n\r\n.\r\nNOOP\r\n");

    let replies = [(); 3].map(|()| line(&mut client));
    assert_eq!(replies, [accepted(jones, "m1"), accepted(green, "m1"), "250 2.0.0 Ok".to_owned()]);
    assert_eq!(counts(&server), [0, 1, 1]);
    assert_eq!(server.only(subject("one")).envelope().accepted().collect::<Vec<_>>(), [jones, green]);
}

#[test]
fn a_connection_ends_between_the_replies_to_two_recipients() {
    let server = MailServer::start();
    server.mount(on(lmtp::delivery()).to("jones@*").close());
    let mut client = connect(&server);

    say_message(&mut client, &RECIPIENTS);

    assert_eq!(line(&mut client), accepted(RECIPIENTS[0], "m1"));
    assert_eq!(client.wire.read(), Err(Eof));
    assert_eq!(counts(&server), [1, 0, 0]);
}

#[test]
fn rules_on_the_content_of_a_large_message_apply_to_each_recipient() {
    let server = MailServer::start();
    let infected = on(lmtp::delivery()).when("body", "~infected").to("!green@*").reply("550 5.7.1 {subject}");
    let infected = server.mount(infected);
    let mut client = connect(&server);
    let [.., green] = RECIPIENTS;

    for (i, end) in ["clean", "infected", "infected", "clean"].into_iter().enumerate() {
        client.wire.say("MAIL FROM:<ann@example.org>\r\n");
        line(&mut client);
        say_recipients(&mut client, &RECIPIENTS);
        let body = "0123456789\r\n".repeat(10_000);
        client.wire.say(&format!("Subject: no {i}\r\n\r\n{body}{end}\r\n.\r\n"));

        let replies = RECIPIENTS.map(|_| line(&mut client));
        let no = format!("m{}", i + 1);
        let refused = format!("550 5.7.1 no {i}");
        let wanted = match end {
            "clean" => RECIPIENTS.map(|recipient| accepted(recipient, &no)),
            _ => [refused.clone(), refused, accepted(green, &no)],
        };
        assert_eq!(replies, wanted);
    }
    assert_eq!((counts(&server), infected.hits()), ([2, 2, 4], 4));
}

#[test]
fn one_status_for_all_recipients_is_refused() {
    let rule = "mailjig = 1\n[[rule]]\nid = 'r'\non = 'lmtp.message'\ndo = { pass = { status = '451 4.3.0 later' } }\n";

    let error = Scenario::text("lmtp.toml", rule).check().unwrap_err().to_string();

    assert!(error.contains("each recipient has its own reply: use it at `lmtp.delivery`"), "{error}");
}

#[test]
fn one_refused_recipient_makes_the_message_a_failed_request() {
    let [pat, jones, _] = RECIPIENTS;
    for recipients in [[pat, jones], [jones, pat]] {
        let server = MailServer::start();
        server.mount(on(lmtp::delivery()).to("jones@*").reply("452 4.2.2 over quota"));
        server.mount(on(lmtp::noop()).when("failed", "1").reply("250 2.0.0 one failed"));
        let mut client = connect(&server);

        send(&mut client, &recipients);

        client.wire.say("NOOP\r\n");
        assert_eq!(line(&mut client), "250 2.0.0 one failed", "{recipients:?}");
    }
}

#[test]
fn recipients_without_a_reply_at_a_reset_do_not_get_the_message() {
    let server = MailServer::start();
    server.clock().pause();
    let slow = server.mount(on(lmtp::delivery()).to("jones@*").wait(Duration::from_secs(3)).pass());
    let mut client = connect(&server);
    let [_, jones, green] = RECIPIENTS;

    say_message(&mut client, &[jones, green]);
    slow.wait(1).block();
    server.reset_keeping(&[Kept::Sessions]);
    server.clock().advance(Duration::from_secs(3));

    assert_eq!(line(&mut client), accepted(jones, "m1"));
    assert_eq!(line(&mut client), format!("451 4.3.0 <{green}> The server was reset"));
    assert_eq!((counts(&server), server.messages().len()), ([0; 3], 0));
}
