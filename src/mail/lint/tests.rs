//! One message for each code, and messages without violations.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use crate::base::{MessageNo, Timestamp};
use crate::mail::{Envelope, Origin, Parameters, Recipient, Sender, Verdict};

fn message(raw: impl Into<Bytes>, parameters: Parameters) -> Message {
    let recipient = Recipient::new("bob@example.org", Parameters::default(), Verdict::Accepted);
    let envelope = Envelope::new(Sender::new("ann@example.org", parameters), vec![recipient]);
    Message::new(MessageNo(1), Origin::Delivered, Timestamp::from_micros(0), envelope, raw.into())
}

/// A message without violations, with these fields in place of those of the same name, and this body.
fn mail(fields: &str, body: &str) -> String {
    let name = |line: &str| line.split(':').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let given: Vec<String> = fields.split("\r\n").map(name).collect();
    let mut out = String::from(fields);
    for field in [
        "Date: Thu, 1 Jan 2026 12:00:00 +0000\r\n",
        "From: Ann <ann@example.org>\r\n",
        "Message-ID: <1@example.org>\r\n",
        "Subject: hi\r\n",
        "MIME-Version: 1.0\r\n",
    ] {
        if !given.contains(&name(field)) {
            out += field;
        }
    }
    out + "\r\n" + body
}

/// As `mail`, without the field of this name.
fn without(field: &str) -> String {
    let lines = mail("", "");
    lines.split_inclusive("\r\n").filter(|line| !line.starts_with(field)).collect()
}

fn multipart(kind: &str, parts: &[&str]) -> String {
    let body: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
    mail(&format!("Content-Type: multipart/{kind}; boundary=b\r\n"), &(body + "--b--\r\n"))
}

const UTF8: &str = "Content-Type: text/plain; charset=utf-8\r\n";

