//! Logins with access tokens (XOAUTH2, OAUTHBEARER): what rules and reports see of them, when the mechanism is announced, and real
//! clients that have a token, or only a password.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use clients::support::{interpreter, is_there, output, run};
use clients::wire::Wire;
use data_encoding::BASE64;
use mailjig::{MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

/// Each protocol with what its client says first, the command of a login, and the beginnings of the replies to a valid
/// token, to one that is refused, and to the answer after that.
#[rustfmt::skip]
const PROTOCOLS: [(&str, &str, &str, &str, &str, &str); 4] = [
    ("smtp", "EHLO me", "AUTH", "235 ", "334 ", "535 5.7.8 "),
    ("lmtp", "LHLO me", "AUTH", "235 ", "334 ", "535 5.7.8 "),
    ("imap", "", "a AUTHENTICATE", "a OK ", "+ ", "a NO [AUTHENTICATIONFAILED] "),
    ("pop3", "", "AUTH", "+OK ", "+ ", "-ERR [AUTH] "),
];

/// The mechanisms, each with what its error says of a token that is not valid.
const MECHANISMS: [(&str, &str, &str); 2] = [("XOAUTH2", "401", "schemes"), ("OAUTHBEARER", "invalid_token", "scope")];

/// The response of XOAUTH2.
fn response(token: &str) -> String {
    response_of("XOAUTH2", token)
}

fn response_of(mechanism: &str, token: &str) -> String {
    let user = if mechanism == "XOAUTH2" { "user=me@example.org" } else { "n,a=me@example.org,\x01host=x" };
    BASE64.encode(format!("{user}\x01auth=Bearer {token}\x01\x01").as_bytes())
}

fn with(text: &str) -> MailServer {
    let scenario = Scenario::text("tokens.toml", format!("mailjig = 1\n{text}"));
    MailServer::builder().scenario(scenario).submission_requires_auth(false).start()
}

/// A connection after its greeting and the client's.
fn connect(server: &MailServer, protocol: &str, hello: &str) -> Wire {
    let mut wire = Wire::greeted(server, protocol, false);
    if !hello.is_empty() {
        wire.ask(hello);
    }
    wire
}

/// What a new session announces.
fn announced(server: &MailServer, protocol: &str) -> String {
    let mut wire = Wire::connect(server, protocol, false);
    wire.say(match protocol {
        "smtp" => "EHLO me\r\nQUIT\r\n",
        "lmtp" => "LHLO me\r\nQUIT\r\n",
        "imap" => "a CAPABILITY\r\nb LOGOUT\r\n",
        _ => "CAPA\r\nAUTH\r\nQUIT\r\n",
    });
    let mut said = Vec::new();
    while let Ok(octets) = wire.read() {
        said.extend(octets);
    }
    String::from_utf8(said).unwrap()
}

const USER: &str = "[[user]]\nname = \"me@example.org\"\npassword = \"secret\"\ntokens = [\"tok-1\", \"tok-2\"]\n";

#[test]
fn rules_and_expectations_see_the_token_and_what_became_of_it() {
    let each = |protocol| MECHANISMS.map(|mechanism| (protocol, mechanism));
    for ((protocol, hello, command, yes, no, end), (mechanism, status, key)) in PROTOCOLS.into_iter().flat_map(each) {
        let count = |id: &str, token: &str, outcome: &str, count: u64| {
            format!(
                "[[expect]]\nid = \"{id}\"\nevent = \"*.auth\"\nwhen = {{ mech = \"{mechanism}\", user = \"me@*\", \
                 token = \"{token}\", outcome = \"{outcome}\" }}\ncount = \"={count}\"\n"
            )
        };
        let expects = [
            count("in", "tok-1", "ok", 2),
            count("out", "tok-9", "refused", 2),
            count("never", "tok-9", "ok", 0),
            "[[expect]]\nid = 'answers'\nevent = '*.auth.step'\nwhen = { outcome = 'refused' }\ncount = '=2'\n".into(),
        ];
        let rule = "[[rule]]\nid = 'seen'\non = '*.auth'\nwhen = { token = 'tok-*' }\ndo = { note = 'saw {token}' }\n";
        let server = with(&format!("{USER}{rule}{}", expects.concat()));
        for is_initial in [true, false] {
            let start = |wire: &mut Wire, token: &str| {
                if is_initial {
                    return wire.ask(&format!("{command} {mechanism} {}", response_of(mechanism, token)));
                }
                let asked = wire.ask(&format!("{command} {mechanism}"));
                assert!(matches!(&*asked, "334" | "+"), "{protocol}: {asked}");
                wire.ask(&response_of(mechanism, token))
            };
            let mut wire = connect(&server, protocol, hello);

            let refused = start(&mut wire, "tok-9");
            assert!(refused.starts_with(no), "{protocol}: {refused}");
            let error = String::from_utf8(BASE64.decode(&refused.as_bytes()[no.len()..]).unwrap()).unwrap();
            let error: serde_json::Value = serde_json::from_str(&error).unwrap();
            assert_eq!(error["status"], status);
            assert!(error[key].is_string(), "{error}");
            let ended = wire.ask("");
            assert!(ended.starts_with(end), "{protocol}: {ended}");
            // The error and the end are of one login.
            assert_eq!(server.sessions().last().unwrap().refused, 1, "{protocol}");
            let accepted = start(&mut wire, "tok-1");
            assert!(accepted.starts_with(yes), "{protocol}: {accepted}");
            drop(wire);
            // Until then, the maildrop of POP3 is locked.
            server.wait_for_no_session().block();
        }
        assert_eq!(server.fired("seen"), 4, "{protocol}");
        server.verify().block();
    }
}

#[test]
fn without_a_list_of_accounts_every_token_is_accepted_but_not_announced() {
    for (protocol, hello, command, yes, ..) in PROTOCOLS {
        // Some tokens of Microsoft have more than 2000 octets.
        for token in ["x", &"long.".repeat(1000)] {
            let server = with("");
            let said = announced(&server, protocol);
            assert!(!said.contains("XOAUTH2") && !said.contains("OAUTHBEARER"), "{protocol}");
            let accepted = connect(&server, protocol, hello).ask(&format!("{command} XOAUTH2 {}", response(token)));
            assert!(accepted.starts_with(yes), "{protocol}: {accepted}");
        }
    }
}

#[test]
fn xoauth2_is_announced_if_an_account_has_tokens_or_auth_names_it() {
    for (protocol, hello, command, yes, no, _) in PROTOCOLS {
        let named = format!("[server.{protocol}]\nauth = [\"XOAUTH2\"]\n");
        for (text, all) in [(USER, true), (&*named, false)] {
            let server = with(text);
            let said = announced(&server, protocol);
            let has = ["XOAUTH2", "OAUTHBEARER", "PLAIN"].map(|name| said.contains(name));
            assert_eq!(has, [true, all, all], "{protocol}: {said}");
            let accepted = connect(&server, protocol, hello).ask(&format!("{command} XOAUTH2 {}", response("tok-1")));
            assert!(accepted.starts_with(yes), "{protocol}: {accepted}");
        }

        let server = with(&format!("{USER}[server.{protocol}]\nauth = [\"PLAIN\"]\n"));
        assert!(!announced(&server, protocol).contains("XOAUTH2"), "{protocol}");
        let refused = connect(&server, protocol, hello).ask(&format!("{command} XOAUTH2 {}", response("tok-1")));
        assert!(!refused.starts_with(yes) && !refused.starts_with(no), "{protocol}: {refused}");
    }
}

#[test]
fn the_tokens_of_an_account_may_change() {
    let server = MailServer::start();
    let account = server.make_account("me@example.org", "secret");
    let is_accepted = |token: &str| {
        let mut wire = Wire::greeted(&server, "imap", false);
        wire.ask(&format!("a AUTHENTICATE XOAUTH2 {}", response(token))).starts_with("a OK")
    };

    assert!(!is_accepted("tok-1") && !announced(&server, "imap").contains("XOAUTH2"));
    account.access_tokens(&["tok-1"]);
    assert!(is_accepted("tok-1") && announced(&server, "imap").contains("XOAUTH2"));
    server.account("ME@example.org").access_tokens(&["tok-2"]);
    assert!(is_accepted("tok-2") && !is_accepted("tok-1"));
}

#[test]
fn the_reply_says_why_a_token_is_refused() {
    type State = fn(&MailServer) -> String;
    const EXPIRED: State = |server| {
        let token = server.account("me@example.org").issue_token(Duration::from_secs(60)).text().to_owned();
        server.clock().pause();
        server.clock().advance(Duration::from_secs(60));
        token
    };
    const STATIC: State = |server| {
        server.account("me@example.org").token("tok-1").expire();
        "tok-1".to_owned()
    };
    const REVOKED: State = |server| {
        let me = server.account("me@example.org");
        let token = me.issue_token(Duration::from_secs(60)).text().to_owned();
        assert_eq!(me.revoke_tokens(), 3);
        token
    };
    const OF_ANOTHER: State =
        |server| server.account("eve@example.org").issue_token(Duration::from_secs(60)).text().to_owned();
    for (state, why) in [
        (EXPIRED, "the token has expired"),
        (STATIC, "the token has expired"),
        (REVOKED, "the token is revoked"),
        (OF_ANOTHER, "the token belongs to another user"),
    ] {
        for ((protocol, hello, command, yes, no, end), (mechanism, status, _)) in
            PROTOCOLS.into_iter().flat_map(|protocol| MECHANISMS.map(|mechanism| (protocol, mechanism)))
        {
            let server = with(USER);
            let login = |token: &str| format!("{command} {mechanism} {}", response_of(mechanism, token));
            let mut wire = connect(&server, protocol, hello);
            let token = state(&server);

            let refused = wire.ask(&login(&token));
            let error = BASE64.decode(&refused.as_bytes()[no.len()..]).unwrap();
            assert!(String::from_utf8(error).unwrap().contains(status), "{protocol}: {refused}");
            assert_eq!(wire.ask(""), format!("{end}Authentication failed: {why}"), "{protocol}");

            server.account("me@example.org").token("tok-1").restore();
            assert!(wire.ask(&login("tok-1")).starts_with(yes), "{protocol}");
        }
    }
}

#[test]
fn one_rule_lets_the_token_of_a_login_expire_in_every_protocol() {
    let rule = "[[rule]]\nid = 'expired'\non = '*.auth'\nwhen = { token = 'tok-1' }\ntimes = 1\ndo = { token = 'expired' }\n\
        [[rule]]\non = ['*.quit', 'imap.logout']\ndo = { token = 'revoked' }\n";
    // Without accounts, every token is accepted that is not known.
    for users in [USER, ""] {
        for ((protocol, hello, command, yes, no, end), (mechanism, ..)) in
            PROTOCOLS.into_iter().flat_map(|protocol| MECHANISMS.map(|mechanism| (protocol, mechanism)))
        {
            let server = with(&format!("{users}{rule}"));
            let login = |token: &str| format!("{command} {mechanism} {}", response_of(mechanism, token));
            let mut wire = connect(&server, protocol, hello);

            for _ in 0..2 {
                let refused = wire.ask(&login("tok-1"));
                assert!(refused.starts_with(no), "{protocol}: {refused}");
                assert_eq!(
                    wire.ask("AQ=="),
                    format!("{end}Authentication failed: the token has expired"),
                    "{protocol}"
                );
            }
            assert!(wire.ask(&login("tok-2")).starts_with(yes), "{protocol}");
            wire.ask(if protocol == "imap" { "b LOGOUT" } else { "QUIT" });
            server.wait_for_no_session().block();
            assert_eq!(server.fired("expired"), 1);
            let account = server.account("me@example.org");
            assert!(!account.token("tok-1").is_valid());
            assert!(users.is_empty() || !account.token("tok-2").is_valid(), "{protocol}");
        }
    }
}

#[test]
fn one_rule_refuses_logins_in_every_protocol() {
    let rule = "[[rule]]\nid = 'refused'\non = '*.auth'\ntimes = 1\ndo = { login = false }\n";
    let rows = [
        ("PLAIN", BASE64.encode(b"\0me@example.org\0secret"), "the user name or the password is wrong"),
        ("XOAUTH2", response_of("XOAUTH2", "tok-1"), "the user name or the token is wrong"),
        ("OAUTHBEARER", response_of("OAUTHBEARER", "tok-1"), "the user name or the token is wrong"),
        ("ANONYMOUS", BASE64.encode(b"me"), "this user may not log in"),
    ];
    for (protocol, hello, command, yes, no, end) in PROTOCOLS {
        for (mechanism, response, why) in &rows {
            let server = with(&format!("[server.{protocol}]\nauth = ['{mechanism}']\n{rule}"));
            let mut wire = connect(&server, protocol, hello);
            let login = format!("{command} {mechanism} {response}");

            let mut refused = wire.ask(&login);
            if mechanism.contains("OAUTH") {
                assert!(refused.starts_with(no), "{protocol}, {mechanism}: {refused}");
                refused = wire.ask("AQ==");
            }
            // Of a wrong password, SMTP says only that.
            let why = match hello.is_empty() || *mechanism != "PLAIN" {
                true => format!("{end}Authentication failed: {why}"),
                false => format!("{end}Authentication credentials invalid"),
            };
            assert_eq!(refused, why, "{protocol}, {mechanism}");
            assert!(wire.ask(&login).starts_with(yes), "{protocol}, {mechanism}: the next login is accepted");
            assert_eq!(server.fired("refused"), 1);
        }
    }
}

#[test]
fn a_step_about_logins_is_refused_where_there_is_none() {
    for (on, step, why) in [
        ("imap.noop", "login = false", "only a login can be refused: use it at an event `auth`"),
        ("smtp.auth.start", "login = false", "only a login can be refused: use it at an event `auth`"),
        ("timer", "token = 'expired'", "no user is logged in at this event"),
    ] {
        let text = format!("mailjig = 1\n[[rule]]\nid = 'x'\non = '{on}'\ndo = {{ {step} }}\n");
        let error = Scenario::text("x.toml", text).check().unwrap_err().to_string();
        assert!(error.contains(why), "{on}: {error}");
    }
}

#[test]
fn tokens_are_as_given_after_a_reset() {
    let server = with(USER);
    let me = server.account("me@example.org");
    me.token("tok-1").revoke();
    let issued = me.issue_token(Duration::from_secs(60));

    server.reset();

    assert!(me.token("tok-1").is_valid() && !issued.is_valid());
}

#[test]
fn a_report_does_not_show_the_token() {
    let text = "[[expect]]\nevent = 'imap.auth'\nwhen = { token = 'tok-2' }\ncount = '=1'\n";
    let server = with(&format!("{USER}{text}"));
    let mut wire = Wire::greeted(&server, "imap", false);
    assert!(wire.ask(&format!("a AUTHENTICATE XOAUTH2 {}", response("tok-1"))).starts_with("a OK"));

    let report = catch_unwind(AssertUnwindSafe(|| drop(server))).unwrap_err().downcast::<String>().unwrap();

    assert!(report.contains("token  wanted tok-2  got ***"), "{report}");
    assert!(!report.contains("tok-1") && !report.contains(&response("tok-1")[..30]), "{report}");
}

#[test]
fn only_a_client_that_refreshes_its_token_meets_the_expectation() {
    if !is_there("python3") {
        return;
    }
    for protocol in ["imap", "smtp"] {
        for is_stubborn in [false, true] {
            let server = MailServer::builder().scenario(Scenario::named("imap-xoauth2-token-expires")).start();
            let port = if protocol == "imap" { server.imap().port() } else { server.smtp().port() };
            let mut python = interpreter("python3");
            python.arg(clients::support::folder().join("refresh.py")).args([protocol, &port.to_string()]);
            python.args(is_stubborn.then_some("stubborn"));

            let ended = output(&mut python, "");

            assert_eq!(ended.status.success(), !is_stubborn, "{protocol}: {ended:?}");
            let expired = server.fired(&format!("expired-{protocol}"));
            assert_eq!(expired, if is_stubborn { 2 } else { 1 }, "{protocol}");
            let report = catch_unwind(AssertUnwindSafe(|| drop(server))).err();
            let report = report.map(|why| *why.downcast::<String>().unwrap());
            assert_eq!(report.is_some(), is_stubborn, "{protocol}: {report:?}");
            assert!(report.is_none_or(|its| its.contains("came back with the new token")), "{protocol}");
        }
    }
}

/// Real clients: how they log in to a server whose account has the password `secret` and the tokens `tok-1` and `tok-2`.
/// `$CREDENTIAL` is a token or the password.
const WITH_TOKEN: &[(&str, &str)] = &[
    (
        "python3",
        "python3 -c 'import refresh, os, sys; sys.exit(not refresh.imap(int(os.environ[\"IMAP\"]), os.environ[\"CREDENTIAL\"]))'",
    ),
    (
        "python3",
        "python3 -c 'import refresh, os, sys; sys.exit(not refresh.smtp(int(os.environ[\"SMTP\"]), os.environ[\"CREDENTIAL\"]))'",
    ),
    (
        "python3",
        "python3 -c 'import refresh, os, sys; sys.exit(not refresh.pop3(int(os.environ[\"POP3\"]), os.environ[\"CREDENTIAL\"]))'",
    ),
    ("curl", "curl -sS -m 5 imap://localhost:$IMAP/ -u me@example.org: --oauth2-bearer $CREDENTIAL"),
    ("curl", "curl -sS -m 5 pop3://localhost:$POP3/ -u me@example.org: --oauth2-bearer $CREDENTIAL --sasl-ir"),
    (
        "curl",
        "echo hi | curl -sS -m 5 smtp://localhost:$SMTP -u me@example.org: --oauth2-bearer $CREDENTIAL --mail-from me@example.org --mail-rcpt me@example.org -T -",
    ),
    (
        "msmtp",
        "echo hi | msmtp --host=localhost --port=$SUBMISSION --tls=on --tls-trust-file=$CA --auth=xoauth2 --user=me@example.org --passwordeval='echo $CREDENTIAL' --from=me@example.org me@example.org",
    ),
    (
        "msmtp",
        "echo hi | msmtp --host=localhost --port=$SUBMISSION --tls=on --tls-trust-file=$CA --auth=oauthbearer --user=me@example.org --passwordeval='echo $CREDENTIAL' --from=me@example.org me@example.org",
    ),
    ("nodemailer", "node -e \"$NODEMAILER\" OAuth2"),
    ("imapflow", "node -e \"$IMAPFLOW\" accessToken"),
];

const WITH_PASSWORD: &[(&str, &str)] = &[
    (
        "python3",
        "python3 -c 'import smtplib, os; smtplib.SMTP(\"localhost\", int(os.environ[\"SMTP\"])).login(\"me@example.org\", os.environ[\"CREDENTIAL\"])'",
    ),
    ("curl", "curl -sS -m 5 imap://localhost:$IMAP/ -u me@example.org:$CREDENTIAL"),
    ("curl", "curl -sS -m 5 pop3://localhost:$POP3/ -u me@example.org:$CREDENTIAL"),
    (
        "curl",
        "echo hi | curl -sS -m 5 smtp://localhost:$SMTP -u me@example.org:$CREDENTIAL --mail-from me@example.org --mail-rcpt me@example.org -T -",
    ),
    (
        "msmtp",
        "echo hi | msmtp --host=localhost --port=$SUBMISSION --tls=on --tls-trust-file=$CA --auth=on --user=me@example.org --passwordeval='echo $CREDENTIAL' --from=me@example.org me@example.org",
    ),
    ("nodemailer", "node -e \"$NODEMAILER\" login"),
    ("imapflow", "node -e \"$IMAPFLOW\" pass"),
    (
        "swaks",
        "swaks --server localhost --port $SMTP --from me@example.org --to me@example.org --auth --auth-user me@example.org --auth-password $CREDENTIAL --body hi",
    ),
    ("mbsync", "printf \"$MBSYNC\" $IMAP $CREDENTIAL $HOME $HOME >$HOME/rc; mbsync -c $HOME/rc -a"),
    (
        "mutt",
        "echo hi | mutt -n -F /dev/null -e \"set smtp_url=smtp://me%40example.org:$CREDENTIAL@localhost:$SMTP/ ssl_starttls=no ssl_force_tls=no from=me@example.org copy=no\" -s hi me@example.org",
    ),
    (
        "java with JUnit and Jakarta Mail",
        "echo \"$JAVAMAIL\" >$HOME/Login.java; java -cp /usr/share/java/jakarta-mail.jar $HOME/Login.java",
    ),
];

const MBSYNC: &str = "IMAPStore far\nHost localhost\nPort %s\nUser me@example.org\nPass %s\nSSLType None\n\n\
    MaildirStore near\nPath %s/\nInbox %s/INBOX\n\nChannel both\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSyncState *\n";

const JAVAMAIL: &str = r#"
import jakarta.mail.*;
class Login {
    public static void main(String[] none) throws Exception {
        Session session = Session.getInstance(new java.util.Properties());
        for (String name : new String[] { "imap", "pop3", "smtp" }) {
            int port = Integer.parseInt(System.getenv(name.toUpperCase()));
            Service service = name.equals("smtp") ? session.getTransport(name) : session.getStore(name);
            service.connect("localhost", port, "me@example.org", System.getenv("CREDENTIAL"));
            service.close();
        }
    }
}
"#;

const NODEMAILER: &str = r#"
const [type] = process.argv.slice(1), { SMTP: port, CREDENTIAL } = process.env;
const auth = { user: "me@example.org", type, [type === "OAuth2" ? "accessToken" : "pass"]: CREDENTIAL };
const transport = require("nodemailer").createTransport({ host: "localhost", port, ignoreTLS: true, auth });
transport.verify().catch(error => { console.error(error.message); process.exitCode = 1; });
"#;

const IMAPFLOW: &str = r#"
const [key] = process.argv.slice(1), { IMAP: port, CREDENTIAL } = process.env, { ImapFlow } = require("imapflow");
const auth = { user: "me@example.org", [key]: CREDENTIAL };
const imap = new ImapFlow({ host: "localhost", port, secure: false, doSTARTTLS: false, auth, logger: false });
imap.connect().then(() => imap.logout(), error => { console.error(error.message); process.exit(1); });
"#;

/// Plays the clients, which must succeed or fail; returns how many there were.
fn play(server: &MailServer, clients: &[(&str, &str)], credential: &str, succeeds: bool) -> usize {
    let there = clients.iter().filter(|(client, _)| is_there(client));
    let played = there.map(|(_, script)| {
        let home = tempfile::tempdir().unwrap();
        let mut sh = interpreter("sh");
        sh.args(["-ec", script]).env("CREDENTIAL", credential).env("CA", server.ca_file());
        sh.env("NODEMAILER", NODEMAILER).env("IMAPFLOW", IMAPFLOW).env("NO_PROXY", "*");
        sh.env("MBSYNC", MBSYNC).env("JAVAMAIL", JAVAMAIL).env("HOME", home.path());
        for (name, endpoint) in [
            ("SMTP", server.smtp()),
            ("SUBMISSION", server.submission()),
            ("IMAP", server.imap()),
            ("POP3", server.pop3()),
        ] {
            sh.env(name, endpoint.port().to_string());
        }
        if succeeds {
            run(&mut sh, "");
        } else {
            let ended = output(&mut sh, "");
            assert!(!ended.status.success(), "{script} has logged in with {credential}");
        }
    });
    played.count()
}

#[test]
fn real_clients_log_in_with_a_token() {
    let of_mechanism = |id: &str, outcome: &str| {
        let when = format!("mech = \"*OAUTH*\", outcome = \"{outcome}\"");
        format!("[[expect]]\nid = \"{id}\"\nevent = \"*.auth\"\nwhen = {{ {when} }}\ncount = \">=1\"\n")
    };
    let expects = of_mechanism("in", "ok") + &of_mechanism("out", "refused");
    let server = with(&format!("{USER}{expects}"));

    let played = play(&server, WITH_TOKEN, "tok-2", true) + play(&server, WITH_TOKEN, "tok-9", false);

    if played > 0 {
        server.verify().block();
    }
}

#[test]
fn clients_with_a_password_do_not_choose_a_mechanism_with_tokens() {
    let expects = "[[expect]]\nid = \"never\"\nevent = \"*.auth\"\nwhen = { mech = \"*OAUTH*\" }\ncount = \"=0\"\n";
    let server = with(&format!("{USER}{expects}"));

    play(&server, WITH_PASSWORD, "secret", true);

    server.verify().block();
}
