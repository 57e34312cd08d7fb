//! Real clients that send mail: in cleartext, over STARTTLS and over implicit TLS, with and without a login. They
//! verify the server's certificate. A client that is not installed is skipped, unless `MAILJIG_ALL_CLIENTS` is set.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use clients::support::{ROADS, Road, interpreter, is_there, jakarta, missing, output, run, start};
use mailjig::matchers::{from, session, to};
use mailjig::{Endpoint, MailServer, Message, Ret};

#[path = "clients/mod.rs"]
mod clients;

const MAIL: &str = "From: Ann <ann@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
                    Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\
                    \r\nfirst line\r\n.a line with a dot\r\n..two\r\nlast line\r\n";

impl Road {
    /// The endpoint for the client: submission and SMTPS if it logs in.
    fn endpoint(self, server: &MailServer) -> &Endpoint {
        match self {
            Road::Plain => server.smtp(),
            Road::Starttls => server.submission(),
            Road::Implicit => server.smtps(),
        }
    }

    fn logs_in(self) -> bool {
        self != Road::Plain
    }
}

#[test]
fn clients_that_are_not_installed_are_named() {
    let missing = missing();

    if !missing.is_empty() {
        // Written to stderr directly, so that a passing run shows it too.
        let mut stderr = std::io::stderr().lock();
        writeln!(stderr, "\nSKIPPED, because they are not installed: the tests with {}", missing.join(", ")).unwrap();
    }
}

#[test]
fn swaks() {
    each_road("swaks", |server, road| {
        let endpoint = road.endpoint(server);
        let mut swaks = Command::new("swaks");
        swaks.args(["--server", "localhost", "--port", &endpoint.port().to_string(), "--helo", "client.example"]);
        swaks.args(["--from", "ann@example.org", "--to", "bob@example.org", "--data", "-"]);
        match road {
            Road::Plain => {}
            Road::Starttls => drop(swaks.args(["--tls", "--tls-verify", "--tls-ca-path"]).arg(server.ca_file())),
            Road::Implicit => drop(swaks.args(["--tlsc", "--tls-verify", "--tls-ca-path"]).arg(server.ca_file())),
        }
        if road.logs_in() {
            swaks.args(["--auth", "LOGIN", "--auth-user", "ann@example.org", "--auth-password", "secret"]);
        }
        run(&mut swaks, MAIL);
    });
}

#[test]
fn curl() {
    each_road("curl", |server, road| {
        let endpoint = road.endpoint(server);
        let scheme = if road == Road::Implicit { "smtps" } else { "smtp" };
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*"]);
        curl.arg(format!("{scheme}://localhost:{}/client.example", endpoint.port()));
        curl.args(["--mail-from", "ann@example.org", "--mail-rcpt", "bob@example.org", "--upload-file", "-"]);
        if road != Road::Plain {
            curl.args(["--ssl-reqd", "--cacert"]).arg(server.ca_file());
        }
        if road.logs_in() {
            curl.args(["--user", "ann@example.org:secret"]);
        }
        run(&mut curl, MAIL);
    });
}

#[test]
fn msmtp() {
    each_road("msmtp", |server, road| {
        let endpoint = road.endpoint(server);
        let mut msmtp = Command::new("msmtp");
        msmtp.args(["--host=localhost", &format!("--port={}", endpoint.port()), "--from=ann@example.org"]);
        match road {
            Road::Plain => drop(msmtp.arg("--tls=off")),
            Road::Starttls => drop(msmtp.args(["--tls=on", "--tls-starttls=on"])),
            Road::Implicit => drop(msmtp.args(["--tls=on", "--tls-starttls=off"])),
        }
        if road != Road::Plain {
            msmtp.arg(format!("--tls-trust-file={}", server.ca_file().display()));
        }
        if road.logs_in() {
            msmtp.args(["--auth=plain", "--user=ann@example.org", "--passwordeval=echo secret"]);
        }
        msmtp.args(["--", "bob@example.org"]);
        run(&mut msmtp, &MAIL.replace("\r\n", "\n"));
    });
}

#[test]
fn python_smtplib() {
    const SCRIPT: &str = r#"
import smtplib, ssl, sys
road, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=ca)
if road == "implicit":
    smtp = smtplib.SMTP_SSL("localhost", port, context=context)
else:
    smtp = smtplib.SMTP("localhost", port)
if road == "starttls":
    smtp.starttls(context=context)
if road != "plain":
    smtp.login("ann@example.org", "secret")
refused = smtp.sendmail("ann@example.org", ["bob@example.org"], sys.stdin.buffer.read())
assert not refused, refused
smtp.quit()
"#;
    each_road("python3", |server, road| {
        let endpoint = road.endpoint(server);
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT, road.name(), &endpoint.port().to_string()]).arg(server.ca_file());
        run(&mut python, MAIL);
    });
}

