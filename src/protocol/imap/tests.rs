//! Tests of commands with several turns, and of what is computed between these turns.

use std::sync::Arc;

use bytes::BytesMut;

use super::*;
use crate::base::{SessionNo, Timestamp};
use crate::mail::{AccountNo, Flags, MailboxId, Namespace, Origin};
use crate::protocol::imap::{Config, Request};
use crate::protocol::{Machine, MailStore, Next, Outcome};

const LOGIN: &str = "bob@example.org";

struct Session {
    imap: Imap,
    mail: MailStore,
    account: AccountNo,
}

impl Session {
    /// A session after the greeting.
    fn unauthenticated() -> Self {
        let mut mail = MailStore::new(Accounts::new(Vec::new(), Namespace::default(), 1));
        let mut txn = MailTxn::new(&mut mail, Origin::Delivered, Timestamp::from_micros(0));
        let account = txn.mailbox_of(LOGIN, "INBOX").unwrap().account;
        let mut session = Self { imap: Imap::new(Arc::new(Config::for_test()), true, false), mail, account };
        let greeting = session.imap.decode(&mut BytesMut::new()).unwrap();
        session.turn(greeting.request);
        session
    }

    /// A session that is logged in and has selected an INBOX with these messages.
    fn with(messages: &[String]) -> Self {
        let mut session = Self::unauthenticated();
        let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));
        let inbox = txn.mailbox_of(LOGIN, "INBOX").unwrap();
        for message in messages {
            txn.append(inbox, Flags::NONE, None, message.clone().into());
        }
        session.ask(&format!("a LOGIN {LOGIN} secret"));
        session.ask("a SELECT INBOX");
        session
    }

    fn turn(&mut self, request: Request) -> (String, Option<Request>) {
        let mut txn = MailTxn::new(&mut self.mail, Origin::Session(SessionNo(1)), Timestamp::from_micros(0));
        let Outcome { reply, next, .. } = self.imap.perform(request, &mut txn);
        let text = String::from_utf8_lossy(&reply.pieces().collect::<Vec<_>>().concat()).into_owned();
        (text, if let Next::More(rest) = next { Some(rest) } else { None })
    }

    /// The output of each turn. Everything is computed before its turn.
    fn ask(&mut self, line: &str) -> Vec<String> {
        let mut input = BytesMut::from(format!("{line}\r\n").as_bytes());
        let mut request = self.imap.decode(&mut input).map(|decoded| decoded.request);
        let mut said = Vec::new();
        while let Some(mut next) = request {
            if self.imap.gather(&mut next, &self.mail.accounts) > 0 {
                Imap::compute(&mut next);
                assert_eq!(self.imap.gather(&mut next, &self.mail.accounts), 0, "{line}: everything must be computed");
            }
            let (text, rest) = self.turn(next);
            said.push(text);
            request = rest;
        }
        said
    }
}

#[test]
fn cheap_items_of_many_messages_are_sent_in_turns_of_bounded_size() {
    let mut session = Session::with(&vec!["Subject: x\r\n\r\n".to_owned(); 3000]);

    let said = session.ask("a FETCH 1:* FLAGS");

    assert_eq!(said.concat().lines().count(), 3001);
    assert_eq!(said.len(), 4, "a first turn, and one for each 1024 messages");
    assert!(said.iter().all(|text| text.len() < 40 << 10));
}

#[test]
fn messages_are_read_between_turns_and_a_bounded_number_ahead() {
    let message = format!("Subject: x\r\n\r\n{}\r\n", "a".repeat(10_000));
    let mut session = Session::with(&vec![message; 100]);
    let mut input = BytesMut::from(&b"a UID FETCH 1:* (BODYSTRUCTURE ENVELOPE BODY.PEEK[])\r\n"[..]);
    let request = session.imap.decode(&mut input).unwrap().request;
    let (_, rest) = session.turn(request);
    let mut rest = rest.unwrap();

    let octets = session.imap.gather(&mut rest, &session.mail.accounts);

    assert!((128 << 10..256 << 10).contains(&octets), "{octets}");
    assert_eq!(session.ask("b FETCH 1:* BODY.PEEK[]").concat().matches(" FETCH (").count(), 100);
    assert_eq!(session.ask("c SEARCH BODY aaa").concat().matches(' ').count(), 1 + 100 + 4);
}

