//! Messages of a scenario in the texts that rules send.

use clients::wire::Wire;
use mailjig::rules::{on, pop3};
use mailjig::{MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

const MESSAGES: &str =
    "[[message]]\nid = 'one'\ntext = '''\nSubject: one\n\n.dot\n'''\n[[message]]\nid = 'two'\ngenerate = true\n";

fn with(rules: &str) -> MailServer {
    MailServer::builder().scenario(Scenario::text("texts.toml", format!("mailjig = 1\n{rules}\n{MESSAGES}"))).start()
}

fn said(server: &MailServer, protocol: &str, command: &str, end: &str) -> String {
    let mut wire = Wire::greeted(server, protocol, false);
    wire.say(&format!("{command}\r\n"));
    let mut said = String::new();
    while !said.ends_with(end) {
        let octets = wire.read().unwrap_or_else(|why| panic!("{why:?} after {said}"));
        said.push_str(&String::from_utf8(octets).unwrap());
    }
    said
}

#[test]
fn a_message_is_sent_with_its_size() {
    let one = "Subject: one\r\n\r\n.dot\r\n";
    for (protocol, steps, command, wanted) in [
        (
            "imap",
            "on = 'imap.noop'\ndo = { reply = ['* 1 FETCH (FLAGS () BODY[] {literal:one})', 'OK done'] }",
            "a NOOP",
            format!("* 1 FETCH (FLAGS () BODY[] {{22}}\r\n{one})\r\na OK done\r\n"),
        ),
        (
            "pop3",
            "on = 'pop3.noop'\ndo = { reply = ['+OK {message:one|len} octets', '{message:one}'] }",
            "NOOP",
            format!("+OK 22 octets\r\n{}.\r\n", one.replace("\n.", "\n..")),
        ),
        ("smtp", "on = 'smtp.noop'\ndo = { raw = '{message:one}250 ok\\r\\n' }", "NOOP", format!("{one}250 ok\r\n")),
        (
            "smtp",
            "on = 'smtp.noop'\ndo = [{ raw = '{message:one}', after = '1ms' }, { reply = '250 ok' }]",
            "NOOP",
            format!("250 ok\r\n{one}"),
        ),
        (
            "imap",
            "on = 'imap.noop'\ndo = [{ cut = { at = 12, close = 'fin' } }, { edit = { find = 'x', replace = 'y' } }, { raw = 'x{message:one}' }]",
            "a NOOP",
            format!("y{}", &one[..11]),
        ),
    ] {
        let server = with(&format!("[[rule]]\nid = 'r'\n{steps}\n"));

        assert_eq!(said(&server, protocol, command, &wanted[wanted.len() - 3..]), wanted, "{steps}");

        let login = said(&server, "pop3", "USER me\r\nPASS x", "octets\r\n");
        assert!(login.contains("+OK 1 messages"), "a message in a text is in no mailbox: {login}");
        server.verify().block();
    }
}

#[test]
fn the_transcript_names_a_message_in_a_text() {
    let server = with(
        "[[rule]]\nid = 'r'\non = 'imap.noop'\ndo = { reply = ['* 1 FETCH (BODY[] {literal:one})', 'OK done'] }\n",
    );

    said(&server, "imap", "a NOOP", "done\r\n");

    let transcript = server.transcript().to_string();
    assert!(transcript.contains("S: * 1 FETCH (BODY[] {22}\nS: <message one>"), "{transcript}");
}

#[test]
fn a_rule_with_a_message_that_the_scenario_does_not_have_is_not_mounted() {
    for (reply, error, help) in [
        ("+OK {message:twoo|len}", "unknown message `twoo`", "did you mean `two`?"),
        ("+OK {literal:late}", "unknown message `late`", "there are: one, two"),
    ] {
        let server = with("");

        let mount = std::panic::AssertUnwindSafe(|| server.mount(on(pop3::event("noop")).reply(reply)));
        let why = std::panic::catch_unwind(mount).unwrap_err().downcast::<String>().unwrap();

        assert!(why.contains(error) && why.contains(help), "{why}");
    }
}

#[test]
fn a_mounted_rule_sends_a_message_of_the_scenario_in_force() {
    let server = with("");
    server.mount(on(pop3::event("noop")).reply("+OK {message:one|len}").named("mounted"));
    assert_eq!(said(&server, "pop3", "NOOP", "\r\n"), "+OK 22\r\n");

    server.scenario(&Scenario::text("other.toml", "mailjig = 1\n"));
    assert_eq!(said(&server, "pop3", "NOOP", "\r\n"), "+OK \r\n");

    let report = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server))).unwrap_err();
    let report = report.downcast::<String>().unwrap();
    assert!(report.contains("rule `mounted` failed") && report.contains("there is no message `one`"), "{report}");
}
