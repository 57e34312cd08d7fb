//! What `serve` and `follow` show in a pseudo terminal.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::deadline::connect;
use super::support::{Deadline, start};
use super::{BASE64, loopback, mailjig};

/// The command in a pseudo terminal of its own.
pub(super) fn in_terminal(command: &Command) -> Command {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''")));
    let mut script = Command::new("script");
    // The shell must not get the signals of the terminal.
    script.args(["-qec", &format!("exec {}", quoted.collect::<Vec<_>>().join(" ")), "/dev/null"]);
    // Where CI is set, a terminal counts as one with colours, whatever TERM says.
    script.env("TERM", "xterm").env("SHELL", "/bin/sh").env_remove("NO_COLOR").env_remove("CI");
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    script
}

/// A program that runs in a terminal until Ctrl-C is typed.
struct Screen {
    process: Child,
    _deadline: Deadline,
    keyboard: ChildStdin,
    shown: BufReader<ChildStdout>,
}

impl Screen {
    fn of(command: &Command) -> Self {
        let (mut process, _deadline) = start(&mut in_terminal(command)).unwrap();
        let (keyboard, shown) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, _deadline, keyboard, shown: BufReader::new(shown) }
    }

    /// The next lines, up to one that contains this.
    fn until(&mut self, text: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.contains(text)) {
            let mut line = String::new();
            assert!(self.shown.read_line(&mut line).unwrap() > 0, "no line has {text:?}: {lines:?}");
            lines.push(line.trim_end().to_owned());
        }
        lines
    }

    /// The last word of the next line that contains this.
    fn address(&mut self, text: &str) -> String {
        self.until(text).pop().unwrap().rsplit(' ').next().unwrap().to_owned()
    }

    fn interrupt(mut self) -> Option<i32> {
        self.keyboard.write_all(b"\x03").unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Its terminal goes with it, and so the program in it gets SIGHUP.
        let _it_may_be_gone = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn each_event_is_a_coloured_line_without_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("full.toml");
    let rule =
        "mailjig = 1\n[[rule]]\nid = \"full\"\non = \"smtp.rcpt\"\ndo = { reply = \"452 4.2.2 full\" }\ntimes = 1\n";
    fs::write(&scenario, rule).unwrap();
    let scenario = format!("--scenario={}", scenario.display());
    let options = ["serve", "--ports=auto", "--smtp=0", "--account=bob@example.org:hunter2", &scenario];
    let mut server = Screen::of(&mailjig(&options));
    let port: u16 = server.address("smtp ").rsplit(':').next().unwrap().parse().unwrap();
    let url = server.address(" http ");
    server.until("keeps");

    let credentials = |password: &str| BASE64.encode(format!("\0bob@example.org\0{password}").as_bytes());
    let (wrong, right) = (credentials("hunter1"), credentials("hunter2"));
    let lines = format!(
        "EHLO x\r\nAUTH PLAIN {wrong}\r\nAUTH PLAIN {right}\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.org>\r\n\
         RCPT TO:<bob@example.org>\r\nDATA\r\nSubject: hi\r\n\r\n.\r\nQUIT\r\n"
    );
    let mut client = connect(loopback(port));
    client.write_all(lines.as_bytes()).unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    let told = server.until("ended");
    let mut follower = Screen::of(&mailjig(&["follow", "--url", &url]));
    let followed = follower.until("ended");

    assert!(told[0].starts_with("\x1b[2ms1   \x1b[0m \x1b[2mopened   \x1b[0m \x1b[2msmtp from 127.0.0.1:"), "{told:?}");
    assert_eq!(
        told[1..],
        [
            ("31mlogin    ", "bob@example.org refused: 535 5.7.8 Authentication credentials invalid"),
            ("36mlogin    ", "bob@example.org accepted"),
            ("35mfired    ", "full at smtp.rcpt, match 1"),
            ("31mrefused  ", "RCPT TO:<bob@example.org> → 452 4.2.2 full"),
            ("32mcaptured ", "m1 <a@b.example> → <bob@example.org> \"hi\" (15 octets)"),
            ("2mended    ", "\x1b[2mnormally\x1b[0m"),
        ]
        .map(|(what, facts)| format!("\x1b[2ms1   \x1b[0m \x1b[{what}\x1b[0m {facts}"))
    );
    for line in [
        "31msmtp.auth      \x1b[0m AUTH PLAIN … → 535 5.7.8 Authentication credentials invalid",
        "35msmtp.rcpt      \x1b[0m RCPT TO:<bob@example.org> → 452 4.2.2 full [rule full]",
        "32msmtp.message   \x1b[0m 15 octets → 250 2.0.0 Ok: queued as m1 [m1]",
        "2mended          \x1b[0m \x1b[2mnormally\x1b[0m",
    ] {
        assert!(followed.contains(&format!("\x1b[2ms1   \x1b[0m \x1b[{line}")), "{line}: {followed:?}");
    }
    let all = told.iter().chain(&followed);
    assert!(all.into_iter().all(|line| !line.contains(&wrong) && !line.contains(&right)), "{told:?} {followed:?}");
    assert_eq!(follower.interrupt(), Some(128 + 2), "the signal ends it");
    assert_eq!(server.interrupt(), Some(0));
}
