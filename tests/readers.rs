//! Real clients that read mail over IMAP and POP3: in cleartext, over STARTTLS and over implicit TLS. They verify the
//! server's certificate; each has a server of its own. A client that is not installed is
//! skipped, unless `MAILJIG_ALL_CLIENTS` is set; `tests/clients.rs` names what is missing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clients::support::{ROADS, Road, folder, interpreter, is_there, output, run, start, succeeded};
use mailjig::{Endpoint, Entry, Finding, FindingKind, MailServer};
use tempfile::NamedTempFile;

#[path = "clients/mod.rs"]
mod clients;

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
    imap_day("python3", "python3", "imap_day.py");
}

#[test]
fn imapflow() {
    imap_day("imapflow", "node", "imapflow.js");
}

#[test]
fn node_imap() {
    imap_day("node-imap", "node", "node-imap.js");
}

#[test]
fn ruby_net_imap() {
    imap_day("ruby net-imap", "ruby", "net-imap.rb");
}

#[test]
fn perl_mail_imapclient() {
    imap_day("perl Mail::IMAPClient", "perl", "mail-imapclient.pl");
}

/// Runs a script that uses IMAP for many tasks on each road: it succeeds if every reply was as it expected; what it
/// left in the mailboxes is checked here.
fn imap_day(client: &str, language: &str, script: &str) {
    if !is_there(client) {
        return;
    }
    each_road(|server, road| {
        let endpoint = road.imap(server);
        let mut command = script_of(language, server, road, endpoint);
        command.arg(folder().join(script)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut child, _deadline) = start(&mut command).expect("it was found");
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
        // curl must know the size before it sends, so it cannot read its input.
        curl("Work", &["--upload-file", &file(DOTS).path().to_string_lossy()]);
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

/// curl with the options that every call needs.
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

#[test]
fn mbsync() {
    if !is_there("mbsync") || !is_there("curl") {
        return;
    }
    each_road(|server, road| {
        let account = server.account(LOGIN);
        account.mailbox("Work").generate(2);
        let endpoint = road.imap(server);
        let security = match road {
            Road::Plain => "None",
            Road::Starttls => "STARTTLS",
            Road::Implicit => "IMAPS",
        };
        let home = tempfile::tempdir().expect("it can be made");
        let rc = file(&format!(
            "IMAPAccount server\nHost localhost\nPort {}\nUser {LOGIN}\nPass {PASSWORD}\n\
             SSLType {security}\nCertificateFile {}\nSystemCertificates no\n\n\
             IMAPStore far\nAccount server\n\n\
             MaildirStore near\nPath {path}/\nInbox {path}/INBOX\nSubFolders Verbatim\n\n\
             Channel both\nFar :far:\nNear :near:\nPatterns INBOX Work\nCreate Near\nExpunge Both\nSyncState *\n",
            endpoint.port(),
            server.ca_file().display(),
            path = home.path().display()
        ));
        let sync = || {
            let mut mbsync = Command::new("mbsync");
            run(mbsync.env("HOME", home.path()).arg("--config").arg(rc.path()).arg("both"), "")
        };
        let (inbox, work) = (home.path().join("INBOX"), home.path().join("Work"));
        let near = |subject: &str| {
            let found = letters(&inbox).into_iter().find(|(_, text)| text.contains(&format!("Subject: {subject}\n")));
            found.map(|(path, _)| path)
        };
        let far = || subjects_and_flags(&account.inbox().entries());

        // Pulls everything.
        sync();
        assert_eq!(texts(&inbox), texts_of(&account.inbox().entries()));
        assert_eq!(texts(&work), texts_of(&account.mailbox("Work").entries()));

        // Pushes a message and flags that were set locally, and pulls a flag that was set on the server.
        for folder in [&inbox, &work] {
            fs::write(folder.join("cur/mine:2,FS"), DOTS.replace("\r\n", "\n")).expect("it can be written");
        }
        flag(&near("generated 2").expect("it was pulled"), "S");
        run(curl(server, road, "imap", endpoint, "INBOX").args(["--request", "STORE 3 +FLAGS (\\Flagged)"]), "");
        sync();
        assert_eq!(
            far(),
            [
                "generated 1",
                "generated 2 \\Seen",
                "generated 3 \\Flagged",
                "generated 4",
                "generated 5",
                "dots \\Flagged \\Seen"
            ]
        );
        assert_eq!(texts(&inbox), texts_of(&account.inbox().entries()));
        assert_eq!(
            subjects_and_flags(&account.mailbox("Work").entries()),
            ["generated 1", "generated 2", "dots \\Flagged \\Seen"]
        );
        assert!(near("generated 3").expect("it was pulled").to_string_lossy().ends_with(":2,F"));

        // Deletes on both sides what was deleted on one.
        flag(&near("generated 4").expect("it was pulled"), "T");
        run(curl(server, road, "imap", endpoint, "INBOX").args(["--request", "STORE 5 +FLAGS (\\Deleted)"]), "");
        sync();
        assert_eq!(far(), ["generated 1", "generated 2 \\Seen", "generated 3 \\Flagged", "dots \\Flagged \\Seen"]);
        assert_eq!((near("generated 4"), near("generated 5"), letters(&inbox).len()), (None, None, 4));
        check_sessions(server, road, endpoint);
    });
}

#[test]
fn mutt() {
    if !is_there("mutt") || !is_there("python3") {
        return;
    }
    each_road(|server, road| {
        server.deliver(LOGIN, DOTS);
        let account = server.account(LOGIN);
        let all = texts_of(&account.inbox().entries());
        let endpoint = road.imap(server);
        let home = tempfile::tempdir().expect("it can be made");
        let rc = file(&format!(
            "set imap_user='{LOGIN}' imap_pass='{PASSWORD}' folder='imap{secure}://localhost:{}/' spoolfile='=INBOX'\n\
             set ssl_starttls={starttls} ssl_force_tls={starttls} ssl_ca_certificates_file='{}'\n\
             set hostname=client.example mbox_type=Maildir record='' sleep_time=0 delete=yes quit=yes\n\
             unset confirmappend confirmcreate header_cache mark_old move wait_key\n\
             push \"<tag-pattern>~A<enter><tag-prefix><copy-message>{path}/all<enter><untag-pattern>~A<enter>\
             <tag-pattern>~s generated.2<enter><tag-prefix><flag-message><untag-pattern>~A<enter>\
             <tag-pattern>~s generated.4<enter><tag-prefix><save-message>=Work<enter>\
             <delete-pattern>~s generated.1<enter><sync-mailbox><exit>\"\n",
            endpoint.port(),
            server.ca_file().display(),
            secure = if road == Road::Implicit { "s" } else { "" },
            starttls = if road.is_secure() { "yes" } else { "no" },
            path = home.path().display()
        ));
        // It needs a terminal, although questions on it are not answered.
        let mut terminal = Command::new("python3");
        terminal.env("HOME", home.path()).env("TERM", "xterm").arg(folder().join("terminal.py"));
        run(terminal.args(["mutt", "-n", "-F"]).arg(rc.path()), "");

        assert_eq!(texts(&home.path().join("all")), all);
        assert_eq!(
            subjects_and_flags(&account.inbox().entries()),
            ["generated 2 \\Flagged", "generated 3", "generated 5", "dots"]
        );
        assert_eq!(subjects(&account.mailbox("Work").entries()), ["generated 4"]);
        assert_eq!(captured(server), ["dots"]);
        check_sessions(server, road, endpoint);
    });
}

#[test]
fn fetchmail_imap() {
    fetchmail("imap", Road::imap, "\\Seen");
}

#[test]
fn fetchmail_pop3() {
    fetchmail("pop3", Road::pop3, "");
}

/// Fetches what is new, then nothing, and then everything once more to delete it.
fn fetchmail(protocol: &str, endpoint: fn(Road, &MailServer) -> &Endpoint, fetched: &str) {
    if !is_there("fetchmail") {
        return;
    }
    each_road(|server, road| {
        server.deliver(LOGIN, DOTS);
        let inbox = server.account(LOGIN).inbox();
        let all = texts_of(&inbox.entries());
        let endpoint = endpoint(road, server);
        let security = match road {
            Road::Plain => "sslproto ''",
            Road::Starttls => "sslproto 'tls1.2+' sslcertck",
            Road::Implicit => "ssl sslcertck",
        };
        let home = tempfile::tempdir().expect("it can be made");
        let kept = maildir(home.path().join("kept"));
        let rc = file(&format!(
            "poll localhost protocol {protocol} service {} uidl\n\
             user '{LOGIN}' password '{PASSWORD}' no rewrite {security} sslcertfile '{}'\n\
             mda 'cat >$(mktemp {}/new/XXXXXX)'\n",
            endpoint.port(),
            server.ca_file().display(),
            kept.display()
        ));
        let fetchmail = |options: &[&str]| {
            let mut fetchmail = Command::new("fetchmail");
            fetchmail.env("HOME", home.path()).env("FETCHMAILHOME", home.path());
            // Only one of them may run at a time, because of its pid file.
            fetchmail.arg("--pidfile").arg(home.path().join("pid"));
            fetchmail.arg("--nosyslog").arg("--fetchmailrc").arg(rc.path()).args(options);
            fetchmail
        };

        run(&mut fetchmail(&["--keep"]), "");
        assert_eq!(texts(&kept), all);
        assert_eq!(inbox.entries().iter().map(|entry| entry.flags.join(" ")).collect::<Vec<_>>(), [fetched; 6]);

        let nothing_new = output(&mut fetchmail(&["--keep"]), "").status;
        assert_eq!((nothing_new.code(), letters(&kept).len()), (Some(1), 6));

        run(&mut fetchmail(&["--all", "--nokeep"]), "");
        assert_eq!((inbox.entries().len(), letters(&kept).len()), (0, 12));
        assert_eq!(captured(server), ["dots"]);
        check_sessions(server, road, endpoint);
    });
}

#[test]
fn mpop() {
    if !is_there("mpop") {
        return;
    }
    each_road(|server, road| {
        server.deliver(LOGIN, DOTS);
        let inbox = server.account(LOGIN).inbox();
        let all = texts_of(&inbox.entries());
        let endpoint = road.pop3(server);
        let home = tempfile::tempdir().expect("it can be made");
        let kept = maildir(home.path().join("kept"));
        let mpop = |options: &[&str]| {
            let mut mpop = Command::new("mpop");
            mpop.args(["--host=localhost", &format!("--port={}", endpoint.port()), &format!("--user={LOGIN}")]);
            mpop.args([&format!("--passwordeval=echo {PASSWORD}"), "--received-header=off"]);
            mpop.arg(format!("--delivery=maildir,{}", kept.display()));
            mpop.arg(format!("--uidls-file={}", home.path().join("uidls").display()));
            match road {
                Road::Plain => drop(mpop.args(["--tls=off", "--auth=apop"])),
                Road::Starttls => drop(mpop.args(["--tls=on", "--tls-starttls=on"])),
                Road::Implicit => drop(mpop.args(["--tls=on", "--tls-starttls=off"])),
            }
            if road.is_secure() {
                mpop.arg(format!("--tls-trust-file={}", server.ca_file().display()));
            }
            run(mpop.args(options), "")
        };

        mpop(&["--keep=on"]);
        assert_eq!(texts(&kept), all);
        mpop(&["--keep=on"]);
        assert_eq!((inbox.entries().len(), letters(&kept).len()), (6, 6));
        mpop(&["--keep=off", "--only-new=off"]);
        assert_eq!((inbox.entries().len(), letters(&kept).len()), (0, 12));
        assert_eq!(captured(server), ["dots"]);
        check_sessions(server, road, endpoint);
    });
}

/// Every mail of the fixtures, and one of several megabytes, arrives as it was delivered.
#[test]
fn any_mail_byte_for_byte() {
    const IMAP: &str = r#"
import os, roads, sys
from roads import ok, same
imap = roads.imap()
ok("login", imap.login(os.environ["MAIL_USER"], os.environ["MAIL_PASSWORD"]))
ok("select", imap.select())
for number, path in enumerate(sys.argv[1:], 1):
    raw = open(path, "rb").read()
    for items in "(RFC822.SIZE BODY.PEEK[])", "(RFC822.SIZE RFC822.HEADER RFC822.TEXT)":
        literals = [row for row in ok("fetch", imap.fetch(str(number), items)) if isinstance(row, tuple)]
        same(f"{path} as {items}", b"".join(literal for _, literal in literals) == raw, True)
        same(f"size of {path}", b"RFC822.SIZE %d " % len(raw) in literals[0][0], True)
imap.logout()
"#;
    const POP3: &str = r#"
import os, poplib, roads, sys
from roads import same
poplib._MAXLINE = 10_000  # its own limit is lower than what mail has
pop = roads.pop()
pop.user(os.environ["MAIL_USER"])
pop.pass_(os.environ["MAIL_PASSWORD"])
for number, path in enumerate(sys.argv[1:], 1):
    raw = open(path, "rb").read()
    same(path, b"".join(line + b"\r\n" for line in pop.retr(number)[1]) == raw, True)
    same(f"size of {path}", pop.list(number).split()[2], b"%d" % len(raw))
pop.quit()
"#;
    if !is_there("python3") {
        return;
    }
    let fixtures = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mail")).expect("it is there");
    let large = file(&format!("Subject: large\r\n\r\n{}", ".0123456789\r\n".repeat(300_000)));
    let mut mails: Vec<_> = fixtures.map(|file| file.expect("it can be listed").path()).collect();
    mails.push(large.path().to_owned());
    for road in ROADS {
        let server = MailServer::builder().account(LOGIN, PASSWORD).start();
        for mail in &mails {
            server.deliver(LOGIN, fs::read(mail).expect("it can be read"));
        }
        python(&server, road, IMAP, POP3, &mails);
    }
}

#[test]
fn python_reads_a_quoted_mailbox() {
    const SCRIPT: &str = r#"
import os, roads
from roads import ok, same
imap = roads.imap()
ok("login", imap.login(os.environ["MAIL_USER"], os.environ["MAIL_PASSWORD"]))
ok("select", imap.select())
envelope = ok("fetch", imap.fetch("6", "(ENVELOPE)"))[0]
same(envelope, rb'(("Ann" NIL "a\"b" "x.example")("Carol" NIL "carol" "example.org"))' in envelope, True)
imap.logout()
"#;
    if !is_there("python3") {
        return;
    }
    each_road(|server, road| {
        let mail = server.deliver(LOGIN, "From: Ann <\"a\\\"b\"@x.example>, Carol <carol@example.org>\r\n\r\n");
        assert_eq!(mail.from().len(), 2);
        run(script_of("python3", server, road, road.imap(server)).args(["-c", SCRIPT]), "");
    });
}

/// Reads, searches and marks ten thousand messages.
#[test]
fn ten_thousand() {
    const IMAP: &str = r#"
import os, re, roads
from roads import ok, same
imap = roads.imap()
ok("login", imap.login(os.environ["MAIL_USER"], os.environ["MAIL_PASSWORD"]))
same("messages", ok("select", imap.select()), [b"10000"])
rows = b"\n".join(ok("fetch", imap.fetch("1:*", "(UID FLAGS ENVELOPE)")))
same("uids", re.findall(rb"UID (\d+)", rows), [b"%d" % n for n in range(1, 10_001)])
same("subjects", re.findall(rb'"(generated \d+)"', rows), [b"generated %d" % n for n in range(1, 10_001)])
same("recent, and no other flags", rows.count(rb"FLAGS (\Recent)"), 10_000)
same("text", ok("search", imap.uid("SEARCH", "TEXT", '"message 7777 of"')), [b"7777"])
same("all", ok("search", imap.uid("SEARCH", "ALL"))[0].split(), [b"%d" % n for n in range(1, 10_001)])
stored = ok("store", imap.store("1:*", "+FLAGS", r"(\Flagged)"))
same("stored", len(stored), 10_000)
same("flagged", all(b"\\Flagged" in row for row in stored), True)
same("unflagged", ok("search", imap.search(None, "UNFLAGGED")), [b""])
imap.logout()
"#;
    const POP3: &str = r#"
import os, roads
from roads import same
pop = roads.pop()
pop.user(os.environ["MAIL_USER"])
pop.pass_(os.environ["MAIL_PASSWORD"])
listed, uids = pop.list()[1], pop.uidl()[1]
same("stat", pop.stat(), (10_000, sum(int(line.split()[1]) for line in listed)))
for what, lines in ("list", listed), ("uidl", uids):
    same(what, [int(line.split()[0]) for line in lines], list(range(1, 10_001)))
same("different uids", len({line.split()[1] for line in uids}), 10_000)
same("the last", b"Subject: generated 10000" in pop.retr(10_000)[1], True)
pop.quit()
"#;
    if !is_there("python3") {
        return;
    }
    for road in ROADS {
        let server = MailServer::builder().account(LOGIN, PASSWORD).start();
        let inbox = server.account(LOGIN).inbox();
        inbox.generate(10_000);
        python(&server, road, IMAP, POP3, &[]);

        assert!(inbox.entries().iter().all(|entry| entry.flags == ["\\Flagged"]));
        assert_eq!(inbox.entries().len(), 10_000);
    }
}

/// Runs a script over IMAP, and one over POP3, with these arguments.
fn python(server: &MailServer, road: Road, imap: &str, pop3: &str, arguments: &[PathBuf]) {
    for (endpoint, script) in [(road.imap(server), imap), (road.pop3(server), pop3)] {
        run(script_of("python3", server, road, endpoint).args(["-c", script]).args(arguments), "");
    }
    assert!(server.sessions().iter().all(|session| session.tls.is_some() == road.is_secure()));
}

/// Gives the test a server for each road, with one account with five messages; prints the transcript of a failed one.
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

/// Checks that every session used this endpoint, was encrypted if required, and that at least one was logged in.
fn check_sessions(server: &MailServer, road: Road, endpoint: &Endpoint) {
    let sessions = server.sessions();
    for session in &sessions {
        assert_eq!((session.listener, session.tls.is_some()), (endpoint.listener(), road.is_secure()));
    }
    assert!(sessions.iter().any(|session| session.user.as_deref() == Some(LOGIN)), "nobody logged in");
    server.settled().block();

    // Some scripts close a connection on purpose.
    let expected = match road {
        Road::Plain => &[FindingKind::EndedWithoutQuit, FindingKind::PasswordInCleartext][..],
        Road::Starttls | Road::Implicit => &[FindingKind::EndedWithoutQuit],
    };
    // node-imap gives every IDLE the same tag.
    let is_idle = |finding: &Finding| finding.kind() == FindingKind::TagReused && finding.text().contains("`IDLE`");
    let mut findings = server.findings();
    findings.retain(|finding| !is_idle(finding));
    assert!(findings.iter().all(|finding| expected.contains(&finding.kind())), "{findings:#?}");
}

fn subjects(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.message.subject()).collect()
}

/// The subject of each entry, followed by its flags.
fn subjects_and_flags(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| [&[entry.message.subject()], &entry.flags[..]].concat().join(" ")).collect()
}

/// The subjects of the captured messages.
fn captured(server: &MailServer) -> Vec<String> {
    server.messages().iter().map(|message| message.subject()).collect()
}

/// An interpreter with the endpoint and the login in the environment.
fn script_of(language: &str, server: &MailServer, road: Road, endpoint: &Endpoint) -> Command {
    let mut command = interpreter(language);
    command.env("MAIL_HOST", "localhost").env("MAIL_PORT", endpoint.port().to_string());
    command.env("MAIL_ROAD", road.name()).env("MAIL_CA", server.ca_file());
    command.env("MAIL_USER", LOGIN).env("MAIL_PASSWORD", PASSWORD).env("MAIL_CLOSED", "1");
    command
}

/// A file with this text, which nobody else may read.
fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("it can be made");
    file.write_all(text.as_bytes()).expect("it can be written to");
    file
}

