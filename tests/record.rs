//! Sessions of real clients that are recorded between the client and a server, then played: the client's side to another
//! server of the same kind, and the server's side to the same client. Both must get the same octets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clients::line_client::LineClient;
use clients::running::Running;
use clients::served::mailjig;
use clients::support::{ROADS, Road, folder, interpreter, is_there, output, run, start, succeeded};
use clients::unused_port::unused_port;
use mailjig::{MailServer, Protocol, Scenario};
use tempfile::TempDir;

#[path = "clients/mod.rs"]
mod clients;

const LOGIN: &str = "ann@example.org";
const PASSWORD: &str = "secret";
const DOTS: &str = "From: Bob <bob@example.org>\r\nTo: Ann <ann@example.org>\r\nSubject: dots {12} {name}\r\n\r\n\
                    .one\r\n..two\r\n.\r\nlast line\r\n";

/// A way to the server for a client: the port, and the CA that it trusts.
struct Way<'w> {
    road: Road,
    port: u16,
    ca: &'w Path,
    home: &'w Path,
}

/// A server with two messages for Ann.
fn server() -> MailServer {
    let server = MailServer::start();
    server.account(LOGIN).inbox().generate(2);
    server
}

fn port(server: &MailServer, protocol: Protocol, road: Road) -> u16 {
    let endpoint = match (protocol, road) {
        (Protocol::Imap, Road::Implicit) => server.imaps(),
        (Protocol::Imap, _) => server.imap(),
        (Protocol::Pop3, Road::Implicit) => server.pop3s(),
        (Protocol::Pop3, _) => server.pop3(),
        (_, Road::Plain) => server.smtp(),
        (_, Road::Starttls) => server.submission(),
        (_, Road::Implicit) => server.smtps(),
    };
    endpoint.port()
}

