//! Delivers messages or records to a webhook: one POST for each, in order, repeated until it succeeds. The journal is read
//! with a cursor, so a receiver that is slow or down costs no memory.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::Uri;
use data_encoding::{BASE64, HEXLOWER};
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use ureq::Agent;

use super::feed::{Feed, FeedItem, Portion};
use crate::drive::{Engine, agent, spawn};
use crate::server::{NewHook, Server, Until, Webhook};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after the first failed attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Attempts at the same time, in the whole process: each occupies a thread for blocking work, and requests need some too.
static ATTEMPTS: Semaphore = Semaphore::const_new(64);

/// Where to deliver, and with which signature.
#[derive(Clone)]
pub(super) struct Receiver {
    uri: Uri,
    key: Option<hmac::Key>,
    agent: Agent,
    /// Begins the id of each request: a receiver that leaves out what it knows by its id must not mistake the messages of
    /// two servers, or of two runs, for each other.
    id: Arc<str>,
}

/// Why a URL or a secret is not valid.
pub(super) enum NotAReceiver {
    Url(String),
    Secret(String),
}

impl Receiver {
    pub(super) fn new(url: &str, secret: Option<&str>) -> Result<Self, NotAReceiver> {
        let uri = url.parse::<Uri>().ok();
        let uri = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
        let wrong = || NotAReceiver::Url(format!("{url:?} is not a URL such as `http://127.0.0.1:9000/hook`"));
        let uri = uri.ok_or_else(wrong)?;
        let key = secret.map(|secret| {
            // The form of <https://www.standardwebhooks.com>, whose libraries verify the signature.
            let octets = secret.strip_prefix("whsec_").and_then(|key| BASE64.decode(key.as_bytes()).ok());
            let octets = octets.filter(|octets| (24..=64).contains(&octets.len()));
            let wrong = || NotAReceiver::Secret("write `whsec_` and 24 to 64 octets in base64".to_owned());
            octets.map(|octets| hmac::Key::new(HMAC_SHA256, &octets)).ok_or_else(wrong)
        });
        let mut id = [0; 8];
        SystemRandom::new().fill(&mut id).expect("the system has random numbers");
        Ok(Self { uri, key: key.transpose()?, agent: agent(PATIENCE), id: HEXLOWER.encode(&id).into() })
    }

    /// The URL without credentials and query, which may be secret.
    pub(super) fn shown(&self) -> String {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let authority = self.uri.authority().map_or("", |its| its.as_str());
        let host = authority.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}{}", self.uri.path())
    }

    /// One attempt.
    fn post(&self, item: &FeedItem) -> Result<(), String> {
        // The receiver compares it with its own clock, so it is not the time of the server's clock.
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
        let id = format!("{}-{}", self.id, item.seq);
        let mut request = self.agent.post(&self.uri).content_type("application/json");
        request = request.header("webhook-id", &id).header("webhook-timestamp", seconds.to_string());
        request = request.header("mailjig-event", item.kind);
        if let Some(key) = &self.key {
            let signed = format!("{id}.{seconds}.{}", item.json);
            let signature = hmac::sign(key, signed.as_bytes());
            request = request.header("webhook-signature", format!("v1,{}", BASE64.encode(signature.as_ref())));
        }
        let mut response = request.send(&item.json).map_err(|error| error.to_string())?;
        let status = response.status();
        // A connection can be used again only if the answer was read.
        let _unread_at_worst = response.body_mut().with_config().limit(64 << 10).read_to_vec();
        match status.is_success() {
            true => Ok(()),
            false => Err(format!("it answered {status}")),
        }
    }
}

/// Adds a webhook to a server and begins to deliver. `None` if there are too many.
pub(super) fn add(
    server: &Server,
    receiver: Receiver,
    feed: Feed,
    filters: String,
    is_lasting: bool,
) -> Option<Arc<Webhook>> {
    let (cursor, gets_messages) = (feed.cursor(), matches!(feed, Feed::Messages(_)));
    let new = NewHook { url: receiver.shown(), filters, gets_messages, cursor, is_lasting };
    // Not the server: it would count as in use.
    let engine = Arc::clone(server.engine());
    let deliver = |hook| spawn(deliver(engine, hook, receiver, feed)).abort_handle();
    server.webhooks().add(new, deliver)
}

/// Delivers until it is aborted.
async fn deliver(engine: Arc<Engine>, hook: Arc<Webhook>, receiver: Receiver, mut feed: Feed) {
    loop {
        let (interest, read) = (feed.interest(), |engine: &Engine| feed.read(engine));
        match Until::new(&engine, interest, Duration::MAX, read).await {
            None => {}
            Some(Portion::Discarded { first }) => {
                hook.progress().discarded += 1;
                let text = format!("webhook w{}: what came before {first} was discarded before delivery", hook.no);
                engine.update(|world, now| world.note_webhook(text, now));
            }
            Some(Portion::Items(items)) => {
                for item in items {
                    deliver_one(&engine, &hook, &receiver, item).await;
                }
                hook.progress().cursor = feed.cursor();
            }
        }
    }
}

/// Delivers one message or record, however many attempts it takes.
async fn deliver_one(engine: &Arc<Engine>, hook: &Arc<Webhook>, receiver: &Receiver, item: FeedItem) {
    let (item, mut pause, mut failed) = (Arc::new(item), FIRST_PAUSE, 0_u32);
    loop {
        let result = attempt(receiver.clone(), Arc::clone(hook), Arc::clone(&item)).await;
        let Err(why) = result else { break };
        if hook.is_ended() {
            return;
        }
        failed += 1;
        hook.note_failure(&why);
        if failed == 1 {
            let text = format!("webhook w{} to {}: {why}; it is tried again until it succeeds", hook.no, hook.url);
            engine.update(|world, now| world.note_webhook(text, now));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    hook.note_delivery(item.seq);
    if failed > 0 {
        let text = format!("webhook w{} to {}: delivered after {failed} failed attempts", hook.no, hook.url);
        engine.update(|world, now| world.note_webhook(text, now));
    }
}

async fn attempt(receiver: Receiver, hook: Arc<Webhook>, item: Arc<FeedItem>) -> Result<(), String> {
    let permit = ATTEMPTS.acquire().await;
    let done = spawn_blocking(move || {
        // The thread is occupied until here, even if nobody waits for the result any more.
        let _permit = permit;
        if hook.is_ended() {
            return Err("the webhook has ended".to_owned());
        }
        receiver.post(&item)
    })
    .await;
    done.unwrap_or_else(|_| Err("a bug in mailjig; please report it".to_owned()))
}
