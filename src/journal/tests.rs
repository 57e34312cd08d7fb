use super::*;

const AT: Timestamp = Timestamp::from_micros(0);
const SESSION: SessionNo = SessionNo(1);

fn journal() -> Journal {
    let mut journal = Journal::default();
    let peer = ([127, 0, 0, 1], 1).into();
    journal.open_session(SESSION, AT, Opened { listener: "smtp", peer, local: peer });
    journal
}

#[test]
fn what_came_of_an_unfinished_request_is_kept_as_long_as_the_record_that_says_so() {
    let mut journal = journal();
    journal.end(AT, SESSION, Ending::Broken, 9, b"half a li");

    journal.raise_floor(Seq(journal.tip().0 - 1));

    let text = Transcript::of(&journal, journal.sessions()).to_string();
    assert!(text.starts_with("C| half a li\n-- 9 octets of an incomplete request were lost\n"), "{text}");
}
