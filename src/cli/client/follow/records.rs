//! The records of the journal as they come: a stream of server-sent events, which is resumed when the connection is
//! lost.

use std::io::BufReader;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use ureq::BodyReader;

use super::event::Event;
use crate::cli::client::failure::Failure;
use crate::cli::client::target::{Query, Target};

/// Time between two attempts to reach the server.
const PAUSE: Duration = Duration::from_millis(200);
/// A server that sends nothing for this long is lost: it sends a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) struct Records<'t> {
    target: &'t Target,
    filters: Query,
    /// The number of the last record that was read.
    after: Option<u64>,
    connection: Connection,
}

enum Connection {
    /// The server has not answered yet: if it does not, the command fails.
    New,
    Up(BufReader<BodyReader<'static>>),
    /// The stream can be opened again.
    Ended,
    /// The server does not answer.
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

    /// Waits for the next record. None if something else happened; then the caller asks again.
    pub(super) fn next(&mut self) -> Result<Option<Value>, Failure> {
        let Connection::Up(stream) = &mut self.connection else { return self.open().map(|()| None) };
        match Event::read(stream) {
            Ok(Some(event)) => self.record(&event),
            Ok(None) | Err(_) => {
                self.connection = Connection::Ended;
                Ok(None)
            }
        }
    }

    /// The record of an event.
    fn record(&mut self, event: &Event) -> Result<Option<Value>, Failure> {
        self.after = event.id.or(self.after);
        if event.data.is_empty() {
            return Ok(None);
        }
        let data: Value = serde_json::from_str(&event.data).map_err(|error| self.target.broken(&error))?;
        if event.name == "gone" {
            complain!("mailjig: records before {} were discarded before they were sent", data["first"]);
            return Ok(None);
        }
        Ok(Some(data))
    }

    /// Opens the stream after the last record. After a pause if the server does not answer any more.
    fn open(&mut self) -> Result<(), Failure> {
        let mut fields = vec![("Accept", "text/event-stream".to_owned())];
        fields.extend(self.after.map(|after| ("Last-Event-ID", after.to_string())));
        let names: Vec<&str> = self.filters.iter().map(|(name, _)| *name).collect();
        let answer = self.target.send("/journal", self.filters.clone(), &fields, Some(SILENCE));
        let answer = answer.and_then(|answer| match answer.status().is_success() {
            true => Ok(answer),
            false => Err(self.target.refusal(answer, &names)),
        });
        match answer {
            Ok(answer) => {
                if matches!(self.connection, Connection::Lost) {
                    complain!("mailjig: the server answers again");
                }
                let body = answer.into_body().into_with_config().limit(u64::MAX).reader();
                self.connection = Connection::Up(BufReader::new(body));
                Ok(())
            }
            Err(Failure::Unreachable(why)) if !matches!(self.connection, Connection::New) => {
                if matches!(self.connection, Connection::Ended) {
                    complain!("mailjig: {why}\nmailjig: trying again");
                }
                self.connection = Connection::Lost;
                thread::sleep(PAUSE);
                Ok(())
            }
            // The records after the last one were discarded, or the server was started anew.
            Err(Failure::Unmet(why, Some(problem))) if problem["status"] == 410 => {
                complain!("mailjig: {why}");
                self.after = problem["first"].as_u64().map(|first| first.saturating_sub(1));
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }
}
