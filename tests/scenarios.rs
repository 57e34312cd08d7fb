//! The shipped scenarios: each has a dialogue with its octets, and a real client that meets its fault.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clients::capabilities;
use clients::support::{is_there, output};
use clients::wire::{After, Wire};
use mailjig::{MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

/// The server sends nothing, until the end of the connection or the client's next line.
const SILENCE: &str = "-- silence\n";

/// How long the server must be silent before a new dialogue is written.
const QUIET: Duration = Duration::from_millis(400);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dialogues/scenarios")
}

fn names() -> Vec<String> {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let folders = fs::read_dir(scenarios).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
    let mut names: Vec<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// A dialogue: its settings, and the lines of each connection.
struct Dialogue {
    head: Vec<(String, String)>,
    lines: Vec<String>,
}

impl Dialogue {
    fn read(text: &str) -> Self {
        let (head, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("# "));
        let head = head.iter().filter_map(|line| line[2..].split_once(" = "));
        Self {
            head: head.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            lines: lines.into_iter().map(str::to_owned).collect(),
        }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.head.iter().find(|(its, _)| its == key).map(|(_, value)| value.as_str())
    }

    /// Its protocol, and whether it uses TLS.
    fn listener(&self) -> (&str, bool) {
        match self.get("listener").unwrap() {
            "smtps" => ("smtp", true),
            listener => (listener, false),
        }
    }

    /// The value of `<caps>` before and after a login; `None` if the dialogue lists capabilities.
    fn capabilities(&self) -> Option<[String; 2]> {
        self.lines.iter().any(|line| line.contains("<caps>")).then(|| {
            let (protocol, is_tls) = self.listener();
            let server = MailServer::builder().submission_requires_auth(false).start();
            [false, true].map(|is_logged_in| {
                let mut wire = Wire::connect(&server, protocol, is_tls);
                let mut lines = Lines::default();
                lines.next(&mut wire);
                if is_logged_in && protocol == "imap" {
                    wire.say("in LOGIN me@example.org secret\r\n");
                    lines.next(&mut wire);
                }
                wire.say(capabilities::question(protocol));
                capabilities::announced(protocol, || lines.next(&mut wire)).replace("\r\n", "\nS: ")
            })
        })
    }

    /// The same dialogue with `<caps>` replaced.
    fn written_out(&self, [before, after]: &[String; 2]) -> Self {
        let mut is_logged_in = false;
        let lines = self.lines.iter().flat_map(|line| {
            is_logged_in = line != "---" && (is_logged_in || capabilities::is_login(line.trim_start_matches("S: ")));
            let line = line.replace("<caps>", if is_logged_in { after } else { before });
            line.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        Self { lines: lines.collect(), head: self.head.clone() }
    }
}

/// The lines of a server.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn next(&mut self, wire: &mut Wire) -> String {
        loop {
            if let Some(end) = self.0.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.0.drain(..end + 2).collect();
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            self.0.extend(wire.read().expect("a line"));
        }
    }
}

/// Plays the client's lines, and returns the actual dialogue, with `<caps>` where the dialogue has it.
fn play(name: &str, dialogue: &Dialogue) -> String {
    match dialogue.capabilities() {
        None => play_written_out(name, dialogue),
        Some(capabilities) => {
            let went = play_written_out(name, &dialogue.written_out(&capabilities));
            capabilities.iter().fold(went, |went, capabilities| went.replace(capabilities, "<caps>"))
        }
    }
}

fn play_written_out(name: &str, dialogue: &Dialogue) -> String {
    let mut scenario = Scenario::named(name);
    for (param, value) in dialogue.head.iter().filter_map(|(key, value)| Some((key.strip_prefix("set ")?, value))) {
        scenario = scenario.set(param, value);
    }
    let server = MailServer::builder().scenario(scenario).submission_requires_auth(false).start();
    let (protocol, is_tls) = dialogue.listener();
    let mut out = String::new();
    for (key, value) in &dialogue.head {
        out += &format!("# {key} = {value}\n");
    }
    let mut client: Option<Wire> = None;
    let mut is_silent = false;
    let is_update = is_update();
    for (i, line) in dialogue.lines.iter().enumerate() {
        let answer = dialogue.lines[i + 1..].iter().take_while(|line| is_answer(line));
        let answer: String = answer.map(|line| format!("{line}\n")).collect();
        let wanted = (!is_update).then_some(answer.as_str());
        if line == "---" {
            leave(name, client.take(), is_silent);
        }
        if let Some(said) = line.strip_prefix("C: ") {
            out += &format!("{line}\n");
            let wire = client.as_mut().unwrap_or_else(|| panic!("{name}: a connection begins with ---"));
            wire.say(&format!("{said}\r\n"));
            out += &heard(wire, wanted);
        } else if let Some(said) = line.strip_prefix("C| ") {
            // Octets as they are, with `\\r` and `\\n`.
            out += &format!("{line}\n");
            let wire = client.as_mut().unwrap_or_else(|| panic!("{name}: a connection begins with ---"));
            wire.say(&said.replace("\\r", "\r").replace("\\n", "\n"));
            out += &heard(wire, wanted);
        } else if let Some(said) = line.strip_prefix("C. ") {
            // More input follows at once.
            out += &format!("{line}\n");
            client.as_mut().unwrap().say(&format!("{said}\r\n"));
        } else if line == "---" {
            let mut wire = Wire::connect(&server, protocol, is_tls);
            if is_update {
                wire.wait_at_most(QUIET);
            }
            out += "---\n";
            out += &heard(&mut wire, wanted);
            client = Some(wire);
        }
        if !is_answer(line) {
            is_silent = wanted == Some(SILENCE);
        }
    }
    leave(name, client, is_silent);
    // Expectations about the client are not tested here; the rules that fired are.
    let report = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server)));
    let unmet = report.err().and_then(|why| why.downcast::<String>().ok()).map(|why| why.to_string());
    let silent = unmet
        .iter()
        .flat_map(|why| why.lines())
        .find(|line| line.starts_with("✗ rule") && (line.contains("got 0") || line.contains("changed nothing")));
    assert!(silent.is_none(), "{name}: {}", unmet.unwrap_or_default());
    out
}

