//! The HTTP API changes accounts, mailboxes and entries while clients are connected.

use clients::api_client::{ApiClient, NONE, start};
use clients::line_client::LineClient;
use mailjig::matchers::session;
use mailjig::{Listener, MailServer, StartTls};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

fn imap(server: &MailServer) -> LineClient {
    let mut client = LineClient::greeted(server.imap().address());
    client.command("LOGIN bob x");
    client
}

fn idling(server: &MailServer) -> LineClient {
    let mut client = imap(server);
    client.command("SELECT INBOX");
    assert_eq!(client.ask("b IDLE"), "+ idling");
    server.wait_for_session(session::idling()).block();
    client
}

fn uids(list: &Value) -> Vec<u64> {
    list["entries"].as_array().unwrap().iter().map(|entry| entry["uid"].as_u64().unwrap()).collect()
}

#[test]
fn mailboxes_are_created_renamed_and_deleted() {
    let (server, api) = start();
    let mut client = imap(&server);

    let made = api.put("/accounts/bob/mailboxes/Gesendet", &json!({ "special_use": "\\Sent" })).expect(201);
    assert_eq!((&made["name"], &made["special_use"]), (&json!("Gesendet"), &json!("\\Sent")));
    assert_eq!(api.put("/accounts/bob/mailboxes/Gesendet", &NONE).expect(200)["special_use"], "\\Sent");
    api.put("/accounts/bob/mailboxes/Gesendet%2F2025", &NONE).expect(201);
    let listed = client.command("LIST \"\" *").join("\n");
    assert!(listed.contains("\\Sent") && listed.contains("Gesendet/2025"), "{listed}");
    assert_eq!(api.ok("/accounts")["delimiter"], "/");

    let path = "/accounts/bob/mailboxes";
    let changed = api.patch(format!("{path}/Gesendet"), &json!({ "name": "Sent", "special_use": null })).expect(200);
    assert_eq!((&changed["name"], &changed["special_use"]), (&json!("Sent"), &NONE));
    assert!(client.command("SELECT Sent/2025").last().unwrap().starts_with("a OK"));
    api.delete(format!("{path}/Sent%2F2025")).expect(204);
    assert_eq!(client.ask("a NOOP"), "* BYE The mailbox was deleted");
    assert!(client.is_closed());

    api.put("/accounts/bob/subscriptions/News", &NONE).expect(204);
    assert_eq!(api.ok("/accounts/bob")["subscriptions"], json!(["News"]));
    api.delete("/accounts/bob/subscriptions/News").expect(204);
    assert_eq!(api.ok("/accounts/bob")["subscriptions"], json!([]));
}

#[test]
fn a_client_in_idle_learns_of_what_the_api_does_to_entries() {
    let (server, api) = start();
    let inbox = "/accounts/bob/mailboxes/INBOX";
    for _ in 0..3 {
        api.post(inbox, &json!({ "raw": "Subject: hi\r\n\r\n" })).expect(201);
    }
    let mut client = idling(&server);

    let entry = api.patch(format!("{inbox}/2"), &json!({ "add": ["\\Deleted"] })).expect(200);
    assert_eq!(entry["flags"], json!(["\\Deleted"]));
    assert_eq!(client.line(), "* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent))");
    let flagged = api.patch(format!("{inbox}/entries?uid=2:*"), &json!({ "set": ["\\Seen"] })).expect(200);
    assert_eq!(uids(&flagged), [2, 3]);
    assert_eq!(client.line(), "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))");
    assert_eq!(client.line(), "* 3 FETCH (UID 3 FLAGS (\\Seen \\Recent))");
    api.patch(format!("{inbox}/3"), &json!({ "set": ["\\Deleted"], "remove": ["$Unknown"] })).expect(200);
    assert_eq!(client.line(), "* 3 FETCH (UID 3 FLAGS (\\Deleted \\Recent))");

    assert_eq!(uids(&api.ok(format!("{inbox}?uid=1,3"))), [1, 3]);
    // RFC 9051 §9: `*` is the largest UID in use, also where the range begins behind it.
    assert_eq!(uids(&api.ok(format!("{inbox}?uid=*"))), [3]);
    assert_eq!(uids(&api.ok(format!("{inbox}?uid=9000:*"))), [3]);
    assert_eq!(uids(&api.ok(format!("{inbox}?uid=*:2"))), [2, 3]);
    assert_eq!(uids(&api.ok(format!("{inbox}?flag=!%5CSeen"))), [1, 3]);
    assert_eq!(uids(&api.ok(format!("{inbox}?flag=%5Cdeleted"))), [3]);
    let expunged = api.delete(format!("{inbox}/entries?flag=%5CDeleted")).expect(200);
    assert_eq!(expunged["uids"], json!([3]));
    assert_eq!(client.line(), "* 3 EXPUNGE");
    api.delete(format!("{inbox}/1")).expect(204);
    assert_eq!(client.line(), "* 1 EXPUNGE");
    assert_eq!(api.ok(format!("{inbox}/2"))["uid"], 2);
    assert_eq!(api.delete("/accounts/bob/entries").expect(200)["entries"], 1);
    assert_eq!(client.line(), "* 1 EXPUNGE");
    assert_eq!(uids(&api.ok(inbox)), [0; 0]);
}

