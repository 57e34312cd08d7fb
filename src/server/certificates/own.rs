//! The certificate that the user gives a server.

use std::fs;
use std::path::{Path, PathBuf};

use super::issued::{Issued, Part};

/// Where the server's own certificate and its key come from.
#[derive(Clone)]
pub(crate) enum OwnCertificate {
    /// As text, in PEM.
    Pem { chain: String, key: String },
    /// From these files, which are read at the start and at each reload.
    Files { chain: PathBuf, key: PathBuf },
}

impl OwnCertificate {
    /// Fails with what is wrong, and in which file.
    pub(super) fn read(&self) -> Result<Issued, String> {
        match self {
            Self::Pem { chain, key } => Issued::given(chain, key).map_err(|(_, why)| why),
            Self::Files { chain, key } => Issued::given(&text(chain)?, &text(key)?).map_err(|(part, why)| {
                let file = match part {
                    Part::Chain => chain,
                    Part::Key => key,
                };
                format!("{}: {why}", file.display())
            }),
        }
    }
}

impl std::fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pem { .. } => "Pem",
            Self::Files { .. } => "Files",
        })
    }
}

/// The text of a file. What is not UTF-8 is not PEM either.
fn text(path: &Path) -> Result<String, String> {
    let octets = fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}