/// Whether a line of a dialogue is the server's.
fn is_answer(line: &str) -> bool {
    ["S", "X: ", "-- "].iter().any(|sign| line.starts_with(sign))
}

/// Disconnects the client. If the server was silent last, it must send nothing now either: it would send pending output
/// before the end.
fn leave(name: &str, client: Option<Wire>, is_silent: bool) {
    let Some(mut wire) = client.filter(|_| is_silent) else { return };
    wire.fin();
    let came = wire.read();
    assert_eq!(came, Err(After::Eof), "{name}: no silence");
}

/// Whether to write dialogues.
fn is_update() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|update| update != "no")
}

/// The reply to a line: up to the wanted text, or, when writing dialogues, until the server is silent.
fn heard(wire: &mut Wire, wanted: Option<&str>) -> String {
    if wanted == Some(SILENCE) {
        return SILENCE.to_owned();
    }
    let (mut octets, mut end) = (Vec::new(), "");
    loop {
        let so_far = shown(&octets) + end;
        if wanted == Some(&so_far) || !end.is_empty() {
            return so_far;
        }
        match wire.read() {
            Ok(more) => octets.extend(more),
            Err(After::Eof) => end = "X: fin\n",
            Err(After::Truncated) => end = "X: tls-no-notify\n",
            Err(After::Reset) => end = "X: rst\n",
            Err(_) if octets.is_empty() => end = SILENCE,
            Err(_) => return so_far,
        }
    }
}

fn shown(octets: &[u8]) -> String {
    let mut text = String::new();
    for line in octets.split_inclusive(|byte| *byte == b'\n') {
        let shown = |line: &[u8]| line.escape_ascii().to_string().replace("\\\"", "\"");
        match line.strip_suffix(b"\r\n") {
            Some(line) => text += &format!("S: {}\n", shown(line)),
            None => text += &format!("S| {}\n", shown(line)),
        }
    }
    text
}

#[test]
fn every_scenario_has_a_dialogue_that_passes() {
    std::thread::scope(|scope| {
        for name in names() {
            scope.spawn(move || {
                let path = folder().join(format!("{name}.txt"));
                let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name} has no dialogue"));
                let went = play(&name, &Dialogue::read(&text));
                if is_update() {
                    fs::write(&path, &went).unwrap();
                }
                assert_eq!(went, text, "{name}");
            });
        }
    });
}

const EHLO: (&str, &str) = ("EHLO c\r\n", "250 ");
const MAIL: (&str, &str) = ("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n", "354 ");
const QUIT: (&str, &str) = ("QUIT\r\n", "221 ");
const TLS: (&str, &str) = ("", "TLS");
const LHLO: (&str, &str) = ("LHLO c\r\n", "250 ");
const A_STARTTLS: (&str, &str) = ("a STARTTLS\r\n", "a OK");
const STLS: (&str, &str) = ("STLS\r\n", "+OK");
const STARTTLS: (&str, &str) = ("STARTTLS\r\n", "220 ");

