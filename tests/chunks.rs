//! Messages in chunks (RFC 3030): rules, transcripts, findings, and clients that read binary messages.

use clients::deadline::until;
use clients::wire::Wire;
use mailjig::prelude::*;
use mailjig::{BodyType, FindingKind};

#[path = "clients/mod.rs"]
mod clients;

const HEAD: [&str; 3] = ["EHLO me", "MAIL FROM:<ann@example.org>", "RCPT TO:<bob@example.org>"];

/// A client whose transaction is open.
fn began(server: &MailServer, protocol: &str) -> Wire {
    let mut wire = Wire::greeted(server, protocol, false);
    for line in HEAD {
        let line = if protocol == "lmtp" { line.replace("EHLO", "LHLO") } else { line.to_owned() };
        assert!(wire.ask(&line).starts_with("250"), "{line}");
    }
    wire
}

/// Sends a chunk with its command, and returns the reply.
fn chunk(wire: &mut Wire, end: &str, octets: &str) -> String {
    wire.say(&format!("BDAT {}{end}\r\n{octets}", octets.len()));
    String::from_utf8(wire.line()).unwrap().trim_end().to_owned()
}

fn with(rules: &str) -> MailServer {
    MailServer::builder().scenario(Scenario::text("chunks.toml", format!("mailjig = 1\n{rules}"))).start()
}

#[test]
fn a_rule_refuses_a_chunk_and_the_message_cannot_go_on() {
    let server =
        with("[[rule]]\non = 'smtp.bdat'\nwhen = { size = '>5' }\ndo = { reply = '452 4.3.1 {verb} of {size}' }\n");
    let mut client = began(&server, "smtp");

    assert_eq!(chunk(&mut client, "", "A: 1\r"), "250 2.0.0 Ok: 5 octets received");
    assert_eq!(chunk(&mut client, "", "\nB: 2\r\n"), "452 4.3.1 BDAT of 7");
    let after = chunk(&mut client, " LAST", "");

    assert_eq!(after, "503 5.5.1 Bad sequence of commands: a chunk was refused; RSET is required");
    assert!(server.messages().is_empty());
}

#[test]
fn a_chunk_that_a_rule_acknowledges_in_place_of_the_server_is_lost() {
    for protocol in ["smtp", "lmtp"] {
        let server = with("[[rule]]\non = '*.bdat'\nnth = 2\ndo = { reply = '250 2.0.0 yes' }\n");
        let mut client = began(&server, protocol);

        chunk(&mut client, "", "A: 1\r\n");
        assert_eq!(chunk(&mut client, "", "B: 2\r\n"), "250 2.0.0 yes");
        chunk(&mut client, " LAST", "C: 3\r\n");

        assert_eq!(server.messages()[0].raw(), &b"A: 1\r\nC: 3\r\n"[..], "{protocol}");
    }
}

#[test]
fn a_chunk_that_is_lost_is_not_shown_with_octets_of_another() {
    // The second chunk is lost at once, or in a later turn of its exchange.
    for steps in [
        "{ reply = '250 2.0.0 yes' }",
        "[{ reply = '250-2.0.0 more' }, { await = '~.*' }, { reply = '250 2.0.0 yes' }]",
    ] {
        let server = with(&format!("[[rule]]\non = 'smtp.bdat'\nnth = 2\ndo = {steps}\n"));
        let mut client = began(&server, "smtp");
        chunk(&mut client, "", "A: 1\r\n");
        if chunk(&mut client, "", "B: 2\r\n").starts_with("250-") {
            assert_eq!(client.ask("go on"), "250 2.0.0 yes");
        }
        chunk(&mut client, "", "C: 3\r\n");
        chunk(&mut client, " LAST", "D: 4\r\nE: 5\r\n");
        client.ask("QUIT");
        server.settled().block();

        let transcript = server.transcript();

        let text = transcript.to_string();
        let shown: Vec<&str> = text.lines().filter(|line| line.starts_with("C: <")).collect();
        let wanted =
            ["C: <6 octets of m1>", "C: <6 octets, not recorded>", "C: <6 octets of m1>", "C: <12 octets of m1>"];
        assert_eq!(shown, wanted, "{text}");
        let verbatim = transcript.verbatim();
        let is_kept = |line: &&str| ["A: 1", "B: 2", "C: 3", "D: 4", "E: 5"].iter().any(|its| line.ends_with(its));
        let kept: Vec<&str> = verbatim.lines().filter(is_kept).collect();
        assert_eq!(kept, ["C: A: 1", "C: C: 3", "C: D: 4", "C: E: 5"], "{verbatim}");
    }
}

