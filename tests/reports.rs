//! The reports of failed waits and expectations, as snapshots.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use clients::deadline::{connect, until};
use clients::line_client;
use clients::support::output;
use mailjig::matchers::{body, from, session, subject, to};
use mailjig::rules::{on, smtp};
use mailjig::{MailServer, Report};

#[path = "clients/mod.rs"]
mod clients;

const NOW: Duration = Duration::ZERO;

/// A session that has ended.
fn talk(server: &MailServer, lines: &str) {
    line_client::talk(server.smtp().address(), lines);
    server.settled().block();
}

fn panic_of(act: impl FnOnce()) -> String {
    *catch_unwind(AssertUnwindSafe(act)).expect_err("it panics").downcast::<String>().expect("it has a text")
}

/// The report without the line number in this file, which changes.
fn text(report: &Report) -> String {
    without_lines(&report.to_string())
}

fn without_lines(text: &str) -> String {
    let words = text.split_inclusive(' ').map(|word| {
        let is_place = word.contains("tests/reports.rs:");
        let break_before = word.rfind('\n').map_or(0, |at| at + 1);
        if is_place { format!("{}tests/reports.rs:LINE: ", &word[..break_before]) } else { word.to_owned() }
    });
    words.collect()
}

#[test]
fn a_wait_that_met_near_misses() {
    let server = MailServer::start();
    talk(
        &server,
        "EHLO app.example\nMAIL FROM:<app@example.org>\nRCPT TO:<bob@example.org>\nDATA\nSubject: Wellcome, Bob\n\nHello!\n.\n\
         MAIL FROM:<app@example.org>\nRCPT TO:<ann@example.org>\nDATA\nSubject: Your invoice\n\nIt is due.\n.\nQUIT\n",
    );

    let wanted = to("bob@example.org").and(subject("Welcome*"));
    let report = smol::block_on(server.wait_for(wanted).within(NOW).outcome()).unwrap_err();

    insta::assert_snapshot!(text(&report));
    insta::assert_json_snapshot!(report, { ".at" => "tests/reports.rs:LINE" });
}

#[test]
fn a_wait_for_a_later_message() {
    let server = MailServer::start();
    let first = server.deliver("bob@example.org", "Subject: code 1\r\n\r\n");
    let wait = || server.wait_for(to("bob@example.org")).after(&first).within(NOW);

    let none = smol::block_on(wait().outcome()).unwrap_err().to_string();
    server.deliver("bob@example.org", "Subject: code 2\r\n\r\n");
    let one = smol::block_on(wait().count(2).outcome()).unwrap_err().to_string();

    assert!(none.contains("no later message matched within 0ns"), "{none}");
    assert!(none.contains("(1 earlier message does not count)"), "{none}");
    assert!(one.contains("1 later message matched within 0ns, expected at least 2"), "{one}");
}

#[test]
fn a_wait_when_nothing_was_captured() {
    let server = MailServer::start();

    let report = smol::block_on(server.wait_for(to("bob@example.org")).within(NOW).outcome()).unwrap_err();

    insta::assert_snapshot!(text(&report));
}

#[test]
fn a_wait_for_mail_that_was_refused() {
    let server = MailServer::builder().account("ann@example.org", "secret").start();
    talk(&server, "EHLO app.example\nMAIL FROM:<app@example.org>\nRCPT TO:<bob@example.org>\nDATA\nQUIT\n");

    let report = smol::block_on(server.wait_for(to("bob@example.org")).within(NOW).outcome()).unwrap_err();

    insta::assert_snapshot!(text(&report));
}

#[test]
fn a_wait_while_a_client_hangs() {
    let server = MailServer::start();
    let mut client = connect(server.smtp().address());
    client.write_all(b"EHLO app.example\r\nMAIL FROM:<app@example.org>\r\n").unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"250 2.1.0 Ok\r\n") {
        let mut octet = [0];
        client.read_exact(&mut octet).unwrap();
        said.extend(octet);
    }
    server.settled().block();

    let report = smol::block_on(server.wait_for(to("bob@example.org")).within(NOW).outcome()).unwrap_err();

    insta::assert_snapshot!(text(&report));
}

#[test]
fn a_report_says_which_side_is_waiting_and_how_much_was_evicted() {
    let rule = "mailjig = 1\n[[rule]]\non = 'smtp.noop'\ndo = [{ wait = '1h' }, { pass = true }]\n";
    let server = MailServer::builder().scenario(mailjig::Scenario::text("slow.toml", rule)).manual_clock().start();
    (0..3).for_each(|_| drop(server.deliver("bob@example.org", "")));
    server.clear();
    let mut client = connect(server.smtp().address());
    client.write_all(b"NOOP\r\n").unwrap();
    until("the server has read it", || server.transcript().to_string().contains("C: NOOP\n"));

    let report = smol::block_on(server.wait_for(to("bob@example.org")).within(NOW).outcome()).unwrap_err();

    let text = report.to_string();
    assert!(text.contains("(3 earlier messages were cleared or discarded)"), "{text}");
    assert!(text.contains("; the server owes a reply"), "{text}");
}

