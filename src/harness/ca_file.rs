//! The certificate of a server's authority as a file, for clients that want one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file in the system's folder for temporary files; it is deleted when this is dropped.
#[derive(Debug)]
pub(super) struct CaFile(PathBuf);

impl CaFile {
    /// Creates a new file. An existing file is never written to: it could be a link that someone else put there.
    pub(super) fn create(pem: &str) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let name = format!("mailjig-ca-{}-{}.pem", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match File::create_new(&path) {
                Ok(mut file) => {
                    let this = Self(path);
                    file.write_all(pem.as_bytes())?;
                    return Ok(this);
                }
                // Left over by a process of the same number that did not end in order.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        let _it_may_be_gone = fs::remove_file(&self.0);
    }
}
