//! What `serve` and `follow` show in a pseudo terminal.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::clients::deadline::connect;
use super::clients::running::Running;
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

/// If it is killed, its terminal goes with it, and so the program in it gets SIGHUP.
fn screen_of(command: &Command) -> Running {
    Running::start(&mut in_terminal(command))
}

/// The last word of the next line that contains this.
fn address(screen: &mut Running, text: &str) -> String {
    screen.until(text).rsplit(' ').next().unwrap().to_owned()
}

/// Types Ctrl-C. Returns the exit status.
fn interrupt(mut screen: Running) -> Option<i32> {
    screen.type_in("\x03");
    screen.end().code()
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
    let mut server = screen_of(&mailjig(&options));
    let port: u16 = address(&mut server, "smtp ").rsplit(':').next().unwrap().parse().unwrap();
    let url = address(&mut server, " http ");
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
    let told = server.lines_until("ended");
    let mut follower = screen_of(&mailjig(&["follow", "--url", &url]));
    let followed = follower.lines_until("ended");
    let (told, followed): (Vec<&str>, Vec<&str>) = (told.lines().collect(), followed.lines().collect());

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
        assert!(followed.contains(&&*format!("\x1b[2ms1   \x1b[0m \x1b[{line}")), "{line}: {followed:?}");
    }
    let all = told.iter().chain(&followed);
    assert!(all.into_iter().all(|line| !line.contains(&wrong) && !line.contains(&right)), "{told:?} {followed:?}");
    assert_eq!(interrupt(follower), Some(128 + 2), "the signal ends it");
    assert_eq!(interrupt(server), Some(0));
}
