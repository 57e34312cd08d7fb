//! The configuration file: options as TOML. Its values become default values of the options, so flags and variables
//! come before them, and there is one table of options.

use std::error::Error;
use std::path::Path;
use std::{fmt, fs};

use clap::builder::Resettable;
use clap::error::ContextKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::base::nearest;
use crate::document::{Data, LineIndex, Location, Node, Problem, Reader, Shown, TableEntry};

/// The table of the options that only `mailjig run` has.
const RUN: &str = "run";
/// The options that are not keys.
const NO_KEYS: [&str; 3] = ["config", "help", "version"];

/// Why a configuration file cannot be used: its errors, each with its location.
#[derive(Debug)]
pub(super) struct ConfigError {
    name: String,
    text: String,
    problems: Vec<Problem>,
}

/// The option with this name, and what the file says about it.
struct Setting {
    id: String,
    values: Vec<String>,
}

/// The commands, with the values of this file as default values of `subcommand`. What flags and variables set, as
/// `matches` shows, stays as it is.
pub(super) fn with_file(
    commands: Command,
    (subcommand, matches): (&str, &ArgMatches),
    path: &Path,
) -> Result<Command, ConfigError> {
    let settings = read(&commands, path)?;
    Ok(commands.mut_subcommand(subcommand, |mut command| {
        for Setting { id, values } in settings {
            let is_known = command.get_arguments().any(|arg| *arg.get_id() == id);
            let is_set =
                || matches!(matches.value_source(&id), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
            if is_known && !is_set() {
                command = command.mut_arg(&id, |arg| arg.default_values(values).value_delimiter(Resettable::Reset));
            }
        }
        command
    }))
}

fn read(commands: &Command, path: &Path) -> Result<Vec<Setting>, ConfigError> {
    let name = path.display().to_string();
    let failed = |text: &str, problems| ConfigError { name: name.clone(), text: text.to_owned(), problems };
    let text = fs::read_to_string(path).map_err(|error| {
        failed("", vec![Problem::error(Location::Nowhere, format!("the configuration file cannot be read: {error}"))])
    })?;
    let document = Node::toml(&text).map_err(|problems| failed(&text, problems))?;

    let options = |name| commands.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
    let is_key = |arg: &&Arg| arg.get_long().is_some_and(|long| !NO_KEYS.contains(&long));
    let of_server: Vec<&Arg> = options("serve").filter(is_key).collect();
    let is_own = |arg: &&Arg| of_server.iter().all(|its| its.get_id() != arg.get_id());
    let of_run: Vec<&Arg> = options(RUN).filter(is_key).filter(is_own).collect();

    let (mut reader, mut settings) = (Reader::default(), Vec::new());
    for entry in document.entries().unwrap_or_default() {
        match entry.value.entries().filter(|_| entry.key == RUN) {
            Some(entries) => {
                let its = entries.iter().filter_map(|entry| setting(&mut reader, entry, &of_run, "key of `[run]`"));
                settings.extend(its);
            }
            None => settings.extend(setting(&mut reader, entry, &of_server, "key")),
        }
    }
    if reader.problems.is_empty() { Ok(settings) } else { Err(failed(&text, reader.problems)) }
}

/// The option of an entry and its values. Reports an unknown key, and values that the option does not take.
fn setting(reader: &mut Reader, entry: &TableEntry, options: &[&Arg], what: &str) -> Option<Setting> {
    let Some(option) = options.iter().find(|arg| arg.get_long() == Some(&entry.key)) else {
        let known: Vec<&str> = options.iter().filter_map(|arg| arg.get_long()).collect();
        let help = nearest(&entry.key, known.iter().copied())
            .unwrap_or_else(|| "`mailjig serve --help` lists the options; keys are written without `--`".to_owned());
        reader.wrong_help(&entry.place, format!("unknown {what} `{}`", entry.key), help);
        return None;
    };
    let values = values(reader, entry, option)?;
    for (value, place) in &values {
        if let Err(right) = check(option, value) {
            reader.wrong_help(place, format!("`{value}` is not a value of `{}`", entry.key), right);
        }
    }
    let values = values.into_iter().map(|(value, _)| value).collect();
    Some(Setting { id: option.get_id().to_string(), values })
}

/// The values of an entry, as they would be in flags.
fn values(reader: &mut Reader, entry: &TableEntry, option: &Arg) -> Option<Vec<(String, Location)>> {
    let may_repeat = matches!(option.get_action(), ArgAction::Append);
    let has_pairs = option.get_value_names().is_some_and(|names| names.iter().any(|name| name.contains('=')));
    let nodes: Vec<(String, &Node)> = match &entry.value.data {
        Data::List(items) if may_repeat => items.iter().map(|item| (String::new(), item)).collect(),
        Data::Table(entries) if has_pairs => {
            entries.iter().map(|entry| (format!("{}=", entry.key), &entry.value)).collect()
        }
        Data::Text(_) | Data::Integer(_) | Data::Float(_) | Data::Truth(_) | Data::List(_) | Data::Table(_) => {
            vec![(String::new(), &entry.value)]
        }
    };
    let one = |(name, node): &(String, &Node)| Some((name.clone() + &written(node)?, node.place.clone()));
    if let Some((_, wrong)) = nodes.iter().find(|its| one(its).is_none()) {
        let right = match (has_pairs, may_repeat) {
            (true, _) => "a table of names and values",
            (false, true) => "a text or a list of texts",
            (false, false) => "one value",
        };
        reader.wrong(&wrong.place, format!("`{}` takes {right}; this is {}", entry.key, wrong.kind()));
        return None;
    }
    Some(nodes.iter().filter_map(one).collect())
}

/// A text, a number or a truth value as a flag has it.
fn written(node: &Node) -> Option<String> {
    match &node.data {
        Data::Text(text) => Some(text.clone()),
        Data::Integer(integer) => Some(integer.to_string()),
        Data::Float(float) => Some(float.to_string()),
        Data::Truth(truth) => Some(truth.to_string()),
        Data::List(_) | Data::Table(_) => None,
    }
}

/// Parses a value as the flag would be parsed. Fails with what would be right.
fn check(option: &Arg, value: &str) -> Result<(), String> {
    let option = option.clone().env(Resettable::Reset).value_delimiter(Resettable::Reset);
    let flag = format!("--{}={value}", option.get_long().unwrap_or_default());
    let possible: Vec<String> =
        option.get_possible_values().iter().map(|its| format!("`{}`", its.get_name())).collect();
    let command = Command::new("mailjig").no_binary_name(true).disable_help_flag(true).arg(option);
    let Err(error) = command.try_get_matches_from([flag]) else { return Ok(()) };
    Err(match (error.source(), error.get(ContextKind::SuggestedValue)) {
        (Some(right), _) => right.to_string(),
        (None, Some(nearest)) => format!("did you mean `{nearest}`?"),
        (None, None) if possible.is_empty() => "write a value".to_owned(),
        (None, None) => format!("write one of {}", possible.join(", ")),
    })
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = LineIndex::of(&self.text);
        for (i, problem) in self.problems.iter().enumerate() {
            let shown = Shown { name: &self.name, lines: &lines, problem };
            write!(f, "{}{shown}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::parse::command;
    use super::*;

    /// The values of an option under this file and these flags.
    fn values(file: &str, flags: &[&str], option: &str) -> Vec<String> {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        written.write_all(file.as_bytes()).unwrap();
        let arguments = [&["mailjig", "serve"], flags].concat();
        let matches = command().get_matches_from(&arguments);
        let commands = with_file(command(), matches.subcommand().unwrap(), written.path()).unwrap();
        let matches = commands.get_matches_from(&arguments);
        let (_, serve) = matches.subcommand().unwrap();
        let raw = serve.get_raw(option).into_iter().flatten();
        raw.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_file_has_lists_and_tables() {
        let file = "account = ['a:b,c', 'd:e']\nsan = 'one'\nset = { n = 3, text = 'a = b' }\nallow-host = []\n";

        assert_eq!(values(file, &[], "account"), ["a:b,c", "d:e"]);
        assert_eq!(values(file, &["--account=x:y,z:z"], "account"), ["x:y", "z:z"]);
        assert_eq!(values(file, &[], "san"), ["one"]);
        assert_eq!(values(file, &[], "set"), ["n=3", "text=a = b"]);
        assert_eq!(values(file, &["--set=n=4"], "set"), ["n=4"]);
        assert!(values(file, &[], "allow_host").is_empty());
    }
}