/// What a client sends, and what the line contains up to which it reads.
type Steps = &'static [(&'static str, &'static str)];

/// Clients of scenarios that play vulnerable servers: what each sends and waits for, and the finding with which it fails; none
/// for a careful client.
const CAREFUL_AND_CARELESS: &[(&str, &str, Steps, Option<&str>)] = &[
    ("smtp-smuggling", "smtp", &[EHLO, MAIL, ("Subject: hi\r\n\r\n.. x\r\n.\r\n", "250 "), QUIT], None),
    ("smtp-smuggling", "smtp", &[EHLO, MAIL, ("Subject: hi\n\nhello\n.\n", "250 "), QUIT], Some("bare-line-end")),
    ("smtp-smuggling", "smtp", &[EHLO, MAIL, ("Subject: hi\r\n\r\nx\n.\n", "250 "), QUIT], Some("bare-line-end")),
    ("smtp-smuggling", "smtp", &[EHLO, MAIL, ("Subject: hi\r\n\r\nx\r\n.\n", "250 "), QUIT], Some("bare-line-end")),
    (
        "smtp-smuggling",
        "smtp",
        &[EHLO, MAIL, ("Subject: hi\r\n\r\na\rb\r\n.\r\n", "250 "), QUIT],
        Some("bare-line-end"),
    ),
    (
        "smtp-smuggling",
        "smtp",
        &[EHLO, MAIL, ("Subject: hi\r\n\r\nx\n.\nMAIL FROM:<eve@example.org>\r\n", "250 2.1.0"), QUIT],
        Some("bare-line-end"),
    ),
    ("smtp-smuggling", "smtp", &[("EHLO c\n", "250 "), MAIL, (".\r\n", "250 "), QUIT], Some("bare-lf-in-command")),
    (
        "smtp-smuggling",
        "smtp",
        &[EHLO, MAIL, (".\r\n", "250 "), ("NOOP\rRSET\r\n", "500 "), QUIT],
        Some("bare-cr-in-command"),
    ),
    ("starttls-command-injection", "smtp", &[STARTTLS, TLS, EHLO, MAIL, (".\r\n", "250 "), QUIT], None),
    (
        "starttls-command-injection",
        "smtp",
        &[("STARTTLS\r\nEHLO c\r\n", "220 "), TLS, ("", "250 "), MAIL, (".\r\n", "250 "), QUIT],
        Some("cleartext-after-starttls"),
    ),
    ("starttls-command-injection", "lmtp", &[STARTTLS, TLS, QUIT], None),
    (
        "starttls-command-injection",
        "lmtp",
        &[("STARTTLS\r\nVRFY b\r\n", "220 "), TLS, ("", "25"), QUIT],
        Some("cleartext-after-starttls"),
    ),
    ("starttls-command-injection", "imap", &[("a STARTTLS\r\n", "a OK"), TLS, ("b LOGOUT\r\n", "b OK")], None),
    (
        "starttls-command-injection",
        "imap",
        &[("a STARTTLS\r\nb LOGIN ann x\r\n", "a OK"), TLS, ("", "b OK"), ("c LOGOUT\r\n", "c OK")],
        Some("cleartext-after-starttls"),
    ),
    ("starttls-command-injection", "pop3", &[("STLS\r\n", "+OK"), TLS, ("QUIT\r\n", "+OK")], None),
    (
        "starttls-command-injection",
        "pop3",
        &[("STLS\r\nUSER ann\r\n", "+OK"), TLS, ("", "+OK"), ("QUIT\r\n", "+OK")],
        Some("cleartext-after-starttls"),
    ),
];

/// The report about a client in a scenario; `None` if everything is as it must be.
fn judged(scenario: &str, protocol: &str, steps: Steps) -> Option<String> {
    let server = MailServer::builder().scenario(Scenario::named(scenario)).submission_requires_auth(false).start();
    let mut wire = Wire::greeted(&server, protocol, false);
    for (text, last) in steps {
        if *last == TLS.1 {
            wire = wire.secure(&server);
            continue;
        }
        wire.say(text);
        while !String::from_utf8_lossy(&wire.line()).contains(last) {}
    }
    drop(wire);
    server.wait_for_no_session().block();
    report(server)
}

