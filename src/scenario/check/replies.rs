//! Checks that replies have the form of their protocol.

use super::located;
use crate::document::{Location, Node, Reader};
use crate::protocol::{Event, Protocol};
use crate::rule::{Course, Rule, Said, Template, Timed};

/// Checks that replies have the form of their protocol.
pub(super) fn replies(reader: &mut Reader, rule: &Rule, node: &Node, events: &[Event]) {
    let mut protocols: Vec<Protocol> = events.iter().filter_map(|event| event.protocol()).collect();
    protocols.sort_unstable();
    protocols.dedup();
    let is_smtp = !protocols.is_empty() && protocols.iter().all(|its| matches!(its, Protocol::Smtp | Protocol::Lmtp));
    let courses = rule.courses();
    for (timed, at) in located(rule, node) {
        let lines: Vec<&str> = match timed.step.said() {
            Said::Reply(lines) => lines.into_iter().map(Template::written).collect(),
            Said::Line(line) => {
                if let Some((message, help)) = broken(&[line.written()]) {
                    reader.wrong_help(&at, message, help);
                }
                continue;
            }
            Said::Nothing => continue,
        };
        if let Some((message, help)) = broken(&lines) {
            reader.wrong_help(&at, message, help);
            continue;
        }
        wrong_forms(reader, &at, events, (&protocols, &lines));
        if let Some(line) = lines.iter().find(|line| is_smtp && has_two_classes(line)) {
            reader.warn_help(
                &at,
                format!(
                    "`{line}` contradicts itself: the reply code and the enhanced status code have different classes"
                ),
                "both must begin with the same digit (RFC 2034 §4)",
            );
        }
        if timed.after.is_none() && timed.step.kind().name == "reply" {
            behind(reader, rule, &courses, timed, (&at, &lines));
        }
        let asks = |line: &&&str| {
            line.starts_with("354") || line.starts_with("334") || line.starts_with('+') && !line.starts_with("+OK")
        };
        let reads = |its: &Timed| ["await", "stall"].contains(&its.step.kind().name);
        let goes_on = courses.iter().filter_map(|course| Some((course.passes(), course.around(timed)?.1)));
        let goes_on = goes_on.into_iter().any(|(passes, behind)| passes || behind.iter().any(|its| reads(its)));
        if lines.iter().any(|line| asks(&line)) && !goes_on {
            reader
                .warn(&at, "the reply asks the client to continue, but no step reads what it sends: `pass`, `await` or `stall` is missing");
        }
    }
}

/// Records an error for each form of reply that these lines do not have. SMTP and LMTP have the same.
fn wrong_forms(reader: &mut Reader, at: &Location, events: &[Event], (protocols, lines): (&[Protocol], &[&str])) {
    let form = |protocol: Protocol| if protocol == Protocol::Lmtp { Protocol::Smtp } else { protocol };
    let mut forms: Vec<Protocol> = protocols.iter().map(|its| form(*its)).collect();
    forms.sort_unstable();
    forms.dedup();
    for wrong in &forms {
        let Some((message, help)) = malformed(*wrong, lines) else { continue };
        let event = events.iter().find(|event| event.protocol().map(form) == Some(*wrong));
        match event.filter(|_| forms.len() > 1) {
            Some(event) => {
                let help = format!("write one rule for each protocol; {help}");
                reader.wrong_help(at, format!("at `{event}`: {message}"), help);
            }
            None => reader.wrong_help(at, message, help),
        }
    }
}

/// Warns if a reply says that the request succeeded, although the server does not perform it: then the client and the
/// server disagree about the state of the session.
fn behind(reader: &mut Reader, rule: &Rule, courses: &[Course<'_>], reply: &Timed, (at, lines): (&Location, &[&str])) {
    // Whatever another step does, or the end of the connection, makes the state uncertain.
    let keeps_up = |its: &&Timed| {
        its.step.passes() || ["login", "close", "cut", "stall", "script", "ask", "run"].contains(&its.step.kind().name)
    };
    let mut ways = courses.iter().filter(|course| course.around(reply).is_some());
    if ways.any(|course| course.steps().iter().any(keeps_up)) {
        return;
    }
    let events = rule.on.iter().flat_map(|on| &on.events);
    let Some(event) = events.into_iter().find(|event| moves_on(**event) && says_success(**event, lines)) else {
        return;
    };
    let awaits = |its: &Course<'_>| {
        its.around(reply).is_some_and(|(before, _)| before.iter().any(|its| its.step.awaited().is_some()))
    };
    // If the client has sent what follows the request, the server must not expect it after the reply.
    let is_read = courses.iter().any(awaits);
    let help = match event.is_login() {
        true if is_read => "to keep the server in step, add `{ login = \"…\" }` before the reply",
        true => "to keep the server in step, add `{ login = \"…\" }`, or `{ pass = \"silent\" }` before the reply",
        false if is_read && event.as_smtp() == Event::SmtpData => {
            "to keep the server in step, add `{ pass = { as = \"RSET\", silent = true } }` before the reply"
        }
        false => {
            "to keep the server in step, add `{ pass = \"silent\" }` or `{ pass = { as = \"…\", silent = true } }` before the reply"
        }
    };
    let message = format!("the reply says that the request of `{event}` succeeded, but the server does not perform it");
    reader.warn_help(at, message, help);
}

