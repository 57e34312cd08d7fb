//! Reports as text, and when there is none.

use bytes::Bytes;

use super::*;
use crate::base::{MessageNo, SessionNo, Timestamp};
use crate::mail::{Envelope, Origin, Parameters, Sender, Verdict};

/// 2026-01-01T12:00:00Z
const NOON: i64 = 1_767_268_800_000_000;
const RAW: &str = "From: App <app@example.org>\r\nMessage-ID: <1@app.example>\r\nSubject: bill\r\n\r\nSee below.\r\n";

fn parameters(text: &str) -> Parameters {
    let all = text.split_ascii_whitespace().map(|parameter| match parameter.split_once('=') {
        Some((name, value)) => (name.into(), Some(value.into())),
        None => (parameter.into(), None),
    });
    Parameters::new(all.collect())
}

/// A message from this sender to these recipients, each with its parameters.
fn message(from: (&str, &str), to: &[(&str, &str)], raw: &str) -> Message {
    let to = to.iter().map(|(address, its)| Recipient::new(address, parameters(its), Verdict::Accepted));
    let envelope = Envelope::new(Sender::new(from.0, parameters(from.1)), to.collect());
    let raw = Bytes::copy_from_slice(raw.as_bytes());
    Message::new(MessageNo(1), Origin::Session(SessionNo(1)), Timestamp::from_micros(NOON), envelope, raw)
}

fn compose(message: &Message, bounce: &Bounce) -> Result<String, NoBounce> {
    let reporter = Reporter { host: "mail.example", now: Timestamp::from_micros(NOON + 60_000_000) };
    bounce.compose(message, &reporter).map(|its| String::from_utf8(its.raw.to_vec()).unwrap())
}

#[test]
fn a_failure_says_who_why_and_what() {
    let mail = message(
        ("app@example.org", "ENVID=QQ+2B1 HOLDFOR=3600"),
        &[
            ("bob@full.example", "NOTIFY=FAILURE ORCPT=rfc822;Bob+2Bx@example.org"),
            ("carol@full.example", ""),
            ("dave@full.example", "NOTIFY=NEVER"),
            ("eve@example.org", ""),
        ],
        RAW,
    );
    let bounce = Bounce::failed()
        .recipients("*@full.example")
        .diagnostic("552 5.2.2 Mailbox full")
        .remote_mta("mx.full.example");

    assert_eq!(
        compose(&mail, &bounce).unwrap().replace("\r\n", "\n"),
        "From: Mail Delivery System <MAILER-DAEMON@mail.example>
To: <app@example.org>
Subject: Undelivered Mail Returned to Sender
Date: Thu, 1 Jan 2026 12:01:00 +0000
Message-ID: <m1.failed.1767268860000000@mail.example>
In-Reply-To: <1@app.example>
References: <1@app.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary=\"=_m1.failed.1767268860000000_0\"

--=_m1.failed.1767268860000000_0
Content-Type: text/plain

This is the mail system at host mail.example.

Your message could not be delivered to

<bob@full.example>: 552 5.2.2 Mailbox full
<carol@full.example>: 552 5.2.2 Mailbox full

--=_m1.failed.1767268860000000_0
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example
Original-Envelope-Id: QQ+1
Future-Release-Request: for;3600
Arrival-Date: Thu, 1 Jan 2026 12:00:00 +0000

Original-Recipient: rfc822; Bob+x@example.org
Final-Recipient: rfc822; bob@full.example
Action: failed
Status: 5.2.2
Remote-MTA: dns; mx.full.example
Diagnostic-Code: smtp; 552 5.2.2 Mailbox full
Last-Attempt-Date: Thu, 1 Jan 2026 12:01:00 +0000

Final-Recipient: rfc822; carol@full.example
Action: failed
Status: 5.2.2
Remote-MTA: dns; mx.full.example
Diagnostic-Code: smtp; 552 5.2.2 Mailbox full
Last-Attempt-Date: Thu, 1 Jan 2026 12:01:00 +0000

--=_m1.failed.1767268860000000_0
Content-Type: message/rfc822

From: App <app@example.org>
Message-ID: <1@app.example>
Subject: bill

See below.

--=_m1.failed.1767268860000000_0--
"
    );
}

