//! The driver with a machine made for it: one line in, one answer out.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};

use super::{Doorway, Engine, Interest, Matter, Tickets, listen, runtime};
use crate::base::{Seq, SessionNo};
use crate::journal::{Ending, Kind, Left, Transcript};
use crate::mail::{AccountNo, Accounts, Change, MailboxNo, Namespace, Origin, Place};
use crate::protocol::{Desk, Event, Framing, Heard, Machine, Next, Reply, Status, Step, Words};
use crate::rule::{self, On, Rule, Shape};
use crate::scenario::Scenario;
use crate::world::World;

/// How long a client may read nothing.
const WRITE: Duration = Duration::from_secs(300);

/// Says what each line asks for.
#[derive(Default)]
struct Toy {
    greeted: bool,
    watches: bool,
}

enum Ask {
    Say(String),
    /// A thousand lines in parts of one.
    Count(u32),
    Flood(usize),
    Panic,
    /// Opens an account first.
    OpenAndPanic,
    Watch,
    End(&'static str),
}

impl Machine for Toy {
    type Request = Ask;

    fn decode(&mut self, input: &mut BytesMut) -> Option<Heard<Ask>> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(heard(Event::SmtpGreeting, Words::Silence, Ask::Say("hello".to_owned())));
        }
        let end = memchr::memchr(b'\n', input)?;
        let line = input.split_to(end).freeze();
        input.advance(1);
        let request = match &line[..] {
            b"count" => Ask::Count(0),
            b"flood" => Ask::Flood(8 << 20),
            b"panic" => Ask::Panic,
            b"panic at once" => panic!("a bug in decode, on purpose"),
            b"open and panic" => Ask::OpenAndPanic,
            b"watch" => Ask::Watch,
            b"end" => Ask::End("bye"),
            other => Ask::Say(String::from_utf8_lossy(other).into_owned()),
        };
        Some(heard(Event::SmtpNoop, Words::Line(line), request))
    }

    fn lapse(&mut self) -> Heard<Ask> {
        heard(Event::SmtpLapse, Words::Silence, Ask::End("too slow"))
    }

    fn stop(&mut self) -> Heard<Ask> {
        heard(Event::SmtpStop, Words::Silence, Ask::End("stopping"))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn interest(&self) -> Option<Place> {
        self.watches.then_some(Place { account: AccountNo(1), mailbox: MailboxNo(1) })
    }

    fn notice(&mut self, _: &Accounts) -> Option<Heard<Ask>> {
        panic!("a bug in notice, on purpose")
    }

    fn perform(&mut self, request: Ask, desk: &mut Desk<'_>) -> Step<Ask> {
        let line = |text: &str| Reply::default().line(&[text]);
        match request {
            Ask::Say(text) => Step { reply: line(&text), status: Some(Status::Positive), next: Next::Continue },
            Ask::Count(999) => Step { reply: line("999"), status: Some(Status::Positive), next: Next::Continue },
            Ask::Count(n) => Step { reply: line(&n.to_string()), status: None, next: Next::More(Ask::Count(n + 1)) },
            Ask::Flood(octets) => {
                Step { reply: line(&"x".repeat(octets - 2)), status: Some(Status::Positive), next: Next::Continue }
            }
            Ask::Panic => panic!("a bug, on purpose"),
            Ask::OpenAndPanic => {
                desk.open("bob");
                panic!("a bug behind a change, on purpose")
            }
            Ask::Watch => {
                self.watches = true;
                Step { reply: line("watching"), status: Some(Status::Positive), next: Next::Continue }
            }
            Ask::End(text) => Step { reply: line(text), status: Some(Status::Positive), next: Next::End },
        }
    }

    fn framing(&self, _request: &Ask) -> Framing {
        Framing::Smtp
    }

    fn refuse(&mut self, _request: Ask, _is_positive: bool) -> Next<Ask> {
        Next::Continue
    }

    fn secured(&mut self) {}

    fn unfinished(&self) -> u64 {
        0
    }
}

fn heard(event: Event, words: Words, request: Ask) -> Heard<Ask> {
    Heard { event, words, request }
}