/// Creates an empty Maildir.
fn maildir(path: PathBuf) -> PathBuf {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(path.join(part)).expect("it can be made");
    }
    path
}

/// Sets exactly these flags of a letter in a Maildir.
fn flag(letter: &Path, flags: &str) {
    let name = letter.file_name().expect("it has a name").to_string_lossy();
    let name = name.split(":2,").next().unwrap_or_default();
    let folder = letter.parent().and_then(Path::parent).expect("it is in a Maildir");
    fs::rename(letter, folder.join(format!("cur/{name}:2,{flags}"))).expect("it can be renamed");
}

/// The letters in a Maildir: their paths and texts.
fn letters(maildir: &Path) -> Vec<(PathBuf, String)> {
    let files = ["cur", "new"].into_iter().flat_map(|part| fs::read_dir(maildir.join(part)).expect("it is a Maildir"));
    let paths = files.map(|file| file.expect("it can be listed").path());
    paths.map(|path| (path.clone(), fs::read_to_string(path).expect("it is text"))).collect()
}

/// The texts in a Maildir, in any order.
fn texts(maildir: &Path) -> Vec<String> {
    in_order(letters(maildir).into_iter().map(|(_, text)| text))
}

/// The texts of these entries as a Maildir has them, in the same order.
fn texts_of(entries: &[Entry]) -> Vec<String> {
    in_order(entries.iter().map(|entry| String::from_utf8_lossy(entry.message.raw()).replace("\r\n", "\n")))
}

/// Texts without the fields that clients put into a header, sorted.
fn in_order(texts: impl Iterator<Item = String>) -> Vec<String> {
    const ADDED: [&str; 5] = ["Received:", "\t", "X-TUID:", "Content-Length:", "Lines:"];
    let is_added = |line: &str| ADDED.iter().any(|start| line.starts_with(start));
    let mut texts: Vec<String> =
        texts.map(|text| text.split_inclusive('\n').filter(|line| !is_added(line)).collect()).collect();
    texts.sort();
    texts
}