#[test]
fn a_fetch_continues_with_the_new_uids_if_the_mailbox_is_renumbered() {
    for (name, is_reversed, bodies) in
        [("in order", false, ["one", "three", "four"]), ("reversed", true, ["four", "three", "one"])]
    {
        let message = |text: &str| format!("\r\n{text}{}", " ".repeat(32 << 10));
        let mut session = Session::with(&["one", "two", "three", "four"].map(message));
        let inbox = session.mail.accounts.account(session.account).unwrap().inbox().no;
        let inbox = MailboxId { account: session.account, mailbox: inbox };
        let mut input = BytesMut::from(&b"a FETCH 1:4 BODY.PEEK[]\r\n"[..]);
        let request = session.imap.decode(&mut input).unwrap().request;
        let mut rest = session.turn(request).1.unwrap();
        MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0)).expunge(inbox, 2);

        session.imap.gather(&mut rest, &session.mail.accounts);
        Imap::compute(&mut rest);
        let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));
        let validity = txn.mailbox(inbox).unwrap().uid_validity;
        txn.renumber(inbox, validity, Some(is_reversed));
        let mut said = String::new();
        let mut rest = Some(rest);
        while let Some(mut next) = rest.take() {
            session.imap.gather(&mut next, &session.mail.accounts);
            Imap::compute(&mut next);
            let (text, more) = session.turn(next);
            (said, rest) = (said + &text, more);
        }

        let items: Vec<_> = said.split("* ").skip(1).map(|item| item.replace("  ", "")).collect();
        let octets = |text: &str| message(text).len();
        let item =
            |(number, text): (usize, &str)| format!("{number} FETCH (BODY[] {{{}}}\r\n\r\n{text})\r\n", octets(text));
        let mut expected: Vec<_> = (1..).zip(bodies).map(item).collect();
        expected.last_mut().unwrap().push_str("a OK [EXPUNGEISSUED] Fetched; some of these messages are gone\r\n");
        assert_eq!(items, expected, "{name}");
    }
}

#[test]
fn rename_of_inbox_takes_several_turns() {
    let mut session = Session::with(&vec!["Subject: x\r\n\r\n".to_owned(); 1000]);
    let inbox = session.mail.accounts.account(session.account).unwrap().inbox().no;
    let inbox = MailboxId { account: session.account, mailbox: inbox };
    let left = |session: &Session| session.mail.accounts.mailbox(inbox).unwrap().entries().len();

    assert_eq!(session.ask("a RENAME INBOX Old").len(), 4, "256 messages each");
    let old = session.ask("b STATUS Old (MESSAGES)").concat();
    assert_eq!((left(&session), old.contains("* STATUS Old (MESSAGES 1000)\r\n")), (0, true));

    let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));
    for _ in 0..300 {
        txn.append(inbox, Flags::NONE, None, "Subject: y\r\n\r\n".into());
    }
    let mut input = BytesMut::from(&b"c RENAME INBOX Gone\r\n"[..]);
    let request = session.imap.decode(&mut input).unwrap().request;
    let (_, rest) = session.turn(request);
    let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));
    let gone = txn.mailbox_of(LOGIN, "Gone").unwrap();
    txn.delete(gone);
    let (said, rest) = session.turn(rest.unwrap());
    assert_eq!(said.lines().last(), Some("c NO [NONEXISTENT] the new mailbox was deleted meanwhile"), "{said}");
    assert_eq!((rest.is_none(), left(&session)), (true, 44));
}

#[test]
fn rename_of_a_parent_is_one_change_even_at_the_mailbox_limit() {
    let mut session = Session::with(&[]);
    let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));
    for i in 1..10_000 {
        txn.create(session.account, &format!("a/b/{i}"), None);
    }
    txn.close();

    let said = ["a RENAME a b", "b RENAME b/b a", "c CREATE c"].map(|line| session.ask(line)).concat();

    let refused = "c NO [LIMIT] an account may have at most 10000 mailboxes\r\n";
    assert_eq!(said, ["a OK Renamed\r\n", "b OK Renamed\r\n", refused]);
    assert_eq!(session.mail.take_log().changes.len(), 2);
    let names = session.mail.accounts.account(session.account).unwrap().starting_with("a/");
    assert_eq!(names.count(), 9999);
}

