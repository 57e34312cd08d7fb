use std::sync::Arc;

use serde_json::Value;

use super::super::{Ending, Left, Opened, Transcript};
use super::*;
use crate::mail::Namespace;
use crate::protocol::{Event, Input, Listener, MailStore, MailTxn, Reply, Status};

const AT: Timestamp = Timestamp::from_micros(1_000_001);
const SESSION: SessionNo = SessionNo(1);

fn accounts() -> Accounts {
    Accounts::new(Vec::new(), Namespace::default(), 1)
}

/// A journal with a session that sent a message and with a test's changes; and the lines of its log.
fn journal() -> (Journal, Vec<String>) {
    let mut journal = Journal { log: Some(LogWriter::default()), ..Journal::default() };
    let mut mail = MailStore::new(accounts());
    let peer = ([127, 0, 0, 1], 1).into();
    journal.open_session(SESSION, AT, Opened { listener: Listener::Smtp, peer, local: peer, offers_starttls: false });
    let size = || Parameters::new(vec![("SIZE".into(), Some("9".into())), ("X".into(), None)]);
    let accepted = Recipient::new("bob@example.org", size(), Verdict::Accepted);
    let refused = Recipient::new("eve@example.org", Parameters::default(), Verdict::Refused("550 no".into()));
    let envelope = Envelope::new(Sender::new("ann@example.org", size()), vec![accepted, refused]).unwrap();
    let mut txn = MailTxn::new(&mut mail, Origin::Session(SESSION), AT);
    txn.deliver(envelope, Bytes::from_static(b"Subject: \xff\r\n\r\n.\r\n"));
    txn.select(None);
    let (detail, mail_of) = Detail::of(txn.close());
    let detail = (Some(Box::new(Detail { octets: Some(17), odd_dots: Some([13].into()), ..detail })), mail_of);
    let mut reply = Reply::default().line(&["250 Ok"]).by(&Arc::<str>::from("rule"));
    reply.push_labelled("<time>", Bytes::from_static(b"12:00"));
    let input = Input::Body { octets: 17, odd_dots: None, ends_bare: false };
    let said = (&reply, Some(Status::Positive));
    let exchange = journal.exchange(AT, SESSION, (Event::SmtpMessage, false), &input, said, detail);
    journal.close(AT, SESSION, exchange, Left::All);
    let mut txn = MailTxn::new(&mut mail, Origin::Delivered, AT);
    let place = txn.mailbox_of("bob@example.org", "Work").unwrap();
    txn.append(place, crate::mail::Flags::SEEN, None, Bytes::from_static(b"\0"));
    journal.outside(AT, txn.close());
    journal.end(AT, SESSION, (Ending::ClientClosed, None), 3, b"NO\xff");
    let lines = journal.log.take().unwrap().lines;
    (journal, lines)
}

fn read(lines: &[impl AsRef<str>]) -> Result<LogReader, LogError> {
    let mut reader = LogReader::new(accounts());
    for line in lines {
        reader.read(line.as_ref())?;
    }
    Ok(reader)
}

/// The line with its content altered and a new checksum.
fn altered(line: &str, alter: impl FnOnce(&mut Value)) -> String {
    let (_, json) = line.split_once(' ').unwrap();
    let mut value: Value = serde_json::from_str(json).unwrap();
    alter(&mut value);
    let json = value.to_string();
    format!("{} {json}", checksum(&json))
}

#[test]
fn a_log_is_read_as_it_was_written() {
    let (journal, lines) = journal();

    let reader = read(&lines).unwrap();

    let records = |journal: &Journal| journal.since(Seq(0)).unwrap().map(|its| format!("{its:?}")).collect::<Vec<_>>();
    assert_eq!(records(&reader.journal), records(&journal));
    let text = |journal: &Journal| Transcript::of(journal, journal.sessions()).verbatim();
    assert_eq!(text(&reader.journal), text(&journal));
    let [read, was] = [&reader.journal, &journal].map(|its| its.messages()[0].message.clone());
    assert_eq!((read.raw(), read.envelope(), read.received()), (was.raw(), was.envelope(), was.received()));
    assert_eq!(reader.accounts.find("bob@example.org").map(|no| no.0), Some(0));
}

#[test]
fn an_incomplete_log_is_read_up_to_its_end() {
    let (_, lines) = journal();
    let text = lines.join("\n");

    for cut in 0..text.len() {
        let cut = &text[..cut];
        let whole = cut.lines().zip(&lines).take_while(|(cut, line)| cut == line).count();
        match read(&cut.lines().collect::<Vec<_>>()) {
            Ok(reader) => assert_eq!(reader.journal.tip(), Seq(cut.lines().count() as u64)),
            Err(error) => assert_eq!(error.record, Seq(whole as u64 + 1), "{error}"),
        }
    }
}

