//! Each place where a server announces capabilities has those of the scenario and of its rules.

use clients::wire::Wire;
use mailjig::prelude::*;

#[path = "clients/mod.rs"]
mod clients;

/// Every protocol with the commands whose replies announce capabilities, and the number of places that announce them:
/// IMAP also in the greeting and in the OK of a login.
const SESSIONS: [(&str, &str, usize); 4] = [
    ("smtp", "EHLO client.example\r\nQUIT\r\n", 1),
    ("lmtp", "LHLO client.example\r\nQUIT\r\n", 1),
    ("imap", "a CAPABILITY\r\nb LOGIN me@example.org secret\r\nc CAPABILITY\r\nd LOGOUT\r\n", 4),
    ("pop3", "CAPA\r\nAUTH\r\nQUIT\r\n", 2),
];

fn with(scenario: &str) -> MailServer {
    let scenario = Scenario::text("caps.toml", format!("mailjig = 1\n{scenario}"));
    MailServer::builder().scenario(scenario).submission_requires_auth(false).start()
}

/// All that the server says in a session.
fn said(server: &MailServer, protocol: &str, is_tls: bool, commands: &str) -> String {
    let mut wire = Wire::connect(server, protocol, is_tls);
    wire.say(commands);
    let mut said = Vec::new();
    while let Ok(octets) = wire.read() {
        said.extend(octets);
    }
    String::from_utf8(said).unwrap()
}

fn count(said: &str, word: &str) -> usize {
    said.split(|c: char| c.is_whitespace() || "[]".contains(c))
        .filter(|its| its.trim_start_matches("250-") == word)
        .count()
}

/// The words of a mechanism in this protocol, before a login.
fn mechanism(protocol: &str, name: &str) -> String {
    if protocol == "imap" { format!("AUTH={name}") } else { name.to_owned() }
}

#[test]
fn a_scenario_masks_capabilities_wherever_they_are_announced() {
    let masks = |protocol: &str| {
        let gone = if protocol == "pop3" || protocol == "imap" { "UIDPLUS\", \"UIDL" } else { "8BITMIME" };
        let new = if protocol == "pop3" { "SASL X-NEW" } else { "X-NEW" };
        format!(
            "[server.{protocol}]\ncaps.remove = [\"{gone}\"]\ncaps.add = [\"{new}\"]\n\
                 caps_tls.remove = [\"{new}\"]\ncaps_tls.add = [\"{}\"]\n",
            new.replace("NEW", "TLS")
        )
    };
    for (protocol, commands, places) in SESSIONS {
        let server = with(&masks(protocol));

        for (is_tls, there, not_there) in [(false, "X-NEW", "X-TLS"), (true, "X-TLS", "X-NEW")] {
            let said = said(&server, protocol, is_tls, commands);
            assert_eq!(count(&said, there), places, "{protocol}, TLS {is_tls}: {said}");
            for gone in [not_there, "8BITMIME", "UIDPLUS", "UIDL"] {
                assert_eq!(count(&said, gone), 0, "{protocol}, TLS {is_tls}: {said}");
            }
        }
    }
}

#[test]
fn the_step_caps_masks_capabilities_wherever_they_are_announced() {
    for (protocol, commands, places) in SESSIONS {
        let new = if protocol == "pop3" { "SASL X-NEW" } else { "X-NEW" };
        let step = format!("caps = {{ add = [\"{new}\"], remove = [\"SASL\", \"AUTH\", \"STARTTLS\"] }}");
        let server = with(&format!("[[rule]]\non = \"{protocol}.greeting\"\ndo = {{ {step} }}\n"));

        for is_tls in [false, true] {
            let said = said(&server, protocol, is_tls, commands);
            assert_eq!(count(&said, "X-NEW"), places, "{protocol}, TLS {is_tls}: {said}");
            for gone in ["PLAIN", "AUTH=PLAIN", "STARTTLS"] {
                assert_eq!(count(&said, gone), 0, "{protocol}, TLS {is_tls}: {said}");
            }
        }
    }
}

