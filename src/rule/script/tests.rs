use super::*;
use crate::document::{LineIndex, Shown};

/// A source of pseudorandom numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }

    fn text(&mut self) -> String {
        const PIECES: &[&str] =
            &["a", "{", "}", "{tag}", "{{", "}}", "{12+}", "\\", "|", " ", "é", "{hex:", "{a|", "S:", "-", "250 ok"];
        (0..self.below(8)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    fn octets(&mut self) -> Vec<u8> {
        let ends: &[&[u8]] = &[b"\r\n", b"\n", b"", b"\x00\xff", b"\r"];
        (0..1 + self.below(3)).flat_map(|_| [self.text().as_bytes(), ends[self.below(5)]].concat()).collect()
    }

    fn step(&mut self) -> ScriptStep {
        let line = |text: String| Text::of(&text);
        match self.below(13) {
            0 => ScriptStep::Say(line(self.text())),
            1 => ScriptStep::SayOctets(Text::of_octets(&self.octets())),
            2 if self.below(2) == 0 => ScriptStep::Say(Text::parse("{literal:one}) {message:two|len}").unwrap()),
            2 => ScriptStep::Client(ClientLine::Line(Text::parse("{tag} LOGIN {user}").unwrap())),
            3 => ScriptStep::Client(ClientLine::Line(line(self.text()))),
            4 => ScriptStep::Client(ClientLine::Octets(Text::of_octets(&[&b"x"[..], &self.octets()].concat()))),
            5 => ScriptStep::Client(ClientLine::Regex(Pattern::from("~^EHLO (?<host>\\S+)$"))),
            6 => ScriptStep::Client(ClientLine::Any((self.below(2) == 0).then(|| "line".into()))),
            7 => {
                let octets = (self.below(2) == 0).then(|| self.octets()).filter(|octets| !octets.is_empty());
                ScriptStep::Client(ClientLine::Data(ClientData { name: Some("body".into()), octets }))
            }
            8 => ScriptStep::Optional(line(self.text())),
            9 => ScriptStep::Wait(Duration::from_micros(self.below(9_000_000) as u64)),
            11 => ScriptStep::Login(Text::parse(["ann", "{tag}", "ann b"][self.below(3)]).unwrap()),
            10 => ScriptStep::Comment(format!("x{}", self.text()).into()),
            _ => [ScriptStep::Tls, ScriptStep::Never(Pattern::from("~^AUTH"))][self.below(2)].clone(),
        }
    }
}

#[test]
fn a_printed_script_is_read_as_the_same_script() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..500 {
        let mut steps = vec![ScriptStep::Label("again".into())];
        steps.extend((0..random.below(12)).map(|_| random.step()));
        steps.push(ScriptStep::Client(ClientLine::Any(None)));
        let ends = [ScriptStep::Goto("again".into()), ScriptStep::Pass, ScriptStep::Close(CloseMode::Rst)];
        steps.push(ends[random.below(3)].clone());
        let head = Head {
            about: (0..random.below(3)).map(|i| format!("line {i}").into()).collect(),
            protocol: (random.below(2) == 0).then_some(Protocol::Imap),
            listener: (random.below(2) == 0).then_some(Listener::Imaps),
            on_divergence: [None, Some(Divergence::Reply("BAD no".into()))][random.below(2)].clone(),
        };
        let lines = steps.into_iter().map(|step| ScriptLine { no: 0, at: 0, step }).collect();
        let script = Script { head, lines };

        let printed = script.to_string();
        let read = Script::parse(&printed).unwrap_or_else(|wrong| panic!("{printed}\n{wrong:?}"));

        assert_eq!(read, script, "{printed}");
        assert_eq!(read.to_string(), printed);
    }
}

#[test]
fn the_octets_of_a_text_are_those_it_was_made_of() {
    let mut random = Random(7);
    for _ in 0..500 {
        let (text, octets) = (random.text(), random.octets());
        let values = Values::default();
        let line = Text::parse(Text::of(&text).written()).unwrap();
        let raw = Text::parse_octets(Text::of_octets(&octets).written()).unwrap();

        assert_eq!(line.fill(&values).unwrap(), text.as_bytes(), "{text}");
        assert_eq!(raw.fill(&values).unwrap(), octets, "{octets:?}");
    }
}