#[test]
fn a_change_of_uidvalidity_ends_the_sessions_that_have_selected_the_mailbox() {
    let (server, api) = start();
    let inbox = server.account("bob").inbox();
    inbox.generate(2);
    inbox.expunge(1);
    let mut client = idling(&server);

    let path = "/accounts/bob/mailboxes/INBOX/uidvalidity";
    let before = inbox.uid_validity().unwrap();
    let changed = api.put(path, &json!({ "uid_validity": 77, "renumber": "forward" })).expect(200);

    assert_eq!((&changed["uid_validity"], &changed["uid_next"]), (&json!(77), &json!(2)));
    assert_eq!(client.line(), "* BYE The UIDs of the mailbox changed");
    assert!(client.is_closed());
    assert_eq!(api.put(path, &json!({})).expect(200)["uid_validity"], 78);
    assert_ne!(before, 78);
}

#[test]
fn a_wait_for_entries_is_answered_when_they_match() {
    let (server, api) = start();
    let inbox = "/accounts/bob/mailboxes/INBOX";

    std::thread::scope(|scope| {
        let waits = scope.spawn(|| api.ok(format!("{inbox}?flag=%5CSeen&count=2&wait=20s")));
        let gone = scope.spawn(|| api.ok("/accounts/bob/mailboxes/Drafts?count=1&wait=20s"));
        let bob = server.account("bob");
        bob.inbox().generate(3);
        bob.inbox().flag(1, &["\\Seen"], &[]);
        bob.inbox().flag(3, &["\\Seen"], &[]);
        bob.mailbox("Drafts").add("Subject: draft\r\n\r\n");
        assert_eq!(uids(&waits.join().unwrap()), [1, 3]);
        assert_eq!(uids(&gone.join().unwrap()), [1]);
    });

    let late = api.get(format!("{inbox}?count=0&wait=1ms")).expect(409);
    assert_eq!(late["detail"], "within 1ms, 3 entries of INBOX of bob matched, expected none");
}

#[test]
fn accounts_are_made_and_deleted() {
    let (server, api) = start();

    api.put("/accounts/ann", &json!({ "password": "secret", "addresses": ["sales@example.org"] })).expect(201);
    api.put("/accounts/ann", &json!({ "password": "other", "addresses": ["sales@example.org"] })).expect(200);
    let mut client = LineClient::greeted(server.imap().address());
    assert!(client.command("LOGIN ann secret")[0].starts_with("a NO"));
    assert!(client.command("LOGIN ann other")[0].starts_with("a OK"));
    server.deliver("sales@example.org", "Subject: hi\r\n\r\n");
    assert_eq!(api.ok("/accounts/ann")["mailboxes"][0]["entries"], 1);
    api.put("/accounts/carol", &NONE).expect(201);

    api.delete("/accounts/ann").expect(204);
    assert_eq!(client.line(), "* BYE The account was deleted");
    assert!(client.is_closed());
    api.delete("/accounts/ann").expect(404);
}