#[test]
fn openssl_verifies_the_certificate_for_each_of_its_names() {
    if !is_there("openssl") {
        return;
    }
    let server = MailServer::builder().certificate_name("mail.example").start();

    for (option, name) in [
        ("-verify_hostname", "localhost"),
        ("-verify_hostname", "host.docker.internal"),
        ("-verify_hostname", "mail.example"),
        ("-verify_ip", "127.0.0.1"),
        ("-verify_ip", "::1"),
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            let mut openssl = Command::new("openssl");
            openssl.args(["s_client", "-quiet", "-verify_return_error", version, option, name, "-CAfile"]);
            openssl.arg(server.ca_file()).args(["-connect", &server.smtps().address().to_string()]);
            run(&mut openssl, "QUIT\r\n");
        }
    }
    let mut stranger = Command::new("openssl");
    stranger.args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", "other.example", "-CAfile"]);
    stranger.arg(server.ca_file()).args(["-connect", &server.smtps().address().to_string()]);
    let output = output(&mut stranger, "");
    assert!(!output.status.success(), "openssl verified a name that the certificate does not have");
}

#[test]
fn renegotiation_is_refused_with_an_alert() {
    if !is_there("openssl") {
        return;
    }
    let server = MailServer::start();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-tls1_2", "-connect", &server.smtps().address().to_string()]);
    openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, _deadline) = start(&mut openssl).expect("it starts");
    // If the greeting came after the request, the client would take it for the answer.
    let mut printed = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    assert!(printed.any(|line| line.is_ok_and(|line| line.starts_with("220 "))), "there is a greeting");

    // A line with only `R` requests renegotiation.
    child.stdin.take().expect("it is piped").write_all(b"R\n").expect("it listens");
    let output = child.wait_with_output().expect("it ends");

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no renegotiation"), "{said}");
}

#[test]
fn the_certificate_satisfies_strict_clients() {
    if !is_there("openssl") {
        return;
    }
    let server = MailServer::builder().host("mail.test").certificate_name("192.0.2.7").start();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-showcerts", "-connect", &server.smtps().address().to_string()]);
    let shown = output(&mut openssl, "").stdout;
    let shown = String::from_utf8(shown).expect("it prints text");
    let end = "-----END CERTIFICATE-----\n";
    let leaf = &shown[shown.find("-----BEGIN").expect("a certificate")..shown.find(end).expect("its end") + end.len()];
    let facts = |of: &str, what: &[&str]| {
        let mut openssl = Command::new("openssl");
        run(openssl.args(["x509", "-noout"]).args(what), of)
    };

    let names = facts(leaf, &["-ext", "subjectAltName"]);
    for name in
        ["DNS:mail.test", "DNS:localhost", "DNS:host.docker.internal", "IP Address:127.0.0.1", "IP Address:192.0.2.7"]
    {
        assert!(names.contains(name), "{name} in {names}");
    }
    let uses = facts(leaf, &["-ext", "basicConstraints,keyUsage,extendedKeyUsage"]);
    for using in ["CA:FALSE", "Digital Signature", "TLS Web Server Authentication"] {
        assert!(uses.contains(using), "{using} in {uses}");
    }
    assert!(facts(server.ca(), &["-ext", "basicConstraints,keyUsage"]).contains("critical"));
    // Valid for more than a year, and for no more than 397 days, after which some clients refuse it.
    facts(leaf, &["-checkend", &(365 * 86_400).to_string()]);
    let mut openssl = Command::new("openssl");
    let checkend = openssl.args(["x509", "-noout", "-checkend", &(396 * 86_400).to_string()]);
    assert!(!output(checkend, leaf).status.success(), "the certificate is valid for too long");
}

#[test]
fn lettre() {
    use lettre::transport::smtp::authentication::Credentials;
    use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
    use lettre::{SmtpTransport, Transport};

    for road in ROADS {
        let server = MailServer::start();
        let endpoint = road.endpoint(&server);
        let ca = Certificate::from_pem(server.ca().as_bytes()).expect("the CA is PEM");
        let tls = TlsParameters::builder("localhost".to_owned()).add_root_certificate(ca).build().expect("it is valid");
        let mut transport = SmtpTransport::builder_dangerous("localhost").port(endpoint.port()).tls(match road {
            Road::Plain => Tls::None,
            Road::Starttls => Tls::Required(tls),
            Road::Implicit => Tls::Wrapper(tls),
        });
        if road.logs_in() {
            transport = transport.credentials(Credentials::new("ann@example.org".into(), "secret".into()));
        }
        let mail = lettre::Message::builder()
            .from("Ann <ann@example.org>".parse().expect("an address"))
            .to("Bob <bob@example.org>".parse().expect("an address"))
            .subject("Grüße")
            .body("first line\r\n.a line with a dot\r\n..two\r\nlast line\r\n".to_owned())
            .expect("it is complete");

        transport.build().send(&mail).expect("lettre delivers");

        check(&server, road);
        let formatted = mail.formatted();
        assert_eq!(server.only(to("bob@example.org")).raw()[..formatted.len()], formatted[..]);
    }
}

