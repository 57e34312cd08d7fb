//! SASL mechanisms with real clients: what they need to log in, and that a wrong password fails. Settings that turn
//! mechanisms on.

use clients::support::{interpreter, is_there, output, run};
use clients::wire::Wire;
use mailjig::{MailServer, Scenario};

#[path = "sasl/chosen.rs"]
mod chosen;
#[path = "clients/mod.rs"]
mod clients;

/// Clients, the mechanism that each uses, and its command. The server has the account `$USER` with the password
/// `$PASSWORD`.
#[rustfmt::skip]
const CLIENTS: &[(&str, &str, &str)] = &[
    ("gsasl", "PLAIN", "gsasl --smtp $GSASL --connect=localhost:$SMTP"),
    ("gsasl", "LOGIN", "gsasl --imap $GSASL --connect=localhost:$IMAP"),
    ("gsasl", "CRAM-MD5", "gsasl --smtp $GSASL --connect=localhost:$SMTP"),
    ("gsasl", "CRAM-MD5", "gsasl --imap $GSASL --connect=localhost:$IMAP --no-starttls"),
    ("gsasl", "SCRAM-SHA-1", "gsasl --smtp $GSASL --connect=localhost:$SMTP --no-starttls"),
    ("gsasl", "SCRAM-SHA-256", "gsasl --imap $GSASL --connect=localhost:$IMAP --no-cb"),
    ("gsasl", "SCRAM-SHA-1-PLUS", "gsasl --smtp $GSASL --connect=localhost:$SMTP"),
    ("gsasl", "SCRAM-SHA-256-PLUS", "gsasl --imap $GSASL --connect=localhost:$IMAP"),
    ("gsasl", "DIGEST-MD5", "gsasl --smtp $GSASL --quality-of-protection=qop-auth --connect=localhost:$SMTP"),
    ("gsasl", "DIGEST-MD5", "gsasl --imap $GSASL --quality-of-protection=qop-auth --connect=localhost:$IMAP --no-starttls"),
    ("msmtp", "CRAM-MD5", "echo hi | msmtp --host=localhost --port=$SMTP --auth=cram-md5 --user=$USER --passwordeval='echo $PASSWORD' --from=$USER $USER"),
    ("msmtp", "SCRAM-SHA-1", "echo hi | msmtp --host=localhost --port=$SMTP --auth=scram-sha-1 --user=$USER --passwordeval='echo $PASSWORD' --from=$USER $USER"),
    ("msmtp", "SCRAM-SHA-256", "echo hi | msmtp --host=localhost --port=$SUBMISSION --tls=on --tls-trust-file=$CA --auth=scram-sha-256 --user=$USER --passwordeval='echo $PASSWORD' --from=$USER $USER"),
    ("mpop", "SCRAM-SHA-256", "mpop --host=localhost --port=$POP3 --auth=scram-sha-256 --user=$USER --passwordeval='echo $PASSWORD' --tls=off --delivery=mbox,$HOME/mbox --uidls-file=$HOME/uidls"),
    ("mpop", "CRAM-MD5", "mpop --host=localhost --port=$POP3 --auth=cram-md5 --user=$USER --passwordeval='echo $PASSWORD' --tls=off --delivery=mbox,$HOME/mbox --uidls-file=$HOME/uidls"),
    ("curl", "CRAM-MD5", "curl -sS -m 9 imap://localhost:$IMAP/ -u \"$USER:$PASSWORD\" --login-options AUTH=CRAM-MD5"),
    ("curl", "CRAM-MD5", "curl -sS -m 9 pop3://localhost:$POP3/ -u \"$USER:$PASSWORD\" --login-options AUTH=CRAM-MD5"),
    ("curl", "CRAM-MD5", "echo hi | curl -sS -m 9 smtp://localhost:$SMTP -u \"$USER:$PASSWORD\" --login-options AUTH=CRAM-MD5 --mail-from $USER --mail-rcpt $USER -T -"),
    ("swaks", "CRAM-MD5", "swaks --server localhost --port $SMTP --from $USER --to $USER --auth CRAM-MD5 --auth-user $USER --auth-password $PASSWORD --body hi"),
    ("fetchmail", "CRAM-MD5", "fetchmail --version >/dev/null; printf 'poll localhost protocol POP3 port %s auth cram-md5 user %s password %s sslproto \"\" mda cat\\n' $POP3 $USER $PASSWORD >$HOME/rc; chmod 700 $HOME/rc; fetchmail -f $HOME/rc --nosyslog -c || [ $? = 1 ]"),
    ("mbsync", "SCRAM-SHA-256", "printf \"$MBSYNC\" $IMAP $USER $PASSWORD $HOME $HOME >$HOME/rc; mbsync -c $HOME/rc -a"),
    ("python3", "CRAM-MD5", "python3 -c 'import imaplib, os; its = os.environ; imaplib.IMAP4(\"localhost\", int(its[\"IMAP\"])).login_cram_md5(its[\"USER\"], its[\"PASSWORD\"])'"),
    ("python3", "CRAM-MD5", "python3 -c 'import smtplib, os; its = os.environ; smtplib.SMTP(\"localhost\", int(its[\"SMTP\"])).login(its[\"USER\"], its[\"PASSWORD\"])'"),
    ("nodemailer", "CRAM-MD5", "node -e \"$NODEMAILER\""),
    ("curl", "NTLM", "echo hi | curl -sS -m 9 smtp://localhost:$SMTP -u \"$USER:$PASSWORD\" --login-options AUTH=NTLM --mail-from $USER --mail-rcpt $USER -T -"),
    ("curl", "NTLM", "curl -sS -m 9 imap://localhost:$IMAP/ -u \"$USER:$PASSWORD\" --login-options AUTH=NTLM"),
    ("curl", "NTLM", "curl -sS -m 9 pop3://localhost:$POP3/ -u \"EXAMPLE\\\\$USER:$PASSWORD\" --login-options AUTH=NTLM"),
];