#[test]
fn the_smtp_session_of_a_deleted_account_ends() {
    let server = MailServer::builder().starttls(Listener::Submission, StartTls::Offered).start();
    let api = ApiClient::of(&server);
    api.put("/accounts/ann", &json!({ "password": "other" })).expect(201);
    let mut smtp = LineClient::greeted(server.submission().address());
    smtp.say("EHLO app.example");
    while !smtp.line().starts_with("250 ") {}
    assert_eq!(smtp.ask("AUTH PLAIN AGFubgBvdGhlcg=="), "235 2.7.0 Authentication successful", "as ann with `other`");

    api.delete("/accounts/ann").expect(204);

    assert_eq!(smtp.line(), "421 4.3.2 The account was deleted");
    assert!(smtp.is_closed());
}

#[test]
fn a_wrong_flag_and_a_wrong_mailbox_are_named() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    server.deliver("bob", "hi");

    for flag in ["\\Seeen", "!\\Seeen"] {
        let answer = api.get(format!("/accounts/bob/mailboxes/INBOX?flag={flag}"));
        assert_eq!(answer.field(400), "flag");
        assert!(answer.detail(400).contains("did you mean `\\Seen`?"));
    }
    for flag in ["", "!"] {
        let answer = api.delete(format!("/accounts/bob/mailboxes/INBOX/entries?flag={flag}"));
        assert_eq!(answer.field(400), "flag");
    }
    for path in ["/accounts/bob/mailboxes/Archive/2024", "/accounts/bob/mailboxes/Archive/2024/raw"] {
        let detail = api.get(path).detail(404);
        assert_eq!(detail, "bob has no mailbox Archive; write a `/` in the name of a mailbox as `%2F`");
    }
    assert_eq!(api.get("/accounts/bob/mailboxes/INBOX/9").detail(404), "there is no entry with UID 9");
}

#[test]
fn an_account_on_a_closed_list_needs_a_password() {
    let server = MailServer::builder().account("ann", "secret").start();
    let api = ApiClient::of(&server);

    assert_eq!(api.put("/accounts/bob", &NONE).field(422), "password");
    api.put("/accounts/bob", &json!({ "password": "pass" })).expect(201);
    let mut client = LineClient::greeted(server.imap().address());
    assert!(client.command("LOGIN bob pass")[0].starts_with("a OK"));
}

#[test]
fn an_account_logs_in_with_its_tokens() {
    let (server, api) = start();
    // `user=ann`, and the token `tok-1`.
    let login = "AUTHENTICATE XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgdG9rLTEBAQ==";

    api.put("/accounts/ann", &json!({ "password": "secret", "tokens": ["tok-1"] })).expect(201);
    assert!(LineClient::greeted(server.imap().address()).command(login)[0].starts_with("a OK"));
    api.put("/accounts/ann", &json!({ "password": "secret", "tokens": ["tok-2"] })).expect(200);
    assert!(LineClient::greeted(server.imap().address()).command("LOGIN ann secret")[0].starts_with("a OK"));
    let mut client = LineClient::greeted(server.imap().address());
    client.say(&format!("a {login}"));
    assert!(client.line().starts_with("+ eyJ"));
}

