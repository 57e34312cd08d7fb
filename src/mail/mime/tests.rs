//! Tests of the parser with the fixtures and with malformed mail. The expected values were compared with Python's
//! `email` package where that can parse such mail.

use std::fs;
use std::path::Path;

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mail").join(name)).unwrap()
}

fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mail");
    fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// Each leaf as `number type name octets`.
fn leaves(raw: &[u8]) -> Vec<String> {
    let mime = Mime::parse(raw);
    let leaf = |part: Part<'_>| {
        let name = part.filename().unwrap_or_else(|| "-".to_owned());
        let attached = if part.is_attachment() { "attached" } else { "text" };
        format!("{} {} {name} {} {attached}", part.number(), part.content_type(), part.bytes().len())
    };
    mime.leaves(raw).map(leaf).collect()
}

#[test]
fn parts_are_found_and_numbered_as_imap_does() {
    let expected: &[(&str, &[&str])] = &[
        ("plain.eml", &["1 text/plain - 78 text"]),
        (
            "multipart.eml",
            &["1.1 text/plain - 42 text", "1.2 text/html - 68 text", "2 text/csv figures.csv 8 attached"],
        ),
        ("inline-image.eml", &["1 text/html - 42 text", "2 image/png - 68 attached"]),
        (
            "rfc2231.eml",
            &[
                "1 application/pdf Résumé.pdf 4 attached",
                "2 application/pdf a very-long näme.pdf 4 attached",
                "3 application/pdf ü.pdf 4 attached",
            ],
        ),
        ("broken-mime.eml", &["1 text/plain - 15 text", "2 image/gif broken.gif 9 attached"]),
        ("empty.eml", &["1 text/plain - 0 text"]),
        ("no-final-line.eml", &["1 text/plain - 0 text"]),
        ("attached-message.eml", &["1 text/plain - 10 text", "2 message/rfc822 - 222 attached"]),
    ];

    for (name, parts) in expected {
        assert_eq!(leaves(&fixture(name)), *parts, "{name}");
    }
}

#[test]
fn the_parts_of_an_attached_message_have_numbers_of_their_own() {
    let raw = fixture("attached-message.eml");
    let mime = Mime::parse(&raw);

    let all: Vec<_> = mime.nodes.iter().map(|node| format!("{} {}", node.number, node.content_type)).collect();

    // RFC 3501 §6.4.5: the multipart that is the attached message shares its number.
    assert_eq!(
        all,
        [
            " multipart/mixed",
            "1 text/plain",
            "2 message/rfc822",
            "2 multipart/alternative",
            "2.1 text/plain",
            "2.2 text/html"
        ]
    );
}

#[test]
fn texts_are_decoded() {
    for (name, text) in [
        ("multipart.eml", "Grüße, and a line that is softly broken."),
        ("eight-bit.eml", "Schöne Grüße\r\n"),
        ("smtputf8.eml", "Schöne Grüße\r\n"),
        ("broken-mime.eml", "Still readable."),
        ("dots.eml", ".\r\n..\r\n...\r\n.hidden\r\n. \r\nend\r\n"),
    ] {
        let raw = fixture(name);
        let mime = Mime::parse(&raw);
        let part = mime.leaves(&raw).find(|part| part.content_type() == "text/plain").unwrap();
        assert_eq!(part.text(), text, "{name}");
    }
}

