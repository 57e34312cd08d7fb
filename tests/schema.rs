//! The JSON Schema of scenario files: it takes every valid file, and refuses unknown keys and values of a wrong type.
//! A validator written by others, of Python, decides.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clients::support::{folder, interpreter, is_there, run};
use mailjig::Scenario;

#[path = "clients/mod.rs"]
mod clients;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The TOML files in this folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

/// The verdict of the validator on each file.
fn verdicts(files: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    let mut validate = interpreter("venv");
    validate.arg(folder().join("schema.py")).arg(path("scenarios/mailjig.schema.json")).args(files);
    let printed = run(&mut validate, "");
    let lines = printed.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(path, verdict)| (path.into(), verdict.to_owned())).collect()
}

#[test]
fn every_valid_scenario_fulfils_the_schema() {
    if !is_there("PyPI jsonschema") {
        return;
    }
    let folders = ["any", "imap", "pop3", "smtp", "tls"].map(|name| path("scenarios").join(name));
    let mut all: Vec<PathBuf> = folders.iter().flat_map(|folder| files(folder)).collect();
    all.extend(files(&path("fixtures/scenarios/right")));
    assert!(all.len() > 40);

    let verdicts = verdicts(&all);

    assert_eq!(verdicts.len(), all.len());
    let wrong: Vec<_> = verdicts.iter().filter(|(_, verdict)| *verdict != "valid").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn unknown_keys_and_wrong_types_do_not_fulfil_the_schema() {
    if !is_there("PyPI jsonschema") {
        return;
    }
    let fixtures = path("fixtures/scenarios/wrong");
    let refused = ["tls", "unknown-event", "unknown-words", "values", "version"];
    let mut all: Vec<PathBuf> = refused.map(|name| fixtures.join(name).with_extension("toml")).to_vec();
    // Each is wrong by one key or one type, for the loader too.
    let rule = |line: &str| format!("[[rule]]\non = 'smtp.rcpt'\ndo = {{ reply = '451 later' }}\n{line}\n");
    let steps = |steps: &str| format!("[[rule]]\non = 'imap.fetch'\ndo = {steps}\n");
    let texts = [
        "nmae = 'x'".to_owned(),
        "name = 1".to_owned(),
        "seed = 'many'".to_owned(),
        "clock = 'slow'".to_owned(),
        "refs = 7".to_owned(),
        "client_must = ['win']".to_owned(),
        "[server.nntp]".to_owned(),
        "[server.smtp]\nnamespace = 'x'".to_owned(),
        "[server.imap]\nauth = ['XYZZY']".to_owned(),
        "[server.pop3]\ncaps.plus = ['X']".to_owned(),
        "[server.smtp]\nlimits.size = '1 acre'".to_owned(),
        "[tls]\ncert = 'old'".to_owned(),
        "[tls]\nlistener = 'nntp'\ncert = 'good'".to_owned(),
        "[[user]]\nname = 'a'\nage = 3".to_owned(),
        "[[user]]\npassword = 'a'".to_owned(),
        "[[mailbox]]\nname = 'a'\ngenerate = 'many'".to_owned(),
        "[[message]]\ntext = 3".to_owned(),
        "[[expect]]\nevent = 'smtp.nope'".to_owned(),
        "[[expect]]\nevent = 'smtp.rcpt'\nwithin = 'soon'".to_owned(),
        "[[rule]]\ndo = { reply = '451 later' }".to_owned(),
        rule("if = 1"),
        rule("chance = 'often'"),
        rule("when = { nobody = 1 }"),
        rule("when = { rcpt = ['a', 'b'] }"),
        rule("when = { rcpt = { some = ['a'] } }"),
        rule("when = { rcpt = { any = ['a'], all = ['b'] } }"),
        rule("when = { rcpts = true }"),
        steps("{ reply = 1 }"),
        steps("{ respond = 'NO later' }"),
        steps("{ reply = 'NO later', close = 'fin' }"),
        steps("[ { after = '1s' } ]"),
        steps("[ { close = 'maybe' } ]"),
        steps("[ { cut = { at = 'soon', close = 'rst' } }, { pass = true } ]"),
        steps("[ { pace = { chunk = 1, gap = '1ms', size = 1 } }, { pass = true } ]"),
        steps("[ { pass = { code = 'NO' } } ]"),
        steps("[ { expunge = { msn = 1, tell = 'soon' } }, { pass = true } ]"),
    ];
    let temporary = tempfile::tempdir().unwrap();
    for (i, text) in texts.iter().enumerate() {
        let text = format!("mailjig = 1\n{text}\n");
        Scenario::text("wrong.toml", &text).check().expect_err(&text);
        let file = temporary.path().join(format!("{i}.toml"));
        fs::write(&file, text).unwrap();
        all.push(file);
    }

    let verdicts = verdicts(&all);

    assert_eq!(verdicts.len(), all.len());
    let accepted: Vec<_> = verdicts.iter().filter(|(_, verdict)| *verdict == "valid").collect();
    let texts: Vec<_> = accepted.iter().map(|(path, _)| fs::read_to_string(path).unwrap()).collect();
    assert!(accepted.is_empty(), "{texts:#?}");
}