#[test]
fn what_is_not_possible_is_refused_and_the_field_is_named() {
    let (server, api) = start();
    server.account("bob").mailbox("Work").create();
    server.account("bob").inbox().generate(1);
    let boxes = "/accounts/bob/mailboxes";

    for (status, field, request, body) in [
        (404, "", format!("DELETE {boxes}/Play"), NONE),
        (404, "", "DELETE /accounts/eve/mailboxes/INBOX".to_owned(), NONE),
        (409, "path", format!("DELETE {boxes}/INBOX"), NONE),
        (409, "path", format!("PATCH {boxes}/INBOX"), json!({ "name": "Old" })),
        (409, "name", format!("PATCH {boxes}/Work"), json!({ "name": "INBOX" })),
        (409, "name", format!("PATCH {boxes}/Work"), json!({ "name": "Work/a" })),
        (422, "name", format!("PATCH {boxes}/Work"), json!({ "name": "a//b" })),
        (400, "special_use", format!("PATCH {boxes}/Work"), json!({ "special_use": "\\Inbox" })),
        (422, "path", format!("PUT {boxes}/a%2F%2Fb"), NONE),
        (400, "special_use", format!("PUT {boxes}/Work"), json!({ "special_use": "Sent" })),
        (422, "uid_validity", format!("PUT {boxes}/Work/uidvalidity"), json!({ "uid_validity": 0 })),
        (422, "renumber", format!("PUT {boxes}/Work/uidvalidity"), json!({ "renumber": "sideways" })),
        (422, "renumber", format!("PUT {boxes}/Work/uidvalidity"), json!({ "renumber": true })),
        (400, "uid", format!("GET {boxes}/INBOX?uid=0"), NONE),
        (400, "uid", format!("GET {boxes}/INBOX/x"), NONE),
        (400, "count", format!("GET {boxes}/INBOX?count=1"), NONE),
        (404, "", format!("GET {boxes}/INBOX/9"), NONE),
        (404, "", format!("DELETE {boxes}/INBOX/9"), NONE),
        (404, "", format!("PATCH {boxes}/INBOX/9"), json!({ "add": ["\\Seen"] })),
        (400, "body", format!("PATCH {boxes}/INBOX/1"), json!({})),
        (422, "flags", format!("PATCH {boxes}/INBOX/1"), json!({ "add": ["\\Sen"] })),
        (422, "path", format!("PUT /accounts/bob/subscriptions/{}", "a%2F%2Fb"), NONE),
        (400, "password", "PUT /accounts/ann".to_owned(), json!({ "addresses": ["a@b"] })),
        (400, "password", "PUT /accounts/ann".to_owned(), json!({ "tokens": ["tok-1"] })),
        (422, "tokens", "PUT /accounts/ann".to_owned(), json!({ "password": "x", "tokens": ["two words"] })),
        (422, "addresses", "PUT /accounts/ann".to_owned(), json!({ "password": "x", "addresses": [""] })),
        (404, "", "DELETE /accounts/eve/entries".to_owned(), NONE),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        assert_eq!(api.ask(method, path, &body).field(status), field, "{request} {body}");
    }
}

#[test]
fn entries_have_subject_and_sender_if_they_are_asked_for() {
    let (_server, api) = start();
    let inbox = "/accounts/bob/mailboxes/INBOX";
    let raw = "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n";
    api.post(inbox, &json!({ "raw": raw })).expect(201);
    let empty = api.post(inbox, &json!({ "raw": "hi" })).expect(201);

    let plain = api.ok(inbox);
    let detailed = api.ok(format!("{inbox}?details=true"));

    assert_eq!(plain["entries"][1], empty);
    assert!(plain["entries"].as_array().unwrap().iter().all(|its| its.get("subject").or(its.get("from")).is_none()));
    assert!(plain["entries"].as_array().unwrap().iter().all(|its| its.get("captured").is_none()));
    let first = &detailed["entries"][0];
    assert_eq!(first["captured"], false);
    assert_eq!(first["subject"], "Grüße");
    assert_eq!(first["from"], json!([{ "name": "Jörg", "address": "joerg@example.org" }]));
    let second = &detailed["entries"][1];
    assert_eq!((&second["subject"], &second["from"]), (&json!(""), &json!([])));
    assert_eq!(api.ok(format!("{inbox}/1?details=true")), *first);
    assert_eq!(api.ok(format!("{inbox}/1?details=false")), plain["entries"][0]);
    assert_eq!(api.ok(format!("{inbox}?details=true&uid=1&wait=20s"))["entries"], json!([first]));
    let late = api.get(format!("{inbox}?details=true&uid=2&wait=1ms&count=2")).problem(409);
    assert_eq!(late["entries"], json!([second]));
    assert_eq!(api.get(format!("{inbox}?details=all")).field(400), "details");
    api.post("/deliver", &json!({ "to": ["bob"], "from": "ann@example.org", "raw": "hi" })).expect(201);
    assert_eq!(api.ok(format!("{inbox}/3?details=true"))["captured"], true);
}

#[test]
fn the_text_of_an_entry_is_decoded() {
    let (_server, api) = start();
    let inbox = "/accounts/bob/mailboxes/INBOX";
    let raw =
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe";
    api.post(inbox, &json!({ "raw": raw })).expect(201);

    assert_eq!(String::from_utf8_lossy(&api.get(format!("{inbox}/1/text")).octets), "Grüße");
    api.get(format!("{inbox}/2/text")).problem(404);
}