fn start() -> (Arc<Engine>, SocketAddr) {
    let engine = Engine::new(World::new(Vec::new(), Namespace::default(), 1, None));
    let _entered = runtime().enter();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let tickets =
        Tickets { config: Arc::new(|_| unreachable!("no TLS here")), handshake: Duration::from_secs(1), write: WRITE };
    let doorway =
        Doorway { name: "toy", implicit_tls: false, tickets, bind: |_| unreachable!("it never closes"), sessions: 100 };
    let socket = tokio::net::TcpListener::from_std(socket).unwrap();
    runtime().spawn(listen(Arc::clone(&engine), socket, doorway, |_| Toy::default()));
    (engine, address)
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut client = BufReader::new(client);
    assert_eq!(line(&mut client), "hello");
    client
}

fn line(client: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn say(client: &mut BufReader<TcpStream>, text: &str) {
    client.get_mut().write_all(text.as_bytes()).unwrap();
}

/// Blocks until the session has ended.
fn ending(engine: &Arc<Engine>, session: SessionNo) -> Ending {
    let interest = Interest { matter: Matter::Quiet, session: Some(session) };
    let (send, receive) = std::sync::mpsc::channel();
    struct Ring(std::sync::mpsc::Sender<()>);
    impl std::task::Wake for Ring {
        fn wake(self: Arc<Self>) {
            let _nobody_listens_any_more = self.0.send(());
        }
    }
    let _watch = engine.watch(interest, Arc::new(Ring(send)).into());
    loop {
        let ended = engine.look(|world| world.journal.session(session).and_then(|log| log.facts().ended));
        if let Some((_, ending)) = ended {
            return ending;
        }
        receive.recv_timeout(Duration::from_secs(20)).expect("the session ends");
    }
}

fn transcript(engine: &Engine) -> String {
    engine.look(|world| Transcript::of(&world.journal, world.journal.sessions()).to_string())
}

#[test]
fn an_answer_in_parts_is_one_exchange() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "count\nend\n");
    for n in 0..1000 {
        assert_eq!(line(&mut client), n.to_string());
    }
    assert_eq!(line(&mut client), "bye");

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);
    let closed = engine.look(|world| {
        let records = world.journal.since(Seq(0)).unwrap();
        records.filter(|(_, r)| matches!(r.kind, Kind::Closed { left: Left::All, .. })).count()
    });
    assert_eq!(closed, 3, "the greeting, the count and the end");
    assert!(transcript(&engine).starts_with("S: hello\nC: count\nS: 0\nS: 1\nS: 2\n"));
}

#[test]
fn a_farewell_arrives_although_more_was_sent_than_is_read() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "end\n");
    say(&mut client, &"and more\n".repeat(1000));

    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "bye\r\n");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);
}

#[test]
fn what_was_asked_before_the_client_closed_its_side_is_still_answered() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "one\ntwo\n");
    client.get_mut().shutdown(std::net::Shutdown::Write).unwrap();

    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "one\r\ntwo\r\n");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::ClientClosed);
    assert!(transcript(&engine).ends_with("-- the client closed the connection without a goodbye\n"));
}

#[test]
fn a_client_that_sends_all_before_it_reads_is_read_while_it_is_written_to() {
    let (engine, address) = start();
    let mut client = connect(address);

    // More than the sockets hold in either direction, less than what is read ahead.
    say(&mut client, "flood\n");
    say(&mut client, &"0123456789abcde\n".repeat(50_000));
    say(&mut client, "end\n");

    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len(), (8 << 20) + 50_000 * 17 + 5);
    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);
}

#[test]
fn a_bug_ends_its_own_session_and_no_other() {
    for bug in ["panic", "panic at once", "open and panic", "watch"] {
        let (engine, address) = start();
        let (mut one, mut two) = (connect(address), connect(address));

        say(&mut one, &format!("{bug}\n"));

        assert_eq!(ending(&engine, SessionNo(1)), Ending::Bug, "{bug}");
        assert!(engine.look(|world| world.ruling().is_some()), "{bug}: it counts against what must be");
        assert!(engine.look(|world| world.sessions()) == 1, "{bug}");
        one.read_to_end(&mut Vec::new()).unwrap();
        say(&mut two, "still there\n");
        assert_eq!(line(&mut two), "still there", "{bug}");
    }
}

/// The names of the accounts that the recorded changes open.
fn opened(world: &World) -> Vec<String> {
    let records = world.journal.since(Seq(0)).unwrap();
    let details = records.filter_map(|(_, record)| match &record.kind {
        Kind::Outside(detail) => Some(&**detail),
        Kind::Exchange(exchange) => exchange.detail.as_deref(),
        _ => None,
    });
    let changes = details.flat_map(|detail| &detail.done.changes);
    let opened = changes.filter_map(|change| match change {
        Change::Open { login, .. } => Some(login.to_string()),
        _ => None,
    });
    opened.collect()
}

