//! The size of the program, and how long it takes to start: until every port is bound, and until an SMTP client has the
//! greeting; compared with `true`, which only starts and ends.
//!
//! `cargo bench --bench program`, or with a program that was built before:
//! `cargo bench --bench program -- "$PWD/target/static/mailjig"`

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const STARTS: usize = 100;

fn main() {
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let program = PathBuf::from(named.unwrap_or_else(|| env!("CARGO_BIN_EXE_mailjig").to_owned()));
    let size = fs::metadata(&program).expect("the program is there").len();
    println!("size                                  {size} octets ({:.1} MiB)", size as f64 / f64::from(1 << 20));

    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..STARTS {
        let began = Instant::now();
        Command::new("true").status().expect("it starts");
        times[0].push(began.elapsed());

        let (bound, greeted) = start(&program);
        times[1].push(bound);
        times[2].push(greeted);
    }
    let [nothing, bound, greeted] = times.map(median);
    println!("start and end of `true`               {nothing:?}");
    println!("start until every port is bound       {bound:?}");
    println!("start until the SMTP greeting         {greeted:?}");
}

/// Times from the start of the program until its ports are bound, and until a client has the greeting.
fn start(program: &PathBuf) -> (Duration, Duration) {
    let began = Instant::now();
    let mut serve = Command::new(program);
    serve.args(["serve", "--ports", "auto", "--json", "--quiet"]).stdout(Stdio::piped());
    let mut process = Stop(serve.spawn().expect("it starts"));
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().expect("it is piped")).read_line(&mut line).expect("it prints text");
    let bound = began.elapsed();

    let ready: serde_json::Value = serde_json::from_str(&line).expect("it prints its endpoints");
    let port = ready["endpoints"]["smtp"]["port"].as_u64().expect("a port");
    let mut client = TcpStream::connect(("127.0.0.1", u16::try_from(port).expect("a port"))).expect("it listens");
    client.read_exact(&mut [0; 4]).expect("it greets");
    (bound, began.elapsed())
}

struct Stop(Child);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