/// Records what a client does with a server. Returns the file.
fn record(
    server: &MailServer,
    (protocol, road): (Protocol, Road),
    home: &TempDir,
    options: &[&str],
    client: &dyn Fn(&Way<'_>),
) -> PathBuf {
    let (file, ca) = (home.path().join("recorded.session"), home.path().join("ca.pem"));
    let upstream = format!("localhost:{}", port(server, protocol, road));
    let mut record = mailjig(&["record", "--upstream", &upstream, "--protocol", protocol.name(), "--sessions", "1"]);
    record.args(options).arg("--output").arg(&file).arg("--ca-file").arg(&ca).arg("--trust").arg(server.ca_file());
    if road == Road::Implicit {
        record.args(["--tls", "implicit"]);
    }
    let mut recorder = Running::start(&mut record);
    let place = recorder.line();
    let port = place.rsplit(':').next().and_then(|port| port.parse().ok());
    let port = port.unwrap_or_else(|| panic!("{record:?} says {place:?}"));

    client(&Way { road, port, ca: &ca, home: home.path() });

    assert_eq!(recorder.line(), format!("wrote {}", file.display()));
    assert!(recorder.end().success());
    file
}

/// What the servers said in all sessions, without tags.
fn said(server: &MailServer) -> String {
    let text = server.transcript().verbatim();
    let is_tag = |word: &str| !["*", "+", ")"].contains(&word);
    let without_tag = |line: &str| match line.strip_prefix("S: ").and_then(|line| line.split_once(' ')) {
        Some((tag, rest)) if server.sessions()[0].listener.protocol() == Protocol::Imap && is_tag(tag) => {
            rest.to_owned()
        }
        _ => line.to_owned(),
    };
    text.lines().filter(|line| line.starts_with('S')).map(|line| without_tag(line) + "\n").collect()
}

/// Plays the server's side of a file to a client, which must do the same.
fn play(file: &Path, recorded: &MailServer, (protocol, road): (Protocol, Road), client: &dyn Fn(&Way<'_>)) {
    let home = tempfile::tempdir().unwrap();
    let played = MailServer::builder().scenario(Scenario::file(file)).start();

    client(&Way { road, port: port(&played, protocol, road), ca: played.ca_file(), home: home.path() });

    played.wait_for_no_session().block();
    played.verify().block();
    assert_eq!(said(&played), said(recorded));
}

/// Records a client on each road, and plays both sides.
fn each_road(name: &str, protocol: Protocol, client: &dyn Fn(&Way<'_>)) {
    if !is_there(name) {
        return;
    }
    for road in ROADS {
        let (recorded, again) = (server(), server());
        let home = tempfile::tempdir().unwrap();
        let file = record(&recorded, (protocol, road), &home, &["--show-secrets"], client);

        let server = format!("localhost:{}", port(&again, protocol, road));
        let mut replay = mailjig(&["replay", "--client"]);
        replay.arg(&file).arg(server).arg("--trust").arg(again.ca_file());
        let played = output(&mut replay, "");
        let text = fs::read_to_string(&file).unwrap();
        assert!(played.status.success(), "{name} {road:?}: {}\n{text}", String::from_utf8_lossy(&played.stderr));

        let before = recorded.messages().into_iter().map(|message| message.raw().to_vec());
        let after = again.messages().into_iter().map(|message| message.raw().to_vec());
        assert_eq!(before.collect::<Vec<_>>(), after.collect::<Vec<_>>(), "{name} {road:?}");
        assert_eq!(text.contains("\nTLS\n"), road == Road::Starttls, "{text}");

        play(&file, &recorded, (protocol, road), client);
    }
}

fn curl(way: &Way<'_>, scheme: &str, path: &str) -> Command {
    let secure = if way.road == Road::Implicit { "s" } else { "" };
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--user", &format!("{LOGIN}:{PASSWORD}")]);
    if way.road != Road::Plain {
        curl.args(["--ssl-reqd", "--cacert"]).arg(way.ca);
    }
    curl.arg(format!("{scheme}{secure}://localhost:{}/{path}", way.port));
    curl
}

#[test]
fn curl_sends() {
    each_road("curl", Protocol::Smtp, &|way| {
        let mut curl = curl(way, "smtp", "client.example");
        curl.args(["--mail-from", "bob@example.org", "--mail-rcpt", LOGIN, "--upload-file", "-"]);
        run(&mut curl, DOTS);
    });
}

#[test]
fn curl_reads_over_imap() {
    each_road("curl", Protocol::Imap, &|way| {
        let text = run(&mut curl(way, "imap", "INBOX;MAILINDEX=2"), "");
        assert!(text.contains("Subject: generated 2\r\n"), "{text}");
    });
}

#[test]
fn curl_reads_over_pop3() {
    each_road("curl", Protocol::Pop3, &|way| {
        let text = run(&mut curl(way, "pop3", "1"), "");
        assert!(text.contains("Subject: generated 1\r\n"), "{text}");
    });
}

/// A Python script that uses `roads.py`.
fn python(way: &Way<'_>, script: &str) {
    let mut python = interpreter("python3");
    python.args(["-c", script]).env("MAIL_HOST", "localhost").env("MAIL_PORT", way.port.to_string());
    run(python.env("MAIL_ROAD", way.road.name()).env("MAIL_CA", way.ca).current_dir(folder()), "");
}

#[test]
fn imaplib() {
    const SCRIPT: &str = r#"
from roads import *
client = imap()
ok("login", client.login("ann@example.org", "secret"))
ok("select", client.select())
ok("append", client.append("INBOX", "\\Seen", None, b"Subject: x\r\n\r\n{3}\r\nabc\r\n"))
ok("search", client.search(None, "ALL"))
ok("fetch", client.fetch("1:3", "(FLAGS BODY.PEEK[])"))
ok("store", client.store("1", "+FLAGS", "\\Deleted"))
ok("expunge", client.expunge())
client.logout()
"#;
    each_road("python3", Protocol::Imap, &|way| python(way, SCRIPT));
}

#[test]
fn poplib() {
    const SCRIPT: &str = r#"
from roads import *
client = pop()
client.user("ann@example.org")
client.pass_("secret")
same("stat", client.stat()[0], 2)
client.list()
client.uidl()
client.retr(1)
client.top(2, 1)
client.dele(1)
client.quit()
"#;
    each_road("python3", Protocol::Pop3, &|way| python(way, SCRIPT));
}

#[test]
fn mbsync() {
    each_road("mbsync", Protocol::Imap, &|way| {
        let security = match way.road {
            Road::Plain => "None",
            Road::Starttls => "STARTTLS",
            Road::Implicit => "IMAPS",
        };
        let (near, rc) = (way.home.join("mail"), way.home.join("mbsyncrc"));
        fs::create_dir_all(near.join("INBOX/cur")).unwrap();
        fs::create_dir_all(near.join("INBOX/new")).unwrap();
        fs::create_dir_all(near.join("INBOX/tmp")).unwrap();
        fs::write(near.join("INBOX/cur/mine:2,FS"), DOTS.replace("\r\n", "\n")).unwrap();
        let text = format!(
            "IMAPAccount server\nHost localhost\nPort {}\nUser {LOGIN}\nPass {PASSWORD}\nSSLType {security}\n\
             CertificateFile {}\nSystemCertificates no\n\nIMAPStore far\nAccount server\n\n\
             MaildirStore near\nPath {path}/\nInbox {path}/INBOX\nSubFolders Verbatim\n\n\
             Channel both\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nExpunge Both\nSyncState *\n",
            way.port,
            way.ca.display(),
            path = near.display()
        );
        fs::write(&rc, text).unwrap();
        run(Command::new("mbsync").env("HOME", way.home).arg("--config").arg(rc).arg("both"), "");
    });
}

#[test]
fn nodemailer() {
    const SCRIPT: &str = r#"
const [road, port, ca] = process.argv.slice(1);
const transport = require("nodemailer").createTransport({
  host: "localhost", port, secure: road === "implicit", ignoreTLS: road === "plain", requireTLS: road === "starttls",
  tls: { ca: require("fs").readFileSync(ca) },
  auth: road === "plain" ? undefined : { user: "ann@example.org", pass: "secret" },
});
transport.sendMail({ from: "bob@example.org", to: "ann@example.org", subject: "Grüße", text: ".dot\n\nlast\n",
  attachments: [{ filename: "a.bin", content: Buffer.from([0, 255, 13, 10]) }] });
"#;
    each_road("nodemailer", Protocol::Smtp, &|way| {
        let mut node = interpreter("node");
        run(node.args(["-e", SCRIPT, way.road.name(), &way.port.to_string()]).arg(way.ca), "");
    });
}

#[test]
fn lettre() {
    use lettre::transport::smtp::authentication::Credentials;
    use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
    use lettre::{SmtpTransport, Transport};

    // `is_there` knows programs only; lettre is always there.
    each_road("python3", Protocol::Smtp, &|way| {
        let ca = Certificate::from_pem(&fs::read(way.ca).unwrap()).unwrap();
        let tls = TlsParameters::builder("localhost".to_owned()).add_root_certificate(ca).build().unwrap();
        let mut transport = SmtpTransport::builder_dangerous("localhost").port(way.port).tls(match way.road {
            Road::Plain => Tls::None,
            Road::Starttls => Tls::Required(tls),
            Road::Implicit => Tls::Wrapper(tls),
        });
        if way.road != Road::Plain {
            transport = transport.credentials(Credentials::new(LOGIN.into(), PASSWORD.into()));
        }
        let mail = lettre::Message::builder().from("bob@example.org".parse().unwrap()).to(LOGIN.parse().unwrap());
        let mail = mail.subject("Grüße").body(".dot\r\n{3}\r\n".to_owned()).unwrap();

        transport.build().send(&mail).unwrap();
    });
}

/// Sessions of clients with Dovecot 2.3.19 and Postfix 3.7.11, as Debian 12 has them.
#[test]
fn sessions_with_other_servers_are_played_by_both_sides() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sessions");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 13);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let server = MailServer::builder().scenario(Scenario::file(&file)).start();
        let head =
            text.lines().find_map(|line| line.strip_prefix("# protocol = ").or(line.strip_prefix("# listener = ")));
        let port = match head {
            Some("smtp") => server.smtp(),
            Some("lmtp") => server.lmtp(),
            Some("imap") => server.imap(),
            Some("pop3") => server.pop3(),
            Some("pop3s") => server.pop3s(),
            _ => panic!("{} has no protocol", file.display()),
        }
        .port();
        let mut replay = mailjig(&["replay", "--client"]);
        replay.arg(&file).arg(format!("localhost:{port}")).arg("--trust").arg(server.ca_file());
        for name in ["password", "credentials", "response1", "response2"] {
            replay.args(["--set", &format!("{name}=c2VjcmV0")]);
        }

        let played = output(&mut replay, "");

        assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
        server.wait_for_no_session().block();
        server.verify().block();
    }
}

#[test]
fn credentials_are_masked_and_can_be_given_again() {
    if !is_there("python3") {
        return;
    }
    const SCRIPT: &str = r#"
from roads import *
client = imap()
ok("login", client.login("ann@example.org", "secret"))
client.logout()
"#;
    let home = tempfile::tempdir().unwrap();
    let recorded = server();
    let file = record(&recorded, (Protocol::Imap, Road::Plain), &home, &[], &|way| python(way, SCRIPT));

    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\nC: {tag} LOGIN ann@example.org {password}\n") && !text.contains(PASSWORD), "{text}");
    let again = server();
    let replay = |options: &[&str]| {
        let mut replay = mailjig(&["replay", "--client"]);
        replay.arg(&file).arg(format!("localhost:{}", again.imap().port())).args(options);
        let played = output(&mut replay, "");
        let complaint = String::from_utf8_lossy(&played.stderr).replace(&file.display().to_string(), "FILE");
        (played.status.code().unwrap(), complaint)
    };
    let told = "mailjig: FILE:8: `password` has no value: give it with `--set password=VALUE`\n";
    assert_eq!(replay(&[]), (2, told.to_owned()));
    assert_eq!(replay(&["--set", "password=secret"]), (0, String::new()));
}

#[test]
fn the_first_difference_is_reported() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("noop.session");
    let server = server();
    let port = server.smtp().port().to_string();
    let replay = |text: &str, options: &[&str]| {
        fs::write(&file, format!("# protocol = smtp\n---\n{text}")).unwrap();
        let mut replay = mailjig(&["replay", "--client"]);
        replay.arg(&file).arg(format!("localhost:{port}")).args(options);
        let played = output(&mut replay, "");
        let said = [played.stdout, played.stderr].concat();
        let said = String::from_utf8_lossy(&said).replace(&file.display().to_string(), "FILE").replace(&port, "PORT");
        format!("{} {said}", played.status)
    };
    let greeting = "S: 220 localhost ESMTP mailjig\n";
    let other = "S: 220 mx.example.org ESMTP\n";
    let mut said = String::new();
    for (text, options) in [
        (format!("{greeting}C: NOOP\nS: 250 2.0.0 Ok\nC: QUIT\nS: 221 2.0.0 Bye\nX: fin\n"), &[][..]),
        (format!("{greeting}C: NOOP\nS: 451 later\n"), &[]),
        (format!("{greeting}C: NOOP\nS: 451 later\n"), &["--compare", "status"]),
        (format!("{greeting}C: NOOP\nS: 250 2.0.0 {}Good\n", "very ".repeat(50)), &[]),
        (format!("{greeting}C: NOOP\nS| 250 2.0.0 Ok\\xff\n"), &[]),
        (format!("{other}C: NOOP\nS| 250 good\\r\\n\nC: XYZZY\nS: 500 what?\n"), &["--compare", "status"]),
        (format!("{greeting}C: QUIT\nS: 221 2.0.0 Bye\nS: 250 more\n"), &[]),
        (format!("{greeting}S: 250 more\n"), &["--timeout", "10ms"]),
        (format!("{greeting}X: fin\n"), &["--timeout", "10ms"]),
        (format!("{greeting}S| 250 more\n"), &["--timeout", "10ms"]),
        (format!("{greeting}C~ ^NOOP\nS: 250 2.0.0 Ok\n"), &[]),
        (format!("{greeting}@again\nC: NOOP\nS: 250 2.0.0 Ok\n=> again\n"), &[]),
        (format!("{greeting}C: DATA\nC.\n"), &[]),
        (format!("{greeting}C? NOOP\nS: 250 ok\nC: NOOP\nS: 250 2.0.0 Ok\nPASS\n"), &[]),
        (format!("{greeting}C: STARTTLS\nS: 220 2.0.0 Ready to start TLS\nTLS\n"), &[]),
        (greeting.to_owned(), &["--tls"]),
        ("S: 220\nXYZZY\n".to_owned(), &[]),
    ] {
        said += &format!("{}{options:?}\n{}\n", text, replay(&text, options));
    }
    let scenario = home.path().join("busy.toml");
    fs::write(&scenario, "mailjig = 1\n[[rule]]\non = 'smtp.noop'\ndo = { reply = '451 later' }\n").unwrap();
    let mut replay = mailjig(&["replay", "--client"]);
    let played = output(replay.arg(&scenario).arg(format!("localhost:{port}")), "");
    let wanted = format!("mailjig: {} is a scenario; `replay` takes a `.session` file\n", scenario.display());
    assert_eq!(String::from_utf8_lossy(&played.stderr), wanted);

    insta::assert_snapshot!(said);
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_there_is_a_session() {
    let home = tempfile::tempdir().unwrap();
    for (file, why) in [("there/is/none.session", "No such file or directory"), (".", "is a directory")] {
        let mut record = mailjig(&["record", "--upstream", "localhost:1", "--protocol", "imap", "-o"]);

        let ended = output(record.arg(home.path().join(file)), "");

        let said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.starts_with("mailjig: `--output`: ") && said.contains(" cannot be written: "), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_password_in_a_literal_is_masked_unless_it_is_asked_for() {
    let server = server();
    for (options, password) in [(&[][..], "C.\nS: "), (&["--show-secrets"], "C.\n|| secret\n")] {
        let home = tempfile::tempdir().unwrap();
        let file = record(&server, (Protocol::Imap, Road::Plain), &home, options, &|way| {
            let mut client = LineClient::greeted(([127, 0, 0, 1], way.port).into());
            client.ask("a LOGIN ann@example.org {6}");
            client.ask("secret");
            client.say("b LOGOUT");
            client.line();
        });

        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("{{tag}} LOGIN ann@example.org {{6}}\nS: + go ahead\n{password}")), "{text}");
    }
}

#[test]
fn an_upstream_that_cannot_be_used_is_named() {
    let home = tempfile::tempdir().unwrap();
    let server = server();
    let recorded = |upstream: u16, tls: &str| {
        let upstream = format!("127.0.0.1:{upstream}");
        let mut record = mailjig(&["record", "--upstream", &upstream, "--protocol", "imap", "--sessions", "1"]);
        record.args(["--tls", tls]).arg("-o").arg(home.path().join("x.session")).stderr(std::process::Stdio::piped());
        let mut recorder = Running::start(&mut record);
        let port: u16 = recorder.line().rsplit(':').next().unwrap().parse().unwrap();
        let (mut client, _deadline) =
            start(Command::new("curl").args(["-s", &format!("imap://127.0.0.1:{port}")])).unwrap();
        assert!(!client.wait().unwrap().success());
        assert!(!recorder.end().success());
        let mut complaint = String::new();
        std::io::Read::read_to_string(recorder.process.stderr.as_mut().unwrap(), &mut complaint).unwrap();
        complaint
    };

    let free = unused_port();
    let nobody = recorded(free, "none").replace(&free.to_string(), "PORT");
    let stranger = recorded(server.imaps().port(), "upstream");

    insta::assert_snapshot!(format!("{nobody}{stranger}"));
}

#[test]
fn what_could_not_be_read_is_hidden_and_ends_the_recording_if_it_comes_all_the_same() {
    const TEXT: &str = "mailjig = 1\n[server.imap]\ncaps.add = ['COMPRESS=DEFLATE', 'AUTH=DIGEST-MD5']\n\
                        [[rule]]\non = 'imap.unknown'\ndo = { reply = 'OK active' }\n";
    let home = tempfile::tempdir().unwrap();
    let server = MailServer::builder().scenario(Scenario::text("upstream.toml", TEXT)).start();
    let upstream = format!("localhost:{}", server.imap().port());
    let mut record = mailjig(&["record", "--upstream", &upstream, "--protocol", "imap", "--sessions", "2"]);
    record.arg("--output").arg(home.path().join("a.session")).stderr(std::process::Stdio::piped());
    let mut recorder = Running::start(&mut record);
    let place = recorder.line().rsplit(' ').next().unwrap().parse().unwrap();

    for line in ["b LOGOUT", "b COMPRESS DEFLATE"] {
        let mut client = LineClient::greeted(place);
        let offered = client.command("CAPABILITY").remove(0);
        assert!(offered.contains(" IDLE") && !offered.contains("COMPRESS") && !offered.contains("DIGEST"), "{offered}");
        client.say(line);
        while !client.line().starts_with("b OK ") {}
        assert!(client.is_closed());
        drop(client);
        recorder.until("wrote");
    }

    assert!(!recorder.end().success());
    let mut complaint = String::new();
    std::io::Read::read_to_string(recorder.process.stderr.as_mut().unwrap(), &mut complaint).unwrap();
    let script = fs::read_to_string(home.path().join("a-2.session")).unwrap();
    assert!(script.ends_with("C: {tag} COMPRESS DEFLATE\nS: {tag} OK active\n"), "{script}");
    insta::assert_snapshot!(complaint);
}

#[test]
fn later_sessions_get_files_of_their_own() {
    let home = tempfile::tempdir().unwrap();
    let server = server();
    let upstream = format!("localhost:{}", server.smtp().port());
    let mut record = mailjig(&["record", "--upstream", &upstream, "--protocol", "smtp", "--sessions", "2"]);
    let mut recorder = Running::start(record.arg("--output").arg(home.path().join("a.session")));
    let place = recorder.line();
    let port = place.rsplit(':').next().unwrap();

    for sender in ["one", "two"] {
        let mut send = mailjig(&["send", "--smtp", &format!("127.0.0.1:{port}"), "--from", sender, LOGIN]);
        let sent = output(&mut send, "Subject: x\n\n");
        succeeded(&send, &sent);
        recorder.until("wrote");
    }

    assert!(recorder.end().success());
    let sender = |name: &str| fs::read_to_string(home.path().join(name)).unwrap().contains("MAIL FROM:<one");
    assert_eq!((sender("a.session"), sender("a-2.session")), (true, false));
}

#[test]
fn a_signal_ends_the_recording_and_nothing_is_lost() {
    let (home, server) = (tempfile::tempdir().unwrap(), server());
    let file = home.path().join("a.session");
    let upstream = format!("localhost:{}", server.pop3().port());
    let mut record = mailjig(&["record", "--upstream", &upstream, "--protocol", "pop3"]);
    let mut recorder = Running::start(record.arg("--output").arg(&file));
    let place = recorder.line();
    let mut client = LineClient::greeted(place.rsplit(' ').next().unwrap().parse().unwrap());
    let answer = client.ask("NOOP");

    recorder.signal("INT");

    assert_eq!(recorder.line(), format!("wrote {}", file.display()));
    assert!(recorder.end().success());
    let text = fs::read_to_string(&file).unwrap();
    assert!(answer.starts_with("-ERR") && text.ends_with(&format!("\nC: NOOP\nS: {}\n", answer.trim_end())), "{text}");
}