#[test]
fn rules_on_a_message_see_it_after_its_last_chunk() {
    let server = with(
        "[[rule]]\non = 'smtp.message'\nwhen = { subject = 'spam', size = 17, from = 'ann@example.org' }\n\
         do = { reply = '554 5.7.1 {rcpt} does not want {bytes} octets' }\n\
         [[rule]]\non = 'lmtp.delivery'\nwhen = { subject = 'spam' }\ndo = { reply = '452 4.2.2 {rcpt} is full' }\n",
    );
    for (protocol, reply) in
        [("smtp", "554 5.7.1 bob@example.org does not want 17 octets"), ("lmtp", "452 4.2.2 bob@example.org is full")]
    {
        let mut client = began(&server, protocol);

        chunk(&mut client, "", "Subject: s");
        let reply_to_last = chunk(&mut client, " LAST", "pam\r\n\r\n");

        assert_eq!(reply_to_last, reply);
        assert_eq!(client.ask("NOOP"), "250 2.0.0 Ok");
    }
}

#[test]
fn a_transcript_shows_chunks_and_plays_again() {
    let talk = |server: &MailServer| {
        let mut client = began(server, "smtp");
        chunk(&mut client, "", "Subject: {hi}\r");
        chunk(&mut client, "", "");
        chunk(&mut client, " LAST", "\n\r\n\0.\r\n");
        client.ask("MAIL FROM:<>");
        client.ask("RCPT TO:<bob@example.org>");
        chunk(&mut client, " LAST", "A: 1\r\n");
        client.ask("MAIL FROM:<>");
        client.ask("RCPT TO:<bob@example.org>");
        chunk(&mut client, "", "lost");
        client.ask("RSET");
        client.ask("QUIT");
        server.settled().block();
        server.transcript()
    };
    let server = MailServer::start();

    let transcript = talk(&server);

    let (_, text) = transcript
        .to_string()
        .split_once("RCPT TO:<bob@example.org>\nS: 250 2.1.5 Ok\n")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let wanted = "C: BDAT 14\nC: <14 octets of m1>\nS: 250 2.0.0 Ok: 14 octets received\n\
                  C: BDAT 0\nS: 250 2.0.0 Ok: 0 octets received\n\
                  C: BDAT 7 LAST\nC: <7 octets of m1>\nS: 250 2.0.0 Ok: queued as m1\n\
                  C: MAIL FROM:<>\nS: 250 2.1.0 Ok\nC: RCPT TO:<bob@example.org>\nS: 250 2.1.5 Ok\n\
                  C: BDAT 6 LAST\nC: <m2>\nS: 250 2.0.0 Ok: queued as m2\n\
                  C: MAIL FROM:<>\nS: 250 2.1.0 Ok\nC: RCPT TO:<bob@example.org>\nS: 250 2.1.5 Ok\n\
                  C: BDAT 4\nC: <4 octets, not recorded>\nS: 250 2.0.0 Ok: 4 octets received\n\
                  C: RSET\nS: 250 2.0.0 Ok\nC: QUIT\nS: 221 2.0.0 Bye\n";
    assert_eq!(text, wanted);
    let verbatim = transcript.verbatim();
    let first = "C: BDAT 14\nC| Subject: {{hi}\\r\nS: 250 2.0.0 Ok: 14 octets received\n";
    assert!(verbatim.contains(first), "{verbatim}");
    assert!(verbatim.contains("C: BDAT 7 LAST\nC| \\n\\r\\n\n"), "{verbatim}");
    let again = MailServer::builder().scenario(Scenario::text("again.session", verbatim)).start();
    let replayed = talk(&again);
    assert!(replayed.to_string().ends_with(wanted), "{replayed}");
    again.verify().block();
    let raw = |server: &MailServer| server.messages().iter().map(|its| its.raw().clone()).collect::<Vec<_>>();
    assert_eq!(raw(&again), raw(&server));
}

