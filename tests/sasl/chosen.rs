//! Clients that choose a mechanism among those that the server announces, also with an access token.

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;

use mailjig::MailServer;

use super::clients::support::{interpreter, is_there, jakarta, output, run};
use super::{PASSWORD, USER};

/// The mechanisms of the server; the password is also an access token.
const ALL: [&str; 8] =
    ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2"];

/// Clients, the mechanisms that each can choose, and its command with the one in `$MECHANISM`, in lower case in
/// `$mechanism`.
#[rustfmt::skip]
const CLIENTS: &[(&str, &[&str], &str)] = &[
    ("mutt", &ALL, "echo hi | mutt -n -F /dev/null -e \"$MUTT\" -e \"set smtp_url=smtp://$USER@localhost:$SMTP smtp_authenticators=$mechanism\" $USER"),
    ("mutt", &["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"], "! echo hi | mutt -n -F /dev/null -e \"$MUTT\" -e \"set smtp_url=smtp://localhost:$SMTP copy=yes record=imap://localhost:$IMAP/INBOX imap_authenticators=$mechanism\" $USER 2>&1 | grep failed"),
    ("msmtp", &["PLAIN", "LOGIN", "DIGEST-MD5", "OAUTHBEARER", "XOAUTH2"], "echo hi | msmtp --host=localhost --port=$SUBMISSION --tls=on --tls-trust-file=$CA --auth=$mechanism --user=$USER --passwordeval='echo $PASSWORD' --from=$USER $USER"),
    ("mpop", &["PLAIN", "LOGIN", "DIGEST-MD5", "OAUTHBEARER", "XOAUTH2"], "mpop --host=localhost --port=$POP3 --tls=on --tls-starttls=on --tls-trust-file=$CA --auth=$mechanism --user=$USER --passwordeval='echo $PASSWORD' --delivery=mbox,$HOME/mbox --uidls-file=$HOME/uidls"),
    ("curl", &["PLAIN", "LOGIN", "DIGEST-MD5"], "echo hi | curl -sS -m 9 smtp://localhost:$SMTP -u \"$USER:$PASSWORD\" --login-options AUTH=$MECHANISM --mail-from $USER --mail-rcpt $USER -T -"),
    ("curl", &["PLAIN", "LOGIN", "DIGEST-MD5"], "curl -sS -m 9 imap://localhost:$IMAP/ -u \"$USER:$PASSWORD\" --login-options AUTH=$MECHANISM"),
    ("curl", &["PLAIN", "LOGIN", "DIGEST-MD5"], "curl -sS -m 9 pop3://localhost:$POP3/ -u \"$USER:$PASSWORD\" --login-options AUTH=$MECHANISM"),
    ("curl", &["OAUTHBEARER", "XOAUTH2"], "echo hi | curl -sS -m 9 smtp://localhost:$SMTP -u $USER: --oauth2-bearer $PASSWORD --login-options AUTH=$MECHANISM --mail-from $USER --mail-rcpt $USER -T -"),
    ("curl", &["OAUTHBEARER", "XOAUTH2"], "curl -sS -m 9 imap://localhost:$IMAP/ -u $USER: --oauth2-bearer $PASSWORD --login-options AUTH=$MECHANISM"),
    ("curl", &["OAUTHBEARER", "XOAUTH2"], "curl -sS -m 9 pop3://localhost:$POP3/ -u $USER: --oauth2-bearer $PASSWORD --login-options AUTH=$MECHANISM"),
    ("swaks", &["PLAIN", "LOGIN"], "swaks --server localhost --port $SMTP --from $USER --to $USER --auth $MECHANISM --auth-user $USER --auth-password $PASSWORD --body hi"),
    ("mbsync", &["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1"], "printf \"$MBSYNC\" $IMAP $USER $PASSWORD $MECHANISM $HOME $HOME >$HOME/rc; mbsync -c $HOME/rc -a"),
    ("fetchmail", &["CRAM-MD5"], "fetchmail --version >/dev/null; printf 'poll localhost protocol IMAP port %s auth cram-md5 user %s password %s sslproto \"\" mda cat\\n' $IMAP $USER $PASSWORD >$HOME/rc; chmod 700 $HOME/rc; fetchmail -f $HOME/rc --nosyslog -c || [ $? = 1 ]"),
    ("PyPI aiosmtplib", &["PLAIN", "LOGIN", "CRAM-MD5"], "target/clients/venv/bin/python -c \"$AIOSMTPLIB\""),
    ("python3", &["PLAIN", "LOGIN"], "python3 -c \"$SMTPLIB\""),
    ("python3", &["PLAIN"], "python3 -c \"$IMAPLIB\""),
    ("imapflow", &["PLAIN", "LOGIN", "OAUTHBEARER"], "node -e \"$IMAPFLOW\""),
    ("nodemailer", &["PLAIN", "LOGIN", "XOAUTH2"], "node -e \"$NODEMAILER\""),
];

