//! A busy session ends as soon as a rule or a limit of the server ends it.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use mailjig::matchers::session;
use mailjig::{Ending, MailServer, Scenario};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

#[cfg(feature = "api")]
use crate::clients::deadline::DEADLINE;
use crate::clients::deadline::{connect as connect_to, until};
use crate::clients::wire::{After, Wire};

/// A way to keep the server busy.
struct Busy {
    what: &'static str,
    on: &'static str,
    steps: &'static str,
    client: Client,
    /// What the client receives before the end.
    before: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Client {
    /// Sends NOOP.
    Asks,
    /// Sends NOOP under TLS.
    AsksUnderTls,
    /// Sends NOOP, and does not read the reply.
    Deaf,
    /// Connects to the listener with implicit TLS, and sends nothing.
    Silent,
    /// Connects there, and sends a ClientHello.
    Hello,
}

#[rustfmt::skip]
const BUSY: &[Busy] = &[
    Busy { what: "idle", on: "smtp.quit", steps: "[{ pass = true }]", client: Client::Asks, before: "250 2.0.0 Ok\r\n" },
    Busy { what: "stalls the reply", on: "smtp.noop", steps: "[{ stall = 'reply' }]", client: Client::Asks, before: "" },
    Busy { what: "stalls", on: "smtp.noop", steps: "[{ pass = true }, { stall = 'conn' }]", client: Client::Asks, before: "250 2.0.0 Ok\r\n" },
    Busy { what: "stalls under TLS", on: "smtp.noop", steps: "[{ stall = 'conn' }]", client: Client::AsksUnderTls, before: "" },
    Busy { what: "waits", on: "smtp.noop", steps: "[{ wait = '1h' }]", client: Client::Asks, before: "" },
    Busy { what: "waits under TLS", on: "smtp.noop", steps: "[{ wait = '1h' }]", client: Client::AsksUnderTls, before: "" },
    Busy { what: "waits behind a reply", on: "smtp.noop", steps: "[{ pass = true }, { wait = '1h' }, { raw = 'x' }]", client: Client::Asks, before: "250 2.0.0 Ok\r\n" },
    Busy { what: "paces", on: "smtp.noop", steps: "[{ pace = { chunk = 3, gap = '1h' } }]", client: Client::Asks, before: "250" },
    Busy { what: "awaits", on: "smtp.noop", steps: "[{ await = '~.*' }, { reply = '250 ok' }]", client: Client::Asks, before: "" },
    Busy { what: "does not read", on: "smtp.noop", steps: "[{ pass = true }, { read = 'stop' }]", client: Client::Asks, before: "250 2.0.0 Ok\r\n" },
    Busy { what: "is not read", on: "smtp.noop", steps: "[{ raw = '{repeat:1000000:abcdefgh}' }]", client: Client::Deaf, before: "" },
    Busy { what: "waits for a ClientHello", on: "smtp.noop", steps: "[{ pass = true }]", client: Client::Silent, before: "" },
    Busy { what: "waits before it shakes hands", on: "tls.hello", steps: "[{ wait = '1h' }]", client: Client::Hello, before: "" },
    Busy { what: "waits before TLS", on: "tcp.accept", steps: "[{ wait = '1h' }]", client: Client::Silent, before: "" },
];

/// How the session is ended: the rule, and what follows.
const ENDS: &[(&str, &str, Ending, After)] = &[
    ("close fin", "[[rule]]\non = 'tcp.accept'\ndo = [{ close = 'fin', after = '1m' }]", Ending::Ruled, After::Eof),
    ("close rst", "[[rule]]\non = 'tcp.accept'\ndo = [{ close = 'rst', after = '1m' }]", Ending::Ruled, After::Reset),
    ("kick", "[[rule]]\non = 'timer'\nwhen = { at = '1m' }\ndo = [{ kick = {} }]", Ending::Kicked, After::Eof),
    (
        "kick with a reply",
        "[[rule]]\non = 'timer'\nwhen = { at = '1m' }\ndo = [{ kick = { proto = 'smtp', reply = '421 4.3.2 bye' } }]",
        Ending::Kicked,
        After::Eof,
    ),
    #[cfg(feature = "api")]
    (DELETE, "", Ending::Kicked, After::Eof),
];

/// Over HTTP, without a rule.
#[cfg(feature = "api")]
const DELETE: &str = "DELETE /v1/sessions/s1";

#[test]
fn a_busy_session_can_be_ended() {
    std::thread::scope(|scope| {
        for busy in BUSY {
            scope.spawn(|| ENDS.iter().for_each(|(end, rule, ending, after)| told(busy, end, rule, *ending, *after)));
        }
    });
}

#[cfg(feature = "api")]
fn delete(server: &MailServer) {
    let agent = ureq::Agent::config_builder().timeout_global(Some(DEADLINE)).build().new_agent();
    let path = DELETE.strip_prefix("DELETE ").unwrap();
    assert_eq!(agent.delete(format!("{}{path}", server.api())).call().unwrap().status(), 204);
}

fn told(busy: &Busy, end: &str, rule: &str, ending: Ending, after: After) {
    let what = format!("{} / {end}", busy.what);
    let Busy { on, steps, client, .. } = busy;
    let text = format!("mailjig = 1\n{rule}\n[[rule]]\non = \"{on}\"\ndo = {steps}\n");
    let server = MailServer::builder()
        .scenario(Scenario::text("busy.toml", text))
        .submission_requires_auth(false)
        .manual_clock()
        .start();
    let mut wire = connect(&server, *client);
    until(&what, || {
        let text = server.transcript().to_string();
        text.contains("NOOP") || (matches!(client, Client::Silent | Client::Hello) && !server.sessions().is_empty())
    });

    match end {
        #[cfg(feature = "api")]
        DELETE => delete(&server),
        _ => server.clock().advance(Duration::from_secs(60)),
    }

    let no = server.sessions()[0].no;
    let ended = server.wait_for_session(session::open().not()).block();
    // Whatever a rule does before TLS is established, TLS has failed.
    let is_before_tls = matches!(client, Client::Silent | Client::Hello) && ended.tls_failure.is_some();
    let ending = if is_before_tls { Ending::TlsFailed } else { ending };
    assert_eq!(ended.ended.map(|(_, ending)| ending), Some(ending), "{what}: {}", server.transcript_of(no));
    if *client == Client::Deaf {
        return;
    }
    let is_told = end == "kick with a reply" && !matches!(client, Client::Silent | Client::Hello);
    let wanted = format!("{}{}", busy.before, if is_told { "421 4.3.2 bye\r\n" } else { "" });
    let came = wire.octets(wanted.len()).unwrap_or_else(|end| panic!("{what}: {end:?} before all had come"));
    assert_eq!(String::from_utf8_lossy(&came.concat()), wanted, "{what}");
    assert_eq!(wire.read(), Err(after), "{what}");
}

fn connect(server: &MailServer, client: Client) -> Wire {
    if matches!(client, Client::Silent | Client::Hello) {
        let mut socket = connect_to(server.smtps().address());
        if client == Client::Hello {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
            let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
            let name = ServerName::try_from("localhost").unwrap();
            let mut hello = Vec::new();
            ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut hello).unwrap();
            socket.write_all(&hello).unwrap();
        }
        return Wire::Bare(socket);
    }
    let mut wire = Wire::greeted(server, "smtp", client == Client::AsksUnderTls);
    wire.say("NOOP\r\n");
    wire
}