#[test]
fn rename_is_refused_if_the_new_name_of_a_child_would_be_too_long() {
    let mut session = Session::with(&[]);
    let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));
    txn.create(session.account, &format!("a/{}", "b".repeat(990)), None);
    txn.create(session.account, &format!("c/{}d", "d/".repeat(60)), None);

    let said = ["a RENAME a 1234567890", "b RENAME a 123456789", "c RENAME c 1/2/3/4", "d RENAME c 1/2/3"]
        .map(|line| session.ask(line).concat());

    let refused = |tag: &str| format!("{tag} NO [CANNOT] a mailbox name has at most 1000 octets and 64 levels\r\n");
    assert_eq!(said, [refused("a"), "b OK Renamed\r\n".to_owned(), refused("c"), "d OK Renamed\r\n".to_owned()]);
}

#[test]
fn a_long_envelope_or_bodystructure_is_recorded_as_a_label() {
    let (few, many) = ("a@b,".repeat(10), "a@b,".repeat(1000));
    let part = "--x\r\n\r\na\r\n".repeat(500);
    let mails = [
        format!("To: {few}\r\n\r\n"),
        format!("To: {many}\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n{part}"),
    ];
    let mut session = Session::with(&mails);
    let mut input = BytesMut::from(&b"a FETCH 1:2 (ENVELOPE BODYSTRUCTURE)\r\n"[..]);
    let request = session.imap.decode(&mut input).unwrap().request;
    let (_, rest) = session.turn(request);
    let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));

    let Outcome { reply, .. } = session.imap.perform(rest.unwrap(), &mut txn);

    let recorded = String::from_utf8(reply.recorded().text.into_owned()).unwrap();
    let lines: Vec<&str> = recorded.lines().collect();
    assert!(lines[0].contains("(NIL NIL \"a\" \"b\")) NIL NIL NIL NIL)"), "{recorded}");
    assert_eq!(lines[1], "* 2 FETCH (ENVELOPE (<m2 ENVELOPE>) BODYSTRUCTURE (<m2 BODYSTRUCTURE>))");
    let said = session.ask("a FETCH 2 (ENVELOPE BODYSTRUCTURE)").concat();
    assert_eq!(said.matches("(NIL NIL \"a\" \"b\")").count(), 1000);
    assert_eq!(said.matches("(\"text\" \"plain\"").count(), 500);
}

#[test]
fn list_takes_several_turns_whatever_the_pattern_is() {
    let mut session = Session::with(&[]);
    let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));
    for i in 0..2000 {
        txn.create(session.account, &format!("{}/{i}", "a/".repeat(30) + &"b".repeat(900)), None);
    }

    let all = session.ask("a LIST \"\" *");
    let none = session.ask(&format!("b LIST \"\" {}c", "*b".repeat(950)));
    let some = session.ask(&format!("c LIST \"\" *{}*1999", "b%".repeat(900)));

    let most = all.iter().map(String::len).max().unwrap();
    assert!(all.len() > 50 && most < 40 << 10, "{} turns, {most} octets at most", all.len());
    assert_eq!(all.concat().lines().count(), 1 + 31 + 2000 + 1);
    assert_eq!(none.concat(), "b OK LIST is complete\r\n");
    assert_eq!(some.concat().lines().count(), 2);
}

#[test]
fn the_octets_of_a_message_count_once_for_each_deep_item() {
    let mut session = Session::with(&vec!["a".repeat(10_000); 100]);
    let mut weighs = |items: &str| {
        let mut input = BytesMut::from(format!("a FETCH 1:* ({items})\r\n").as_bytes());
        let request = session.imap.decode(&mut input).unwrap().request;
        let (_, rest) = session.turn(request);
        session.imap.gather(&mut rest.unwrap(), &session.mail.accounts)
    };

    assert_eq!(weighs("FLAGS UID"), 0);
    assert_eq!(weighs("FLAGS ENVELOPE"), 140_000);
    assert_eq!(weighs("ENVELOPE BODY.PEEK[1] BODY"), 150_000);
    let pieces: Vec<String> = (0..200).map(|i| format!("BINARY.PEEK[1]<{i}.1>")).collect();
    assert_eq!(weighs(&pieces.join(" ")), 2_000_000);
}