fn rows() -> Vec<(LintCode, Vec<u8>, &'static str)> {
    let html = "Content-Type: text/html\r\n\r\n<img src=\"cid:logo\">";
    let long = "x".repeat(999);
    let field = |field: &str| mail(field, "");
    let typed = |rest: &str, body: &str| mail(&format!("Content-Type: text/plain; charset=utf-8\r\n{rest}"), body);
    let rows = [
        (LintCode::BareCr, mail("", "a\rb\r\n"), "7:2"),
        (LintCode::BareLf, mail("", "ab\n"), "7:3"),
        (LintCode::Nul, mail("", "a\0\r\n"), "7:2"),
        (LintCode::LineTooLong, mail("", &long), "7:1"),
        (LintCode::LongLine, mail("", &long[..79]), "7:1"),
        (LintCode::BrokenField, field("no field\r\n"), "1:1"),
        (LintCode::SpaceBeforeColon, field("Subject : hi\r\n"), "1:8"),
        (LintCode::BlankFoldedLine, field("Subject: hi\r\n \r\n"), "2:1"),
        (LintCode::ControlInHeader, field("Subject: a\u{7}\r\n"), "1:11"),
        (LintCode::Undeclared8BitHeader, field("Subject: ü\r\n"), "1:10"),
        (LintCode::MissingDate, without("Date"), "6:1"),
        (LintCode::MissingFrom, without("From"), "6:1"),
        (LintCode::MissingMessageId, without("Message-ID"), "6:1"),
        (LintCode::MissingSubject, without("Subject"), "6:1"),
        (LintCode::MissingSender, field("From: a@example.org, b@example.org\r\n"), "7:1"),
        (LintCode::SeveralSenders, field("Sender: a@example.org, b@example.org\r\n"), "8:1"),
        (LintCode::RepeatedField, field("Subject: a\r\nSubject: b\r\n"), "2:1"),
        (LintCode::EmptyField, field("To: \r\n"), "1:4"),
        (LintCode::BccDisclosed, field("Bcc: eve@example.org\r\n"), "8:1"),
        (LintCode::InvalidDate, field("Date: Fri, 30 Feb 2026 12:00:00 +0000\r\n"), "1:7"),
        (LintCode::WrongWeekday, field("Date: Fri, 1 Jan 2026 12:00:00 +0000\r\n"), "1:7"),
        (LintCode::ObsoleteDate, field("Date: Thu, 1 Jan 26 12:00:00 GMT\r\n"), "1:7"),
        (LintCode::InvalidMessageId, field("Message-ID: 1@example.org\r\n"), "1:13"),
        (LintCode::InvalidAddress, field("To: bob\r\n"), "1:5"),
        (LintCode::ObsoleteAddress, field("To: a@example.org,,b@example.org\r\n"), "1:19"),
        (LintCode::NonAsciiAddress, field("To: bób@example.org\r\n"), "1:5"),
        (LintCode::EncodedWordTooLong, field(&format!("Subject: =?utf-8?q?{}?=\r\n", &long[..64])), "1:10"),
        (LintCode::EncodedWordLineTooLong, field(&format!("Subject: {} =?utf-8?q?x?=\r\n", &long[..60])), "1:71"),
        (LintCode::InvalidEncodedWord, field("Subject: =?utf-8?b?YQ?=\r\n"), "1:10"),
        (LintCode::EncodedWordNotSeparated, field("Subject: a=?utf-8?q?x?=\r\n"), "1:11"),
        (LintCode::SplitCharacter, field("Subject: =?utf-8?q?=C3?= =?utf-8?q?=BC?=\r\n"), "1:10"),
        (LintCode::EncodedWordInQuotes, field("To: \"=?utf-8?q?x?=\" <a@example.org>\r\n"), "1:6"),
        (LintCode::EncodedWordInAddress, field("To: =?utf-8?q?x?=@example.org\r\n"), "1:5"),
        (LintCode::EncodedWordInParameter, field("Content-Type: text/plain; name=\"=?utf-8?q?x?=\"\r\n"), "1:27"),
        (LintCode::UnknownCharset, field("Subject: =?klingon?q?x?=\r\n"), "1:10"),
        (LintCode::MissingMimeVersion, without("MIME").replace("Date", "Content-ID: <a@b>\r\nDate"), "7:1"),
        (LintCode::InvalidMimeVersion, field("MIME-Version: 2.0\r\n"), "1:14"),
        (LintCode::InvalidContentType, field("Content-Type: text\r\n"), "1:14"),
        (LintCode::InvalidParameter, field("Content-Type: text/plain; name=my bill.pdf\r\n"), "1:35"),
        (LintCode::EmptyParameter, field("Content-Type: text/plain;\r\n"), "1:25"),
        (LintCode::RepeatedParameter, field("Content-Type: text/plain; name=a; name=b\r\n"), "1:35"),
        (LintCode::ParameterGap, field("Content-Type: text/plain; name*0=a; name*2=b\r\n"), "1:37"),
        (LintCode::InvalidParameterEncoding, field("Content-Type: text/plain; name*=a%C3%BC\r\n"), "1:27"),
        (LintCode::UnknownTransferEncoding, typed("Content-Transfer-Encoding: utf8\r\n", ""), "1:1"),
        (
            LintCode::EncodedMultipart,
            multipart("mixed", &["\r\na"]).replace("Date", "Content-Transfer-Encoding: base64\r\nDate"),
            "1:1",
        ),
        (LintCode::Undeclared8BitBody, mail(UTF8, "aü"), "8:2"),
        (LintCode::MissingCharset, mail("Content-Transfer-Encoding: 8bit\r\n", "ü"), "1:1"),
        (LintCode::InvalidBase64, typed("Content-Transfer-Encoding: base64\r\n", "YQ\r\n"), "9:1"),
        (LintCode::InvalidQuotedPrintable, typed("Content-Transfer-Encoding: quoted-printable\r\n", "a=b\r\n"), "9:1"),
        (LintCode::EncodedLineTooLong, typed("Content-Transfer-Encoding: base64\r\n", &"YWJj".repeat(20)), "9:1"),
        (LintCode::BrokenMultipart, mail("Content-Type: multipart/mixed; boundary=b\r\n", "--b\r\n\r\na\r\n"), "8:1"),
        (
            LintCode::InvalidBoundary,
            mail("Content-Type: multipart/mixed; boundary=\"b*\"\r\n", "--b*\r\n\r\n--b*--\r\n"),
            "1:1",
        ),
        (LintCode::MissingAlternative, mail("Content-Type: text/html\r\n", "<p>hi</p>"), "1:1"),
        (LintCode::MissingContentId, multipart("related", &[html]), "11:1"),
    ];
    let mut rows: Vec<_> = rows.map(|(code, mail, place)| (code, mail.into_bytes(), place)).into();
    let latin = mail("Subject: ?\r\n", "").replace('?', "\u{1}").into_bytes();
    let latin = latin.into_iter().map(|octet| if octet == 1 { 0xFC } else { octet }).collect();
    rows.push((LintCode::InvalidUtf8Header, latin, "1:10"));
    rows
}