#[test]
fn every_damaged_octet_is_found_at_its_record() {
    let (_, lines) = journal();

    for (n, line) in lines.iter().enumerate() {
        for at in 0..line.len() {
            let mut octets = line.clone().into_bytes();
            octets[at] ^= 1;
            let mut damaged = lines.clone();
            damaged[n] = String::from_utf8(octets).unwrap();

            let error = read(&damaged).unwrap_err();

            assert_eq!(error.record, Seq(n as u64 + 1), "{error}");
        }
    }
    let error = read(&[lines[0].replace("smtp", "smtx")]).unwrap_err().to_string();
    assert!(error.starts_with("record 1: the line is damaged or incomplete: its checksum is "), "{error}");
}

#[test]
fn the_error_for_an_impossible_record_has_the_reason() {
    let (_, lines) = journal();
    let [opened, exchange, closed, outside, ended] = &lines[..] else { panic!("{} lines", lines.len()) };
    let numbered = |line: &str, seq: u64| altered(line, |its| its["seq"] = seq.into());
    let of_session = |line: &str, no: &str| altered(line, |its| its["record"]["session"] = no.into());
    let detail = |line: &str, alter: fn(&mut Value)| {
        altered(line, |its| alter(&mut its["record"]["kind"]["exchange"]["detail"]))
    };
    let s = |lines: &[&String]| lines.iter().map(|line| line.to_string()).collect::<Vec<_>>();
    for (lines, says) in [
        (s(&[exchange]), "record 1: found record 2 instead"),
        (s(&[opened, opened]), "record 2: found record 1 instead"),
        (
            s(&[opened, &numbered(opened, 2)]),
            "record 2: it opens session s1, but a session with this number or a higher one exists",
        ),
        (
            s(&[&altered(opened, |its| its["record"]["session"] = Value::Null)]),
            "record 1: it must belong to a session, but names none",
        ),
        (s(&[opened, &of_session(exchange, "s9")]), "record 2: it belongs to session s9, which is not open"),
        (s(&[opened, &numbered(closed, 2)]), "record 2: it belongs to exchange 2, which is not open in its session"),
        (
            s(&[opened, exchange, closed, &numbered(closed, 4)]),
            "record 4: it belongs to exchange 2, which is not open in its session",
        ),
        (s(&[opened, exchange, &numbered(exchange, 3)]), "record 3: message m1 came before"),
        (
            s(&[opened, &numbered(outside, 2)]),
            "record 2: a change in it is not possible: the mailbox created next has number 1, the change has 2",
        ),
        (
            s(&[opened, &altered(exchange, |its| its["messages"] = Vec::<Value>::new().into())]),
            "record 2: it captured message m1, which is not in the line",
        ),
        (
            s(&[opened, &altered(exchange, |its| its["messages"][0]["envelope"]["recipients"][0][1] = "550".into())]),
            "record 2: the envelope of message m1 has no accepted recipient",
        ),
        (
            s(&[opened, &detail(exchange, |its| its["labelled"][0]["label"]["end"] = 99.into())]),
            "record 2: its text has no octets 8 to 99",
        ),
        (
            s(&[opened, &detail(exchange, |its| its["changes"][1]["file"]["uid"] = 7.into())]),
            "record 2: a change in it is not possible: mailbox 1 gives UID 1 next, the change has 7",
        ),
        (
            s(&[opened, exchange, closed, outside, ended, &numbered(ended, 6)]),
            "record 6: it belongs to session s1, which is not open",
        ),
    ] {
        let error = read(&lines).unwrap_err();

        assert_eq!(error.to_string(), says);
    }
}

/// Every position in a value, as a path.
fn places(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, its)| places(its, &format!("{path}/{key}"), all)),
        Value::Array(list) => list.iter().enumerate().for_each(|(i, its)| places(its, &format!("{path}/{i}"), all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn no_record_causes_a_panic() {
    let (_, lines) = journal();
    let others = [
        Value::Null,
        0.into(),
        u32::MAX.into(),
        u64::MAX.into(),
        "".into(),
        "s7".into(),
        "m7".into(),
        true.into(),
        Value::Array(Vec::new()),
        Value::Object(serde_json::Map::new()),
    ];

    let mut read_anyway = 0;
    for (n, line) in lines.iter().enumerate() {
        let mut all = Vec::new();
        altered(line, |value| places(value, "", &mut all));
        for place in &all {
            for other in &others {
                let mut altered_lines = lines.clone();
                altered_lines[n] = altered(line, |value| *value.pointer_mut(place).unwrap() = other.clone());
                if let Ok(reader) = read(&altered_lines) {
                    read_anyway += 1;
                    Transcript::of(&reader.journal, reader.journal.sessions()).verbatim();
                    reader.journal.sessions().for_each(|log| drop(reader.journal.refused(log)));
                }
            }
        }
    }
    assert!(read_anyway > 0);
}
