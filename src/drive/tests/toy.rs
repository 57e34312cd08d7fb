//! A toy machine for the driver: one line in, one reply out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};

use crate::base::{Live, SessionNo};
use crate::drive::{Engine, Interest, ListenerConfig, TlsProvider, Topic, listen, runtime};
use crate::journal::{Ending, Transcript};
use crate::mail::{AccountNo, Accounts, MailboxId, MailboxNo, Namespace};
use crate::protocol::{
    Decoded, Event, Framing, Input, Layer, Listener, Machine, MailTxn, Next, Outcome, Reply, Status, Unfinished,
};
use crate::world::Goodbye;
use crate::world::World;

/// How long a client may leave output unread.
pub(super) const WRITE: Duration = Duration::from_secs(300);

/// Maximum time that a test waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// Does what each line asks for.
#[derive(Default)]
pub(super) struct Toy {
    greeted: bool,
    watches: bool,
    breaks_at_end: bool,
}

pub(super) enum Ask {
    Say(String),
    /// A thousand lines in parts of one.
    Count(u32),
    Flood(usize),
    Panic,
    /// Opens an account first.
    OpenAndPanic,
    Watch,
    Invert,
    End(&'static str),
}

impl Machine for Toy {
    type Request = Ask;

    fn decode(&mut self, input: &mut BytesMut) -> Option<Decoded<Ask>> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(decoded(Event::SmtpGreeting, Input::Silence, Ask::Say("hello".to_owned())));
        }
        let end = memchr::memchr(b'\n', input)?;
        let line = input.split_to(end).freeze();
        input.advance(1);
        let request = match &line[..] {
            b"count" => Ask::Count(0),
            b"flood" => Ask::Flood(8 << 20),
            b"panic" => Ask::Panic,
            b"panic at once" => panic!("a deliberate panic in decode"),
            b"open and panic" => Ask::OpenAndPanic,
            b"watch" => Ask::Watch,
            b"invert" => Ask::Invert,
            b"end" => Ask::End("bye"),
            b"end and panic" => {
                self.breaks_at_end = true;
                Ask::End("bye")
            }
            other => Ask::Say(String::from_utf8_lossy(other).into_owned()),
        };
        Some(decoded(Event::SmtpNoop, Input::Line(line), request))
    }

    fn lapse(&mut self) -> Decoded<Ask> {
        decoded(Event::SmtpLapse, Input::Silence, Ask::End("too slow"))
    }

    fn stop(&mut self) -> Decoded<Ask> {
        decoded(Event::SmtpStop, Input::Silence, Ask::End("stopping"))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn interest(&self) -> &[MailboxId] {
        const WATCHED: &[MailboxId] = &[MailboxId { account: AccountNo(1), mailbox: MailboxNo(1) }];
        if self.watches { WATCHED } else { &[] }
    }

    fn notice(&mut self, _: &Accounts) -> Option<Decoded<Ask>> {
        panic!("a deliberate panic in notice")
    }

    fn perform(&mut self, request: Ask, txn: &mut MailTxn<'_>) -> Outcome<Ask> {
        let line = |text: &str| Reply::default().line(&[text]);
        match request {
            Ask::Say(text) => Outcome { reply: line(&text), status: Some(Status::Positive), next: Next::Continue },
            Ask::Count(999) => Outcome { reply: line("999"), status: Some(Status::Positive), next: Next::Continue },
            Ask::Count(n) => Outcome { reply: line(&n.to_string()), status: None, next: Next::More(Ask::Count(n + 1)) },
            Ask::Flood(octets) => {
                Outcome { reply: line(&"x".repeat(octets - 2)), status: Some(Status::Positive), next: Next::Continue }
            }
            Ask::Panic => panic!("a deliberate panic"),
            Ask::OpenAndPanic => {
                txn.open("bob");
                panic!("a deliberate panic after a change")
            }
            Ask::Watch => {
                self.watches = true;
                Outcome { reply: line("watching"), status: Some(Status::Positive), next: Next::Continue }
            }
            Ask::Invert => {
                Outcome { reply: line("inverting"), status: Some(Status::Positive), next: Next::Layer(Layer::Inverted) }
            }
            Ask::End(text) => Outcome { reply: line(text), status: Some(Status::Positive), next: Next::End },
        }
    }

    fn framing(&self, _request: &Ask) -> Framing {
        Framing::Smtp
    }

    fn reject(&mut self, _request: Ask, _is_positive: bool) -> Next<Ask> {
        Next::Continue
    }

    fn secured(&mut self) {}

    fn unfinished(&self) -> Unfinished {
        Unfinished::default()
    }

    fn unfinished_octets(&self) -> [&[u8]; 2] {
        assert!(!self.breaks_at_end, "a deliberate panic at the end");
        [&[], &[]]
    }
}