const MUTT: &str = "set sleep_time=0 ssl_starttls=no ssl_force_tls=no copy=no from=$USER smtp_pass=$PASSWORD imap_user=$USER \
    imap_pass=$PASSWORD smtp_oauth_refresh_command='echo $PASSWORD'";
const MBSYNC: &str = "IMAPStore far\nHost localhost\nPort %s\nUser %s\nPass %s\nSSLType None\nAuthMechs %s\n\n\
    MaildirStore near\nPath %s/\nInbox %s/INBOX\n\nChannel both\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSyncState *\n";
const AIOSMTPLIB: &str = r#"
import aiosmtplib, asyncio, os
its = os.environ
async def main():
    smtp = aiosmtplib.SMTP(hostname="localhost", port=int(its["SMTP"]), start_tls=False)
    await smtp.connect()
    await smtp.ehlo()
    await getattr(smtp, "auth_" + its["mechanism"].replace("-", ""))(its["USER"], its["PASSWORD"])
    await smtp.quit()
asyncio.run(main())
"#;
const SMTPLIB: &str = r#"
import os, smtplib
its = os.environ
smtp = smtplib.SMTP("localhost", int(its["SMTP"]))
smtp.ehlo()
smtp.user, smtp.password = its["USER"], its["PASSWORD"]
smtp.auth(its["MECHANISM"], getattr(smtp, "auth_" + its["mechanism"]))
smtp.quit()
"#;
const IMAPLIB: &str = r#"
import imaplib, os
its = os.environ
imap = imaplib.IMAP4("localhost", int(its["IMAP"]))
imap.authenticate("PLAIN", lambda _: "\0{USER}\0{PASSWORD}".format(**its).encode())
imap.logout()
"#;
const IMAPFLOW: &str = r#"
const { IMAP: port, USER: user, PASSWORD, MECHANISM } = process.env;
const auth = MECHANISM == "OAUTHBEARER" ? { user, accessToken: PASSWORD }
    : { user, pass: PASSWORD, loginMethod: "AUTH=" + MECHANISM };
const { ImapFlow } = require("imapflow");
const client = new ImapFlow({ host: "localhost", port, secure: false, doSTARTTLS: false, logger: false, auth });
client.connect().then(() => client.logout())
    .catch(error => { console.error(error.responseText || error.message); process.exit(1); });
"#;
const NODEMAILER: &str = r#"
const { SMTP: port, USER: user, PASSWORD, MECHANISM: authMethod } = process.env;
const auth = authMethod == "XOAUTH2" ? { type: "OAuth2", user, accessToken: PASSWORD } : { user, pass: PASSWORD };
require("nodemailer").createTransport({ host: "localhost", port, ignoreTLS: true, authMethod, auth }).verify()
    .catch(error => { console.error(error.message); process.exitCode = 1; });
"#;

/// Logins of Jakarta Mail: the protocol and the mechanism. Over POP3, its version 2.0.0 takes the error about a token for
/// success, so XOAUTH2 is missing.
const JAKARTA: [&str; 11] = [
    "smtp PLAIN",
    "smtp LOGIN",
    "smtp CRAM-MD5",
    "smtp DIGEST-MD5",
    "smtp XOAUTH2",
    "imap PLAIN",
    "imap LOGIN",
    "imap CRAM-MD5",
    "imap DIGEST-MD5",
    "imap XOAUTH2",
    "pop3 PLAIN",
];

