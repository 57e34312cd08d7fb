use bytes::Bytes;

use super::*;
use crate::base::Timestamp;
use crate::mail::{Change, Envelope, Member, Origin, Parameters, Recipient, Sender, Verdict};
use crate::protocol::{Event, Input, Listener, Reply, Status, TxnLog, Written};

const AT: Timestamp = Timestamp::from_micros(0);
const SESSION: SessionNo = SessionNo(1);

fn journal() -> Journal {
    let mut journal = Journal::default();
    let peer = ([127, 0, 0, 1], 1).into();
    journal.open_session(SESSION, AT, Opened { listener: Listener::Smtp, peer, local: peer, offers_starttls: false });
    journal
}

/// The transaction of an accepted message.
fn accepted(no: u32, to: &[&str]) -> TxnLog {
    let recipient = |to: &&str| Recipient::new(to, Parameters::default(), Verdict::Accepted);
    let envelope = Envelope::new(Sender::new("", Parameters::default()), to.iter().map(recipient).collect());
    let message = Message::new(MessageNo(no), Origin::Delivered, AT, envelope, Bytes::new());
    TxnLog { accepted: Some(message), ..TxnLog::default() }
}

/// The exchange of a message whose reply was not sent yet.
fn capture(journal: &mut Journal, no: u32, to: &[&str]) -> Seq {
    let (detail, came) = Detail::of(accepted(no, to));
    let detail = (Some(Box::new(detail)), came);
    let reply = (&Reply::default().line(&["250 Ok"]), Some(Status::Positive));
    journal.exchange(
        AT,
        SESSION,
        (Event::SmtpMessage, false),
        &Input::Body { octets: 0, odd_dots: None, ends_bare: false },
        reply,
        detail,
    )
}

#[test]
fn mail_is_visible_even_if_its_exchange_was_evicted_before_closing() {
    let mut journal = journal();
    let exchange = capture(&mut journal, 1, &["bob@example.org"]);
    journal.raise_floor(journal.tip());

    let outcome = journal.close(AT, SESSION, exchange, Left::All);

    assert_eq!(outcome, "ok");
    assert_eq!(journal.closed_since(Seq(0), None).count(), 1);
    assert_eq!(journal.closed_since(Seq(0), Some("bob@example.org")).count(), 1);
    assert_eq!(journal.unclosed().count(), 0);
}

#[test]
fn mail_that_is_accepted_in_a_later_part_of_its_exchange_is_captured() {
    let mut journal = journal();
    let input = Input::Body { octets: 0, odd_dots: None, ends_bare: false };
    let ask = |journal: &mut Journal| {
        let detail = Detail { octets: Some(0), ..Detail::default() };
        let detail = (Some(Box::new(detail)), CapturedMail::default());
        journal.exchange(AT, SESSION, (Event::SmtpMessage, false), &input, (&Reply::default(), None), detail)
    };
    let first = ask(&mut journal);
    let second = capture(&mut journal, 1, &["ann@example.org"]);
    let (detail, mail) = Detail::of(accepted(2, &["bob@example.org"]));
    let said = Reply::default().line(&["250 Ok"]);
    journal.part(AT, SESSION, first, Some(b""), (&said, Some(Status::Positive)), (Some(Box::new(detail)), mail));

    journal.close(AT, SESSION, first, Left::All);
    assert_eq!(journal.closed_since(Seq(0), None).map(|its| its.message.no().0).collect::<Vec<_>>(), [2]);
    journal.close(AT, SESSION, second, Left::All);
    assert_eq!(journal.closed_since(Seq(0), None).map(|its| its.message.no().0).collect::<Vec<_>>(), [2, 1]);
    let text = Transcript::of(&journal, journal.sessions()).to_string();
    assert_eq!(text, "C: <m2>\nC: <m1>\nS: 250 Ok\nC:\nS: 250 Ok\n");
}