/// Clients that present the certificate in `$CERT`, and their commands.
#[rustfmt::skip]
const CERTIFIED: &[(&str, &str)] = &[
    ("curl", "echo hi | curl -sS -m 9 --cacert $CA --cert $CERT --ssl-reqd smtp://localhost:$SMTP -u \"$USER:\" --login-options AUTH=EXTERNAL --mail-from $USER --mail-rcpt $USER -T -"),
    ("curl", "curl -sS -m 9 --cacert $CA --cert $CERT imaps://localhost:$IMAPS/ -u \"$USER:\" --login-options AUTH=EXTERNAL"),
    ("curl", "curl -sS -m 9 --cacert $CA --cert $CERT --ssl-reqd pop3://localhost:$POP3/ -u \"$USER:\" --login-options AUTH=EXTERNAL"),
    ("gsasl", "gsasl --imap --quiet --mechanism=EXTERNAL --authorization-id=$USER --x509-ca-file=$CA --x509-cert-file=$CERT --x509-key-file=$CERT --connect=localhost:$IMAP"),
    ("python3", "python3 -c \"$CONTEXT; import imaplib; imaplib.IMAP4_SSL('localhost', int(its['IMAPS']), ssl_context=context).authenticate('EXTERNAL', lambda _: b'')\""),
    ("python3", "python3 -c \"$CONTEXT; import smtplib; lmtp = smtplib.LMTP('localhost', int(its['LMTP'])); lmtp.starttls(context=context); lmtp.ehlo(); assert 'EXTERNAL' in lmtp.esmtp_features['auth']; assert lmtp.docmd('AUTH', 'EXTERNAL =')[0] == 235\""),
];
const CONTEXT: &str = "import os, ssl; its = os.environ; context = ssl.create_default_context(cafile=its['CA']); \
    context.load_cert_chain(its['CERT'])";

const MBSYNC: &str = "IMAPStore far\nHost localhost\nPort %s\nUser %s\nPass %s\nSSLType None\nAuthMechs SCRAM-SHA-256\n\n\
    MaildirStore near\nPath %s/\nInbox %s/INBOX\n\nChannel both\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSyncState *\n";
const NODEMAILER: &str = r#"
const { SMTP: port, USER: user, PASSWORD: pass } = process.env;
const options = { host: "localhost", port, ignoreTLS: true, authMethod: "CRAM-MD5", auth: { user, pass } };
require("nodemailer").createTransport(options).verify()
    .catch(error => { console.error(error.message); process.exitCode = 1; });
"#;

const USER: &str = "me@example.org";
const PASSWORD: &str = "secret";