#[test]
fn two_where_one_was_wanted() {
    let server = MailServer::start();
    server.deliver_from("app@example.org", "bob@example.org", "Subject: one\r\n\r\n");
    server.deliver_from("app@example.org", "bob@example.org", "Subject: two\r\n\r\n");

    insta::assert_snapshot!(without_lines(&panic_of(|| drop(server.only(to("bob@example.org"))))));
}

#[test]
fn mail_where_none_was_wanted() {
    let server = MailServer::start();
    server.deliver_from("app@example.org", "eve@example.org", "Subject: secret\r\n\r\n");

    insta::assert_snapshot!(without_lines(&panic_of(|| server.none_within(NOW, to("eve@example.org")).block())));
}

#[test]
fn expectations_that_are_not_met() {
    let server = MailServer::start();
    server.expect(1, to("ann@example.org"));
    server.expect(1.., from("app@example.org").and(body("unsubscribe").or(session::tls(true))));
    server.expect(0, to("eve@example.org").not());
    server.deliver_from("app@example.org", "ann@example.org", "Subject: digest\r\n\r\nNews.\r\n");

    insta::assert_snapshot!(without_lines(&panic_of(|| server.verify().block())));
}

/// Fails in the way that the variable names: a test of `reports_are_written_where_a_variable_says` runs it in a process
/// of its own.
#[test]
#[ignore = "it fails on purpose"]
fn fails_on_purpose() {
    let server = MailServer::start();
    server.deliver("bob@example.org", "Subject: Wellcome\r\n\r\n");
    match std::env::var("FAILURE").unwrap().as_str() {
        "wait" => drop(server.wait_for(subject("Welcome")).within(NOW).block()),
        "only" => drop(server.only(to("eve@example.org"))),
        "none" => server.none_within(NOW, to("bob@example.org")).block(),
        "session" => drop(server.wait_for_session(session::tls(true)).within(NOW).block()),
        "no session" => {
            let _client = connect(server.imap().address());
            until("the session has begun", || !server.sessions().is_empty());
            server.wait_for_no_session().within(NOW).block();
        }
        "rule" => server.mount(on(smtp::noop()).note("x")).wait(1).within(NOW).block(),
        "removed rule" => {
            let rule = server.mount(on(smtp::noop()).note("x"));
            assert!(rule.unmount());
            rule.wait(1).block();
        }
        "verify" => {
            server.expect(2, to("bob@example.org"));
            server.verify().block();
        }
        "drop" => server.expect(2, to("bob@example.org")),
        other => panic!("{other} is not known"),
    }
}

#[test]
fn reports_are_written_where_a_variable_says() {
    let folder = tempfile::tempdir().unwrap();
    let reports = folder.path().join("new/reports");
    for failure in ["wait", "only", "none", "session", "no session", "rule", "removed rule", "verify", "drop"] {
        let mut test = std::process::Command::new(std::env::current_exe().unwrap());
        test.args(["--ignored", "--exact", "fails_on_purpose", "--nocapture"]);
        let ended = output(test.env("MAILJIG_REPORTS", &reports).env("FAILURE", failure), "");

        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        let mut files: Vec<_> = std::fs::read_dir(&reports).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let read = |extension: &str| {
            let file = files.iter().find(|file| file.extension().is_some_and(|its| its == extension));
            std::fs::read_to_string(file.unwrap_or_else(|| panic!("{failure}: {files:?}"))).unwrap()
        };
        assert!(!ended.status.success(), "{failure}");
        assert!(said.contains(read("txt").trim_end()), "{failure}: {said}");
        assert!(files.iter().all(|file| file.to_string_lossy().contains("fails_on_purpose-")), "{files:?}");
        assert!(files.iter().any(|file| file.extension().is_some_and(|its| its == "session")), "{files:?}");
        #[cfg(feature = "api")]
        {
            let json: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
            let report = if json["messages"].is_array() { &json["messages"][0] } else { &json };
            let is_whole =
                report["expectation"].is_string() || report["failed"].is_array() || report["failure"].is_string();
            assert!(is_whole, "{failure}: {json}");
        }
        std::fs::remove_dir_all(&reports).unwrap();
    }
}

#[test]
fn a_report_that_cannot_be_written_does_not_hide_the_failure() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut test = std::process::Command::new(std::env::current_exe().unwrap());
    test.args(["--ignored", "--exact", "fails_on_purpose", "--nocapture"]);

    let ended = output(test.env("MAILJIG_REPORTS", file.path()).env("FAILURE", "verify"), "");

    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("mailjig: the report cannot be written to "), "{said}");
    assert!(said.contains("1 of 1 expectations failed"), "{said}");
}