#[test]
fn a_client_line_fits_as_documented() {
    let smtp = Fold::Command(Protocol::Smtp);
    let imap = Fold::Command(Protocol::Imap);
    let mut values = Values::default();
    values.set("host", "client.example");
    for (fold, text, got, wanted) in [
        (smtp, "EHLO {name}", "ehlo there", Some("name=there")),
        (smtp, "EHLO {name}", "EHLO two words", None),
        (smtp, "EHLO {host}", "EHLO client.example", Some("")),
        (smtp, "EHLO {host}", "EHLO other.example", None),
        (smtp, "MAIL FROM:<{from}> SIZE={n}", "mail from:<a@b> SIZE=12", Some("n=12 from=a@b")),
        (smtp, "MAIL FROM:<A@b>", "MAIL FROM:<a@b>", None),
        (smtp, "NOOP", "NOOP ", None),
        (smtp, "X {a}-{a}", "X 1-1", Some("a=1")),
        (smtp, "X {a}-{a}", "X 1-2", None),
        (imap, "{tag} UID FETCH 1 X", "a uid fetch 1 X", Some("tag=a")),
        (imap, "{tag} LOGIN {user} {{x}", "A1 LOGIN bob {x}", Some("user=bob tag=A1")),
        (imap, "{tag} LOGIN bob {3}", "A1 LOGIN BOB {3}", None),
        (imap, "DONE", "done", Some("")),
        (Fold::Nothing, "250 {n} ok", "250 7 OK", None),
        (Fold::Nothing, "250 {n} ok", "250 7 ok", Some("n=7")),
    ] {
        let found = Text::parse(text).unwrap().fit(got.as_bytes(), &values, fold);
        let shown = found.map(|found| {
            let pairs = found.iter().map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)));
            pairs.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(shown.as_deref(), wanted, "{text} with {got}");
    }
}

#[test]
fn matching_a_hostile_line_takes_time_linear_in_its_length() {
    let text = Text::parse("{a}{b}{c}{d}.").unwrap();
    let line = ".".repeat(200_000) + "x";

    assert!(text.fit(line.as_bytes(), &Values::default(), Fold::Nothing).is_none());
}

#[test]
fn errors_say_where_what_and_what_would_be_right() {
    let mut report = String::new();
    for text in [
        "",
        "# protocol = imap\n# listener = smtp\n---\nS: x\n",
        "# protocl = imap\n# on_divergence = reply\n# listener = imap\nS: x\n",
        "S: hello\nQ: what\nS:no blank\nPAS\n# a comment\n-- TLS\n",
        "C| {tag} x\nC|\nC| {hex:}\nC~ (\nC* two words\n| data\nC~\n",
        "LOGIN\nLOGIN  \nLOGIN {who}\nLOGON ann\n",
        "LOGIN {who}\n",
        "S: {message:}\nC: {message:x}\nC? {literal:x}\nC| {message:x}\nLOGIN {message:x}\nS: {literal:x|len}\n",
        "W: soon\nX: fine\n=> no where\n@\n",
        "S: {nobody}\nS| \\q\nS: {hex:f}\n",
        "@a\n@a\n=> b\n",
        "@a\nS: again\n-- nothing\n=> a\n",
        "@a\nC? NOOP\nS: 250 ok\n@b\n=> a\n",
        "@line\nC? .\nS: 250 ok\nPASS\n-- no more\nC* text\nS: 552 too long\n=> line\n",
        "S: 221 bye\r\nX: fin\r\nC. body\r\n| data\r\n@end\r\nPASS\r\n",
        "@a\nC: NOOP\n=> a\nS: 250 ok\n@b\nC? QUIT\n=> b\n",
    ] {
        let problems = Script::parse(text).expect_err(text);
        let lines = LineIndex::of(text);
        for problem in &problems {
            report.push_str(&format!("{}\n", Shown { name: "x.session", lines: &lines, problem }));
        }
        report.push('\n');
    }
    insta::assert_snapshot!(report);
}

#[test]
fn data_are_found_after_data_that_were_too_long() {
    let script = Script::parse("C: DATA\nC.\nS: 250 ok\n").unwrap();
    let mut player = Player::new("id".into(), std::sync::Arc::new(script), Protocol::Smtp);
    assert!(matches!(player.hear(b"DATA\r\n", 10), Heard::Fits { .. }));
    let long = [b'x'; 50];
    assert_eq!(player.hear(&long[..8], 10), Heard::More);
    assert!(matches!(player.hear(&long, 10), Heard::Diverges { octets: 50, .. }));

    let heard = player.hear(b"y\r\n.\r\nNOOP\r\n.\r\n", 100);

    assert_eq!(heard, Heard::Fits { octets: 6, is_data: true, wrong: Vec::new() });
}
