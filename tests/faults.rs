//! Every step at an event of every protocol, on four wires. Each case states the octets sent, where the server's
//! writes end, and how the connection ends.

use std::time::Duration;

use clients::deadline::until;
use clients::wire::After::{self, Eof, Open, Reset, Silence, Truncated};
use clients::wire::Wire;
use mailjig::{Ending, MailServer, Scenario};

#[path = "faults/busy.rs"]
mod busy;
#[path = "clients/mod.rs"]
mod clients;
#[path = "faults/effect.rs"]
mod effect;
#[path = "faults/examples.rs"]
mod examples;
#[path = "faults/hook.rs"]
mod hook;
#[path = "faults/meanwhile.rs"]
mod meanwhile;
#[path = "faults/own.rs"]
mod own;

/// A protocol: the event, its command, the next command and its reply.
struct Protocol {
    name: &'static str,
    event: &'static str,
    command: &'static str,
    next: &'static str,
    answer: &'static str,
    /// Its column in the table: LMTP has the replies of SMTP.
    column: usize,
}

const SMTP: Protocol = Protocol {
    name: "smtp",
    event: "smtp.noop",
    command: "NOOP\r\n",
    next: "RSET\r\n",
    answer: "250 2.0.0 Ok\r\n",
    column: 0,
};

const PROTOCOLS: [Protocol; 4] = [
    SMTP,
    Protocol { name: "lmtp", event: "lmtp.noop", ..SMTP },
    Protocol {
        name: "imap",
        event: "imap.noop",
        command: "A1 NOOP\r\n",
        next: "A2 LOGOUT\r\n",
        answer: "* BYE Goodbye\r\nA2 OK Logged out\r\n",
        column: 1,
    },
    Protocol {
        name: "pop3",
        event: "pop3.user",
        command: "USER bob\r\n",
        next: "QUIT\r\n",
        answer: "+OK goodbye\r\n",
        column: 2,
    },
];

/// How the client's octets reach the server.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Via {
    Tcp,
    Tls,
    /// Every octet in a segment of its own.
    Octets,
    /// Both commands in one segment.
    Flight,
}

