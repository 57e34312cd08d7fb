//! The container image, without a container engine: what the Containerfile says fits the program, and the program starts
//! in the root of the image, as its user and with its environment. `.ci/image` makes this root; without it, this test is
//! skipped, unless `MAILJIG_ALL_CLIENTS` is set.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clients::served::Served;
use clients::support::output;
use mailjig::Listener;

#[path = "clients/mod.rs"]
mod clients;

/// The port of the HTTP API by default.
const HTTP: u16 = 8025;

#[test]
fn the_build_stage_has_the_rust_version_of_the_manifest() {
    let manifest = fs::read_to_string(file("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');

    assert_eq!(stages()[0].all("FROM"), [format!("docker.io/library/rust:{version}-alpine AS build")]);
}

#[test]
fn the_build_stage_copies_files_that_exist_and_are_not_ignored() {
    let ignored = fs::read_to_string(file(".dockerignore")).unwrap();
    let build = &stages()[0];

    let copied: Vec<&str> =
        build.all("COPY").into_iter().flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' ')).collect();

    assert!(copied.contains(&"src"), "{copied:?}");
    for path in copied {
        assert!(file(path).exists(), "{path} does not exist");
        assert!(!ignored.lines().any(|its| path.starts_with(its)), "{path} is ignored");
    }
}

#[test]
fn the_image_exposes_the_default_port_of_each_listener() {
    let exposed: BTreeSet<u16> = stages()[1].only("EXPOSE").split(' ').map(|port| port.parse().unwrap()).collect();

    let ports = Listener::ALL.iter().map(|listener| listener.default_port()).chain([HTTP]);
    assert_eq!(exposed, ports.collect());
}

#[test]
fn the_image_starts_and_is_healthy_while_it_runs() {
    let Some(image) = Image::open() else {
        return;
    };

    let (mut server, url) = image.start();

    let healthy = output(&mut image.health_check(&url), "");
    assert!(healthy.status.success(), "{}", String::from_utf8_lossy(&healthy.stderr));
    server.terminate();
    assert!(!output(&mut image.health_check(&url), "").status.success(), "it is healthy although nothing runs");
}

/// The root of the image, and what the last stage of the Containerfile says about it.
struct Image {
    root: PathBuf,
    stage: Stage,
}

impl Image {
    fn open() -> Option<Self> {
        let root = file("target/image/root");
        let found = root.is_dir();
        assert!(found || std::env::var_os("MAILJIG_ALL_CLIENTS").is_none(), "run `.ci/image` first");
        found.then(|| Self { root, stage: stages().remove(1) })
    }

    /// Starts the server on free ports; returns it and the URL of its API.
    fn start(&self) -> (Served, String) {
        let arguments = [exec_form(self.stage.only("ENTRYPOINT")), exec_form(self.stage.only("CMD"))].concat();
        let server = Served::of(self.command(&arguments));
        // This address is local too. Only a server that listens on all addresses is reached there.
        let url = format!("http://127.0.0.2:{}", server.ready["endpoints"]["http"]["port"]);
        (server, url)
    }

    fn health_check(&self, url: &str) -> Command {
        let (_options, check) = self.stage.only("HEALTHCHECK").split_once(" CMD ").unwrap();
        let mut command = self.command(&exec_form(check));
        command.env("MAILJIG_URL", url);
        command
    }

    /// A command in the root of the image. Only root can become the user of the image.
    fn command(&self, arguments: &[String]) -> Command {
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let mut command = Command::new(if is_root { "chroot" } else { "unshare" });
        if is_root {
            command.arg(format!("--userspec={}", self.stage.only("USER")));
        } else {
            command.args(["--map-root-user", "chroot"]);
        }
        command.arg(&self.root).args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(self.stage.all("ENV").into_iter().map(|variable| variable.split_once('=').unwrap()));
        command
    }
}

/// One stage of the Containerfile: its instructions with their arguments.
struct Stage(Vec<(String, String)>);

impl Stage {
    fn all(&self, instruction: &str) -> Vec<&str> {
        self.0.iter().filter(|(name, _)| name == instruction).map(|(_, arguments)| arguments.as_str()).collect()
    }

    fn only(&self, instruction: &str) -> &str {
        let all = self.all(instruction);
        assert_eq!(all.len(), 1, "{instruction}: {all:?}");
        all[0]
    }
}

fn stages() -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let text = fs::read_to_string(file("Containerfile")).unwrap();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (instruction, arguments) = line.split_once(' ').unwrap();
        if instruction == "FROM" {
            stages.push(Stage(Vec::new()));
        }
        stages.last_mut().unwrap().0.push((instruction.to_owned(), arguments.to_owned()));
    }
    assert_eq!(stages.len(), 2, "a stage that builds, and the image");
    stages
}

/// A command as a JSON list, which needs no shell.
fn exec_form(arguments: &str) -> Vec<String> {
    serde_json::from_str(arguments).unwrap_or_else(|_| panic!("{arguments} needs a shell"))
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
