//! The examples of RFC 6376 and RFC 8463, and what a verifier refuses.

use bytes::Bytes;
use ring::signature::Ed25519KeyPair;

use super::*;
use crate::base::MessageNo;
use crate::mail::{Message, Origin};

/// RFC 8463 appendix A.3.
const SIGNED: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; \
    i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : \
    from : subject : date;\r\n bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
    b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
    q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n date : message-id : from : subject : date;\r\n \
    bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
    b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n \
    DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n \
    dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n\
    From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
    Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n\r\n";
const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR\
    iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC\
    DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
/// The private key of RFC 8463 appendix A.2.
const SECRET: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const RECEIVED: i64 = 1_790_000_000_000_000;

fn rfc_keys() -> DkimKeys {
    DkimKeys::of("brisbane._domainkey.football.example.com", ED25519).and("test._domainkey.football.example.com", RSA)
}

fn verified(mail: &str, keys: &DkimKeys) -> Vec<Option<DkimFailure>> {
    let raw = Bytes::copy_from_slice(mail.as_bytes());
    let mail = Message::new(MessageNo(1), Origin::Delivered, Timestamp::from_micros(RECEIVED), None, raw);
    mail.dkim(keys).into_iter().map(|signature| signature.failure).collect()
}

fn kinds(mail: &str, keys: &DkimKeys) -> Vec<Option<DkimFailureKind>> {
    verified(mail, keys).into_iter().map(|failure| failure.map(|failure| failure.kind)).collect()
}

#[test]
fn the_example_of_rfc_8463_is_valid() {
    assert_eq!(verified(SIGNED, &rfc_keys()), [None, None]);
}

#[test]
fn the_example_of_rfc_6376_is_valid() {
    // With the blanks of errata 3192 and 4926: its canonicalisation is `simple`.
    let mail = "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n      \
        c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n      \
        h=Received : From : To : Subject : Date : Message-ID;\r\n      \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n      \
        b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n        \
        4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n        \
        KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n        4bmp/YzhwvcubU4=;\r\n\
        Received: from client1.football.example.com  [192.0.2.1]\r\n      by submitserver.example.com with \
        SUBMISSION;\r\n      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n\
        From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n\
        Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
        Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
        Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n";
    let key = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkM\
        oGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/R\
        tdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";

    assert_eq!(verified(mail, &DkimKeys::any(key)), [None]);
}

#[test]
fn changes_after_signing_are_found() {
    let keys = rfc_keys();
    for (before, after, expected) in [
        ("dinner", "lunch", Some(DkimFailureKind::Signature)),
        ("hungry", "angry", Some(DkimFailureKind::BodyHash)),
        ("From: Joe", "From: Eve <eve@evil.example>\r\nFrom: Joe", Some(DkimFailureKind::Signature)),
        ("Subject: Is", "Subject: Is\r\nSubject: Is", Some(DkimFailureKind::Signature)),
        // Nobody signed these, or they are equal when relaxed.
        ("Message-ID:", "X-Mailer: any\r\nMessage-ID:", None),
        ("Subject: Is", "SUBJECT:\tIs\r\n ", None),
        ("game.  Are", "game. \t Are \t", None),
        ("Joe.\r\n\r\n", "Joe.\r\n\r\n\r\n", None),
    ] {
        assert!(SIGNED.contains(before), "{before}");
        assert_eq!(kinds(&SIGNED.replacen(before, after, 1), &keys), [expected; 2], "{after}");
    }
}

