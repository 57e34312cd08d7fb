//! The help, the completions and the manual pages.

use std::fs;

use super::clients::support::output;
use super::mailjig;

fn printed(arguments: &[&str]) -> String {
    let output = output(&mut mailjig(arguments), "");
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The lines that are not about single options.
fn frame(help: &str) -> String {
    let is_of_option = |line: &str| line.starts_with("      ") || line.starts_with("  -");
    let mut lines: Vec<&str> = help.lines().filter(|line| !is_of_option(line)).collect();
    lines.dedup();
    lines.join("\n")
}

#[test]
fn the_help_groups_options_and_has_examples() {
    for name in ["serve", "run", "audit-tls", "check", "scenarios", "completions", "man"] {
        insta::assert_snapshot!(format!("help_of_{name}"), frame(&printed(&[name, "--help"])));
    }
    let all = printed(&["--help"]);
    let (_, commands) = all.split_once("Commands:\n").unwrap();
    let names = commands.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names: Vec<&str> = names.map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(names.starts_with(&["serve", "run"]) && names.contains(&"send"), "{names:?}");
    for name in names.iter().filter(|name| **name != "help") {
        for help in ["-h", "--help"] {
            assert!(printed(&[name, help]).contains("\nExamples:\n"), "{name} {help}");
        }
    }
    assert!(all.contains("Start here:") && all.lines().all(|line| line.chars().count() <= 120), "{all}");
}

#[test]
fn the_help_shows_no_value_of_a_variable() {
    let help = output(mailjig(&["serve", "--help"]).env("MAILJIG_ACCOUNT", "bob@example.org:hunter2"), "");
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("[env: MAILJIG_ACCOUNT]") && !help.contains("hunter2"), "{help}");
}

#[test]
fn each_shell_gets_its_completions() {
    for (shell, part) in [
        ("bash", "complete -F _mailjig"),
        ("zsh", "#compdef mailjig"),
        ("fish", "complete -c mailjig"),
        ("elvish", "edit:completion:arg-completer[mailjig]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = printed(&["completions", shell]);
        assert!(script.contains(part) && script.contains("smtp-starttls"), "{shell}: {script}");
    }
    // The shell itself finds no error in it.
    let mut bash = std::process::Command::new("bash");
    assert!(output(bash.arg("-n"), &printed(&["completions", "bash"])).status.success());
}

#[test]
fn each_command_has_a_manual_page() {
    let page = printed(&["man"]);
    assert!(page.contains(".TH mailjig 1") && page.contains("mailjig\\-serve(1)"), "{page}");
    let page = printed(&["man", "serve"]);
    assert!(page.contains("mailjig\\-serve") && page.contains("\\-\\-exit\\-with\\-parent"), "{page}");

    let folder = tempfile::tempdir().unwrap();
    printed(&["man", "--all", folder.path().to_str().unwrap()]);
    for name in ["mailjig", "mailjig-serve", "mailjig-run", "mailjig-check", "mailjig-man"] {
        let page = fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}: {page}");
    }
    let wrong = output(&mut mailjig(&["man", "serv"]), "");
    assert!(!wrong.status.success());
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(said, "mailjig: unknown command `serv`; did you mean `serve`?\n");
}
