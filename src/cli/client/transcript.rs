//! `mailjig transcript`.

use clap::Args;

use super::failure::Failure;
use super::output::copy;
use super::show::encoded;
use super::target::{Query, Target};
use super::{LATEST, STATUSES, after_help};
use crate::cli::examples;

/// Print what client and server sent, in one session or in all.
#[derive(Args)]
#[command(after_help = after_help(examples::TRANSCRIPT, STATUSES))]
pub(in crate::cli) struct Transcript {
    /// The session, as in `s1`, or `latest` for the one that was opened last [default: all].
    #[arg(value_name = "SESSION")]
    session: Option<String>,
    /// Print the octets in place of labels such as `<m1>` and `<caps>`.
    #[arg(long)]
    verbatim: bool,
    #[command(flatten)]
    target: Target,
}

impl Transcript {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let path = match self.session.as_deref() {
            Some(LATEST) => format!("/sessions/{}/transcript", encoded(&self.latest()?)),
            Some(session) => format!("/sessions/{}/transcript", encoded(session)),
            None => "/transcript".to_owned(),
        };
        let query = if self.verbatim { vec![("verbatim", "true".to_owned())] } else { Vec::new() };
        copy(self.target.body(&path, query)?, None)
    }

    /// The session that was opened last.
    fn latest(&self) -> Result<String, Failure> {
        let list = self.target.json("/sessions", Query::new())?;
        let last = list["sessions"].as_array().and_then(|sessions| sessions.last()?["id"].as_str());
        last.map(str::to_owned).ok_or_else(|| Failure::unmet("there is no session"))
    }
}
