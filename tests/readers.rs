//! Real clients that read mail, over IMAP and POP3: in the clear, over STARTTLS and over TLS from the first octet,
//! verifying the server's own authority, each against a server of its own. A client that is not installed is skipped
//! with a word, unless `MAILJIG_ALL_CLIENTS` is set.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mailjig::{Endpoint, Entry, MailServer};
use support::{ROADS, Road, is_there, run, status, succeeded, told};
use tempfile::NamedTempFile;

#[path = "clients/support.rs"]
mod support;

const LOGIN: &str = "ann@example.org";
const PASSWORD: &str = "secret";
const DOTS: &str = "From: Bob <bob@example.org>\r\nTo: Ann <ann@example.org>\r\nSubject: dots\r\n\r\n\
                    .one\r\n..two\r\n.\r\nlast line\r\n";

impl Road {
    fn imap(self, server: &MailServer) -> &Endpoint {
        if self == Road::Implicit { server.imaps() } else { server.imap() }
    }

    fn pop3(self, server: &MailServer) -> &Endpoint {
        if self == Road::Implicit { server.pop3s() } else { server.pop3() }
    }

    fn is_secure(self) -> bool {
        self != Road::Plain
    }
}

#[test]
fn python_imaplib() {
    imap_day("python3", &["-c", "import imaplib"], "imap_day.py");
}

#[test]
fn imapflow() {
    imap_day("node", &["-e", "require('imapflow')"], "imapflow.js");
}

#[test]
fn node_imap() {
    imap_day("node", &["-e", "require('imap')"], "node-imap.js");
}

#[test]
fn ruby_net_imap() {
    imap_day("ruby", &["-rnet/imap", "-e0"], "net-imap.rb");
}

#[test]
fn perl_mail_imapclient() {
    imap_day("perl", &["-MMail::IMAPClient", "-MIO::Socket::SSL", "-e1"], "mail-imapclient.pl");
}

/// Lets a script do a day's work over IMAP on each road: it ends well if every answer was as it expected, and what it
/// left behind is looked at here.
fn imap_day(language: &str, probe: &[&str], script: &str) {
    if !told(script, status(interpreter(language).args(probe)).is_ok_and(|status| status.success())) {
        return;
    }
    each_road(|server, road| {
        let endpoint = road.imap(server);
        let mut command = script_of(language, server, road, endpoint);
        command.arg(folder().join(script)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it was found");
        for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
            assert_eq!(line.expect("it prints text"), "idling");
            server.deliver(LOGIN, "Subject: while idle\r\n\r\nDing.\r\n");
        }
        succeeded(&command, &child.wait_with_output().expect("it ends"));

        let account = server.account(LOGIN);
        assert_eq!(
            subjects_and_flags(&account.inbox().entries()),
            ["generated 2 \\Seen", "generated 3 $Important", "generated 5", "while idle"]
        );
        assert_eq!(
            subjects_and_flags(&account.mailbox("Work").entries()),
            ["generated 3 $Important", "generated 4"],
            "in Work"
        );
        assert_eq!(account.mailboxes(), ["INBOX", "Work"]);
        assert_eq!(account.subscriptions(), [""; 0]);
        assert_eq!(captured(server), ["while idle"]);
        check_sessions(server, road, endpoint);
    });
}

#[test]
fn python_poplib() {
    if !is_there("python3") {
        return;
    }
    each_road(|server, road| {
        server.deliver(LOGIN, DOTS);
        let endpoint = road.pop3(server);
        run(script_of("python3", server, road, endpoint).arg(folder().join("pop_day.py")), DOTS);

        assert_eq!(
            subjects(&server.account(LOGIN).inbox().entries()),
            ["generated 1", "generated 3", "generated 4", "generated 5", "dots"]
        );
        assert_eq!(captured(server), ["dots"]);
        check_sessions(server, road, endpoint);
    });
}

#[test]
fn curl_imap() {
    if !is_there("curl") {
        return;
    }
    each_road(|server, road| {
        let account = server.account(LOGIN);
        let work = account.mailbox("Work");
        work.create();
        server.deliver(LOGIN, DOTS);
        let endpoint = road.imap(server);
        let curl = |path: &str, options: &[&str]| run(curl(server, road, "imap", endpoint, path).args(options), "");

        let listed = curl("", &[]);
        assert_eq!(
            listed.lines().map(|line| line.rsplit(' ').next().unwrap_or_default()).collect::<Vec<_>>(),
            ["INBOX", "Work"]
        );
        for entry in account.inbox().entries() {
            let fetched = curl(&format!("INBOX;UID={}", entry.uid), &[]);
            assert_eq!(fetched.as_bytes(), &entry.message.raw()[..]);
        }
        assert_eq!(curl("INBOX;MAILINDEX=6;SECTION=TEXT", &[]), DOTS.split_once("\r\n\r\n").expect("a body").1);
        assert_eq!(curl("INBOX?SUBJECT%20%22generated%203%22", &[]), "* SEARCH 3\r\n");
        assert_eq!(curl("INBOX?UNSEEN", &[]), "* SEARCH\r\n");
        // curl must know the size before it sends, so not from its input.
        let mut file = NamedTempFile::new().expect("it can be made");
        file.write_all(DOTS.as_bytes()).expect("it can be written to");
        curl("Work", &["--upload-file", &file.path().to_string_lossy()]);
        curl("INBOX", &["--request", "STORE 2 +FLAGS (\\Deleted)"]);
        curl("INBOX", &["--request", "EXPUNGE"]);

        assert_eq!(account.inbox().entries().iter().map(|entry| entry.uid).collect::<Vec<_>>(), [1, 3, 4, 5, 6]);
        assert_eq!(subjects_and_flags(&work.entries()), ["dots \\Seen"]);
        assert_eq!(work.entries()[0].message.raw(), DOTS);
        check_sessions(server, road, endpoint);
    });
}

