//! Changes of responses: items of FETCH, literals, listings and codes.

use bytes::Bytes;

use super::super::tests::filter;
use super::*;

fn fetched() -> Reply {
    let mut reply = Reply::default();
    reply.push("* 2 FETCH (UID 5 BODY[HEADER.FIELDS (A B)] {5}\r\n");
    reply.push_labelled("m1", Bytes::from_static(b"a\r\nbc"));
    reply.push(" ENVELOPE (\"a)\" NIL {2}\r\nxy (1)) FLAGS (\\Seen))\r\n");
    reply
}

fn changed(data: &str, reply: Reply) -> String {
    let (reply, _) = filter(&format!("data = {{ {data} }}")).change(reply);
    let octets: Vec<u8> = reply.pieces().flatten().copied().collect();
    String::from_utf8(octets).unwrap()
}

/// The change of an item of FETCH, or of a code.
fn new(what: &str, name: &str, value: Option<&str>) -> String {
    let value = value.map_or("drop = true".to_owned(), |value| format!("value = '{value}'"));
    format!("{what} = '{name}', {value}")
}

fn item_of(name: &str, value: Option<&str>) -> String {
    changed(&new("item", name, value), fetched())
}

#[test]
fn items_are_replaced_and_dropped() {
    let head = "* 2 FETCH (UID 5 BODY[HEADER.FIELDS (A B)] {5}\r\na\r\nbc ";
    assert_eq!(item_of("envelope", Some("NIL")), format!("{head}ENVELOPE NIL FLAGS (\\Seen))\r\n"));
    assert_eq!(item_of("flags", None), format!("{head}ENVELOPE (\"a)\" NIL {{2}}\r\nxy (1)))\r\n"));
    assert_eq!(item_of("BODY[*", None), "* 2 FETCH (UID 5 ENVELOPE (\"a)\" NIL {2}\r\nxy (1)) FLAGS (\\Seen))\r\n");
    assert_eq!(item_of("UID", Some("-1")), changed("literal = '+0'", fetched()).replace("UID 5", "UID -1"));
}

#[test]
fn items_are_put_in_another_order() {
    let two = || {
        let mut reply = fetched();
        reply.push("* 3 EXISTS\r\n* 3 FETCH (UID 6 FLAGS ())\r\n");
        reply
    };
    let order = |names: &str| changed(&format!("order = [{names}]"), two());
    let (body, envelope) = ("BODY[HEADER.FIELDS (A B)] {5}\r\na\r\nbc", "ENVELOPE (\"a)\" NIL {2}\r\nxy (1))");
    let behind = "* 3 EXISTS\r\n* 3 FETCH";
    assert_eq!(
        order("'flags', 'BODY*', 'X-*'"),
        format!("* 2 FETCH (FLAGS (\\Seen) {body} UID 5 {envelope})\r\n{behind} (FLAGS () UID 6)\r\n")
    );
    assert_eq!(
        order("'ENVELOPE'"),
        format!("* 2 FETCH ({envelope} UID 5 {body} FLAGS (\\Seen))\r\n{behind} (UID 6 FLAGS ())\r\n")
    );
    let (_, found) = filter("data = { order = ['X-*'] }").change(two());
    assert!(!found);
}

#[test]
fn other_responses_than_fetch_are_not_changed() {
    let mut reply = Reply::from(b"* 5 EXISTS\r\n* STATUS a (UID 1)\r\n".to_vec());
    reply.push("* 2 FETCH (UID 5 FLAGS ())\r\n* 6 EXISTS\r\n");

    let text = changed(&new("item", "UID", Some("7")), reply);

    assert_eq!(text, "* 5 EXISTS\r\n* STATUS a (UID 1)\r\n* 2 FETCH (UID 7 FLAGS ())\r\n* 6 EXISTS\r\n");
}

#[test]
fn an_item_with_a_label_in_its_parentheses_is_changed_as_a_whole() {
    let item = |value: Option<&str>| {
        let mut reply = Reply::from(b"* 2 FETCH (UID 5 ENVELOPE (long) BODY NIL)\r\n".to_vec());
        let at = reply.text().iter().position(|byte| *byte == b'l').unwrap();
        reply.label(at..at + 4, "m1 ENVELOPE");
        changed(&new("item", "ENVELOPE", value), reply)
    };
    assert_eq!(item(Some("NIL")), "* 2 FETCH (UID 5 ENVELOPE NIL BODY NIL)\r\n");
    assert_eq!(item(None), "* 2 FETCH (UID 5 BODY NIL)\r\n");
}

