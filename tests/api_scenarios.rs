//! The HTTP API lists the scenarios that come with mailjig, and checks texts while they are written.

use std::io::{Read, Write};

use clients::api_client::{ApiClient, NONE, start};
use clients::deadline::connect;
use clients::line_client::LineClient;
use clients::wire::{After, Wire};
use mailjig::{Kept, Listener, MailServer, Scenario, StartTls};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

#[test]
fn shipped_scenarios_are_listed_with_what_one_needs_to_choose() {
    let (_server, api) = start();

    let list = api.ok("/scenarios");

    let scenarios = list["scenarios"].as_array().unwrap();
    let named = |name: &str| scenarios.iter().find(|its| its["name"] == name).unwrap();
    let greylist = named("smtp-greylist");
    assert_eq!(greylist["folder"], "smtp");
    assert_eq!(greylist["lesson"], "The client must send the same message again later: a 451 is temporary.");
    assert!(greylist["about"].as_str().unwrap().starts_with("The server refuses the first RCPT"), "{greylist}");
    assert_eq!(greylist["client_must"], json!(["retry-later"]));
    assert_eq!(greylist["rules"], json!(["greylist"]));
    assert_eq!(greylist["params"], json!([]));
    let params = &named("cut-mid-reply")["params"];
    assert_eq!(params[0], json!({ "name": "event", "default": "smtp.mail" }));
    assert_eq!(params[2], json!({ "name": "close", "default": "fin" }));
    assert!(scenarios.iter().all(|its| its.get("text").is_none() && its["rules"] != json!([])), "{list}");
}

#[test]
fn a_shipped_scenario_has_its_text_which_can_be_loaded() {
    let (_server, api) = start();

    let scenario = api.ok("/scenarios/smtp-greylist");

    assert_eq!(scenario["folder"], "smtp");
    assert!(scenario["text"].as_str().unwrap().starts_with("# The client must"), "{scenario}");
    api.put("/scenario", &json!({ "text": scenario["text"] })).expect(200);
    assert_eq!(api.ok("/rules")["rules"][0]["rule"]["id"], "greylist");
    // Its expectations are not met.
    api.delete("/scenario").expect(204);
    assert!(api.get("/scenarios/smtp-graylist").detail(404).contains("no scenario smtp-graylist"));
}

fn checked(api: &ApiClient, text: &str) -> Value {
    api.post("/scenarios/check", &json!({ "text": text })).expect(200)
}

#[test]
fn a_valid_text_is_checked_and_changes_nothing() {
    let (_server, api) = start();

    let found = checked(
        &api,
        "mailjig = 1\n[[rule]]\nid = \"full\"\non = \"smtp.rcpt\"\ndo = { reply = \"452 4.2.2 Full\" }\n",
    );

    assert_eq!(found, json!({ "problems": [], "warnings": [], "rules": ["full"] }));
    assert_eq!(api.ok("/rules")["rules"], json!([]));
    assert_eq!(api.ok("/scenario")["name"], NONE);
}

#[test]
fn problems_and_warnings_of_a_text_have_line_and_column() {
    let (_server, api) = start();
    let text = "mailjig = 1\n\n[[rule]]\nid = \"ä\"\non = \"smtp.rcp\"\ndo = { reply = \"451 later\" }\n\n\
                [[rule]]\nid = \"paced\"\non = \"smtp.noop\"\ndo = { pace = { chunk = 1, gap = \"1ms\" } }\n\n\
                [[rule]]\nid = \"held\"\non = \"smtp.noop\"\ndo = { hold = true }\nwhy = 1\n";

    let found = checked(&api, text);

    assert_eq!(
        found["problems"][0],
        json!({
            "place": "5:6", "line": 5, "column": 6,
            "message": "unknown event `smtp.rcp`", "help": "did you mean `smtp.rcpt`?",
        })
    );
    assert_eq!((&found["problems"][1]["line"], &found["problems"][1]["column"]), (&json!(17), &json!(1)));
    assert_eq!(found["problems"].as_array().unwrap().len(), 2, "{found}");
    assert_eq!(found["warnings"][0]["line"], 16);
    assert!(found["warnings"][0]["message"].as_str().unwrap().starts_with("`hold` has no effect"), "{found}");
    assert_eq!(found["rules"], json!(["ä", "paced", "held"]));
}