#[test]
fn canonicalisation_is_that_of_the_standard() {
    // RFC 6376 §3.4.5.
    let fields = [(&b"A"[..], &b"A: X\r\n"[..]), (b"B", b"B : Y\t\r\n\tZ  \r\n")];
    let header = |canonical: Canonical| {
        let mut out = Vec::new();
        fields.iter().for_each(|(name, lines)| canonical.field(name, lines, &mut out));
        String::from_utf8(out).unwrap()
    };
    assert_eq!(header(Canonical::Relaxed), "a:X\r\nb:Y Z\r\n");
    assert_eq!(header(Canonical::Simple), "A: X\r\nB : Y\t\r\n\tZ  \r\n");
    for (body, simple, relaxed) in [
        (" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"),
        ("", "\r\n", ""),
        ("\r\n\r\n", "\r\n", ""),
        ("a", "a\r\n", "a\r\n"),
        (" \r\n\r\n", " \r\n", ""),
    ] {
        assert_eq!(Canonical::Simple.body(body.as_bytes()), simple.as_bytes(), "{body:?}");
        assert_eq!(Canonical::Relaxed.body(body.as_bytes()), relaxed.as_bytes(), "{body:?}");
    }
}

/// A message that the key of RFC 8463 signs, with these tags besides those that are the same in all.
fn signed(tags: &str, body_hash: Option<&str>) -> String {
    let rest = "From: ann@example.org\r\nSubject: bill\r\n\r\n1234567890\r\n";
    let hash = BASE64.encode(digest(&SHA256, b"1234567890\r\n").as_ref());
    let hash = body_hash.unwrap_or(&hash);
    let own = format!("DKIM-Signature: v=1; {tags}; bh={hash}; b=");
    let raw = Bytes::from(format!("{own}\r\n{rest}"));
    let mail = Message::new(MessageNo(1), Origin::Delivered, Timestamp::from_micros(RECEIVED), None, raw);
    let fields: Vec<SignedField<'_>> =
        mail.root().raw_fields().map(|(name, lines)| SignedField { name, lines }).collect();
    let text = String::from_utf8_lossy(fields[0].value()).replace("b=", "b=YQ==").replace("bYQ==", "bh=");
    let tags = Tags::parse(text.trim()).map_err(DkimFailure::malformed);
    let Ok((tags, read)) = tags.and_then(|tags| SignatureTags::read(&tags).map(|read| (tags, read))) else {
        return format!("{own}YQ==\r\n{rest}");
    };
    let signed = tags.list("h").unwrap().into_iter().map(str::to_owned).collect();
    let (domain, selector, algorithm) = Default::default();
    let its = DkimSignature { domain, selector, algorithm, signed, unsigned_octets: 0, failure: None };
    let header = Check { its: &its, tags: &read, fields: &fields, at: 0 }.header();
    let pair = Ed25519KeyPair::from_seed_unchecked(&BASE64.decode(SECRET.as_bytes()).unwrap()).unwrap();
    let signature = BASE64.encode(pair.sign(digest(&SHA256, &header).as_ref()).as_ref());
    format!("{own}{signature}\r\n{rest}")
}

/// The tags of a valid signature.
const TAGS: &str = "a=ed25519-sha256; c=relaxed; d=example.org; s=may; h=from:subject";

