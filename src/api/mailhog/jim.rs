//! `/api/v2/jim`: MailHog's random failures, as rules of the rulebook with `chance`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::problem::Problem;
use super::super::target::Target;
use crate::rule::{Rule, RuleNo};
use crate::scenario::rule_from_json;
use crate::server::Server;
use crate::world::World;

/// The origin of the rules begins with this; the settings follow as JSON.
const ORIGIN: &str = "MailHog's jim ";

/// Events that a client causes, after which it may be disconnected.
const COMMANDS: [&str; 16] = [
    "smtp.helo",
    "smtp.caps",
    "smtp.starttls",
    "smtp.auth.start",
    "smtp.auth.step",
    "smtp.mail",
    "smtp.rcpt",
    "smtp.data",
    "smtp.message",
    "smtp.rset",
    "smtp.noop",
    "smtp.vrfy",
    "smtp.expn",
    "smtp.help",
    "smtp.quit",
    "smtp.unknown",
];

/// Probabilities from 0 to 1, and speeds in octets per second. What is absent is 0.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Jim {
    disconnect_chance: f64,
    accept_chance: f64,
    link_speed_affect: f64,
    link_speed_min: f64,
    link_speed_max: f64,
    reject_sender_chance: f64,
    reject_recipient_chance: f64,
    reject_auth_chance: f64,
}

impl Jim {
    /// The settings for a request without a body.
    fn usual() -> Self {
        Self {
            disconnect_chance: 0.005,
            accept_chance: 0.99,
            link_speed_affect: 0.1,
            link_speed_min: 1024.0,
            link_speed_max: 10240.0,
            reject_sender_chance: 0.05,
            reject_recipient_chance: 0.05,
            reject_auth_chance: 0.05,
        }
    }

    /// The settings of the mounted rules, if there are any.
    fn mounted(world: &World) -> Option<Self> {
        let mut rules = world.rulebook.rules().iter();
        rules.find_map(|mounted| serde_json::from_str(mounted.rule.origin.strip_prefix(ORIGIN)?).ok())
    }

    /// Mounts the rules, in place of those of an earlier request.
    fn mount(&self, server: &Server) -> Result<(), Problem> {
        let in_force = server.engine().read(World::in_force);
        let origin = format!("{ORIGIN}{}", json!(self));
        let rules = self.rules();
        let rules = rules.iter().map(|rule| rule_from_json(rule, &origin, &in_force));
        let rules: Vec<Rule> =
            rules.map(|new| new.map(|new| new.rule)).collect::<Result<_, _>>().map_err(|_| Problem::bug())?;
        server.engine().update(|world, now| {
            Self::unmount(world);
            for rule in rules {
                world.mount(Arc::new(rule), now);
            }
        });
        Ok(())
    }

    /// Removes the rules; returns whether there were any.
    fn unmount(world: &mut World) -> bool {
        let its = world.rulebook.rules().iter().filter(|mounted| mounted.rule.origin.starts_with(ORIGIN));
        let numbers: Vec<RuleNo> = its.map(|mounted| mounted.no).collect();
        numbers.into_iter().filter(|no| world.rulebook.unmount(*no)).count() > 0
    }

    /// The rules, the innermost first.
    fn rules(&self) -> Vec<Value> {
        let chance = |chance: f64| chance.clamp(0.0, 1.0);
        let speed = ((self.link_speed_min + self.link_speed_max) / 2.0).clamp(1.0, 1e9);
        // Twenty pieces in a second.
        let (chunk, gap) = ((speed / 20.0).ceil(), (speed / 20.0).ceil() / speed);
        let pace = json!({ "chunk": chunk as u64, "gap": format!("{}us", (gap * 1e6) as u64) });
        vec![
            json!({ "id": "jim-reject-sender", "on": "smtp.mail", "chance": chance(self.reject_sender_chance),
                "do": { "reply": "550 5.1.0 Invalid sender" } }),
            json!({ "id": "jim-reject-recipient", "on": "smtp.rcpt", "chance": chance(self.reject_recipient_chance),
                "do": { "reply": "550 5.1.1 Invalid recipient" } }),
            json!({ "id": "jim-reject-auth", "on": "smtp.auth", "chance": chance(self.reject_auth_chance),
                "do": { "reply": "535 5.7.8 Authentication failed" } }),
            json!({ "id": "jim-disconnect", "on": COMMANDS, "chance": chance(self.disconnect_chance),
                "do": { "close": "fin" } }),
            json!({ "id": "jim-link-speed-pace", "on": "smtp.*", "when": { "session": { "jim_link": "slow" } },
                "do": { "pace": pace } }),
            json!({ "id": "jim-link-speed", "on": "smtp.greeting", "chance": chance(self.link_speed_affect),
                "do": { "set": { "session": { "jim_link": "slow" } } } }),
            json!({ "id": "jim-reject-connection", "on": "smtp.greeting", "chance": chance(1.0 - self.accept_chance),
                "do": { "close": "fin" } }),
        ]
    }
}

/// The settings; 404 if there are no random failures.
pub(super) async fn show(Target(server): Target) -> Result<Json<Jim>, Problem> {
    server.engine().read(Jim::mounted).map(Json).ok_or_else(absent)
}

/// Begins random failures. A body that is not JSON counts as none.
pub(super) async fn invite(Target(server): Target, body: Bytes) -> Result<StatusCode, Problem> {
    if server.engine().read(Jim::mounted).is_some() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "Jim is there already; change its settings with PUT"));
    }
    let jim: Jim = serde_json::from_slice(&body).unwrap_or_else(|_| Jim::usual());
    jim.mount(&server).map(|()| StatusCode::CREATED)
}

/// Replaces the settings.
pub(super) async fn change(Target(server): Target, body: Bytes) -> Result<StatusCode, Problem> {
    if server.engine().read(Jim::mounted).is_none() {
        return Err(absent());
    }
    let jim: Jim = serde_json::from_slice(&body)
        .map_err(|error| Problem::field("body", format!("the settings of Jim are wrong: {error}")))?;
    jim.mount(&server).map(|()| StatusCode::OK)
}

/// Ends random failures.
pub(super) async fn dismiss(Target(server): Target) -> Result<StatusCode, Problem> {
    match server.engine().update(|world, _| Jim::unmount(world)) {
        true => Ok(StatusCode::OK),
        false => Err(absent()),
    }
}

fn absent() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Jim is not there; POST invites it")
}