/// An attacker between client and server: what clients of each protocol do, and the rule with which a careless one fails.
#[rustfmt::skip]
const BEFORE_TLS: &[(&str, &str, Steps, Option<&str>)] = &[
    ("starttls-response-injection", "smtp", &[EHLO, STARTTLS, TLS, EHLO, QUIT], None),
    ("starttls-response-injection", "smtp", &[EHLO, STARTTLS, TLS, ("AUTH PLAIN AGFubgB4\r\n", " ")], Some("used-forged")),
    ("starttls-response-injection", "lmtp", &[LHLO, STARTTLS, TLS, LHLO, QUIT], None),
    ("starttls-response-injection", "imap", &[A_STARTTLS, TLS, ("b CAPABILITY\r\n", "b OK"), ("c LOGOUT\r\n", "c OK")], None),
    ("starttls-response-injection", "imap", &[A_STARTTLS, TLS, ("b AUTHENTICATE PLAIN AGFubgB4\r\n", "b ")], Some("used-forged")),
    ("starttls-response-injection", "pop3", &[STLS, TLS, ("CAPA\r\n", "."), ("QUIT\r\n", "+OK")], None),
    ("starttls-response-injection", "pop3", &[STLS, TLS, ("AUTH PLAIN AGFubgB4\r\n", " ")], Some("used-forged")),
    ("starttls-stripped", "smtp", &[EHLO, QUIT], None),
    ("starttls-stripped", "smtp", &[EHLO, ("MAIL FROM:<a@example.org>\r\n", "250 "), QUIT], Some("leak")),
    ("starttls-stripped", "imap", &[("a LOGOUT\r\n", "a OK")], None),
    ("starttls-stripped", "imap", &[("a LOGIN ann x\r\n", "a "), ("b LOGOUT\r\n", "b OK")], Some("leak")),
    ("starttls-stripped", "pop3", &[("CAPA\r\n", "."), ("QUIT\r\n", "+OK")], None),
    ("starttls-stripped", "pop3", &[("USER ann\r\n", "+OK"), ("PASS x\r\n", ""), ("QUIT\r\n", "+OK")], Some("leak")),
    ("starttls-refused", "smtp", &[EHLO, ("STARTTLS\r\n", "454 "), QUIT], None),
    ("starttls-refused", "smtp", &[EHLO, ("STARTTLS\r\n", "454 "), ("AUTH PLAIN AGFubgB4\r\n", " "), QUIT], Some("leak")),
    ("starttls-refused", "imap", &[("a STARTTLS\r\n", "a NO"), ("b LOGOUT\r\n", "b OK")], None),
    ("starttls-refused", "imap", &[("a STARTTLS\r\n", "a NO"), ("b LOGIN ann x\r\n", "b "), ("c LOGOUT\r\n", "c OK")], Some("leak")),
    ("starttls-refused", "pop3", &[("STLS\r\n", "-ERR"), ("QUIT\r\n", "+OK")], None),
    ("starttls-refused", "pop3", &[("STLS\r\n", "-ERR"), ("AUTH PLAIN AGFubgB4\r\n", ""), ("QUIT\r\n", "+OK")], Some("leak")),
    ("starttls-ehlo-rejected", "smtp", &[("EHLO c\r\n", "502 "), QUIT], None),
    ("starttls-ehlo-rejected", "smtp", &[("EHLO c\r\n", "502 "), ("HELO c\r\n", "250 "), ("MAIL FROM:<a@example.org>\r\n", "250 "), QUIT], Some("leak")),
    ("starttls-early-ok", "imap", &[("a LOGOUT\r\n", "a OK")], None),
    ("starttls-early-ok", "pop3", &[("CAPA\r\n", "+OK Begin"), ("USER ann\r\n", "+OK"), ("PASS x\r\n", "")], Some("leak")),
    ("starttls-caps-change", "imap", &[A_STARTTLS, TLS, ("b AUTHENTICATE PLAIN AGFubgB4\r\n", "b "), ("c LOGOUT\r\n", "c OK")], None),
    ("starttls-caps-change", "imap", &[A_STARTTLS, TLS, ("b AUTHENTICATE CRAM-MD5\r\n", "")], Some("stale")),
    ("imap-preauth-no-starttls", "imap", &[("a LOGOUT\r\n", "a OK")], None),
    ("imap-preauth-no-starttls", "imap", &[("a SELECT INBOX\r\n", "a OK"), ("b LOGOUT\r\n", "b OK")], Some("leak")),
    ("imap-state-before-starttls", "imap", &[A_STARTTLS, TLS, ("b LOGIN ann x\r\n", "b OK"), ("c SELECT INBOX\r\n", "c OK")], None),
    ("imap-state-before-starttls", "imap", &[A_STARTTLS, TLS, ("b LOGIN ann x\r\n", "b OK"), ("c SELECT forged\r\n", "c ")], Some("used")),
];

