//! GreenMail's REST calls: the members that its OpenAPI document names.

use clients::api_client::{Answer, ApiClient, NONE};
use clients::line_client::{LineClient, talk};
use mailjig::MailServer;
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

const MAIL: &str = "Message-ID: <1@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
                    Content-Type: text/html; charset=utf-8\r\n\r\n<p>hi</p>\r\n";

#[test]
fn the_configuration_names_the_listeners() {
    let server = MailServer::builder().account("bob@example.org", "secret").start();
    let configuration = ApiClient::at(server.api()).ok("/api/configuration");

    let setups = configuration["serverSetups"].as_array().unwrap();
    let protocols: Vec<&str> = setups.iter().map(|setup| setup["protocol"].as_str().unwrap()).collect();
    assert_eq!(protocols, ["smtp", "smtp", "smtps", "imap", "imaps", "pop3", "pop3s"]);
    assert_eq!(
        setups[4],
        json!({
            "port": server.imaps().port(), "address": "127.0.0.1", "protocol": "imaps", "isSecure": true,
            "readTimeout": 1_800_000, "writeTimeout": 300_000, "connectionTimeout": 30_000, "serverStartupTimeout": 0,
            "isDynamicPort": true,
        })
    );
    assert_eq!(configuration["authenticationDisabled"], false);
    assert_eq!(configuration["sieveIgnoreDetail"], true);
    assert_eq!(configuration["preloadDirectory"], Value::Null);
}

#[test]
fn users_are_those_of_the_list_and_those_who_got_mail() {
    let listed = MailServer::builder().account_of("bob", "secret", &["bob@example.org"]).start();
    let open = MailServer::start();
    open.deliver("ann@example.org", MAIL);

    let users = |server: &MailServer| ApiClient::at(server.api()).ok("/api/user");

    assert_eq!(users(&listed), json!([{ "login": "bob", "email": "bob@example.org" }]));
    assert_eq!(users(&open), json!([{ "login": "ann@example.org", "email": "ann@example.org" }]));
}

#[test]
fn users_are_created_and_deleted() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    let bob = json!({ "email": "bob@example.org", "login": "bob", "password": "secret" });
    let refusal = |answer: Answer| answer.expect(400)["message"].as_str().unwrap().to_owned();

    assert_eq!(api.post("/api/user", &bob).expect(200), json!({ "login": "bob", "email": "bob@example.org" }));
    assert_eq!(api.ok("/api/user"), json!([{ "login": "bob", "email": "bob@example.org" }]));
    server.deliver("bob@example.org", MAIL);
    assert_eq!(api.ok("/api/user/bob/messages/")[0]["subject"], "Grüße");
    for (password, reply) in [("wrong", "-ERR"), ("secret", "+OK")] {
        assert!(log_in(&server, "bob", password).starts_with(reply), "{password}");
    }

    assert!(refusal(api.post("/api/user", &bob)).starts_with("Can not create user : there is already a user bob"));
    assert!(refusal(api.post("/api/user", &json!({ "login": "ann" }))).contains("missing field `email`"));
    let no_login = json!({ "email": "ann@example.org", "login": "", "password": "x" });
    assert!(refusal(api.post("/api/user", &no_login)).contains("login"));
    let no_email = json!({ "email": "", "login": "ann", "password": "x" });
    assert!(refusal(api.post("/api/user", &no_email)).contains("\"\" is not a valid address"));

    assert_eq!(refusal(api.delete("/api/user/eve")), "User 'eve' not found");
    let deleted = json!({ "message": "User 'bob@example.org' deleted" });
    assert_eq!(api.delete("/api/user/bob@example.org").expect(200), deleted);
    assert_eq!(api.ok("/api/user"), json!([]));
    api.post("/api/user", &bob).expect(200);
    assert_eq!(api.ok("/api/user/bob/messages/"), json!([]), "the login is free again, without its mail");
}

#[test]
fn an_address_belongs_to_one_user() {
    let server = MailServer::builder().account_of("ann", "secret", &["ann@example.org", "sales@example.org"]).start();
    let sales = json!({ "email": "sales@example.org", "login": "bob", "password": "x" });

    let refused = ApiClient::at(server.api()).post("/api/user", &sales).expect(400);

    assert!(
        refused["message"].as_str().unwrap().contains("a user ann with the address sales@example.org"),
        "{refused}"
    );
}

#[test]
fn deleting_a_user_ends_the_sessions() {
    let server = MailServer::builder().account_of("bob", "secret", &["bob@example.org"]).start();
    let mut client = LineClient::greeted(server.imap().address());
    client.command("LOGIN bob secret");

    ApiClient::at(server.api()).delete("/api/user/bob@example.org").expect(200);

    assert!(client.line().starts_with("* BYE "));
    assert!(client.is_closed());
}

/// The reply to PASS.
fn log_in(server: &MailServer, login: &str, password: &str) -> String {
    let said = talk(server.pop3().address(), &format!("USER {login}\nPASS {password}\nQUIT\n"));
    said.lines().nth(2).unwrap().to_owned()
}

#[test]
fn messages_are_found_by_login_and_by_address() {
    let server = MailServer::builder().account_of("bob", "secret", &["bob@example.org"]).start();
    server.deliver("bob@example.org", MAIL);
    server.account("bob").mailbox("Archive").add("plain\r\n");
    let api = ApiClient::at(server.api());
    let expected = json!([{
        "uid": "1", "Message-ID": "<1@example.org>", "subject": "Grüße", "contentType": "text/html; charset=utf-8",
        "mimeMessage": MAIL,
    }]);

    for path in [
        "/api/user/bob/messages/",
        "/api/user/bob@example.org/messages",
        "/api/user/BOB/messages/inbox/",
        "/greenmail/api/user/bob/messages/INBOX",
    ] {
        assert_eq!(api.ok(path), expected, "{path}");
    }
    let archive = api.ok("/api/user/bob/messages/Archive/");
    assert_eq!((&archive[0]["contentType"], &archive[0]["subject"]), (&json!("text/plain"), &Value::Null));
    for (path, text) in [
        ("/api/user/eve/messages/", "User 'eve' not found"),
        ("/api/user/bob/messages/Junk", "User 'bob' has no folder 'Junk'"),
    ] {
        assert_eq!(api.get(path).expect(400), json!({ "message": text }));
    }
}

#[test]
fn purge_removes_all_mail_and_reset_restores_the_start() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    server.deliver("bob@example.org", MAIL);
    server.account("bob@example.org").mailbox("Archive").add("plain\r\n");

    assert_eq!(api.post("/api/mail/purge", &NONE).expect(200), json!({ "message": "Purged mails" }));
    for folder in ["INBOX", "Archive"] {
        assert_eq!(api.ok(format!("/api/user/bob@example.org/messages/{folder}")), json!([]));
    }
    assert!(server.messages().is_empty());

    server.deliver("ann@example.org", MAIL);
    assert_eq!(api.post("/api/service/reset", &NONE).expect(200), json!({ "message": "Performed reset" }));
    assert_eq!(api.ok("/api/user"), json!([]));
    assert_eq!(api.ok("/api/service/readiness"), json!({ "message": "Service running" }));
}

#[test]
fn the_calls_exist_for_further_servers() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    api.post("/v1/servers", &NONE);

    api.ok("/v1/servers/1/api/service/readiness");
    assert_eq!(api.ok("/v1/servers/1/greenmail/api/user"), json!([]));
}
