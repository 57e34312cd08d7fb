//! `mailjig replay`: plays the client's side of a script to a server, and reports the first difference.

mod player;
mod status;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::client::time;
use super::peer::{Peer, TlsPeer, Trust};
use super::scenarios::{pair, print};
use crate::drive::runtime;
use crate::protocol::Protocol;
use crate::rule::script::{Script, Values};
use crate::scenario::ScenarioError;
use player::{Failed, Player, course};

/// The exit status if the server said something else.
const DIFFERENT: u8 = 1;
/// The exit status if the script could not be played.
const NOT_PLAYED: u8 = 2;

#[derive(Args)]
pub(super) struct Replay {
    /// The script whose client's side is played.
    #[arg(long, value_name = "FILE")]
    client: PathBuf,
    /// The server.
    #[arg(value_name = "HOST:PORT")]
    server: Peer,
    /// Begin TLS with the connection. Default: as the head of the script says.
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    trust: Trust,
    /// The value of a name in the script, such as a password; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", env = "MAILJIG_SET", value_delimiter = '\n', value_parser = pair)]
    set: Vec<(String, String)>,
    /// What must be the same in the server's answers.
    #[arg(long, value_enum, default_value_t = Compare::Octets)]
    compare: Compare,
    /// How long the server may send nothing while an answer is expected.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    timeout: Duration,
}

/// What must be the same in the server's answers.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Compare {
    /// Every octet.
    Octets,
    /// The status of each answer: the reply code, OK, NO or BAD, +OK or -ERR.
    Status,
}

/// Plays the script. The status is 1 if the server said something else, and 2 if the script could not be played.
pub(super) fn replay(options: &Replay) -> ExitCode {
    let (text, status) = match options.run() {
        Ok(lines) => {
            let unit = if lines == 1 { "line" } else { "lines" };
            let is_told = print(&format!("{lines} {unit} played, no difference\n"));
            return if is_told { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(Failed::Different(text)) => (text, DIFFERENT),
        Err(Failed::Impossible(text)) => (text, NOT_PLAYED),
    };
    complain!("mailjig: {text}");
    status.into()
}

impl Replay {
    /// Returns how many lines of the client were sent.
    fn run(&self) -> Result<usize, Failed> {
        let (script, protocol) = self.script().map_err(Failed::Impossible)?;
        let peer = TlsPeer::new(&self.server, &self.trust).map_err(Failed::Impossible)?;
        let mut values = Values::default();
        values.set("host", "localhost");
        self.set.iter().for_each(|(name, value)| values.set(&**name, value.as_bytes()));
        let name = self.client.display().to_string();
        let impossible = |(line, why): (usize, String)| Failed::Impossible(format!("{name}:{line}: {why}"));
        let lines = course(&script, &values).map_err(impossible)?;
        let has_tls = self.tls || script.head.listener.is_some_and(|listener| listener.implicit_tls());
        let addresses = self.server.addresses().map_err(Failed::Impossible)?;
        runtime().block_on(async {
            let stream = self.server.connect(&addresses).await.map_err(Failed::Impossible)?;
            let mut player = Player::new(stream, protocol, peer, self.timeout, values);
            if has_tls {
                player.secure().await?;
            }
            player.play(&name, &lines, self.compare == Compare::Status).await
        })
    }

    fn script(&self) -> Result<(Script, Protocol), String> {
        let name = self.client.display().to_string();
        let text = fs::read_to_string(&self.client).map_err(|error| format!("{name} cannot be read: {error}"))?;
        let script = Script::parse_knowing(&text, None);
        let script = script.map_err(|problems| match self.client.extension() {
            Some(extension) if extension == "toml" => {
                format!("{name} is a scenario; `replay` takes a `.session` file")
            }
            Some(_) | None => ScenarioError::new(&name, &text, problems).to_string(),
        })?;
        match script.protocol() {
            Some(protocol) => Ok((script, protocol)),
            None => Err(format!(
                "{name} does not say its protocol: begin it with a line `# protocol = imap` and a line `---`"
            )),
        }
    }
}