/// A server with this mechanism only if it is off unless it is named.
fn server(mechanism: &str) -> MailServer {
    let builder = MailServer::builder().account(USER, PASSWORD).submission_requires_auth(false);
    let is_optional = matches!(mechanism, "DIGEST-MD5" | "NTLM");
    if is_optional { builder.auth([mechanism]) } else { builder }.start()
}

/// A client's command with this password.
fn command(server: &MailServer, mechanism: &str, script: &str, password: &str, home: &str) -> std::process::Command {
    let ca = server.ca_file().display().to_string();
    let gsasl =
        format!("--quiet --authentication-id={USER} --password={password} --mechanism={mechanism} --x509-ca-file={ca}");
    let mut sh = interpreter("sh");
    sh.args(["-ec", script]).env("HOME", home).env("NO_PROXY", "*").env("CA", &ca);
    sh.env("USER", USER).env("PASSWORD", password).env("GSASL", gsasl);
    sh.env("MBSYNC", MBSYNC).env("NODEMAILER", NODEMAILER);
    ports(&mut sh, server);
    sh
}

fn ports(sh: &mut std::process::Command, server: &MailServer) {
    for (name, endpoint) in [
        ("SMTP", server.smtp()),
        ("SUBMISSION", server.submission()),
        ("LMTP", server.lmtp()),
        ("IMAP", server.imap()),
        ("IMAPS", server.imaps()),
        ("POP3", server.pop3()),
    ] {
        sh.env(name, endpoint.port().to_string());
    }
}

#[test]
fn real_clients_log_in_with_each_mechanism_they_have() {
    for (client, mechanism, script) in CLIENTS.iter().filter(|(client, ..)| is_there(client)) {
        let server = server(mechanism);
        let home = tempfile::tempdir().unwrap();
        let home = home.path().to_str().unwrap();

        run(&mut command(&server, mechanism, script, PASSWORD, home), "");

        let said = server.transcript().to_string();
        let uses = |verb: &str| [" ", "\n"].iter().any(|end| said.contains(&format!("{verb} {mechanism}{end}")));
        assert!(uses("AUTH") || uses("AUTHENTICATE"), "{client} did not log in with {mechanism}: {said}");

        let refused = output(&mut command(&server, mechanism, script, "wrong", home), "");
        assert!(!refused.status.success(), "{client} logs in with {mechanism} and a wrong password");
    }
}

/// Pieces of names and passwords: the signs that mechanisms encode, and characters of several octets.
const PIECES: [&str; 10] = ["a", "Z", "7", ",", "=", " b", "=2C", "ł", "€", "文"];
/// Further pieces of passwords: characters that SASLprep (RFC 4013) changes, and those of which gsasl makes mistakes in the
/// names of DIGEST-MD5: it neither quotes them nor converts them to ISO 8859-1 (RFC 2831 §2.1.2.1).
const OF_PASSWORDS: [&str; 7] = ["ü", "\u{ad}c", "\u{2168}", "\u{a0}d", "ａ", "\\", "\""];

/// This many pieces, chosen by the state of a random generator.
fn pieces(state: &mut u32, count: usize, of: &[&str]) -> String {
    let mut next = || {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        of[(*state >> 16) as usize % of.len()]
    };
    (0..count).map(|_| next()).collect()
}

/// gsasl speaks SMTP and IMAP, not POP3.
#[test]
fn gsasl_logs_in_with_any_user_name_and_password() {
    if !is_there("gsasl") {
        return;
    }
    let mechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "DIGEST-MD5"];
    let mut state = 14;
    let of_passwords = [&PIECES[..], &OF_PASSWORDS].concat();
    let users: Vec<(String, String)> = (0..18)
        .map(|n| {
            (format!("u{n}{}", pieces(&mut state, 4, &PIECES)), format!("p{}", pieces(&mut state, 6, &of_passwords)))
        })
        .collect();
    let start =
        |builder: mailjig::MailServerBuilder, (user, password): &(String, String)| builder.account(user, password);
    let server = users.iter().fold(MailServer::builder().auth(mechanisms), start).start();
    for (at, (user, password)) in users.iter().enumerate() {
        for mechanism in mechanisms {
            let (protocol, port) =
                if at % 2 == 0 { ("--smtp", server.smtp().port()) } else { ("--imap", server.imap().port()) };
            let mut gsasl = interpreter("gsasl");
            gsasl.args([protocol, "--quiet", "--no-starttls", "--no-cb", "--quality-of-protection=qop-auth"]);
            gsasl.arg(format!("--mechanism={mechanism}")).arg(format!("--connect=localhost:{port}"));
            gsasl.arg(format!("--authentication-id={user}")).arg(format!("--password={password}"));

            run(gsasl.env("LC_ALL", "C.UTF-8"), "");
        }
    }
    server.settled().block();
    let logins: Vec<_> = server.sessions().into_iter().map(|its| its.user.unwrap().into_string()).collect();
    let wanted: Vec<_> = users.into_iter().flat_map(|(user, _)| vec![user; mechanisms.len()]).collect();
    assert_eq!(logins, wanted);
}

