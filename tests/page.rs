//! The web page in a real browser: headless Chromium, driven by playwright-core. Without them the tests are skipped, unless
//! `MAILJIG_ALL_CLIENTS` is set; `tests/clients.rs` names what is missing.

use std::path::Path;
use std::time::Duration;

use clients::support::{interpreter, is_there, output_within, succeeded};
use data_encoding::BASE64;
use mailjig::MailServer;

#[path = "clients/mod.rs"]
mod clients;

/// A script has many tests, and a browser takes what the machine has left.
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Runs the tests in this script, each of which makes servers of its own.
fn in_a_browser(script: &str) {
    in_a_browser_with(script, MailServer::start());
}

fn in_a_browser_with(script: &str, server: MailServer) {
    if !is_there("chromium with playwright-core") {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page").join(script);

    let mut command = interpreter("node");
    command.args(["--test-reporter=tap", "--test-concurrency=1"]).arg(script).env("MAILJIG_URL", server.api());
    let output = output_within(TEN_MINUTES, &mut command, "");
    let printed = succeeded(&command, &output);

    let count = |what: &str| printed.lines().find_map(|line| line.strip_prefix(what)?.parse::<u32>().ok());
    assert!(count("# pass ").is_some_and(|passed| passed > 0), "{printed}");
    assert_eq!(count("# skipped "), Some(0), "{printed}");
}

#[test]
fn frame() {
    in_a_browser("frame.js");
}

#[test]
fn message() {
    in_a_browser("message.js");
}

#[test]
fn messages() {
    in_a_browser("messages.js");
}

#[test]
fn notices() {
    in_a_browser("notices.js");
}

#[test]
fn rules() {
    in_a_browser("rules.js");
}

#[test]
fn sessions() {
    in_a_browser("sessions.js");
}

#[test]
fn session() {
    in_a_browser("session.js");
}

#[test]
fn long_session() {
    in_a_browser("long_session.js");
}

#[test]
fn compare() {
    in_a_browser("compare.js");
}

#[test]
fn hostile() {
    in_a_browser("hostile.js");
}

#[test]
fn mailboxes() {
    in_a_browser("mailboxes.js");
}

#[test]
fn mailbox_clients() {
    in_a_browser("mailbox_clients.js");
}

#[test]
fn servers() {
    in_a_browser("servers.js");
}

#[test]
fn server_lines() {
    in_a_browser("server_lines.js");
}

#[test]
fn token() {
    in_a_browser_with("token.js", MailServer::builder().token("s3cret").start());
}

/// A content security policy, and what else protects the document.
fn protection(url: &str) -> [String; 4] {
    let answer = ureq::get(url).config().http_status_as_error(false).build().call().unwrap();
    let names = ["content-security-policy", "referrer-policy", "cross-origin-opener-policy", "x-content-type-options"];
    names.map(|name| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned())
}

#[test]
fn documents_and_mail_have_their_policies() {
    let server = MailServer::start();
    server.deliver("bob@example.org", "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>");
    let protection = |path: &str| protection(&format!("{}{path}", server.api()));

    let document = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                    frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                    require-trusted-types-for 'script'; trusted-types 'none'";
    for path in
        ["/", "/messages/m1", "/sessions/s1/compare/s2", "/rules", "/mailboxes/a/b", "/servers", "/servers/9/rules"]
    {
        assert_eq!(protection(path), [document, "no-referrer", "same-origin", "nosniff"], "{path}");
    }
    let mail = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; \
                img-src data:; font-src data:; media-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
    assert_eq!(protection("/messages/m1/display"), [mail, "no-referrer", "", "nosniff"]);
    let remote = mail.replace("'unsafe-inline'", "'unsafe-inline' http: https:").replace("data:", "data: http: https:");
    assert_eq!(protection("/messages/m1/display?remote=true"), [&remote, "no-referrer", "", "nosniff"]);
}

#[test]
fn the_pictures_in_the_documentation_are_those_of_the_manual() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/images");
    let chapter = std::fs::read_to_string(images.join("../page.md")).unwrap();
    let names: Vec<_> =
        chapter.lines().filter_map(|line| line.split_once("]: images/")?.1.strip_suffix(".webp")).collect();

    assert_eq!(names.len(), 6, "{names:?}");
    for name in names {
        let picture = std::fs::read(images.join(format!("{name}.webp"))).unwrap();
        let encoded = std::fs::read_to_string(images.join(format!("{name}.base64"))).unwrap();
        assert!(encoded == BASE64.encode(&picture), "{name}: `node tests/page/screenshots.js` makes both");
    }
}