#[test]
fn notify_decides_who_is_reported_about() {
    let wanted = |kind: BounceKind, notify: &str| {
        let mail = message(("app@example.org", ""), &[("bob@example.org", notify)], RAW);
        match compose(&mail, &Bounce::new(kind)) {
            Ok(_) => true,
            Err(why) => {
                assert_eq!(why, NoBounce::NotWanted);
                false
            }
        }
    };
    let kinds =
        [BounceKind::Failed, BounceKind::Delayed, BounceKind::Delivered, BounceKind::Relayed, BounceKind::Expanded];
    for (notify, expected) in [
        ("", [true, true, false, false, false]),
        ("NOTIFY=NEVER", [false, false, false, false, false]),
        ("NOTIFY=FAILURE", [true, false, false, false, false]),
        ("NOTIFY=DELAY", [false, true, false, false, false]),
        ("NOTIFY=SUCCESS,FAILURE", [true, false, true, true, true]),
    ] {
        assert_eq!(kinds.map(|kind| wanted(kind, notify)), expected, "{notify}");
    }
}

#[test]
fn reports_have_the_action_the_status_and_the_original_of_their_kind() {
    let to = [("bob@example.org", "NOTIFY=SUCCESS,FAILURE,DELAY")];
    let utf8 = [("bób@example.org", "NOTIFY=FAILURE ORCPT=utf-8;b\\x{F3}b@example.org")];
    let with_receipt = format!("Disposition-Notification-To: App <receipts@example.org>\r\n{RAW}");
    for (from, to, bounce, expected) in [
        (
            "",
            &to,
            Bounce::failed(),
            &["Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 User", "message/rfc822"][..],
        ),
        ("RET=HDRS", &to, Bounce::failed(), &["text/rfc822-headers\r\n\r\nDisposition", "Subject: bill\r\n\r\n--=_"]),
        ("", &to, Bounce::failed().status("5.7.1"), &["Status: 5.7.1\r\nLast-Attempt"]),
        ("", &to, Bounce::failed().diagnostic("550-5.7.26 No"), &["Status: 5.7.26\r\n"]),
        ("", &to, Bounce::failed().diagnostic("550 I will not"), &["Status: 5.0.0\r\n"]),
        (
            "",
            &to,
            Bounce::delayed(),
            &[
                "Action: delayed\r\nStatus: 4.4.1\r\n",
                "Will-Retry-Until: Tue, 6 Jan 2026 12:00:00 +0000",
                "text/rfc822-headers",
            ],
        ),
        (
            "",
            &to,
            Bounce::delivered(),
            &["Subject: Successful", "Action: delivered\r\nStatus: 2.0.0\r\n", "text/rfc822-headers"],
        ),
        ("", &to, Bounce::relayed(), &["Action: relayed\r\n"]),
        ("", &to, Bounce::expanded(), &["Action: expanded\r\n"]),
        ("SMTPUTF8", &to, Bounce::failed(), &["message/global-delivery-status", "Content-Type: message/global\r\n"]),
        (
            "SMTPUTF8",
            &utf8,
            Bounce::failed(),
            &[
                "Original-Recipient: utf-8; bób@example.org\r\nFinal-Recipient: utf-8; bób@example.org\r\n",
                "global-delivery-status\r\nContent-Transfer-Encoding: 8bit",
            ],
        ),
        (
            "",
            &to,
            Bounce::complaint(),
            &[
                "report-type=feedback-report",
                "message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: mailjig/",
                "Version: 1\r\nOriginal-Mail-From: <app@example.org>\r\nOriginal-Rcpt-To: <bob@example.org>\r\nArrival-Date: ",
                "To: <app@example.org>",
            ],
        ),
        (
            "",
            &to,
            Bounce::displayed(),
            &[
                "From: <bob@example.org>\r\nTo: <receipts@example.org>\r\n",
                "report-type=disposition-notification",
                "Final-Recipient: rfc822; bob@example.org\r\nOriginal-Message-ID: <1@app.example>\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n",
            ],
        ),
        ("", &to, Bounce::deleted(), &["MDN-sent-manually; deleted\r\n"]),
    ] {
        let report = compose(&message(("app@example.org", from), to, &with_receipt), &bounce).unwrap();
        for text in expected {
            assert!(report.contains(text), "{text}\n{report}");
        }
    }
}

