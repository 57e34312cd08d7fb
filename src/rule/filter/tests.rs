use std::time::Duration;

use super::*;

/// What a filter makes of these texts, and whether it changed anything.
fn through(mut filter: Filter, texts: &[&str]) -> (Vec<Cue>, bool) {
    let (mut cues, mut changed) = (Vec::new(), false);
    for text in texts {
        changed |= filter.feed(send(text), &mut |cue| cues.push(cue));
    }
    changed |= filter.finish(&mut |cue| cues.push(cue));
    (cues, changed)
}

fn send(text: &str) -> Cue {
    Cue::send(Reply::from(text.as_bytes().to_vec()))
}

fn cut(at: u64) -> Filter {
    Filter::cut(CutPoint::At(at), CloseMode::Rst)
}

#[test]
fn a_cut_is_at_its_octet_the_last_one_included() {
    assert_eq!(through(cut(3), &["ab", "cd"]), (vec![send("ab"), send("c"), Cue::End(CloseMode::Rst)], true));
    assert_eq!(through(cut(4), &["ab", "cd", "ef"]), (vec![send("ab"), send("cd"), Cue::End(CloseMode::Rst)], true));
    assert_eq!(through(cut(0), &["ab"]), (vec![Cue::End(CloseMode::Rst)], true));
    assert_eq!(through(cut(5), &["ab", "cd"]), (vec![send("ab"), send("cd")], false));
}

#[test]
fn a_line_that_ends_so_already_is_not_changed() {
    let lf = || Filter::lines(Lines::Eol(Eol::Lf));
    assert_eq!(through(lf(), &["a\n", "b\n"]), (vec![send("a\n"), send("b\n")], false));
    assert_eq!(through(lf(), &["a\n", "b\r\n"]), (vec![send("a\n"), send("b\n")], true));
    assert_eq!(through(lf(), &["a"]), (vec![send("a")], false));
}

#[test]
fn a_pace_around_a_pace_has_the_smaller_chunks_and_both_gaps() {
    let paced = |chunk, gap| Pace { chunk, gap: Duration::from_millis(gap) };
    for (inner, outer) in [(paced(3, 2), paced(5, 7)), (paced(5, 2), paced(3, 7))] {
        let mut cues = Vec::new();
        let mut outer = Filter::Pace(outer);
        let said = Cue::Send { bytes: Reply::from(b"abcd".to_vec()), pace: Some(inner), apart: false };
        assert!(outer.feed(said, &mut |cue| cues.push(cue)));
        let [Cue::Send { pace, .. }] = &cues[..] else { panic!("{cues:?}") };
        assert_eq!(*pace, Some(paced(3, 9)));
    }
}

#[test]
fn what_is_held_has_changed_if_it_would_have_left_in_parts() {
    let hold = || Filter::Hold(Vec::new());
    assert_eq!(through(hold(), &["ab", "cd"]), (vec![send("abcd")], true));
    assert_eq!(through(hold(), &["ab"]), (vec![send("ab")], false));
    assert_eq!(through(hold(), &[]), (vec![], false));
    let mut paced = hold();
    let pace = Some(Pace { chunk: 1, gap: Duration::ZERO });
    let cue = Cue::Send { bytes: Reply::from(b"ab".to_vec()), pace, apart: false };
    paced.feed(cue, &mut |_| {});
    assert!(paced.finish(&mut |_| {}));
}

#[test]
fn a_split_parts_what_is_said_behind_its_octets() {
    let ends = |at: &[usize], texts: &[&str]| {
        let (cues, changed) = through(Filter::Split { at: at.to_vec(), seen: 0 }, texts);
        let texts = cues.into_iter().filter_map(|cue| match cue {
            Cue::Send { bytes, apart, .. } => Some((String::from_utf8(bytes.text().to_vec()).unwrap(), apart)),
            _ => None,
        });
        (texts.collect::<Vec<_>>(), changed)
    };
    let said = |all: &[(&str, bool)]| all.iter().map(|(text, apart)| ((*text).to_owned(), *apart)).collect();
    assert_eq!(ends(&[1], &["ab", "cd"]), (said(&[("a", true), ("b", false), ("cd", false)]), true));
    assert_eq!(ends(&[2], &["ab", "cd"]), (said(&[("ab", true), ("cd", false)]), true));
    assert_eq!(ends(&[4, 9], &["ab", "cd"]), (said(&[("ab", false), ("cd", true)]), false));
}