/// Clients that send the parameters of DSN, their command with the port in `$SMTP`, and whether they send ENVID and ORCPT.
#[rustfmt::skip]
const DSN: &[(&str, &str, bool, bool)] = &[
    ("msmtp", "echo | msmtp --host=localhost --port=$SMTP --from=ann@example.org --dsn-notify=failure,delay --dsn-return=hdrs bob@example.org", false, false),
    ("perl", "perl -MNet::SMTP -e \"$NETSMTP\"", true, true),
    ("python3", "python3 -c \"$SMTPLIB\"", true, true),
    ("PyPI aiosmtplib", "target/clients/venv/bin/python -c \"$AIOSMTPLIB\"", true, true),
    ("nodemailer", "node -e \"$NODEMAILER\"", true, true),
    ("java with JUnit and Jakarta Mail", "\"$@\"", true, false),
];

const NETSMTP: &str = r#"
my $smtp = Net::SMTP->new("localhost", Port => $ENV{SMTP}) or die $@;
$smtp->mail("ann\@example.org", Return => "HDRS", Envelope => "Q+1") or die $smtp->message;
my %options = (Notify => ["FAILURE", "DELAY"], ORcpt => "rfc822;all\@example.org");
$smtp->recipient("bob\@example.org", \%options) or die $smtp->message;
$smtp->data("\n") or die $smtp->message;
$smtp->quit;
"#;
const SMTPLIB: &str = r#"
import os, smtplib
with smtplib.SMTP("localhost", int(os.environ["SMTP"])) as smtp:
    smtp.sendmail("ann@example.org", "bob@example.org", b"\n", ["RET=HDRS", "ENVID=Q+2B1"],
                  ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;all@example.org"])
"#;
const AIOSMTPLIB: &str = r#"
import aiosmtplib, asyncio, os
asyncio.run(aiosmtplib.send(
    b"\n", hostname="localhost", port=int(os.environ["SMTP"]), start_tls=False,
    sender="ann@example.org", recipients=["bob@example.org"],
    mail_options=["RET=HDRS", "ENVID=Q+2B1"], rcpt_options=["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;all@example.org"]))
"#;
const NODEMAILER: &str = r#"
const dsn = { id: "Q+1", return: "headers", notify: ["failure", "delay"], recipient: "all@example.org" };
require("nodemailer").createTransport({ host: "localhost", port: process.env.SMTP, ignoreTLS: true })
    .sendMail({ from: "ann@example.org", to: "bob@example.org", text: "hi", dsn })
    .catch(error => { console.error(error.message); process.exitCode = 1; });
"#;

#[test]
fn clients_ask_for_delivery_status_notifications() {
    for (client, script, has_id, has_original) in DSN.iter().filter(|(client, ..)| is_there(client)) {
        let server = MailServer::start();
        let java = jakarta("JakartaDsn.java");
        let mut sh = interpreter("sh");
        sh.args(["-ec", script, "sh"]).arg(java.get_program()).args(java.get_args());
        sh.current_dir(env!("CARGO_MANIFEST_DIR")).env("SMTP", server.smtp().port().to_string());
        sh.env("NETSMTP", NETSMTP).env("SMTPLIB", SMTPLIB).env("AIOSMTPLIB", AIOSMTPLIB).env("NODEMAILER", NODEMAILER);

        run(&mut sh, "");

        let mail = server.only(to("bob@example.org"));
        let (sender, recipient) = (mail.envelope().sender().parameters(), mail.envelope().recipients()[0].parameters());
        assert_eq!(sender.ret(), Some(Ret::Headers), "{client}: {sender}");
        assert_eq!(sender.envelope_id().as_deref(), has_id.then_some("Q+1"), "{client}: {sender}");
        let notify = recipient.notify().unwrap_or_else(|| panic!("{client}: {recipient}"));
        assert!(notify.failure && notify.delay && !notify.success, "{client}: {recipient}");
        let original = recipient.original_recipient();
        let address = original.as_ref().map(|its| its.address());
        assert_eq!(address, has_original.then_some("all@example.org"), "{client}: {recipient}");
    }
}

/// Sends the mail over each road with a server of its own, and checks what was captured.
fn each_road(client: &str, send: impl Fn(&MailServer, Road)) {
    if !is_there(client) {
        return;
    }
    for road in ROADS {
        let server = MailServer::start();
        send(&server, road);
        check(&server, road);
        server.wait_for_no_session().block();
        assert_eq!(server.findings(), [], "{client} {road:?}");
    }
}

fn check(server: &MailServer, road: Road) -> Message {
    let mut expected = to("bob@example.org").and(from("ann@example.org")).and(session::tls(road != Road::Plain));
    if road.logs_in() {
        expected = expected.and(session::user("ann@example.org"));
    }
    let mail = server.wait_for(expected).block();
    assert_eq!(mail.subject(), "Grüße");
    assert_eq!(mail.text().trim_end(), "first line\r\n.a line with a dot\r\n..two\r\nlast line");
    server.settled().block();
    mail
}