#[test]
fn what_an_attacker_does_before_tls_tells_careful_clients_from_careless_ones() {
    for (scenario, protocol, steps, rule) in BEFORE_TLS {
        let report = judged(scenario, protocol, steps);
        match rule {
            None => assert_eq!(report, None, "{scenario} {steps:?}"),
            Some(rule) => {
                let report = report.unwrap_or_else(|| panic!("{scenario} {steps:?}: nothing is reported"));
                let failed = report.lines().any(|line| line.starts_with('✗') && line.contains(&format!("`{rule}`")));
                assert!(failed, "{scenario} {steps:?}: {report}");
            }
        }
    }
}

#[test]
fn a_vulnerable_server_tells_careful_clients_from_careless_ones() {
    for (scenario, protocol, steps, finding) in CAREFUL_AND_CARELESS {
        let report = judged(scenario, protocol, steps);

        match (finding, report) {
            (None, None) => {}
            (Some(kind), Some(report)) => {
                let failed: Vec<&str> = report.lines().filter(|line| line.starts_with("✗ ")).collect();
                let kind = format!(": {kind}: the ");
                assert!(!failed.is_empty() && failed.iter().all(|line| line.contains(&kind)), "{steps:?}: {report}");
            }
            (wanted, got) => panic!("{scenario} {steps:?}: {got:?}, wanted {wanted:?}"),
        }
    }
}

#[test]
fn what_is_executed_under_tls_is_told_in_the_transcript() {
    let server = MailServer::builder().scenario(Scenario::named("starttls-command-injection")).start();
    let mut wire = Wire::greeted(&server, "smtp", false);
    wire.say("STARTTLS\r\nRSET\r\n");
    wire.line();
    let mut wire = wire.secure(&server);
    wire.line();

    let transcript = server.transcript().to_string();

    let told = "-- 6 octets were sent in cleartext after STARTTLS and are executed under TLS\nTLS\nC: RSET\n";
    assert!(transcript.contains(told), "{transcript}");
    let report = report(server).unwrap();
    assert!(report.contains("6 octets in cleartext after STARTTLS, which a vulnerable server executes"), "{report}");
}

/// The report of a server that is dropped, if something is wrong.
fn report(server: MailServer) -> Option<String> {
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server))).err()?;
    Some(*failed.downcast::<String>().expect("it has a text"))
}

/// A real client in a scenario: the settings, the command, its exit status, and how often each rule fires.
struct Row {
    scenario: &'static str,
    set: &'static [(&'static str, &'static str)],
    command: &'static str,
    /// Its exit status.
    status: i32,
    fires: &'static [(&'static str, u64)],
}

const fn row(
    scenario: &'static str,
    set: &'static [(&'static str, &'static str)],
    command: &'static str,
    status: i32,
    fires: &'static [(&'static str, u64)],
) -> Row {
    Row { scenario, set, command, status, fires }
}

const SEND: &str =
    "curl -sS -m 5 smtp://localhost:{smtp} --mail-from a@example.org --mail-rcpt b@example.org -T {mail}";
const SEND_TLS: &str = "curl -sS -m 5 --ssl-reqd --cacert {ca} smtp://localhost:{smtp} --mail-from a@example.org --mail-rcpt b@example.org -T {mail}";
const SEND_TLS_AS: &str = "curl -sS -m 5 --ssl-reqd --cacert {ca} smtp://localhost:{smtp} -u me@example.org:secret --mail-from a@example.org --mail-rcpt b@example.org -T {mail}";
const SEND_SMTPS: &str = "curl -sS -m 5 --cacert {ca} smtps://localhost:{smtps} -u me@example.org:secret --mail-from a@example.org --mail-rcpt b@example.org -T {mail}";
const LIST_TLS: &str = "curl -sS -m 5 --ssl-reqd --cacert {ca} imap://localhost:{imap}/ -u me@example.org:secret";
const FETCH: &str = "curl -sS -m 5 imap://localhost:{imap}/INBOX;MAILINDEX=1 -u me@example.org:secret";
const RETRIEVE: &str = "curl -sS -m 5 pop3://localhost:{pop3}/1 -u me@example.org:secret";

