//! Server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::io::{self, BufRead};

/// An event, or a block that has only an id.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Event {
    pub(super) id: Option<u64>,
    pub(super) name: String,
    pub(super) data: String,
}

impl Event {
    /// Reads up to the empty line that ends an event; none at the end of the stream.
    pub(super) fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut event = Self::default();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() && event != Self::default() {
                return Ok(Some(event));
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => event.id = value.parse().ok(),
                "event" => event.name = value.to_owned(),
                "data" if event.data.is_empty() => event.data = value.to_owned(),
                "data" => event.data += &format!("\n{value}"),
                // A comment, or a field without a meaning here, such as `retry`.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read() {
        let stream = "retry: 500\n\nid: 7\nevent: opened\ndata: {\"a\":1}\n\n: keep-alive\n\n: keep-alive\nid: 9\n\n\
                      data: one\r\ndata:two\r\n\r\ndata: not ended";
        let mut stream = stream.as_bytes();
        let event = |id, name: &str, data: &str| Event { id, name: name.to_owned(), data: data.to_owned() };

        assert_eq!(Event::read(&mut stream).unwrap(), Some(event(Some(7), "opened", "{\"a\":1}")));
        assert_eq!(Event::read(&mut stream).unwrap(), Some(event(Some(9), "", "")));
        assert_eq!(Event::read(&mut stream).unwrap(), Some(event(None, "", "one\ntwo")));
        assert_eq!(Event::read(&mut stream).unwrap(), None);
    }
}
