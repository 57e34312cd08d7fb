//! The cost of rules: server CPU for each mail without rules, with rules that are evaluated and do not match, with
//! rules that match and pass, and with a script that plays all of it. Measured in turns; compare the ratios of one run.

#[allow(dead_code)]
#[path = "load.rs"]
mod load;

use std::fmt::Write;

use load::{Case, Measure, Peer, Style, ratio};

const CASE: Case = Case::new("1 KB, 10 connections", 1 << 10, 10, 20_000, Style::Kept);
const ROUNDS: usize = 7;

fn main() {
    if load::be_echo() {
        return;
    }
    let unmatched = |count: usize| {
        let mut text = String::from("mailjig = 1\n");
        for i in 0..count {
            let _infallible = write!(
                text,
                "[[rule]]\nid = \"r{i}\"\non = \"smtp.rcpt\"\nwhen = {{ rcpt = \"user{i}@other.example\" }}\n\
                 do = {{ reply = \"550 no\" }}\n"
            );
        }
        text
    };
    let elsewhere = "mailjig = 1\n[[rule]]\non = \"imap.noop\"\ndo = { reply = \"NO no\" }\n".to_owned();
    let passing = "mailjig = 1\n[[rule]]\non = \"smtp.*\"\ndo = { pass = true }\n".to_owned();
    // A script that says what the server says.
    let script = "mailjig = 1\n[[script]]\non = \"smtp.greeting\"\ntext = '''\nS: 220 hi\nC: EHLO {host}\nS: 250 hi\n@again\n\
                  C? QUIT\nS: 221 bye\nX: fin\nC: MAIL FROM:<{from}>\nS: 250 2.1.0 Ok\nC: RCPT TO:<{to}>\nS: 250 2.1.5 Ok\n\
                  C: DATA\nS: 354 go\nC. body\nS: 250 2.0.0 Ok\n=> again\n'''\n"
        .to_owned();
    let rules = [
        ("one on another protocol", elsewhere),
        ("10 on RCPT, unmatched", unmatched(10)),
        ("1,000 on RCPT, unmatched", unmatched(1000)),
        ("one on everything, passing", passing),
        ("a script", script),
    ];
    let folder = tempfile::tempdir().expect("it can be made");
    let files = rules.map(|(name, text)| {
        let file = folder.path().join(format!("{}.toml", name.replace([' ', ','], "-")));
        std::fs::write(&file, text).expect("it can be written");
        (name, file)
    });
    let mut none = Vec::new();
    let mut with: Vec<Vec<Measure>> = files.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        none.push(Peer::mailjig(CASE.keep, &[]).measure(&CASE));
        for (measures, (_, file)) in with.iter_mut().zip(&files) {
            let file = file.to_str().expect("it is text");
            measures.push(Peer::mailjig(CASE.keep, &["--scenario", file]).measure(&CASE));
        }
    }
    let none = Measure::median(none);
    println!("{:<30} {:>9} µs CPU a mail", "no rules", format!("{:.1}", none.cpu_micros));
    for ((name, _), measures) in files.iter().zip(with) {
        let its = Measure::median(measures);
        println!("{name:<30} {:>9} {:>8}", format!("{:.1}", its.cpu_micros), ratio(its.cpu_micros, none.cpu_micros));
    }
}
