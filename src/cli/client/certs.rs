//! `mailjig certs`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::output::{copy, print_json};
use super::table::{Column, print_table};
use super::target::{Query, Target};
use super::{STATUSES, after_help};
use crate::base::{Certificate, unknown_word};
use crate::cli::examples;

/// List the certificates that the server can present, or write them as files.
#[derive(Args)]
#[command(after_help = after_help(examples::CERTS, STATUSES))]
pub(in crate::cli) struct Certs {
    /// The certificates to write, such as `expired`; without a name, all.
    #[arg(value_name = "NAME", requires = "output", value_parser = certificate)]
    names: Vec<Certificate>,
    /// Write `NAME.pem` (the chain), `NAME.key` and `NAME.der` of each certificate into this folder, and `ca.pem` and
    /// `crl.pem`.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print the API's JSON.
    #[arg(long, conflicts_with = "output")]
    pub(super) json: bool,
    #[command(flatten)]
    target: Target,
}

impl Certs {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let Some(folder) = &self.output else { return self.list() };
        fs::create_dir_all(folder)
            .map_err(|error| Failure::unmet(format!("cannot make the folder {}: {error}", folder.display())))?;
        let write = |path: &str, file: &str| copy(self.target.body(path, Query::new())?, Some(&folder.join(file)));
        write("/tls/ca.pem", "ca.pem")?;
        write("/tls/crl.pem", "crl.pem")?;
        let names = if self.names.is_empty() { self.all()? } else { self.names.clone() };
        for name in names {
            let path = format!("/tls/certificates/{name}");
            write(&format!("{path}/chain.pem"), &format!("{name}.pem"))?;
            if name != Certificate::Own {
                let file = format!("{name}.key");
                make_private(&folder.join(&file))?;
                write(&format!("{path}/key.pem"), &file)?;
            }
            write(&format!("{path}/leaf.der"), &format!("{name}.der"))?;
        }
        Ok(())
    }

    fn list(&self) -> Result<(), Failure> {
        let list = self.target.json("/tls/certificates", Query::new())?;
        if self.json {
            return print_json(&list);
        }
        let rows = list["certificates"].as_array().into_iter().flatten().map(|its| {
            ["name", "client_must", "about"].map(|member| its[member].as_str().unwrap_or_default().to_owned())
        });
        let columns = [Column::fixed("name"), Column::fixed("client must"), Column::text("about")];
        print_table(columns, rows.collect())
    }

    fn all(&self) -> Result<Vec<Certificate>, Failure> {
        let list = self.target.json("/tls/certificates", Query::new())?;
        let all = list["certificates"].as_array().into_iter().flatten();
        Ok(all.filter_map(|its| Certificate::named(its["name"].as_str()?)).collect())
    }
}

/// Makes an empty file that only its owner can read.
fn make_private(path: &Path) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(path).map(drop);
    made.map_err(|error| Failure::unmet(format!("cannot write {}: {error}", path.display())))
}

fn certificate(name: &str) -> Result<Certificate, String> {
    let names: Vec<&str> = Certificate::ALL.iter().map(|its| its.name()).collect();
    Certificate::named(name).ok_or_else(|| {
        let (unknown, help) = unknown_word("certificate", name, &names);
        format!("{unknown}: {help}")
    })
}