/// Steps beyond the examples of the manual, with the octets sent over SMTP and LMTP, IMAP, and POP3; `|` where a write
/// must end. TCP may deliver two writes as one segment to a client that reads late; over TLS each write is a record, so
/// write ends are checked there.
#[rustfmt::skip]
const ROWS: &[(&str, [&str; 3], After)] = &[
    // Flow.
    ("[{ pass = true }]", ["250 2.0.0 Ok\r\n", "A1 OK Done\r\n", "+OK now the password\r\n"], Open),
    ("[{ pass = 'silent' }, { reply = REPLY }]", ["451 4.7.1 later\r\n", "A1 NO later\r\n", "-ERR later\r\n"], Open),
    ("[{ pass = { status = REPLY } }]", ["451 4.7.1 later\r\n", "A1 NO later\r\n", "-ERR later\r\n"], Open),
    ("[{ reply = REPLY }, { wait = { min = '30ms', max = '40ms' } }, { raw = 'x' }]", ["451 4.7.1 later\r\n|x", "A1 NO later\r\n|x", "-ERR later\r\n|x"], Open),
    ("[{ login = 'ann' }, { reply = REPLY }]", ["451 4.7.1 later\r\n", "A1 NO later\r\n", "-ERR later\r\n"], Open),
    ("[{ stall = 'reply' }]", ["", "", ""], Open),
    ("[{ pass = true }, { stall = 'conn' }]", ["250 2.0.0 Ok\r\n", "A1 OK Done\r\n", "+OK now the password\r\n"], Silence),
    // Speak.
    ("[{ reply = REPLY }]", ["451 4.7.1 later\r\n", "A1 NO later\r\n", "-ERR later\r\n"], Open),
    ("[{ reply = LINES }]", ["250-one\r\n250 two\r\n", "* one\r\nA1 OK two\r\n", "+OK one\r\n..two\r\n.\r\n"], Open),
    ("[{ raw = '\\xff{{\\r\\n' }]", ["\u{ff}{\r\n", "\u{ff}{\r\n", "\u{ff}{\r\n"], Open),
    ("[{ reply = REPLY }, { raw = '!{hex:0d0a}{repeat:3:ab}' }]", ["451 4.7.1 later\r\n!\r\nababab", "A1 NO later\r\n!\r\nababab", "-ERR later\r\n!\r\nababab"], Open),
    // Shape.
    ("[{ split = [3, 19] }, { reply = REPLY }, { raw = 'abcdefghij' }]", ["451| 4.7.1 later\r\nab|cdefghij", "A1 |NO later\r\nabcdef|ghij", "-ER|R later\r\nabcdefg|hij"], Open),
    ("[{ hold = true }, { reply = REPLY }, { wait = '30ms' }, { raw = 'x' }]", ["451 4.7.1 later\r\nx", "A1 NO later\r\nx", "-ERR later\r\nx"], Open),
    ("[{ cut = { at = 6, close = 'fin' } }]", ["250 2.", "A1 OK ", "+OK no"], Eof),
    ("[{ cut = { at = 0, close = 'fin' } }]", ["", "", ""], Eof),
    // At the very end of the output, or of a part of it.
    ("[{ cut = { at = 4, close = 'fin' } }, { raw = 'abcd' }]", ["abcd", "abcd", "abcd"], Eof),
    ("[{ cut = { at = 4, close = 'rst' } }, { raw = 'abcd' }, { raw = 'efgh' }]", ["abcd", "abcd", "abcd"], Reset),
    ("[{ cut = { at = 6, close = 'tls-no-notify' } }]", ["250 2.", "A1 OK ", "+OK no"], Truncated),
    ("[{ cut = { at = LEN, close = 'fin' } }]", ["250 2.0.0 Ok\r\n", "A1 OK Done\r\n", "+OK now the password\r\n"], Eof),
    ("[{ cut = { before = '~\\r\\n', close = 'fin' } }]", ["250 2.0.0 Ok", "A1 OK Done", "+OK now the password"], Eof),
    ("[{ eol = 'cr' }]", ["250 2.0.0 Ok\r", "A1 OK Done\r", "+OK now the password\r"], Open),
    ("[{ eol = 'none' }]", ["250 2.0.0 Ok", "A1 OK Done", "+OK now the password"], Open),
    ("[{ edit = { find = '~^.', replace = '{{}}' } }]", ["{}50 2.0.0 Ok\r\n", "{}1 OK Done\r\n", "{}OK now the password\r\n"], Open),
    ("[{ edit = { find = '~$', replace = '!' } }]", ["250 2.0.0 Ok!\r\n", "A1 OK Done!\r\n", "+OK now the password!\r\n"], Open),
    ("[{ edit = { line = 1, drop = true } }]", ["", "", ""], Open),
    ("[{ edit = { line = 1, dup = true } }]", ["250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n", "A1 OK Done\r\nA1 OK Done\r\n", "+OK now the password\r\n+OK now the password\r\n"], Open),
    ("[{ edit = { below = 1, insert = 'more' } }]", ["250 2.0.0 Ok\r\nmore\r\n", "A1 OK Done\r\nmore\r\n", "+OK now the password\r\nmore\r\n"], Open),
    ("[{ edit = { find = '~$', replace = '!' } }, { pass = { status = REPLY } }]", ["451 4.7.1 later!\r\n", "A1 NO later!\r\n", "-ERR later!\r\n"], Open),
    // Several filters have a fixed order, whatever the order of the steps.
    ("[{ cut = { at = 4, close = 'fin' } }, { eol = 'lf' }, { edit = { find = 'o', replace = '0' } }, { reply = LINES }]", ["250-", "* 0n", "+OK "], Eof),
    // A script.
    ("[{ script = { text = \"S| ok\\\\r\\\\n\\nPASS\" } }]", ["ok\r\n", "ok\r\n", "ok\r\n"], Open),
    // Connection.
    ("[{ close = 'fin' }]", ["", "", ""], Eof),
    ("[{ reply = REPLY }, { close = 'rst' }]", ["451 4.7.1 later\r\n", "A1 NO later\r\n", "-ERR later\r\n"], Reset),
    ("[{ close = 'half' }]", ["", "", ""], Truncated),
    ("[{ close = 'tls-no-notify' }]", ["", "", ""], Truncated),
    ("[{ pass = true }, { read = 'stop' }]", ["250 2.0.0 Ok\r\n", "A1 OK Done\r\n", "+OK now the password\r\n"], Silence),
    // World and observe: no octet changes.
    ("[{ set = { phase = 'down', session.x = '+1' } }, { note = 'seen' }]", ["250 2.0.0 Ok\r\n", "A1 OK Done\r\n", "+OK now the password\r\n"], Open),
    ("[{ reply = REPLY, after = '50ms' }, { pass = true }]", ["250 2.0.0 Ok\r\n|451 4.7.1 later\r\n", "A1 OK Done\r\n|A1 NO later\r\n", "+OK now the password\r\n|-ERR later\r\n"], Open),
];

/// The report of a server that is dropped.
fn report(server: MailServer) -> String {
    let why = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server)));
    *why.expect_err("something is wrong").downcast::<String>().unwrap()
}

