//! The cost of TLS: certificates, profiles, handshakes.
//!
//! `cargo bench --bench tls`; it needs `openssl`, which is the client, and the server to compare with.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mailjig::{Certificate, Listener, MailServer, TlsProfile};

/// How long handshakes are made, in seconds.
const SECONDS: &str = "3";

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    std::hint::black_box(work());
    began.elapsed()
}

fn main() {
    drop(MailServer::start());
    certificates();
    profiles();
    handshakes();
}

/// Root CA, intermediate CA and certificate, each with a new key.
fn certificates() {
    let chain = |certificate| {
        let times = (0..200).map(|_| {
            let server = MailServer::start();
            time(|| server.certificate(certificate))
        });
        median(times.collect())
    };
    println!("a chain of three certificates         {:?}", chain(Certificate::Good));
    println!("the same with an RSA key              {:?}", chain(Certificate::Rsa));
    println!("a chain of 150 intermediate CAs       {:?}", chain(Certificate::LongChain));
}

/// A server with every profile configured and none used, and one with none.
fn profiles() {
    let with_all = || {
        let mut builder = MailServer::builder();
        for certificate in Certificate::ALL {
            let profile = || TlsProfile::new().certificate(*certificate);
            builder = builder.tls_for(&format!("{certificate}.example.org"), profile());
            builder = builder.tls_on(Listener::Imaps, profile());
        }
        builder
    };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        without.push(time(MailServer::start));
        let builder = with_all();
        with.push(time(|| builder.start()));
    }
    println!("server start without profiles         {:?}", median(without));
    println!("the same with every profile           {:?}", median(with));
}

/// New handshakes in a second, one after the other, against those of `openssl s_server` with the same certificate.
fn handshakes() {
    let server = MailServer::start();
    let certificate = server.certificate(Certificate::Good);
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("chain.pem"), certificate.chain_pem()).expect("the folder can be written to");
    fs::write(path("key.pem"), certificate.key_pem()).expect("the folder can be written to");
    let (reference, port) = s_server(&path("chain.pem"), &path("key.pem"));
    for version in ["-tls1_2", "-tls1_3"] {
        let (mut ours, mut theirs) = (0.0, 0.0);
        for _ in 0..2 {
            ours += s_time(server.imaps().port(), version);
            theirs += s_time(port, version);
        }
        let [ours, theirs] = [ours / 2.0, theirs / 2.0];
        println!(
            "handshakes/s {version:<9}                {ours:.0}, openssl s_server {theirs:.0}, ratio {:.2}",
            ours / theirs
        );
    }
    drop(reference);
}

/// A process that is killed at the end.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _it_may_be_gone = self.0.kill();
        let _it_may_be_gone = self.0.wait();
    }
}

fn s_server(chain: &Path, key: &Path) -> (Killed, u16) {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-quiet", "-www", "-num_tickets", "0", "-no_cache", "-no_ticket"]);
    command.args(["-accept", &format!("127.0.0.1:{port}"), "-cert"]).arg(chain).arg("-cert_chain").arg(chain);
    command.arg("-key").arg(key).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let reference = Killed(command.spawn().expect("openssl is installed"));
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::yield_now();
    }
    (reference, port)
}

/// Handshakes in a second.
fn s_time(port: u16, version: &str) -> f64 {
    let address = format!("127.0.0.1:{port}");
    let output =
        Command::new("openssl").args(["s_time", "-new", version, "-time", SECONDS, "-connect", &address]).output();
    let said = String::from_utf8_lossy(&output.expect("openssl is installed").stdout).into_owned();
    // "1234 connections in 4 real seconds, 0 bytes read per connection"
    let line = said.lines().find(|line| line.contains("real seconds")).unwrap_or_else(|| panic!("{said}"));
    let numbers: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    numbers[0] / numbers[1]
}
