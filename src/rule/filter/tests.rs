//! Tests of the filters.

use std::time::Duration;

use bytes::Bytes;

use super::super::plan::Pace;
use super::super::step::close::CloseMode;
use super::super::step::tests::filter;
use super::*;
use crate::protocol::Piece;

/// The output of a filter for these texts, and whether it changed anything.
pub(in crate::rule) fn through(filter: &mut dyn Filter, texts: &[&str]) -> (Vec<Cue>, bool) {
    let (mut cues, mut changed) = (Vec::new(), false);
    for text in texts {
        changed |= filter.feed(send(text), &mut |cue| cues.push(cue));
    }
    changed |= filter.finish(&mut |cue| cues.push(cue));
    (cues, changed)
}

pub(in crate::rule) fn send(text: &str) -> Cue {
    Cue::send(Reply::from(text.as_bytes().to_vec()))
}

fn cut(at: u64) -> Box<dyn Filter> {
    filter(&format!("cut = {{ at = {at}, close = \"rst\" }}"))
}

#[test]
fn a_cut_is_exactly_at_its_octet() {
    assert_eq!(through(&mut *cut(3), &["ab", "cd"]), (vec![send("ab"), send("c"), Cue::End(CloseMode::Rst)], true));
    assert_eq!(
        through(&mut *cut(4), &["ab", "cd", "ef"]),
        (vec![send("ab"), send("cd"), Cue::End(CloseMode::Rst)], true)
    );
    assert_eq!(through(&mut *cut(0), &["ab"]), (vec![Cue::End(CloseMode::Rst)], true));
    assert_eq!(through(&mut *cut(5), &["ab", "cd"]), (vec![send("ab"), send("cd")], false));
}

#[test]
fn nested_paces_use_the_smaller_chunk_and_add_their_gaps() {
    let paced = |chunk, gap| Pace { chunk, gap: Duration::from_millis(gap) };
    for (inner, outer) in [(paced(3, 2), paced(5, 7)), (paced(5, 2), paced(3, 7))] {
        let mut cues = Vec::new();
        let mut outer = outer;
        let said = Cue::Send { bytes: Reply::from(b"abcd".to_vec()), pace: Some(inner), apart: false };
        assert!(outer.feed(said, &mut |cue| cues.push(cue)));
        let [Cue::Send { pace, .. }] = &cues[..] else { panic!("{cues:?}") };
        assert_eq!(*pace, Some(paced(3, 9)));
    }
}

#[test]
fn a_pace_changes_only_output_longer_than_its_chunk() {
    let pace = |chunk| through(&mut Pace { chunk, gap: Duration::ZERO }, &["abcd"]).1;
    assert_eq!([pace(3), pace(4)], [true, false]);
}

#[test]
fn a_line_is_padded_if_it_is_shorter() {
    let pad = |to| through(&mut *filter(&format!("pad = {{ line = 1, to = {to} }}")), &["abc\r\n"]);
    assert_eq!(pad(4), (vec![send("abcx\r\n")], true));
    assert_eq!(pad(3), (vec![send("abc\r\n")], false));
}

#[test]
fn a_line_in_several_parts_is_one_line() {
    let in_parts = || {
        let mut reply = Reply::from(b"one\r\ntw".to_vec());
        reply.push_labelled("m1", Bytes::from_static(b"o an"));
        reply.push("d more\r\nthree\r\n");
        Cue::send(reply)
    };
    let changed = |edit: &str| {
        let mut said = Vec::new();
        let mut say = |cue| match cue {
            Cue::Send { bytes, .. } => said.extend(bytes.pieces().flatten().copied()),
            other => panic!("{other:?}"),
        };
        assert!(filter(edit).feed(in_parts(), &mut say));
        String::from_utf8(said).unwrap()
    };
    assert_eq!(changed("edit = { line = 2, drop = true }"), "one\r\nthree\r\n");
    assert_eq!(changed("edit = { find = 'two and more', drop = true }"), "one\r\nthree\r\n");
    assert_eq!(changed("pad = { line = 3, to = 6 }"), "one\r\ntwo and more\r\nthreex\r\n");
}

#[test]
fn unchanged_lines_keep_their_label() {
    let through = |edit: &str| {
        let mut reply = Reply::from(b"one\r\n".to_vec());
        reply.push_labelled("m1", Bytes::from_static(b"two\r\nthree\r\n"));
        let (reply, changed) = filter(edit).change(reply);
        let pieces =
            reply.into_pieces().into_iter().filter(|piece| !matches!(piece, Piece::Text(text, _) if text.is_empty()));
        let pieces = pieces.map(|piece| match piece {
            Piece::Text(text, _) => ("", String::from_utf8(text).unwrap()),
            Piece::Labelled(_, octets, _) => ("label", String::from_utf8(octets.to_vec()).unwrap()),
        });
        (pieces.collect::<Vec<_>>(), changed)
    };
    let said = |first: &str, label: &'static str, rest: &str| vec![("", first.to_owned()), (label, rest.to_owned())];
    assert_eq!(through("pad = { line = 1, to = 4 }"), (said("onex\r\n", "label", "two\r\nthree\r\n"), true));
    assert_eq!(through("pad = { line = 2, to = 4 }"), (said("one\r\n", "label", "twox\r\nthree\r\n"), true));
    assert_eq!(through("pad = { line = 4, to = 4 }"), (said("one\r\n", "label", "two\r\nthree\r\n"), false));
}

#[test]
fn a_report_has_the_octets_before_a_cut() {
    let mut filter = cut(3);
    for text in ["ab", "cd", "efg"] {
        filter.feed(send(text), &mut |_| {});
    }
    assert_eq!(filter.description(), "⟂ cut after 3 of 7 octets, rst");
    assert!(filter.has_cut());
}
