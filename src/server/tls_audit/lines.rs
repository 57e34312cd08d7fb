//! The sessions of a run as text, without passwords and bodies.

use crate::base::Seq;
use crate::journal::{Exchange, Journal, RecordKind, SessionLog};

/// How many lines are kept.
const LINES: usize = 60;

/// The lines of all sessions.
pub(crate) fn lines_of(journal: &Journal) -> String {
    let mut lines: Vec<String> = journal.sessions().flat_map(|log| session(journal, log)).collect();
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("… {more} more lines"));
    }
    lines.join("\n")
}

fn session(journal: &Journal, log: &SessionLog) -> Vec<String> {
    let mut lines = vec![format!("-- {} {}", log.no, log.facts().listener)];
    for seq in log.records.iter() {
        let Some(record) = journal.get(seq) else { continue };
        match &record.kind {
            RecordKind::Secured(_) => lines.push("-- TLS".to_owned()),
            RecordKind::Unsecured(failure) => lines.push(format!("-- {failure}")),
            RecordKind::Exchange(exchange) => turn(journal, log, (seq, exchange), &mut lines),
            RecordKind::Ended(ended) => lines.push(format!("-- {}", ended.ending)),
            RecordKind::Opened(_)
            | RecordKind::Proxied(_)
            | RecordKind::Part(_)
            | RecordKind::Closed { .. }
            | RecordKind::Cleartext { .. }
            | RecordKind::Outside(_)
            | RecordKind::OAuth(_)
            | RecordKind::Noted(_) => {}
        }
    }
    lines
}

fn turn(journal: &Journal, log: &SessionLog, (seq, exchange): (Seq, &Exchange), lines: &mut Vec<String>) {
    let (heard, said) = journal.readable(log, (seq, exchange), log.said(exchange.text));
    let mut add = |who: &str, octets: &[u8]| {
        let text = String::from_utf8_lossy(octets);
        lines.extend(text.lines().map(|line| format!("{who}: {}", line.escape_debug())));
    };
    match exchange.detail.as_ref().and_then(|detail| detail.octets) {
        Some(octets) => add("C", format!("<{octets} octets>").as_bytes()),
        None => add("C", &heard),
    }
    add("S", &said);
}