fn decoded(event: Event, input: Input, request: Ask) -> Decoded<Ask> {
    Decoded { event, input, request }
}

pub(super) fn start() -> (Arc<Engine>, SocketAddr) {
    start_on(TcpListener::bind("127.0.0.1:0").unwrap(), tls_provider(), false)
}

/// Like `start`, with small socket buffers; [`connect_holding_little`] is the client.
pub(super) fn start_holding_little() -> (Arc<Engine>, SocketAddr) {
    start_on(holding_little(), tls_provider(), false)
}

/// Like `start_holding_little`, with TLS from the first octet; [`connect_holding_little_by_tls`] is the client.
pub(super) fn start_holding_little_by_tls() -> (Arc<Engine>, SocketAddr, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![cert.der().clone()], key).unwrap());
    let tls_provider = TlsProvider { config: Arc::new(move |_, _| Ok(Arc::clone(&config))), ..tls_provider() };
    let (engine, address) = start_on(holding_little(), tls_provider, true);
    (engine, address, cert.der().clone())
}

fn holding_little() -> TcpListener {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    // Accepted sockets inherit the buffer sizes of the listener.
    SockRef::from(&socket).set_send_buffer_size(4 << 10).unwrap();
    SockRef::from(&socket).set_recv_buffer_size(4 << 10).unwrap();
    socket
}

fn start_on(socket: TcpListener, tls_provider: TlsProvider, implicit_tls: bool) -> (Arc<Engine>, SocketAddr) {
    let engine = Engine::new(World::new(Vec::new().into(), Namespace::default(), 1, None));
    let _entered = runtime().enter();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let doorway = ListenerConfig {
        listener: Listener::Smtp,
        implicit_tls: Live::new(implicit_tls),
        proxy: Live::new(false),
        starttls: Live::new(None),
        tls_provider,
        sessions: 100,
    };
    let socket = tokio::net::TcpListener::from_std(socket).unwrap();
    runtime().spawn(listen(Arc::clone(&engine), socket, doorway, |_, _| Toy::default()));
    (engine, address)
}

/// For a session without TLS.
pub(super) fn tls_provider() -> TlsProvider {
    TlsProvider {
        config: Arc::new(|_, _| unreachable!("no TLS here")),
        handshake: Duration::from_secs(1),
        write: WRITE,
    }
}

pub(super) fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    greeted(client)
}

pub(super) fn connect_holding_little(address: SocketAddr) -> BufReader<TcpStream> {
    greeted(socket_holding_little(address))
}

/// Connects with TLS; trusts this certificate.
pub(super) fn connect_holding_little_by_tls(
    address: SocketAddr,
    certificate: CertificateDer<'static>,
) -> BufReader<StreamOwned<ClientConnection, TcpStream>> {
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(trusted).with_no_client_auth());
    let tls = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    greeted(StreamOwned::new(tls, socket_holding_little(address)))
}

fn socket_holding_little(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(4 << 10).unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

/// A client that has read the greeting.
fn greeted<S: Read>(client: S) -> BufReader<S> {
    let mut client = BufReader::new(client);
    assert_eq!(line(&mut client), "hello");
    client
}

pub(super) fn line(client: &mut BufReader<impl Read>) -> String {
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

pub(super) fn say(client: &mut BufReader<impl Read + Write>, text: &str) {
    client.get_mut().write_all(text.as_bytes()).unwrap();
}

/// Blocks until the session has ended.
pub(super) fn ending(engine: &Arc<Engine>, session: SessionNo) -> Ending {
    let interest = Interest::of([Topic::Quiet]).in_session(Some(session));
    let (send, receive) = std::sync::mpsc::channel();
    struct Ring(std::sync::mpsc::Sender<()>);
    impl std::task::Wake for Ring {
        fn wake(self: Arc<Self>) {
            let _nobody_listens_any_more = self.0.send(());
        }
    }
    let _watch = engine.watch(interest, Arc::new(Ring(send)).into());
    loop {
        let ended = engine.read(|world| world.journal.session(session).and_then(|log| log.facts().ended));
        if let Some((_, ending)) = ended {
            return ending;
        }
        receive.recv_timeout(PATIENCE).expect("the session ends");
    }
}

pub(super) fn transcript(engine: &Engine) -> String {
    engine.read(|world| Transcript::of(&world.journal, world.journal.sessions()).to_string())
}

/// Ends a session as a test does. Returns whether it was open.
pub(super) fn kick(engine: &Arc<Engine>, no: SessionNo) -> bool {
    engine.update(|world, _| !world.end_sessions(|session| session.no == no, Goodbye::Silent).is_empty())
}
