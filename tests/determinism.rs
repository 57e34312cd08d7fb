//! The same conversation gives the same transcript: repeated, under load, and in another process.

use std::process::Command;

use clients::line_client::talk;
use clients::support::run;
use mailjig::{MailServer, Scenario};

#[path = "clients/mod.rs"]
mod clients;

const CONVERSATION: &str = "EHLO client.example\r\nMAIL FROM:<ann@example.org> SIZE=20\r\nRCPT TO:<bob@example.org>\r\n\
                            RCPT TO:<>\r\nDATA\r\nSubject: hi\r\n\r\nhi\r\n.\r\nNOOP\r\nXYZZY\r\nQUIT\r\n";

fn transcript() -> String {
    let server = MailServer::start();
    talk(server.smtp().address(), CONVERSATION);
    server.settled().block();
    server.transcript().to_string()
}

#[test]
fn two_thousand_conversations_under_load_give_one_text() {
    let expected = transcript();
    assert!(expected.ends_with("C: QUIT\nS: 221 2.0.0 Bye\n"), "{expected}");

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..250).for_each(|_| assert_eq!(transcript(), expected)));
        }
    });
}

/// A scenario with chance and jitter.
const CHAOS: &str = "mailjig = 1\n[[rule]]\nid = \"flaky\"\non = [\"smtp.noop\", \"smtp.rset\"]\nper = \"{conn} {verb}\"\n\
                     chance = 0.4\ndo = [ { wait = { min = \"0ms\", max = \"2ms\" } }, { reply = \"451 4.3.0 not now\" } ]\n";

#[test]
fn draws_do_not_depend_on_other_sessions() {
    let told = |parallel: bool| {
        let server = MailServer::builder().scenario(Scenario::text("chaos.toml", CHAOS).seed(42)).start();
        let session = |_| drop(talk(server.smtp().address(), &format!("{}QUIT\n", "NOOP\nRSET\n".repeat(20))));
        match parallel {
            false => (0..8).for_each(session),
            true => std::thread::scope(|scope| (0..8).for_each(|i| drop(scope.spawn(move || session(i))))),
        }
        server.settled().block();
        server.transcript().to_string()
    };
    let one = told(false);

    let refused = one.matches("451 4.3.0 not now").count();
    assert!((90..170).contains(&refused), "{refused} of 320 were refused");
    assert_eq!(told(false), one);
    assert_eq!(told(true), one);
}

#[test]
fn two_processes_give_the_same_text() {
    const ASKED: &str = "MAILJIG_TEST_PRINT_TRANSCRIPT";
    if std::env::var_os(ASKED).is_some() {
        println!("<<<\n{}>>>", transcript());
        return;
    }
    let other = || {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "two_processes_give_the_same_text", "--nocapture"]).env(ASKED, "1");
        let text = run(&mut process, "");
        let (_, text) = text.split_once("<<<\n").expect("the other process prints it");
        text.split_once(">>>").expect("to its end").0.to_owned()
    };

    let one = other();

    assert_eq!(one, other());
    assert_eq!(one, transcript());
}
