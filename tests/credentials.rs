//! No report shows a password, at whatever point a login is interrupted.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clients::credentials::{assert_none, broken_logins};
use clients::deadline::connect;
use mailjig::{MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

/// A report shows how the session ended, or what was captured instead of the expected.
const SHOWN: [&str; 3] = [
    "mailjig = 1
[[rule]]
on = 'tcp.close'
do = { fail = 'over' }
",
    "mailjig = 1
[[rule]]
on = ['smtp.*', 'imap.*', 'pop3.*']
when = { line = 'another' }
do = { note = 'never' }
expect = '=1'
[[rule]]
on = ['*.unknown']
when = { verb = 'another', arg = 'another' }
do = { note = 'never' }
expect = '=1'
[[rule]]
on = '*.auth'
when = { token = 'another' }
do = { note = 'never' }
expect = '=1'
[[rule]]
on = 'imap.literal'
when = { line = 'another', tag = 'another' }
do = { note = 'never' }
expect = '=1'
[[expect]]
event = ['*.unknown']
when = { line = 'another', verb = 'another', arg = 'another' }
count = '=1'
[[expect]]
event = 'imap.literal'
when = { line = 'another' }
count = '=1'
",
    "mailjig = 1
[[expect]]
event = ['*.unknown', 'smtp.auth', 'smtp.auth.start', 'smtp.auth.step', 'imap.auth', 'imap.auth.start', 'imap.login', 'pop3.*']
same = 'line'
count = '=7'
[[expect]]
event = ['*.unknown', 'smtp.auth', 'smtp.auth.start', 'smtp.auth.step', 'imap.auth', 'imap.auth.start', 'imap.login', 'pop3.*']
same = 'arg'
count = '=7'
[[expect]]
event = '*.auth'
same = 'token'
count = '=7'
[[expect]]
event = '*.quit'
",
];

#[test]
fn an_interrupted_login_is_in_no_report() {
    for (protocol, said) in broken_logins() {
        for shown in SHOWN {
            let server = MailServer::builder().scenario(Scenario::text("shown.toml", shown)).start();
            let endpoint = match protocol {
                "smtp" => server.smtp(),
                "submission" => server.submission(),
                "imap" => server.imap(),
                _ => server.pop3(),
            };
            let mut client = connect(endpoint.address());
            client.write_all(said.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let _reset = client.read_to_end(&mut Vec::new());

            let report = catch_unwind(AssertUnwindSafe(|| drop(server))).unwrap_err().downcast::<String>().unwrap();

            assert_none(&report, &said[..said.len().min(80)]);
        }
    }
}

#[test]
fn input_after_an_interrupted_login_is_in_no_report() {
    let text = "mailjig = 1
[[rule]]
on = 'smtp.unknown'
when = { line = 'XYZZY' }
do = { note = 'never' }
expect = '=1'
[[rule]]
on = 'smtp.unknown'
do = [{ await = '*' }, { pass = true }]
";
    for is_forgotten in [true, false] {
        let server = MailServer::builder().scenario(Scenario::text("awaits.toml", text)).start();
        let mut client = connect(server.smtp().address());
        client.write_all(b"EHLO x\r\nAUTH XYZZY\r\nhunter2\r\nhunter2 again\r\nQUIT\r\n").unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
        if is_forgotten {
            server.clear();
        }

        let report = catch_unwind(AssertUnwindSafe(|| drop(server))).unwrap_err().downcast::<String>().unwrap();

        assert!(!report.contains("hunter2"), "{report}");
    }
}
