//! `mailjig audit-tls`: runs a command against servers with bad TLS, and says what it accepts.

mod attempt;
mod groups;
mod outcome;
mod table;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::options::{ServerOptions, number};
use super::run::{NOT_STARTED, variable};
use crate::server::{AuditProfile, Control, Duty, GOOD, default_jobs, in_parallel, judge, proves_nothing};
use attempt::{Attempt, NotRun};
use groups::Groups;
use outcome::Outcome;
use table::Table;

/// The exit status if something was accepted, hung or crashed.
const NOT_REFUSED: u8 = 1;
/// The exit status for wrong use, as of clap.
const WRONG_USE: u8 = 2;
/// The exit status if the audit proves nothing.
const INCONCLUSIVE: u8 = 3;

#[derive(Args)]
pub(super) struct AuditTls {
    #[command(flatten)]
    server: ServerOptions,
    /// Set a further variable for the command: `{smtp.host}`, `{smtp.port}`, `{smtp.url}` and so on are replaced; may
    /// be repeated. The variable has one in each line.
    #[arg(long, value_name = "NAME=TEMPLATE", env = "MAILJIG_ENV", value_delimiter = '\n', value_parser = variable,
        help_heading = "Audit")]
    env: Vec<(String, String)>,
    /// Audit only this profile; may be repeated. The control run is always made.
    #[arg(long, value_name = "NAME", value_parser = profile, help_heading = "Audit")]
    profile: Vec<AuditProfile>,
    /// Also try the certificates that every client must accept, and report those that the command refuses.
    #[arg(long, help_heading = "Audit")]
    all: bool,
    /// List the profiles, and run nothing.
    #[arg(long, help_heading = "Audit")]
    list: bool,
    /// How many runs take place at the same time [default: the number of CPUs].
    #[arg(long, value_name = "N", value_parser = number::<usize>, help_heading = "Audit")]
    jobs: Option<usize>,
    /// Seconds after which a run is ended, with the processes of its group: all that it started, unless they left the group.
    #[arg(long, value_name = "SECONDS", value_parser = number::<u64>, default_value = "30", help_heading = "Audit")]
    timeout: u64,
    /// Write the verdicts as JSON, once all runs have ended.
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// The command and its arguments.
    #[arg(last = true, required_unless_present = "list", value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn profile(name: &str) -> Result<AuditProfile, String> {
    AuditProfile::named(name).ok_or_else(|| "`mailjig audit-tls --list` lists the profiles".to_owned())
}

/// Audits the command. The help has the exit statuses.
pub(super) fn audit_tls(options: &AuditTls) -> ExitCode {
    if options.list {
        return super::scenarios::exit_code(table::list(options.server.color()).is_ok());
    }
    match options.audit() {
        Ok(status) => status.into(),
        Err(NotRun { status, why }) => {
            complain!("mailjig: {why}");
            status.into()
        }
    }
}

impl AuditTls {
    fn audit(&self) -> Result<u8, NotRun> {
        self.check()?;
        let groups = Groups::listen().map_err(|error| NotRun { status: NOT_STARTED, why: error.to_string() })?;
        let attempt = Attempt {
            server: &self.server,
            env: &self.env,
            command: &self.command,
            timeout: Duration::from_secs(self.timeout),
            groups: &groups,
        };
        let mut table = Table::new(self.server.color(), self.json);
        let attempted = attempt.make(GOOD)?;
        let control = Control::of(&attempted.sessions);
        if let Some(why) = proves_nothing(&control, &attempted.end) {
            table.no_control(&attempted, why);
            return Ok(INCONCLUSIVE);
        }
        table.control(&control);
        let (concerning, skipped): (Vec<_>, Vec<_>) =
            self.profiles().into_iter().partition(|profile| profile.unused_by(&control).is_none());
        let jobs = self.jobs.unwrap_or_else(default_jobs);
        in_parallel(
            &concerning,
            jobs,
            |profile| attempt.make(profile),
            |profile, attempted| {
                let attempted = attempted?;
                let judged = judge(profile, &control, &attempted.sessions, &attempted.end);
                table.add(Outcome::new(profile, judged, attempted));
                Ok(())
            },
        )?;
        for profile in skipped {
            table.add(Outcome::skipped(profile, profile.unused_by(&control).unwrap_or_default()));
        }
        table.finish();
        Ok(status(table.outcomes()))
    }

    /// Fails for options that a server of an audit cannot have.
    fn check(&self) -> Result<(), NotRun> {
        let settings = self.server.settings().map_err(|why| NotRun { status: NOT_STARTED, why })?;
        let wrong = [
            (settings.scenario.is_some(), "the audit has scenarios of its own: leave out `--scenario`"),
            (settings.failing.is_some(), "the audit does not verify findings: leave out `--fail-on-findings`"),
            (
                self.server.ca_file().is_some(),
                "each run has a CA of its own: use MAILJIG_CA_FILE or `{ca_file}`, not `--ca-file`",
            ),
        ];
        match wrong.iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, why)) => Err(NotRun { status: WRONG_USE, why: (*why).to_owned() }),
            None => Ok(()),
        }
    }

    fn profiles(&self) -> Vec<AuditProfile> {
        let is_wanted = |its: &AuditProfile| match self.profile.is_empty() {
            true => self.all || its.duty() != Duty::Accept,
            false => self.profile.contains(its),
        };
        AuditProfile::all().into_iter().filter(is_wanted).collect()
    }
}

fn status(outcomes: &[Outcome]) -> u8 {
    match () {
        () if outcomes.iter().any(Outcome::is_failure) => NOT_REFUSED,
        () if outcomes.iter().any(Outcome::is_inconclusive) => INCONCLUSIVE,
        () => 0,
    }
}

/// An error of the system before a run.
fn not_started(error: &io::Error) -> NotRun {
    NotRun { status: NOT_STARTED, why: error.to_string() }
}
