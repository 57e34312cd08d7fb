//! Input with which clients may try to slow a server down: each kind at 1 MB and at 10 MB, its time, and the longest
//! NOOP of another session meanwhile. Ten times the input takes about ten times as long if everything is linear.
//!
//! A NOOP also includes the time for which the operating system lets the threads of server and client wait while others
//! use the cores. The second row shows this: NOOPs of an idle server while a thread for each core is busy. A row above
//! that time, or with too much growth, is measured again, and the minimum counts: the server's own work takes its time
//! in every try.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SIZES: [usize; 2] = [1 << 20, 10 << 20];
/// The report marks growth above this for ten times the input, and NOOPs above this and above those with busy cores.
const MOST_GROWTH: f64 = 20.0;
const MOST_NOOP: f64 = 5.0;
/// Maximum number of tries of a row.
const TRIES: usize = 4;
const LOGIN: &str = "bob@example.org";

/// Rules that read all of a mail, and do not fire.
const RULES: &str = r#"
mailjig = 1
[[rule]]
on = ["smtp.message", "mail.delivered", "imap.append", "imap.fetch.item", "pop3.retr", "pop3.top", "pop3.dele"]
when = { body = "~(a|b)+c" }
do = [{ note = "{subject}" }]
[[rule]]
on = ["smtp.message", "mail.delivered", "imap.append", "imap.fetch.item", "pop3.retr", "pop3.top", "pop3.dele"]
when = { 'header.X' = "*a*b*a*c" }
do = [{ note = "{header.X}" }]
[[rule]]
on = ["smtp.message", "mail.delivered", "imap.append", "imap.fetch.item", "imap.store"]
when = { subject = "*a*a*b" }
do = [{ note = "{subject}" }]
"#;