#[test]
fn what_was_changed_before_a_bug_is_recorded() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "open and panic\n");

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Bug);
    assert_eq!(engine.look(opened), ["bob"]);
    assert!(engine.look(|world| world.mail.accounts.find("bob").is_some()));
}

#[test]
fn what_a_rule_changed_before_a_bug_is_recorded_once() {
    let (engine, address) = start();
    let text = "mailjig = 1
        [[rule]]
        on = 'state.changed'
        do = [{ mailbox = { user = 'carl', name = 'INBOX', renumber = true } }]
        [[rule]]
        on = 'smtp.noop'
        do = [{ mailbox = { user = 'bob', name = 'INBOX', renumber = true } }, { set = { x = 1 } }, { pass = true }]";
    let loaded = Scenario::text("bug.toml", text).load().unwrap();
    engine.act(|world, now| loaded.rules.iter().for_each(|rule| _ = world.mount(Arc::clone(rule), now)));
    let mut client = connect(address);

    say(&mut client, "panic\n");

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Bug);
    assert_eq!(engine.look(opened), ["carl", "bob"]);
}

#[test]
fn a_bug_in_what_is_due_is_recorded_and_the_rest_is_done() {
    let (engine, address) = start();

    engine.act_alone(|world, now| {
        Desk::new(&mut world.mail, Origin::Delivered, now).open("bob");
        panic!("a bug in what is due, on purpose")
    });

    assert_eq!(engine.look(opened), ["bob"]);
    assert!(engine.look(|world| world.ruling().is_some()), "it counts against what must be");
    let mut client = connect(address);
    say(&mut client, "still there\n");
    assert_eq!(line(&mut client), "still there");
}

#[test]
fn a_session_is_ended_from_outside_even_while_it_cannot_write() {
    let (engine, address) = start();
    let mut client = connect(address);
    say(&mut client, "flood\n");
    // One octet of the flood: the rest fills the sockets.
    client.read_exact(&mut [0]).unwrap();

    assert!(engine.kick(SessionNo(1)));

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Kicked);
    assert!(!engine.kick(SessionNo(1)));
    assert!(transcript(&engine).contains("of the 8388608 octets of this reply left\n-- ended by the test\n"));
}

#[test]
fn a_server_that_stops_says_so() {
    let (engine, address) = start();
    let mut client = connect(address);

    engine.stop();

    assert_eq!(line(&mut client), "stopping");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::ServerStopped);
}

#[test]
fn a_reset_is_a_broken_connection() {
    let (engine, address) = start();
    let client = connect(address);

    socket2::SockRef::from(client.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Broken);
}

#[test]
fn a_paced_reply_leaves_in_pieces() {
    let (engine, address) = start();
    let pace = rule::Step::Shape(Shape::Pace { chunk: 3, gap: Duration::from_millis(5) });
    let rule = Rule::new("drip", vec![On::from(Event::SmtpNoop)], vec![pace], "here");
    engine.act(|world, now| world.mount(Arc::new(rule), now));
    let mut client = connect(address);
    engine.pause();

    say(&mut client, "abcdefg\n");

    for piece in ["abc", "def", "g\r\n"] {
        let mut read = [0; 64];
        let octets = client.get_mut().read(&mut read).unwrap();
        assert_eq!(&read[..octets], piece.as_bytes());
        runtime().block_on(engine.advance(Duration::from_millis(5))).unwrap();
    }
}

#[test]
fn nothing_of_a_request_that_is_not_complete_is_answered() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "half a li");
    client.get_mut().shutdown(std::net::Shutdown::Write).unwrap();

    assert_eq!(client.get_mut().read(&mut [0; 16]).map_err(|error| error.kind()), Ok::<_, ErrorKind>(0));
    assert_eq!(ending(&engine, SessionNo(1)), Ending::ClientClosed);
    assert!(transcript(&engine).contains("-- 9 octets of an incomplete request were lost\n"));
}

#[test]
fn words_of_any_bytes_print_as_text() {
    let (engine, address) = start();
    let mut client = connect(address);

    client.get_mut().write_all(b"caf\xc3\xa9\nnot \xff text\r\nend\n").unwrap();
    let _all = client.read_to_end(&mut Vec::new()).unwrap();

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);
    let text = transcript(&engine);
    assert!(text.contains("C: café\nS: café\nC| not \\xff text\\r\\r\\n\n"), "{text}");
}
