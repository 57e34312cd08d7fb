//! Files for the reports of failures, in the folder that the variable `MAILJIG_REPORTS` names.

use std::env;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::base::{Seq, SessionNo};
use crate::drive::Engine;
use crate::journal::{Gone, Journal, Transcript};

/// The folder for reports.
const FOLDER: &str = "MAILJIG_REPORTS";

/// A report as text, and with the HTTP API as JSON.
#[cfg(feature = "api")]
pub(crate) trait Reported: fmt::Display + serde::Serialize {}
#[cfg(feature = "api")]
impl<T: fmt::Display + serde::Serialize> Reported for T {}
#[cfg(not(feature = "api"))]
pub(crate) trait Reported: fmt::Display {}
#[cfg(not(feature = "api"))]
impl<T: fmt::Display> Reported for T {}

/// Writes a report of a failure, if a folder for reports is set. An error is written to stderr: it must not hide the
/// failure.
pub(crate) fn write_report(engine: &Engine, report: &impl Reported) {
    let Some(folder) = env::var_os(FOLDER).filter(|folder| !folder.is_empty()) else { return };
    let folder = Path::new(&folder);
    if let Err(error) = write_files(folder, engine, report) {
        let _nobody_may_read =
            writeln!(io::stderr(), "mailjig: the report cannot be written to {}: {error}", folder.display());
    }
}

/// Writes the text, the sessions as scripts, and the JSON.
fn write_files(folder: &Path, engine: &Engine, report: &impl Reported) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let (name, mut text) = new_file(folder)?;
    text.write_all(report.to_string().as_bytes())?;
    fs::write(folder.join(format!("{name}.session")), sessions(engine).verbatim())?;
    #[cfg(feature = "api")]
    fs::write(folder.join(format!("{name}.json")), serde_json::to_vec_pretty(report)?)?;
    Ok(())
}

/// The transcripts of all sessions, read in portions, so that the lock is released in between. Records that are discarded
/// meanwhile are left out.
pub(super) fn sessions(engine: &Engine) -> Transcript {
    let sessions: Vec<SessionNo> = engine.read(|world| world.journal.sessions().map(|log| log.no).collect());
    let mut all = Transcript::default();
    for session in sessions {
        let mut from = Some(Seq::default());
        while let Some(at) = from {
            from = engine.read(|world| extend(&mut all, &world.journal, session, at));
        }
    }
    all
}

/// Adds a portion of a session from this record on. Returns where the next one begins: if records were discarded, with the
/// first that is left.
pub(super) fn extend(all: &mut Transcript, journal: &Journal, session: SessionNo, from: Seq) -> Option<Seq> {
    match Transcript::portion(journal, journal.session(session)?, from) {
        Ok((portion, next)) => {
            all.extend(portion);
            next
        }
        Err(Gone { first }) => Some(first),
    }
}

/// A new text file, and its name without the extension: the test or the thread, the process, and a number, so that
/// neither tests nor processes overwrite the report of another one.
fn new_file(folder: &Path) -> io::Result<(String, File)> {
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    let thread = thread::current();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let test = thread.name().unwrap_or("mailjig").replace(|c: char| !is_plain(c), "-");
    loop {
        let name = format!("{test}-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        match OpenOptions::new().write(true).create_new(true).open(folder.join(format!("{name}.txt"))) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (name, file)),
        }
    }
}