#[test]
fn each_failure_has_its_reason() {
    let now = RECEIVED / 1_000_000;
    let ten = BASE64.encode(digest(&SHA256, b"1234567890").as_ref());
    let tag = |more: &str| format!("{TAGS}; {more}");
    let without = |part: &str| TAGS.replace(part, "");
    let with = |from: &str, to: &str| TAGS.replace(from, to);
    let short = "v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMo8ldgvbYDuGNdT7GDY08T0KXmCxEFnlb7uO4H1f5Uq0O6h7F2hEr7xVLD8MuBALC3U\
                 GkCaY8rn6SQeTHO1ZPsCAwEAAQ==";
    for (tags, hash, key, expected) in [
        (TAGS.to_owned(), None, ED25519, ""),
        (tag(&format!("t={now}; x={}; i=ann@news.example.org", now + 1)), None, ED25519, ""),
        (tag("l=10"), Some(ten.as_str()), ED25519, ""),
        (with("s=may; ", "s=may; "), None, &ED25519.replace("v=DKIM1; ", ""), ""),
        (without("s=may; "), None, ED25519, "the tag `s=` is missing (RFC 6376 §3.5)"),
        (tag("s=june"), None, ED25519, "the tag `s=` is repeated (RFC 6376 §3.5)"),
        (tag("nonsense"), None, ED25519, "`nonsense` is not a tag; write `name=value` (RFC 6376 §3.5)"),
        (with("from:", ""), None, ED25519, "`h=` does not name From, which must be signed (RFC 6376 §3.5)"),
        (
            with("c=relaxed", "c=strict"),
            None,
            ED25519,
            "`c=strict` is not a canonicalisation; write `relaxed/relaxed` or another pair with `simple` (RFC 6376 §3.5)",
        ),
        (tag("q=http"), None, ED25519, "`q=` does not name `dns/txt` (RFC 6376 §3.5)"),
        (tag("x=tomorrow"), None, ED25519, "`x=tomorrow` is not a number (RFC 6376 §3.5)"),
        (tag("t=10; x=10"), None, ED25519, "the time of `x=` is not after that of `t=` (RFC 6376 §3.5)"),
        (
            tag("i=@example.com"),
            None,
            ED25519,
            "the domain of `i=@example.com` is not `example.org` or below it (RFC 6376 §3.5)",
        ),
        (
            with("ed25519-", "rsa-md5-"),
            None,
            ED25519,
            "`a=rsa-md5-sha256` is not known; sign with `rsa-sha256` or `ed25519-sha256` (RFC 8463 §3)",
        ),
        (
            with("ed25519-sha256", "rsa-sha1"),
            None,
            RSA,
            "`rsa-sha1` must not be used; sign with `rsa-sha256` (RFC 8301 §3.1)",
        ),
        (
            tag(&format!("x={}", now - 1)),
            None,
            ED25519,
            "it expired at 2026-09-21T14:13:19.000000Z, and the message was received at 2026-09-21T14:13:20.000000Z",
        ),
        (
            tag(&format!("t={}", now + 3601)),
            None,
            ED25519,
            "it was made at 2026-09-21T15:13:21.000000Z, after the message was received at 2026-09-21T14:13:20.000000Z",
        ),
        (TAGS.to_owned(), None, "v=DKIM1; k=ed25519; p=", "the key is revoked: its `p=` is empty"),
        (TAGS.to_owned(), None, RSA, "the key is for RSA, not for Ed25519"),
        (with("ed25519", "rsa"), None, ED25519, "the key is for Ed25519, not for RSA"),
        (with("ed25519", "rsa"), None, short, "the RSA key has 512 bits; it must have at least 1024 (RFC 8301 §3.2)"),
        (TAGS.to_owned(), None, &format!("{ED25519}; h=sha1"), "`h=` of the key does not allow `sha256`"),
        (TAGS.to_owned(), None, &format!("{ED25519}; s=tlsrpt"), "`s=` of the key does not name `email`"),
        (
            tag("i=@news.example.org"),
            None,
            &format!("{ED25519}; t=y:s"),
            "the key has `t=s`, so the domain of `i=` must be that of `d=`",
        ),
        (tag("l=13"), None, ED25519, "`l=13`, but the body has only 12 octets"),
        (
            TAGS.to_owned(),
            Some("YQ=="),
            ED25519,
            "the body was changed after signing: its hash was YQ==, and is WxeymV03olgqt3Hq+Wo5PKMrGoq1SWWwFKmat4npElA=",
        ),
    ] {
        let failure = verified(&signed(&tags, hash), &DkimKeys::any(key)).remove(0);
        assert_eq!(failure.map(|failure| failure.reason).unwrap_or_default(), expected, "{tags} {key}");
    }
}

#[test]
fn a_missing_key_and_a_changed_field_are_named() {
    let mail = signed(&format!("{TAGS}; z=From:ann@example.org|Subject:bill"), None);
    let (changed, removed) = (mail.replace(": bill", ": free"), mail.replace("Subject: bill\r\n", ""));
    let reason = |mail: &str, keys: &DkimKeys| verified(mail, keys).remove(0).map(|failure| failure.reason);

    let keys = DkimKeys::of("may._domainkey.example.org", ED25519);
    assert_eq!(reason(&mail, &keys), None);
    assert_eq!(
        reason(&changed, &keys).as_deref(),
        Some("the header field subject was changed after signing: it was `bill`, and is `free`")
    );
    assert_eq!(
        reason(&removed, &keys).as_deref(),
        Some("the header field subject was removed after signing; it was `bill`")
    );
    assert_eq!(
        reason(&signed(TAGS, None).replace(": bill", ": free"), &keys).as_deref(),
        Some(
            "the signature does not fit: another key signed, or a signed header field was changed, removed or added: \
             from, subject"
        )
    );
    assert_eq!(
        reason(&mail, &DkimKeys::of("june._domainkey.example.org", ED25519)).as_deref(),
        Some("the test gave no key for `may._domainkey.example.org`")
    );
}