#[test]
fn a_text_that_is_not_toml_is_checked_too() {
    let (_server, api) = start();

    let found = checked(&api, "mailjig = 1\nname = \n");

    assert_eq!((&found["problems"][0]["line"], &found["rules"]), (&json!(2), &json!([])), "{found}");
    assert_eq!(checked(&api, "")["problems"][0]["message"], "`mailjig` is missing");
    let twice = checked(&api, "mailjig = 1\nmailjig = 1\n");
    assert_eq!(twice["problems"][0]["line"], 2, "{twice}");
    assert_eq!(api.post("/scenarios/check", &json!({})).field(422), "text");
    assert_eq!(api.post("/scenarios/check", &json!({ "text": "", "name": "x" })).field(422), "name");
}

#[test]
fn a_rule_that_repeats_another_names_its_line() {
    let (_server, api) = start();
    let rule = "[[rule]]\non = \"smtp.noop\"\ndo = { reply = \"250 Hm\" }\n";

    let found = checked(&api, &format!("mailjig = 1\n{rule}{rule}"));

    let message = found["problems"][0]["message"].as_str().unwrap();
    assert!(message.ends_with("at line 2"), "{message}");
}

#[test]
fn problems_of_a_scenario_that_is_loaded_have_line_and_column() {
    let (_server, api) = start();

    let in_text = api.put("/scenario", &json!({ "text": "mailjig = 1\nclok = 1\n" })).problem(422);
    let in_json = api.put("/scenario", &json!({ "scenario": { "mailjig": 1, "clok": 1 } })).problem(422);
    let unknown = api.put("/scenario", &json!({ "name": "smtp-graylist" })).problem(422);

    let places = |problem: &Value| {
        let first = &problem["problems"][0];
        [&first["place"], &first["line"], &first["column"]].map(Value::clone)
    };
    assert_eq!(places(&in_text), [json!("2:1"), json!(2), json!(1)]);
    assert_eq!(places(&in_json), [json!("/clok"), NONE, NONE]);
    assert_eq!(places(&unknown), [json!(""), NONE, NONE]);
}

/// A setting of a scenario: what a client sends, and what the server answers only under the setting.
const SETTINGS: [(&str, Listener, &str, &str); 13] = [
    ("[server.smtp]\nlenient = 'bare-lf'", Listener::Smtp, "NOOP\nQUIT\r\n", "250 2.0.0 Ok"),
    ("[server.smtp]\nlimits.size = 1234", Listener::Smtp, "EHLO c\r\nQUIT\r\n", "250-SIZE 1234\r\n"),
    ("[server.smtp]\nxclient = 'smtp'", Listener::Smtp, "EHLO c\r\nQUIT\r\n", "250-XCLIENT "),
    ("[server.smtp]\nauth = 'LOGIN'", Listener::Smtp, "EHLO c\r\nQUIT\r\n", "250-AUTH LOGIN\r\n"),
    (
        "[server.smtp]\nsubmission_strict = true",
        Listener::Submission,
        "EHLO c\r\nMAIL FROM:<root@localhost>\r\nQUIT\r\n",
        "554 5.1.8",
    ),
    // A header of version 2 without addresses, and NOOP, which is part of a wrong line without the setting.
    (
        "[server.lmtp]\nproxy_protocol = 'lmtp'",
        Listener::Lmtp,
        "\r\n\r\n\0\r\nQUIT\n \0\0\0NOOP\r\nQUIT\r\n",
        "250 2.0.0",
    ),
    ("[server.imap]\nstrict = true", Listener::Imap, "a  NOOP\r\nb LOGOUT\r\n", " BAD "),
    (
        "[server.imap]\nlimits.size = 3",
        Listener::Imap,
        "a LOGIN ann x\r\nb APPEND INBOX {4+}\r\nabcd\r\nc LOGOUT\r\n",
        "[TOOBIG]",
    ),
    ("[[tls]]\nstarttls = 'before-login'", Listener::Imap, "a CAPABILITY\r\nb LOGOUT\r\n", " LOGINDISABLED"),
    ("[server.pop3]\nexpire = 30", Listener::Pop3, "CAPA\r\nQUIT\r\n", "EXPIRE 30\r\n"),
    ("[server.pop3]\nexpire_for = { bob = 7 }", Listener::Pop3, "CAPA\r\nQUIT\r\n", "EXPIRE 7 USER\r\n"),
    ("[server.pop3]\nlogin_delay = '60s'", Listener::Pop3, "CAPA\r\nQUIT\r\n", "LOGIN-DELAY 60\r\n"),
    (
        "[server.pop3]\nunique_ids = '<{uid}>'",
        Listener::Pop3,
        "USER ann\r\nPASS x\r\nUIDL\r\nQUIT\r\n",
        "\r\n1 <1>\r\n",
    ),
];

