//! The crate `async-imap` as a client, in cleartext, over STARTTLS and over implicit TLS: login, mailboxes, FETCH,
//! STORE, IDLE.

use std::sync::Arc;

use async_imap::extensions::idle::IdleResponse;
use async_imap::{Client, Session};
use clients::deadline;
use clients::deadline::DEADLINE;
use futures_lite::StreamExt;
use mailjig::matchers::session;
use mailjig::{Endpoint, MailServer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

#[path = "clients/mod.rs"]
mod clients;

fn connect(endpoint: &Endpoint) -> TcpStream {
    let socket = deadline::connect(endpoint.address());
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket).unwrap()
}

/// Runs the client with a deadline.
async fn in_time(day: impl Future<Output = ()>) {
    tokio::time::timeout(DEADLINE, day).await.expect("the client is done in time");
}

async fn secure(server: &MailServer, socket: TcpStream) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
}

#[tokio::test]
async fn in_the_clear() {
    in_time(async {
        let server = server();
        let mut client = Client::new(connect(server.imap()));
        client.read_response().await.unwrap().unwrap();
        day(&server, client, false).await;
    })
    .await;
}

#[tokio::test]
async fn over_starttls() {
    in_time(async {
        let server = server();
        let mut client = Client::new(connect(server.imap()));
        client.read_response().await.unwrap().unwrap();
        client.run_command_and_check_ok("STARTTLS", None).await.unwrap();
        let stream = secure(&server, client.into_inner()).await;
        day(&server, Client::new(stream), true).await;
    })
    .await;
}

#[tokio::test]
async fn over_tls() {
    in_time(async {
        let server = server();
        let stream = secure(&server, connect(server.imaps())).await;
        let mut client = Client::new(stream);
        client.read_response().await.unwrap().unwrap();
        day(&server, client, true).await;
    })
    .await;
}

fn server() -> MailServer {
    let server = MailServer::builder().account("bob@example.org", "secret").start();
    server.account("bob@example.org").inbox().generate(5);
    server
}

async fn day<S: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug>(
    server: &MailServer,
    client: Client<S>,
    is_tls: bool,
) {
    let (refused, client) = client.login("bob@example.org", "wrong").await.unwrap_err();
    assert!(refused.to_string().contains("AUTHENTICATIONFAILED"), "{refused}");
    let mut imap: Session<S> = client.login("bob@example.org", "secret").await.map_err(|(error, _)| error).unwrap();
    assert!(imap.capabilities().await.unwrap().has_str("MOVE"));

    imap.create("Work").await.unwrap();
    let names: Vec<_> = imap.list(Some(""), Some("*")).await.unwrap().map(|name| name.unwrap()).collect().await;
    assert_eq!(names.iter().map(|name| name.name()).collect::<Vec<_>>(), ["INBOX", "Work"]);
    let inbox = imap.select("INBOX").await.unwrap();
    assert_eq!((inbox.exists, inbox.uid_next), (5, Some(6)));

    let fetched: Vec<_> =
        imap.fetch("1:*", "(UID FLAGS ENVELOPE RFC822.SIZE BODY.PEEK[])").await.unwrap().collect().await;
    for (fetched, number) in fetched.iter().zip(1..) {
        let fetched = fetched.as_ref().unwrap();
        assert_eq!((fetched.message, fetched.uid), (number, Some(number)));
        let subject = fetched.envelope().unwrap().subject.as_deref().unwrap();
        assert_eq!(subject, format!("generated {number}").as_bytes());
        assert_eq!(fetched.body().unwrap().len(), fetched.size.unwrap() as usize);
    }
    assert_eq!(imap.uid_search("SUBJECT \"generated 3\"").await.unwrap().into_iter().collect::<Vec<_>>(), [3]);
    let stored: Vec<_> = imap.uid_store("3", "+FLAGS (\\Flagged $Work)").await.unwrap().collect().await;
    assert_eq!(stored.len(), 1);
    imap.uid_copy("3", "Work").await.unwrap();
    imap.uid_mv("4", "Work").await.unwrap();
    imap.append("Work", Some("(\\Seen)"), Some("\" 1-Jan-2020 12:00:00 +0000\""), "Subject: x\r\n\r\n").await.unwrap();
    let status = imap.status("Work", "(MESSAGES UNSEEN)").await.unwrap();
    assert_eq!((status.exists, status.unseen), (3, Some(2)));

    let mut idle = imap.idle();
    idle.init().await.unwrap();
    let (waiting, _stop) = idle.wait();
    let deliver = async {
        server.wait_for_session(session::idling().and(session::tls(is_tls))).await;
        server.deliver("bob@example.org", "Subject: while idle\r\n\r\n");
    };
    let (news, ()) = futures_lite::future::zip(waiting, deliver).await;
    assert!(matches!(news.unwrap(), IdleResponse::NewData(_)));
    let mut imap = idle.done().await.unwrap();

    let stored: Vec<_> = imap.store("1", "+FLAGS.SILENT (\\Deleted)").await.unwrap().collect().await;
    assert!(stored.is_empty());
    let expunged: Vec<_> = imap.expunge().await.unwrap().collect().await;
    assert_eq!(expunged.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [1]);
    imap.logout().await.unwrap();

    let bob = server.account("bob@example.org");
    let uids = |name: &str| bob.mailbox(name).entries().iter().map(|entry| entry.uid).collect::<Vec<_>>();
    assert_eq!((uids("INBOX"), uids("Work")), (vec![2, 3, 5, 6], vec![1, 2, 3]));
    assert_eq!(bob.mailbox("Work").entries()[0].flags, ["\\Flagged", "$Work"]);
    assert_eq!(server.messages().len(), 1);
}