#[test]
fn real_clients_log_in_with_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = folder.path().join("client.pem");
    for (client, script) in CERTIFIED.iter().filter(|(client, ..)| is_there(client)) {
        let server = MailServer::builder().account(USER, PASSWORD).account("eve@example.org", PASSWORD);
        let noting = "mailjig = 1\n[[rule]]\nid = 'who'\non = '*.auth'\ndo = { note = 'it is {user}' }\n";
        let server = server.auth(["EXTERNAL"]).scenario(Scenario::text("who.toml", noting)).start();
        // Another server's CA.
        let other = MailServer::builder().auth(["EXTERNAL"]).start();
        for (pem, is_accepted) in [
            (server.client_certificate(USER), true),
            (server.client_certificate("nobody@example.org"), false),
            (other.client_certificate(USER), false),
        ] {
            std::fs::write(&certificate, pem).unwrap();
            let mut sh = interpreter("sh");
            sh.args(["-ec", script]).env("HOME", folder.path()).env("NO_PROXY", "*").env("USER", USER);
            sh.env("CA", server.ca_file()).env("CERT", &certificate).env("CONTEXT", CONTEXT);
            ports(&mut sh, &server);

            let said = output(&mut sh, "");

            // gsasl succeeds if no mechanism is announced that it knows.
            let is_met = said.status.success() || !is_accepted;
            assert!(is_met, "{client}: {script}: {said:?} {}", server.transcript());
            server.settled().block();
            let logins = server.sessions().into_iter().filter_map(|its| its.mechanism.map(String::from));
            assert_eq!(logins.collect::<Vec<_>>(), if is_accepted { &["EXTERNAL"][..] } else { &[] }, "{client}");
            let is_known = server.transcript().to_string().contains(&format!("notes: it is {USER}"));
            assert!(is_known || !is_accepted, "{client}: {script}: {}", server.transcript());
            server.clear();
        }
    }
}

#[test]
fn external_is_announced_and_accepted_only_with_a_certificate() {
    let server = MailServer::builder().account(USER, PASSWORD).auth(["EXTERNAL", "PLAIN"]).start();
    for (protocol, hello, login) in PROTOCOLS {
        for is_tls in [false, true] {
            let mut wire = Wire::greeted(&server, protocol, is_tls);
            wire.say(&format!("{hello}\r\n{login}EXTERNAL =\r\nQUIT\r\nz LOGOUT\r\n"));
            let mut said = Vec::new();
            while let Ok(octets) = wire.read() {
                said.extend(octets);
            }
            let said = String::from_utf8(said).unwrap();
            assert!(said.contains("PLAIN") && !said.contains("EXTERNAL"), "{protocol}: {said}");
            let refused = ["504 5.5.4", "a NO unsupported", "-ERR unsupported"];
            assert!(refused.iter().any(|its| said.contains(its)), "{protocol}: {said}");
        }
    }
}

/// What each protocol's client sends first, and the beginning of a login.
const PROTOCOLS: [(&str, &str, &str); 4] = [
    ("smtp", "EHLO me", "AUTH "),
    ("lmtp", "LHLO me", "AUTH "),
    ("imap", "a CAPABILITY", "a AUTHENTICATE "),
    ("pop3", "CAPA", "AUTH "),
];

