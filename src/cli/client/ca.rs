//! `mailjig ca`.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::output::copy;
use super::target::{Query, Target};
use super::{STATUSES, after_help};
use crate::cli::examples;

/// Print the CA certificate that clients must trust, in PEM.
#[derive(Args)]
#[command(after_help = after_help(examples::CA, STATUSES))]
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