#[test]
fn every_step_has_a_row_for_each_protocol() {
    let all = examples::steps();
    assert!(all.len() > 20, "{all:?}");
    let examples = examples::examples();
    let has = |steps: &str, step: &str| steps.contains(&format!("{{ {step} ="));
    for step in all {
        let everywhere = ROWS.iter().any(|(steps, ..)| has(steps, step));
        for protocol in PROTOCOLS {
            let own = own::rows().any(|(event, steps)| event.starts_with(protocol.name) && has(steps, step));
            let example = examples.iter().filter(|its| has(&its.steps, step)).any(|its| {
                its.on.starts_with(protocol.name) || its.protocols().any(|other| other.name == protocol.name)
            });
            let accepts_mail = matches!(protocol.name, "smtp" | "lmtp");
            let is_possible = match step {
                "data" => !accepts_mail,
                "bounce" => accepts_mail,
                _ => true,
            };
            assert!(everywhere || own || example || !is_possible, "no row has `{step}` in {}", protocol.name);
        }
    }
}

/// One octet for each character, so that a table can hold any.
fn octets(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn scenario(steps: &str, protocol: &Protocol) -> Scenario {
    let at = protocol.column;
    let reply = ["\"451 4.7.1 later\"", "\"NO later\"", "\"-ERR later\""][at];
    let lines = ["[\"250 one\", \"250 two\"]", "[\"* one\", \"OK two\"]", "[\"+OK one\", \".two\"]"][at];
    let len = ["14", "12", "22"][at];
    let steps = hook::addressed(steps).replace("REPLY", reply).replace("LINES", lines).replace("LEN", len);
    let text =
        format!("mailjig = 1\n[[rule]]\nid = \"row\"\non = \"{}\"\ndo = {steps}\nexpect = \"=1\"\n", protocol.event);
    Scenario::text("row.toml", text)
}

#[test]
fn every_step_at_every_protocol_on_every_wire() {
    let on_all = |(steps, wanted, after): &(&'static str, [&'static str; 3], After)| {
        for protocol in &PROTOCOLS {
            // Deferred output is not sent to a client that has left.
            let is_late = steps.contains("after = ");
            for via in [Via::Tcp, Via::Tls, Via::Octets, Via::Flight].into_iter().take(if is_late { 3 } else { 4 }) {
                let what = format!("{} {steps} via {via:?}", protocol.name);
                row(&what, scenario(steps, protocol), protocol, via, wanted[protocol.column], *after);
            }
        }
    };
    std::thread::scope(|scope| ROWS.iter().for_each(|row| drop(scope.spawn(|| on_all(row)))));
}

fn row(what: &str, scenario: Scenario, protocol: &Protocol, via: Via, wanted: &str, after: After) {
    let server = MailServer::builder().scenario(scenario).start();
    let mut wire = Wire::greeted(&server, protocol.name, via == Via::Tls);

    let Protocol { command, next, answer, .. } = *protocol;
    match via {
        Via::Tcp | Via::Tls => wire.say(command),
        Via::Octets => command.split_inclusive(|_| true).for_each(|octet| wire.say(octet)),
        Via::Flight => wire.say(&format!("{command}{next}")),
    }
    let mut writes: Vec<Vec<u8>> = wanted.split('|').map(octets).filter(|write| !write.is_empty()).collect();
    // Input read before reading stops is answered.
    let after = if via == Via::Flight && what.contains("read = 'stop'") { Open } else { after };
    if via == Via::Flight && after == Open {
        writes.push(octets(answer));
    }
    let whole = writes.concat();
    let came = wire.octets(whole.len()).unwrap_or_else(|end| panic!("{what}: {end:?} before all had come"));
    assert_eq!(came.concat(), whole, "{what}: {}", String::from_utf8_lossy(&came.concat()));
    if via == Via::Tls {
        assert_eq!(came, writes, "{what}");
    }

    match after {
        Open if via == Via::Flight => {}
        Open => {
            wire.say(next);
            let came = wire.octets(answer.len()).unwrap_or_else(|end| panic!("{what}: {end:?}"));
            assert_eq!(came.concat(), octets(answer), "{what}: {}", server.transcript());
        }
        Silence => {
            until(what, || server.transcript().to_string().contains(command.trim_end()));
            if via != Via::Flight {
                wire.say(next);
            }
            // The server would send such output before the end, which comes with the client's end or with the server's
            // timeout.
            // the server's patience.
            wire.fin();
            server.clock().advance(Duration::from_secs(24 * 3600));
            let mut rest = Vec::new();
            while let Ok(more) = wire.read() {
                rest.extend(more);
            }
            let said = String::from_utf8_lossy(&rest);
            assert!(!said.contains(answer), "{what}: {said}");
        }
        Truncated if via != Via::Tls => assert_eq!(wire.read(), Err(Eof), "{what}"),
        end => assert_eq!(wire.read(), Err(end), "{what}"),
    }
    if matches!(after, Eof | Reset | Truncated) {
        drop(wire);
        server.settled().block();
        let session = server.sessions().remove(0);
        let ended = server.wait_for_session(
            mailjig::matchers::session::listener(session.listener.name()).and(mailjig::matchers::session::open().not()),
        );
        assert_eq!(ended.block().ended.map(|(_, ending)| ending), Some(Ending::Ruled), "{what}");
    }
}
