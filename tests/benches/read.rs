//! Reading mail: IMAP and POP3 on a mailbox of 10,000 messages of 2 KB, compared with Dovecot (sdbox in memory) if it
//! is installed. Compare the ratios of one run.
//!
//! `cargo bench --bench read`

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const MESSAGES: usize = 10_000;
const OCTETS: usize = 2 << 10;
/// How often each case is run against each peer, in turns; the median counts.
const ROUNDS: usize = 3;
const LOGIN: &str = "bob@example.org";

/// What a case does with a server with a full INBOX, and its unit.
type Case = (&'static str, &'static str, fn(&Peer) -> f64);

const CASES: &[Case] = &[
    ("FETCH FULL", "messages/s", |peer| imap(peer, MESSAGES, "FETCH 1:* FULL")),
    ("FETCH FLAGS", "messages/s", |peer| imap(peer, MESSAGES, "FETCH 1:* (UID FLAGS)")),
    ("FETCH BODY.PEEK[]", "MB/s", |peer| imap(peer, MESSAGES * OCTETS, "FETCH 1:* BODY.PEEK[]") / 1e6),
    ("SEARCH TEXT", "messages/s", |peer| imap(peer, MESSAGES, "SEARCH TEXT nowhere-to-be-found")),
    ("STORE FLAGS", "messages/s", |peer| {
        imap(peer, MESSAGES, "STORE 1:* +FLAGS.SILENT (\\Flagged)");
        imap(peer, MESSAGES, "STORE 1:* -FLAGS.SILENT (\\Flagged)")
    }),
    ("login and SELECT", "/s", |peer| per_second(50, |_| drop(selected(peer)))),
    ("POP3 login", "/s", |peer| per_second(20, |_| quit(pop3(peer)))),
    ("POP3 RETR", "messages/s", |peer| {
        let mut client = pop3(peer);
        let retrieve: String = (1..=2_000).map(|number| format!("RETR {number}\r\n")).collect();
        let began = Instant::now();
        client.flight(&retrieve, "\r\n.\r\n", 2_000);
        let rate = 2_000.0 / began.elapsed().as_secs_f64();
        quit(client);
        rate
    }),
];

fn main() {
    let peers: Vec<Peer> = std::iter::once(Peer::mailjig()).chain(Peer::dovecot()).collect();
    println!("{:<22} {:>12} {:>12} {:>8}", "10,000 × 2 KB", "mailjig", "Dovecot", "ratio");
    line("APPEND", "messages/s", &peers.iter().map(fill).collect::<Vec<_>>());
    let cold = peers.iter().map(|peer| imap(peer, MESSAGES, "FETCH 1:* FULL"));
    line("FETCH FULL, cold", "messages/s", &cold.collect::<Vec<_>>());
    for (name, unit, case) in CASES {
        let mut values: Vec<Vec<f64>> = peers.iter().map(|_| Vec::new()).collect();
        for _ in 0..ROUNDS {
            for (peer, values) in peers.iter().zip(&mut values) {
                values.push(case(peer));
            }
        }
        line(name, unit, &values.into_iter().map(median).collect::<Vec<_>>());
    }
    let news = peers.iter().map(|peer| median((0..7).map(|_| news(peer)).collect()));
    line("IDLE: OK to EXISTS", "ms", &news.collect::<Vec<_>>());
}