#[test]
fn an_unfinished_chunk_is_noted() {
    let server = MailServer::start();
    let mut client = began(&server, "smtp");

    client.say("BDAT 100 LAST\r\nA: 1\r\n");
    drop(client);

    let ended = || server.sessions().iter().all(|session| session.ended.is_some());
    until("the session has ended", ended);
    let transcript = server.transcript().to_string();
    assert!(transcript.contains("C| BDAT 100 LAST\\r\\nA: 1\\r\\n\n"), "{transcript}");
    assert!(transcript.contains("-- 21 octets of an incomplete request were lost\n"), "{transcript}");
}

#[test]
fn chunks_are_findings_only_where_they_are_wrong() {
    let server = with("[server.smtp]\ncaps.remove = ['CHUNKING', 'BINARYMIME']\n");
    let binary = "Date: Thu, 26 Nov 2026 10:00:00 +0000\r\nFrom: a@example.org\r\nMessage-ID: <1@example.org>\r\n\r\n\n\0\u{e9}\r";
    let talk = |server: &MailServer| {
        let mut client = Wire::greeted(server, "smtp", false);
        for line in ["EHLO me", "MAIL FROM:<ann@example.org> BODY=BINARYMIME", "RCPT TO:<bob@example.org>"] {
            assert!(client.ask(line).starts_with("250"), "{line}");
        }
        chunk(&mut client, "", binary);
        chunk(&mut client, " LAST", "");
        client.ask("QUIT");
        server.settled().block();
    };
    talk(&server);
    let text = |what: &str| format!("the client used {what}, which the server had not announced");

    let findings = server.findings();

    let texts: Vec<_> = findings.iter().map(|finding| finding.text().to_owned()).collect();
    assert_eq!(texts, [text("BINARYMIME"), text("CHUNKING"), text("CHUNKING")]);
    assert!(findings.iter().all(|finding| finding.kind() == FindingKind::CapabilityNotAnnounced));
    let announcing = MailServer::start();
    talk(&announcing);
    assert!(announcing.findings().is_empty(), "{:?}", announcing.findings());
    assert_eq!(announcing.messages()[0].envelope().sender().parameters().body(), Some(BodyType::Binary));
}

#[test]
fn a_binary_message_is_read_over_imap_and_pop3() {
    let server = MailServer::start();
    let mut client = began(&server, "smtp");
    chunk(&mut client, " LAST", "A: 1\r\n\r\n\0a\rb\nc\r\n.\r\nend");

    let mut imap = Wire::greeted(&server, "imap", false);
    imap.ask("a LOGIN bob@example.org x");
    imap.say("b SELECT INBOX\r\nc FETCH 1 (RFC822.SIZE BODY.PEEK[] BINARY.PEEK[1])\r\n");
    let fetched = read_to(&mut imap, b"c OK");
    let mut pop3 = Wire::greeted(&server, "pop3", false);
    pop3.say("USER bob@example.org\r\nPASS x\r\nRETR 1\r\nQUIT\r\n");
    let retrieved = read_to(&mut pop3, b"\r\n.\r\n+OK");

    // A literal must not contain NUL (RFC 3501 §9).
    assert!(contains(&fetched, b"RFC822.SIZE 22"), "{}", String::from_utf8_lossy(&fetched));
    assert!(contains(&fetched, b"BODY[] {22}\r\nA: 1\r\n\r\n\x80a\rb\nc\r\n.\r\nend"));
    assert!(contains(&fetched, b"~{14}\r\n\0a\rb\nc\r\n.\r\nend"));
    assert!(contains(&retrieved, b"A: 1\r\n\r\n\0a\rb\nc\r\n..\r\nend\r\n.\r\n"));
}

fn read_to(wire: &mut Wire, end: &[u8]) -> Vec<u8> {
    let mut came = Vec::new();
    while !contains(&came, end) {
        came.extend(wire.read().expect("more of the reply"));
    }
    came
}

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|its| its == part)
}
