//! The cost of a server in a test, and the latency of replies.
//!
//! `cargo bench --bench server`

use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mailjig::MailServer;
use mailjig::matchers::to;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    // The runtime's threads start once for the process.
    drop(MailServer::start());
    start();
    many();
    wait_latency();
    parked_waits();
    lists();
}

fn start() {
    let times = |with_ca: bool| {
        let times = (0..500).map(|_| {
            let began = Instant::now();
            let server = MailServer::start();
            if with_ca {
                std::hint::black_box(server.ca());
            }
            began.elapsed()
        });
        median(times.collect())
    };
    println!("server start, every listener bound    {:?}", times(false));
    println!("the same with its certificates made   {:?}", times(true));
}

fn many() {
    let began = Instant::now();
    let servers: Vec<_> = (0..100).map(|_| MailServer::start()).collect();
    drop(servers);
    println!("100 servers started and stopped       {:?}", began.elapsed());
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(server: &MailServer) -> Self {
        let socket = TcpStream::connect(server.smtp().address()).expect("it listens");
        socket.set_nodelay(true).expect("a socket");
        let mut client = Self(BufReader::new(socket));
        client.reply();
        client.say("HELO x\r\n");
        client
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("it reads");
        self.reply();
    }

    fn reply(&mut self) {
        self.0.read_line(&mut String::new()).expect("it answers");
    }

    /// Returns the time when the `250` was read.
    fn mail(&mut self, recipient: &str) -> Instant {
        self.say("MAIL FROM:<>\r\n");
        self.say(&format!("RCPT TO:<{recipient}>\r\n"));
        self.say("DATA\r\n");
        self.say("Subject: hi\r\n\r\nhi\r\n.\r\n");
        Instant::now()
    }
}

/// One GET on a connection of its own; returns its duration and when the response had arrived.
fn get(address: &str, path: &str) -> (Duration, Instant) {
    let began = Instant::now();
    let mut socket = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    (began.elapsed(), Instant::now())
}

fn wait_latency() {
    let server = MailServer::start();
    let address = server.api().trim_start_matches("http://").to_owned();
    let mut client = Client::connect(&server);
    let bare = median((0..200).map(|_| get(&address, "/v1/health").0).collect());
    let waits = (0..200).map(|n| {
        let path = format!("/v1/messages?to=user{n}@example.org&wait=10s");
        let address = address.clone();
        let waiting = std::thread::spawn(move || get(&address, &path).1);
        // The wait is parked once its connection has been idle for a while; there is no fact to wait for.
        std::thread::sleep(Duration::from_millis(2));
        let replied = client.mail(&format!("user{n}@example.org"));
        waiting.join().expect("it is answered").saturating_duration_since(replied)
    });
    let woken = median(waits.collect());
    println!(
        "`250` to the answer of a wait         {woken:?}, {:.2} of a bare GET ({bare:?})",
        woken.as_secs_f64() / bare.as_secs_f64()
    );

    let local = (0..200).map(|n| {
        let recipient = format!("local{n}@example.org");
        let wait = server.wait_for(to(recipient.as_str()));
        let waiting = std::thread::spawn(move || {
            drop(wait.block());
            Instant::now()
        });
        std::thread::sleep(Duration::from_millis(1));
        let replied = client.mail(&recipient);
        waiting.join().expect("it is woken").saturating_duration_since(replied)
    });
    println!("`250` to a woken wait in Rust         {:?}", median(local.collect()));
}

fn parked_waits() {
    let rate = |server: &MailServer| {
        let mut client = Client::connect(server);
        let began = Instant::now();
        for _ in 0..3000 {
            client.mail("bob@example.org");
        }
        began.elapsed()
    };
    let mut ratios: Vec<f64> = (0..5)
        .map(|_| {
            let server = MailServer::start();
            let without = rate(&server);
            let waits: Vec<_> = (0..1000).map(|n| server.wait_for(to(format!("user{n}@example.org")))).collect();
            let mut waits: Vec<_> = waits.into_iter().map(Box::pin).collect();
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            waits.iter_mut().for_each(|wait| assert!(wait.as_mut().poll(&mut cx).is_pending()));
            let with = rate(&server);
            with.as_secs_f64() / without.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("mail beside 1,000 parked waits        {:.2} of the time without", ratios[2]);
}

fn lists() {
    let time = |count: usize, path: &str| {
        let server = MailServer::start();
        for n in 0..count {
            server.deliver(&format!("user{}@example.org", n % (count / 5)), format!("Subject: {n}\r\n\r\nhi"));
        }
        let address = server.api().trim_start_matches("http://").to_owned();
        median((0..100).map(|_| get(&address, path).0).collect())
    };
    for (name, path) in [
        ("one message among 50,000", "/v1/messages/m77"),
        ("a filtered list among 50,000", "/v1/messages?to=user7@example.org"),
    ] {
        let (many, few) = (time(50_000, path), time(500, path));
        println!("{name:<37} {many:?}, {:.2} of the time among 500", many.as_secs_f64() / few.as_secs_f64());
    }
}