/// curl's statuses: 0 done, 8 a reply it cannot read, 18 less came than was announced, 21 a command failed, 28 time is
/// over, 35 the handshake failed, 52 and 56 nothing or no more came, 55 sending
/// failed, 60 the certificate is not good, 64 no TLS, 67 the login was refused, 78 the resource does not exist.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("accept-lost-ack", &[], SEND, 56, &[("lost-ack", 1)]),
    row("app-password-required", &[], FETCH, 67, &[("imap-password", 1)]),
    row("cut-mid-reply", &[], SEND, 56, &[("cut", 1)]),
    row("glue-replies", &[("event", "smtp.rcpt")], SEND, 55, &[("shutdown-behind", 1)]),
    row("greeting-never", &[], SEND, 28, &[("silence", 1)]),
    row("greeting-slow-drip", &[("gap", "5ms")], SEND, 0, &[("drip", 1), ("spoke-first", 0)]),
    row("idle-connection-closed", &[], "python3 {clients}/pooled.py {smtp} until-closed", 0, &[("forgotten", 1)]),
    row("oauth-grant-revoked", &[], "python3 {clients}/refresh.py imap {imap}", 1, &[("revoked", 1)]),
    row("scram-wrong-server-signature", &[], "gsasl --imap --no-starttls --mechanism=SCRAM-SHA-256 --authentication-id=me@example.org --password=secret --connect=localhost:{imap}", 1, &[("wrong-signature", 1)]),
    row("split-every-byte", &[("gap", "0ms")], SEND, 0, &[("drip", 7)]),
    row("smtp-421-after-n", &[("n", "1")], "python3 {clients}/pooled.py {smtp}", 0, &[("session-limit", 1)]),
    row("smtp-accepted-then-bounced", &[], SEND, 0, &[("bounced", 1)]),
    row("smtp-auth-disabled", &[], "curl -sS -m 5 smtp://localhost:{smtp} -u me@example.org:secret --mail-from a@example.org --mail-rcpt b@example.org -T {mail}", 67, &[("disabled", 1)]),
    row("smtp-banner-multiline", &[], SEND, 0, &[("banner", 1)]),
    row("smtp-complaint", &[], SEND, 0, &[("complaint", 1)]),
    row("smtp-concurrent-connections", &[("n", "0")], SEND, 8, &[("too-many", 1)]),
    row("smtp-delayed-then-failed", &[], SEND, 0, &[("delayed-then-failed", 1)]),
    row("smtp-greylist", &[], SEND, 55, &[("greylist", 1)]),
    row("smtp-partial-rcpt", &[], "curl -sS -m 5 smtp://localhost:{smtp} --mail-from a@example.org --mail-rcpt b@example.org --mail-rcpt nobody@example.org --mail-rcpt-allowfails -T {mail}", 0, &[("unknown", 1), ("full", 0)]),
    row("smtp-smuggling", &[], SEND, 0, &[("received", 1)]),
    row("starttls-command-injection", &[], SEND_TLS, 0, &[("upgraded", 1)]),
    row("smtp-quit-no-reply", &[], SEND, 0, &[("no-goodbye", 1)]),
    row("starttls-stripped", &[], SEND_TLS, 64, &[("leak", 0)]),
    row("starttls-refused", &[], SEND_TLS, 64, &[("refused-smtp", 1), ("leak", 0)]),
    row("starttls-early-ok", &[], SEND_TLS, 35, &[("early-smtp", 1), ("leak", 0)]),
    row("starttls-then-garbage", &[], SEND_TLS, 35, &[("garbage", 1)]),
    row("starttls-then-close", &[], SEND_TLS, 35, &[("closed", 1), ("leak", 0)]),
    row("starttls-ehlo-rejected", &[], SEND_TLS, 9, &[("no-ehlo", 1), ("leak", 0)]),
    row("starttls-caps-change", &[], SEND_TLS_AS, 0, &[("stale", 0)]),
    row("starttls-response-injection", &[], SEND_TLS, 8, &[("inject", 1), ("used-forged", 0)]),
    row("imap-preauth-no-starttls", &[], LIST_TLS, 64, &[("preauth", 1), ("leak", 0)]),
    row("imap-state-before-starttls", &[], LIST_TLS, 0, &[("told", 1), ("used", 0)]),
    row("tls-cert-expired", &[], SEND_TLS, 60, &[("renewed", 0)]),
    row("tls-cert-refused", &[], SEND_TLS, 60, &[("leak", 0)]),
    row("tls-cert-rotates", &[("renewed", "1+")], SEND_TLS, 0, &[("renewed", 1)]),
    row("tls-client-cert-required", &[], SEND_TLS, 56, &[("leak", 0)]),
    row("tls-handshake-stall", &[], "curl -sS -m 1 --ssl-reqd --cacert {ca} smtp://localhost:{smtp} --mail-from a@example.org --mail-rcpt b@example.org -T {mail}", 28, &[("stalled", 1)]),
    row("tls-handshake-then-drop", &[], SEND_SMTPS, 56, &[("dropped", 1)]),
    row("tls-no-common-cipher", &[], SEND_TLS, 35, &[("refused", 1), ("leak", 0)]),
    row("tls-plaintext-on-tls-port", &[], SEND_SMTPS, 35, &[("leak", 0)]),
    row("tls-version-too-old", &[], SEND_TLS, 35, &[("leak", 0)]),
    row("tls-truncation", &[], SEND_SMTPS, 0, &[("truncated", 1)]),
    row("imap-authenticated-not-connected", &[], FETCH, 67, &[("not-connected", 1)]),
    row("imap-bodystructure-nil-param", &[], "python3 {clients}/structures.py {imap}", 0, &[("nil-boundary", 1)]),
    row("imap-bye-mid-session", &[], FETCH, 28, &[("bye", 1)]),
    row("imap-caps-change-after-login", &[], "curl -sS -m 5 imap://localhost:{imap}/ -u me@example.org:secret", 0, &[("more-behind-the-login", 1)]),
    row("imap-expunge-during-fetch", &[], "curl -sS -m 5 imap://localhost:{imap}/INBOX -X {fetch} -u me@example.org:secret", 0, &[("expunge-now", 1), ("wrong-victim", 0)]),
    row("imap-fetch-ok-without-body", &[], FETCH, 8, &[("no-body", 1)]),
    row("imap-idle-goes-silent", &[], "python3 {clients}/idler.py {imap}", 0, &[("mail-arrives", 1), ("dead-idle", 1)]),
    row("imap-literal-bomb", &[], FETCH, 18, &[("bomb", 1)]),
    row("imap-literal-wrong-size", &[], FETCH, 28, &[("bad-literal", 1)]),
    row("imap-throttled", &[], "curl -sS -m 5 imap://localhost:{imap}/INBOX -X {fetch} -u me@example.org:secret", 21, &[("throttled", 1), ("dropped", 0)]),
    row("imap-uidvalidity-changes", &[], "python3 {clients}/validity.py {imap}", 0, &[("rebuilt", 1), ("acted-on-stale-uid", 0)]),
    row("imap-unsolicited-in-fetch", &[], "curl -sS -m 5 imap://localhost:{imap}/INBOX -X {fetch} -u me@example.org:secret", 0, &[("news", 1)]),
    row("imap-xoauth2-token-expires", &[], "python3 {clients}/refresh.py imap {imap}", 0, &[("expired-imap", 1), ("expired-smtp", 0)]),
    row("pop3-maildrop-locked", &[], RETRIEVE, 67, &[("locked", 1)]),
    row("pop3-missing-terminator", &[], RETRIEVE, 28, &[("no-dot", 1)]),
    row("pop3-uidl-duplicates", &[], "curl -sS -m 5 pop3://localhost:{pop3}/ -u me@example.org:secret", 0, &[("list-short", 1)]),
    row("pop3-unstuffed-dot", &[], RETRIEVE, 0, &[("unstuffed", 1)]),
];

