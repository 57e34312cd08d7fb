//! Mails per second and server CPU per mail, compared with a bare tokio server that answers each flight with one line,
//! and with Postfix's `smtp-sink` if it is installed. Compare the ratios of one run.
//!
//! `cargo bench --bench smtp [-- FILTER]`

#[path = "load.rs"]
mod load;

use std::process::Command;
use std::time::Instant;

use load::{Case, Measure, Peer, Style, ratio};

const CASES: &[Case] = &[
    Case::new("1 KB, 1 connection", 1 << 10, 1, 10_000, Style::Kept),
    Case::new("1 KB, 10 connections", 1 << 10, 10, 20_000, Style::Kept),
    Case { keep: 500, ..Case::new("1 KB, 10 connections, 500 kept", 1 << 10, 10, 20_000, Style::Kept) },
    Case::new("1 KB, 50 connections", 1 << 10, 50, 20_000, Style::Kept),
    Case::new("1 KB, pipelined, 10", 1 << 10, 10, 30_000, Style::Pipelined),
    Case::new("1 KB, a connection each, 10", 1 << 10, 10, 10_000, Style::Each),
    Case::new("10 KB, 10 connections", 10 << 10, 10, 20_000, Style::Kept),
    Case::new("100 KB, 10 connections", 100 << 10, 10, 4_000, Style::Kept),
    Case::new("1 MB, 4 connections", 1 << 20, 4, 600, Style::Kept),
];

/// How often each case is run against each peer, in turns; the median counts.
const ROUNDS: usize = 3;

fn main() {
    if load::be_echo() {
        return;
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    println!(
        "{:<30} {:>9} {:>9}   {:>8} {:>8}   {:>8} {:>8}",
        "SMTP", "mails/s", "µs CPU", "rate/", "CPU/", "rate/", "CPU/"
    );
    println!("{:<30} {:>9} {:>9}   {:>17}   {:>17}", "", "", "a mail", "bare tokio", "smtp-sink");
    for case in CASES.iter().filter(|case| case.name.contains(&filter)) {
        let mut ours = Vec::new();
        let mut echoes = Vec::new();
        let mut sinks = Vec::new();
        for _ in 0..ROUNDS {
            ours.push(Peer::mailjig(case.keep, &[]).measure(case));
            echoes.push(Peer::echo().measure(case));
            sinks.extend(Peer::smtp_sink().map(|sink| sink.measure(case)));
        }
        let ours = Measure::median(ours);
        let echo = Measure::median(echoes);
        print!(
            "{:<30} {:>9.0} {:>9.1}   {:>8} {:>8}",
            case.name,
            ours.rate,
            ours.cpu_micros,
            ratio(ours.rate, echo.rate),
            ratio(ours.cpu_micros, echo.cpu_micros)
        );
        if sinks.is_empty() {
            println!("   {:>17}", "not installed");
        } else {
            let sink = Measure::median(sinks);
            println!("   {:>8} {:>8}", ratio(ours.rate, sink.rate), ratio(ours.cpu_micros, sink.cpu_micros));
        }
    }
    if filter.is_empty() {
        memory();
        start();
    }
}

/// Octets of resident memory for a captured mail, compared with the octets that a client sent for it.
fn memory() {
    println!("\n{:<30} {:>12} {:>9}", "memory of a captured mail", "octets", "of sent");
    for (size, mails) in [(2 << 10, 40_000), (1 << 20, 300)] {
        let case = Case::new("memory", size, 4, mails, Style::Kept);
        let peer = Peer::mailjig(case.keep, &[]);
        // Exclude what a server allocates only once.
        peer.send(&Case { mails: 8, ..case });
        let before = peer.resident();
        let sent = peer.send(&case);
        let octets = (peer.resident() - before) as f64;
        println!("{:<30} {:>12.0} {:>9.2}", load::size_name(size), octets / mails as f64, octets / sent as f64);
    }
}

/// From the start of a process to its greeting.
fn start() {
    println!("\n{:<30} {:>9} {:>9}", "process start to greeting", "ms", "smtp-sink");
    let greet = |start: &dyn Fn() -> Peer| {
        let mut times: Vec<f64> = (0..15)
            .map(|_| {
                let began = Instant::now();
                let peer = start();
                peer.greeting();
                began.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let ours = greet(&|| Peer::mailjig(1000, &[]));
    let sink = Command::new("smtp-sink").arg("-h").output().is_ok();
    let theirs = sink.then(|| greet(&|| Peer::smtp_sink().expect("it is installed")));
    println!("{:<30} {:>9.2} {:>9}", "", ours, theirs.map_or("-".to_owned(), |theirs| ratio(ours, theirs)));
    let peer = Peer::mailjig(1000, &[]);
    peer.greeting();
    println!("{:<30} {:>9.1}", "idle memory, MB", peer.resident() as f64 / 1e6);
}