#[test]
fn only_the_mechanisms_in_auth_are_announced_and_accepted() {
    // base64 of user name and password, and of the user name.
    let (plain, login) = ("AG1lQGV4YW1wbGUub3JnAHNlY3JldA==", "bWVAZXhhbXBsZS5vcmc=");
    for (protocol, commands, places) in SESSIONS {
        let server = with(&format!("[server.{protocol}]\nauth = [\"login\"]\n"));
        let (hello, command, no, more) = match protocol {
            "imap" => ("", "a AUTHENTICATE", "a NO unsupported", "+ "),
            "pop3" => ("", "AUTH", "-ERR unsupported", "+ "),
            "lmtp" => ("LHLO me\r\n", "AUTH", "504 5.5.4", "334 "),
            _ => ("EHLO me\r\n", "AUTH", "504 5.5.4", "334 "),
        };

        for is_tls in [false, true] {
            let announced = said(&server, protocol, is_tls, commands);
            // After a login, IMAP announces no mechanisms.
            let places = if protocol == "imap" { places / 2 } else { places };
            assert_eq!(count(&announced, &mechanism(protocol, "LOGIN")), places, "{announced}");
            assert_eq!(count(&announced, &mechanism(protocol, "PLAIN")), 0, "{announced}");
        }
        let refused = said(&server, protocol, true, &format!("{hello}{command} PLAIN {plain}\r\nQUIT\r\na LOGOUT\r\n"));
        assert!(refused.contains(&format!("\r\n{no}")), "{refused}");
        let accepted =
            said(&server, protocol, true, &format!("{hello}{command} LOGIN {login}\r\n*\r\nQUIT\r\na LOGOUT\r\n"));
        assert!(accepted.contains(&format!("\r\n{more}")), "{accepted}");
    }
}

#[test]
fn mechanisms_with_proofs_need_accounts_with_passwords_and_channel_binding_needs_tls() {
    let user = |password: &str| format!("[[user]]\nname = \"me@example.org\"\n{password}\n");
    let cases = [(String::new(), false), (user("tokens = [\"t\"]"), false), (user("password = \"secret\""), true)];
    for (protocol, commands, _) in SESSIONS {
        for (users, has_passwords) in &cases {
            let server = with(users);
            for is_tls in [false, true] {
                let announced = said(&server, protocol, is_tls, commands);

                for (name, is_announced) in [
                    ("PLAIN", true),
                    ("CRAM-MD5", *has_passwords),
                    ("SCRAM-SHA-256", *has_passwords),
                    ("SCRAM-SHA-256-PLUS", *has_passwords && is_tls),
                ] {
                    let found = count(&announced, &mechanism(protocol, name)) > 0;
                    assert_eq!(found, is_announced, "{name}, TLS {is_tls}, {users}: {announced}");
                }
            }
        }
    }
}

#[test]
fn without_mechanisms_there_is_no_line_for_them() {
    for (protocol, commands, _) in SESSIONS {
        let server = with(&format!("[server.{protocol}]\nauth = []\n"));

        let said = said(&server, protocol, true, commands);

        assert!(!said.contains("AUTH=") && !said.contains("\r\nSASL") && !said.contains("250-AUTH"), "{said}");
    }
}

#[test]
fn a_mechanism_that_the_server_does_not_speak_is_an_error_that_names_those_it_speaks() {
    let text = "mailjig = 1\n[server.imap]\nauth = [\"GSSAPI\", \"PLAIN\", \"plain\"]\n";

    let error = Scenario::text("x.toml", text).check().unwrap_err().to_string();

    assert!(error.starts_with("x.toml:3:9: the server does not speak the mechanism `GSSAPI`\n"), "{error}");
    assert!(error.contains("the server speaks PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-1, "), "{error}");
    assert!(error.contains("ANONYMOUS; `caps.add` announces others"), "{error}");
    assert!(error.contains("x.toml:3:28: `plain` is written twice"), "{error}");
}