#[test]
fn a_real_client_meets_every_scenario() {
    for client in ["curl", "gsasl", "python3"] {
        if !is_there(client) {
            return;
        }
    }
    let mut missing = names();
    missing.retain(|name| !ROWS.iter().any(|row| row.scenario == *name));
    assert!(missing.is_empty(), "no client meets {missing:?}");
    let failed: Vec<String> = std::thread::scope(|scope| {
        let rows: Vec<_> = ROWS
            .chunks(8)
            .flat_map(|chunk| {
                let running: Vec<_> = chunk.iter().map(|row| scope.spawn(|| run(row))).collect();
                running.into_iter().map(|running| running.join().unwrap()).collect::<Vec<_>>()
            })
            .collect();
        rows.into_iter().filter_map(Result::err).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Runs one client; fails with the differences.
fn run(row: &Row) -> Result<(), String> {
    let scenario = row.set.iter().fold(Scenario::named(row.scenario), |its, (name, value)| its.set(*name, value));
    let server = MailServer::builder().scenario(scenario).start();
    let mail = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mail/plain.eml");
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let filled = |word: &str| match word {
        "{mail}" => mail.display().to_string(),
        "{ca}" => server.ca_file().display().to_string(),
        "{fetch}" => "FETCH 1:* UID".to_owned(),
        word => word
            .replace("{clients}", &clients.display().to_string())
            .replace("{smtp}", &server.smtp().port().to_string())
            .replace("{imap}", &server.imap().port().to_string())
            .replace("{smtps}", &server.smtps().port().to_string())
            .replace("{pop3}", &server.pop3().port().to_string()),
    };
    let mut words = row.command.split(' ').map(filled);
    let mut command = Command::new(words.next().unwrap());
    let ended = output(command.args(words), "");
    let fires: Vec<(&str, u64)> = row.fires.iter().map(|(id, _)| (*id, server.fired(id))).collect();
    let transcript = server.transcript().to_string();
    let _what_a_better_client_would_have_met = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server)));
    if ended.status.code() == Some(row.status) && fires == row.fires {
        return Ok(());
    }
    let (printed, complaint) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    let Row { scenario, status, fires: wanted, .. } = row;
    let got = ended.status;
    Err(format!("{scenario}: {got}, wanted {status}; {fires:?}, wanted {wanted:?}\n{printed}{complaint}\n{transcript}"))
}

