//! The HTTP API lists the scenarios that come with mailjig, and checks texts while they are written.

use clients::api_client::{ApiClient, NONE, start};
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