fn line(name: &str, unit: &str, values: &[f64]) {
    let number = |value: f64| if value < 100.0 { format!("{value:.3}") } else { format!("{value:.0}") };
    let theirs = values.get(1).map_or("-".to_owned(), |value| number(*value));
    let ratio = values.get(1).map_or("-".to_owned(), |theirs| format!("{:.3}", values[0] / theirs));
    println!("{name:<22} {:>12} {theirs:>12} {ratio:>8}  {unit}", number(values[0]));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn per_second(count: usize, act: impl Fn(usize)) -> f64 {
    let began = Instant::now();
    (0..count).for_each(act);
    count as f64 / began.elapsed().as_secs_f64()
}

fn message(number: usize) -> String {
    let head = format!(
        "From: Ann <ann@example.org>\r\nTo: Bob <{LOGIN}>\r\nSubject: message {number}\r\n\
         Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <{number}@example.org>\r\n\r\n"
    );
    let line = "The quick brown fox jumps over the lazy dog, again and again.\r\n";
    let lines = (OCTETS - head.len()) / line.len();
    let last = format!("{}\r\n", "x".repeat(OCTETS - head.len() - lines * line.len() - 2));
    head + &line.repeat(lines) + &last
}

/// Fills the INBOX over IMAP, one APPEND after another.
fn fill(peer: &Peer) -> f64 {
    let mut client = Client::new(peer.imap);
    client.ask(&format!("LOGIN {LOGIN} secret"));
    let messages: Vec<String> = (1..=MESSAGES).map(message).collect();
    let began = Instant::now();
    for message in &messages {
        client.ask(&format!("APPEND INBOX {{{}+}}\r\n{message}", message.len()));
    }
    MESSAGES as f64 / began.elapsed().as_secs_f64()
}

fn selected(peer: &Peer) -> Client {
    let mut client = Client::new(peer.imap);
    client.ask(&format!("LOGIN {LOGIN} secret"));
    client.ask("SELECT INBOX");
    client
}

/// The rate per second of one command.
fn imap(peer: &Peer, count: usize, command: &str) -> f64 {
    let mut client = selected(peer);
    let began = Instant::now();
    client.ask(command);
    count as f64 / began.elapsed().as_secs_f64()
}

fn pop3(peer: &Peer) -> Client {
    let mut client = Client::new(peer.pop3);
    client.flight(&format!("USER {LOGIN}\r\n"), "+OK", 1);
    client.flight("PASS secret\r\n", "+OK", 1);
    client
}

/// Ends the session with QUIT: after a mere close, the maildrop remains locked until the server has seen it (RFC 1939
/// §6).
fn quit(mut client: Client) {
    client.flight("QUIT\r\n", "+OK", 1);
}

/// Milliseconds from the reply to an APPEND until a client in IDLE is told of it.
fn news(peer: &Peer) -> f64 {
    let mut idler = selected(peer);
    let mut sender = selected(peer);
    idler.flight("i IDLE\r\n", "+ ", 1);
    let (tell, told) = mpsc::channel();
    let listening = std::thread::spawn(move || {
        idler.until("EXISTS", 1);
        tell.send(Instant::now()).expect("somebody waits");
    });
    let message = message(0);
    sender.ask(&format!("APPEND INBOX {{{}+}}\r\n{message}", message.len()));
    let answered = Instant::now();
    let heard = told.recv_timeout(Duration::from_secs(60)).expect("the news comes");
    listening.join().expect("it ends");
    sender.ask("STORE * +FLAGS.SILENT (\\Deleted)");
    sender.ask("EXPUNGE");
    heard.saturating_duration_since(answered).as_secs_f64() * 1e3
}

/// A connection that reads in large pieces.
struct Client {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        let deadline = Instant::now() + Duration::from_secs(10);
        let socket = loop {
            match TcpStream::connect(address) {
                Ok(socket) => break socket,
                Err(error) => assert!(Instant::now() < deadline, "nobody listens at {address}: {error}"),
            }
        };
        socket.set_nodelay(true).expect("it is a socket");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("it is a socket");
        let mut client = Self { socket, buffer: vec![0; 256 << 10] };
        client.until("\r\n", 1);
        client
    }

    /// One IMAP command, to its tagged answer, which must be OK.
    fn ask(&mut self, command: &str) {
        self.flight(&format!("z {command}\r\n"), "z OK", 1);
    }

    fn flight(&mut self, octets: &str, until: &str, count: usize) {
        let mut socket = self.socket.try_clone().expect("it is a socket");
        std::thread::scope(|scope| {
            // A long flight is written while its replies are read.
            let writing = (octets.len() > 16 << 10).then(|| scope.spawn(|| socket.write_all(octets.as_bytes())));
            if writing.is_none() {
                self.socket.write_all(octets.as_bytes()).expect("it is written");
            }
            self.until(until, count);
        });
    }

    /// Reads until this text has occurred this often.
    fn until(&mut self, text: &str, count: usize) {
        let (mut seen, mut kept) = (0, 0);
        while seen < count {
            let came = self.socket.read(&mut self.buffer[kept..]).expect("it answers");
            assert!(came > 0, "the server closed the connection");
            let all = kept + came;
            let mut from = 0;
            for at in memchr::memmem::find_iter(&self.buffer[..all], text.as_bytes()) {
                (seen, from) = (seen + 1, at + text.len());
            }
            assert!(!self.buffer[..all].starts_with(b"z NO") && !self.buffer[..all].starts_with(b"z BAD"));
            // Keep what may be the beginning of the text.
            let start = from.max((all + 1).saturating_sub(text.len()));
            self.buffer.copy_within(start..all, 0);
            kept = all - start;
        }
    }
}

struct Peer {
    process: Child,
    imap: SocketAddr,
    pop3: SocketAddr,
    folder: Option<PathBuf>,
}

impl Peer {
    fn mailjig() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mailjig"))
            .args(["serve", "--ports", "auto", "--json", "--quiet"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut ready = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut ready).expect("it says where");
        let ready: serde_json::Value = serde_json::from_str(&ready).expect("the first line is JSON");
        let address = |name: &str| {
            let endpoint = &ready["endpoints"][name];
            format!("127.0.0.1:{}", endpoint["port"]).parse().expect("a port")
        };
        Self { process, imap: address("imap"), pop3: address("pop3"), folder: None }
    }

    /// Debian's Dovecot, with its mail in memory.
    fn dovecot() -> Option<Self> {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let (imap, pop3) = (free(), free());
        let folder = PathBuf::from(format!("/dev/shm/mailjig-bench-{}", std::process::id()));
        fs::create_dir_all(folder.join("mail")).ok()?;
        let _owner = Command::new("chown").args(["mail:mail"]).arg(folder.join("mail")).status();
        let config = format!(
            "base_dir = {0}/run\nlog_path = {0}/log\nprotocols = imap pop3\nlisten = 127.0.0.1\nssl = no\n\
             disable_plaintext_auth = no\nfirst_valid_uid = 1\nmail_max_userip_connections = 1000\n\
             mail_location = sdbox:~/sdbox\n\
             passdb {{\n driver = static\n args = password=secret\n}}\n\
             userdb {{\n driver = static\n args = uid=mail gid=mail home={0}/mail/%u\n}}\n\
             service imap-login {{\n inet_listener imap {{\n port = {1}\n }}\n}}\n\
             service pop3-login {{\n inet_listener pop3 {{\n port = {2}\n }}\n}}\n",
            folder.display(),
            imap.port(),
            pop3.port()
        );
        fs::write(folder.join("dovecot.conf"), config).ok()?;
        let process = Command::new("dovecot").arg("-F").arg("-c").arg(folder.join("dovecot.conf")).spawn().ok()?;
        Some(Self { process, imap, pop3, folder: Some(folder) })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = Command::new("kill").arg(self.process.id().to_string()).status();
        let _status = self.process.wait();
        if let Some(folder) = &self.folder {
            let _removed = fs::remove_dir_all(folder);
        }
    }
}
