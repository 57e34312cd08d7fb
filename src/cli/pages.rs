//! `mailjig completions` and `mailjig man`: what shells and manual page readers need.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::parse::command;
use super::scenarios::{exit_code, print};
use crate::base::unknown;

const COMPLETIONS: &str = "\
Examples:
  mailjig completions bash > ~/.local/share/bash-completion/completions/mailjig
  mailjig completions zsh > ~/.zfunc/_mailjig        # with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
  mailjig completions fish > ~/.config/fish/completions/mailjig.fish";

const PAGES: &str = "\
Examples:
  mailjig man serve | man -l -
  mailjig man --all /usr/local/share/man/man1";

/// Print a script that completes commands and options in a shell.
#[derive(Args)]
#[command(after_help = COMPLETIONS)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Print the manual page of mailjig or of one command.
#[derive(Args)]
#[command(after_help = PAGES)]
pub(super) struct Page {
    /// The command; without it, the page of mailjig itself.
    #[arg(value_name = "COMMAND")]
    name: Option<String>,
    /// Write the pages of all commands into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "name")]
    all: Option<PathBuf>,
}

pub(super) fn completions(options: &Completions) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command(), "mailjig", &mut script);
    exit_code(print(&String::from_utf8_lossy(&script)))
}

pub(super) fn page(options: &Page) -> ExitCode {
    let done = match &options.all {
        Some(folder) => clap_mangen::generate_to(command(), folder)
            .map(|()| true)
            .map_err(|error| format!("the pages cannot be written to {}: {error}", folder.display())),
        None => one(options.name.as_deref()).map(|page| print(&page)),
    };
    if let Err(why) = &done {
        complain!("mailjig: {why}");
    }
    exit_code(done == Ok(true))
}

/// A page as roff. Fails if there is no such command.
fn one(name: Option<&str>) -> Result<String, String> {
    let mut all = command().disable_help_subcommand(true);
    all.build();
    let page = match name {
        None => all,
        Some(name) => match all.find_subcommand(name) {
            Some(found) => found.clone(),
            None => {
                let known: Vec<&str> = all.get_subcommands().map(Command::get_name).collect();
                return Err(unknown("command", name, &known));
            }
        },
    };
    let mut roff = Vec::new();
    let rendered: io::Result<()> = Man::new(page).render(&mut roff);
    rendered.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&roff).into_owned())
}
