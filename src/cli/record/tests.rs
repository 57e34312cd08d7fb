//! Conversations in pieces of any size.

use super::conversation::*;
use super::said::*;
use super::script::Writer;
use crate::protocol::Protocol;
use crate::rule::script::Script;

/// What was said, in one line each.
fn shown(said: &[Said]) -> Vec<String> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).replace("\r\n", "␍");
    let part = |part: &Part| match part {
        Part::Text(octets) => text(octets),
        Part::Named(name, _) => format!("<{name}>"),
    };
    let one = |said: &Said| match said {
        Said::Line(parts) => format!("line {}", parts.iter().map(part).collect::<String>()),
        Said::Body(octets) => format!("body {}", text(octets)),
        Said::SecretBody(_) => "body ***".to_owned(),
        Said::Octets(octets) => format!("octets {}", text(octets)),
        Said::SecretOctets(_) => "octets ***".to_owned(),
        Said::Server(octets) => format!("server {}", text(octets)),
        Said::Tls => "tls".to_owned(),
        Said::Dropped(octets) => format!("dropped {octets}"),
        Said::Closed => "closed".to_owned(),
    };
    said.iter().map(one).collect()
}

/// Plays octets of both sides, `C` and `S`, in pieces of this size.
fn conversation(protocol: Protocol, said: &[(char, &str)], piece: usize) -> Vec<String> {
    let mut conversation = Conversation::new(protocol);
    for (who, text) in said {
        for octets in text.as_bytes().chunks(piece) {
            match who {
                'C' => assert_eq!(conversation.client(octets), octets),
                _ => assert_eq!(conversation.server(octets, &mut Vec::new()), Then::Forward(Vec::new())),
            }
        }
    }
    shown(&conversation.finish())
}

fn every_piece(protocol: Protocol, said: &[(char, &str)], wanted: &[&str]) {
    for piece in [1, 2, 7, 1000] {
        assert_eq!(conversation(protocol, said, piece), wanted, "pieces of {piece}");
    }
}