/// Gives a server input of about this many octets.
type Case = (&'static str, fn(&Server, usize));

const CASES: &[Case] = &[
    ("smtp: one line", |server, size| server.smtp(format!("NOOP {}\r\n", "x".repeat(size)).as_bytes(), 1)),
    ("smtp: lines", |server, size| server.smtp("NOOP\r\n".repeat(size / 6).as_bytes(), size / 6)),
    ("smtp: DATA, short lines", |server, size| server.mail(&"\r\n".repeat(size / 2))),
    ("smtp: DATA, dots", |server, size| server.mail(&"..\r\n".repeat(size / 4))),
    ("smtp: DATA, no line end", |server, size| server.mail(&"\r".repeat(size))),
    ("mail: header fields", |server, size| server.look_at(&format!("{}\r\n", "A: b\r\n".repeat(size / 6)))),
    ("mail: folded field", |server, size| server.look_at(&format!("Subject: a\r\n{}\r\n", " b\r\n".repeat(size / 4)))),
    ("mail: parameters", |server, size| {
        let pieces: String = (0..size / 16).map(|i| format!("; boundary*{i}=a")).collect();
        server.look_at(&format!("Content-Type: multipart/mixed{pieces}\r\n\r\nx\r\n"));
    }),
    ("mail: encoded words", |server, size| {
        server.look_at(&format!("Subject: {}\r\n\r\nx\r\n", "=?utf-8?q?".repeat(size / 10)));
    }),
    ("mail: encoded words, whole", |server, size| {
        server.look_at(&format!("Subject: {}\r\n\r\nx\r\n", "=?utf-8?q?a?= ".repeat(size / 14)));
    }),
    ("mail: addresses", |server, size| server.look_at(&format!("To: {}\r\n\r\nx\r\n", "a@b,".repeat(size / 4)))),
    ("mail: comments", |server, size| server.look_at(&format!("To: {}\r\n\r\nx\r\n", "(".repeat(size)))),
    ("mail: parts", |server, size| {
        let parts = "--b\r\n\r\nx\r\n".repeat(size / 10);
        server.look_at(&format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}"));
    }),
    ("mail: nested messages", |server, size| server.look_at(&"Content-Type: message/rfc822\r\n\r\n".repeat(size / 32))),
    ("mail: nested multiparts", |server, size| {
        let level = |i| format!("Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n");
        server.look_at(&format!("{}\r\n{}", (0..64).map(level).collect::<String>(), "--\r\n".repeat(size / 4)));
    }),
    ("mail: links", |server, size| {
        let links: String = (0..size / 20).map(|i| format!("https://x/{i:08}) ")).collect();
        server.look_at(&format!("Content-Type: text/html\r\n\r\n<a href=\"{links}\">{links}"));
    }),
    ("mail: one link", |server, size| server.look_at(&format!("\r\nhttps://x/{}\r\n", ")".repeat(size)))),
    ("mail: quoted-printable", |server, size| {
        let head = "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
        server.look_at(&format!("{head}{}", "=  ".repeat(size / 3)));
    }),
    ("mail: text that nearly matches", |server, size| server.look_at(&format!("\r\n{}\r\n", "z".repeat(size)))),
    ("imap: one line", |server, size| server.imap(&format!("b {}", "x".repeat(size)), size)),
    ("imap: sets", |server, size| server.imap(&format!("b FETCH {}1 FLAGS", "1,".repeat(30_000)), size)),
    ("imap: search keys", |server, size| server.imap(&format!("b SEARCH {}ALL", "NOT SEEN ".repeat(6000)), size)),
    ("imap: keys that read", |server, size| server.imap(&format!("b SEARCH {}ALL", "TEXT z ".repeat(900)), size)),
    ("imap: parentheses", |server, size| server.imap(&format!("b SEARCH {}", "(".repeat(60_000)), size)),
    ("imap: items", |server, size| server.imap(&format!("b FETCH 1 ({}UID)", "BODY.PEEK[] ".repeat(5000)), size)),
    ("imap: literals", |server, size| server.imap(&format!("b ID ({})", "{1+}\r\na {1+}\r\nb ".repeat(3500)), size)),
    ("imap: quoted strings", |server, size| {
        server.imap(&format!("b STATUS \"{}\" (MESSAGES)", "\\\\".repeat(30_000)), size);
    }),
    ("imap: names in UTF-7", |server, size| server.imap(&format!("b CREATE {}", "&AOQ-".repeat(12_000)), size)),
    ("imap: names that are no UTF-7", |server, size| {
        server.imap(&format!("b SELECT {{60001+}}\r\n{}-", "&".repeat(60_000)), size);
    }),
    ("imap: HEADER.FIELDS, 10,000 names", |server, size| {
        let names: String = (0..10_000).map(|i| format!("n{i} ")).collect();
        let command = format!("b FETCH 2 BODY.PEEK[HEADER.FIELDS ({names}x)]");
        server.fetch(&"Z:\n".repeat(43_000), &command, size >> 20);
    }),
    ("imap: 250 pieces of a part", |server, size| {
        let pieces: String = (0..250).map(|i| format!("BINARY.PEEK[1]<{i}.1> ")).collect();
        let mail = format!("Content-Transfer-Encoding: base64\r\n\r\n{}", "YWFh".repeat(size / 4));
        server.fetch(&mail, &format!("b FETCH 2 ({pieces}UID)"), 1);
    }),
    ("imap: LIST, 10,000 mailboxes", |server, size| server.list(size)),
    ("imap: RENAME, 10,000 mailboxes", |server, size| server.rename(size)),
    ("rules: a body", |server, size| server.rules(&format!("\r\n{}\r\n", "ab".repeat(size / 2)))),
    ("rules: header fields", |server, size| server.rules(&format!("{}\r\n", "X: ab\r\n".repeat(size / 7)))),
    ("rules: encoded words", |server, size| {
        server.rules(&format!("Subject: {}\r\n\r\nx\r\n", "=?utf-8?q?a?= ".repeat(size / 14)));
    }),
    ("rules: parts", |server, size| {
        let parts = "--b\r\n\r\nx\r\n".repeat(size / 10);
        server.rules(&format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}"));
    }),
    ("pop3: RETR and TOP, dots", |server, size| server.retrieve(&format!("\r\n{}", "...\r\n".repeat(size / 5)))),
    ("pop3: RETR and TOP, parts", |server, size| {
        let parts = "--b\r\n\r\nx\r\n".repeat(size / 10);
        server.retrieve(&format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}"));
    }),
    ("pop3: one line", |server, size| server.pop3(format!("NOOP {}\r\n", "x".repeat(size)).as_bytes(), 1)),
    ("pop3: lines", |server, size| server.pop3("NOOP\r\n".repeat(size / 6).as_bytes(), size / 6)),
    ("http: deliver a subject, as JSON", |server, size| {
        let mail = serde_json::json!({ "to": [LOGIN], "raw": format!("Subject: {}\r\n\r\n", "=?utf-8?q?a?= ".repeat(size / 14)) });
        server.send("POST", "/v1/deliver", &mail.to_string());
    }),
    ("http: deliver a body, with rules", |server, size| {
        server.load_rules();
        let mail = serde_json::json!({ "to": [LOGIN], "raw": format!("\r\n{}\r\n", "ab".repeat(size / 2)) });
        server.send("POST", "/v1/deliver", &mail.to_string());
    }),
    ("http: a scenario that is none", |server, size| {
        server.send("PUT", "/v1/scenario", &serde_json::json!({ "text": "#\n".repeat(size / 4) + "=" }).to_string());
    }),
    ("http: pattern *a*a*a*b", |server, size| server.find(size, &"*a".repeat(50))),
    ("http: expression (a|aa)+b", |server, size| server.find(size, "~%28a%7Caa%29%2Bb")),
    ("http: a wait with a pattern", |server, size| {
        server.find(size, &format!("{}&wait=1ms", "*a".repeat(50)));
    }),
    ("http: a verbatim transcript", |server, size| {
        server.mail(&"a\r\n".repeat(size / 3));
        server.get("/v1/transcript?verbatim");
    }),
];

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    println!("{:<34} {:>9} {:>9} {:>7} {:>11}", "", "1 MB, ms", "10 MB, ms", "growth", "NOOP, ms");
    let (_, idle) = worst_noop(&Server::start(), |_| std::thread::sleep(Duration::from_millis(300)));
    println!("{:<34} {:>39}", "nothing", format!("{idle:.2}"));
    let (_, busy) = worst_noop(&Server::start(), |_| busy_cores(Duration::from_secs(1)));
    println!("{:<34} {:>39}", "nothing, every core busy", format!("{busy:.2}"));
    let most_noop = busy.max(MOST_NOOP);
    for (name, case) in CASES.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| name.contains(only))) {
        let mut row = Row::measured(*case);
        for _ in 1..TRIES {
            if row.is_slow(most_noop) {
                row = row.or_less(Row::measured(*case));
            }
        }
        let verdict = if row.is_slow(most_noop) { "  <--" } else { "" };
        let Row { small, large, noop } = row;
        println!("{name:<34} {small:>9.1} {large:>9.1} {:>7.1} {noop:>11.2}{verdict}", row.growth());
    }
}