#[test]
fn reports_without_smtputf8_are_ascii_whatever_the_original_recipient() {
    let receipt = format!("Disposition-Notification-To: App <receipts@example.org>\r\n{RAW}");
    let to = [("bob@example.org", "ORCPT=utf-8;b\\x{F3}b\\x{2B}x@example.org")];
    for (bounce, report_type) in
        [(Bounce::failed(), "message/delivery-status"), (Bounce::displayed(), "message/disposition-notification")]
    {
        let report = compose(&message(("app@example.org", ""), &to, &receipt), &bounce).unwrap();

        assert!(report.is_ascii(), "{report}");
        assert!(report.contains(&format!("Content-Type: {report_type}\r\n\r\n")), "{report}");
        // RFC 6533 §3, utf-8-addr-xtext.
        assert!(report.contains("\r\nOriginal-Recipient: utf-8; b\\x{F3}b\\x{2B}x@example.org\r\n"), "{report}");
    }
}

#[test]
fn a_complaint_about_an_internationalised_message_needs_smtputf8() {
    let reporter = Reporter { host: "mail.example", now: Timestamp::from_micros(NOON) };
    for (from, to, is_utf8) in [
        (("app@example.org", ""), "bob@example.org", false),
        (("app@example.org", "SMTPUTF8"), "bob@example.org", true),
        (("app@example.org", "SMTPUTF8"), "b\u{F3}b@example.org", true),
        (("\u{E4}pp@example.org", "SMTPUTF8"), "bob@example.org", true),
    ] {
        let report = Bounce::complaint().compose(&message(from, &[(to, "")], RAW), &reporter).unwrap();
        assert_eq!(report.is_utf8, is_utf8, "{from:?} {to}");
        let raw = String::from_utf8(report.raw.to_vec()).unwrap();
        assert_eq!(raw.contains("Content-Type: message/global\r\n"), is_utf8, "{raw}");
    }
}

