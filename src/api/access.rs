//! Access control for HTTP requests: protection against web pages (DNS rebinding, cross-site requests), and limits on
//! the size and duration of a request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Buf;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::blocking::{LITTLE, run_blocking};
use super::problem::Problem;
use super::target::{Target, is_of_provider, locate};
use super::token::Token;
use crate::server::{ANY_ORIGIN, Host};

/// Resources that need no token: what asks for them often cannot send one.
const OPEN: &[&str] = &["/healthz", "/livez", "/readyz", "/v1/tls/crl"];

/// Whether a resource needs no token. The clients of the OAuth 2.0 provider send credentials of their own.
fn is_open(path: &str) -> bool {
    OPEN.contains(&path) || is_of_provider(path)
}

/// The checks that every request passes.
#[derive(Clone)]
pub(super) struct Access {
    host: Arc<Host>,
    /// Octets that a body may have beyond the messages in it, for the JSON around them.
    envelope: u64,
    /// How long the body may take to arrive.
    patience: Duration,
    token: Option<Arc<Token>>,
}

/// Refuses requests for foreign hosts (DNS rebinding), unsafe requests from foreign pages, requests without the token,
/// and bodies that are too large or too slow. `nosniff` keeps browsers from guessing another content type.
pub(super) async fn access(State(access): State<Access>, request: Request, next: Next) -> Response {
    let mut response = match access.admit(request).await {
        Ok((head, body)) => answer(head, body, next).await,
        Err(refused) => *refused,
    };
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Number of requests with long bodies that are answered at the same time: each uses a thread, and may need others to
/// finish.
static LONG_BODIES: Semaphore = Semaphore::const_new(32);

/// Answers a request. A long body is read and processed on a thread for blocking work. The body of a safe request is
/// ignored (RFC 9110 §9.3.1).
async fn answer(head: Parts, mut body: impl Buf + Send + 'static, next: Next) -> Response {
    if head.method.is_safe() {
        return next.run(Request::from_parts(head, Body::empty())).await;
    }
    let octets = body.remaining();
    let answer = move || next.run(Request::from_parts(head, Body::from(body.copy_to_bytes(octets))));
    if octets <= LITTLE {
        return answer().await;
    }
    let permit = LONG_BODIES.acquire().await;
    let runtime = Handle::current();
    run_blocking(move || {
        // The thread is occupied until here, even if the client has disconnected.
        let _permit = permit;
        runtime.block_on(answer())
    })
    .await
    .unwrap_or_else(Problem::into_response)
}

/// The answer to a request that is not admitted.
fn refusal(why: impl IntoResponse) -> Box<Response> {
    Box::new(why.into_response())
}

impl Access {
    pub(super) fn new(host: &Arc<Host>, envelope: u64, patience: Duration) -> Self {
        let token = host.main().settings().token.as_deref().map(Token::new).map(Arc::new);
        Self { host: Arc::clone(host), envelope, patience, token }
    }

    /// The request with its complete body, for the server that it is about.
    async fn admit(&self, mut request: Request) -> Result<(Parts, impl Buf + Send + use<>), Box<Response>> {
        self.refuse_foreign(&request).map_err(refusal)?;
        if let Some(token) = self.token.as_ref().filter(|_| !is_open(request.uri().path())) {
            token.admit(request.headers()).map_err(refusal)?;
        }
        let Target(server) = locate(&self.host, &mut request).map_err(refusal)?;
        let limit = server.in_force().limits.smtp.message.saturating_mul(2).saturating_add(self.envelope);
        self.complete(request, usize::try_from(limit).unwrap_or(usize::MAX)).await.map_err(refusal)
    }

    fn refuse_foreign(&self, request: &Request) -> Result<(), Problem> {
        let headers = request.headers();
        let host = request.uri().host().map(str::to_owned).or_else(|| text(headers, header::HOST));
        let host = host.unwrap_or_default();
        if !self.is_ours(&host) {
            let detail = format!(
                "this server answers to localhost, to IP addresses, to its own host name and to those of its \
                 certificate; the Host header names {host:?}: `--allow-host NAME` (in Rust `allow_host`) lets it in"
            );
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        // A page may open a WebSocket to any host, and reads what it sends: there is no CORS for it.
        let is_safe = request.method().is_safe() && !headers.contains_key(header::SEC_WEBSOCKET_KEY);
        let (is_refused, why) = match text(headers, header::ORIGIN) {
            Some(origin) => {
                let is_foreign = origin.split_once("://").is_none_or(|(_, its)| its != host);
                let why = format!(
                    "a page of another origin must not use this method: `--cors {origin}` (in Rust `cors`) allows it"
                );
                (!is_safe && is_foreign && !self.is_allowed(&origin), why)
            }
            // Following a link from another site is allowed (Fetch Metadata); loading from a page is not.
            None => {
                let fetch = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
                let is_navigation = is_safe && fetch("sec-fetch-mode") == Some(b"navigate");
                let is_loaded = fetch("sec-fetch-site") == Some(b"cross-site") && !is_navigation;
                let why = "a page of another site may link here, but must not load anything without an Origin header";
                (is_loaded, why.to_owned())
            }
        };
        match is_refused {
            true => Err(Problem::new(StatusCode::FORBIDDEN, why)),
            false => Ok(()),
        }
    }

    /// The request with its complete body of at most `limit` octets, in the pieces in which it arrived.
    async fn complete(&self, request: Request, limit: usize) -> Result<(Parts, impl Buf + Send + use<>), Problem> {
        let (head, body) = request.into_parts();
        match timeout(self.patience, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => Ok((head, body.aggregate())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let detail = format!("a body has at most {limit} octets");
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
            }
            Ok(Err(error)) => Err(Problem::new(StatusCode::BAD_REQUEST, format!("the body is incomplete: {error}"))),
            Err(_elapsed) => {
                let detail = format!("the body did not arrive within {} s", self.patience.as_secs_f32());
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail))
            }
        }
    }

    /// Whether pages of this origin may use every method.
    fn is_allowed(&self, origin: &str) -> bool {
        self.host.main().settings().origins.iter().any(|its| its == ANY_ORIGIN || its == origin)
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(address) => address.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let settings = self.host.main().settings();
        let mut own = [settings.host.as_str(), "localhost", "host.docker.internal"]
            .into_iter()
            .chain(settings.names.iter().chain(&settings.allowed_hosts).map(String::as_str));
        name.parse::<IpAddr>().is_ok()
            || own.any(|own| own.eq_ignore_ascii_case(name))
            || name.to_ascii_lowercase().ends_with(".localhost")
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::{Mutex, mpsc};

    use axum::body::Bytes;
    use axum::routing::{MethodRouter, post};
    use axum::{Router, middleware};

    use super::*;
    use crate::api::serve::{Bounds, serve};
    use crate::drive::bind;
    use crate::drive::runtime;
    use crate::server::{HostLimits, Server, Settings};

    const LIMIT: u64 = 10;

    fn start(limit: u64, patience: Duration, page: MethodRouter) -> SocketAddr {
        let mut settings = Settings::default();
        settings.limits.smtp.message = 0;
        let host = Host::new(Arc::new(Server::start(settings).unwrap()), HostLimits::default());
        let guarded = middleware::from_fn_with_state(Access::new(&host, limit, patience), access);
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let _entered = runtime().enter();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = Router::new().route("/", page).layer(guarded);
        runtime().spawn(serve(listener, move || router.clone(), Bounds::default()));
        address
    }

    /// A client that sends a request with this text after the first headers.
    fn post_to(address: SocketAddr, says: &str) -> TcpStream {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\n";
        client.write_all(format!("{head}{says}").as_bytes()).unwrap();
        client
    }

    /// Everything that the server sends.
    fn heard(mut client: TcpStream) -> String {
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        heard
    }

    /// The response of a server that answers with the size of the body.
    fn answer(patience: Duration, says: &str) -> String {
        heard(post_to(start(LIMIT, patience, post(async |body: String| body.len().to_string())), says))
    }

    /// The time after which a test stops waiting.
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_body_that_is_too_large_is_refused() {
        let fits = answer(LONG, "Content-Length: 10\r\n\r\n0123456789");
        assert!(fits.starts_with("HTTP/1.1 200 ") && fits.ends_with("\r\n\r\n10"), "{fits}");

        for says in
            ["Content-Length: 11\r\n\r\n0123456789a", "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n"]
        {
            let refused = answer(LONG, says);
            assert!(
                refused.starts_with("HTTP/1.1 413 ") && refused.contains("a body has at most 10 octets"),
                "{refused}"
            );
        }
    }

    /// As many long bodies as there are threads; none is finished before a short request is answered.
    #[test]
    fn long_bodies_do_not_delay_other_requests() {
        let (release, released) = mpsc::channel();
        let released = Arc::new(Mutex::new(released));
        let work = move |body: Bytes| async move {
            if body.len() > LITTLE {
                released.lock().unwrap().recv_timeout(LONG).unwrap();
            }
            body.len().to_string()
        };
        let address = start(2 * LITTLE as u64, LONG, post(work));
        let says = |octets| format!("Content-Length: {octets}\r\n\r\n{}", "x".repeat(octets));

        let long: Vec<TcpStream> =
            (0..runtime().metrics().num_workers()).map(|_| post_to(address, &says(LITTLE + 1))).collect();
        let short = heard(post_to(address, &says(5)));
        long.iter().for_each(|_| release.send(()).unwrap());

        assert!(short.ends_with("\r\n\r\n5"), "{short}");
        for answer in long.into_iter().map(heard) {
            assert!(answer.ends_with(&format!("\r\n\r\n{}", LITTLE + 1)), "{answer}");
        }
    }

    #[test]
    fn a_malformed_body_is_refused() {
        let refused = answer(LONG, "Transfer-Encoding: chunked\r\n\r\nz\r\n");

        assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("the body is incomplete"), "{refused}");
    }

    #[test]
    fn a_body_that_does_not_arrive_in_time_is_refused() {
        for says in ["Content-Length: 10\r\n\r\n01234", "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n"] {
            let refused = answer(Duration::from_millis(250), says);

            assert!(refused.starts_with("HTTP/1.1 408 "), "{refused}");
            assert!(refused.contains("the body did not arrive within 0.25 s"), "{refused}");
        }
    }
}
