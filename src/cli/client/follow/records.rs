//! The records of the journal, as they come.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::base::short;
use crate::cli::client::failure::Failure;
use crate::cli::client::target::{Query, Target};

/// How long one request waits for a record.
const WAIT: Duration = Duration::from_secs(60);
/// Time between two attempts to reach the server.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Records<'t> {
    target: &'t Target,
    filters: Query,
    /// The number of the last record that was read.
    after: Option<u64>,
    connection: Connection,
}

#[derive(PartialEq)]
enum Connection {
    /// The server has not answered yet: if it does not, the command fails.
    New,
    Up,
    Lost,
}

/// The number of the last record.
pub(super) fn last(target: &Target) -> Result<u64, Failure> {
    let health = target.json("/health", Query::new())?;
    let number = |name: &str| health[name].as_u64().unwrap_or_default();
    Ok((number("first_record") + number("records")).saturating_sub(1))
}

impl<'t> Records<'t> {
    pub(super) fn new(target: &'t Target, filters: Query, after: Option<u64>) -> Self {
        Self { target, filters, after, connection: Connection::New }
    }

    /// Waits for records. None after a while without any, or if the server was not reached.
    pub(super) fn next(&mut self) -> Result<Vec<Value>, Failure> {
        match self.ask() {
            Ok(Value::Array(records)) => Ok(records),
            Ok(_) => Ok(Vec::new()),
            Err(Failure::Unreachable(why)) if self.connection != Connection::New => {
                if self.connection == Connection::Up {
                    eprintln!("mailjig: {why}\nmailjig: trying again");
                }
                self.connection = Connection::Lost;
                thread::sleep(PAUSE);
                Ok(Vec::new())
            }
            Err(Failure::Unmet(_, Some(problem))) if problem["status"] == 409 => Ok(Vec::new()),
            Err(Failure::Unmet(why, Some(problem))) if problem["status"] == 410 => {
                eprintln!("mailjig: {why}");
                self.after = problem["first"].as_u64().map(|first| first.saturating_sub(1));
                Ok(Vec::new())
            }
            Err(failure) => Err(failure),
        }
    }

    fn ask(&mut self) -> Result<Value, Failure> {
        if self.connection == Connection::Lost {
            self.reconnect()?;
        }
        let mut query = self.filters.clone();
        query.push(("wait", short(WAIT)));
        query.extend(self.after.map(|after| ("after", after.to_string())));
        let answer = self.target.json_within("/journal", query, WAIT);
        if !matches!(answer, Err(Failure::Unreachable(_))) {
            self.connection = Connection::Up;
        }
        let mut list = answer?;
        self.after = list["next"].as_u64();
        Ok(list["records"].take())
    }

    /// A server that was started anew has a new journal.
    fn reconnect(&mut self) -> Result<(), Failure> {
        let last = last(self.target)?;
        eprintln!("mailjig: the server answers again");
        if self.after.is_some_and(|after| after > last) {
            eprintln!("mailjig: it was started anew, with a new journal");
            self.after = None;
        }
        Ok(())
    }
}