/// The entry of a scenario in the catalogue.
fn entry(row: &Row, text: &str) -> String {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).unwrap();
    let lesson = text.lines().next().unwrap().trim_start_matches("# ");
    let obligations: Vec<String> = value("client_must")
        .trim_matches(['[', ']'])
        .split(", ")
        .map(|word| format!("`{}`", word.trim_matches('"')))
        .collect();
    // As a shell takes it.
    let command = row.command.replace("{clients}/", "tests/clients/").replace("{fetch}", "'FETCH 1:* UID'");
    let words = command.split(' ').map(|word| if word.contains(';') { format!("'{word}'") } else { word.to_owned() });
    let command = words.collect::<Vec<_>>().join(" ");
    let set: String = row.set.iter().map(|(name, value)| format!(" with `{name}` = `{value}`")).collect();
    format!(
        "### `{}`\n\n{} {lesson}\n\n- **Obligations:** {}\n- **Tested with:** `{command}`{set}; exit status {}\n",
        row.scenario,
        value("about").trim_matches('"'),
        obligations.join(", "),
        row.status,
    )
}

#[test]
fn the_catalogue_describes_every_scenario() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("src/manual/catalogue.md");
    let manual = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- shipped: begin -->\n", "<!-- shipped: end -->");
    let (from, to) = (manual.find(begin).unwrap() + begin.len(), manual.find(end).unwrap());
    let mut entries = String::new();
    let chapters =
        [("any", "Any protocol"), ("smtp", "SMTP"), ("imap", "IMAP"), ("pop3", "POP3"), ("tls", "TLS and STARTTLS")];
    for (folder, title) in chapters {
        entries += &format!("## {title}\n\n");
        for row in ROWS {
            let file = root.join("scenarios").join(folder).join(format!("{}.toml", row.scenario));
            let Ok(text) = fs::read_to_string(file) else { continue };
            entries += &format!("{}\n", entry(row, &text));
        }
    }
    assert_eq!(entries.matches("\n### ").count(), names().len(), "a folder of scenarios has no chapter");
    if is_update() && manual[from..to] != entries {
        fs::write(&path, format!("{}{entries}{}", &manual[..from], &manual[to..])).unwrap();
        return;
    }
    assert!(manual[from..to] == entries, "{} is out of date; run this test with INSTA_UPDATE=always", path.display());
}

#[test]
fn the_files_in_the_manual_are_valid() {
    let manual = include_str!("../src/manual/scenarios.md");
    let files: Vec<&str> =
        manual.split("```toml\n").skip(1).filter_map(|block| Some(block.split_once("```")?.0)).collect();
    assert!(files.len() > 1, "{files:?}");
    for file in files {
        let warnings = Scenario::text("manual.toml", file).check().unwrap_or_else(|error| panic!("{error}"));
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}
