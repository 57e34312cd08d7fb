//! The same conversation gives the same text: over and over, under load, and in another process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use mailjig::MailServer;

const CONVERSATION: &str = "EHLO client.example\r\nMAIL FROM:<ann@example.org> SIZE=20\r\nRCPT TO:<bob@example.org>\r\n\
                            RCPT TO:<>\r\nDATA\r\nSubject: hi\r\n\r\nhi\r\n.\r\nNOOP\r\nXYZZY\r\nQUIT\r\n";

fn transcript() -> String {
    let server = MailServer::start();
    let mut client = TcpStream::connect(server.smtp().address()).unwrap();
    client.write_all(CONVERSATION.as_bytes()).unwrap();
    client.read_to_string(&mut String::new()).unwrap();
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

#[test]
fn two_processes_give_the_same_text() {
    const ASKED: &str = "MAILJIG_TEST_PRINT_TRANSCRIPT";
    if std::env::var_os(ASKED).is_some() {
        println!("<<<\n{}>>>", transcript());
        return;
    }
    let other = || {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "two_processes_give_the_same_text", "--nocapture"])
            .env(ASKED, "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, text) = text.split_once("<<<\n").expect("the other process prints it");
        text.split_once(">>>").expect("to its end").0.to_owned()
    };

    let one = other();

    assert_eq!(one, other());
    assert_eq!(one, transcript());
}
