//! Load on an SMTP server in a process of its own, and its cost in that process.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Octets of each message.
    pub(crate) size: usize,
    pub(crate) connections: usize,
    pub(crate) mails: usize,
    pub(crate) style: Style,
    /// How many messages the server keeps. If it keeps all, each is written to fresh memory, whose cost in the system
    /// is part of the measurement; if it keeps few, memory is reused.
    pub(crate) keep: usize,
}

impl Case {
    /// A case in which every message is kept.
    pub(crate) const fn new(name: &'static str, size: usize, connections: usize, mails: usize, style: Style) -> Self {
        Self { name, size, connections, mails, style, keep: 10_000_000 }
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    /// Many mails on a connection, each command waiting for its reply.
    Kept,
    /// MAIL, RCPT and DATA in one flight (RFC 2920), many mails on a connection.
    Pipelined,
    /// A connection for each mail.
    Each,
}

pub(crate) struct Measure {
    pub(crate) rate: f64,
    pub(crate) cpu_micros: f64,
}

impl Measure {
    pub(crate) fn median(mut all: Vec<Self>) -> Self {
        let rate = median(all.iter_mut().map(|measure| measure.rate).collect());
        let cpu_micros = median(all.iter_mut().map(|measure| measure.cpu_micros).collect());
        Self { rate, cpu_micros }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn ratio(ours: f64, theirs: f64) -> String {
    format!("{:.2}", ours / theirs)
}

pub(crate) fn size_name(octets: usize) -> String {
    if octets >= 1 << 20 { format!("{} MB", octets >> 20) } else { format!("{} KB", octets >> 10) }
}

/// A server under load: a process that is killed when this is dropped.
pub(crate) struct Peer {
    process: Child,
    address: SocketAddr,
}

impl Peer {
    /// The program with these options, which keeps this many messages.
    pub(crate) fn mailjig(keep: usize, options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mailjig"))
            .args(["serve", "--ports", "auto", "--json", "--quiet", "--keep-size", "100GB"])
            .args(["--keep", &keep.to_string()])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut ready = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut ready).expect("it says where it listens");
        let ready: serde_json::Value = serde_json::from_str(&ready).expect("the first line is JSON");
        let smtp = &ready["endpoints"]["smtp"];
        let address = format!("127.0.0.1:{}", smtp["port"]).parse().expect("a port");
        Self { process, address }
    }

    /// A bare tokio server in a process of its own.
    pub(crate) fn echo() -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program has a path"))
            .env("MAILJIG_BENCH_ECHO", "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says its address");
        Self { process, address: line.trim().parse().expect("an address") }
    }

    /// Postfix's smtp-sink, if it is installed.
    pub(crate) fn smtp_sink() -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let process = Command::new("smtp-sink")
            .args(["-u", "nobody", &format!("inet:{address}"), "1024"])
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { process, address })
    }

    /// Connects as soon as the server accepts, and reads the greeting.
    pub(crate) fn greeting(&self) -> Connection {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Ok(socket) = TcpStream::connect(self.address) {
                return Connection::new(socket);
            }
            assert!(Instant::now() < deadline, "nobody listens at {}", self.address);
            std::thread::yield_now();
        }
    }

    pub(crate) fn measure(&self, case: &Case) -> Measure {
        drop(self.greeting());
        self.send(&Case { mails: case.mails / 20 + 1, ..*case });
        let (before, began) = (self.cpu(), Instant::now());
        self.send(case);
        let (elapsed, cpu) = (began.elapsed(), self.cpu() - before);
        let mails = case.mails as f64;
        Measure { rate: mails / elapsed.as_secs_f64(), cpu_micros: cpu.as_secs_f64() * 1e6 / mails }
    }

    /// Sends all mails of a case; returns how many octets were sent.
    pub(crate) fn send(&self, case: &Case) -> u64 {
        let (next, sent) = (AtomicUsize::new(0), AtomicU64::new(0));
        let body = body(case.size);
        std::thread::scope(|scope| {
            for _ in 0..case.connections {
                scope.spawn(|| {
                    let mut connection = None;
                    while next.fetch_add(1, Ordering::Relaxed) < case.mails {
                        let mut open = connection.take().unwrap_or_else(|| self.greeting().hello());
                        let octets = open.mail(&body, case.style == Style::Pipelined);
                        sent.fetch_add(octets, Ordering::Relaxed);
                        if case.style == Style::Each { open.quit() } else { connection = Some(open) }
                    }
                });
            }
        });
        sent.into_inner()
    }

    /// User and system time of the process so far.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs, on Linux");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Octets of memory that are resident.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs, on Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("Linux says so");
        let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
        kilobytes * 1024
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _it_may_be_gone = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) struct Connection {
    socket: TcpStream,
    replies: Vec<u8>,
}

