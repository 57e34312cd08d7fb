//! Flags, variables and the configuration file.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::clients::running::Running;
use super::clients::support::output;
use super::mailjig;

/// The first line of a server that starts in this folder.
fn first_line(folder: &Path, serve: &mut Command) -> String {
    Running::start(serve.current_dir(folder)).line()
}

/// The endpoints of a server with this file, these variables and these flags.
fn endpoints(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    fs::write(folder.path().join("mailjig.toml"), file).unwrap();
    let mut serve = mailjig(&[&["serve", "--ports=auto", "--config", "mailjig.toml"], flags].concat());
    serve.env("MAILJIG_JSON", "1").env("MAILJIG_READY_FILE", &ready).envs(variables.iter().copied());
    let line = first_line(folder.path(), &mut serve);
    assert_eq!(fs::read_to_string(ready).unwrap(), format!("{line}\n"));
    serde_json::from_str::<Value>(&line).unwrap()["endpoints"].take()
}

#[test]
fn a_flag_comes_before_a_variable_before_the_file_before_the_default() {
    let starttls = "MAILJIG_SMTP_STARTTLS";
    for (file, variable, flag, wanted) in [
        ("", None, None, "offered"),
        ("smtp-starttls = 'never'", None, None, "never"),
        ("smtp-starttls = 'never'", Some("before-login"), None, "before-login"),
        ("smtp-starttls = 'never'", Some("before-login"), Some("before-anything"), "before-anything"),
        ("smtp-starttls = 'never'", None, Some("before-anything"), "before-anything"),
        ("", Some("before-login"), None, "before-login"),
    ] {
        let variables: Vec<_> = variable.map(|value| (starttls, value)).into_iter().collect();
        let flag = flag.map(|value| format!("--smtp-starttls={value}"));
        let flags: Vec<&str> = flag.iter().map(String::as_str).collect();
        let endpoints = endpoints(file, &variables, &flags);
        assert_eq!(endpoints["smtp"]["starttls"], wanted, "{file} {variable:?} {flags:?}");
    }
}

#[test]
fn a_file_has_a_table_for_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = "scenario = 'smtp-greylist'\nquiet = true\n[run]\nverify = false\nenv = { MAIL = 'smtp at {smtp.port}', B = 'b' }\n";
    fs::write(folder.path().join("mailjig.toml"), file).unwrap();
    let ran = |flags: &[&str]| {
        let script = "[ \"$MAIL\" = \"smtp at $SMTP_PORT\" ] && echo \"$B\" || echo \"$MAIL\"";
        let options = [&["run", "--config=mailjig.toml"], flags, &["--", "sh", "-c", script]].concat();
        let ran = output(mailjig(&options).current_dir(folder.path()), "");
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap(), ran.stderr.is_empty())
    };

    assert_eq!(ran(&[]), (Some(0), "b\n".to_owned(), true));
    assert_eq!(ran(&["--verify"]), (Some(1), "b\n".to_owned(), false), "the scenario is the file's too");
    assert_eq!(ran(&["--env=MAIL=mine"]), (Some(0), "mine\n".to_owned(), true), "the flag replaces the table");
}

#[test]
fn a_switch_can_be_turned_off_again() {
    let variable = "MAILJIG_NO_REQUIRE_AUTH";
    for (file, variables, flags, is_required) in [
        ("", &[][..], &[][..], true),
        ("no-require-auth = true", &[], &[], false),
        ("no-require-auth = true", &[(variable, "no")], &[], true),
        ("no-require-auth = false", &[(variable, "1")], &[], false),
        ("no-require-auth = true", &[(variable, "yes")], &["--no-require-auth=false"], true),
        ("no-require-auth = false", &[(variable, "no")], &["--no-require-auth"], false),
    ] {
        let endpoints = endpoints(file, variables, flags);
        assert_eq!(endpoints["submission"]["login_required"], is_required, "{file} {variables:?} {flags:?}");
    }
}

#[test]
fn a_file_that_nobody_names_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mailjig.toml"), "unknown = 1").unwrap();

    let line = first_line(folder.path(), &mut mailjig(&["serve", "--ports=auto"]));
    assert!(line.starts_with("mailjig "), "{line}");
}

#[test]
fn each_error_of_a_file_has_its_place_and_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let complaint = |file: &str| {
        fs::write(folder.path().join("mailjig.toml"), file).unwrap();
        let mut serve = mailjig(&["serve"]);
        let said = output(serve.current_dir(folder.path()).env("MAILJIG_CONFIG", "mailjig.toml"), "");
        assert_eq!((said.status.code(), said.stdout.len()), (Some(2), 0));
        String::from_utf8(said.stderr).unwrap()
    };

    insta::assert_snapshot!(complaint(
        r#"smpt = 2525
imap = "everywhere"
max-size = [1, 2]
imap-strict = "maybe"
imap_strict = true
smtp-starttls = "before-logn"
ports = "many"
account = ["bob", { login = "ann" }]
keep = -5
set = { n = [1] }
zzz = 1
"#
    ));
    let syntax = complaint("smtp = 25 25\n");
    assert!(syntax.starts_with("mailjig.toml:1:8: "), "{syntax}");

    let said = output(&mut mailjig(&["serve", "--config", "no/such.toml"]), "");
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.starts_with("no/such.toml: the configuration file cannot be read: No such file"), "{said}");
}

#[test]
fn the_error_for_a_wrong_value_names_the_variable_that_has_it() {
    let said = |variable: &str, value: &str, flags: &[&str]| {
        let mut serve = mailjig(&[&["serve"], flags].concat());
        let said = output(serve.env(variable, value), "");
        assert_eq!(said.status.code(), Some(2));
        String::from_utf8(said.stderr).unwrap()
    };

    let tip = "tip: the value is from the variable MAILJIG_SMTP";
    assert!(said("MAILJIG_SMTP", "here", &[]).contains(tip));
    assert!(!said("MAILJIG_SMTP", "here", &["--smtp=there"]).contains(tip));
    let shown = said("MAILJIG_ACCOUNT", "bob@example.org:secret", &["--smtp=there"]);
    assert!(!shown.contains("secret"), "{shown}");
}