#[test]
fn a_field_with_too_many_tags_is_malformed() {
    let many = |count: usize| (0..count).map(|i| format!("; a{i}=1")).collect::<String>();
    let reason = |tags: String| verified(&signed(&tags, None), &DkimKeys::any(ED25519)).remove(0);
    let malformed = |reason: &str| Some(format!("{reason} (RFC 6376 §3.5)"));
    for (tags, expected) in [
        // With `v=`, `bh=` and `b=`.
        (format!("{TAGS}{}", many(92)), None),
        (format!("{TAGS}{}", many(93)), malformed("it has more than 100 tags")),
        (format!("{TAGS}{}", many(400_000)), malformed("it has more than 65536 octets")),
        (format!("{TAGS}; n={}", "a".repeat(64 << 10)), malformed("it has more than 65536 octets")),
    ] {
        let got = reason(tags.clone()).map(|failure| failure.reason);
        assert_eq!(got, expected, "{}", &tags[..200.min(tags.len())]);
    }
}

#[test]
fn many_copied_fields_are_compared_with_many_signed_fields() {
    let (names, copies) = ("a:".repeat(8000), "a:x|".repeat(8000));
    let mail = signed(&format!("{}; z={copies}a:y", TAGS.replace("h=", &format!("h={names}"))), None);
    let mail = mail.replace("From:", &format!("{}From:", "a: x\r\n".repeat(8000)));

    assert_eq!(
        verified(&mail, &DkimKeys::any(ED25519)).remove(0).unwrap().reason,
        "the header field a was changed after signing: it was `y`, and is `x`"
    );
}

#[test]
fn octets_behind_the_length_are_counted() {
    let ten = BASE64.encode(digest(&SHA256, b"1234567890").as_ref());
    let mail = Bytes::from(signed(&format!("{TAGS}; l=10"), Some(&ten)) + "advertisement\r\n");
    let mail = Message::new(MessageNo(1), Origin::Delivered, Timestamp::from_micros(RECEIVED), None, mail);

    let signature = mail.dkim(&DkimKeys::any(ED25519)).remove(0);

    assert_eq!((signature.is_valid(), signature.unsigned_octets), (true, 17));
}

#[test]
fn wrong_keys_are_refused() {
    for (name, record, expected) in [
        ("a.example.org", ED25519, "its name must be that of a record, as in `selector._domainkey.example.org`"),
        ("a._domainkey.b", "v=DKIM2; p=YQ==", "its version is `DKIM2`, not `DKIM1`"),
        ("a._domainkey.b", "p=YQ==; v=DKIM1", "`v=DKIM1` must be its first tag"),
        ("a._domainkey.b", "v=DKIM1; k=rsa", "it has no tag `p=` with the public key"),
        ("a._domainkey.b", "p=YQ", "`p=` is not base64: invalid length at 0"),
        ("a._domainkey.b", "p=MAA=", "`p=` is not an RSA public key in DER"),
        ("a._domainkey.b", "k=ed25519; p=YQ==", "`p=` has 1 octets; an Ed25519 key has 32"),
        ("a._domainkey.b", "k=dsa; p=YQ==", "`k=dsa` is not a type of key; write `rsa` or `ed25519`"),
        ("a._domainkey.b", "hello", "`hello` is not a tag; write `name=value`"),
    ] {
        assert_eq!(DkimKeys::default().insert(name, record).unwrap_err(), expected, "{record}");
    }
}
