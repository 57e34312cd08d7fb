//! Reports to senders: delivered by a rule, by a test and over HTTP, shown over IMAP, sent over SMTP, and read by Python.

use std::time::Duration;

use clients::api_client::{NONE, start};
use clients::line_client::{LineClient, talk};
use clients::support::{folder, interpreter, is_there, run};
use mailjig::matchers::subject;
use mailjig::prelude::*;
use mailjig::{Bounce, Message};
use serde_json::json;

#[path = "clients/mod.rs"]
mod clients;

/// A message from `app@example.org` with the parameters of DSN.
const MAIL: &str = "EHLO app.example\nMAIL FROM:<app@example.org> RET=HDRS ENVID=QQ1\n\
                    RCPT TO:<bob@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;all@example.org\n\
                    RCPT TO:<carol@example.org> NOTIFY=NEVER\nDATA\n\
                    From: app@example.org\nMessage-ID: <1@app.example>\nSubject: bill\n\nSee below.\n.\nQUIT\n";

/// The report, which is the last message.
fn report(server: &MailServer) -> Message {
    server.wait_for(from("")).block();
    server.messages().pop().unwrap()
}

fn status(report: &Message) -> String {
    report.parts()[1].text()
}

#[test]
fn a_rule_bounces_an_accepted_message_into_the_mailbox_of_its_sender() {
    let server = MailServer::builder().scenario(Scenario::named("smtp-accepted-then-bounced")).start();

    talk(server.smtp().address(), MAIL);

    let bounce = report(&server);
    assert_eq!(bounce.envelope().accepted().collect::<Vec<_>>(), ["app@example.org"]);
    assert!(
        status(&bounce).contains("Final-Recipient: rfc822; bob@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n")
    );
    assert!(!status(&bounce).contains("carol"), "NOTIFY=NEVER");
    let mut client = LineClient::greeted(server.imap().address());
    client.command("LOGIN app@example.org secret");
    client.command("SELECT INBOX");
    let shown = client.command("FETCH 1 (BODY[HEADER.FIELDS (SUBJECT)] BODY[2])").join("\n");
    assert!(
        shown.contains("Subject: Undelivered Mail Returned to Sender") && shown.contains("Action: failed"),
        "{shown}"
    );
}

#[test]
fn a_delay_and_then_a_failure_come_when_they_are_due() {
    let scenario = Scenario::named("smtp-delayed-then-failed");
    let server = MailServer::builder().manual_clock().scenario(scenario).start();
    talk(server.smtp().address(), MAIL);
    assert_eq!(server.messages().len(), 1);

    server.clock().advance(Duration::from_secs(4 * 3600));
    assert!(status(&report(&server)).contains("Action: delayed\r\nStatus: 4.4.1\r\n"));
    server.clock().advance(Duration::from_secs(116 * 3600));
    server.wait_for(subject("Undelivered*")).block();
    assert!(status(&report(&server)).contains("Action: failed\r\nStatus: 5.4.7\r\n"));
    assert_eq!(server.messages().len(), 3, "nobody bounces a bounce");
}

#[test]
fn a_rule_without_a_report_to_send_says_why() {
    let server = MailServer::builder().scenario(Scenario::named("smtp-accepted-then-bounced")).start();

    talk(server.smtp().address(), "EHLO c\nMAIL FROM:<>\nRCPT TO:<bob@example.org>\nDATA\n\n.\nQUIT\n");
    talk(server.smtp().address(), "EHLO c\nMAIL FROM:<app@example.org>\nRCPT TO:<bob@example.org>\nDATA\n\n.\nQUIT\n");
    server.wait_for(to("app@example.org")).block();

    assert_eq!(server.messages().len(), 3);
    assert_eq!(server.rule("bounced").without_effect(), 1);
}

#[test]
fn a_report_is_requested_over_http() {
    let (server, api) = start();
    talk(server.smtp().address(), MAIL);
    let other = MailServer::start();

    let bounce = api.post("/messages/m1/bounce", &json!({ "diagnostic": "552 5.2.2 Mailbox full" })).expect(201);
    assert_eq!((&bounce["id"], &bounce["envelope"]["from"]["address"]), (&json!("m2"), &json!("")));
    assert!(status(&server.messages()[1]).contains("Status: 5.2.2\r\n"));
    let smtp = other.smtp().address().to_string();
    api.post("/messages/m1/bounce", &json!({ "action": "complaint", "smtp": smtp })).expect(204);
    assert_eq!(other.only(to("app@example.org")).subject(), "Complaint about a message");

    assert!(api.post("/messages/m2/bounce", &NONE).detail(409).contains("its sender is `<>`"));
    assert!(api.post("/messages/m1/bounce", &json!({ "action": "delivered" })).detail(409).contains("NOTIFY"));
    let picky = MailServer::builder().account("eve@example.org", "secret").start();
    let smtp = picky.smtp().address().to_string();
    let refused = api.post("/messages/m1/bounce", &json!({ "smtp": smtp })).detail(409);
    assert!(refused.starts_with("the other server refused RCPT: 550 "), "{refused}");
    for (body, field) in [
        (json!({ "action": "faild" }), "action"),
        (json!({ "status": "4.1.1" }), "status"),
        (json!({ "diagnostic": "a\nb" }), "diagnostic"),
        (json!({ "recipients": "~(" }), "recipients"),
        (json!({ "smtp": "mx.example.org" }), "smtp"),
    ] {
        assert_eq!(api.post("/messages/m1/bounce", &body).field(400), field, "{body}");
    }
    api.post("/messages/m7/bounce", &NONE).problem(404);
}