fn server(mechanisms: &[&str]) -> MailServer {
    let builder = MailServer::builder().account(USER, PASSWORD).access_tokens(USER, &[PASSWORD]);
    builder.auth(mechanisms.iter().copied()).submission_requires_auth(false).start()
}

fn with_settings(command: &mut Command, server: &MailServer, mechanism: &str, password: &str) {
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_PROXY", "*").env("CA", server.ca_file());
    command.env("USER", USER).env("PASSWORD", password);
    command.env("MECHANISM", mechanism).env("mechanism", mechanism.to_ascii_lowercase());
    command.env("MUTT", MUTT.replace("$USER", USER).replace("$PASSWORD", password)).env("MBSYNC", MBSYNC);
    command.env("AIOSMTPLIB", AIOSMTPLIB).env("SMTPLIB", SMTPLIB).env("IMAPLIB", IMAPLIB);
    command.env("IMAPFLOW", IMAPFLOW).env("NODEMAILER", NODEMAILER);
    for (name, endpoint) in
        [("SMTP", server.smtp()), ("SUBMISSION", server.submission()), ("IMAP", server.imap()), ("POP3", server.pop3())]
    {
        command.env(name, endpoint.port().to_string());
    }
}

/// The mechanisms of the sessions, in their order.
fn chosen(server: &MailServer) -> Vec<String> {
    server.sessions().iter().filter_map(|its| its.mechanism.as_ref().map(ToString::to_string)).collect()
}

fn logs_in((client, mechanism, script): (&str, &str, &str)) {
    // With a token, curl uses OAUTHBEARER if it is announced.
    let server = server(if (client, mechanism) == ("curl", "XOAUTH2") { &["XOAUTH2"] } else { &ALL });
    let home = tempfile::tempdir().unwrap();
    let sh = |password: &str| {
        let mut sh = interpreter("sh");
        sh.args(["-ec", script]).env("HOME", home.path());
        with_settings(&mut sh, &server, mechanism, password);
        sh
    };

    run(&mut sh(PASSWORD), "");
    assert_eq!(chosen(&server), [mechanism], "{client}: {}", server.transcript());

    let refused = output(&mut sh("wrong"), "");
    assert!(!refused.status.success(), "{client} logs in with {mechanism} and a wrong password");
    assert_eq!(chosen(&server), [mechanism], "{client}");
}

#[test]
fn clients_log_in_with_the_mechanism_that_they_choose() {
    let clients: BTreeSet<&str> = CLIENTS.iter().map(|(client, ..)| *client).filter(|its| is_there(its)).collect();
    let rows = CLIENTS.iter().filter(|(client, ..)| clients.contains(client));
    let rows = rows.flat_map(|(client, mechanisms, script)| mechanisms.iter().map(move |its| (*client, *its, *script)));
    let rows: Vec<_> = rows.collect();

    // Several at a time: they mostly wait, and mutt pauses for two seconds after a wrong password.
    const AT_A_TIME: usize = 6;
    thread::scope(|scope| {
        for first in 0..AT_A_TIME {
            let some = rows.iter().skip(first).step_by(AT_A_TIME);
            scope.spawn(move || some.copied().for_each(logs_in));
        }
    });
}

#[test]
fn jakarta_mail_logs_in_with_the_mechanism_that_it_chooses() {
    if !is_there("java with JUnit and Jakarta Mail") {
        return;
    }
    let server = server(&ALL);
    let mut java = jakarta("JakartaMail.java");
    with_settings(&mut java, &server, "", PASSWORD);

    let done = run(java.args(JAKARTA), "");

    assert_eq!(done.lines().collect::<Vec<_>>(), JAKARTA);
    let mechanisms = JAKARTA.map(|login| login.split_once(' ').expect("it has a mechanism").1);
    assert_eq!(chosen(&server), mechanisms);
}
