//! `mailjig check` and `mailjig scenarios`: reading scenarios without a server.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::scenario::{SHIPPED, Scenario};

#[derive(Args)]
pub(super) struct Check {
    /// Files to check.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Sets a parameter; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

#[derive(Args)]
pub(super) struct List {
    /// Print this scenario.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// `name=value`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "write a name and a value, as in `n=5`".to_owned())
}

/// The scenario in this file, if the text is a path or such a file exists; otherwise the one with this name.
pub(super) fn find(which: &str) -> Scenario {
    let path = PathBuf::from(which);
    let is_path = path.extension().is_some() || path.components().count() > 1;
    if is_path || path.is_file() { Scenario::file(path) } else { Scenario::named(which) }
}

/// Prints for each file that it is valid, or its errors.
pub(super) fn check(options: &Check) -> ExitCode {
    let mut is_right = true;
    for file in &options.files {
        let scenario = options.set.iter().fold(Scenario::file(file), |its, (name, value)| its.set(name, value));
        match scenario.check() {
            Ok(warnings) => {
                warnings.iter().for_each(|warning| complain!("{warning}"));
                is_right &= print(&format!("{}: ok\n", file.display()));
            }
            Err(error) => {
                is_right = false;
                complain!("{error}");
            }
        }
    }
    exit_code(is_right)
}

/// Prints a text; false if that fails. A reader such as `head` may close the pipe before the end.
pub(super) fn print(text: &str) -> bool {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain!("mailjig: cannot write: {error}");
            false
        }
        Ok(()) | Err(_) => true,
    }
}

pub(super) fn exit_code(is_right: bool) -> ExitCode {
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Lists the scenarios that come with mailjig, or prints one.
pub(super) fn list(options: &List) -> ExitCode {
    let Some(name) = &options.name else {
        let width = SHIPPED.iter().map(|its| its.name.len()).max().unwrap_or(0);
        let mut text = String::new();
        let mut folder = "";
        for its in SHIPPED {
            if its.folder != folder {
                text += &format!("{}{}\n", if folder.is_empty() { "" } else { "\n" }, its.folder);
                folder = its.folder;
            }
            text += &format!("  {:width$}  {}\n", its.name, its.lesson());
        }
        return exit_code(print(&text));
    };
    match SHIPPED.iter().find(|its| its.name == *name) {
        Some(its) => exit_code(print(its.text)),
        None => {
            complain!(
                "{}",
                Scenario::named(name).check().map(|_| String::new()).unwrap_or_else(|error| error.to_string())
            );
            ExitCode::FAILURE
        }
    }
}
