//! GreenMail's REST calls: the members that its OpenAPI document names.

use std::io::{Read, Write};

use deadline::DEADLINE;
use mailjig::MailServer;
use serde_json::{Value, json};
use ureq::Agent;

#[path = "clients/deadline.rs"]
#[allow(dead_code)]
mod deadline;

struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    fn of(server: &MailServer) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).build().into();
        Self { agent, base: server.api().to_owned() }
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let mut response = self.agent.get(format!("{}{path}", self.base)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
    }

    fn create(&self, user: &Value) -> (u16, Value) {
        let mut response = self.agent.post(format!("{}/api/user", self.base)).send_json(user).unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
    }

    fn delete(&self, path: &str) -> (u16, Value) {
        let mut response = self.agent.delete(format!("{}{path}", self.base)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
    }

    fn post(&self, path: &str) -> (u16, Value) {
        let mut response = self.agent.post(format!("{}{path}", self.base)).send_empty().unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
    }
}

const MAIL: &str = "Message-ID: <1@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
                    Content-Type: text/html; charset=utf-8\r\n\r\n<p>hi</p>\r\n";

#[test]
fn the_configuration_names_the_listeners() {
    let server = MailServer::builder().account("bob@example.org", "secret").start();
    let (status, configuration) = Client::of(&server).get("/api/configuration");

    assert_eq!(status, 200);
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

    let users = |server: &MailServer| Client::of(server).get("/api/user");

    assert_eq!(users(&listed), (200, json!([{ "login": "bob", "email": "bob@example.org" }])));
    assert_eq!(users(&open), (200, json!([{ "login": "ann@example.org", "email": "ann@example.org" }])));
}

#[test]
fn users_are_created_and_deleted() {
    let server = MailServer::start();
    let client = Client::of(&server);
    let bob = json!({ "email": "bob@example.org", "login": "bob", "password": "secret" });
    let refusal = |(status, body): (u16, Value)| {
        assert_eq!(status, 400, "{body}");
        body["message"].as_str().unwrap().to_owned()
    };

    assert_eq!(client.create(&bob), (200, json!({ "login": "bob", "email": "bob@example.org" })));
    assert_eq!(client.get("/api/user").1, json!([{ "login": "bob", "email": "bob@example.org" }]));
    server.deliver("bob@example.org", MAIL);
    assert_eq!(client.get("/api/user/bob/messages/").1[0]["subject"], "Grüße");
    for (password, reply) in [("wrong", "-ERR"), ("secret", "+OK")] {
        assert!(log_in(&server, "bob", password).starts_with(reply), "{password}");
    }

    assert!(refusal(client.create(&bob)).starts_with("Can not create user : there is already a user bob"));
    assert!(refusal(client.create(&json!({ "login": "ann" }))).contains("missing field `email`"));
    let no_login = json!({ "email": "ann@example.org", "login": "", "password": "x" });
    assert!(refusal(client.create(&no_login)).contains("login"));
    let no_email = json!({ "email": "", "login": "ann", "password": "x" });
    assert!(refusal(client.create(&no_email)).contains("\"\" is not a valid address"));

    assert_eq!(refusal(client.delete("/api/user/eve")), "User 'eve' not found");
    let deleted = json!({ "message": "User 'bob@example.org' deleted" });
    assert_eq!(client.delete("/api/user/bob@example.org"), (200, deleted));
    assert_eq!(client.get("/api/user").1, json!([]));
    assert_eq!(client.create(&bob).0, 200, "the login is free again");
    assert_eq!(client.get("/api/user/bob/messages/").1, json!([]), "without the mail of the first");
}

/// The reply to PASS.
fn log_in(server: &MailServer, login: &str, password: &str) -> String {
    let mut client = deadline::connect(server.pop3().address());
    client.write_all(format!("USER {login}\r\nPASS {password}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    said.lines().nth(2).unwrap().to_owned()
}

#[test]
fn messages_are_found_by_login_and_by_address() {
    let server = MailServer::builder().account_of("bob", "secret", &["bob@example.org"]).start();
    server.deliver("bob@example.org", MAIL);
    server.account("bob").mailbox("Archive").add("plain\r\n");
    let client = Client::of(&server);
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
        assert_eq!(client.get(path), (200, expected.clone()), "{path}");
    }
    let (_, archive) = client.get("/api/user/bob/messages/Archive/");
    assert_eq!((&archive[0]["contentType"], &archive[0]["subject"]), (&json!("text/plain"), &Value::Null));
    for (path, text) in [
        ("/api/user/eve/messages/", "User 'eve' not found"),
        ("/api/user/bob/messages/Junk", "User 'bob' has no folder 'Junk'"),
    ] {
        assert_eq!(client.get(path), (400, json!({ "message": text })));
    }
}

#[test]
fn purge_removes_all_mail_and_reset_restores_the_start() {
    let server = MailServer::start();
    let client = Client::of(&server);
    server.deliver("bob@example.org", MAIL);
    server.account("bob@example.org").mailbox("Archive").add("plain\r\n");

    assert_eq!(client.post("/api/mail/purge"), (200, json!({ "message": "Purged mails" })));
    for folder in ["INBOX", "Archive"] {
        assert_eq!(client.get(&format!("/api/user/bob@example.org/messages/{folder}")), (200, json!([])));
    }
    assert!(server.messages().is_empty());

    server.deliver("ann@example.org", MAIL);
    assert_eq!(client.post("/api/service/reset"), (200, json!({ "message": "Performed reset" })));
    assert_eq!(client.get("/api/user").1, json!([]));
    assert_eq!(client.get("/api/service/readiness"), (200, json!({ "message": "Service running" })));
}

#[test]
fn the_calls_exist_for_further_servers() {
    let server = MailServer::start();
    let client = Client::of(&server);
    client.post("/v1/servers");

    assert_eq!(client.get("/v1/servers/1/api/service/readiness").0, 200);
    assert_eq!(client.get("/v1/servers/1/greenmail/api/user").1, json!([]));
}
