//! Loads and plays the examples of steps in the manual.

use super::clients::wire::After::{self, Eof, Open, Refused, Reset, Silence};
use super::clients::wire::Wire;
use super::{PROTOCOLS, Protocol, Via, octets, own, report, row, scenario};

const MANUAL: &str = include_str!("../../src/manual/scenarios.md");

/// A row of "Steps by example".
pub(super) struct Example {
    pub(super) on: String,
    pub(super) steps: String,
    client: String,
    /// `|` marks the end of a write.
    server: String,
    then: After,
}

impl Example {
    /// The protocols in which the example's command can be the first: also LMTP for an example of SMTP.
    pub(super) fn protocols(&self) -> impl Iterator<Item = &'static Protocol> {
        let its = PROTOCOLS.iter().find(|its| its.event == self.on && its.command.trim_end() == self.client);
        PROTOCOLS.iter().filter(move |other| its.is_some_and(|its| its.column == other.column))
    }
}

/// The lines of a table in the manual.
fn table(heading: &str) -> impl Iterator<Item = &'static str> {
    let (_, behind) = MANUAL.split_once(&format!("### {heading}\n")).unwrap();
    let section = behind.split("\n#").next().unwrap();
    section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"))
}

/// The steps of the language.
pub(super) fn steps() -> Vec<&'static str> {
    table("Steps").map(|line| line.split('`').next().unwrap()).collect()
}

pub(super) fn examples() -> Vec<Example> {
    let example = |line: &str| {
        let cells: Vec<String> = line.split(" | ").map(|cell| cell.trim_matches('`').replace("\\|", "|")).collect();
        let [on, steps, client, server, then] = cells.try_into().unwrap();
        let then = match &*then {
            "the next command is answered" => Open,
            "the server sends nothing more" => Silence,
            "FIN" => Eof,
            "RST" => Reset,
            "the handshake fails" => Refused,
            other => panic!("{other}"),
        };
        let [client, server] = [client, server].map(|text| if text == "–" { String::new() } else { unescaped(&text) });
        Example { on, steps, client, server, then }
    };
    // The header of the table contains code too.
    let examples = table("Steps by example").filter(|line| !line.starts_with("on`")).map(example);
    // Without the feature `api`, mailjig asks no servers.
    examples.filter(|example| cfg!(feature = "api") || !example.steps.contains("{ ask =")).collect()
}

/// One character for each octet.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        out.push_str(before);
        let (octet, len) = match escaped.split_at(1) {
            ("r", _) => ('\r', 1),
            ("n", _) => ('\n', 1),
            ("x", more) => (char::from(u8::from_str_radix(&more[..2], 16).unwrap()), 3),
            _ => ('\\', 0),
        };
        out.push(octet);
        rest = &escaped[len..];
    }
    out + rest
}

#[test]
fn every_step_has_an_example() {
    let examples = examples();
    for step in steps() {
        assert!(examples.iter().any(|its| its.steps.contains(&format!("{{ {step} ="))), "`{step}` has no example");
    }
}

#[test]
fn the_examples_in_the_manual_are_correct() {
    std::thread::scope(|scope| {
        for example in examples() {
            scope.spawn(move || play(&example));
        }
    });
}

fn play(example: &Example) {
    let Example { on, steps, client, server: said, then } = example;
    // A command that can be the first is played on every wire.
    let mut is_played = false;
    for protocol in example.protocols() {
        is_played = true;
        for via in [Via::Tcp, Via::Tls, Via::Octets, Via::Flight] {
            let what = format!("{} {steps} via {via:?}", protocol.event);
            row(&what, scenario(steps, protocol), protocol, via, said, *then);
        }
    }
    if is_played {
        return;
    }
    for is_tls in [false, true] {
        let what = format!("{on} {steps}, tls: {is_tls}");
        if *then == Refused && !is_tls {
            continue;
        }
        let server = own::server(on, steps, ">=1");
        if *then == Refused {
            assert_eq!(Wire::connect(&server, "imap", true).read(), Err(Refused), "{what}");
            continue;
        }
        let mut wire = own::ready(&server, on, is_tls);
        wire.say(&format!("{client}\r\n"));
        let said = octets(&said.replace('|', ""));
        let came = wire.octets(said.len()).unwrap_or_else(|end| panic!("{what}: {end:?}")).concat();
        assert_eq!(String::from_utf8_lossy(&came), String::from_utf8_lossy(&said), "{what}");
        if *then != Open {
            assert_eq!(wire.read(), Err(*then), "{what}");
        }
        if steps.contains("{ fail =") {
            assert!(report(server).contains("rule `row` failed in s1"), "{what}");
        }
    }
}
