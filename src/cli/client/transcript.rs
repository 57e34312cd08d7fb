//! `mailjig transcript`.

use clap::Args;

use super::STATUSES;
use super::failure::Failure;
use super::output::copy;
use super::show::encoded;
use super::target::Target;

/// Print what client and server sent, in one session or in all.
#[derive(Args)]
#[command(after_help = STATUSES)]
pub(in crate::cli) struct Transcript {
    /// The session, as in `s1` [default: all].
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
        let path = match &self.session {
            Some(session) => format!("/sessions/{}/transcript", encoded(session)),
            None => "/transcript".to_owned(),
        };
        let query = if self.verbatim { vec![("verbatim", "true".to_owned())] } else { Vec::new() };
        copy(self.target.body(&path, query)?, None)
    }
}