#[test]
fn a_report_is_sent_with_the_extensions_that_it_needs() {
    let (server, api) = start();
    let mail = "EHLO c\nMAIL FROM:<app@example.org> SMTPUTF8\nRCPT TO:<b\u{F3}b@example.org>\nDATA\n\n.\nQUIT\n";
    talk(server.smtp().address(), mail);
    let other = MailServer::start();

    let smtp = other.smtp().address().to_string();
    api.post("/messages/m1/bounce", &json!({ "smtp": smtp })).expect(204);

    let report = other.only(to("app@example.org"));
    assert_eq!(report.envelope().sender().parameters().to_string(), "BODY=8BITMIME SMTPUTF8");
    let old = MailServer::builder()
        .scenario(Scenario::text("old.toml", "mailjig = 1\n[server.smtp]\ncaps.remove = ['SMTPUTF8']\n"));
    let old = old.start();
    let smtp = old.smtp().address().to_string();
    let refused = api.post("/messages/m1/bounce", &json!({ "smtp": smtp })).detail(409);
    assert_eq!(refused, "the report needs SMTPUTF8, which the other server does not announce");
}

#[test]
fn reports_obey_the_standards() {
    let server = MailServer::start();
    let raw = "From: app@example.org\r\nTo: bob@example.org\r\nDate: Thu, 1 Jan 2026 12:00:00 +0000\r\nSubject: bill\r\n\
               Message-ID: <1@app.example>\r\nDisposition-Notification-To: app@example.org\r\n\r\nSee below.\r\n";
    let mail = server.deliver_from("app@example.org", "bob@example.org", raw);
    for bounce in [Bounce::failed(), Bounce::delayed(), Bounce::complaint(), Bounce::displayed(), Bounce::deleted()] {
        let report = server.bounce(&mail, bounce);
        assert_eq!(report.lint(), [], "{}", String::from_utf8_lossy(report.raw()));
    }
}

#[test]
fn python_reads_reports() {
    if !is_there("PyPI flufl.bounce") {
        return;
    }
    let server = MailServer::start();
    talk(
        server.smtp().address(),
        &MAIL.replace("From: app", "Disposition-Notification-To: app@example.org\nFrom: app"),
    );
    let mail = &server.messages()[0];
    for bounce in [Bounce::failed(), Bounce::delayed(), Bounce::complaint(), Bounce::displayed()] {
        server.bounce(mail, bounce);
    }

    let port = server.pop3().port().to_string();
    let printed = run(interpreter("venv").arg(folder().join("bounces.py")).env("MAIL_PORT", port), "");

    assert_eq!(
        printed.lines().collect::<Vec<_>>(),
        [
            "delivery-status message/delivery-status text/rfc822-headers failed 5.1.1 QQ1 permanent all@example.org",
            "delivery-status message/delivery-status text/rfc822-headers delayed 4.4.1 QQ1 temporary all@example.org",
            "feedback-report message/feedback-report message/rfc822 abuse <app@example.org>",
            "disposition-notification message/disposition-notification text/rfc822-headers \
             manual-action/MDN-sent-manually; displayed",
        ]
    );
}

#[test]
fn sisimai_reads_reports() {
    if !is_there("perl Sisimai") {
        return;
    }
    let server = MailServer::start();
    let mail = MAIL.replace("NOTIFY=FAILURE,DELAY", "NOTIFY=SUCCESS,FAILURE,DELAY");
    let mail = mail.replace("From: app", "Disposition-Notification-To: app@example.org\nFrom: app");
    talk(server.smtp().address(), &mail);
    let mail = &server.messages()[0];

    for (bounce, _) in SISIMAI {
        server.bounce(mail, bounce());
    }
    let port = server.pop3().port().to_string();
    let printed = run(interpreter("perl").arg(folder().join("bounces.pl")).env("MAIL_PORT", port), "");

    assert_eq!(printed.lines().collect::<Vec<_>>(), SISIMAI.iter().map(|(_, read)| *read).collect::<Vec<_>>());
}

type NewBounce = fn() -> Bounce;

/// Reports, and what Sisimai reads in them. It takes a receipt for the answer of an absent recipient.
#[rustfmt::skip]
const SISIMAI: &[(NewBounce, &str)] = &[
    (Bounce::failed, "bob@example.org all@example.org failed 5.1.1 userunknown"),
    (|| Bounce::failed().diagnostic("552 5.2.2 Mailbox full"), "bob@example.org all@example.org failed 5.2.2 mailboxfull"),
    (|| Bounce::failed().diagnostic("554 5.7.1 Message rejected as spam"), "bob@example.org all@example.org failed 5.7.1 spamdetected"),
    (|| Bounce::failed().diagnostic("552 5.3.4 Message too large"), "bob@example.org all@example.org failed 5.3.4 mesgtoobig"),
    (|| Bounce::failed().status("5.1.2").remote_mta("mx.example.org"), "bob@example.org all@example.org failed 5.1.2 hostunknown"),
    (Bounce::delayed, "bob@example.org all@example.org delayed 4.4.1 expired"),
    (Bounce::delivered, "bob@example.org all@example.org delivered 2.0.0 delivered"),
    (Bounce::relayed, "bob@example.org all@example.org relayed 2.0.0 delivered"),
    (Bounce::expanded, "bob@example.org all@example.org expanded 2.0.0 delivered"),
    (|| Bounce::complaint().recipients("bob@*"), "bob@example.org abuse feedback"),
    (|| Bounce::complaint().recipients("bob@*").feedback_type("fraud"), "bob@example.org fraud feedback"),
    (|| Bounce::complaint().recipients("bob@*").feedback_type("not-spam"), "bob@example.org not-spam feedback"),
    (Bounce::displayed, "bob@example.org vacation"),
    (Bounce::deleted, "bob@example.org vacation"),
];
