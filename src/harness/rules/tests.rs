//! Every step of a scenario file can be written in Rust and in JSON.

use std::time::Duration;

use super::*;
use crate::TlsProfile;
use crate::base::Certificate;
use crate::document::{Data, Location, Node, Reader, TableEntry};
use crate::mail::Bounce;
use crate::protocol::Protocol;
use crate::rule::step::STEPS;

const SPAN: Duration = Duration::from_secs(1);

/// Steps made by the methods of `Rule`, in every form that a file has.
fn built() -> Vec<Timed> {
    let flow = on(any_protocol::greeting())
        .pass()
        .pass_silently()
        .pass_with("NO later")
        .pass_as("NOOP")
        .pass_silently_as("NOOP")
        .log_in("ann")
        .raw(r"250 ok\r\n");
    let flow = flow.reply("250 ok").reply_lines(["250 one", "250 two"]).wait(SPAN).wait_between(SPAN, SPAN * 2);
    let flow = flow.stall().stall_connection().await_line("~^$").capabilities(&["ONE"], &["TWO"]);
    let flow = flow.script("S: 220 hi\nC: NOOP\nPASS");
    let flow = flow.refuse_login().expire_token().revoke_token().restore_token();
    let flow = flow.set_capabilities(&["ONE"]).await_line_or("~^$", steps().reply("250 ok").close());
    let shape =
        on(smtp::noop()).pace(1, SPAN).split([3]).hold().cut(1).close().cut_before("x").reset().eol_lf().eol_cr();
    let shape = shape.eol_none().edit("a", "b").drop_lines("a").drop_line(1).double_line(1).insert_below(1, "x");
    let shape = shape.pad(1, 600);
    let end = on(smtp::noop()).close().reset().half_close().truncate().stop_reading().read_slowly();
    let accepted = on(smtp::message()).lose().deliver_into("Junk").deliver_into(Place::of("bob@example.org", "Junk"));
    let full = Bounce::failed().recipients("*").status("5.2.2").diagnostic("552 Mailbox full").remote_mta("mx.example");
    let accepted = accepted.bounce(full).bounce(Bounce::failed()).bounce(Bounce::delayed()).bounce(Bounce::delivered());
    let accepted = accepted.bounce(Bounce::relayed()).bounce(Bounce::expanded()).bounce(Bounce::complaint());
    let accepted = accepted.bounce(Bounce::complaint().feedback_type("fraud"));
    let accepted = accepted.bounce(Bounce::displayed()).bounce(Bounce::deleted());
    let (inbox, of_bob) = ("INBOX", Place::of("bob@example.org", "INBOX"));
    let mail = on(imap::noop()).expunge(1).expunge(Messages::uid(7).tell_now()).deliver_message("m1", of_bob.clone());
    let mail = mail.expunge(Messages::all().mailbox(of_bob.clone()).tell_never()).flag(1, &[r"\Seen"], &[r"\Recent"]);
    let mail =
        mail.flag(Messages::uid(7).tell_now(), &["a"], &[]).flag(Messages::all().mailbox(of_bob.clone()), &["a"], &[]);
    let mail = mail.renumber(of_bob.clone()).renumber_reversed(inbox).renumber_with_same_uid_validity(inbox);
    let mail = mail.uid_validity(inbox, "=7").code("UIDNEXT", "1").drop_code("UIDNEXT");
    let world = on(mail::delivered()).set("phase", "down").set("session.tries", "+1").set("n", "1").set("is", "true");
    let world = world.kick("bob@example.org").kick_with(Sessions::all().protocol(Protocol::Imap), "* BYE");
    let world = world.stop_listening(SPAN).note("a note").fail("a failure").after(SPAN);
    let fetch =
        on(imap::fetch()).item("FLAGS", "()").drop_item("FLAGS").order_items(["UID"]).literal_off_by(7).literal_of(7);
    let listing =
        on(pop3::list()).drop_listing(2).listing_uid(2, "x").listing_size_off_by(2, 10).listing_size_of(2, 10);
    let tls = on(tls::hello())
        .certificate(Certificate::Expired)
        .tls(
            TlsProfile::new()
                .min("1.2")
                .max("1.2")
                .suites(["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])
                .groups(["x25519", "secp256r1"])
                .client_cert("required")
                .client_ca("any")
                .alpn(["imap"])
                .resumption(true),
        )
        .alert("handshake_failure");
    let rules =
        [flow.rule, shape.rule, end.rule, accepted.rule, mail.rule, world.rule, fetch.rule, listing.rule, tls.rule];
    let steps = rules.into_iter().flat_map(|rule| rule.steps);
    #[cfg(feature = "api")]
    let steps = steps.chain(on(smtp::noop()).ask_within(SPAN, "http://127.0.0.1:9000/hook").rule.steps);
    steps.collect()
}

/// The keys or the words that this kind of step knows, if its value is a table or a word.
fn known(name: &str, value: Data) -> Vec<String> {
    let place = Location::Nowhere;
    let value = Node { place: place.clone(), data: value };
    let step = Data::Table(vec![TableEntry { key: name.into(), place: place.clone(), value }]);
    let mut reader = Reader::default();
    reader.timed(&Node { place, data: step });
    let why = reader.finish(None::<()>).unwrap_err();
    let list = why.split("there are: ").nth(1).unwrap_or_default();
    list.split("; ").next().unwrap_or_default().split(", ").filter(|its| !its.is_empty()).map(Into::into).collect()
}

#[test]
fn every_step_of_a_file_has_a_method() {
    let built = built();
    let of = |name: &str| -> Vec<String> {
        let mine = built.iter().filter(|timed| timed.step.kind().name == name);
        mine.map(|timed| {
            let mut text = String::new();
            timed.step.print().toml(&mut text);
            text
        })
        .collect()
    };
    let unknown = || TableEntry {
        key: "?".into(),
        place: Location::Nowhere,
        value: Node { place: Location::Nowhere, data: Data::Truth(true) },
    };
    assert_eq!(known("kick", Data::Table(vec![unknown()])), ["user", "proto", "reply"]);
    assert_eq!(known("eol", Data::Text("?".into())), ["lf", "cr", "none"]);
    for kind in STEPS {
        let name = kind.name;
        if name == "ask" && !cfg!(feature = "api") {
            continue;
        }
        let mine = of(name);
        assert!(!mine.is_empty(), "no method of `Rule` makes the step `{name}`: add one, and use it in `built`");
        // An unknown key and an unknown word list those that exist.
        for key in known(name, Data::Table(vec![unknown()])) {
            let is_made = mine.iter().any(|text| text.contains(&format!(" {key} = ")));
            assert!(is_made, "no method of `Rule` makes the step `{name}` with the key `{key}`: {mine:?}");
        }
        for word in known(name, Data::Text("?".into())) {
            let is_made = mine.iter().any(|text| text.trim_matches('"') == word);
            assert!(is_made, "no method of `Rule` makes the step `{name}` with `{word}`: {mine:?}");
        }
    }
}

#[test]
fn every_step_is_read_as_it_is_printed() {
    for timed in built() {
        let mut text = String::new();
        timed.print().toml(&mut text);
        let written = text.trim_start_matches('{').trim_end_matches('}');
        assert_eq!(Timed::parse(written).as_ref(), Ok(&timed), "{text}");
    }
}

#[test]
#[cfg(feature = "api")]
fn every_step_has_a_form_in_json() {
    for timed in built() {
        let json = timed.print().json();
        let mut reader = Reader::default();
        let read = reader.timed(&Node::json(&json, ""));
        assert_eq!(reader.finish(read).as_ref(), Ok(&timed), "{json}");
    }
}