#[test]
fn a_message_follows_data_if_the_server_agrees() {
    every_piece(
        Protocol::Smtp,
        &[
            ('S', "220 a\r\n"),
            ('C', "EHLO me\r\n"),
            ('S', "250-a\r\n250 PIPELINING\r\n"),
            ('C', "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
            ('S', "250 ok\r\n250 ok\r\n354 go\r\n"),
            ('C', "Subject: x\r\n\r\n..\r\nQUIT\r\n.\r\nNOOP\r\nDATA\r\n"),
            ('S', "250 ok\r\n250 ok\r\n503 no\r\n"),
            ('C', "QUIT\r\n"),
        ],
        &[
            "server 220 a␍",
            "line EHLO <host>",
            "server 250-a␍250 PIPELINING␍",
            "line MAIL FROM:<a@b>",
            "line RCPT TO:<c@d>",
            "line DATA",
            "server 250 ok␍250 ok␍354 go␍",
            "body Subject: x␍␍..␍QUIT␍",
            "line NOOP",
            "line DATA",
            "server 250 ok␍250 ok␍503 no␍",
            "line QUIT",
        ],
    );
}

#[test]
fn an_empty_message_and_chunks_are_bodies() {
    every_piece(
        Protocol::Smtp,
        &[('C', "DATA\r\n"), ('S', "354 go\r\n"), ('C', ".\r\nBDAT 5\r\na\r\nb\nBDAT 0 LAST\r\nNOOP\r\n")],
        &[
            "line DATA",
            "server 354 go␍",
            "body ",
            "line BDAT 5",
            "body a␍b\n",
            "line BDAT 0 LAST",
            "body ",
            "line NOOP",
        ],
    );
}

#[test]
fn lmtp_answers_for_each_recipient() {
    every_piece(
        Protocol::Lmtp,
        &[
            ('C', "LHLO me\r\nRCPT TO:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nDATA\r\n"),
            ('S', "250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n"),
            ('C', "x\r\n.\r\nDATA\r\n"),
            ('S', "250 ok\r\n250 ok\r\n354 go\r\n"),
            ('C', "y\r\n.\r\n"),
        ],
        &[
            "line LHLO <host>",
            "line RCPT TO:<a>",
            "line RCPT TO:<b>",
            "line RCPT TO:<c>",
            "line DATA",
            "server 250 ok␍250 ok␍550 no␍250 ok␍354 go␍",
            "body x␍",
            "line DATA",
            "server 250 ok␍250 ok␍354 go␍",
            "body y␍",
        ],
    );
}

#[test]
fn credentials_get_names() {
    every_piece(
        Protocol::Smtp,
        &[
            ('C', "AUTH PLAIN AGEAYg==\r\n"),
            ('S', "535 no\r\n"),
            ('C', "AUTH LOGIN\r\n"),
            ('S', "334 VXNlcg==\r\n"),
            ('C', "YQ==\r\n"),
            ('S', "334 UGFzcw==\r\n"),
            ('C', "*\r\n"),
            ('S', "501 cancelled\r\n"),
            ('C', "NOOP\r\n"),
        ],
        &[
            "line AUTH PLAIN <credentials>",
            "server 535 no␍",
            "line AUTH LOGIN",
            "server 334 VXNlcg==␍",
            "line <response1>",
            "server 334 UGFzcw==␍",
            "line *",
            "server 501 cancelled␍",
            "line NOOP",
        ],
    );
    every_piece(
        Protocol::Pop3,
        &[
            ('S', "+OK hi\r\n"),
            ('C', "AUTH\r\nUSER ann\r\nPASS two words\r\nAPOP ann c4c9\r\n"),
            ('S', "+OK\r\nAUTH\r\n.\r\n+OK\r\n-ERR no\r\n+OK\r\n"),
            ('C', "AUTH PLAIN\r\n"),
            ('S', "+ \r\n"),
            ('C', "AGEAYg==\r\n"),
        ],
        &[
            "server +OK hi␍",
            "line AUTH",
            "line USER ann",
            "line PASS <password>",
            "line APOP ann <digest>",
            "server +OK␍AUTH␍.␍+OK␍-ERR no␍+OK␍",
            "line AUTH PLAIN",
            "server + ␍",
            "line <response1>",
        ],
    );
    every_piece(
        Protocol::Imap,
        &[
            ('C', "a LOGIN ann \"se \\\"cret\"\r\nb login {3}\r\n"),
            ('S', "* 1 FETCH (BODY[] {7}\r\nb OK x\r)\r\n+ go\r\n"),
            ('C', "ann {3+}\r\nabc\r\n"),
            ('S', "b NO no\r\n"),
            ('C', "c AUTHENTICATE PLAIN AGEAYg==\r\nd"),
        ],
        &[
            "line <tag> LOGIN ann <password>",
            "line <tag> login {3}",
            "server * 1 FETCH (BODY[] {7}␍b OK x\r)␍+ go␍",
            "body ann",
            "line  {3+}",
            "body ***",
            "server b NO no␍",
            "line <tag> AUTHENTICATE PLAIN <credentials>",
            "octets ***",
        ],
    );
}

#[test]
fn literals_and_idle_are_followed() {
    every_piece(
        Protocol::Imap,
        &[
            ('S', "* OK hi\r\n"),
            ('C', "1 APPEND INBOX {3}\r\n"),
            ('S', "1 NO [TOOBIG] no\r\n"),
            ('C', "2 APPEND INBOX (\\Seen) {4+}\r\na\r\n{\r\n3 IDLE\r\n"),
            ('S', "2 OK\r\n+ idling\r\n"),
            ('C', "DONE\r\n"),
        ],
        &[
            "server * OK hi␍",
            "line <tag> APPEND INBOX {3}",
            "server 1 NO [TOOBIG] no␍",
            "line <tag> APPEND INBOX (\\Seen) {4+}",
            "body a␍{",
            "line <tag> IDLE",
            "server 2 OK␍+ idling␍",
            "line DONE",
        ],
    );
}

#[test]
fn tls_begins_behind_the_answer_and_drops_what_was_said_too_early() {
    let mut conversation = Conversation::new(Protocol::Smtp);
    assert_eq!(conversation.client(b"STARTTLS\r\nNOOP\r\n"), b"STARTTLS\r\n");
    assert_eq!(conversation.client(b"RSET\r\n"), b"");

    let then = conversation.server(b"220 go\r\n250 forged\r\n", &mut Vec::new());

    assert_eq!(then, Then::Secure);
    conversation.secured();
    assert_eq!(conversation.client(b"EHLO me\r\n"), b"EHLO me\r\n");
    assert_eq!(
        shown(&conversation.finish()),
        ["line STARTTLS", "server 220 go␍250 forged␍", "dropped 12", "tls", "line EHLO <host>"]
    );
}

#[test]
fn what_was_held_is_forwarded_when_tls_is_refused() {
    let mut conversation = Conversation::new(Protocol::Pop3);
    conversation.client(b"STLS\r\nNOOP\r\n");

    let then = conversation.server(b"-ERR no\r\n", &mut Vec::new());

    assert_eq!(then, Then::Forward(b"NOOP\r\n".to_vec()));
    assert_eq!(shown(&conversation.finish()), ["line STLS", "server -ERR no␍", "line NOOP"]);
}

#[test]
fn clients_do_not_see_what_could_not_be_read() {
    let offers = b"* OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE IDLE] hi\r\n* 1 FETCH (X {35}\r\n\
                   * CAPABILITY COMPRESS=DEFLATE more\r\n)\r\n* BYE";
    for piece in [1, 2, 7, 1000] {
        let (mut conversation, mut seen) = (Conversation::new(Protocol::Imap), Vec::new());
        for octets in offers.chunks(piece) {
            assert_eq!(conversation.server(octets, &mut seen), Then::Forward(Vec::new()));
        }
        seen.extend(conversation.unfinished());

        let seen = String::from_utf8(seen).unwrap();
        let hidden = String::from_utf8_lossy(offers).replacen("COMPRESS=DEFLATE ", "", 1);
        assert_eq!((&*seen, &conversation.hidden[..]), (&*hidden, &["COMPRESS=DEFLATE".to_owned()][..]));
        assert_eq!(shown(&conversation.finish()), [format!("server {}", hidden.replace("\r\n", "␍"))]);
    }
}

#[test]
fn recording_stops_where_nothing_can_be_read_any_more() {
    for (protocol, said) in [
        (Protocol::Imap, &[('C', "1 compress deflate\r\n"), ('S', "1 OK\r\n")][..]),
        (Protocol::Imap, &[('C', "1 AUTHENTICATE GSSAPI eA==\r\n"), ('S', "+ \r\n"), ('C', "\r\n"), ('S', "1 OK\r\n")]),
        (
            Protocol::Smtp,
            &[('C', "NOOP\r\nAUTH DIGEST-MD5\r\n"), ('S', "250\r\n334 x\r\n"), ('C', "x\r\n"), ('S', "235\r\n")],
        ),
        (Protocol::Pop3, &[('C', "AUTH gssapi\r\n"), ('S', "+ \r\n"), ('C', "x\r\n"), ('S', "+OK\r\n")]),
    ] {
        let mut conversation = Conversation::new(protocol);
        let mut then = Then::Forward(Vec::new());
        for (who, text) in said {
            assert_eq!(then, Then::Forward(Vec::new()), "{said:?}");
            match who {
                'C' => drop(conversation.client(text.as_bytes())),
                _ => then = conversation.server(text.as_bytes(), &mut Vec::new()),
            }
        }
        assert!(matches!(then, Then::Stop(_)), "{said:?}: {then:?}");
    }
    for (protocol, said) in [
        (
            Protocol::Imap,
            &[('C', "1 COMPRESS DEFLATE\r\n"), ('S', "1 NO\r\n"), ('C', "2 NOOP\r\n"), ('S', "2 OK\r\n")][..],
        ),
        (
            Protocol::Smtp,
            &[('C', "AUTH DIGEST-MD5\r\n"), ('S', "504\r\n"), ('C', "AUTH PLAIN x\r\n"), ('S', "235\r\n")],
        ),
    ] {
        conversation(protocol, said, 1000);
    }
}

#[test]
fn a_secret_that_was_not_sent_completely_is_masked() {
    for (protocol, said, last) in [
        (Protocol::Imap, &[('C', "1 LOGIN ann {6}\r\n"), ('S', "+ go\r\n"), ('C', "sec")][..], "octets ***"),
        (Protocol::Imap, &[('C', "1 LOGIN {3}\r\n"), ('S', "+ go\r\n"), ('C', "an")], "octets an"),
        (Protocol::Imap, &[('C', "1 LOGIN ann sec")], "octets ***"),
        (Protocol::Imap, &[('C', "1 LOGIN {3+}\r\nann sec")], "octets ***"),
        (Protocol::Imap, &[('C', "1 SELECT IN")], "octets 1 SELECT IN"),
        (Protocol::Pop3, &[('C', "PASS sec")], "octets ***"),
        (Protocol::Smtp, &[('C', "EHLO me.exa")], "octets EHLO me.exa"),
        (Protocol::Smtp, &[('C', "AUTH PLAIN\r\n"), ('S', "334 \r\n"), ('C', "AGFu")], "octets ***"),
    ] {
        assert_eq!(conversation(protocol, said, 1000).last().unwrap(), last, "{said:?}");
    }
}

#[test]
fn a_script_ends_where_the_server_ended_the_session() {
    let mut conversation = Conversation::new(Protocol::Smtp);
    conversation.server(b"220 a\r\n421 too long\r\n", &mut Vec::new());
    conversation.closed();
    conversation.client(b"QUIT\r\nNO");

    let said = conversation.finish();
    let script = Writer::new(Protocol::Smtp, false).script("x".to_owned(), None, &said).to_string();

    assert_eq!(
        script,
        "# x\n# protocol = smtp\n---\nS: 220 a\nS: 421 too long\nX: fin\n-- the client sent more after the end\n"
    );
    Script::parse(&script).unwrap_or_else(|wrong| panic!("{script}\n{wrong:?}"));
}