#[test]
fn binary_data_is_not_returned() {
    let binary = "BODY=BINARYMIME";
    let broken = "From: a@b\r\nX-Odd: =\0 \r\n\r\nSee below.\r\n";
    let (bare, long) = (format!("{RAW}\n\n"), format!("{RAW}{}\r\n", "x".repeat(999)));
    let (null, umlaut) = (format!("{RAW}\0\u{FC}\r\n"), format!("{RAW}\u{FC}\r\n"));
    let whole = "Content-Type: message/rfc822\r\n\r\nFrom: App";
    let header = "Content-Type: text/rfc822-headers\r\n\r\nFrom: App";
    for (parameters, raw, expected) in [
        (binary, RAW, whole),
        (binary, &*umlaut, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nFrom: App"),
        (binary, &*null, header),
        ("", &*null, header),
        (binary, &*bare, header),
        ("", &*bare, whole),
        (binary, &*long, header),
        ("", &*long, whole),
        (
            "",
            broken,
            "text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nFrom: a@b\r\nX-Odd: =3D=00=20\r\n",
        ),
    ] {
        let mail = message(("app@example.org", parameters), &[("bob@example.org", "")], raw);
        for bounce in [Bounce::failed(), Bounce::complaint()] {
            let report = compose(&mail, &bounce).unwrap();
            assert!(report.contains(expected), "{parameters} {raw:?}\n{report}");
            assert!(!report.contains('\0'), "{report:?}");
            assert_eq!(report.is_ascii(), !report.contains("Content-Transfer-Encoding: 8bit\r\n"), "{report}");
        }
    }
}

#[test]
fn a_complaint_has_its_type() {
    let mail = message(("app@example.org", ""), &[("bob@example.org", "")], RAW);
    for (bounce, feedback) in [
        (Bounce::complaint(), "abuse"),
        (Bounce::complaint().feedback_type("fraud"), "fraud"),
        (Bounce::complaint().feedback_type("virus"), "virus"),
        (Bounce::complaint().feedback_type("not-spam"), "not-spam"),
        (Bounce::complaint().feedback_type("other"), "other"),
    ] {
        let report = compose(&mail, &bounce).unwrap();
        assert!(report.contains(&format!("\r\nFeedback-Type: {feedback}\r\n")), "{report}");
    }
    assert!(Bounce::complaint().set_feedback_type("spam").is_err());
    assert!(Bounce::failed().set_feedback_type("abuse").is_err());
}

#[test]
fn there_is_no_report_about_a_report_and_none_to_nobody() {
    let to = [("bob@example.org", "")];
    let unsent = Message::new(MessageNo(1), Origin::Delivered, Timestamp::from_micros(0), None, Bytes::new());
    let null = message(("", ""), &to, RAW);
    let mail = message(("app@example.org", ""), &to, RAW);
    for (message, bounce, expected) in [
        (&unsent, Bounce::failed(), NoBounce::NotSent),
        (&null, Bounce::failed(), NoBounce::NullSender),
        (&null, Bounce::complaint(), NoBounce::NullSender),
        (&mail, Bounce::failed().recipients("eve@*"), NoBounce::NoRecipient),
        (&mail, Bounce::delivered(), NoBounce::NotWanted),
        (&mail, Bounce::displayed(), NoBounce::NoReceiptWanted),
    ] {
        assert_eq!(compose(message, &bounce).unwrap_err(), expected);
    }
}

#[test]
fn a_receipt_goes_to_no_address_that_ends_its_line() {
    for to in ["=?utf-8?q?a=40b=0D=0ABcc=3A_c?=", "=?utf-8?q?a=40b=3E_SIZE=3D1?="] {
        let raw = format!("Disposition-Notification-To: {to}\r\n{RAW}");
        let mail = message(("app@example.org", ""), &[("bob@example.org", "")], &raw);

        assert_eq!(compose(&mail, &Bounce::displayed()), Err(NoBounce::NoReceiptWanted), "{to}");
    }
}

#[test]
fn the_boundary_is_not_in_the_original() {
    let raw = format!("{RAW}--=_m1.failed.{}_0--\r\n", NOON + 60_000_000);

    let report =
        compose(&message(("app@example.org", ""), &[("bob@example.org", "")], &raw), &Bounce::failed()).unwrap();

    assert!(report.contains(&format!("boundary=\"=_m1.failed.{}_1\"", NOON + 60_000_000)), "{report}");
}

#[test]
fn values_that_do_not_fit_are_refused() {
    for status in ["5", "5.1", "4.1.1", "5.1.1.1", "5.x.1", "5.1234.1", ""] {
        assert!(Bounce::failed().set_status(status).is_err(), "{status}");
    }
    assert!(Bounce::complaint().set_status("5.1.1").is_err());
    for text in ["", " ", "550 5.1.1 no\r\nAction: delivered", "a\0b"] {
        assert!(Bounce::failed().set_diagnostic(text).is_err(), "{text:?}");
        assert!(Bounce::failed().set_remote_mta(text).is_err(), "{text:?}");
    }
}