#[test]
fn a_pace_changes_what_is_longer_than_its_chunk() {
    let pace = |chunk| Filter::Pace(Pace { chunk, gap: Duration::ZERO });
    assert!(through(pace(3), &["abcd"]).1);
    assert!(!through(pace(4), &["abcd"]).1);

    let held = |chunk| {
        let mut hold = Filter::Hold(Vec::new());
        let pace = Some(Pace { chunk, gap: Duration::ZERO });
        hold.feed(Cue::Send { bytes: Reply::from(b"abcd".to_vec()), pace, apart: false }, &mut |_| {});
        hold.finish(&mut |_| {})
    };
    assert_eq!([held(3), held(4)], [true, false]);
}

#[test]
fn a_line_is_padded_if_it_is_shorter() {
    let pad = |to| through(Filter::lines(Lines::Pad { line: 1, to }), &["abc\r\n"]);
    assert_eq!(pad(4), (vec![send("abcx\r\n")], true));
    assert_eq!(pad(3), (vec![send("abc\r\n")], false));
}

#[test]
fn a_line_that_came_in_parts_is_one_line() {
    let in_parts = || {
        let mut reply = Reply::from(b"one\r\ntw".to_vec());
        reply.push_labelled("m1", Bytes::from_static(b"o an"));
        reply.push("d more\r\nthree\r\n");
        Cue::send(reply)
    };
    let changed = |edit| {
        let mut said = Vec::new();
        let mut say = |cue| match cue {
            Cue::Send { bytes, .. } => said.extend(bytes.pieces().flatten().copied()),
            other => panic!("{other:?}"),
        };
        assert!(Filter::lines(edit).feed(in_parts(), &mut say));
        String::from_utf8(said).unwrap()
    };
    assert_eq!(changed(Lines::Drop(2)), "one\r\nthree\r\n");
    assert_eq!(changed(Lines::DropFound(Pattern::parse("two and more").unwrap())), "one\r\nthree\r\n");
    assert_eq!(changed(Lines::Pad { line: 3, to: 6 }), "one\r\ntwo and more\r\nthreex\r\n");
}

#[test]
fn lines_that_a_label_stands_for_keep_it_where_they_stay_as_they_are() {
    let through = |edit| {
        let mut reply = Reply::from(b"one\r\n".to_vec());
        reply.push_labelled("m1", Bytes::from_static(b"two\r\nthree\r\n"));
        let (reply, changed) = match Filter::lines(edit) {
            Filter::Lines { edit, mut line } => edit.change(reply, &mut line),
            other => panic!("{other:?}"),
        };
        let pieces =
            reply.into_pieces().into_iter().filter(|piece| !matches!(piece, Piece::Text(text, _) if text.is_empty()));
        let pieces = pieces.map(|piece| match piece {
            Piece::Text(text, _) => ("", String::from_utf8(text).unwrap()),
            Piece::Labelled(_, octets, _) => ("label", String::from_utf8(octets.to_vec()).unwrap()),
        });
        (pieces.collect::<Vec<_>>(), changed)
    };
    let said = |first: &str, label: &'static str, rest: &str| vec![("", first.to_owned()), (label, rest.to_owned())];
    assert_eq!(through(Lines::Pad { line: 1, to: 4 }), (said("onex\r\n", "label", "two\r\nthree\r\n"), true));
    assert_eq!(through(Lines::Pad { line: 2, to: 4 }), (said("one\r\n", "label", "twox\r\nthree\r\n"), true));
    assert_eq!(through(Lines::Pad { line: 4, to: 4 }), (said("one\r\n", "label", "two\r\nthree\r\n"), false));
}

#[test]
fn a_report_says_how_much_a_cut_kept_back() {
    let mut filter = cut(3);
    for text in ["ab", "cd", "efg"] {
        filter.feed(send(text), &mut |_| {});
    }
    assert_eq!(filter.told(), "⟂ cut after 3 of 7 octets, rst");
    assert!(filter.has_cut());
}