fn announced_and_accepted(server: &MailServer, protocol: &str, mechanism: &str) -> (bool, bool) {
    let (_, hello, login) = PROTOCOLS.iter().find(|(its, ..)| *its == protocol).unwrap();
    let mut wire = Wire::greeted(server, protocol, false);
    wire.say(&format!(
        "{hello}\r\n{login}{mechanism}\r\n*\r\n{}QUIT\r\n",
        if protocol == "imap" { "a LOGOUT\r\n" } else { "" }
    ));
    let mut said = Vec::new();
    while let Ok(octets) = wire.read() {
        said.extend(octets);
    }
    let said = String::from_utf8(said).unwrap();
    let word = |its: &str| its.trim_start_matches("AUTH=") == mechanism;
    let is_accepted = said.lines().any(|line| line.starts_with("334") || line.starts_with("+ "));
    (said.split_whitespace().any(word), is_accepted)
}

#[test]
fn a_setting_of_the_server_turns_mechanisms_on_and_off_unless_the_scenario_names_others() {
    let scenario = Scenario::text("auth.toml", "mailjig = 1\n[server.pop3]\nauth = [\"LOGIN\"]\n");
    let by_builder = MailServer::builder().auth(["ANONYMOUS", "PLAIN"]).scenario(scenario).start();
    let scenario = "mailjig = 1\n[server]\nauth = [\"PLAIN\", \"ANONYMOUS\"]\n[server.pop3]\nauth = [\"LOGIN\"]\n";
    let by_scenario = MailServer::builder().scenario(Scenario::text("auth.toml", scenario)).start();
    for server in [by_builder, by_scenario] {
        for (protocol, ..) in PROTOCOLS {
            let is_pop3 = protocol == "pop3";
            for (mechanism, is_on) in [("PLAIN", !is_pop3), ("ANONYMOUS", !is_pop3), ("LOGIN", is_pop3)] {
                let got = announced_and_accepted(&server, protocol, mechanism);
                assert_eq!(got, (is_on, is_on), "{protocol} {mechanism}");
            }
        }
    }
}

#[test]
fn a_session_says_how_its_client_logged_in() {
    // The credentials in base64: user name and password; the digest of the first challenge of CRAM-MD5.
    let (plain, digest) = ("AG1lQGV4YW1wbGUub3JnAHNlY3JldA==", "9d31bb1e102f02e78ac63ac520a08618");
    let apop = format!("APOP me@example.org {digest}");
    let text = "mailjig = 1\n[server.pop3]\ngreeting = \"ready <7.8@pop.example>\"\n[[rule]]\non = \"imap.noop\"\n\
                do = { login = \"me@example.org\" }\n";
    let scenario = Scenario::text("login.toml", text);
    let server = MailServer::builder().account(USER, PASSWORD).scenario(scenario).start();
    for (protocol, said, wanted) in [
        ("smtp", &*format!("EHLO me\r\nAUTH PLAIN {plain}"), Some("PLAIN")),
        ("lmtp", &format!("LHLO me\r\nAUTH PLAIN\r\n{plain}"), Some("PLAIN")),
        ("imap", "a LOGIN me@example.org secret", Some("LOGIN")),
        ("imap", &format!("a AUTHENTICATE plain {plain}"), Some("PLAIN")),
        ("imap", "a LOGIN me@example.org wrong", None),
        ("imap", "a NOOP", None),
        ("pop3", "USER me@example.org\r\nPASS secret", Some("USER")),
        ("pop3", &apop, Some("APOP")),
    ] {
        server.clear();
        let mut wire = Wire::greeted(&server, protocol, false);
        wire.say(&format!("{said}\r\n{}QUIT\r\n", if protocol == "imap" { "z LOGOUT\r\n" } else { "" }));
        while wire.read().is_ok_and(|octets| !octets.is_empty()) {}
        server.settled().block();

        let sessions = server.sessions();
        let session = sessions.last().unwrap();
        assert_eq!(session.mechanism.as_deref(), wanted, "{protocol}: {said}");
        assert_eq!(session.user.is_some(), wanted.is_some() || said == "a NOOP", "{protocol}: {said}");
    }
}

#[test]
#[should_panic = "the server does not speak the mechanism `KERBEROS_V4`; it speaks PLAIN, LOGIN, "]
fn a_mechanism_that_the_server_does_not_speak_is_refused_at_the_start() {
    let _never = MailServer::builder().auth(["PLAIN", "KERBEROS_V4"]);
}