#[test]
fn headers_are_decoded() {
    for (raw, decoded) in [
        (&b"plain"[..], "plain"),
        (b" folded\r\n\tline ", "folded\tline"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?UTF-8?B?R3LDvMOfZQ==?= =?utf-8?q?_there?=", "Grüße there"),
        (b"=?utf-8?b?w7w=?= and =?utf-8?b?w7w=?=", "ü and ü"),
        (b"=?utf-8?b?w?=\r\n =?utf-8?b?7w=?=", "\u{fffd}"),
        (b"=?utf-8?q?=E6=97?=\r\n =?utf-8?q?=A5?=", "日"),
        (b"=?iso-8859-1*en?q?caf=E9?=", "café"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?utf-7?q?+AOQ-?=", "ä"),
        (b"=?x-unknown?q?abc?=", "abc"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?a_?= =?utf-8?q?_b?=", "a  b"),
        (b"=?utf-8?q?=?a?q?b?=", "=?a?q?b"),
        (b"=?utf-8?q?never ends", "=?utf-8?q?never ends"),
        (b"caf\xe9", "café"),
        ("raw Grüße".as_bytes(), "raw Grüße"),
        (b"=?==?=?", "=?==?=?"),
    ] {
        assert_eq!(decode_words(raw), decoded, "{}", raw.escape_ascii());
    }
}

#[test]
fn addresses_are_read_tolerantly() {
    let read = |text: &str| addresses(text.as_bytes()).iter().map(Address::to_string).collect::<Vec<_>>();
    for (text, expected) in [
        ("ann@example.org", &["ann@example.org"][..]),
        ("Ann <ann@example.org>, bob@example.org", &["Ann <ann@example.org>", "bob@example.org"]),
        ("\"Bob, the builder\" <bob@example.org>", &["Bob, the builder <bob@example.org>"]),
        ("=?utf-8?q?J=C3=BCrgen?= <j@example.org>", &["Jürgen <j@example.org>"]),
        ("ann@example.org (Ann (really))", &["Ann (really) <ann@example.org>"]),
        ("Friends: ann@example.org, Bob <bob@example.org>;", &["ann@example.org", "Bob <bob@example.org>"]),
        ("undisclosed-recipients:;", &[]),
        ("<@relay.example:ann@example.org>", &["ann@example.org"]),
        ("\"a b\"@example.org", &["\"a b\"@example.org"]),
        (" , ,", &[]),
        ("<ann (at work)@ (in) example.org> (Ann)", &["Ann <ann@example.org>"]),
        ("ann (at work) @ example . org", &["at work <ann@example.org>"]),
        ("<ann@example.org> \"Ann\"", &["Ann <ann@example.org>"]),
        ("nobody", &["nobody"]),
        ("\"never closed", &["never closed"]),
        ("<never@closed", &["never@closed"]),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn transfer_encodings_forgive() {
    for (encoded, decoded) in [
        ("aGVsbG8=", "hello"),
        ("aGVs\r\nbG8=", "hello"),
        ("aGVsbG8", "hello"),
        ("aGVs!!bG8=", "hello"),
        ("a", ""),
        ("aGVsbG9=", "hello"),
        ("", ""),
    ] {
        assert_eq!(decode::transfer("base64", encoded.as_bytes()), decoded.as_bytes(), "{encoded}");
    }
    for (encoded, decoded) in [
        ("a=3Db", "a=b"),
        ("a=3db", "a=b"),
        ("soft=\r\nly", "softly"),
        ("soft= \nly", "softly"),
        ("a=zz", "a=zz"),
        ("a=", "a"),
        ("a=  ", "a"),
        ("blanks \t\r\nat ends  \ngo ", "blanks\r\nat ends\ngo"),
        ("but=20\r\nstay=20  ", "but \r\nstay "),
        ("=\r\n=\r\n", ""),
    ] {
        assert_eq!(decode::transfer("quoted-printable", encoded.as_bytes()), decoded.as_bytes(), "{encoded}");
    }
}

#[test]
fn links_are_found_in_text_and_html() {
    let text =
        "Go to https://example.org/a?b=1&c=2. Or (see https://example.org/wiki/X_(y)), or mailto:ann@example.org!";
    let html =
        r#"<a href="https://example.org/?a=1&amp;b=2">x</a> <img src='http://example.org/i.png'> <a href="/no">"#;

    assert_eq!(
        links(Some(text), Some(html)),
        [
            "https://example.org/a?b=1&c=2",
            "https://example.org/wiki/X_(y)",
            "mailto:ann@example.org",
            "https://example.org/?a=1&b=2",
            "http://example.org/i.png",
        ]
    );
}

#[test]
fn a_parameter_in_pieces_is_put_together_in_order() {
    for (value, found) in [
        ("x; name*1=b; name*0=a; name*2=c", Some("abc")),
        ("x; name*0*=utf-8''%C3%BC; name*1=%41", Some("ü%41")),
        ("x; name*=utf-8''%C3%BC; name*1=no", Some("ü")),
        ("x; name*0=a; name*2=c", Some("a")),
        ("x; name*1=b", None),
        ("x; name*00=a", None),
        ("x; name*0=old; name*0*=utf-8''new", Some("new")),
        ("x; name*0=a; NAME=plain", Some("plain")),
    ] {
        assert_eq!(parameter::find(value.as_bytes(), "name").as_deref(), found, "{value}");
    }
}

#[test]
fn items_above_the_limits_are_ignored() {
    let fields = "A: b\r\n".repeat(200_000) + " folded\r\nSubject: too late\r\n\r\nbody";
    let parameters = format!("x{}; name=late", "; a=b".repeat(100_000));
    let addresses = "Team: ".to_owned() + &"a@b,".repeat(100_000) + ";";

    let mime = Mime::parse(fields.as_bytes());
    let listed = raw_addresses(addresses.as_bytes());

    let root = mime.root(fields.as_bytes());
    assert_eq!(
        (root.raw_headers().count(), root.header("subject"), root.raw_body()),
        (MOST_FIELDS, None, &b"body"[..])
    );
    assert_eq!(root.raw_headers().last(), Some((&b"A"[..], &b" b"[..])));
    assert_eq!(parameter::all(parameters.as_bytes()).len(), 256);
    assert_eq!((listed.len(), listed.last()), (10_001, Some(&RawAddress::GroupEnd)));
    let long = format!("Subject: {}\r\n\r\n", "a".repeat(1 << 20));
    let mime = Mime::parse(long.as_bytes());
    assert_eq!(mime.root(long.as_bytes()).unfolded("subject").map(|its| its.len()), Some(MOST_FIELD - 1));
    assert_eq!(mime.root(long.as_bytes()).header("subject").map(|its| its.len()), Some(1 << 20));
}

/// Each of these takes minutes if the parser is not linear.
#[test]
fn hostile_input_is_read_once() {
    const TIMES: usize = 50_000;
    let words = ["=?a?q?", "=?", "=?a?q?b?= ", "=?utf-8?b?", "=?a?b?c?="].map(|piece| piece.repeat(TIMES));
    let addresses = ["(", "<", "\"", "a@", ":", ";", "a b@", "(a)@", "\\"].map(|piece| piece.repeat(TIMES));
    let pieces = (0..TIMES).map(|i| format!("; boundary*{i}=a")).collect::<String>();
    let links =
        ["https://x/))))", "href='", "href=\"https://a/", "src = ", "https://x/", "]"].map(|its| its.repeat(TIMES));
    let many = (0..TIMES).map(|i| format!("https://x/{i} ")).collect::<String>();
    let quoted = ["=", "= ", " \t", "=\n", "=20 "].map(|piece| piece.repeat(TIMES));

    words.iter().for_each(|text| drop((decode_words(text.as_bytes()), unknown_charset(text.as_bytes()))));
    addresses.iter().for_each(|text| drop((raw_addresses(text.as_bytes()), address_text(text.as_bytes()))));
    drop(parameter::find(pieces.as_bytes(), "boundary"));
    for text in links.iter().chain([&many]) {
        drop(super::links(Some(text), Some(text)));
    }
    quoted.iter().for_each(|text| drop(quoted_printable(text.as_bytes())));

    let closed = format!("https://x/{}", ")".repeat(TIMES));
    assert_eq!(super::links(Some(&closed), None), ["https://x/"]);
}

/// Calls every accessor.
fn see_all(raw: &[u8]) -> usize {
    let mime = Mime::parse(raw);
    let mut octets: usize = mime.root(raw).raw_headers().map(|(_, value)| decode_words(value).len()).sum();
    for part in mime.leaves(raw) {
        octets += part.errors().count();
        octets += part.bytes().len() + part.text().len() + part.filename().map_or(0, |name| name.len());
    }
    octets += mime.root(raw).errors().count();
    octets + mime.root(raw).raw_header("to").map_or(0, |to| addresses(to).len())
}

#[test]
fn no_bytes_make_it_panic() {
    let fixtures = fixtures();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let spice: &[&[u8]] =
        &[b"=?", b"?=", b"\"", b"(", b"<", b"--b", b"\r\n", b"\n\n", b"*0*=", b"%", b"=", b"\xff", b"\0", b"boundary="];

    for _ in 0..20_000 {
        let mut raw = fixtures[draw(fixtures.len())].clone();
        raw.truncate(2000);
        for _ in 0..=draw(6) {
            let at = draw(raw.len());
            let piece = spice[draw(spice.len())];
            match draw(3) {
                0 => drop(raw.splice(at..at, piece.iter().copied())),
                1 => drop(raw.drain(at..(at + draw(20)).min(raw.len()))),
                _ => raw.iter_mut().skip(at).take(1).for_each(|byte| *byte = piece[0]),
            }
        }
        see_all(&raw);
    }
}

#[test]
fn deep_and_wide_mail_is_read_in_linear_time_and_bounded_depth() {
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(30_000);
    let mime = Mime::parse(nested.as_bytes());
    assert_eq!(mime.nodes.len(), MOST_DEPTH + 1);

    let wide = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\nx\r\n".repeat(50_000));
    assert_eq!(Mime::parse(wide.as_bytes()).nodes.len(), MOST_PARTS);
    assert_eq!(see_all(wide.as_bytes()), see_all(wide.as_bytes()));
}