#[test]
fn a_quoted_string_ends_at_the_quote_without_a_backslash() {
    let reply = Reply::from(br#"* 2 FETCH (ENVELOPE ("a\" UID 1) \\" NIL) UID 5)"#.to_vec());

    let text = changed(&new("item", "UID", Some("7")), reply);

    assert_eq!(text, r#"* 2 FETCH (ENVELOPE ("a\" UID 1) \\" NIL) UID 7)"#);
}

#[test]
fn dropping_an_item_also_drops_its_blank_and_nothing_else() {
    for (fetched, left) in [("(UID 5 FLAGS ())", "(FLAGS ())"), ("(FLAGS () UID 5)", "(FLAGS ())"), ("(UID 5)", "()")] {
        let reply = Reply::from(format!("* 2 FETCH {fetched}\r\n").into_bytes());
        let text = changed(&new("item", "UID", None), reply);
        assert_eq!(text, format!("* 2 FETCH {left}\r\n"));
    }
}

#[test]
fn a_report_describes_the_change() {
    for (data, description) in [
        ("item = 'UID', value = '7'", "UID replaced"),
        ("item = 'UID', drop = true", "UID dropped"),
        ("order = ['UID']", "items in another order"),
        ("literal = '+7'", "literals announce +7"),
        ("literal = '=7'", "literals announce 7"),
        ("listing = 2, drop = true", "line 2 of the listing dropped"),
        ("listing = 2, uid = '7'", "line 2 of the listing changed"),
        ("code = 'UIDNEXT', value = '7'", "[UIDNEXT] replaced"),
        ("code = 'UIDNEXT', drop = true", "[UIDNEXT] dropped"),
    ] {
        assert_eq!(filter(&format!("data = {{ {data} }}")).description(), description);
    }
}

#[test]
fn a_literal_announces_the_given_size() {
    let text = changed("literal = '+7'", fetched());
    assert!(text.contains("{12}\r\na\r\nbc ENV"), "{text}");
    let text = changed("literal = '=4294967295'", fetched());
    assert!(text.contains("{4294967295}\r\na\r\nbc ENV"), "{text}");
    // A literal8, which may contain NUL (RFC 3516 §4.2).
    let reply = Reply::from(b"* 2 FETCH (BINARY[] ~{2}\r\n\0\0 UID 5)\r\n".to_vec());
    let text = changed("literal = '-1'", reply);
    assert_eq!(text, "* 2 FETCH (BINARY[] ~{1}\r\n\0\0 UID 5)\r\n");
}

#[test]
fn listings_and_codes() {
    let list = || Reply::from(b"+OK 3\r\n1 10\r\n2 20\r\n3 30\r\n.\r\n".to_vec());
    let listing = |change: &str| changed(&format!("listing = {change}"), list());
    assert_eq!(listing("3, drop = true"), "+OK 3\r\n1 10\r\n2 20\r\n.\r\n");
    assert_eq!(listing("2, size = '+10'"), "+OK 3\r\n1 10\r\n2 30\r\n3 30\r\n.\r\n");
    assert_eq!(listing("1, uid = 'x'"), "+OK 3\r\n1 x\r\n2 20\r\n3 30\r\n.\r\n");
    let one = || Reply::from(b"* OK [UIDNEXT 5] next\r\nA1 OK [READ-WRITE] done\r\n".to_vec());
    let code = |name: &str, value: Option<&str>| changed(&new("code", name, value), one());
    assert_eq!(code("uidnext", None), "A1 OK [READ-WRITE] done\r\n");
    assert_eq!(code("UIDNEXT", Some("0")), "* OK [UIDNEXT 0] next\r\nA1 OK [READ-WRITE] done\r\n");
    assert_eq!(code("READ-WRITE", None), "* OK [UIDNEXT 5] next\r\nA1 OK done\r\n");
}
