//! `/v1/clock`: the server's time.

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{JsonBody, NoBody};
use super::params::{NoParams, duration};
use super::problem::Problem;
use super::target::Target;
use crate::base::Timestamp;
use crate::server::Server;

/// The server's time.
#[derive(Serialize, ToSchema)]
pub(super) struct ClockJson {
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    paused: bool,
}

/// The server's time after it was advanced.
#[derive(Serialize, ToSchema)]
pub(super) struct Advanced {
    #[serde(flatten)]
    clock: ClockJson,
    /// How many sessions ended meanwhile because their client was silent, or did not read, for too long.
    timed_out: u64,
}

/// Get the server's time.
#[utoipa::path(get, path = "/clock", responses((status = 200, description = "The time.", body = ClockJson)))]
pub(super) async fn clock(Target(server): Target, _: NoParams) -> Json<ClockJson> {
    Json(ClockJson::of(&server))
}

/// Pause the clock.
#[utoipa::path(post, path = "/clock/pause", responses((status = 200, description = "The time.", body = ClockJson)))]
pub(super) async fn pause(Target(server): Target, _: NoParams, _: NoBody) -> Json<ClockJson> {
    server.engine().pause();
    Json(ClockJson::of(&server))
}

/// Let the clock run.
#[utoipa::path(post, path = "/clock/resume", responses((status = 200, description = "The time.", body = ClockJson)))]
pub(super) async fn resume(Target(server): Target, _: NoParams, _: NoBody) -> Json<ClockJson> {
    server.engine().resume();
    Json(ClockJson::of(&server))
}

/// How far to advance the clock.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    /// A time such as `2s`.
    by: String,
}

/// Advance the clock; answers when everything that came due is done.
///
/// Sessions end whose client has been silent for longer than the timeout of the protocol. A session that is still busy
/// after one second of real time, because its client does not read, ends later and is not counted.
#[utoipa::path(post, path = "/clock/advance", request_body = Advance, responses((status = 200, description = "The time, and how many sessions timed out.", body = Advanced)))]
pub(super) async fn advance(
    Target(server): Target,
    _: NoParams,
    JsonBody(Advance { by }): JsonBody<Advance>,
) -> Result<Json<Advanced>, Problem> {
    let by = duration(&by).map_err(|why| Problem::field("by", why))?;
    let engine = server.engine();
    if engine.clock().now().plus(by) > Timestamp::LAST {
        return Err(Problem::field("by", "the clock cannot be advanced beyond the year 9999"));
    }
    let timed_out = engine
        .advance(by)
        .await
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the clock could not be advanced"))?;
    Ok(Json(Advanced { clock: ClockJson::of(&server), timed_out }))
}

impl ClockJson {
    fn of(server: &Server) -> Self {
        let clock = server.engine().clock();
        Self { now: clock.now(), paused: clock.is_paused() }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::future::Future;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpStream;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::protocol::Listener;
    use crate::scenario::Scenario;
    use crate::server::Settings;

    /// How often this thread has blocked (voluntary context switches, proc(5)).
    fn waits() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse().unwrap()
    }

    #[test]
    fn pausing_and_resuming_the_clock_do_not_wait_for_a_busy_session() {
        let text = "mailjig = 1\n[[rule]]\non = 'smtp.noop'\ndo = { raw = '{repeat:1000000:abcdefgh}' }\n";
        let server = Arc::new(Server::start(Settings::default()).unwrap());
        server.load(Arc::new(Scenario::text("flood.toml", text).load().unwrap())).unwrap();
        let mut client = TcpStream::connect(server.endpoint(Listener::Smtp).unwrap().address()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client.write_all(b"NOOP\r\n").unwrap();
        let mut greeting = String::new();
        let mut client = BufReader::with_capacity(1, client);
        client.read_line(&mut greeting).unwrap();
        // The first octet of the reply has arrived; the client does not read the rest.
        client.fill_buf().unwrap();

        // Another thread may hold a lock at one moment, but not at every attempt.
        let mut is_waiting = true;
        for _ in 0..10 {
            let before = waits();
            let paused = pin!(pause(Target(Arc::clone(&server)), NoParams {}, NoBody))
                .poll(&mut Context::from_waker(Waker::noop()));
            let resumed = pin!(resume(Target(Arc::clone(&server)), NoParams {}, NoBody))
                .poll(&mut Context::from_waker(Waker::noop()));
            assert!(paused.is_ready() && resumed.is_ready());
            is_waiting &= waits() > before;
        }

        assert!(!is_waiting, "it blocked at each attempt");
        assert!(server.engine().read(|world| !world.journal.is_settled()), "the session is still busy");
    }
}
