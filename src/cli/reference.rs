//! The tables of options in the manual, generated from the options themselves.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command};

use super::parse::command;

const START: &str = "<!-- options of `mailjig serve` -->\n";
const END: &str = "<!-- end of the options -->\n";

/// A table for each heading of the help.
fn tables() -> String {
    let mut all = command();
    all.build();
    let serve = all.find_subcommand("serve").unwrap();
    let options = |command: &Command| -> Vec<Arg> {
        let listed = command.get_arguments().filter(|arg| arg.get_long().is_some_and(|long| long != "help"));
        listed.cloned().collect()
    };
    let of_serve = options(serve);
    let mut of_run = options(all.find_subcommand("run").unwrap());
    of_run.retain(|arg| of_serve.iter().all(|its| its.get_id() != arg.get_id()));

    let mut out = String::new();
    let mut headings: Vec<&str> = Vec::new();
    for heading in of_serve.iter().map(|arg| arg.get_help_heading().unwrap_or("General")) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let rows = of_serve.iter().filter(|arg| arg.get_help_heading().unwrap_or("General") == heading);
        table(&mut out, heading, rows);
    }
    table(&mut out, "Only with `mailjig run`", of_run.iter());
    out
}

fn table<'a>(out: &mut String, heading: &str, options: impl Iterator<Item = &'a Arg>) {
    write!(out, "### {heading}\n\n| option | what it does | default |\n|---|---|---|\n").unwrap();
    for option in options {
        let help = option.get_help().unwrap().to_string();
        // A default that depends on something is in the text.
        let (help, of_help) = match help.split_once(" [default: ") {
            Some((help, default)) => (help.to_owned(), default.trim_end_matches(['.', ']']).to_owned()),
            None => (help, String::new()),
        };
        let values: Vec<_> = option.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
        let default = match option.get_action() {
            ArgAction::Append | ArgAction::Set if values.is_empty() || values == [""] => of_help,
            _ => format!("`{}`", values.join("`, `")),
        };
        let possible: Vec<_> = option.get_possible_values().iter().map(|its| its.get_name().to_owned()).collect();
        let possible = match possible.is_empty() {
            true => String::new(),
            false => format!(" One of `{}`.", possible.join("`, `")),
        };
        let text = format!("{}.{possible}", help.trim_end_matches('.')).replace('|', "\\|");
        let default = default.replace('|', "\\|");
        let name = option.to_string().replace('|', "\\|");
        writeln!(out, "| `{name}` | {text} | {default} |").unwrap();
    }
    out.push('\n');
}

#[test]
fn the_manual_lists_the_options() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/cli.md");
    let manual = std::fs::read_to_string(&path).unwrap();
    let from = manual.find(START).unwrap() + START.len();
    let to = manual.find(END).unwrap();
    let tables = format!("\n{}", tables());
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update != "no") && manual[from..to] != tables {
        std::fs::write(&path, format!("{}{tables}{}", &manual[..from], &manual[to..])).unwrap();
        return;
    }
    assert!(manual[from..to] == tables, "the tables are out of date; run this test with INSTA_UPDATE=always");
}
