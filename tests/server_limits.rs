//! The limits of `mailjig serve` on further servers: open files, ports, their number.

use clients::served::Served;
use serde_json::json;

#[path = "clients/mod.rs"]
mod clients;

#[test]
fn the_limit_on_open_files_is_raised_as_far_as_possible() {
    let server = Served::under("-Sn 64", &[]);
    let api = server.api();

    // Each has eight listeners.
    for _ in 1..=20 {
        api.post("/servers", &json!({})).expect(201);
    }
}

#[test]
fn who_reaches_the_limit_on_open_files_is_told_its_name() {
    let server = Served::under("-n 64", &[]);
    let api = server.api();

    let refused = (1..20).map(|_| api.post("/servers", &json!({}))).find(|answer| answer.status != 201).unwrap();

    assert!(refused.detail(503).contains("too many open files; raise the limit (`ulimit -n`)"), "{refused}");
    assert_eq!(api.get("/servers").status, 200, "it still answers");
}

#[test]
fn who_reaches_the_limit_on_servers_is_told_the_option() {
    let server = Served::under("-n 1024", &["--max-servers", "1"]);
    server.api().post("/servers", &json!({})).expect(201);

    let refused = server.api().post("/servers", &json!({}));

    assert!(refused.detail(503).contains("`--max-servers`"), "{refused}");
}
