//! The examples in other languages: each runs as the manual says, against the program, and the manual shows its files. A
//! language that is not installed is skipped, unless `MAILJIG_ALL_CLIENTS` is set; `tests/clients.rs` names what is
//! missing.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use clients::served::Served;
use clients::support::{interpreter, is_there, output, run};
use serde_json::Value;
use tempfile::TempDir;

#[path = "clients/mod.rs"]
mod clients;

/// The headings in the manual, and the folders of the examples.
const LANGUAGES: &[(&str, &str)] = &[
    ("Python", "python"),
    ("Node", "node"),
    ("Java", "java"),
    ("Go", "go"),
    ("Ruby", "ruby"),
    ("PHP", "php"),
    ("Shell", "shell"),
    ("Containers", "compose"),
];

static MANUAL: LazyLock<String> = LazyLock::new(|| fs::read_to_string(file("src/manual/languages.md")).unwrap());

#[test]
fn the_manual_shows_every_file_of_the_examples() {
    for (heading, language) in LANGUAGES {
        for path in files(&file("tests/examples").join(language)) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let shown = block(section(heading), &format!("`{name}`:\n\n```"));

            assert_eq!(shown, fs::read_to_string(&path).unwrap(), "`{name}` in src/manual/languages.md");
        }
    }
    assert_eq!(files(&file("tests/examples")).len(), LANGUAGES.len());
}

#[test]
fn each_file_of_the_examples_fits_on_a_screen() {
    for path in LANGUAGES.iter().flat_map(|(_, language)| files(&file("tests/examples").join(language))) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 60, "{} has {lines} lines", path.display());
    }
}

#[test]
fn python() {
    let Some(example) = Example::open("Python", "pytest") else {
        return;
    };
    // Without a URL, each worker starts the program.
    let (passes, printed) = example.run(&example.commands.replace("mailjig run -- ", ""));
    assert!(passes, "{printed}");

    example.check();
}

#[test]
fn node() {
    check("Node", "nodemailer");
}

#[test]
fn java() {
    check("Java", "java with JUnit and Jakarta Mail");
}

#[test]
fn go() {
    check("Go", "go");
}

#[test]
fn ruby() {
    check("Ruby", "ruby minitest");
}

#[test]
fn php() {
    check("PHP", "php");
}

#[test]
fn shell() {
    check("Shell", "curl");
}

#[test]
fn compose() {
    if !is_there("ruby net-imap") || !is_there("curl") {
        return;
    }
    let mut ruby = Command::new("ruby");
    ruby.args(["-ryaml", "-rjson", "-e", "puts JSON.dump(YAML.load_file(ARGV[0]))"]);
    let path = file("tests/examples/compose/compose.yaml");
    let compose: Value = serde_json::from_str(&run(ruby.arg(&path), "")).unwrap();
    let services = compose["services"].as_object().unwrap();
    let mail = &services["mail"];

    let context = path.parent().unwrap().join(mail["build"]["context"].as_str().unwrap());
    assert!(context.join(mail["build"]["dockerfile"].as_str().unwrap()).is_file());
    for (name, service) in services {
        let needed: Vec<&str> = match &service["depends_on"] {
            Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
            Value::Object(names) => names.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        assert!(needed.iter().all(|its| services.contains_key(*its)), "{name} depends on {needed:?}");
    }

    // With the variables of the file, the program answers requests for its name.
    let mut serve = mailjig();
    serve.arg("serve").envs(mail["environment"].as_object().unwrap().iter().map(|(k, v)| (k, v.as_str().unwrap())));
    let server = Served::of(serve);
    let port = &server.ready["endpoints"]["http"]["port"];
    let url = services["tests"]["environment"]["MAILJIG_URL"].as_str().unwrap();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--noproxy", "*"]);
    curl.args(["--connect-to", &format!("mail:8025:127.0.0.1:{port}"), &format!("{url}/v1/health")]);
    run(&mut curl, "");
}

fn check(heading: &str, client: &str) {
    if let Some(example) = Example::open(heading, client) {
        example.check();
    }
}

/// An example: a copy of its folder, and the shell commands with which the manual runs it.
struct Example {
    folder: TempDir,
    commands: String,
}

impl Example {
    /// None if the client is not installed.
    fn open(heading: &str, client: &str) -> Option<Self> {
        if !is_there(client) {
            return None;
        }
        let (_, language) = LANGUAGES.iter().find(|(its, _)| *its == heading).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for path in files(&file("tests/examples").join(language)) {
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        Some(Self { folder, commands: block(section(heading), "```sh").to_owned() })
    }

    /// The example passes. If its code does not do what a scenario demands, it fails with the report.
    fn check(&self) {
        let (passes, printed) = self.run(&self.commands);
        assert!(passes, "{printed}");

        for path in files(self.folder.path()).iter().filter(|path| path.is_file()) {
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, text.replace("smtp-greylist", "imap-idle-goes-silent")).unwrap();
        }
        let (passes, printed) = self.run(&self.commands);
        assert!(!passes, "it passes although no client was in IDLE\n{printed}");
        assert!(printed.contains("`imap.idle` never came"), "{printed}");
    }

    /// Runs the commands; returns whether they succeed, and what they print.
    fn run(&self, commands: &str) -> (bool, String) {
        let mut shell = interpreter("sh");
        shell.args(["-euc", commands]).current_dir(self.folder.path()).env_remove("MAILJIG_URL");
        let program = Path::new(env!("CARGO_BIN_EXE_mailjig")).parent().unwrap().to_owned();
        shell.env("PATH", with_path(&[file("target/clients/venv/bin"), program]));
        shell.env("GOCACHE", file("target/clients/go"));
        let output = output(&mut shell, "");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }
}

fn mailjig() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mailjig"))
}

/// The search path for programs, with these folders in front.
fn with_path(folders: &[PathBuf]) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(folders.iter().cloned().chain(std::env::split_paths(&path))).unwrap()
}

/// What stands below this heading of the manual.
fn section(heading: &str) -> &'static str {
    let start = format!("\n## {heading}\n");
    let (_, rest) = MANUAL.split_once(&start).unwrap_or_else(|| panic!("the manual has no section {heading}"));
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

/// The text of the first block that begins like this.
fn block<'a>(section: &'a str, begin: &str) -> &'a str {
    let (_, rest) = section.split_once(begin).unwrap_or_else(|| panic!("{begin} is not in\n{section}"));
    let text = &rest[rest.find('\n').unwrap() + 1..];
    &text[..text.find("\n```").unwrap() + 1]
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