/// Each of these takes minutes if anything is read more than a few times.
#[test]
fn hostile_fetches_read_a_message_once() {
    let encoded = format!("Content-Transfer-Encoding: base64\r\n\r\n{}", "YWFh".repeat(50_000));
    let with_nul = "\r\n\0".to_owned() + &"a".repeat(150_000);
    let mut session = Session::with(&["Z:\n".repeat(43_000) + "X: y\r\n\r\n", encoded, with_nul]);
    let names = (0..9000).map(|i| format!("n{i} ")).collect::<String>();
    let pieces = |item: &str| (0..250).map(|i| format!("{item}<{i}.4000000000>")).collect::<Vec<_>>().join(" ");

    let fields = session.ask(&format!("a FETCH 1 BODY.PEEK[HEADER.FIELDS ({names}x)]")).concat();
    let others = session.ask(&format!("b FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT ({names}Z)]")).concat();
    let decoded = session.ask(&format!("c FETCH 2 ({})", pieces("BINARY.PEEK[1]"))).concat();
    let clean = session.ask(&format!("d FETCH 3 ({})", pieces("BODY.PEEK[TEXT]"))).concat();

    for said in [fields, others] {
        assert!(said.contains(")] {8}\r\nX: y\r\n\r\n)\r\n"), "{}", &said[said.len() - 100..]);
    }
    let letters = |octets: usize| (0..250).map(|first| octets - first).sum::<usize>();
    assert_eq!(decoded.matches('a').count(), letters(150_000));
    assert_eq!(clean.matches('a').count(), letters(150_001) - 1);
}

#[test]
fn only_a_literal8_contains_nul() {
    let mut session = Session::with(&["\r\na\0c".to_owned()]);
    let mut input = BytesMut::from(&b"a FETCH 1 (BODY.PEEK[TEXT] BODY.PEEK[]<3.1> BINARY.PEEK[1])\r\n"[..]);
    let request = session.imap.decode(&mut input).unwrap().request;
    let (_, rest) = session.turn(request);
    let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));

    let Outcome { reply, .. } = session.imap.perform(rest.unwrap(), &mut txn);

    let said = reply.pieces().collect::<Vec<_>>().concat();
    let fetched = b"* 1 FETCH (BODY[TEXT] {3}\r\na\x80c BODY[]<3> {1}\r\n\x80 BINARY[1] ~{3}\r\na\0c)\r\n";
    assert_eq!(said, [&fetched[..], b"a OK Fetched\r\n"].concat());
}

#[test]
fn messages_expunged_by_another_session_are_left_out_with_expungeissued() {
    let mut session = Session::with(&vec!["Subject: x\r\n\r\n".to_owned(); 3]);
    let mut txn = MailTxn::new(&mut session.mail, Origin::Delivered, Timestamp::from_micros(0));
    let inbox = txn.mailbox_of(LOGIN, "INBOX").unwrap();
    txn.expunge(inbox, 2);

    let fetched = session.ask("a FETCH 1:3 RFC822.SIZE").concat();
    let found = ["b SEARCH ALL", "c SEARCH SUBJECT x"].map(|line| session.ask(line).concat());
    let by_uid = session.ask("d UID SEARCH SUBJECT x").concat();

    assert_eq!(
        fetched,
        "* 1 FETCH (RFC822.SIZE 14)\r\n* 3 FETCH (RFC822.SIZE 14)\r\n\
         a OK [EXPUNGEISSUED] Fetched; some of these messages are gone\r\n"
    );
    for (tag, text) in ["b", "c"].into_iter().zip(found) {
        let end = "OK [EXPUNGEISSUED] SEARCH is complete; some messages are gone\r\n";
        assert_eq!(text, format!("* SEARCH 1 3\r\n{tag} {end}"));
    }
    assert_eq!(by_uid, "* SEARCH 1 3\r\n* 2 EXPUNGE\r\nd OK SEARCH is complete\r\n");
}

#[test]
fn an_overlong_sasl_response_is_not_treated_as_empty() {
    let mut session = Session::unauthenticated();
    session.ask("a AUTHENTICATE LOGIN");
    session.ask("dGlt");

    let said = session.ask(&"A".repeat(1 << 20));

    assert!(said.concat().starts_with("a BAD "), "{said:?}");
}

#[test]
fn a_partial_initial_response_does_not_complete_a_login() {
    for (line, event) in [
        ("a AUTHENTICATE LOGIN dGlt", Event::ImapAuthStart),
        ("a AUTHENTICATE PLAIN", Event::ImapAuthStart),
        ("a AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=", Event::ImapAuth),
    ] {
        let mut session = Session::unauthenticated();
        let decoded = session.imap.decode(&mut BytesMut::from(format!("{line}\r\n").as_bytes())).unwrap();
        assert_eq!(decoded.event, event, "{line}");
    }
}