/// The milliseconds that 1 MB and 10 MB took, and those of the longest NOOP meanwhile.
struct Row {
    small: f64,
    large: f64,
    noop: f64,
}

impl Row {
    fn measured(case: fn(&Server, usize)) -> Self {
        let [(small, noop), (large, later)] =
            SIZES.map(|size| worst_noop(&Server::start(), |server| case(server, size)));
        Self { small, large, noop: noop.max(later) }
    }

    fn or_less(self, other: Self) -> Self {
        let (small, large) = (self.small.min(other.small), self.large.min(other.large));
        Self { small, large, noop: self.noop.min(other.noop) }
    }

    fn growth(&self) -> f64 {
        self.large / self.small
    }

    fn is_slow(&self, most_noop: f64) -> bool {
        // A very short time says nothing about growth.
        self.large > 20.0 && self.growth() > MOST_GROWTH || self.noop > most_noop
    }
}

/// Keeps a thread for each core busy for this time.
fn busy_cores(time: Duration) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let end = Instant::now() + time;
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| while Instant::now() < end {});
        }
    });
}

/// The milliseconds of some work, and of the longest NOOP of another session meanwhile.
fn worst_noop(server: &Server, work: impl FnOnce(&Server)) -> (f64, f64) {
    let mut other = Client::logged_in(server.imap);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut worst = Duration::ZERO;
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                other.ask("n NOOP");
                worst = worst.max(began.elapsed());
                std::thread::sleep(Duration::from_micros(200));
            }
            worst
        });
        let began = Instant::now();
        work(server);
        let took = began.elapsed();
        is_over.store(true, Ordering::Relaxed);
        let worst = watching.join().expect("it ends");
        (took.as_secs_f64() * 1e3, worst.as_secs_f64() * 1e3)
    })
}