/// Whether later requests depend on the success of this one.
fn moves_on(event: Event) -> bool {
    let is_step = matches!(event.as_smtp(), Event::SmtpAuthStep | Event::ImapAuthStep | Event::Pop3AuthStep);
    let is_login = event.is_login() && !is_step;
    let event = event.as_smtp();
    is_login
        || matches!(event, Event::SmtpHelo | Event::SmtpCaps | Event::SmtpMail | Event::SmtpRcpt | Event::SmtpData)
        || matches!(event, Event::ImapSelect | Event::ImapExamine | Event::ImapClose | Event::ImapUnselect)
        || matches!(event, Event::SmtpStarttls | Event::ImapStarttls | Event::Pop3Stls)
}

fn says_success(event: Event, lines: &[&str]) -> bool {
    match event.protocol() {
        Some(Protocol::Smtp | Protocol::Lmtp) => lines.iter().all(|line| line.starts_with('2')),
        Some(Protocol::Imap) => lines.last().is_some_and(|line| line.starts_with("OK")),
        Some(Protocol::Pop3) => lines.first().is_some_and(|line| line.starts_with("+OK")),
        None => false,
    }
}

/// The error for a line that contains a line end.
fn broken(lines: &[&str]) -> Option<(String, &'static str)> {
    // In a literal string of TOML, escapes are plain text, and IMAP's flag `\recent` begins like one. Only `\r\n`, or
    // an escape at the end, counts as a line end.
    let is_written = |line: &str| line.contains("\\r\\n") || line.ends_with("\\r") || line.ends_with("\\n");
    let is_broken = |line: &&&str| line.contains(['\r', '\n']) || is_written(line);
    let line = lines.iter().find(is_broken)?;
    Some((
        format!("`{}` contains a line end, and the server adds another one", line.escape_debug()),
        "remove `\\r\\n`; write several lines as a list; to send octets as they are, use `raw`",
    ))
}

/// Whether a reply code and an enhanced code disagree, as in `550 4.7.1`.
fn has_two_classes(line: &str) -> bool {
    let Some((code, rest)) = line.split_at_checked(4) else { return false };
    let enhanced = rest.split(' ').next().unwrap_or_default();
    let mut numbers = enhanced.split('.');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_enhanced = numbers.clone().count() == 3 && numbers.clone().all(is_number);
    is_enhanced && numbers.next() != code.get(..1)
}

fn malformed(protocol: Protocol, lines: &[&str]) -> Option<(String, &'static str)> {
    let is_named = |line: &str| line.starts_with('{');
    match protocol {
        Protocol::Smtp | Protocol::Lmtp => {
            let code = |line: &str| {
                let digits: Vec<u8> = line.bytes().take(3).filter(u8::is_ascii_digit).collect();
                let is_ended = !line.as_bytes().get(3).is_some_and(u8::is_ascii_digit);
                (digits.len() == 3 && is_ended).then_some(digits)
            };
            let bad = lines.iter().find(|line| !is_named(line) && code(line).is_none());
            if let Some(bad) = bad {
                return Some((
                    format!("`{bad}` does not begin with a reply code of three digits"),
                    "to send octets as they are, use `raw`",
                ));
            }
            let mut codes = lines.iter().filter_map(|line| code(line));
            let first = codes.next();
            codes.any(|code| Some(code) != first).then(|| {
                (
                    "all lines of an SMTP reply must have the same code".to_owned(),
                    "to send octets as they are, use `raw`",
                )
            })
        }
        Protocol::Imap => {
            let fits = |line: &str| {
                let word = line.split(' ').next().unwrap_or_default();
                matches!(word, "OK" | "NO" | "BAD" | "BYE" | "PREAUTH" | "*" | "+") || is_named(line)
            };
            let bad = lines.iter().find(|line| !fits(line));
            bad.map(|bad| {
                (
                    format!("`{bad}` is not a valid IMAP response"),
                    "begin it with OK, NO, BAD, `* ` or `+ `; the server adds the tag. To send octets as they are, use `raw`",
                )
            })
        }
        Protocol::Pop3 => {
            let first = lines.first()?;
            let status = first.split(' ').next().unwrap_or_default();
            let fits = matches!(status, "+OK" | "-ERR") || first.starts_with("+ ") || is_named(first);
            (!fits).then(|| {
                (
                    format!("`{first}` is not a valid POP3 response"),
                    "begin it with `+OK`, `-ERR` or `+ `; to send octets as they are, use `raw`",
                )
            })
        }
    }
}
