//! `mailjig ca`.

use std::path::PathBuf;

use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::failure::Failure;
use super::output::copy;
use super::target::{Query, Target};
use super::{STATUSES, after_help};
use crate::cli::examples;

/// Print the CA certificate that clients must trust, in PEM.
#[derive(Args)]
#[command(after_help = after_help(examples::CA, STATUSES))]
pub(in crate::cli) struct Ca {
    /// Instead print a new certificate of this user, signed by the CA, and its key: a client that presents it can log in with
    /// EXTERNAL.
    #[arg(long, value_name = "USER")]
    client: Option<String>,
    /// Write it to this file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
}

impl Ca {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let path = match &self.client {
            None => "/tls/ca.pem".to_owned(),
            Some(user) => format!("/tls/clients/{}", utf8_percent_encode(user, NON_ALPHANUMERIC)),
        };
        copy(self.target.body(&path, Query::new())?, self.output.as_deref())
    }
}
