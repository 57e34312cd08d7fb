//! `mailjig ca`.

use std::path::PathBuf;

use clap::Args;

use super::STATUSES;
use super::failure::Failure;
use super::output::copy;
use super::target::{Query, Target};

/// Print the CA certificate that clients must trust, in PEM.
#[derive(Args)]
#[command(after_help = STATUSES)]
pub(in crate::cli) struct Ca {
    /// Write it to this file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

impl Ca {
    pub(super) fn run(&self) -> Result<(), Failure> {
        copy(self.target.body("/tls/ca.pem", Query::new())?, self.output.as_deref())
    }
}