#[test]
fn each_code_is_found_at_its_place() {
    let rows = rows();
    for (code, raw, place) in &rows {
        let found = message(raw.clone(), Parameters::default()).lint();
        let first = found.iter().find(|its| its.code == *code);
        let first = first.map(|its| format!("{}:{}", its.line, its.column));
        assert_eq!(first.as_deref(), Some(*place), "{code}: {found:#?}\n{}", String::from_utf8_lossy(raw));
    }

    let shown: BTreeSet<LintCode> = rows.iter().map(|(code, ..)| *code).collect();
    let missing: Vec<_> = LintCode::ALL.iter().filter(|code| !shown.contains(code)).collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
}

#[test]
fn correct_messages_have_no_violations() {
    let mut wrong = Vec::new();
    let folded = format!("Subject: {}\r\n {}\r\n", "a".repeat(60), "b".repeat(60));
    for raw in [
        mail("", "hi\r\n"),
        mail(&folded, ""),
        mail("To: \"Lee, Ann\" (home) <ann@[127.0.0.1]>,\r\n \"a b\"@example.org, bob@example.org (Bob)\r\n", ""),
        mail("To: friends: a@example.org, Bob <b@example.org>;, nobody:;\r\n", ""),
        mail("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1*en?b?/A==?=\r\n and (=?utf-8?q?x?=)\r\n", ""),
        mail("Subject: is 1=?2 or =?what?\r\n", ""),
        mail("From: a@example.org, b@example.org\r\nSender: =?utf-8?q?Ann?= <a@example.org>\r\n", ""),
        mail("Date: 1 Jan 2026 23:59:60 -0130 (a comment)\r\n", ""),
        mail("References: <a@b> <c.d@[x]>\r\n <e@f>\r\nIn-Reply-To: <a@b>\r\n", ""),
        mail("Content-Disposition: attachment; filename*0*=utf-8''a%C3;\r\n filename*1*=%BC; filename*2=.pdf\r\n", ""),
        mail("Content-Type: text/plain (a comment); charset=\"utf-8\"\r\nContent-Transfer-Encoding: 8bit\r\n", "ü"),
        multipart("alternative", &["\r\nhi", "Content-Type: text/html\r\n\r\n<p>hi</p>"]),
        multipart(
            "related",
            &[
                "Content-Type: text/html\r\n\r\n<img src='cid:a%2Bb'>",
                "Content-Type: image/png\r\nContent-ID: <a+b@example.org>\r\n\r\n",
                "\r\nhi",
            ],
        )
        .replace("a%2Bb", "a%2Bb@example.org"),
        // What somebody else wrote.
        multipart("mixed", &["Content-Type: message/rfc822\r\n\r\nSubject : x\r\n\r\n"]),
    ] {
        wrong.extend(message(raw, Parameters::default()).lint());
    }
    assert_eq!(wrong, []);
    let declared = Parameters::new(vec![("SMTPUTF8".into(), None)]);
    assert_eq!(message(mail("To: bób@exämple.org\r\nSubject: ü\r\n", ""), declared).lint(), []);
}