#[test]
fn curl_pop3() {
    if !is_there("curl") {
        return;
    }
    each_road(|server, road| {
        server.deliver(LOGIN, DOTS);
        let endpoint = road.pop3(server);
        let curl = |path: &str, options: &[&str]| run(curl(server, road, "pop3", endpoint, path).args(options), "");
        let entries = server.account(LOGIN).inbox().entries();

        let listed = entries.iter().zip(1..).map(|(entry, n)| format!("{n} {}\r\n", entry.message.raw().len()));
        assert_eq!(curl("", &[]), listed.collect::<String>());
        for (entry, n) in entries.iter().zip(1..) {
            assert_eq!(curl(&n.to_string(), &[]).as_bytes(), &entry.message.raw()[..]);
        }
        curl("2", &["--request", "DELE", "--list-only"]);

        assert_eq!(
            subjects(&server.account(LOGIN).inbox().entries()),
            ["generated 1", "generated 3", "generated 4", "generated 5", "dots"]
        );
        assert_eq!(captured(server), ["dots"]);
        check_sessions(server, road, endpoint);
    });
}

/// curl with what every use of it needs.
fn curl(server: &MailServer, road: Road, scheme: &str, endpoint: &Endpoint, path: &str) -> Command {
    let secure = if road == Road::Implicit { "s" } else { "" };
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--user", &format!("{LOGIN}:{PASSWORD}")]);
    if road.is_secure() {
        curl.args(["--ssl-reqd", "--cacert"]).arg(server.ca_file());
    }
    curl.arg(format!("{scheme}{secure}://localhost:{}/{path}", endpoint.port()));
    curl
}

/// Gives the test a server for each road, whose one account has five messages; tells the dialogue of one that failed.
fn each_road(test: impl Fn(&MailServer, Road)) {
    struct Told<'s>(&'s MailServer, Road);
    impl Drop for Told<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("on the road {:?}:\n{}", self.1, self.0.transcript());
            }
        }
    }

    for road in ROADS {
        let server = MailServer::builder().account(LOGIN, PASSWORD).start();
        server.account(LOGIN).inbox().generate(5);
        let _told = Told(&server, road);
        test(&server, road);
    }
}

/// Every session came to this endpoint, was encrypted where it should be, and one at least was logged in.
fn check_sessions(server: &MailServer, road: Road, endpoint: &Endpoint) {
    let sessions = server.sessions();
    for session in &sessions {
        assert_eq!((session.listener, session.tls.is_some()), (endpoint.listener().name(), road.is_secure()));
    }
    assert!(sessions.iter().any(|session| session.user.as_deref() == Some(LOGIN)), "nobody logged in");
    server.settled().block();
}

fn subjects(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.message.subject()).collect()
}

/// The subject of each, and its flags after it.
fn subjects_and_flags(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| [&[entry.message.subject()], &entry.flags[..]].concat().join(" ")).collect()
}

/// The subjects of what the server has captured, whatever its readers did to it.
fn captured(server: &MailServer) -> Vec<String> {
    server.messages().iter().map(|message| message.subject()).collect()
}

/// Where the scripts are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// An interpreter that finds what scripts import.
fn interpreter(language: &str) -> Command {
    let mut command = Command::new(language);
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/node_modules");
    command.env("NODE_PATH", packages).env("PYTHONPATH", folder()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// An interpreter that tells the script where the server is and who logs in.
fn script_of(language: &str, server: &MailServer, road: Road, endpoint: &Endpoint) -> Command {
    let mut command = interpreter(language);
    command.env("MAIL_HOST", "localhost").env("MAIL_PORT", endpoint.port().to_string());
    command.env("MAIL_ROAD", road.name()).env("MAIL_CA", server.ca_file());
    command.env("MAIL_USER", LOGIN).env("MAIL_PASSWORD", PASSWORD).env("MAIL_CLOSED", "1");
    command
}