impl Connection {
    fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).expect("a socket");
        let mut new = Self { socket, replies: Vec::new() };
        new.replies(1);
        new
    }

    fn hello(mut self) -> Self {
        self.say(b"EHLO client.example\r\n");
        self.replies(1);
        self
    }

    fn mail(&mut self, body: &[u8], pipelined: bool) -> u64 {
        let commands: [&[u8]; 3] = [b"MAIL FROM:<ann@example.org>\r\n", b"RCPT TO:<bob@example.org>\r\n", b"DATA\r\n"];
        if pipelined {
            self.say(&commands.concat());
            self.replies(3);
        } else {
            for command in commands {
                self.say(command);
                self.replies(1);
            }
        }
        self.say(body);
        self.replies(1);
        commands.concat().len() as u64 + body.len() as u64
    }

    fn quit(mut self) {
        self.say(b"QUIT\r\n");
        self.replies(1);
    }

    fn say(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the server listens");
    }

    /// Reads this many complete replies.
    fn replies(&mut self, mut wanted: usize) {
        let mut buffer = [0; 4096];
        loop {
            while let Some(end) = self.replies.iter().position(|byte| *byte == b'\n') {
                let is_last = self.replies.get(3) != Some(&b'-');
                assert!(matches!(self.replies[0], b'2' | b'3'), "{}", String::from_utf8_lossy(&self.replies));
                self.replies.drain(..=end);
                wanted -= usize::from(is_last);
                if wanted == 0 {
                    return;
                }
            }
            let octets = self.socket.read(&mut buffer).expect("the server answers");
            assert!(octets > 0, "the server closed the connection");
            self.replies.extend_from_slice(&buffer[..octets]);
        }
    }
}

fn body(size: usize) -> Vec<u8> {
    let mut body = b"From: ann@example.org\r\nTo: bob@example.org\r\nSubject: load\r\n\r\n".to_vec();
    while body.len() < size {
        body.extend_from_slice(b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n");
    }
    body.extend_from_slice(b".\r\n");
    body
}

/// In a process of its own: answers each flight with one line, or with three if three replies are due; forever.
pub(crate) fn be_echo() -> bool {
    if std::env::var_os("MAILJIG_BENCH_ECHO").is_none() {
        return false;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("it is bound"));
        loop {
            let (socket, _) = listener.accept().await.expect("somebody connects");
            tokio::spawn(answer(socket));
        }
    })
}

async fn answer(mut socket: tokio::net::TcpStream) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    socket.set_nodelay(true)?;
    socket.write_all(b"220 echo\r\n").await?;
    let mut buffer = vec![0; 128 << 10];
    let mut in_data = false;
    let mut tail = Vec::new();
    loop {
        let octets = socket.read(&mut buffer).await?;
        if octets == 0 {
            return Ok(());
        }
        let flight = &buffer[..octets];
        tail.extend_from_slice(&flight[octets.saturating_sub(5)..]);
        tail.drain(..tail.len().saturating_sub(5));
        let replies = match (in_data, tail.ends_with(b"\r\n.\r\n"), flight.ends_with(b"DATA\r\n")) {
            (true, false, _) => continue,
            (true, true, _) => {
                in_data = false;
                1
            }
            (false, _, true) => {
                in_data = true;
                flight.iter().filter(|byte| **byte == b'\n').count()
            }
            (false, ..) => 1,
        };
        socket.write_all("250 ok\r\n".repeat(replies).as_bytes()).await?;
    }
}