/// A server in a process of its own.
struct Server {
    process: Child,
    smtp: SocketAddr,
    imap: SocketAddr,
    pop3: SocketAddr,
    http: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mailjig"))
            .args(["serve", "--ports", "auto", "--json", "--quiet"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut ready = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut ready).expect("it says where");
        let ready: serde_json::Value = serde_json::from_str(&ready).expect("the first line is JSON");
        let address = |name: &str| format!("127.0.0.1:{}", ready["endpoints"][name]["port"]).parse().expect("a port");
        let (smtp, imap, pop3, http) = (address("smtp"), address("imap"), address("pop3"), address("http"));
        Self { process, smtp, imap, pop3, http }
    }

    fn smtp(&self, octets: &[u8], replies: usize) {
        Client::new(self.smtp).flight(octets, replies);
    }

    fn pop3(&self, octets: &[u8], replies: usize) {
        Client::new(self.pop3).flight(octets, replies);
    }

    fn mail(&self, text: &str) {
        let head = format!("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{LOGIN}>\r\nDATA\r\n");
        let mut client = Client::new(self.smtp);
        client.write(head.as_bytes());
        client.until("354 ");
        client.write(text.as_bytes());
        client.write(b"\r\n.\r\n");
        client.until("250 2");
    }

    /// Sends a mail, and requests everything that requires reading it.
    fn look_at(&self, text: &str) {
        self.mail(text);
        let mut client = Client::logged_in(self.imap);
        client.ask("b SELECT INBOX");
        client.ask("b FETCH 1 (ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (Subject)] BODY.PEEK[1] BINARY.SIZE[1])");
        client.ask(&format!("b SEARCH OR OR SUBJECT {0}b TO zzz BODY {0}b", "z".repeat(1000)));
        client.ask("b SEARCH SENTSINCE 1-Jan-2020");
        for what in ["", "/text", "/headers", "/links", "/parts", "/parts/1", "?to=x@y"] {
            let path = if what.starts_with('?') { what.to_owned() } else { format!("/m1{what}") };
            self.get(&format!("/v1/messages{path}"));
        }
    }

    /// Repeats a command up to this many octets, with a mail of 100 KB in the mailbox.
    fn imap(&self, command: &str, size: usize) {
        self.mail(&format!("Subject: x\r\n\r\n{}", "y".repeat(100_000)));
        let mut client = Client::logged_in(self.imap);
        client.ask("b SELECT INBOX");
        for _ in 0..(size / command.len()).max(1) {
            client.ask(command);
        }
    }

    /// Appends a mail, and requests these items this many times.
    fn fetch(&self, mail: &str, command: &str, times: usize) {
        self.mail("Subject: x\r\n\r\n");
        let mut client = Client::logged_in(self.imap);
        client.write(format!("b APPEND INBOX {{{}+}}\r\n{mail}\r\n", mail.len()).as_bytes());
        client.until("b ");
        client.ask("b SELECT INBOX");
        for _ in 0..times {
            client.ask(command);
        }
    }

    fn load_rules(&self) {
        self.send("PUT", "/v1/scenario", &serde_json::json!({ "text": RULES }).to_string());
    }

    /// Rules that read mail everywhere, with a mail over SMTP and over IMAP, and a search.
    fn rules(&self, text: &str) {
        self.load_rules();
        self.mail(text);
        let mut client = Client::logged_in(self.imap);
        client.ask(&format!("b APPEND INBOX {{{}+}}\r\n{text}", text.len()));
        client.ask("b SELECT INBOX");
        client.ask("b FETCH 1:2 UID");
        client.ask("b STORE 1:2 +FLAGS (\\Seen)");
        self.maildrop(&["RETR 1", "TOP 1 1", "DELE 1"]);
    }

    fn retrieve(&self, text: &str) {
        self.mail(text);
        self.maildrop(&["RETR 1", "TOP 1 0", "TOP 1 1000000"]);
    }