/// All that the server says on a new connection.
fn said(server: &MailServer, listener: Listener, octets: &str) -> String {
    let endpoint = match listener {
        Listener::Smtp => server.smtp(),
        Listener::Submission => server.submission(),
        Listener::Lmtp => server.lmtp(),
        Listener::Imap => server.imap(),
        _ => server.pop3(),
    };
    let mut client = connect(endpoint.address());
    client.write_all(octets.as_bytes()).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn settings_of_a_scenario_apply_to_new_sessions_until_it_is_removed() {
    let server = MailServer::builder().submission_requires_auth(false).start();
    let api = ApiClient::of(&server);
    server.account("ann").inbox().add("Subject: one\r\n\r\n");
    for (setting, listener, octets, answer) in SETTINGS {
        let is_answered = || said(&server, listener, octets).contains(answer);
        assert!(!is_answered(), "{setting}: without it, too");

        let loaded = api.put("/scenario", &json!({ "text": format!("mailjig = 1\n{setting}\n") })).expect(200);
        assert_eq!(loaded["warnings"], json!([]), "{setting}");
        assert!(is_answered(), "{setting}: {}", said(&server, listener, octets));
        assert!(is_answered(), "{setting}: only once");

        api.delete("/scenario").expect(204);
        assert!(!is_answered(), "{setting}: after it was removed");
    }
}

#[test]
fn an_open_session_keeps_its_settings_and_a_reset_restores_those_of_the_start() {
    let small =
        Scenario::text("small.toml", "mailjig = 1\n[server.smtp]\nlimits.size = 1234\n[tls]\nstarttls = 'never'\n");
    let server = MailServer::builder().scenario(small).start();
    let api = ApiClient::of(&server);
    let size = || {
        let said = said(&server, Listener::Smtp, "EHLO c\r\nQUIT\r\n");
        let sizes = said.lines().find_map(|line| line.get(4..)?.strip_prefix("SIZE ").map(str::to_owned));
        sizes.unwrap().parse::<u32>().unwrap()
    };
    let mut open = LineClient::greeted(server.pop3().address());
    assert_eq!((size(), server.imap().starttls()), (1234, Some(StartTls::Never)));

    let larger = "mailjig = 1\n[server.smtp]\nlimits.size = 5678\n[server.pop3]\nexpire = 30\n";
    api.put("/scenario", &json!({ "text": larger })).expect(200);

    assert_eq!((size(), server.imap().starttls()), (5678, Some(StartTls::Offered)));
    assert_eq!(api.ok("/endpoints")["endpoints"]["imap"]["starttls"], "offered");
    open.say("CAPA");
    let capabilities: Vec<String> = std::iter::repeat_with(|| open.line()).take_while(|line| line != ".").collect();
    assert!(!capabilities.contains(&"EXPIRE 30".to_owned()), "{capabilities:?}");
    open.ask("QUIT");
    server.reset_keeping(&[Kept::Scenario]);
    assert_eq!(size(), 5678);
    api.post("/reset", &NONE).expect(200);
    assert_eq!((size(), server.imap().starttls()), (1234, Some(StartTls::Never)));
    server.scenario(&Scenario::text("none.toml", "mailjig = 1\n"));
    assert!(size() > 5678);
}

#[test]
fn an_open_session_keeps_its_certificate_and_its_capabilities_in_the_clear_and_under_tls() {
    let (server, api) = start();
    let expired = "mailjig = 1\n[tls]\ncert = 'expired'\n[server.smtp]\ncaps.add = ['X-ONE']\n";
    let good = "mailjig = 1\n[server.smtp]\ncaps.add = ['X-TWO']\ncaps_tls.add = ['X-TLS']\n";
    api.put("/scenario", &json!({ "text": expired })).expect(200);
    let mut of_expired = Wire::greeted(&server, "smtp", false);
    api.put("/scenario", &json!({ "text": good })).expect(200);
    let mut of_good = Wire::greeted(&server, "smtp", false);
    api.delete("/scenario").expect(204);

    for (wire, wanted) in [(&mut of_expired, "X-ONE"), (&mut of_good, "X-TWO")] {
        let said = wire.ask("EHLO c");
        assert!(said.contains(wanted) && !said.contains("X-TLS"), "{said}");
        assert!(wire.ask("STARTTLS").starts_with("220"));
    }
    let mut of_good = of_good.secure(&server);
    let said = of_good.ask("EHLO c");
    assert!(said.contains("X-TWO") && said.contains("X-TLS"), "{said}");
    assert_eq!(of_expired.secure(&server).read(), Err(After::Refused));
}

#[test]
fn a_password_in_cleartext_is_judged_by_the_settings_of_its_session() {
    let (server, api) = start();
    let login = "USER ann\r\nPASS x\r\nQUIT\r\n";
    api.put("/scenario", &json!({ "text": "mailjig = 1\n[tls]\nstarttls = 'never'\n" })).expect(200);
    said(&server, Listener::Pop3, login);
    api.delete("/scenario").expect(204);

    said(&server, Listener::Pop3, login);

    let findings = api.ok("/findings?kind=password-in-cleartext");
    let sessions: Vec<&Value> = findings["findings"].as_array().unwrap().iter().map(|its| &its["session"]).collect();
    assert_eq!(sessions, ["s2"], "{findings}");
}

#[test]
fn settings_that_apply_only_at_the_start_are_refused_with_their_place() {
    let (server, api) = start();
    let text =
        "mailjig = 1\n[server.imap]\ndelimiter = '.'\n[[rule]]\nid = 'r'\non = 'smtp.noop'\ndo = { note = 'n' }\n";

    let problem = api.put("/scenario", &json!({ "text": text })).problem(409);

    let first = &problem["problems"][0];
    assert_eq!((&problem["field"], &first["place"], &first["line"]), (&json!("text"), &json!("3:1"), &json!(3)));
    assert_eq!(first["message"], "`server.imap.delimiter` cannot change while the server runs");
    assert_eq!(first["help"], "start the server with this scenario");
    assert!(problem["detail"].as_str().unwrap().starts_with("scenario.toml:3:1: `server.imap.delimiter`"), "{problem}");
    assert_eq!((&api.ok("/scenario")["name"], &api.ok("/rules")["rules"]), (&NONE, &json!([])));
    let in_json = json!({ "scenario": { "mailjig": 1, "server": { "imap": { "namespace": "INBOX" } } } });
    let problem = api.put("/scenario", &in_json).problem(409);
    assert_eq!(
        (&problem["field"], &problem["problems"][0]["place"]),
        (&json!("scenario.server.imap.namespace"), &json!("/server/imap/namespace"))
    );
    // What is as it was is not a change.
    api.put("/scenario", &json!({ "text": text.replace("'.'", "'/'") })).expect(200);
    api.post("/servers", &json!({ "scenario": { "text": text } })).expect(201);
    assert_eq!(server.sessions().len(), 0);
}