#[test]
fn addresses_and_dates_have_a_sentence_for_each_mistake() {
    for (field, expected) in [
        ("To: bob", "`bob` has no `@`: write `local@domain`"),
        ("To: Bob <>", "no address in `<>`"),
        ("To: Bob <b@example.org", "a `<` without `>`"),
        ("To: <b@example.org> Bob", "the text behind `>`, `Bob`: write a comma between addresses"),
        ("To: a..b@example.org", "`a..b@example.org` is not an address: its local part is wrong; quotes may help"),
        ("To: a@b_c..org", "`a@b_c..org` is not an address: its domain is wrong"),
        ("To: a b@example.org", "`a b@example.org` is not an address: its local part is wrong; quotes may help"),
        ("To: Ann@home <a@example.org>", "`@` in a display name: write the name in quotes"),
        ("To: Ann B. Lee <a@example.org>", "a dot in a display name: write the name in quotes"),
        ("To: <@x,@y:a@example.org>", "a source route: write the address alone"),
        ("To: a @example.org", "`a @example.org` has white space in it: remove it"),
        ("To: a@example.org,", "nothing behind the last address: remove the comma or the semicolon"),
        ("To: a@example.org; b@example.org", "a semicolon between addresses: write a comma"),
        ("To: friends: a@example.org", "the group does not end: write `;`"),
        (
            "Date: yesterday",
            "`yesterday` is not a date, or one that does not exist: write it as in `Thu, 1 Jan 2026 12:00:00 +0100`",
        ),
        ("Date: Foo, 1 Jan 2026 12:00:00 +0000", "`Foo` is not a day of the week: write `Thu`"),
        ("Date: Thu, 1 Jan 2026 12:00:00 CET", "the zone `CET`: write it as in `+0000`"),
        ("Date: 1 Jan 26 12:00 +0000", "the year `26`: write all four digits"),
        ("Message-ID: <a b@c>", "`<a b@c>` has white space in it: write it as in `<left@right>`"),
        ("Message-ID: <a>", "`<a>` has no `@`: write it as in `<left@right>`"),
        ("Message-ID: <a@b> <c@d>", "several identifiers: there must be one"),
        ("Subject: =?utf-8?x?a?=", "the encoded word `=?utf-8?x?a?=` has the encoding `x`: write `B` or `Q`"),
        (
            "Subject: =?utf-8?q?a b?=",
            "the encoded word `=?utf-8?q?a b?=` has a blank or another character that must be encoded: write `_` or `=20`",
        ),
        ("Subject: =?utf-8?q?a", "the encoded word `=?utf-8?q?a` does not end with `?=`"),
    ] {
        let found = message(mail(&format!("{field}\r\n"), ""), Parameters::default()).lint();
        let texts: Vec<&str> = found.iter().map(|its| its.text.as_str()).collect();
        assert_eq!(texts, [expected], "{field}");
    }
}

#[test]
fn many_places_of_a_code_are_counted() {
    let found = message(mail("", &"a\rb\r\n".repeat(13)), Parameters::default()).lint();

    assert_eq!(found.len(), 10);
    assert_eq!(found[8].text, "a CR without LF: end each line with CRLF");
    assert_eq!(found[9].text, "a CR without LF: end each line with CRLF; likewise 3 other places");
}

#[test]
fn any_octets_can_be_checked() {
    for raw in
        [&b""[..], b"\r", b"\n", b":", b" ", b"To:<", b"To:\"\\", b"To:(", b"To:[", b"To:a:", b"To:;", b"To:a:b:c;,"]
    {
        message(raw, Parameters::default()).lint();
    }
    let hostile = format!("To: {}\r\n", "(".repeat(100_000)) + &"=?a?q?".repeat(100_000) + "\r\n\r\n";
    message(hostile, Parameters::default()).lint();
}

#[test]
fn the_time_for_a_long_field_does_not_grow_with_its_square() {
    let words = "=?a?q?x?= ".repeat(200_000);
    let parameters: String = (0..100_000).map(|i| format!("; a{i}=b")).collect();
    for field in [format!("Subject: {words}"), format!("To: {words}"), format!("Content-Type: text/plain{parameters}")]
    {
        message(mail(&format!("{field}\r\n"), ""), Parameters::default()).lint();
    }
}

#[test]
fn many_references_are_looked_up_among_many_parts() {
    let html = format!("Content-Type: text/html\r\n\r\n{}", "<img src='cid:a%2Bb'>".repeat(100_000));
    let image = "Content-Type: image/png\r\nContent-ID: <c@example.org>\r\n\r\n";
    let found =
        message(multipart("related", &[&[&html[..]][..], &[image; 900]].concat()), Parameters::default()).lint();

    let missing: Vec<_> = found.iter().filter(|its| its.code == LintCode::MissingContentId).collect();
    assert_eq!(missing[0].text, "`cid:a%2Bb`: no part has this Content-ID");
    assert!(missing[9].text.ends_with("; likewise 99990 other places"), "{missing:?}");
}

#[test]
fn the_manual_lists_the_codes() {
    let manual = include_str!("../../manual/content.md");
    for code in LintCode::ALL {
        let row = format!("| `{code}` | {} | {} |", code.severity(), code.reference());
        assert!(manual.contains(&row), "the manual has no row `{row}`");
        assert_eq!(LintCode::parse(code.name()), Some(*code));
    }
}