    fn maildrop(&self, commands: &[&str]) {
        let mut client = Client::new(self.pop3);
        let user = format!("USER {LOGIN}");
        let login = [&*user, "PASS secret"];
        for command in login.iter().chain(commands) {
            client.write(format!("{command}\r\n").as_bytes());
            client.until(if command.starts_with("RETR") || command.starts_with("TOP") { ".\r" } else { "+OK" });
        }
    }

    fn many_mailboxes(&self) -> Client {
        let mut client = Client::logged_in(self.imap);
        for i in 0..9_999 {
            client.write(format!("c CREATE {}/{i}\r\n", "a".repeat(200)).as_bytes());
        }
        client.ask("b NOOP");
        client
    }

    fn rename(&self, size: usize) {
        let mut client = self.many_mailboxes();
        for i in 0..size / (1 << 20) {
            let (from, to) = if i % 2 == 0 { ("a", "b") } else { ("b", "a") };
            client.write(format!("b RENAME {} {}\r\n", from.repeat(200), to.repeat(200)).as_bytes());
            client.until("b OK");
        }
    }

    fn list(&self, size: usize) {
        let mut client = self.many_mailboxes();
        for _ in 0..size / (1 << 20) {
            client.ask(&format!("b LIST \"\" {}b", "*a%".repeat(650)));
        }
    }

    fn find(&self, size: usize, pattern: &str) {
        self.mail(&format!("Subject: {}\r\n\r\n", "a".repeat(size)));
        self.get(&format!("/v1/messages?subject={pattern}"));
    }

    fn get(&self, path: &str) {
        self.http(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    }

    fn send(&self, method: &str, path: &str, json: &str) {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json");
        self.http(&format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{json}", json.len()));
    }

    fn http(&self, request: &str) {
        let mut client = Client::bare(self.http);
        client.write(request.as_bytes());
        let mut answer = Vec::new();
        client.0.read_to_end(&mut answer).expect("it answers");
        let is_answered = answer.starts_with(b"HTTP/1.1 ") && !answer.starts_with(b"HTTP/1.1 5");
        assert!(is_answered, "{}", &request[..request.len().min(200)]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

struct Client(TcpStream);

impl Client {
    fn bare(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("it listens");
        socket.set_nodelay(true).expect("it is a socket");
        Self(socket)
    }

    fn new(address: SocketAddr) -> Self {
        let mut client = Self::bare(address);
        client.until("\n");
        client
    }

    fn logged_in(address: SocketAddr) -> Self {
        let mut client = Self::new(address);
        client.ask(&format!("a LOGIN {LOGIN} secret"));
        client
    }

    /// One IMAP command, to its tagged answer.
    fn ask(&mut self, command: &str) {
        self.write(format!("{command}\r\n").as_bytes());
        self.until(&command[..2]);
    }

    /// Sends octets at once, and reads this many lines of replies.
    fn flight(&mut self, octets: &[u8], replies: usize) {
        let mut writer = self.0.try_clone().expect("it is a socket");
        std::thread::scope(|scope| {
            scope.spawn(move || writer.write_all(octets));
            let (mut lines, mut buffer) = (0, vec![0; 1 << 16]);
            while lines < replies {
                match self.0.read(&mut buffer).expect("it answers") {
                    0 => break,
                    came => lines += memchr::memchr_iter(b'\n', &buffer[..came]).count(),
                }
            }
        });
    }

    fn write(&mut self, octets: &[u8]) {
        self.0.write_all(octets).expect("it is written");
    }

    /// Reads until a line begins with this, and ends.
    fn until(&mut self, start: &str) {
        let (mut buffer, mut all, mut from) = (vec![0; 1 << 16], vec![b'\n'], 0);
        let start = format!("\n{}", start.trim_start_matches('\n'));
        loop {
            let came = self.0.read(&mut buffer).expect("it answers");
            assert!(came > 0, "the server closed the connection");
            all.extend_from_slice(&buffer[..came]);
            match memchr::memmem::find(&all[from..], start.as_bytes()) {
                Some(at) if all[from + at + 1..].contains(&b'\n') => return,
                Some(_) => {}
                None => from = all.len().saturating_sub(start.len()),
            }
        }
    }
}
