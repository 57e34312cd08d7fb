//! A client of streams of server-sent events.

use std::io::{BufRead, BufReader};

use serde_json::Value;
use ureq::BodyReader;

use super::api_client::ApiClient;

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) event: String,
    pub(crate) data: Value,
}

/// A stream that is read; dropping it disconnects.
pub(crate) struct Stream(BufReader<BodyReader<'static>>);

impl Stream {
    /// What comes after the last event, if any.
    pub(crate) fn of(api: &ApiClient, path: &str, last: Option<u64>) -> Self {
        let mut api = api.with(&[("accept", "text/event-stream")]);
        if let Some(last) = last {
            api = api.with(&[("last-event-id", &last.to_string())]);
        }
        Self(api.stream(path))
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let mut next = Event { id: None, event: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => next.id = Some(id.parse().unwrap()),
                Some(("event", event)) => next.event = event.to_owned(),
                Some(("data", data)) => next.data = serde_json::from_str(data).unwrap(),
                Some(_) => {}
                None if next.data.is_null() => {}
                None => return Some(next),
            }
        }
    }

    pub(crate) fn take(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.next().expect("the stream goes on")).collect()
    }
}