#[test]
fn evicted_mail_is_removed_from_every_list() {
    let mut journal = journal();
    for (no, to) in
        [(1, &["ann@example.org"][..]), (2, &["ann@EXAMPLE.org", "bob@example.org"]), (3, &["ann@example.org"])]
    {
        let exchange = capture(&mut journal, no, to);
        journal.close(AT, SESSION, exchange, Left::All);
    }
    capture(&mut journal, 4, &["bob@example.org"]);

    journal.forget(MessageNo(2));

    let numbers = |address| journal.closed_since(Seq(0), address).map(|its| its.message.no().0).collect::<Vec<_>>();
    assert_eq!(numbers(None), [3]);
    assert_eq!(numbers(Some("ann@example.org")), [3]);
    assert_eq!(numbers(Some("bob@example.org")), [0_u32; 0]);
    assert_eq!(journal.unclosed().map(|its| its.message.no().0).collect::<Vec<_>>(), [4]);
    assert_eq!(journal.forgotten(), 2);
    assert_eq!(journal.messages.recipients(), ["ann@example.org"]);
}

#[test]
#[cfg(feature = "api")]
fn removed_mail_is_in_no_list_and_its_place_is_remembered() {
    let mut journal = journal();
    let mut closed = Vec::new();
    for (no, to) in [(1, "ann@example.org"), (2, "bob@example.org"), (3, "ann@example.org")] {
        let exchange = capture(&mut journal, no, &[to]);
        journal.close(AT, SESSION, exchange, Left::All);
        closed.push(journal.tip());
    }
    capture(&mut journal, 4, &["bob@example.org"]);

    let removed = journal.remove(|no| no.0 > 1);

    assert_eq!(removed.iter().map(|its| its.message.no().0).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(journal.closed_since(Seq(0), None).map(|its| its.message.no().0).collect::<Vec<_>>(), [1]);
    assert_eq!(journal.unclosed().count(), 0);
    assert_eq!(journal.messages.recipients(), ["ann@example.org"]);
    assert_eq!((journal.forgotten(), journal.place_of(MessageNo(2))), (3, Some(closed[1])));
}

#[test]
#[cfg(feature = "api")]
fn places_of_removed_mail_are_not_kept_for_ever() {
    let mut journal = journal();
    let most = 10_000;
    for no in 1..=most + 1 {
        capture(&mut journal, no, &["ann@example.org"]);
        journal.remove(|its| its.0 == no);
    }

    assert_eq!(journal.place_of(MessageNo(1)), None);
    assert!(journal.place_of(MessageNo(2)).is_some());
}

#[test]
fn renumbering_restarts_at_1_and_resets_the_count_of_evicted_mail() {
    let mut journal = journal();
    let exchange = capture(&mut journal, 1, &["ann@example.org"]);
    journal.close(AT, SESSION, exchange, Left::All);
    journal.clear();
    assert_eq!(journal.forgotten(), 1);

    journal.renumber();

    assert_eq!(journal.forgotten(), 0);
}

#[test]
fn two_spellings_of_one_address_find_the_same_mail() {
    let mut journal = journal();

    let exchange = capture(&mut journal, 1, &["ann@example.org", "ann@EXAMPLE.org"]);
    journal.close(AT, SESSION, exchange, Left::All);

    assert_eq!(journal.closed_since(Seq(0), Some("ann@example.org")).count(), 1);
}

#[test]
fn a_goodbye_in_the_second_part_of_a_reply_counts() {
    let mut journal = journal();
    let input = Input::Line(Bytes::from_static(b"QUIT"));
    let nothing = || (Reply::default(), (None, CapturedMail::default()));
    let (reply, detail) = nothing();
    let exchange = journal.exchange(AT, SESSION, (Event::SmtpQuit, false), &input, (&reply, None), detail);
    assert!(!journal.is_leaving());

    let detail = Detail { last: true, ..Detail::default() };
    journal.part(
        AT,
        SESSION,
        exchange,
        None,
        (&Reply::default(), None),
        (Some(Box::new(detail)), CapturedMail::default()),
    );
    assert!(journal.is_leaving());
    journal.close(AT, SESSION, exchange, Left::All);
    assert!(!journal.is_settled(), "its session has not ended");
    journal.end(AT, SESSION, (Ending::Clean, None), 0, b"");

    assert!(journal.is_settled() && !journal.is_leaving());
}

#[test]
fn a_transcript_says_that_later_lines_were_not_kept() {
    let mut journal = journal();
    for length in [1 << 20, 63 << 20, 1 << 20] {
        let line = Input::Line(vec![b'x'; length].into());
        journal.exchange(
            AT,
            SESSION,
            (Event::SmtpNoop, false),
            &line,
            (&Reply::default(), None),
            (None, CapturedMail::default()),
        );
    }

    let text = Transcript::of(&journal, journal.sessions()).to_string();

    let lines: Vec<usize> = text.lines().filter(|line| line.starts_with("C: ")).map(str::len).collect();
    assert_eq!(lines, [(1 << 20) + 3, (63 << 20) + 3]);
    assert!(text.ends_with("-- later lines were not recorded: the transcript of the session is over its limit\n"));
}

#[test]
fn a_transcript_escapes_octets_that_are_not_text() {
    let mut journal = journal();
    journal.end(AT, SESSION, (Ending::Broken, None), 8, b"\x01\x7f\t\\\xff\xc3\xa9\n");

    let text = Transcript::of(&journal, journal.sessions()).to_string();

    assert!(text.starts_with("C| \\x01\\x7f\\t\\\\\\xff\u{e9}\\n\n"), "{text}");
}

#[test]
fn an_incomplete_request_is_kept_as_long_as_its_record() {
    let mut journal = journal();
    journal.end(AT, SESSION, (Ending::Broken, None), 9, b"half a li");

    journal.raise_floor(Seq(journal.tip().0 - 1));

    let text = Transcript::of(&journal, journal.sessions()).to_string();
    assert!(text.starts_with("C| half a li\n-- 9 octets of an incomplete request were lost\n"), "{text}");
}

#[test]
fn parts_of_a_reply_belong_to_their_own_exchange_while_two_are_open() {
    let mut journal = journal();
    let ask = |journal: &mut Journal, line: &'static [u8]| {
        let input = Input::Line(Bytes::from_static(line));
        journal.exchange(
            AT,
            SESSION,
            (Event::SmtpVrfy, false),
            &input,
            (&Reply::default(), None),
            (None, CapturedMail::default()),
        )
    };
    let [first, second] = [&b"VRFY ann"[..], b"VRFY bob"].map(|line| ask(&mut journal, line));

    let part = |journal: &mut Journal, exchange, text, status| {
        let reply = Reply::default().line(&[text]);
        journal.part(AT, SESSION, exchange, None, (&reply, Some(status)), (None, CapturedMail::default()));
    };
    part(&mut journal, first, "250 not yet", Status::Positive);
    part(&mut journal, second, "550 nobody", Status::Negative);
    part(&mut journal, first, "551 elsewhere", Status::Negative);
    part(&mut journal, second, "250 bob", Status::Positive);

    let log = journal.session(SESSION).unwrap();
    let refused = Refused { line: "VRFY ann".to_owned(), reply: "551 elsewhere".to_owned() };
    assert_eq!(journal.refused(log), [refused]);
    assert_eq!((log.requests(), log.refusals()), (2, 1));
}

#[test]
fn a_record_is_small() {
    assert!(size_of::<Record>() <= 40);
}

#[test]
fn the_traces_of_rules_count_towards_the_octets() {
    let mut journal = journal();
    let written = vec![Written { range: 0..1, by: "rule".into() }; 1000];
    let trace = Some(Box::new(Trace { written, ..Trace::default() }));
    let detail = (Some(Box::new(Detail { trace, ..Detail::default() })), CapturedMail::default());
    let before = journal.octets();

    journal.exchange(AT, SESSION, (Event::SmtpNoop, false), &Input::Silence, (&Reply::default(), None), detail);

    assert!(journal.octets() - before > (1000 * size_of::<Written>()) as u64);
}

#[test]
fn a_list_of_accounts_counts_towards_the_octets() {
    let mut journal = journal();
    let member = Member {
        login: "bob@example.org".into(),
        password: "secret".into(),
        tokens: Vec::new(),
        addresses: Vec::new(),
    };
    let changes = vec![Change::Admit { members: vec![member; 1000].into() }];
    let before = journal.octets();

    journal.outside(AT, TxnLog { changes, ..TxnLog::default() });

    assert!(journal.octets() - before > (1000 * size_of::<Member>()) as u64);
}
